"""PostgreSQL's own functions, system relations and settings, and those of common extensions: what each may be used for.

Knows the reviewed lists that lie beside it as data and nothing of policies, catalogs or statements. `load()` reads
them once; a `Builtins` is immutable and does no I/O. What is not on a list is UNKNOWN, never harmless: a name that a
later PostgreSQL brings is refused until somebody has looked at it. The facts (`*.tsv`) are made by
tools/read_builtins.py from real servers, the judgements (`*.toml`) are written by hand, each with its reason.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias


class Kind(Enum):
    """What a function does, as far as it matters to someone who must not see everything."""

    HARMLESS = "harmless"
    """Its result, its failing and its side effects depend on its arguments and the session alone."""
    CATALOG = "catalog"
    """Reads definitions, which depend on no rows."""
    TYPE = "type"
    """As harmless as the type that argument `argument` names in text."""
    SEQUENCE = "sequence"
    """As harmless as the sequence that argument `argument` names; 0: the one that the session used last."""
    SETTING = "setting"
    """As harmless as the setting that argument `argument` names."""
    FIGURE = "figure"
    """A size or count of the relation that argument `argument` names by oid or name; 0: of all of them together."""
    STORAGE = "storage"
    """How a stored value (argument `argument`) is kept: depends on all columns of its row."""
    SQL = "sql"
    """Runs SQL, or reads relations, that text names."""
    SERVER = "server"
    """Reads or changes files, the server, or other sessions."""
    UNKNOWN = "unknown"
    """Not reviewed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A function's judgement. `argument` counts from 1; 0: none (see Kind)."""

    kind: Kind
    because: str
    argument: int = 0

    @property
    def harmless(self) -> bool:
        """Whether anyone may call it with anything."""
        return self.kind in (Kind.HARMLESS, Kind.CATALOG)


class How(Enum):
    """Which rows of a system relation have something to hide."""

    RELATION = "relation"
    """Those whose column `keys[0]` holds the oid of a protected relation, or of its index, TOAST table or sequence."""
    PREDICATE = "predicate"
    """As RELATION, of pg_locks: locks on pages and rows, and those that a serializable transaction reads under."""
    NAME = "name"
    """Those whose columns `keys` hold schema and name of a protected relation or its sequence."""
    SESSION = "session"
    """Those whose column `keys[0]` is another pid than pg_backend_pid()."""
    ALWAYS = "always"
    """All of them."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """In the rows that `how` and `keys` say, `columns` read as NULL; no columns: those rows are left out.

    Columns that a version does not have are named all the same.
    """

    columns: tuple[str, ...]
    how: How
    keys: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Open:
    """A system relation that anyone may read."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A system relation that is refused."""

    because: str


@dataclass(frozen=True, slots=True)
class Partial:
    """A system relation that anyone may read but for what is hidden."""

    hidden: tuple[Hidden, ...]


RelationVerdict: TypeAlias = Open | Closed | Partial


class Effect(Enum):
    """What a change of a setting means to the proxy. Reading one (SHOW) is harmless always."""

    HARMLESS = "harmless"
    VALUES = "values"
    """Harmless with one of `values` (in lower case); refused with any other. Its default is among them."""
    PATH = "path"
    """search_path: decides what names mean."""
    ENCODING = "encoding"
    """client_encoding: decides what bytes mean."""
    ROLE = "role"
    """Another role: whoever it is stays the login for every decision."""
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SettingVerdict:
    """A setting's judgement."""

    effect: Effect
    because: str
    values: frozenset[str] = frozenset()

    def allows(self, value: str) -> bool:
        """Whether it may be set to this value, for the effects that need nothing else to be known."""
        match self.effect:
            case Effect.HARMLESS:
                return True
            case Effect.VALUES:
                return value.strip().lower() in self.values
            case _:
                return False


@dataclass(frozen=True, slots=True)
class _Extension:
    harmless: bool
    because: str
    functions: Mapping[str, Verdict]
    relations: Mapping[str, RelationVerdict]


_IMMUTABLE = Verdict(Kind.HARMLESS, "IMMUTABLE: depends on its arguments alone")
_UNCALLABLE = Verdict(Kind.HARMLESS, "takes or gives a type that no statement has values of")
_UNKNOWN = Verdict(Kind.UNKNOWN, "not in the reviewed list for this version of PostgreSQL")
_CUSTOM = SettingVerdict(Effect.HARMLESS, "a setting of an application's or an extension's own")
_SERVERS = SettingVerdict(Effect.HARMLESS, "the server lets no session change it")


