"""Columns of any database that SQLAlchemy can inspect: MySQL, MariaDB, SQL Server, SQLite; no proxy is needed there.

Knows SQLAlchemy's inspector. Like the scan of PostgreSQL it turns sampled values into rates at once and keeps none; a
table that cannot be read is still judged by its names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module

from sqlalchemy import Engine, MetaData, Table, create_engine, inspect, select
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from redactor.errors import ConfigurationError, Fault, UpstreamError
from redactor.model import ColumnName, RelationName
from redactor.tagging.facts import ColumnFacts, TableFacts, declared_in, family, labels_in
from redactor.tagging.pack import Pack
from redactor.tagging.values import profile

_SYSTEM = frozenset({"information_schema", "mysql", "performance_schema", "sys", "pg_catalog"})


def scan(url: str, pack: Pack, rows: int) -> Iterator[tuple[RelationName, TableFacts, str]]:
    """Every table with its facts, and why its values were not looked at. `rows` of each at most; 0: no values.

    Raises UpstreamError where the database cannot be reached.
    """
    try:
        engine = create_engine(url)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise UpstreamError("this URL cannot be used", error.__class__.__name__) from error
    try:
        yield from _tables(engine, pack, rows)
    except SQLAlchemyError as error:
        raise UpstreamError("the database cannot be read", error.__class__.__name__) from error
    finally:
        engine.dispose()


def declared(metadata: MetaData) -> dict[ColumnName, tuple[str, ...]]:
    """The tags that an app team wrote into its SQLAlchemy models: `Column(info={"redactor": ["status"]})`.

    A column whose info says `"redactor": []` is declared harmless, and is left out: only a person may say so.
    """
    out = {}
    for table in metadata.tables.values():
        for column in table.columns:
            tags = column.info.get("redactor")
            if tags:
                given = (tags,) if isinstance(tags, str) else tuple(str(t) for t in tags)
                out[ColumnName(table.schema or "public", table.name, column.name)] = given
    return out


def models(place: str) -> MetaData:
    """The metadata at `package.module:attribute` (a MetaData, or a declarative base). Imports, and so runs, the module.

    Raises ConfigurationError where there is none.
    """
    module, _, attribute = place.partition(":")
    try:
        found = import_module(module)
        for part in (attribute or "metadata").split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError([Fault(place, 0, 0, f"no models there: {error}", "package.module:Base")]) from error
    metadata = getattr(found, "metadata", found)
    if not isinstance(metadata, MetaData):
        raise ConfigurationError([Fault(place, 0, 0, "neither a MetaData nor a declarative base")])
    return metadata


def _tables(engine: Engine, pack: Pack, rows: int) -> Iterator[tuple[RelationName, TableFacts, str]]:
    seen = inspect(engine)
    for schema in [s for s in seen.get_schema_names() if s.lower() not in _SYSTEM]:
        for name in seen.get_table_names(schema):
            foreign = {
                k["constrained_columns"][0]: (k["referred_table"], k["referred_columns"][0])
                for k in seen.get_foreign_keys(name, schema)
                if len(k["constrained_columns"]) == 1 and k["referred_columns"]
            }
            columns = tuple(_column(c, foreign) for c in seen.get_columns(name, schema))
            facts, note = TableFacts(name, columns, engine.url.database or ""), ""
            if rows:
                try:
                    facts = _sampled(engine, schema, facts, pack, rows)
                except SQLAlchemyError as error:
                    note = f"not sampled: {error.__class__.__name__}"
            yield RelationName(schema, name), facts, note


def _column(c: ReflectedColumn, foreign: dict[str, tuple[str, str]]) -> ColumnFacts:
    type_, comment = str(c["type"]), c.get("comment") or ""
    return ColumnFacts(
        c["name"], type_, comment, labels_in(type_), foreign.get(c["name"]), declared=declared_in(comment)
    )


def _sampled(engine: Engine, schema: str, facts: TableFacts, pack: Pack, rows: int) -> TableFacts:
    table = Table(facts.name, MetaData(), schema=schema, autoload_with=engine)
    with engine.connect() as connection:
        records = connection.execute(select(table).limit(rows)).all()
    at = {c.name: i for i, c in enumerate(table.columns)}
    columns = (
        replace(c, profile=profile((r[at[c.name]] for r in records), pack, family(c.type))) for c in facts.columns
    )
    return replace(facts, columns=tuple(columns))
