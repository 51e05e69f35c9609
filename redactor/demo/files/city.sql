-- Rio Alto, a made-up city in California: every person, address and number here is computed from a row's number.
-- dice(seed, n) is a whole number in 0 .. n-1 that depends on nothing but the seed.

CREATE FUNCTION pg_temp.dice(seed text, n integer) RETURNS integer IMMUTABLE LANGUAGE sql
  AS $$ SELECT (('x' || substr(md5(seed), 1, 7))::bit(28)::integer) % n $$;
CREATE FUNCTION pg_temp.pick(seed text, choices text[]) RETURNS text IMMUTABLE LANGUAGE sql
  AS $$ SELECT choices[1 + pg_temp.dice(seed, cardinality(choices))] $$;

CREATE SCHEMA service;
CREATE SCHEMA permits;
CREATE SCHEMA police;
CREATE SCHEMA housing;
CREATE SCHEMA library;
CREATE SCHEMA health;
CREATE SCHEMA schools;
CREATE SCHEMA utilities;

-- ------------------------------------------------------------------ people and places

CREATE TABLE public.districts (
  district_id integer PRIMARY KEY,
  name text NOT NULL UNIQUE,
  council_member text NOT NULL
);
INSERT INTO public.districts
SELECT n, (ARRAY['Northgate','Levee','Old Town','Midtown','Orchard','Mission Park','Harbor','Southfield'])[n],
       (ARRAY['A. Birch','B. Calder','C. Doyle','D. Espino','E. Fairley','F. Gannet','G. Hollis','H. Ingram'])[n]
  FROM generate_series(1, 8) n;

CREATE TABLE public.residents (
  resident_id integer PRIMARY KEY,
  full_name text NOT NULL,
  date_of_birth date NOT NULL,
  email text UNIQUE,
  phone text,
  preferred_language text NOT NULL,
  citizenship_status text NOT NULL,
  alien_number text UNIQUE,
  birth_country text NOT NULL,
  registered_on date NOT NULL
);
COMMENT ON COLUMN public.residents.alien_number IS 'A-number, nine digits; empty for citizens by birth';

INSERT INTO public.residents
WITH people AS (
  SELECT n,
         pg_temp.pick('given' || n, ARRAY['Maria','James','Linda','Jose','Mei','David','Ana','Minh','Sofia','Robert',
           'Fatima','Carlos','Grace','Daniel','Priya','Miguel','Emily','Omar','Rosa','Kevin','Hana','Luis','Elena',
           'Marcus','Xiong','Isabel','Arash','Denise','Pavel','Guadalupe']) AS given,
         pg_temp.pick('family' || n, ARRAY['Garcia','Nguyen','Smith','Lee','Martinez','Johnson','Singh','Lopez','Vang',
           'Brown','Hernandez','Tran','Williams','Kaur','Ramirez','Chen','Davis','Rahimi','Flores','Wilson','Castillo',
           'Petrov','Okafor','Morales','Jones','Xiong','Reyes','Miller','Shah','Torres']) AS family,
         pg_temp.pick('country' || n, ARRAY['Mexico','Mexico','Vietnam','Laos','Afghanistan','Ukraine','China','India',
           'El Salvador','Philippines','Guatemala']) AS country,
         pg_temp.dice('status' || n, 100) AS s
    FROM generate_series(1, 12000) n
)
SELECT n, given || ' ' || family, date '1935-01-01' + pg_temp.dice('born' || n, 29500),
       lower(given || '.' || family) || n || '@example.org',
       '916-555-' || lpad((n % 10000)::text, 4, '0'),
       CASE WHEN s < 62 THEN pg_temp.pick('tongue' || n, ARRAY['English','English','English','English','Spanish'])
            ELSE CASE country WHEN 'Vietnam' THEN 'Vietnamese' WHEN 'Laos' THEN 'Hmong' WHEN 'Afghanistan' THEN 'Dari'
              WHEN 'Ukraine' THEN 'Russian' WHEN 'China' THEN 'Cantonese' WHEN 'India' THEN 'Punjabi'
              WHEN 'Philippines' THEN 'Tagalog' ELSE 'Spanish' END END,
       CASE WHEN s < 62 THEN 'US citizen' WHEN s < 74 THEN 'naturalized' WHEN s < 86 THEN 'permanent resident'
            WHEN s < 90 THEN 'refugee' WHEN s < 93 THEN 'asylum pending' WHEN s < 95 THEN 'DACA' ELSE 'none' END,
       CASE WHEN s >= 62 AND s < 95 THEN 'A' || lpad((200000000 + n * 7919)::text, 9, '0') END,
       CASE WHEN s < 62 THEN 'United States' ELSE country END,
       date '2012-01-01' + pg_temp.dice('registered' || n, 5000)
  FROM people;

