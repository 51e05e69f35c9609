-- DBeaver: connecting, the navigator's tree, a table's pages
SET extra_float_digits = 3;
SET application_name = 'DBeaver 25.2.0 - Main';
SELECT current_schema(), session_user;
SHOW search_path;
SELECT db.oid, db.* FROM pg_catalog.pg_database db WHERE datallowconn AND NOT datistemplate ORDER BY db.datname;
SELECT * FROM pg_catalog.pg_settings WHERE name = 'standard_conforming_strings';
SELECT string_agg(word, ',') FROM pg_catalog.pg_get_keywords() WHERE word <> ALL ('{select,from}'::text[]);
SELECT n.oid, n.*, d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d
  ON d.objoid = n.oid AND d.objsubid = 0 AND d.classoid = 'pg_namespace'::regclass ORDER BY nspname;
SELECT t.oid, t.*, c.relkind, format_type(nullif(t.typbasetype, 0), t.typtypmod) AS base_type_name, d.description FROM pg_catalog.pg_type t
  LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid = t.typelem LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
  LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid = d.objoid
  WHERE t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c') AND (et.typcategory IS NULL OR et.typcategory <> 'C') ORDER BY t.oid, d.objsubid;
-- figures
SELECT c.oid, c.*, d.description, pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS partition_expr, pg_catalog.pg_get_partkeydef(c.oid) AS partition_key
  FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind NOT IN ('i', 'I', 'c');
SELECT c.relname, a.*, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) AS def_value, d.description, e.objid FROM pg_catalog.pg_attribute a
  INNER JOIN pg_catalog.pg_class c ON (a.attrelid = c.oid) LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid = ad.adrelid AND a.attnum = ad.adnum)
  LEFT OUTER JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND a.attnum = d.objsubid)
  LEFT OUTER JOIN pg_depend e ON e.refobjid = a.attrelid AND e.deptype = 'i' AND e.refobjsubid = a.attnum AND e.classid = 'pg_class'::regclass::oid
  WHERE NOT a.attisdropped AND c.relkind NOT IN ('i', 'I', 'c') AND c.oid = 'people'::regclass ORDER BY a.attnum;
SELECT c.oid, c.*, t.relname AS tabrelname, rt.relnamespace AS refnamespace, d.description,
  CASE WHEN c.contype = 'c' THEN "substring"(pg_get_constraintdef(c.oid), 7) ELSE NULL END AS consrc_copy
  FROM pg_catalog.pg_constraint c INNER JOIN pg_catalog.pg_class t ON t.oid = c.conrelid LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid = c.confrelid
  LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_constraint'::regclass
  WHERE c.conrelid = 'people'::regclass ORDER BY c.oid;
-- figures
SELECT i.*, i.indkey AS keys, c.relname, c.relnamespace, c.relam, c.reltablespace, tc.relname AS tabrelname, dsc.description,
  pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS pred_expr, pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) AS expr,
  pg_catalog.pg_relation_size(i.indexrelid) AS index_rel_size, pg_catalog.pg_stat_get_numscans(i.indexrelid) AS index_num_scans
  FROM pg_catalog.pg_index i INNER JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid INNER JOIN pg_catalog.pg_class tc ON tc.oid = i.indrelid
  LEFT OUTER JOIN pg_catalog.pg_description dsc ON i.indexrelid = dsc.objoid WHERE i.indrelid = 'people'::regclass ORDER BY tabrelname, c.relname;
SELECT x.oid, x.*, p.relnamespace AS table_schema_id, p.relname AS table_name, pg_get_triggerdef(x.oid) FROM pg_catalog.pg_trigger x
  LEFT JOIN pg_catalog.pg_class p ON p.oid = x.tgrelid WHERE x.tgrelid = 'people'::regclass AND NOT x.tgisinternal;
SELECT p.oid, p.*, CASE WHEN p.prokind = 'a' THEN NULL ELSE pg_get_functiondef(p.oid) END AS definition,
  pg_catalog.pg_get_expr(p.proargdefaults, 0) AS arg_defaults, d.description FROM pg_catalog.pg_proc p LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = p.oid
  WHERE p.pronamespace = 'public'::regnamespace ORDER BY p.proname;
