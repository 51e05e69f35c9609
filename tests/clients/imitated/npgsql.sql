-- Npgsql (its PostgresDatabaseInfo.cs was read at commit 00ee7a8a): types, composites and enums, in one simple query
SELECT version();
SELECT n.nspname, t.oid, t.typname, t.typtype, t.typnotnull, t.element FROM (
  SELECT a.oid, a.typnamespace, a.typname, a.typtype, a.typrelid, a.typnotnull, a.relkind, e.oid AS element, e.typname AS element_name,
         k.relkind AS element_kind, CASE WHEN f.proname = 'array_recv' THEN 'a' ELSE e.typtype END AS element_type
  FROM (SELECT t.oid, typnamespace, typname, typrelid, typnotnull, relkind, typelem AS elemoid,
               CASE WHEN p.proname = 'array_recv' THEN 'a' ELSE t.typtype END AS typtype,
               CASE WHEN p.proname = 'array_recv' THEN t.typelem WHEN t.typtype = 'r' THEN rngsubtype
                    WHEN t.typtype = 'm' THEN (SELECT rngtypid FROM pg_range WHERE rngmultitypid = t.oid)
                    WHEN t.typtype = 'd' THEN t.typbasetype END AS elemtypoid
        FROM pg_type AS t LEFT JOIN pg_class AS c ON (c.oid = t.typrelid) LEFT JOIN pg_proc AS p ON p.oid = t.typreceive
        LEFT JOIN pg_range ON (pg_range.rngtypid = t.oid)) AS a
  LEFT JOIN pg_type AS e ON e.oid = elemtypoid LEFT JOIN pg_class AS k ON (k.oid = e.typrelid)
  LEFT JOIN pg_proc AS f ON f.oid = e.typreceive) AS t
JOIN pg_namespace AS n ON (n.oid = typnamespace)
WHERE typtype IN ('b', 'r', 'm', 'e', 'd') OR (typtype = 'c' AND relkind = 'c') OR (typtype = 'p' AND typname IN ('record', 'void'))
   OR (typtype = 'a' AND (element_type IN ('b', 'r', 'm', 'e', 'd') OR (element_type = 'c' AND element_kind = 'c')))
ORDER BY CASE WHEN typtype IN ('b', 'e', 'p') THEN 0 WHEN typtype = 'r' THEN 1 WHEN typtype = 'a' THEN 5 END, t.oid;
SELECT t.oid, a.attname, a.atttypid FROM pg_type AS t JOIN pg_namespace AS n ON (n.oid = t.typnamespace)
  JOIN pg_class AS c ON (c.oid = t.typrelid) JOIN pg_attribute AS a ON (a.attrelid = t.typrelid)
  WHERE (t.typtype = 'c' AND c.relkind = 'c') AND attnum > 0 AND NOT attisdropped ORDER BY t.oid, a.attnum;
SELECT pg_type.oid, enumlabel FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid ORDER BY oid, enumsortorder;
-- its schema collections
SELECT table_catalog, table_schema, table_name, table_type FROM information_schema.tables
  WHERE table_type IN ('BASE TABLE', 'FOREIGN', 'FOREIGN TABLE') AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 2, 3;
SELECT table_schema, table_name, column_name, ordinal_position, column_default, udt_name::regtype::text AS data_type, is_nullable
  FROM information_schema.columns WHERE table_name = 'people' ORDER BY ordinal_position;
DISCARD ALL;
