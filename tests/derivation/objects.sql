CREATE TABLE persons (id integer PRIMARY KEY, name text, secret text);
CREATE TABLE plain (id integer PRIMARY KEY, name text);
CREATE TABLE hushed (id integer PRIMARY KEY, person integer);
CREATE TABLE linked (id integer, hushed integer REFERENCES hushed, note text);

-- functions: what a name begins with says what is right. clean_, reads_ (the secret, or hushed rows), opaque_
CREATE FUNCTION clean_sum(a integer, b integer) RETURNS integer LANGUAGE sql AS 'SELECT a + b';
CREATE FUNCTION clean_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM persons WHERE name > $$a$$';
CREATE FUNCTION clean_atomic() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT max(name) FROM public.persons; END;
CREATE FUNCTION clean_return(a integer) RETURNS integer LANGUAGE sql RETURN a + 1;
CREATE FUNCTION clean_loop(n integer) RETURNS integer LANGUAGE plpgsql AS
$$DECLARE s integer := 0; r record; BEGIN
  FOR r IN SELECT id FROM plain LOOP s := s + r.id; END LOOP;
  IF s > n THEN RETURN n; ELSIF s = 0 THEN RAISE NOTICE 'none %', n; END IF;
  WHILE s < 3 LOOP s := s + 1; END LOOP;
  RETURN s; EXCEPTION WHEN division_by_zero THEN RETURN 0; END$$;
CREATE FUNCTION clean_call() RETURNS integer LANGUAGE sql AS 'SELECT clean_sum(1, 2)';
CREATE FUNCTION clean_row(p persons) RETURNS text LANGUAGE sql AS 'SELECT p.secret';
CREATE FUNCTION clean_recursive(n integer) RETURNS integer LANGUAGE sql AS
  'SELECT CASE WHEN n > 0 THEN n ELSE 0 END';
CREATE FUNCTION reads_output() RETURNS SETOF text LANGUAGE sql AS 'SELECT secret FROM persons';
CREATE FUNCTION reads_where() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM persons WHERE secret = $$x$$';
CREATE FUNCTION reads_star() RETURNS SETOF persons LANGUAGE sql AS 'SELECT * FROM persons';
CREATE FUNCTION reads_table() RETURNS SETOF persons LANGUAGE sql AS 'TABLE persons';
CREATE FUNCTION reads_row() RETURNS SETOF text LANGUAGE sql AS 'SELECT p::text FROM persons p';
CREATE FUNCTION reads_json() RETURNS json LANGUAGE sql AS 'SELECT json_agg(p) FROM persons p';
CREATE FUNCTION reads_method() RETURNS text LANGUAGE sql AS 'SELECT max(p.clean_row) FROM persons p';
CREATE FUNCTION reads_order() RETURNS integer LANGUAGE sql AS 'SELECT id FROM persons ORDER BY secret LIMIT 1';
CREATE FUNCTION reads_exists(i integer) RETURNS boolean LANGUAGE sql AS
  'SELECT EXISTS (SELECT FROM persons p WHERE p.id = i AND p.secret IS NOT NULL)';