SELECT pg_catalog.pg_get_viewdef('standings'::regclass, true);
SELECT r.oid, r.rolname, r.rolsuper, r.rolinherit, r.rolcanlogin FROM pg_catalog.pg_roles r ORDER BY r.rolname;
-- figures
SELECT c.oid, pg_catalog.pg_total_relation_size(c.oid) AS total_rel_size, pg_catalog.pg_relation_size(c.oid) AS rel_size FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'm');
-- figures
SELECT sa.* FROM pg_catalog.pg_stat_activity sa WHERE sa.pid = pg_backend_pid();
SELECT x.* FROM public.people x ORDER BY x.person_id LIMIT 200;
SELECT count(*) FROM public.people;
-- further pages: kinds of objects, dependencies, privileges, search, locks
SELECT version();
SELECT d.datname FROM pg_catalog.pg_database d WHERE d.datistemplate ORDER BY 1;
SELECT description FROM pg_shdescription JOIN pg_database ON objoid = pg_database.oid WHERE datname = current_database();
SELECT o.oid, o.* FROM pg_catalog.pg_opclass o WHERE o.opcmethod = (SELECT oid FROM pg_am WHERE amname = 'btree') ORDER BY o.oid;
SELECT f.oid, f.* FROM pg_catalog.pg_opfamily f ORDER BY f.oid;
SELECT m.oid, m.* FROM pg_catalog.pg_am m ORDER BY m.oid;
SELECT c.contoencoding AS id, pg_catalog.pg_encoding_to_char(c.contoencoding) AS name FROM pg_catalog.pg_conversion c GROUP BY c.contoencoding ORDER BY 2;
SELECT c.oid, c.* FROM pg_catalog.pg_collation c ORDER BY c.oid LIMIT 50;
SELECT l.oid, l.* FROM pg_catalog.pg_language l ORDER BY l.oid;
SELECT w.oid, w.*, p.pronamespace AS handler_schema FROM pg_catalog.pg_foreign_data_wrapper w LEFT OUTER JOIN pg_catalog.pg_proc p ON p.oid = w.fdwhandler ORDER BY w.fdwname;
SELECT s.oid, s.* FROM pg_catalog.pg_foreign_server s ORDER BY s.srvname;
SELECT t.oid, t.*, pg_tablespace_location(t.oid) AS loc FROM pg_catalog.pg_tablespace t ORDER BY t.oid;
SELECT name, default_version, installed_version, comment FROM pg_catalog.pg_available_extensions ORDER BY name LIMIT 20;
SELECT e.oid, x.tables, n.nspname AS schema_name, e.* FROM pg_catalog.pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
  LEFT JOIN (SELECT array_agg(s.nspname || '.' || r.relname) AS tables, u.extension FROM (SELECT unnest(g.extconfig) AS oid, g.oid AS extension FROM pg_catalog.pg_extension g) u
    JOIN pg_class r ON r.oid = u.oid JOIN pg_namespace s ON s.oid = r.relnamespace GROUP BY u.extension) x ON x.extension = e.oid ORDER BY e.oid;
SELECT v.*, d.description FROM pg_catalog.pg_event_trigger v LEFT OUTER JOIN pg_catalog.pg_description d ON v.oid = d.objoid;
SELECT * FROM pg_catalog.pg_enum ORDER BY enumtypid, enumsortorder;
SELECT i.inhrelid, p.relnamespace, p.oid, i.inhseqno FROM pg_catalog.pg_inherits i, pg_class r, pg_class p
  WHERE r.oid = i.inhrelid AND r.relnamespace = 'port'::regnamespace AND p.oid = i.inhparent ORDER BY 1;
SELECT pg_get_expr(c.relpartbound, c.oid, true) AS partition_range FROM "pg_catalog".pg_class c WHERE relname = 'calls_2023' AND relnamespace = 'port'::regnamespace;
SELECT p.oid AS function, p.proname, a.* FROM pg_catalog.pg_aggregate a, pg_catalog.pg_proc p WHERE p.oid = a.aggfnoid AND p.proname = 'avg' ORDER BY p.oid;
SELECT * FROM pg_catalog.pg_sequences WHERE schemaname = 'port' AND sequencename = 'queue_no';
SELECT * FROM port.queue_no;
SELECT * FROM pg_catalog.pg_policies WHERE schemaname = 'public' AND tablename = 'people';
SELECT w.oid, w.*, pg_get_ruledef(w.oid) AS definition FROM pg_rewrite w WHERE w.ev_class = 'standings'::regclass AND w.rulename <> '_RETURN'::name;
SELECT x.oid, x.*, p.pronamespace AS function_schema, d.description FROM pg_catalog.pg_trigger x LEFT OUTER JOIN pg_catalog.pg_proc p ON p.oid = x.tgfoid
  LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = x.oid AND d.objsubid = 0 WHERE x.tgrelid = 'tickets'::regclass AND NOT x.tgisinternal;