CREATE TABLE public.addresses (
  address_id integer PRIMARY KEY,
  resident_id integer NOT NULL REFERENCES public.residents,
  street text NOT NULL,
  zip text NOT NULL,
  district_id integer NOT NULL REFERENCES public.districts,
  since date NOT NULL
);
INSERT INTO public.addresses
SELECT n, n,
       (100 + pg_temp.dice('house' || n, 9800)) || ' ' || pg_temp.pick('street' || n, ARRAY['J Street','Broadway',
         'Del Paso Blvd','Stockton Blvd','Franklin Blvd','Folsom Blvd','Fruitridge Rd','Marysville Blvd','Riverside Blvd',
         'Northgate Blvd','Mack Rd','Alhambra Blvd','Freeport Blvd','Truxel Rd']),
       (95811 + pg_temp.dice('zip' || n, 25))::text, 1 + pg_temp.dice('district' || n, 8),
       date '2005-01-01' + pg_temp.dice('since' || n, 7500)
  FROM generate_series(1, 12000) n;
CREATE INDEX ON public.addresses (resident_id);

-- ------------------------------------------------------------------ 311, permits, licences

CREATE TABLE service.requests (
  request_id integer PRIMARY KEY,
  resident_id integer REFERENCES public.residents,
  category text NOT NULL,
  district_id integer NOT NULL REFERENCES public.districts,
  opened_at timestamptz NOT NULL,
  closed_at timestamptz,
  state text NOT NULL CHECK (state IN ('open', 'assigned', 'closed')),
  channel text NOT NULL
);
INSERT INTO service.requests
SELECT n, CASE WHEN pg_temp.dice('anonymous' || n, 4) > 0 THEN 1 + pg_temp.dice('caller' || n, 12000) END,
       pg_temp.pick('category' || n, ARRAY['pothole','street light','graffiti','illegal dumping','abandoned vehicle',
         'tree limb','water leak','noise','stray animal','missed collection']),
       1 + pg_temp.dice('where' || n, 8), opened,
       CASE WHEN state = 'closed' THEN opened + make_interval(hours => 3 + pg_temp.dice('took' || n, 400)) END, state,
       pg_temp.pick('channel' || n, ARRAY['phone','phone','app','web','counter'])
  FROM (SELECT n, timestamptz '2025-01-01 08:00-08' + make_interval(mins => n * 34) AS opened,
               CASE WHEN n < 14000 THEN 'closed' ELSE pg_temp.pick('state' || n, ARRAY['open','assigned','closed']) END AS state
          FROM generate_series(1, 15000) n) r;
CREATE INDEX ON service.requests (resident_id);

CREATE TABLE permits.building (
  permit_no text PRIMARY KEY,
  resident_id integer NOT NULL REFERENCES public.residents,
  address_id integer NOT NULL REFERENCES public.addresses,
  kind text NOT NULL,
  valuation numeric(10,2) NOT NULL,
  issued_on date NOT NULL
);
INSERT INTO permits.building
SELECT 'B26-' || lpad(n::text, 5, '0'), a, a,
       pg_temp.pick('work' || n, ARRAY['re-roof','kitchen','solar','water heater','addition','ADU','electrical panel']),
       (500 + pg_temp.dice('worth' || n, 90000))::numeric, date '2024-01-01' + pg_temp.dice('issued' || n, 800)
  FROM (SELECT n, 1 + pg_temp.dice('site' || n, 12000) AS a FROM generate_series(1, 4000) n) p;

