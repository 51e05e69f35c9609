-- Metabase: sync of tables and fields, fingerprints, a question with a date breakout
SET SESSION TIMEZONE TO 'America/Los_Angeles';
SELECT n.nspname AS schema, c.relname AS name, CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'v' THEN 'VIEW'
  WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE NULL END AS type, d.description FROM pg_catalog.pg_class AS c
  INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid LEFT JOIN pg_catalog.pg_description AS d
  ON (c.oid = d.objoid) AND (d.objsubid = 0) AND (d.classoid = 'pg_class'::regclass)
  WHERE (c.relnamespace = n.oid) AND (n.nspname !~ '^pg_') AND (n.nspname <> 'information_schema') AND c.relkind IN ('r', 'p', 'v', 'f', 'm') ORDER BY 3, 1, 2;
WITH privileges AS (SELECT NULL AS role, t.schemaname AS schema, t.objectname AS "table",
    pg_catalog.has_table_privilege(current_user, '"' || t.schemaname || '"."' || t.objectname || '"', 'UPDATE') AS update,
    pg_catalog.has_any_column_privilege(current_user, '"' || t.schemaname || '"."' || t.objectname || '"', 'SELECT') AS select
  FROM (SELECT schemaname, tablename AS objectname FROM pg_catalog.pg_tables UNION SELECT schemaname, viewname FROM pg_views
        UNION SELECT schemaname, matviewname FROM pg_matviews) AS t
  WHERE t.schemaname !~ '^pg_' AND t.schemaname <> 'information_schema' AND pg_catalog.has_schema_privilege(current_user, t.schemaname, 'USAGE'))
SELECT p.* FROM privileges AS p WHERE p.select ORDER BY 2, 3;
SELECT c.column_name AS name, CASE WHEN c.udt_schema IN ('public', 'pg_catalog') THEN format('%s', c.udt_name) ELSE format('"%s"."%s"', c.udt_schema, c.udt_name) END AS type,
  c.ordinal_position - 1 AS position, c.table_schema AS schema, c.table_name AS "table", pk.column_name IS NOT NULL AS pk,
  col_description(cast(cast(format('%I.%I', cast(c.table_schema AS text), cast(c.table_name AS text)) AS regclass) AS oid), c.ordinal_position) AS comment,
  (column_default IS NULL OR lower(column_default) = 'null') AND is_nullable = 'NO' AS required, column_default LIKE '%nextval(%' OR is_identity <> 'NO' AS increments
  FROM information_schema.columns AS c LEFT JOIN (SELECT tc.table_schema, tc.table_name, kc.column_name FROM information_schema.table_constraints AS tc
    INNER JOIN information_schema.key_column_usage AS kc ON tc.constraint_name = kc.constraint_name AND tc.table_schema = kc.table_schema AND tc.table_name = kc.table_name
    WHERE tc.constraint_type = 'PRIMARY KEY') AS pk ON c.table_schema = pk.table_schema AND c.table_name = pk.table_name AND c.column_name = pk.column_name
  WHERE c.table_schema !~ '^information_schema|catalog_history|pg_' ORDER BY 4, 5, 3;
SELECT fn.nspname, f.relname, fa.attname, pn.nspname, p.relname, pa.attname FROM pg_constraint c JOIN pg_class f ON c.conrelid = f.oid
  JOIN pg_class p ON c.confrelid = p.oid JOIN pg_namespace fn ON f.relnamespace = fn.oid JOIN pg_namespace pn ON p.relnamespace = pn.oid
  JOIN pg_attribute fa ON c.conrelid = fa.attrelid JOIN pg_attribute pa ON c.confrelid = pa.attrelid
  WHERE c.contype = 'f' AND fa.attnum = ANY (c.conkey) AND pa.attnum = ANY (c.confkey) ORDER BY 1, 2;
SELECT t.relname, i.relname, ix.indisprimary, ix.indisunique, a.attname FROM pg_index ix JOIN pg_class t ON t.oid = ix.indrelid JOIN pg_class i ON i.oid = ix.indexrelid
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ix.indkey[0] WHERE t.relnamespace = 'public'::regnamespace AND ix.indpred IS NULL ORDER BY 1, 2;
SELECT nspname, typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid IN (SELECT DISTINCT enumtypid FROM pg_enum e) ORDER BY 1, 2;
SELECT "source"."name", "source"."homeland", "source"."papers" FROM (SELECT "public"."people"."name" AS "name",
  "public"."people"."homeland" AS "homeland", "public"."people"."papers" AS "papers" FROM "public"."people" ORDER BY "public"."people"."person_id" ASC) AS "source" LIMIT 10000;
SELECT substring("public"."tickets"."body", 1, 1234) AS "b", "public"."tickets"."state" FROM "public"."tickets" ORDER BY "public"."tickets"."ticket_id" LIMIT 10000;
SELECT CAST(date_trunc('month', "public"."tickets"."opened") AS date) AS "opened", count(*) AS "count", sum("public"."tickets"."cost") AS "sum"
  FROM "public"."tickets" LEFT JOIN "public"."people" AS "People" ON "public"."tickets"."person_id" = "People"."person_id"
  WHERE ("public"."tickets"."opened" >= timestamp with time zone '2024-01-01 00:00:00Z') AND ("People"."ward_id" = 2)
  GROUP BY CAST(date_trunc('month', "public"."tickets"."opened") AS date) ORDER BY 1 ASC;
