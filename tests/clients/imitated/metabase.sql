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