CREATE TABLE permits.business_licences (
  licence_no text PRIMARY KEY,
  resident_id integer NOT NULL REFERENCES public.residents,
  business_name text NOT NULL,
  kind text NOT NULL,
  taxpayer_id text NOT NULL,
  expires_on date NOT NULL
);
INSERT INTO permits.business_licences
SELECT 'L-' || lpad(n::text, 5, '0'), owner,
       split_part(r.full_name, ' ', 2) || ' ' || pg_temp.pick('firm' || n, ARRAY['Landscaping','Tacos','Cleaning',
         'Auto Repair','Nails','Roofing','Catering','Bookkeeping','Pho','Day Care']),
       pg_temp.pick('trade' || n, ARRAY['street vendor','sole owner','home business','partnership']),
       CASE WHEN r.citizenship_status IN ('none', 'asylum pending') THEN '9' || lpad(pg_temp.dice('itin' || n, 100)::text, 2, '0')
              || '-7' || pg_temp.dice('group' || n, 10) || '-'
            ELSE '666-' || (10 + pg_temp.dice('group' || n, 89)) || '-' END
         || lpad(pg_temp.dice('serial' || n, 10000)::text, 4, '0'),
       date '2026-01-31' + pg_temp.dice('expires' || n, 700)
  FROM (SELECT n, 1 + pg_temp.dice('owner' || n, 12000) AS owner FROM generate_series(1, 3000) n) l
  JOIN public.residents r ON r.resident_id = owner;

-- ------------------------------------------------------------------ police

CREATE TABLE police.incidents (
  incident_no text PRIMARY KEY,
  kind text NOT NULL,
  district_id integer NOT NULL REFERENCES public.districts,
  reported_at timestamptz NOT NULL,
  disposition text NOT NULL
);
INSERT INTO police.incidents
SELECT '26-' || lpad(n::text, 6, '0'),
       pg_temp.pick('offence' || n, ARRAY['burglary','vehicle theft','collision','assault','vandalism','lost property',
         'welfare check','noise']),
       1 + pg_temp.dice('beat' || n, 8), timestamptz '2025-06-01 00:00-07' + make_interval(mins => n * 61),
       pg_temp.pick('disposition' || n, ARRAY['open','report taken','unfounded','cleared'])
  FROM generate_series(1, 5000) n;

CREATE TABLE police.contacts (
  contact_id integer PRIMARY KEY,
  incident_no text NOT NULL REFERENCES police.incidents,
  resident_id integer NOT NULL REFERENCES public.residents,
  role text NOT NULL,
  officer text NOT NULL,
  place_of_birth text,
  ice_notification boolean NOT NULL,
  narrative text NOT NULL
);
INSERT INTO police.contacts
SELECT n, '26-' || lpad((1 + pg_temp.dice('incident' || n, 5000))::text, 6, '0'), r.resident_id,
       pg_temp.pick('role' || n, ARRAY['victim','witness','reporting party','driver','subject']),
       'Officer ' || pg_temp.pick('badge' || n, ARRAY['Ibarra','Novak','Stone','Yang','Price','Delgado']),
       r.birth_country, r.citizenship_status = 'none' AND pg_temp.dice('notified' || n, 5) = 0,
       pg_temp.pick('story' || n, ARRAY['Statement taken at the scene','Interpreter used','Declined to give a statement',
         'Victim asked about a U visa certification','Vehicle released to owner'])
  FROM (SELECT n, 1 + pg_temp.dice('person' || n, 12000) AS who FROM generate_series(1, 6000) n) c
  JOIN public.residents r ON r.resident_id = who;

-- ------------------------------------------------------------------ housing and refugee services

CREATE TABLE housing.applications (
  application_id integer PRIMARY KEY,
  resident_id integer NOT NULL REFERENCES public.residents,
  household_size integer NOT NULL,
  yearly_income integer NOT NULL,
  eligible_noncitizen text,
  state text NOT NULL,
  filed_on date NOT NULL
);
INSERT INTO housing.applications
SELECT n, r.resident_id, 1 + pg_temp.dice('size' || n, 7), 9000 + 250 * pg_temp.dice('income' || n, 260),
       CASE r.citizenship_status WHEN 'US citizen' THEN 'EC' WHEN 'naturalized' THEN 'EC' WHEN 'none' THEN 'IN'
            WHEN 'asylum pending' THEN 'PV' ELSE 'EN' END,
       pg_temp.pick('list' || n, ARRAY['waiting','waiting','offered','housed','withdrawn']),
       date '2022-03-01' + pg_temp.dice('filed' || n, 1400)
  FROM (SELECT n, 1 + pg_temp.dice('applicant' || n, 12000) AS who FROM generate_series(1, 4000) n) a
  JOIN public.residents r ON r.resident_id = who;

