"""Whether the catalog has changed, without reading it.

Knows that every change of a catalog fact writes a row with a new xmin, or takes a row away. Keeps the promise that
two equal fingerprints mean an unchanged catalog; unequal ones may also mean a rewrite that changed no fact (TRUNCATE,
REFRESH MATERIALIZED VIEW). Temporary objects do not count: sessions make and drop them all the time. ANALYZE and
VACUUM write their figures in place and do not count either.
"""

from __future__ import annotations

import hashlib

import asyncpg  # type: ignore[import-untyped]

from redactor.errors import UpstreamError

_LASTING = "(SELECT oid FROM pg_class WHERE relpersistence <> 't' AND relkind NOT IN ('t', 'i', 'I'))"
_SCHEMAS = "(SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast)')"

# catalog: what tells its rows apart (a bigint), and which rows count
_CATALOGS: dict[str, tuple[str, str]] = {
    "pg_class": ("oid::bigint", "relpersistence <> 't' AND relkind <> 't'"),
    "pg_attribute": ("attrelid::bigint * 2048 + attnum", f"attnum > 0 AND attrelid IN {_LASTING}"),
    "pg_attrdef": ("oid::bigint", f"adrelid IN {_LASTING}"),
    "pg_constraint": ("oid::bigint", f"conrelid = 0 OR conrelid IN {_LASTING}"),
    "pg_index": ("indexrelid::bigint", f"indrelid IN {_LASTING}"),
    "pg_trigger": ("oid::bigint", f"tgrelid IN {_LASTING}"),
    "pg_policy": ("oid::bigint", "true"),
    "pg_rewrite": ("oid::bigint", f"ev_class IN {_LASTING}"),
    "pg_inherits": ("inhrelid::bigint * 31 + inhparent::bigint", f"inhrelid IN {_LASTING}"),
    "pg_partitioned_table": ("partrelid::bigint", f"partrelid IN {_LASTING}"),
    "pg_depend": (
        "objid::bigint * 31 + refobjid::bigint * 7 + refobjsubid",
        "deptype = 'e' OR (deptype IN ('a', 'i') AND refobjsubid > 0 AND classid = 'pg_class'::regclass"
        f" AND refclassid = 'pg_class'::regclass AND objid IN {_LASTING})",
    ),
    "pg_proc": ("oid::bigint", f"pronamespace IN {_SCHEMAS}"),
    "pg_aggregate": ("aggfnoid::oid::bigint", "true"),
    "pg_operator": ("oid::bigint", f"oprnamespace IN {_SCHEMAS}"),
    "pg_cast": ("oid::bigint", "true"),
    "pg_type": ("oid::bigint", f"typnamespace IN {_SCHEMAS}"),
    "pg_range": ("rngtypid::bigint", "true"),
    "pg_enum": ("oid::bigint", "true"),
    "pg_namespace": ("oid::bigint", "nspname !~ '^pg_(temp|toast)'"),
    "pg_collation": ("oid::bigint", "true"),
    "pg_extension": ("oid::bigint", "true"),
    "pg_statistic_ext": ("oid::bigint", "true"),
    "pg_description": ("objoid::bigint * 2048 + objsubid", "classoid = 'pg_class'::regclass"),
    "pg_db_role_setting": ("setrole::bigint * 31 + setdatabase::bigint", "true"),
    "pg_auth_members": ("roleid::bigint * 31 + member::bigint", "true"),
}

# pg_authid, whose xmin would do, is not for an ordinary login; pg_roles shows what is read of it
_ROLES = (
    "SELECT 'pg_roles', count(*)::text || ' ' || coalesce(sum(hashtextextended("
    "concat_ws(',', oid, rolname, rolsuper, rolreplication, rolbypassrls, rolcanlogin), 0)), 0)::text FROM pg_roles"
)


def _state_of(catalog: str) -> str:
    """One line: how many rows, and the sum of a hash of each row's identity and xmin."""
    identity, counted = _CATALOGS[catalog]
    return (
        f"SELECT '{catalog}', count(*)::text || ' ' ||"
        f" coalesce(sum(hashtextextended(xmin::text, {identity})), 0)::text FROM {catalog} WHERE {counted}"
    )


async def fingerprint(connection: asyncpg.Connection) -> str:
    """64 hexadecimal digits that change when any fact that `read_catalog` reads changes.

    Scans the catalogs (about 0.1 s for 10,000 relations of 20 columns), takes no locks on user's tables. Raises
    UpstreamError.
    """
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL search_path = ''; SET LOCAL jit = off")
            visible = await connection.fetch(
                "SELECT name FROM unnest($1::text[]) name WHERE has_table_privilege(name, 'SELECT') ORDER BY name",
                list(_CATALOGS),
            )
            query = " UNION ALL ".join([_state_of(r["name"]) for r in visible] + [_ROLES])
            lines = await connection.fetch(query + " ORDER BY 1")
    except asyncpg.PostgresError as error:
        raise UpstreamError("the catalog cannot be looked at", f"{error.sqlstate}: {error}") from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError) as error:
        raise UpstreamError("the connection to the database was lost", error.__class__.__name__) from error
    return hashlib.sha256("\n".join(f"{name} {state}" for name, state in lines).encode()).hexdigest()