SELECT 1;
-- fields with those of materialized views, first columns of indexes, foreign keys by arrays, time zones, fingerprints, breakouts
SHOW timezone;
SELECT c.column_name AS name, c.udt_name AS type, c.ordinal_position - 1 AS position, c.table_schema AS schema, c.table_name AS "table" FROM information_schema.columns AS c
  WHERE (c.table_schema !~ '^information_schema|catalog_history|pg_') AND (c.table_schema IN ('public', 'port'))
  UNION ALL SELECT a.attname, CASE WHEN tn.nspname IN ('public', 'pg_catalog') THEN format('%s', t.typname) ELSE format('"%s"."%s"', tn.nspname, t.typname) END, a.attnum - 1, n.nspname, r.relname
  FROM pg_catalog.pg_class AS r INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid
  INNER JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid INNER JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.typnamespace
  WHERE (r.relkind = 'm') AND (a.attnum >= 1) ORDER BY 4, 5, 3;
SELECT tmp."schema", tmp."table", trim(BOTH '"' FROM pg_catalog.pg_get_indexdef(tmp.index_oid, tmp.pos, FALSE)) AS field FROM (SELECT n.nspname AS "schema", t.relname AS "table", i.oid AS index_oid,
    (information_schema._pg_expandarray(x.indkey)).n AS pos FROM pg_catalog.pg_class AS t INNER JOIN pg_catalog.pg_namespace AS n ON t.relnamespace = n.oid
    INNER JOIN pg_catalog.pg_index AS x ON t.oid = x.indrelid INNER JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
    WHERE (pg_catalog.pg_get_expr(x.indpred, x.indrelid) IS NULL) AND (n.nspname !~ '^information_schema|catalog_history|pg_')) AS tmp WHERE tmp.pos = 1 ORDER BY 1, 2, 3;
SELECT s.nspname AS "fk-table-schema", f.relname AS "fk-table-name", fa.attname AS "fk-column-name", pa.attname AS "pk-column-name" FROM pg_constraint AS c
  INNER JOIN pg_class AS f ON c.conrelid = f.oid INNER JOIN pg_namespace AS s ON c.connamespace = s.oid INNER JOIN pg_attribute AS fa ON c.conrelid = fa.attrelid
  INNER JOIN pg_attribute AS pa ON c.confrelid = pa.attrelid WHERE (c.contype = 'f'::char) AND (fa.attnum = ANY(c.conkey)) AND (pa.attnum = ANY(c.confkey)) ORDER BY 1, 2, 3;
-- figures
SELECT n.nspname AS schema, c.relname AS name, stat.n_live_tup AS estimated FROM pg_catalog.pg_class AS c INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
  LEFT JOIN pg_stat_user_tables AS stat ON (n.nspname = stat.schemaname) AND (c.relname = stat.relname) WHERE (n.nspname !~ '^pg_') AND c.relkind IN ('r', 'p') ORDER BY 1, 2;
SELECT TRUE AS "_" FROM "public"."people" WHERE 1 <> 1 LIMIT 0;
SELECT substring("public"."people"."name", 1, 1234) AS "substring1", "public"."people"."rent" AS "rent", "public"."people"."active" AS "active", "public"."people"."homeland" AS "homeland" FROM "public"."people" ORDER BY "public"."people"."person_id" LIMIT 10000;
SELECT DISTINCT "public"."tickets"."state" AS "state" FROM "public"."tickets" ORDER BY "public"."tickets"."state" ASC LIMIT 1000;
SELECT CAST(extract(month FROM "public"."people"."born") AS integer) AS "born", count(*) AS "count", percentile_cont(0.5) WITHIN GROUP (ORDER BY "public"."people"."rent") AS "median" FROM "public"."people" GROUP BY CAST(extract(month FROM "public"."people"."born") AS integer) ORDER BY 1 ASC;
SELECT (CAST(date_trunc('week', CAST("public"."tickets"."opened" + INTERVAL '1 day' AS timestamp)) AS timestamp) + INTERVAL '-1 day') AS "opened", count(DISTINCT "public"."tickets"."person_id") AS "n" FROM "public"."tickets" GROUP BY 1 ORDER BY 1 ASC;
SELECT "source"."person_id", "Tickets"."n" FROM (SELECT "public"."people"."person_id" AS "person_id" FROM "public"."people" WHERE lower("public"."people"."name") LIKE '%person 1%') AS "source" LEFT JOIN (SELECT "public"."tickets"."person_id" AS "person_id", count(*) AS "n" FROM "public"."tickets" GROUP BY "public"."tickets"."person_id") AS "Tickets" ON "source"."person_id" = "Tickets"."person_id" ORDER BY "source"."person_id" ASC LIMIT 2000;
