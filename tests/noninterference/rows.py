# ruff: noqa: E501
"""The rows of Port Almer: what is public the same on both sides, what is protected another on each.

Pure: the same rows every time, made from hashes of names and numbers. Knows tables and columns, not databases. Every
protected text begins with QZ and is ten characters long; nothing public contains these two letters.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from psycopg.types.json import Jsonb

PERSONS = 240
STANDINGS = ("citizen", "naturalized", "resident", "parolee", "refugee", "tps", "none", "pending")
GIVEN = [
    "Ada",
    "Bo",
    "Cy",
    "Dot",
    "Eli",
    "Fay",
    "Gus",
    "Hal",
    "Ida",
    "Jo",
    "Kit",
    "Lou",
    "Max",
    "Nan",
    "Oda",
    "Pia",
    "Rex",
    "Sue",
    "Tom",
    "Una",
    "Val",
    "Wes",
    "Xan",
    "Yul",
    "Zoe",
]
FAMILY = [
    "Ash",
    "Beech",
    "Cedar",
    "Elder",
    "Fir",
    "Hazel",
    "Larch",
    "Maple",
    "Oak",
    "Pine",
    "Rowan",
    "Spruce",
    "Thorn",
    "Willow",
    "Yew",
]
WARDS = ["Harbor", "Mill", "Depot", "Campus", "Hill", "Meadow", "Foundry", "Orchard", "Quay", "Bridge"]
WORDS = [
    "broken",
    "lamp",
    "near",
    "the",
    "corner",
    "fallen",
    "branch",
    "loud",
    "music",
    "after",
    "dark",
    "paint",
    "on",
    "wall",
    "deep",
    "hole",
    "in",
    "road",
    "leak",
]
Row = Sequence[Any]
Tables = dict[str, tuple[tuple[str, ...], list[Row]]]


def _hash(*key: object) -> int:
    return int(hashlib.md5("|".join(map(str, key)).encode()).hexdigest(), 16)


def _in(low: int, high: int, *key: object) -> int:
    return low + _hash(*key) % (high - low)


def secret(side: str, *key: object) -> str:
    """A protected text of that side: `QZ` and eight capital letters or digits."""
    n, out = _hash("secret", side, *key), ""
    for _ in range(8):
        n, d = divmod(n, 34)
        out += "ABCDEFGHIJKLMNOPRSTUVWXY0123456789"[d]
    return "QZ" + out


def _day(year: int, *key: object) -> dt.date:
    return dt.date(year, 1, 1) + dt.timedelta(days=_in(0, 365, *key))


def _utc(day: dt.date, *key: object) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, _in(0, 24, *key), _in(0, 60, *key, 1), tzinfo=dt.UTC)


def _standing(side: str, i: int, aid: str | None) -> str:
    """Never the same in A and B, and never `none` where the CHECK forbids it."""
    pool = [s for s in STANDINGS if not (aid == "CALF" and s == "none")]
    a = _hash("standing", i) % len(pool)
    step = 0 if side == "a" else 1 + _hash("standing-b", i) % (len(pool) - 1)
    return pool[(a + step) % len(pool)]


def verified(side: str, i: int) -> bool:
    """Whether person i is verified: the other way round in B for the first thirty and two in three of the rest."""
    a = _hash("verified", i) % 3 != 0
    return a if side == "a" or (i > 30 and _hash("verified-b", i) % 3 == 0) else not a


def _persons(side: str) -> Iterator[Row]:
    for i in range(1, PERSONS + 1):
        given, family = GIVEN[_hash("given", i) % len(GIVEN)], FAMILY[_hash("family", i) % len(FAMILY)]
        aid = (None, "CALF", "WIC", "RENT")[_hash("aid", i) % 4]
        arrived = _day(_in(1911, 1919, side, i), side, i)
        begin = _day(2081, "residence", side, i)
        came = (_hash("came", i) % 2 == 0) != (side == "b" and i % 5 == 0)
        yield (
            i,
            given,
            family,
            f"{given.lower()}.{family.lower()}{i}@almer.example",
            f"555-{_in(1000, 9999, 'phone', i)}",
            _day(_in(1950, 2005, "born", i), "born", i),
            1 + _hash("ward", i) % len(WARDS),
            f"{_in(500, 4000, 'rent', i)}.{_in(10, 99, 'cents', i)}",
            [WORDS[_hash("hobby", i, k) % len(WORDS)] for k in range(_hash("hobbies", i) % 4)],
            _hash("mailing", i) % 2 == 0,
            Jsonb({"channel": ("sms", "post", "mail")[_hash("channel", i) % 3], "paper": i % 2 == 0}),
            aid,
            _utc(_day(2021, "created", i), "created", i),
            _standing(side, i, aid),
            secret(side, "permit", i),
            secret(side, "homeland", i % 40),
            arrived if came else None,
            None if came else arrived,
            f"[{begin},{begin + dt.timedelta(days=_in(20, 300, side, 'len', i))})",
            Jsonb(
                {
                    "case": secret(side, "case", i),
                    "hearing": str(_day(2083, side, "hearing", i)),
                    "kin": [secret(side, "kin", i)],
                }
            ),
            [secret(side, "tongue", i % 12), secret(side, "tongue", i % 7)],
            f"{_in(1000, 9999, side, 'fee', i)}.{_in(10, 99, side, 'fee cents', i)}",
            _in(1000, 9999, side, "points", i),
            verified(side, i),
            hashlib.md5(f"photo {side} {i}".encode()).digest(),
            _utc(_day(2085, side, "entry", i), side, i),
        )


def _words(*key: object) -> str:
    return " ".join(WORDS[_hash(*key, k) % len(WORDS)] for k in range(_in(3, 9, *key)))


def tables(side: str) -> Tables:
    """Every table's columns and rows, in an order that keeps foreign keys."""
    t: Tables = {}

    def put(name: str, columns: str, rows: Iterator[Row] | Sequence[Row]) -> None:
        t[name] = (tuple(columns.split()), list(rows))

    def many(n: int, make: Callable[[int], Row]) -> list[Row]:
        return [make(i) for i in range(1, n + 1)]

    put(
        "public.wards",
        "ward_id name seats area zips facts",
        many(
            len(WARDS),
            lambda i: (
                i,
                WARDS[i - 1],
                _in(1, 9, "seats", i),
                f"{_in(1, 90, 'area', i)}.{_in(10, 99, 'ha', i)}",
                [f"9{i:02}01", f"9{i:02}02"],
                Jsonb({"founded": _in(1850, 1950, "founded", i), "parks": _in(0, 5, "parks", i)}),
            ),
        ),
    )
    put(
        "public.persons",
        "person_id given_name family_name email phone born ward_id rent hobbies mailing prefs aid created"
        " standing permit homeland arrival sworn_in residence papers tongues fee_waiver points verified photo last_entry",
        _persons(side),
    )
    put(
        "public.tickets",
        "ticket_id person_id topic state urgency opened closed body labels extra cost",
        many(
            300,
            lambda i: (
                i,
                _in(1, PERSONS + 1, "ticket", i),
                ("road", "light", "noise", "water", "tree", "other")[_hash("topic", i) % 6],
                ("open", "done", "wait")[_hash("state", i) % 3],
                _in(1, 6, "urgency", i),
                _utc(_day(2024, "opened", i), "opened", i),
                None,
                _words("ticket", i),
                [WORDS[i % len(WORDS)]],
                Jsonb({"n": i % 7, "via": ("app", "desk")[i % 2]}),
                f"{_in(5, 900, 'cost', i)}.50",
            ),
        ),
    )
    put(
        "public.dockets",
        "docket_no opened subject",
        many(20, lambda i: (f"D-{i:04}", _day(2023, "docket", i), _words("docket", i))),
    )
    put(
        "court.hearings",
        "hearing_id held_at room kind note subject_standing detainer risk",
        many(
            120,
            lambda i: (
                i,
                _utc(_day(2023, "hearing", i), "hearing", i),
                f"room {_in(1, 6, 'room', i)}",
                ("traffic", "civil", "small")[_hash("kind", i) % 3],
                _words("hearing", i),
                secret(side, "subject", i),
                verified(side, i),
                _in(100, 999, side, "risk", i),
            ),
        ),
    )
    put(
        "court.dockets",
        "docket_no opened subject",
        many(
            14 if side == "a" else 19,
            lambda i: (f"D-{i * (2 if side == 'a' else 3):04}", _day(2082, side, i), secret(side, "docket", i)),
        ),
    )
    seen = ("local", "green", "undoc", "asylm", "other")
    put(
        "court.stops",
        "stop_id stopped_at officer outcome seen_as",
        many(
            100,
            lambda i: (
                i,
                _utc(_day(2023, "stop", i), "stop", i),
                f"officer {_in(10, 30, 'officer', i)}",
                ("warned", "cited", "let go")[_hash("out", i) % 3],
                seen[(_hash("seen", i) + (0 if side == "a" else 1 + _hash("seen-b", i) % 4)) % 5],
            ),
        ),
    )
    put(
        "court.arrests",
        "arrest_id on_day charge origin_code",
        many(60, lambda i: (i, _day(2023, "arrest", i), _words("charge", i), secret(side, "origin", i))),
    )
    put(
        "court.bonds",
        "bond_id amount visa_ends",
        many(40, lambda i: (i, f"{_in(100, 999, 'bond', i)}.25", _day(_in(2071, 2090, side, "visa", i), side, i))),
    )
    put(
        "court.fines",
        "fine_id issued amount plate id_shown",
        many(
            150,
            lambda i: (
                i,
                _day(2022 + i % 3, "fine", i),
                f"{_in(20, 400, 'fine', i)}.75",
                f"{_in(100, 999, 'plate', i)}-ABC",
                secret(side, "shown", i),
            ),
        ),
    )
    put(
        "court.contacts",
        "contact_id who met_at birthplace",
        many(
            40,
            lambda i: (
                i,
                f"{GIVEN[i % 25]} {FAMILY[i % 15]}",
                _utc(_day(2023, "met", i), i),
                secret(side, "birthplace", i),
            ),
        ),
    )
    put(
        "court.border_contacts",
        "contact_id who met_at birthplace agent consulate",
        many(
            20,
            lambda i: (
                100 + i,
                f"{GIVEN[i % 25]} {FAMILY[i % 15]}",
                _utc(_day(2023, "border", i), i),
                secret(side, "border", i),
                f"agent {i % 4}",
                verified(side, i),
            ),
        ),
    )
    put(
        "court.tips",
        "tip_id received words source_kind",
        many(40, lambda i: (i, _day(2023, "tip", i), _words("tip", i), secret(side, "source", i))),
    )
    put(
        "health.visits",
        "visit_id person_id clinic on_day reason bill payer interpreter lang_pair",
        many(
            300,
            lambda i: (
                i,
                1 + (i * 7) % PERSONS,
                f"clinic {_in(1, 5, 'clinic', i)}",
                dt.date(2023, 1, 1) + dt.timedelta(days=i),
                _words("visit", i),
                f"{_in(50, 900, 'bill', i)}.30",
                secret(side, "payer", i),
                secret(side, "interpreter", i % 15),
                secret(side, "pair", i % 9),
            ),
        ),
    )
    put(
        "health.screenings",
        "screening_id person_id camp on_day",
        many(
            20 if side == "a" else 31,
            lambda i: (i, i * (3 if side == "a" else 4), secret(side, "camp", i), _day(2082, side, "screening", i)),
        ),
    )
    put(
        "transit.routes",
        "route_id code name stops opened",
        many(9, lambda i: (i, f"R{i}", f"{WARDS[i - 1]} line", [WARDS[i - 1], WARDS[i % 10]], _day(1999, "route", i))),
    )
    put(
        "transit.trips",
        "trip_id route_id person_id due done",
        many(
            250,
            lambda i: (
                i,
                1 + _hash("trip", i) % 9,
                _in(1, PERSONS + 1, "rider", i),
                _day(2024, "due", i),
                None if i % 3 else _day(2024, "done", i),
            ),
        ),
    )
    put(
        "transit.cards",
        "card_no person_id zone issued id_kind id_number",
        many(
            150,
            lambda i: (
                f"C-{i:05}",
                i,
                f"zone {_in(1, 5, 'zone', i)}",
                _day(2022, "card", i),
                secret(side, "kind", i % 6),
                secret(side, "number", i),
            ),
        ),
    )
    put("transit.seats", "seat_id person_id note", many(10, lambda i: (i, None, f"seat {i}")))
    put(
        "records.files",
        "file_id person_id title pages body",
        many(
            60,
            lambda i: (
                i,
                _in(1, PERSONS + 1, "file", i),
                f"file {i}",
                _in(1, 30, "pages", i),
                " ".join(secret(side, "body", i, k) for k in range(20 if side == "a" else 90)),
            ),
        ),
    )
    put(
        "records.journal",
        "journal_id actor tbl pk act before",
        many(15, lambda i: (i, "load", "persons", str(i), "UPDATE", Jsonb({"homeland": secret(side, "before", i)}))),
    )
    put(
        "records.bookings",
        "booking_id counter booked_on slot visa_slot",
        [
            (
                c * 10 + j,
                c,
                _day(2024, "booked", c, j),
                f"[2024-0{1 + j}-01,2024-0{1 + j}-20)",
                f"[{dt.date(2081, 1 + 2 * j, 1) + dt.timedelta(days=_in(0, 20, side, c, j))},2081-{2 + 2 * j:02}-{_in(10, 20, side, c, j, 'end')})",
            )
            for c in range(1, 6)
            for j in range(4)
        ],
    )
    put(
        "records.aliases",
        "alias_id spelling permit",
        many(20, lambda i: (i, f"{GIVEN[i % 25]}h", secret(side, "permit", i))),
    )
    put(
        "records.forms",
        "form_id received note origin hint",
        many(8, lambda i: (i, _day(2024, "form", i), _words("form", i), secret(side, "form", i), "Q")),
    )
    put(
        "public.suggestions",
        "ward_id words votes",
        many(12, lambda i: (1 + i % 10, _words("suggestion", i), _in(0, 60, "votes", i))),
    )
    put("transit.desks", "desk_id person_id note", [(1, 15, "window"), (2, 48, "door"), (3, None, "hall")])
    put("health.refills", "refill_id drug payer", many(40, lambda i: (i, f"drug {i % 9}", secret(side, "refill", i))))
    put(
        "records.sheets",
        "sheet_id name cells",
        many(20, lambda i: (i, f"sheet {i}", f"land=>{secret(side, 'sheet', i)}")),
    )
    return t
