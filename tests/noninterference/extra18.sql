-- What only PostgreSQL 18 has: virtual generated columns, and constraints that are not enforced.
SET ROLE steward;
CREATE TABLE health.refills (
  refill_id int PRIMARY KEY,
  drug      text NOT NULL,
  payer     text NOT NULL,                                                 -- protected
  initial   text GENERATED ALWAYS AS (substr(payer, 3, 2)) VIRTUAL,        -- derived, not tagged
  label     text GENERATED ALWAYS AS (upper(drug)) VIRTUAL                 -- safe
);
RESET ROLE;
GRANT SELECT, INSERT, UPDATE, DELETE ON health.refills TO desk, counsel;
GRANT SELECT ON health.refills TO redactor;