CREATE TABLE housing.refugee_services (
  service_id integer PRIMARY KEY,
  resident_id integer NOT NULL REFERENCES public.residents,
  agency text NOT NULL,
  arrived_on date NOT NULL,
  months_left integer NOT NULL
);
COMMENT ON TABLE housing.refugee_services IS 'To have a row here is to be a refugee: the rows themselves are protected';
INSERT INTO housing.refugee_services
SELECT row_number() OVER (ORDER BY resident_id), resident_id,
       pg_temp.pick('agency' || resident_id, ARRAY['Delta Welcome','River Resettlement','New Harbor','Valley Families']),
       date '2025-01-15' + pg_temp.dice('arrived' || resident_id, 420), pg_temp.dice('months' || resident_id, 9)
  FROM public.residents WHERE citizenship_status = 'refugee';

-- ------------------------------------------------------------------ library, clinics, schools, utilities

CREATE TABLE library.branches (
  branch_id integer PRIMARY KEY,
  name text NOT NULL,
  district_id integer NOT NULL REFERENCES public.districts
);
INSERT INTO library.branches
SELECT n, (ARRAY['Central','Northgate','Levee','Orchard','Mission Park','Harbor','Southfield','Bookmobile'])[n], 1 + n % 8 FROM generate_series(1, 8) n;

CREATE TABLE library.cards (
  card_no text PRIMARY KEY,
  resident_id integer NOT NULL UNIQUE REFERENCES public.residents,
  branch_id integer NOT NULL REFERENCES library.branches,
  id_shown text NOT NULL,
  issued_on date NOT NULL
);
INSERT INTO library.cards
SELECT 'C' || lpad(resident_id::text, 7, '0'), resident_id, 1 + pg_temp.dice('branch' || resident_id, 8),
       CASE WHEN citizenship_status IN ('US citizen', 'naturalized') THEN 'driver licence'
            ELSE pg_temp.pick('shown' || resident_id, ARRAY['consular card','foreign passport','municipal ID','AB 60 licence']) END,
       registered_on + pg_temp.dice('joined' || resident_id, 300)
  FROM public.residents WHERE resident_id % 3 > 0;

CREATE TABLE library.loans (
  loan_id integer PRIMARY KEY,
  card_no text NOT NULL REFERENCES library.cards,
  title text NOT NULL,
  lent_on date NOT NULL,
  due_on date NOT NULL,
  returned_on date
);
INSERT INTO library.loans
SELECT n, 'C' || lpad((3 * pg_temp.dice('reader' || n, 4000) + 1)::text, 7, '0'),
       pg_temp.pick('title' || n, ARRAY['The Grapes of Wrath','East of Eden','House on Mango Street','The Kite Runner',
         'Citizenship Test Guide','Pachinko','Home Repair','Where I Was From','The Sympathizer','Sourdough']),
       lent, lent + 21, CASE WHEN pg_temp.dice('back' || n, 8) > 0 THEN lent + 1 + pg_temp.dice('kept' || n, 30) END
  FROM (SELECT n, date '2025-01-02' + pg_temp.dice('lent' || n, 450) AS lent FROM generate_series(1, 20000) n) l;
CREATE INDEX ON library.loans (card_no);

CREATE TABLE health.clinic_visits (
  visit_id integer PRIMARY KEY,
  resident_id integer NOT NULL REFERENCES public.residents,
  clinic text NOT NULL,
  visited_on date NOT NULL,
  reason text NOT NULL,
  medi_cal_scope text,
  interpreter_language text
);
INSERT INTO health.clinic_visits
SELECT n, r.resident_id, pg_temp.pick('clinic' || n, ARRAY['Primary Care Center','Capitol Clinic','Northgate Clinic']),
       date '2025-01-02' + pg_temp.dice('visit' || n, 430),
       pg_temp.pick('complaint' || n, ARRAY['vaccination','check-up','prenatal','injury','dental','asthma']),
       CASE WHEN r.citizenship_status IN ('none', 'asylum pending') THEN 'restricted'
            WHEN pg_temp.dice('insured' || n, 3) = 0 THEN 'full' END,
       nullif(r.preferred_language, 'English')
  FROM (SELECT n, 1 + pg_temp.dice('patient' || n, 12000) AS who FROM generate_series(1, 6000) n) v
  JOIN public.residents r ON r.resident_id = who;

