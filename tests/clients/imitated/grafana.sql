-- Grafana, PostgreSQL data source: the query editor's lists, macros spelled out, a time series
SELECT current_setting('server_version_num')::int / 100 AS version;
SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) AS "table" FROM information_schema.tables
  WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog', '_timescaledb_cache') ORDER BY 1;
SELECT CASE WHEN quote_ident(table_schema) IN (SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
    FROM generate_series(array_lower(string_to_array(current_setting('search_path'), ','), 1), array_upper(string_to_array(current_setting('search_path'), ','), 1)) AS i,
         string_to_array(current_setting('search_path'), ',') s)
  THEN quote_ident(table_name) ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS "table"
  FROM information_schema.tables WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog') ORDER BY 1;
SELECT quote_ident(column_name) AS "column", data_type AS "type" FROM information_schema.columns WHERE quote_ident(table_name) = 'people' ORDER BY ordinal_position;
SELECT extversion FROM pg_extension WHERE extname = 'timescaledb';
SELECT floor(extract(epoch FROM opened) / 86400) * 86400 AS "time", topic AS metric, count(*) AS value FROM tickets
  WHERE opened BETWEEN '2024-02-01T00:00:00Z' AND '2024-04-01T00:00:00Z' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT created_at AS "time", name, homeland FROM people WHERE created_at BETWEEN '2024-01-01T00:00:00Z' AND '2025-01-01T00:00:00Z' ORDER BY 1 LIMIT 50;
SELECT DISTINCT ward_id::text AS __text, ward_id AS __value FROM people ORDER BY 2;
-- schemas, tables of one schema, a table by a name in two parts; health check; macros of a time series that is filled
SELECT schema_name AS "name" FROM information_schema.schemata WHERE schema_name NOT IN ('information_schema', 'pg_catalog', 'pg_toast', '_timescaledb_internal', 'timescaledb_information') ORDER BY schema_name;
SELECT quote_ident(table_name) AS "table" FROM information_schema.tables WHERE quote_ident(table_schema) = 'port' ORDER BY 1;
SELECT quote_ident(column_name) AS "column", data_type AS "type" FROM information_schema.columns WHERE CASE WHEN array_length(parse_ident('public.people'), 1) = 2
    THEN quote_ident(table_schema) = (parse_ident('public.people'))[1] AND quote_ident(table_name) = (parse_ident('public.people'))[2] ELSE quote_ident(table_name) = 'public.people' END ORDER BY ordinal_position;
SELECT 1;
SELECT floor(extract(epoch FROM "opened") / 3600) * 3600 AS "time", avg("cost") AS "cost", min(cost) FROM public.tickets WHERE "opened" BETWEEN '2024-02-01T00:00:00Z' AND '2024-02-20T00:00:00Z' GROUP BY 1 ORDER BY 1;
SELECT extract(epoch FROM opened) AS "time", cost AS value, state AS metric FROM tickets WHERE extract(epoch FROM opened) >= 1706745600 AND extract(epoch FROM opened) <= 1709251200 ORDER BY 1, ticket_id;
SELECT at_tz AS time, txt AS text, texts AS tags FROM samples WHERE at_tz BETWEEN '2024-01-01' AND '2025-01-01' ORDER BY at_tz;