SELECT pg_catalog.pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'tickets'::regclass ORDER BY conname;
SELECT pg_catalog.pg_get_indexdef(indexrelid), pg_catalog.pg_get_indexdef(indexrelid, 1, true) FROM pg_index WHERE indrelid = 'people'::regclass ORDER BY indexrelid;
SELECT * FROM pg_catalog.pg_auth_members WHERE member = 'desk'::regrole;
SELECT s.setconfig, d.datname FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase WHERE s.setrole = 'desk'::regrole;
SELECT * FROM information_schema.table_privileges WHERE table_catalog = current_database() AND grantee = 'desk' ORDER BY table_schema, table_name, privilege_type;
SELECT * FROM information_schema.routine_privileges WHERE specific_catalog = current_database() AND grantee = 'desk';
SELECT * FROM (SELECT DISTINCT relnamespace, relacl, relname, relkind, (aclexplode(relacl)).grantee AS grantee FROM pg_class WHERE relacl IS NOT NULL
    AND relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname NOT LIKE 'pg_%' AND nspname <> 'information_schema')
  UNION ALL SELECT DISTINCT n.oid, nspacl, n.nspname, CAST('C' AS "char"), (aclexplode(nspacl)).grantee FROM pg_catalog.pg_namespace n WHERE n.nspacl IS NOT NULL) AS g
  WHERE g.grantee = 'desk'::regrole AND g.relkind IN ('S', 'm', 'C') ORDER BY relname;
SELECT * FROM pg_default_acl WHERE defaclnamespace = 'public'::regnamespace;
SELECT DISTINCT d.deptype, d.classid, d.objid, c.relkind, b.attname, pg_get_expr(f.adbin, f.adrelid) AS default_value,
    CASE WHEN c.relkind IS NOT NULL THEN c.relkind::text || coalesce(d.objsubid::text, '')::text WHEN g.oid IS NOT NULL THEN 'T'::text WHEN y.oid IS NOT NULL THEN 'y'::text
      WHEN n.oid IS NOT NULL THEN 'n'::text WHEN p.oid IS NOT NULL THEN 'p'::text WHEN l.oid IS NOT NULL THEN 'l'::text WHEN w.oid IS NOT NULL THEN 'R'::text
      WHEN o.oid IS NOT NULL THEN 'C'::text || contype::text WHEN f.oid IS NOT NULL THEN 'A'::text ELSE '' END AS type,
    coalesce(oc.relname, wc.relname, gc.relname) AS owner, CASE WHEN c.relname IS NOT NULL AND a.attname IS NOT NULL THEN c.relname || '.' || a.attname
      ELSE coalesce(c.relname, o.conname, p.proname, g.tgname, y.typname, l.lanname, w.rulename, n.nspname) END AS name
  FROM pg_depend d LEFT JOIN pg_class c ON d.objid = c.oid LEFT JOIN pg_attribute a ON d.objid = a.attrelid AND d.objsubid = a.attnum LEFT JOIN pg_proc p ON d.objid = p.oid
  LEFT JOIN pg_trigger g ON d.objid = g.oid LEFT JOIN pg_class gc ON g.tgrelid = gc.oid LEFT JOIN pg_type y ON d.objid = y.oid LEFT JOIN pg_constraint o ON d.objid = o.oid
  LEFT JOIN pg_class oc ON o.conrelid = oc.oid LEFT JOIN pg_rewrite w ON d.objid = w.oid LEFT JOIN pg_class wc ON wc.oid = w.ev_class LEFT JOIN pg_language l ON d.objid = l.oid
  LEFT JOIN pg_namespace n ON d.objid = n.oid LEFT JOIN pg_attrdef f ON f.oid = d.objid LEFT JOIN pg_attribute b ON b.attrelid = f.adrelid AND b.attnum = f.adnum
  WHERE d.refobjid = 'people'::regclass ORDER BY type, objid;
SELECT c.oid, c.relname, c.relnamespace, c.relkind FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'v', 'm', 'p') AND (c.relname ILIKE '%peo%'
  OR obj_description(c.oid, 'pg_class') ILIKE '%peo%' OR (c.relkind = 'v' AND pg_get_viewdef(c."oid") ILIKE '%peo%')) AND c.relnamespace IN ('public'::regnamespace) ORDER BY c.relname LIMIT 100;
SELECT p.oid, p.proname FROM pg_catalog.pg_proc p WHERE p.prokind <> 'a' AND pg_get_functiondef(p."oid") ILIKE '%tickets%' AND p.pronamespace = 'public'::regnamespace ORDER BY 2 LIMIT 100;
SELECT a.attname, a.attnum, c.relname FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid WHERE a.attname ILIKE '%home%' AND c.relkind NOT IN ('i', 'I', 't') ORDER BY 3, 2;
-- figures
SELECT l.pid, l.locktype, l.mode, l.granted, c.relname, l.virtualtransaction IS NULL, l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation WHERE l.pid = pg_backend_pid() AND l.locktype = 'virtualxid';
-- a cell edited, a row added and taken away in the grid, and rolled back
BEGIN;
UPDATE public.people SET name = 'Edited' WHERE person_id = 5;
INSERT INTO public.notes (title, votes) VALUES ('grid', 0);
DELETE FROM public.notes WHERE title = 'grid';
ROLLBACK;