CREATE TABLE schools.schools (
  school_id integer PRIMARY KEY,
  name text NOT NULL,
  district_id integer NOT NULL REFERENCES public.districts
);
INSERT INTO schools.schools
SELECT n, pg_temp.pick('hero' || n, ARRAY['Sutter','Sequoia','Delta','Golden Poppy','Sierra','Riverbend']) || ' '
       || (ARRAY['Elementary','Middle','High'])[1 + n % 3] || ' ' || n, 1 + n % 8
  FROM generate_series(1, 24) n;

CREATE TABLE schools.enrolments (
  pupil_id integer PRIMARY KEY,
  guardian_id integer NOT NULL REFERENCES public.residents,
  school_id integer NOT NULL REFERENCES schools.schools,
  grade integer NOT NULL,
  home_language text NOT NULL,
  entered_us_schools_on date
);
INSERT INTO schools.enrolments
SELECT n, r.resident_id, 1 + pg_temp.dice('school' || n, 24), pg_temp.dice('grade' || n, 13), r.preferred_language,
       CASE WHEN r.birth_country <> 'United States' THEN date '2018-08-15' + pg_temp.dice('entered' || n, 2700) END
  FROM (SELECT n, 1 + pg_temp.dice('guardian' || n, 12000) AS who FROM generate_series(1, 4000) n) p
  JOIN public.residents r ON r.resident_id = who;

CREATE TABLE utilities.accounts (
  account_no text PRIMARY KEY,
  address_id integer NOT NULL REFERENCES public.addresses,
  holder_id integer NOT NULL REFERENCES public.residents,
  balance numeric(8,2) NOT NULL,
  autopay boolean NOT NULL
);
INSERT INTO utilities.accounts
SELECT 'U' || lpad(n::text, 6, '0'), n, n, (pg_temp.dice('owed' || n, 40000) / 100.0)::numeric(8,2),
       pg_temp.dice('autopay' || n, 2) = 0
  FROM generate_series(1, 9000) n;

-- ------------------------------------------------------------------ views and functions over them

CREATE VIEW service.open_requests AS
  SELECT q.request_id, q.category, d.name AS district, q.opened_at, q.state
    FROM service.requests q JOIN public.districts d USING (district_id) WHERE q.state <> 'closed';

CREATE VIEW public.resident_directory AS
  SELECT r.resident_id, r.full_name, r.phone, r.birth_country, a.street, a.zip, d.name AS district
    FROM public.residents r JOIN public.addresses a USING (resident_id) JOIN public.districts d USING (district_id);

CREATE VIEW housing.waiting_list AS
  SELECT p.application_id, r.full_name, p.household_size, p.filed_on, p.eligible_noncitizen
    FROM housing.applications p JOIN public.residents r USING (resident_id) WHERE p.state = 'waiting';

CREATE VIEW public.newcomers AS
  SELECT resident_id, full_name, registered_on FROM public.residents
   WHERE citizenship_status NOT IN ('US citizen', 'naturalized');
COMMENT ON VIEW public.newcomers IS 'No protected column is shown, and yet its rows say it all';

CREATE FUNCTION service.open_requests_in(district integer) RETURNS bigint STABLE LANGUAGE sql
  BEGIN ATOMIC SELECT count(*) FROM service.requests q WHERE q.district_id = district AND q.state <> 'closed'; END;

-- ------------------------------------------------------------------ logins

CREATE ROLE city_staff;
CREATE ROLE benefits_staff;
CREATE ROLE clerk LOGIN PASSWORD 'clerk' IN ROLE city_staff;
CREATE ROLE caseworker LOGIN PASSWORD 'caseworker' IN ROLE city_staff, benefits_staff;
CREATE ROLE redactor LOGIN PASSWORD 'redactor';

GRANT USAGE ON SCHEMA public, service, permits, police, housing, library, health, schools, utilities TO city_staff;
GRANT SELECT, INSERT, UPDATE, DELETE
   ON ALL TABLES IN SCHEMA public, service, permits, police, housing, library, health, schools, utilities TO city_staff;
