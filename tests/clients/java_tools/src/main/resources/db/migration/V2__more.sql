ALTER TABLE boats ADD COLUMN built date DEFAULT '2000-01-01' NOT NULL, ALTER COLUMN name TYPE varchar(80);
CREATE TABLE trips (trip_id int PRIMARY KEY, boat_id bigint REFERENCES boats ON DELETE CASCADE, doc jsonb DEFAULT '{}');
CREATE VIEW long_boats AS SELECT boat_id, name FROM boats WHERE length > 8;
DO $$ BEGIN UPDATE boats SET built = '2001-01-01' WHERE name = 'Ada'; END $$;
