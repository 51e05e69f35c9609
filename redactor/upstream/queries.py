"""What is asked of pg_catalog, as text: one set-based query for each kind of fact, PostgreSQL 13 to 18.

Knows the system catalogs (PostgreSQL docs, chapter 52) and their differences between versions; makes no connection.
Every query runs as an ordinary login, under `search_path = ''`, so that what the server prints is qualified unless it
is pg_catalog's; temporary and TOAST objects are left out everywhere. FIRST is the first oid that initdb does not give
out (FirstNormalObjectId): what is at or above it is not PostgreSQL's own, whichever schema it is in. Queries that have
definitions printed take $1, the objects (HELD) of which it is not done: the server would wait for somebody's lock.
"""

from __future__ import annotations

from redactor.catalog import UNREAD

FIRST = 16384

LOCKED = """
SELECT DISTINCT l.relation
  FROM pg_locks l
  JOIN pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
 WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_backend_pid()
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
"""Relations that nobody else may look at, or that somebody waits to have for himself: a newcomer waits behind him.

What a transaction has made and not committed is locked as well; nobody sees that it is there.
"""

HELD = """
SELECT unnest($1::oid[]) AS object
UNION
SELECT objid FROM pg_depend WHERE refclassid = 'pg_class'::regclass AND refobjid = ANY ($1::oid[])
"""
"""The locked relations $1, and the rules (views), policies, functions and the like whose texts name one of them."""

_OURS = "nspname !~ '^pg_(temp|toast)'"
_KINDS = "c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND c.relpersistence <> 't'"
_FOREIGN = f"(n.nspname NOT IN ('pg_catalog', 'information_schema') OR %s.oid >= {FIRST})"


def _unless_held(printed: str, *objects: str) -> str:
    """A definition as text; UNREAD where one of the objects is held."""
    return f"CASE WHEN ARRAY[{', '.join(objects)}] && $1::oid[] THEN '{UNREAD}' ELSE {printed} END"


def _printed(expression: str, relation: str, *others: str) -> str:
    """An expression over that relation's columns as text; not where it, or one of the others, is held."""
    printed = _unless_held(f"pg_get_expr({expression}, {relation})", relation, *others)
    return f"CASE WHEN {expression} IS NOT NULL THEN {printed} END"


DATABASE = """
SELECT current_database()::text AS name, current_setting('server_version_num')::int AS version,
       pg_encoding_to_char(encoding)::text AS encoding, oid AS database
  FROM pg_database WHERE datname = current_database()
"""

SCHEMAS = f"SELECT oid, nspname::text AS name FROM pg_namespace WHERE {_OURS}"

EXTENSIONS = "SELECT oid, extname::text AS name, extversion AS version FROM pg_extension"

MEMBERS = """
SELECT classid::regclass::text AS catalog, objid AS object, refobjid AS extension
  FROM pg_depend
 WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass AND objsubid = 0
   AND classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass, 'pg_cast'::regclass,
                   'pg_type'::regclass)
"""

ROLES = """
SELECT oid, rolname::text AS name, rolsuper AS superuser, rolreplication AS replication, rolbypassrls AS bypass,
       rolcanlogin AS login
  FROM pg_roles
"""

ROLE_SETTINGS = """
SELECT setdatabase AS database, setrole AS role, setconfig AS settings
  FROM pg_db_role_setting
 WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
"""


def memberships(version: int) -> str:
    """Who is a member of what. From 16 a membership may carry neither INHERIT nor SET, only ADMIN: it gives nothing."""
    useful = "WHERE inherit_option OR set_option" if version >= 160000 else ""
    return f"SELECT roleid AS role, member FROM pg_auth_members {useful}"


RELATIONS = f"""
SELECT c.oid, c.relnamespace AS schema, c.relname::text AS name, c.relkind::text AS kind, c.relowner AS owner,
       CASE WHEN c.relkind IN ('v', 'm')
             AND NOT EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = c.oid AND ARRAY[c.oid, w.oid] && $1::oid[])
         THEN pg_get_viewdef(c.oid) END AS definition,
       c.relispartition AS partition, c.relrowsecurity AS row_security, c.relforcerowsecurity AS force_row_security,
       c.reloptions AS options, d.description AS comment,
       CASE WHEN c.reltoastrelid <> 0 THEN
         ARRAY[c.reltoastrelid] || ARRAY(SELECT indexrelid FROM pg_index WHERE indrelid = c.reltoastrelid) END AS toast
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = 0
 WHERE {_KINDS} AND n.{_OURS}
"""

SECURITY_LABELS = """
SELECT n.nspname::text AS schema, c.relname::text AS relation, a.attname::text AS column, s.provider, s.label
  FROM pg_seclabels s
  JOIN pg_class c ON c.oid = s.objoid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = s.objoid AND a.attnum = s.objsubid
 WHERE s.classoid = 'pg_class'::regclass AND s.objsubid > 0 AND NOT a.attisdropped
 ORDER BY 1, 2, 3, 4
"""