@dataclass(frozen=True, slots=True)
class Builtins:
    """The reviewed lists. Made by `load`."""

    _functions: Mapping[str, tuple[int, int, Verdict, Mapping[int, Verdict]]]
    _relations: Mapping[tuple[str, str], RelationVerdict]
    _settings: Mapping[str, SettingVerdict]
    _extensions: Mapping[str, _Extension]

    def judge(self, name: str, version: int, arguments: int | None = None) -> Verdict:
        """A function of pg_catalog by its name. `version` is server_version_num; `arguments` how many a call gives."""
        found = self._functions.get(name)
        if found is None:
            return _UNKNOWN
        first, last, verdict, special = found
        if not first <= version // 10000 <= last:
            return _UNKNOWN
        return special.get(arguments, verdict) if arguments is not None else verdict

    def judge_extension(self, extension: str, name: str) -> Verdict:
        """A function that belongs to an extension, whichever schema it is in."""
        found = self._extensions.get(extension)
        if found is None:
            return Verdict(Kind.UNKNOWN, f"the extension {extension} is not in the reviewed list")
        if (verdict := found.functions.get(name)) is not None:
            return verdict
        return Verdict(Kind.HARMLESS if found.harmless else Kind.SERVER, found.because)

    def relation(self, schema: str, name: str) -> RelationVerdict:
        """A relation of pg_catalog or information_schema."""
        return self._relations.get((schema, name), Closed("not in the reviewed list of system relations"))

    def relation_of_extension(self, extension: str, name: str) -> RelationVerdict | None:
        """A relation that belongs to an extension; None: an ordinary table, as the catalog file has it."""
        found = self._extensions.get(extension)
        return found.relations.get(name) if found is not None else None

    def setting(self, name: str) -> SettingVerdict:
        """A setting by its name, in any case of letters."""
        name = name.lower()
        if (found := self._settings.get(name)) is not None:
            return found
        if "." in name:
            prefix = name.partition(".")[0]
            return self._settings.get(f"{prefix}.*", _CUSTOM)
        return SettingVerdict(Effect.UNKNOWN, "no version of PostgreSQL has such a setting")

    def settings_with_default(self) -> Iterator[tuple[str, SettingVerdict]]:
        """Those that have but some harmless values: what a session must start with one of."""
        return ((n, v) for n, v in sorted(self._settings.items()) if v.effect is Effect.VALUES)


def load() -> Builtins:
    """The lists, read from the package. Takes some milliseconds; call it once."""
    return Builtins(
        _functions_from(_facts("pg_proc"), _judged("functions")["family"]),
        _relations_from(_judged("relations")),
        _settings_from(_facts("pg_settings"), _judged("settings")["group"]),
        {e["name"]: _extension_from(e) for e in _judged("extensions")["extension"]},
    )


@cache
def steady() -> frozenset[str]:
    """Functions that give a result and do nothing else, and tell of no session or catalog."""
    rows = _facts("pg_proc")
    fixed = {name for name, _, _, volatilities, *_ in rows if volatilities == "i"}
    stable = {name for name, _, _, volatilities, *_ in rows if set(volatilities) <= {"i", "s"}}
    return frozenset(fixed | {n for n in stable if not n.startswith(_TELLING) and "cursor" not in n} | _FRESH)


_TELLING = (
    "pg_",
    "current_",
    "has_",
    "inet_",
    "txid_",
    "to_reg",
    "currtid",
    "col_",
    "obj_",
    "row_security",
    "ts_",
    "query_",
)
_FRESH = frozenset({"random", "gen_random_uuid", "uuidv4", "uuidv7", "clock_timestamp"})


def _facts(name: str) -> list[list[str]]:
    text = files(__name__).joinpath(f"{name}.tsv").read_text("utf-8")
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def _judged(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__name__).joinpath(f"{name}.toml").read_text("utf-8"))


def _functions_from(
    facts: list[list[str]], families: list[dict[str, Any]]
) -> dict[str, tuple[int, int, Verdict, Mapping[int, Verdict]]]:
    judged: dict[str, Verdict] = {}
    special: dict[str, dict[int, Verdict]] = {}
    for family in families:
        verdict = Verdict(Kind(family["verdict"]), family["because"], family.get("argument", 0))
        for name in family["names"].split():
            if "arguments" in family:
                special.setdefault(name, {})[family["arguments"]] = verdict
            else:
                judged[name] = verdict
    found: dict[str, tuple[int, int, Verdict, Mapping[int, Verdict]]] = {}
    for name, first, last, volatilities, _, _, callable_ in facts:
        otherwise = _UNCALLABLE if callable_ == "no" else _IMMUTABLE if volatilities == "i" else _UNKNOWN
        found[name] = (int(first), int(last), judged.get(name, otherwise), special.get(name, {}))
    return found


def _relations_from(judged: dict[str, Any]) -> dict[tuple[str, str], RelationVerdict]:
    found: dict[tuple[str, str], RelationVerdict] = {}
    for group in judged["open"]:
        found |= {(group["schema"], name): Open() for name in group["names"].split()}
    for group in judged["closed"]:
        found |= {(group["schema"], name): Closed(group["because"]) for name in group["names"].split()}
    for group in judged["partial"]:
        hidden = _hidden_from(group)
        for name in group["names"].split():
            before = found.get((group["schema"], name))
            rest = before.hidden if isinstance(before, Partial) else ()
            found[group["schema"], name] = Partial((*rest, hidden))
    return found


def _hidden_from(group: dict[str, Any]) -> Hidden:
    keys = tuple(group.get("keys", "").split())
    return Hidden(tuple(group.get("columns", "").split()), How(group["how"]), keys, group["because"])


def _settings_from(facts: list[list[str]], groups: list[dict[str, Any]]) -> dict[str, SettingVerdict]:
    found = {name: _SERVERS for name, _, _, context in facts if context in ("internal", "postmaster", "sighup")}
    for group in groups:
        values = frozenset(group.get("values", "").split(" ")) if "values" in group else frozenset()
        verdict = SettingVerdict(Effect(group["effect"]), group["because"], values)
        found |= dict.fromkeys(group["names"].split(), verdict)
    return found


def _extension_from(judged: dict[str, Any]) -> _Extension:
    functions = {
        name: Verdict(Kind(family["verdict"]), family["because"], family.get("argument", 0))
        for family in judged.get("but", ())
        for name in family["names"].split()
    }
    relations: dict[str, RelationVerdict] = dict.fromkeys(judged.get("open", "").split(), Open())
    relations |= dict.fromkeys(judged.get("closed", "").split(), Closed(judged["because"]))
    return _Extension(judged["harmless"], judged["because"], functions, relations)
