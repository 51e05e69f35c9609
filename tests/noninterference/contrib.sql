-- Extensions that Debian has and the embedded server has not.
CREATE EXTENSION hstore;
CREATE EXTENSION tablefunc;
CREATE EXTENSION dblink;
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION pgrowlocks;
CREATE EXTENSION pgstattuple;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gist;
CREATE EXTENSION citext;
CREATE EXTENSION xml2;
CREATE EXTENSION pageinspect;
CREATE EXTENSION pg_visibility;
CREATE EXTENSION pg_freespacemap;
CREATE EXTENSION intarray;
CREATE EXTENSION fuzzystrmatch;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO steward, desk;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO desk;