COLUMN_TYPES = """
SELECT atttypid AS type, atttypmod AS modifier, format_type(atttypid, atttypmod) AS name
  FROM (SELECT DISTINCT atttypid, atttypmod FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped) a
"""

COLLATIONS = """
SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.collname) AS name
  FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
"""

COLUMNS = f"""
SELECT a.attrelid AS relation, a.attnum AS number, a.attname::text AS name, a.atttypid AS type,
       a.atttypmod AS modifier, a.attnotnull AS not_null, a.attidentity <> '' AS identity,
       a.attgenerated <> '' AS generated,
       {_printed("f.adbin", "f.adrelid")} AS expression,
       CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation ELSE 0 END AS collation,
       d.description AS comment, a.attinhcount > 0 AS inherited
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
  LEFT JOIN pg_description d
    ON d.classoid = 'pg_class'::regclass AND d.objoid = a.attrelid AND d.objsubid = a.attnum
 WHERE a.attnum > 0 AND NOT a.attisdropped AND {_KINDS}
 ORDER BY a.attrelid, a.attnum
"""

CONSTRAINTS = f"""
SELECT conrelid AS relation, conname::text AS name, contype::text AS kind, conkey::int[] AS columns,
       CASE WHEN contype IN ('c', 'x') AND conrelid = ANY ($1::oid[]) THEN '{UNREAD}'
         ELSE pg_get_constraintdef(oid) END AS definition, confrelid AS foreign, confkey::int[] AS foreign_columns,
       confdeltype::text AS on_delete, confupdtype::text AS on_update
  FROM pg_constraint
 WHERE conrelid <> 0 AND contype IN ('p', 'u', 'c', 'f', 'x')
 ORDER BY conrelid, conname
"""

INDEXES = f"""
SELECT i.indrelid AS relation, c.relname::text AS name, i.indexrelid AS oid, i.indisunique AS unique,
       i.indkey::int2[]::int[] AS columns, (i.indkey::int2[]::int[])[i.indnkeyatts:] AS included,
       coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_equal,
       {_printed("i.indexprs", "i.indrelid")} AS expressions,
       {_printed("i.indpred", "i.indrelid")} AS predicate,
       EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
         AS constraint
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
 WHERE c.relpersistence <> 't'
 ORDER BY i.indrelid, c.relname
"""

TRIGGERS = f"""
SELECT tgrelid AS relation, tgname::text AS name, tgfoid AS function, tgtype AS type, tgattr::int2[]::int[] AS columns,
       CASE WHEN tgqual IS NOT NULL THEN {_unless_held("pg_get_triggerdef(oid)", "tgrelid")} END AS definition,
       tgargs AS arguments
  FROM pg_trigger
 WHERE tgenabled <> 'D' AND (NOT tgisinternal OR (tgparentid <> 0 AND tgfoid >= {FIRST}))
 ORDER BY tgrelid, tgname
"""
"""Before 15 a partition's copy of a trigger counts as internal, as foreign keys' do; the latter call built-ins."""

POLICIES = f"""
SELECT polrelid AS relation, polname::text AS name, polcmd::text AS command, polpermissive AS permissive,
       {_printed("polqual", "polrelid", "oid")} AS using,
       {_printed("polwithcheck", "polrelid", "oid")} AS check, polroles AS roles
  FROM pg_policy
 ORDER BY polrelid, polname
"""

RULES = f"""
SELECT ev_class AS relation, rulename::text AS name, ev_type::text AS event, is_instead AS instead,
       {_unless_held("pg_get_ruledef(oid)", "ev_class", "oid")} AS definition
  FROM pg_rewrite
 WHERE rulename <> '_RETURN' AND ev_enabled <> 'D'
 ORDER BY ev_class, rulename
"""

PARENTS = "SELECT inhrelid AS child, inhparent AS parent FROM pg_inherits ORDER BY inhrelid, inhseqno"

PARTITIONED = f"""
SELECT partrelid AS relation, partattrs::int2[]::int[] AS columns,
       {_unless_held("pg_get_partkeydef(partrelid)", "partrelid")} AS definition,
       {_printed("partexprs", "partrelid")} AS expressions
  FROM pg_partitioned_table
"""

KEY_COLUMNS = """
SELECT d.objid AS relation, d.objsubid AS number
  FROM pg_depend d
  JOIN pg_partitioned_table p ON p.partrelid = d.objid
 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.objid = d.refobjid
   AND d.objsubid > 0 AND d.refobjsubid = 0 AND d.deptype = 'i'
"""
"""A partition key holds on to the columns of its expressions by making each depend on its own table."""

OWNED_SEQUENCES = """
SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS number
  FROM pg_depend d
  JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
   AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
"""

