"""What the server itself says of grants, roles, settings and ways round: rows of system catalogs in, facts out.

Knows asyncpg and pg_catalog; judges nothing, and reads no row of a user's table. What the login may not read comes out
as None, which is never the same as nothing.
"""

from __future__ import annotations

from typing import Any

import asyncpg  # type: ignore[import-untyped]

from redactor.errors import UpstreamError
from redactor.wall.grants import Grant, Holdings
from redactor.wall.surroundings import HbaLine, Publication, RoleFacts, Server

_SYSTEM = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(temp|toast)'"
_WHO = """pg_get_userbyid(g.grantor)::text AS grantor,
       CASE WHEN g.grantee = 0 THEN '' ELSE pg_get_userbyid(g.grantee)::text END AS grantee,
       g.privilege_type AS privilege, g.is_grantable AS grantable"""

RELATION_GRANTS = f"""
SELECT c.oid AS object, '' AS column, {_WHO}
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) g
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {_SYSTEM} AND g.grantee <> c.relowner
"""
COLUMN_GRANTS = f"""
SELECT c.oid AS object, a.attname::text AS column, {_WHO}
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
       aclexplode(a.attacl) g
 WHERE NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {_SYSTEM} AND g.grantee <> c.relowner
"""
FUNCTION_GRANTS = f"""
SELECT p.oid AS object, '' AS column, {_WHO}
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,
       aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
 WHERE p.prosecdef AND {_SYSTEM} AND g.grantee <> p.proowner
"""
FUNCTION_OWNERS = f"""
SELECT p.oid, pg_get_userbyid(p.proowner)::text AS owner
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.prosecdef AND {_SYSTEM}
"""

SETTINGS = (
    *("listen_addresses", "port", "ssl", "password_encryption", "log_statement", "log_min_duration_statement"),
    *("log_min_duration_sample", "log_transaction_sample_rate", "log_parameter_max_length"),
    *("log_min_error_statement", "log_connections", "log_destination", "auto_explain.log_min_duration"),
    *("auto_explain.log_analyze", "pgaudit.log", "pg_stat_statements.track", "track_activities", "wal_level"),
    *("shared_preload_libraries", "row_security", "max_replication_slots"),
)

ROLES = """
SELECT r.rolname::text AS name, r.rolsuper AS superuser, r.rolcanlogin AS login, r.rolreplication AS replication,
       r.rolbypassrls AS bypass, r.rolcreaterole AS createrole, r.rolcreatedb AS createdb,
       coalesce((SELECT array_agg(pg_get_userbyid(m.roleid)::text ORDER BY m.roleid)
                   FROM pg_auth_members m WHERE m.member = r.oid AND m.admin_option), '{}') AS admin_of
  FROM pg_roles r
"""

LOGGED_ROLES = """
SELECT pg_get_userbyid(setrole)::text AS name, setconfig AS settings
  FROM pg_db_role_setting WHERE setrole <> 0 AND setdatabase IN
       (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
"""

PUBLICATIONS = """
SELECT p.pubname::text AS name, p.puballtables AS everything, t.schemaname::text AS schema,
       t.tablename::text AS relation, {columns} AS columns
  FROM pg_publication p LEFT JOIN pg_publication_tables t ON t.pubname = p.pubname
 ORDER BY 1, 3, 4
"""

SLOTS = """
SELECT slot_name::text AS name, coalesce(plugin::text, '') AS plugin, slot_type = 'logical' AS logical, active
  FROM pg_replication_slots WHERE database IS NULL OR database = current_database()
"""

HBA = """
SELECT line_number AS number, type, database, user_name AS users, address, netmask, auth_method AS method, error
  FROM pg_hba_file_rules ORDER BY line_number
"""

FOREIGN_SERVERS = """
SELECT s.srvname::text AS name, w.fdwname::text AS wrapper,
       ARRAY(SELECT CASE WHEN g.grantee = 0 THEN '' ELSE pg_get_userbyid(g.grantee)::text END
               FROM aclexplode(coalesce(s.srvacl, acldefault('S', s.srvowner))) g
              WHERE g.privilege_type = 'USAGE') AS users
  FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
"""

LANGUAGES = """
SELECT l.lanname::text AS name,
       EXISTS (SELECT FROM pg_proc p WHERE p.prolang = l.oid AND p.oid >= 16384) AS used
  FROM pg_language l WHERE NOT l.lanpltrusted AND l.lanname NOT IN ('internal', 'c')
"""

