-- Tables that need an extension.
CREATE TABLE records.sheets (
  sheet_id int PRIMARY KEY,
  name     citext,
  cells    hstore                      -- protected
);
ALTER TABLE records.sheets OWNER TO steward;
GRANT SELECT, INSERT, UPDATE, DELETE ON records.sheets TO desk, counsel;
GRANT SELECT ON records.sheets TO redactor;
