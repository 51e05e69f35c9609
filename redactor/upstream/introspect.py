"""The catalog, read: pg_catalog's rows in, one immutable `Catalog` out.

Knows how PostgreSQL's facts fit together; asks for nothing but definitions, never for a row of a user's table or a
statistic of one. All is read in one REPEATABLE READ READ ONLY transaction. Functions such as pg_get_viewdef see the
newest state whatever the transaction's, so a reading that meets concurrent DDL may fail: it is then made again. They
also wait for locks; a reading does not: what is locked is left unread, and the catalog says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

import asyncpg  # type: ignore[import-untyped]

from redactor.catalog import Cast, Catalog, Column, Relation
from redactor.errors import UpstreamError
from redactor.upstream import queries
from redactor.upstream.facts import Facts, Row, Strings, grouped, reads_by, roles_from

ATTEMPTS = 10
PATIENCE = 1.0
"""Seconds for which a lock that is in the way is waited for."""
BATCH = 1000
"""Rows of pg_attribute in memory at a time, before they are columns; while they are decoded no other thread runs."""


async def read_catalog(connection: asyncpg.Connection, database_name: str, known: Catalog | None = None) -> Catalog:
    """Everything of the connected database that decides what a name means or what reading it reads.

    `database_name` is the name that clients connect to, which the catalog then bears; upstream's may be another.
    Raises UpstreamError. The login needs no privilege beyond CONNECT. Take a `fingerprint` before this, not after:
    then DDL that comes in between shows as a change at the next look. `known`: an earlier reading; relations that are
    as they were are its very objects.

    What others have locked for themselves (ALTER TABLE, VACUUM FULL ...) cannot be looked at while they do. Columns are
    known all the same; expressions and views over such a relation are texts that nothing can read, so that what
    depends on them counts as hidden. `Catalog.locked` has these relations: read again when `locked` says they are free.
    """
    before = {} if known is None else known.relations
    for attempt in range(1, ATTEMPTS + 1):
        try:
            avoided = await _locked_for_long(connection)
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                await connection.execute(
                    "SET LOCAL search_path = ''; SET LOCAL jit = off; SET LOCAL lock_timeout = '1s'"
                )
                return await _read(connection, database_name, avoided, before)
        except asyncpg.LockNotAvailableError as error:
            # locked since we looked
            if attempt == ATTEMPTS:
                raise UpstreamError(f"the catalog of {database_name} cannot be read", _plain(error)) from error
        except (asyncpg.InternalServerError, asyncpg.SyntaxOrAccessError) as error:
            # "cache lookup failed for ...", "relation with OID ... does not exist": dropped while we looked
            if attempt == ATTEMPTS or isinstance(error, asyncpg.InsufficientPrivilegeError):
                raise UpstreamError(f"the catalog of {database_name} cannot be read", _plain(error)) from error
            await asyncio.sleep(0.1 * attempt)
        except asyncpg.PostgresError as error:
            raise UpstreamError(f"the catalog of {database_name} cannot be read", _plain(error)) from error
        except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError) as error:
            raise UpstreamError(
                f"the connection was lost while reading the catalog of {database_name}", error.__class__.__name__
            ) from error
    raise AssertionError("unreachable")


async def locked(connection: asyncpg.Connection) -> frozenset[int]:
    """Oids of the relations that somebody has locked for himself alone now, or waits to. Raises UpstreamError."""
    try:
        return frozenset(r["relation"] for r in await connection.fetch(queries.LOCKED))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise UpstreamError("the database's locks cannot be looked at", error.__class__.__name__) from error


async def _locked_for_long(connection: asyncpg.Connection) -> frozenset[int]:
    """What is still locked when it has been waited for a moment: most locks are gone by then."""
    until = asyncio.get_running_loop().time() + PATIENCE
    while found := await locked(connection):
        if asyncio.get_running_loop().time() > until:
            break
        await asyncio.sleep(0.05)
    return found


def _plain(error: asyncpg.PostgresError) -> str:
    return f"{error.sqlstate}: {error.args[0] if error.args else ''}"


async def _read(
    connection: asyncpg.Connection, database_name: str, avoided: frozenset[int], before: Mapping[int, Relation]
) -> Catalog:
    held = [r["object"] for r in await connection.fetch(queries.HELD, list(avoided))] if avoided else []

    async def rows(query: str) -> list[Row]:
        return list(await connection.fetch(query, *([held] if "$1" in query else ())))

    async def each(query: str) -> Iterator[Row]:
        """Rows of which there are as many as relations or types, to be gone through once."""
        return _spent(await rows(query))

    one = Strings()
    [database] = await rows(queries.DATABASE)
    version: int = database["version"]
    schemas = {r["oid"]: one[r["name"]] for r in await rows(queries.SCHEMAS)}
    extensions = {r["oid"]: (one[r["name"]], r["version"]) for r in await rows(queries.EXTENSIONS)}
    member: dict[tuple[str, int], str] = {
        (r["catalog"], r["object"]): extensions[r["extension"]][0] for r in await rows(queries.MEMBERS)
    }
    role_rows = await rows(queries.ROLES)
    role_names = {r["oid"]: one[r["name"]] for r in role_rows}
    roles = roles_from(
        role_rows,
        await rows(queries.memberships(version)),
        await _optional(connection, queries.ROLE_SETTINGS),
        database["database"],
    )
    columns = await _columns(connection, one, held, before)
    names = {oid: {c.number: c.name for c in cs} for oid, cs in columns.items()}
    facts = Facts(one, schemas, role_names, member, names)

    constraints = facts.constraints(await each(queries.CONSTRAINTS))
    indexes = facts.indexes(await each(queries.INDEXES))
    triggers = facts.triggers(await each(queries.TRIGGERS))
    policies = facts.policies(await rows(queries.POLICIES))
    rules = facts.rules(await rows(queries.RULES))
    statistics = facts.statistics(await _optional(connection, queries.STATISTICS, held))
    parents = grouped(await each(queries.PARENTS), "child", "parent")
    keys = facts.partition_keys(await rows(queries.PARTITIONED), await rows(queries.KEY_COLUMNS))
    owned = {r["sequence"]: (r["relation"], r["number"]) for r in await each(queries.OWNED_SEQUENCES)}
    reads = reads_by(await each(queries.RELATION_READS), "relation")

    relations: dict[int, Relation] = {}
    for r in await each(queries.RELATIONS):
        oid = r["oid"]
        key, key_columns = keys.get(oid, (None, ()))
        options = set(r["options"] or ())
        made = Relation(
            oid=oid,
            schema=schemas[r["schema"]],
            name=one[r["name"]],
            kind=one[r["kind"]],
            owner=role_names.get(r["owner"], ""),
            columns=columns.get(oid, ()),
            definition=r["definition"],
            parents=parents.get(oid, ()),
            partition=r["partition"],
            partition_key=key,
            partition_columns=key_columns,
            row_security=r["row_security"],
            force_row_security=r["force_row_security"],
            policies=policies.get(oid, ()),
            rules=rules.get(oid, ()),
            constraints=constraints.get(oid, ()),
            indexes=indexes.get(oid, ()),
            triggers=triggers.get(oid, ()),
            owned_by=owned.get(oid),
            comment=r["comment"],
            security_invoker=_is_on("security_invoker", options),
            security_barrier=_is_on("security_barrier", options),
            reads=reads.get(oid, frozenset()),
            extension=member.get(("pg_class", oid)),
            statistics=statistics.get(oid, ()),
            toast=tuple(r["toast"] or ()),
        )
        old = before.get(oid)
        relations[oid] = old if old is not None and old == made else made
    # all at once they would hold the interpreter for as long as they are many
    for many in (columns, names, constraints, indexes, triggers, policies, rules, statistics, keys, owned, reads):
        while many:
            many.popitem()

    builtin_names = {r["oid"]: one[r["name"]] for r in await each(queries.BUILTINS)}
    return Catalog(
        database=database_name,
        version=version,
        encoding=database["encoding"],
        relations=relations,
        functions=facts.functions(
            await rows(queries.functions(version)),
            await rows(queries.AGGREGATES),
            reads_by(await rows(queries.FUNCTION_READS), "function"),
        ),
        operators=facts.operators(await rows(queries.OPERATORS)),
        casts=tuple(
            Cast(r["source"], r["target"], r["function"], one[r["context"]], member.get(("pg_cast", r["oid"])))
            for r in await rows(queries.CASTS)
        ),
        types=facts.types(
            await each(queries.TYPES),
            await rows(queries.ranges(version)),
            grouped(await rows(queries.DOMAIN_CHECKS), "type", "expression"),
            grouped(await rows(queries.LABELS), "type", "label"),
        ),
        roles=roles,
        schemas=frozenset(schemas.values()),
        builtin_functions=frozenset(one[r["name"]] for r in await rows(queries.BUILTIN_NAMES)),
        builtin_names=builtin_names,
        extensions=dict(sorted(extensions.values())),
        locked=avoided & relations.keys(),
    )


async def _optional(connection: asyncpg.Connection, query: str, *given: object) -> list[Row]:
    """Facts that a hardened server may not let an ordinary login see: none then."""
    try:
        async with connection.transaction():
            return list(await connection.fetch(query, *given))
    except asyncpg.InsufficientPrivilegeError:
        return []


async def _columns(
    connection: asyncpg.Connection, one: Strings, held: list[int], before: Mapping[int, Relation]
) -> dict[int, tuple[Column, ...]]:
    """Every relation's live columns in order. By far the largest reading, so it comes in batches."""
    types = {(r["type"], r["modifier"]): one[r["name"]] for r in await connection.fetch(queries.COLUMN_TYPES)}
    collations = {r["oid"]: one[r["name"]] for r in await connection.fetch(queries.COLLATIONS)}
    found: dict[int, tuple[Column, ...]] = {}
    relation, gathered = 0, list[Column]()
    async for row in connection.cursor(queries.COLUMNS, held, prefetch=BATCH):
        owner, number, name, type_oid, modifier, not_null, identity, generated, expression, *rest = row.values()
        collation, comment, inherited = rest
        if owner != relation:
            if gathered:
                found[relation] = _known(gathered, before.get(relation))
            relation, gathered = owner, []
        if expression is not None:
            expression = one[expression]
        gathered.append(
            Column(
                one[name],
                number,
                types[type_oid, modifier],
                type_oid,
                not_null,
                None if generated else expression,
                expression if generated else None,
                identity,
                collations.get(collation),
                comment,
                inherited,
            )
        )
    if gathered:
        found[relation] = _known(gathered, before.get(relation))
    return found


def _known(columns: list[Column], relation: Relation | None) -> tuple[Column, ...]:
    """The columns: those that the relation had, where they are as they were."""
    made = tuple(columns)
    return relation.columns if relation is not None and relation.columns == made else made


def _spent(rows: list[Row]) -> Iterator[Row]:
    """Each row, of which nothing is left when the next is asked for: all at once would hold the interpreter."""
    rows.reverse()
    while rows:
        yield rows.pop()


def _is_on(option: str, options: set[str]) -> bool:
    return any(f"{option}={v}" in options for v in ("true", "on", "yes", "1"))
