CREATE TABLE IF NOT EXISTS boats (boat_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, length numeric(5,2) CHECK (length > 0));
CREATE INDEX boats_length_idx ON boats (length);
COMMENT ON TABLE boats IS 'boats';
INSERT INTO boats (name, length) VALUES ('Ada', 7.5), ('Bo', 9);