DEFAULT_GRANTS = """
SELECT DISTINCT pg_get_userbyid(d.defaclrole)::text AS maker, coalesce(n.nspname::text, '') AS schema,
       CASE WHEN g.grantee = 0 THEN '' ELSE pg_get_userbyid(g.grantee)::text END AS grantee
  FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) g
 WHERE d.defaclobjtype = 'r' AND g.privilege_type = 'SELECT' AND g.grantee <> d.defaclrole
"""


async def read_holdings(connection: asyncpg.Connection) -> Holdings:
    """Every grant on relations and SECURITY DEFINER functions of the connected database. Raises UpstreamError."""
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            grants = [
                Grant(r["object"], r["grantor"], r["grantee"], r["privilege"], r["column"], r["grantable"])
                for query in (RELATION_GRANTS, COLUMN_GRANTS, FUNCTION_GRANTS)
                for r in await connection.fetch(query)
            ]
            owners = {r["oid"]: r["owner"] for r in await connection.fetch(FUNCTION_OWNERS)}
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise UpstreamError("the grants cannot be read", error.__class__.__name__) from error
    return Holdings(tuple(sorted(grants)), owners)


async def read_server(connection: asyncpg.Connection) -> Server:
    """What of the server and the database is round the wall. Raises UpstreamError."""

    async def rows(query: str, *arguments: object) -> list[Any] | None:
        try:
            async with connection.transaction(readonly=True):
                return list(await connection.fetch(query, *arguments))
        except (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError):
            return None

    try:
        [one] = await rows(
            "SELECT current_database()::text AS database, current_user::text AS login,"
            " host(inet_client_addr()) AS client, pg_get_userbyid(datdba)::text AS owner,"
            " extract(epoch FROM clock_timestamp())::float8 AS clock,"
            " current_setting('server_version_num')::int AS version FROM pg_database WHERE datname = current_database()"
        ) or [None]
        assert one is not None
        settings = {
            r["name"]: r["setting"]
            for r in await rows("SELECT name, setting FROM pg_settings WHERE name = ANY($1)", list(SETTINGS)) or ()
        }
        listed = "t.attnames::text[]" if one["version"] >= 150000 else "NULL::text[]"
        publications = await rows(PUBLICATIONS.format(columns=listed))
        slots = await rows(SLOTS)
        hba = await rows(HBA)
        servers = await rows(FOREIGN_SERVERS)
        extensions = await rows("SELECT extname::text AS name FROM pg_extension")
        roles = await rows(ROLES)
        set_for = await rows(LOGGED_ROLES)
        return Server(
            database=one["database"],
            login=one["login"],
            client=one["client"],
            owner=one["owner"],
            version=one["version"],
            clock=one["clock"],
            settings=settings,
            roles=tuple(
                RoleFacts(
                    r["name"], r["superuser"], r["login"], r["replication"], r["bypass"], r["createrole"],
                    tuple(r["admin_of"]),
                    tuple(s for f in set_for or () if f["name"] == r["name"] for s in f["settings"] or ()),
                )
                for r in roles or ()
            ),
            publications=None
            if publications is None
            else tuple(
                Publication(r["name"], r["everything"], r["schema"] or "", r["relation"] or "", _names(r["columns"]))
                for r in publications
            ),
            slots=None if slots is None else tuple((r["name"], r["plugin"], r["logical"]) for r in slots),
            hba=None
            if hba is None
            else tuple(
                HbaLine(
                    r["number"], r["type"] or "", tuple(r["database"] or ()), tuple(r["users"] or ()),
                    r["address"] or "", r["netmask"] or "", r["method"] or "", r["error"] or "",
                )
                for r in hba
            ),
            foreign_servers=tuple((r["name"], r["wrapper"], tuple(r["users"])) for r in servers or ()),
            extensions=frozenset(r["name"] for r in extensions or ()),
            languages=tuple((r["name"], r["used"]) for r in await rows(LANGUAGES) or ()),
            default_grants=tuple((r["maker"], r["schema"], r["grantee"]) for r in await rows(DEFAULT_GRANTS) or ()),
        )  # fmt: skip
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise UpstreamError("what surrounds the database cannot be read", error.__class__.__name__) from error


def _names(columns: list[str] | None) -> tuple[str, ...] | None:
    return None if columns is None else tuple(columns)