CREATE FUNCTION reads_hushed() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM hushed';
CREATE FUNCTION reads_first() RETURNS integer LANGUAGE sql AS 'SELECT count(*)::integer FROM hushed; SELECT 1';
CREATE FUNCTION reads_atomic() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT max(secret) FROM public.persons; END;
CREATE FUNCTION reads_nested() RETURNS integer LANGUAGE sql AS 'SELECT length(reads_atomic())';
CREATE FUNCTION reads_default(a text DEFAULT reads_atomic()) RETURNS text LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION reads_into() RETURNS text LANGUAGE plpgsql AS
$$DECLARE v text; BEGIN SELECT secret INTO v FROM persons LIMIT 1; RETURN v; END$$;
CREATE FUNCTION reads_assign() RETURNS text LANGUAGE plpgsql AS
$$DECLARE v text := (SELECT max(secret) FROM persons); BEGIN RETURN v; END$$;
CREATE FUNCTION reads_for() RETURNS integer LANGUAGE plpgsql AS
$$DECLARE p persons; n integer := 0; BEGIN FOR p IN SELECT * FROM persons LOOP n := n + 1; END LOOP; RETURN n; END$$;
CREATE FUNCTION reads_query() RETURNS SETOF text LANGUAGE plpgsql AS
$$BEGIN RETURN QUERY SELECT secret FROM persons; END$$;
CREATE FUNCTION reads_cursor() RETURNS text LANGUAGE plpgsql AS
$$DECLARE c CURSOR FOR SELECT secret FROM persons; v text; BEGIN OPEN c; FETCH c INTO v; RETURN v; END$$;
CREATE FUNCTION reads_perform() RETURNS void LANGUAGE plpgsql AS
$$BEGIN PERFORM 1 / length(secret) FROM persons; END$$;
CREATE FUNCTION reads_condition() RETURNS integer LANGUAGE plpgsql AS
$$BEGIN IF EXISTS (SELECT FROM persons WHERE secret = 'x') THEN RETURN 1; END IF; RETURN 0; END$$;
CREATE FUNCTION reads_case() RETURNS integer LANGUAGE plpgsql AS
$$BEGIN CASE (SELECT max(secret) FROM persons) WHEN 'x' THEN RETURN 1; ELSE RETURN 0; END CASE; END$$;
CREATE FUNCTION reads_raise() RETURNS integer LANGUAGE plpgsql AS
$$BEGIN RAISE NOTICE '%', (SELECT max(secret) FROM persons); RETURN 0; END$$;
CREATE FUNCTION reads_foreach() RETURNS integer LANGUAGE plpgsql AS
$$DECLARE v text; BEGIN FOREACH v IN ARRAY (SELECT array_agg(secret) FROM persons) LOOP RETURN 1; END LOOP; RETURN 0; END$$;
CREATE FUNCTION reads_opened() RETURNS text LANGUAGE plpgsql AS
$$DECLARE c refcursor; v text; BEGIN OPEN c FOR SELECT secret FROM persons; FETCH c INTO v; RETURN v; END$$;
CREATE FUNCTION opaque_execute(t text) RETURNS text LANGUAGE plpgsql AS
$$DECLARE v text; BEGIN EXECUTE t INTO v; RETURN v; END$$;
CREATE FUNCTION opaque_open(t text) RETURNS text LANGUAGE plpgsql AS
$$DECLARE c refcursor; v text; BEGIN OPEN c FOR EXECUTE t; FETCH c INTO v; RETURN v; END$$;
CREATE FUNCTION opaque_return(t text) RETURNS SETOF text LANGUAGE plpgsql AS
$$BEGIN RETURN QUERY EXECUTE t; END$$;
CREATE FUNCTION opaque_for(t text) RETURNS text LANGUAGE plpgsql AS
$$DECLARE r record; BEGIN FOR r IN EXECUTE t LOOP RETURN r::text; END LOOP; RETURN ''; END$$;
CREATE FUNCTION opaque_xml(t text) RETURNS xml LANGUAGE sql AS 'SELECT query_to_xml(t, true, true, $$$$)';
CREATE FUNCTION opaque_write() RETURNS void LANGUAGE sql AS 'DELETE FROM plain';
CREATE FUNCTION opaque_inner() RETURNS integer LANGUAGE sql AS 'SELECT length(opaque_execute($$SELECT 1$$))';
CREATE FUNCTION opaque_cursor(c refcursor) RETURNS text LANGUAGE plpgsql AS
$$DECLARE v text; BEGIN FETCH c INTO v; RETURN v; END$$;
CREATE PROCEDURE opaque_procedure() LANGUAGE plpgsql AS $$BEGIN COMMIT; END$$;
CREATE FUNCTION declared(t text) RETURNS text LANGUAGE plpgsql AS $$BEGIN EXECUTE t; RETURN t; END$$;
CREATE FUNCTION denied() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION reads_step(text, integer) RETURNS text LANGUAGE sql AS 'SELECT max(secret) FROM persons WHERE id = $2';
CREATE AGGREGATE reads_total(integer) (SFUNC = reads_step, STYPE = text);
CREATE AGGREGATE clean_total(integer) (SFUNC = int4pl, STYPE = integer);