RELATION_READS = """
SELECT DISTINCT r.ev_class AS relation, d.refobjid AS source, d.refobjsubid AS number
  FROM pg_depend d
  JOIN pg_rewrite r ON r.oid = d.objid
 WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype <> 'i'
   AND NOT (d.refobjid = r.ev_class AND r.rulename = '_RETURN')
UNION
SELECT p.polrelid, d.refobjid, d.refobjsubid
  FROM pg_depend d
  JOIN pg_policy p ON p.oid = d.objid
 WHERE d.classid = 'pg_policy'::regclass AND d.refclassid = 'pg_class'::regclass
   AND NOT (d.refobjid = p.polrelid AND d.refobjsubid = 0)
"""

FUNCTION_READS = """
SELECT d.objid AS function, d.refobjid AS source, d.refobjsubid AS number
  FROM pg_depend d
 WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_class'::regclass
"""

STATISTICS = f"""
SELECT stxrelid AS relation, stxname::text AS name, stxkeys::int2[]::int[] AS columns,
       {_unless_held("pg_get_statisticsobjdef(oid)", "stxrelid")} AS definition
  FROM pg_statistic_ext
 ORDER BY stxrelid, stxname
"""

BUILTINS = f"""
SELECT p.oid, p.proname::text AS name
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname IN ('pg_catalog', 'information_schema') AND p.oid < {FIRST}
"""

BUILTIN_NAMES = """
SELECT DISTINCT p.proname::text AS name
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname = 'pg_catalog'
"""


def functions(version: int) -> str:
    """All functions that are not PostgreSQL's own. SQL-standard bodies came with 14."""
    printed = f"CASE WHEN p.prosqlbody IS NOT NULL THEN {_unless_held('pg_get_function_sqlbody(p.oid)', 'p.oid')} END"
    body = printed if version >= 140000 else "NULL::text"
    return f"""
SELECT p.oid, p.pronamespace AS schema, p.proname::text AS name, p.prokind::text AS kind, l.lanname::text AS language,
       p.proargtypes::oid[] AS arguments, p.proargnames AS argument_names, p.proargmodes::text[] AS argument_modes,
       p.proallargtypes AS all_arguments, p.oid::regprocedure::text AS signature, p.prorettype AS returns,
       p.proretset AS returns_set, p.provolatile::text AS volatility, p.prosrc AS source, {body} AS atomic_body,
       p.prosecdef AS security_definer, p.proconfig AS settings, p.pronargdefaults AS defaults,
       pg_get_expr(p.proargdefaults, 0) AS default_expressions, p.provariadic <> 0 AS variadic, p.proisstrict AS strict
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_language l ON l.oid = p.prolang
 WHERE {_FOREIGN % "p"} AND n.{_OURS}
"""


AGGREGATES = """
SELECT aggfnoid::oid AS function,
       ARRAY[aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn,
             aggmfinalfn]::oid[] AS parts
  FROM pg_aggregate
"""

OPERATORS = f"""
SELECT o.oid, o.oprnamespace AS schema, o.oprname::text AS name, o.oprleft AS left, o.oprright AS right,
       o.oprcode::oid AS function
  FROM pg_operator o
  JOIN pg_namespace n ON n.oid = o.oprnamespace
 WHERE {_FOREIGN % "o"} AND n.{_OURS}
 ORDER BY o.oid
"""

CASTS = f"""
SELECT oid, castsource AS source, casttarget AS target, castfunc AS function, castcontext::text AS context
  FROM pg_cast
 WHERE castfunc <> 0 AND (oid >= {FIRST} OR castfunc >= {FIRST})
 ORDER BY oid
"""

TYPES = f"""
SELECT t.oid, t.typnamespace AS schema, t.typname::text AS name, t.typtype::text AS kind,
       t.typcategory = 'A' AND t.typelem <> 0 AS array, t.typelem AS element, t.typbasetype AS base,
       t.typrelid AS relation, pg_get_expr(t.typdefaultbin, 0) AS expression,
       ARRAY(SELECT DISTINCT f FROM unnest(ARRAY[t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin,
             t.typmodout]::oid[]) f WHERE f >= {FIRST} ORDER BY f) AS functions
  FROM pg_type t
  JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE n.{_OURS}
"""


def ranges(version: int) -> str:
    """Range types and what they are over. Multiranges came with 14."""
    multirange = "rngmultitypid" if version >= 140000 else "0::oid"
    return f"""
SELECT rngtypid AS range, rngsubtype AS subtype, {multirange} AS multirange,
       ARRAY[rngcanonical, rngsubdiff]::oid[] AS functions
  FROM pg_range
"""


DOMAIN_CHECKS = """
SELECT contypid AS type, pg_get_expr(conbin, 0) AS expression
  FROM pg_constraint
 WHERE contypid <> 0 AND contype = 'c'
 ORDER BY contypid, conname
"""

LABELS = "SELECT enumtypid AS type, enumlabel::text AS label FROM pg_enum ORDER BY enumtypid, enumsortorder"
