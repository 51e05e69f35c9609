-- EF Core on Npgsql: start, migrations' history, scaffolding, xmin as the token of concurrency
SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relname = '__EFMigrationsHistory');
SELECT p.person_id, p.name, p.xmin, w.ward_id, w.name FROM people AS p LEFT JOIN wards AS w ON p.ward_id = w.ward_id
  WHERE p.person_id = 3 LIMIT 2;
SELECT p0.person_id, p0.name, p0.homeland, t.ticket_id, t.body FROM (SELECT p.person_id, p.name, p.homeland FROM people AS p
  ORDER BY p.person_id LIMIT 5) AS p0 LEFT JOIN tickets AS t ON p0.person_id = t.person_id ORDER BY p0.person_id, t.ticket_id;
SELECT count(*)::int FROM people AS p WHERE p.name LIKE 'Person%' ESCAPE '' AND p.person_id = ANY ('{1,2,3}'::int[]);
BEGIN;
UPDATE people SET name = 'Changed' WHERE person_id = 4 AND xmin = '0'::xid RETURNING xmin;
INSERT INTO notes (title, votes) VALUES ('ef', 1) RETURNING votes, title;
ROLLBACK;
SELECT n.nspname, c.relname, c.relkind, d.description FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_description AS d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = 0
  WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = (SELECT oid FROM pg_class WHERE relname = 'pg_class' LIMIT 1)
                    AND objid = c.oid AND deptype IN ('e', 'x')) ORDER BY 1, 2;
SELECT n.nspname, c.relname, t.typname, b.typname AS basetypname, a.attname, d.description, a.attisdropped, a.attidentity, a.attgenerated,
  format_type(t.oid, a.atttypmod) AS formatted, format_type(b.oid, t.typtypmod) AS formatted_base, coalesce(pg_get_expr(f.adbin, f.adrelid)) AS defval,
  a.attcollation <> t.typcollation AND l.collname <> 'default' AS collated, t.typtype, t.typelem, a.attnotnull, y.seqincrement
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid
  LEFT JOIN pg_attrdef AS f ON a.attrelid = f.adrelid AND a.attnum = f.adnum LEFT JOIN pg_type AS t ON a.atttypid = t.oid
  LEFT JOIN pg_type AS b ON b.oid = t.typbasetype LEFT JOIN pg_description AS d ON d.objoid = c.oid AND d.objsubid = a.attnum
  LEFT JOIN pg_collation AS l ON l.oid = a.attcollation LEFT JOIN pg_depend AS e ON e.refobjid = c.oid AND e.refobjsubid = a.attnum AND e.deptype = 'i'
  LEFT JOIN pg_sequence AS y ON y.seqrelid = e.objid
  WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname = 'public' AND a.attnum > 0 ORDER BY 1, 2, a.attnum;
SELECT n.nspname, c.relname, i.indisprimary, i.indisunique, i.indkey, i.indoption, am.amname, x.relname AS index_name, i.indclass,
  x.reloptions, CASE WHEN i.indexprs IS NULL THEN NULL ELSE pg_get_expr(i.indexprs, c.oid) END AS exprs,
  CASE WHEN i.indpred IS NULL THEN NULL ELSE pg_get_expr(i.indpred, c.oid) END AS pred
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_index AS i ON i.indrelid = c.oid JOIN pg_class AS x ON x.oid = i.indexrelid
  JOIN pg_am AS am ON am.oid = x.relam WHERE n.nspname = 'public' AND NOT i.indisprimary ORDER BY 1, 2, 8;
SELECT n.nspname, c.relname, o.conname, o.contype, o.conkey, f.relname, o.confkey, o.confdeltype FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_constraint AS o ON o.conrelid = c.oid LEFT JOIN pg_class AS f ON f.oid = o.confrelid
  WHERE n.nspname = 'public' AND o.contype IN ('p', 'f', 'u') ORDER BY 1, 2, 3;
SELECT s.sequence_schema, s.sequence_name, s.data_type::regtype AS type, s.start_value::bigint, s.minimum_value::bigint, s.increment::int, s.cycle_option = 'YES'
  FROM information_schema.sequences AS s JOIN pg_namespace AS n ON n.nspname = s.sequence_schema ORDER BY 1, 2;