-- views
CREATE VIEW clean_view AS SELECT id, name AS n FROM persons;
CREATE VIEW masked_view AS SELECT id, upper(secret) AS n FROM persons;
CREATE VIEW masked_deep AS SELECT id, n || '!' AS n FROM masked_view;
CREATE VIEW masked_join AS SELECT p.id, (SELECT max(secret) FROM persons) AS n FROM plain p;
CREATE VIEW masked_row AS SELECT id, p AS n FROM persons p;
CREATE VIEW masked_case AS SELECT id, CASE WHEN secret = 'x' THEN 1 ELSE 0 END AS n FROM persons;
CREATE VIEW masked_function AS SELECT id, reads_exists(id) AS n FROM plain;
CREATE VIEW masked_union AS SELECT id, name AS n FROM persons UNION ALL SELECT id, secret FROM persons;
CREATE VIEW masked_with AS WITH w AS (SELECT * FROM persons) SELECT id, secret AS n FROM w;
CREATE VIEW closed_where AS SELECT id, name AS n FROM persons WHERE secret = 'x';
CREATE VIEW closed_join AS SELECT a.id, a.name AS n FROM persons a JOIN plain b ON a.secret = b.name;
CREATE VIEW closed_group AS SELECT count(*) AS id, 1 AS n FROM persons GROUP BY secret;
CREATE VIEW closed_order AS SELECT id, name AS n FROM persons ORDER BY secret LIMIT 1;
CREATE VIEW closed_distinct AS SELECT DISTINCT ON (secret) id, name AS n FROM persons;
CREATE VIEW closed_union AS SELECT id, name AS n FROM persons UNION SELECT id, secret FROM persons;
CREATE VIEW closed_hushed AS SELECT id, person AS n FROM hushed;
CREATE VIEW closed_exists AS SELECT id, name AS n FROM plain p WHERE EXISTS (SELECT FROM hushed h WHERE h.id = p.id);
CREATE VIEW closed_call AS SELECT id, name AS n FROM plain WHERE reads_exists(id);
CREATE VIEW closed_set AS SELECT id, g AS n FROM plain, reads_output() g;
CREATE VIEW closed_having AS SELECT id, count(*) AS n FROM persons GROUP BY id HAVING max(secret) > 'a';
CREATE MATERIALIZED VIEW masked_stored AS SELECT id, secret AS n FROM persons;
CREATE MATERIALIZED VIEW closed_stored AS SELECT id, name AS n FROM persons WHERE secret IS NULL;

-- tables
CREATE FUNCTION drawn() RETURNS text LANGUAGE sql AS 'SELECT max(secret) FROM persons';
CREATE TABLE computed (
  id integer, given text DEFAULT drawn(), twice integer GENERATED ALWAYS AS (id * 2) STORED
);
CREATE TABLE guarded (id integer, name text);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON guarded USING (name = (SELECT max(secret) FROM persons));
CREATE TABLE parts (id integer, kind text, name text) PARTITION BY LIST (kind);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');
CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
CREATE TABLE above (id integer, mark text);
CREATE TABLE below (more text) INHERITS (above);

-- what is made of functions
CREATE FUNCTION reads_equal(integer, text) RETURNS boolean LANGUAGE sql AS
  'SELECT EXISTS (SELECT FROM persons WHERE id = $1 AND secret = $2)';
CREATE OPERATOR ~=~ (LEFTARG = integer, RIGHTARG = text, FUNCTION = reads_equal);
CREATE DOMAIN told AS text CHECK (VALUE <> drawn());
CREATE DOMAIN quiet AS text CHECK (VALUE <> '');
CREATE TYPE marked AS (a integer, b text);
CREATE FUNCTION marked_text(marked) RETURNS text LANGUAGE sql AS 'SELECT max(secret) FROM persons WHERE id = $1.a';
CREATE CAST (marked AS text) WITH FUNCTION marked_text(marked) AS ASSIGNMENT;

-- triggers
CREATE TABLE noted (id integer, note text);
CREATE FUNCTION told_trigger() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN IF (SELECT max(secret) FROM persons) = NEW.note THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END$$;
CREATE TRIGGER t BEFORE INSERT ON noted FOR EACH ROW EXECUTE FUNCTION told_trigger();
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.note := now()::text; RETURN NEW; END$$;
CREATE TRIGGER s BEFORE UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION stamp();

-- numbers
CREATE TABLE numbered (id serial PRIMARY KEY, other bigserial UNIQUE, name text, secret text);
CREATE SEQUENCE shared;
CREATE TABLE sharing (id bigint PRIMARY KEY DEFAULT nextval('shared'), name text);
CREATE TABLE hushed_numbers (id serial PRIMARY KEY);
CREATE TABLE borrowing (id integer, number integer DEFAULT nextval('hushed_numbers_id_seq'));
