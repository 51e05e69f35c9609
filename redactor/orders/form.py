"""The form in which a demand is entered, as YAML or JSON, and orders as the store keeps them.

Knows the form's keys and how an order is spelled as JSON. Must not judge a demand (`checks`). Invariant: what is read
back is the order that was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator, TypeAdapter, WithJsonSchema

from redactor.errors import ConfigurationError, Fault
from redactor.model import Opening, RelationName
from redactor.orders.checks import EMERGENCY, USUAL
from redactor.orders.order import KINDS, Answer, Asker, Demand, Instrument, Lane, Order, Paper, Scope
from redactor.yamlfile import Document, Form, in_order, wrong

_ORDER: TypeAdapter[Order] = TypeAdapter(Order)


def write(order: Order) -> bytes:
    """The order as JSON."""
    return _ORDER.dump_json(order)


def read(data: bytes | str) -> Order:
    """The order that `write` wrote."""
    return _ORDER.validate_json(data)


# ------------------------------------------------------------------ the form


def _instrument(value: object) -> Instrument:
    try:
        return value if isinstance(value, Instrument) else Instrument(value)
    except ValueError:
        raise wrong(f"there is no instrument {value!r}", "; ".join(i.value for i in Instrument)) from None


def _relation(value: object) -> str:
    if not isinstance(value, str) or value.count(".") != 1 or not all(value.split(".")):
        raise wrong("a table is schema.table", "public.residents")
    return _sane(value)


def _id(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > 200:
        raise wrong("an id is a number or a text of at most 200 characters")
    return _sane(str(value))


def _time(value: object) -> str:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        raise wrong("this is no time", "2026-03-01T09:00, UTC") from None
    return str(value)


def _moment(value: object) -> str:
    text = _time(value)
    if not 2000 <= datetime.fromisoformat(text).year < 2200:
        raise wrong("this is no time of an order's", "2026-03-01T09:00, UTC")
    return text


def _sane(value: str) -> str:
    if re.search("[\x00\ud800-\udfff]", value):
        raise wrong("there is a character in it that is none")
    return value


Instrumental = Annotated[
    Instrument,
    PlainValidator(_instrument),
    WithJsonSchema({"type": "string", "enum": [i.value for i in Instrument]}, mode="validation"),
]
Identifier = Annotated[str, PlainValidator(_id, json_schema_input_type=str | int)]
Time = Annotated[str, PlainValidator(_time, json_schema_input_type=str)]
Moment = Annotated[str, PlainValidator(_moment, json_schema_input_type=str)]
Table = Annotated[str, PlainValidator(_relation, json_schema_input_type=str)]
Short = Annotated[str, Field(max_length=500), AfterValidator(_sane)]
Long = Annotated[str, Field(max_length=5_000), AfterValidator(_sane)]


class AskerForm(Form):
    """Who demands it."""

    name: Short
    agency: Short
    badge: Short = ""
    phone: Short = Field(default="", description="found independently, and called")


class TableForm(Form):
    """What is demanded of one table."""

    columns: dict[Short, Long] = Field(max_length=200, description="column to the words of the paper that call for it")
    key: Short = Field(description="the column by which people or records are named")
    ids: list[Identifier] = Field(description="their ids in that column", max_length=10_000)
    dated: Short = Field(default="", description="only rows of a period: the column with the time")
    since: Time | None = None
    until: Time | None = Field(default=None, description="before that time")


class ScopeForm(Form):
    """What would be opened."""

    database: Short
    login: Short = Field(description="the database login that may read")
    begins: Moment | None = Field(default=None, description="UTC; when it is received, unless given")
    ends: Moment | None = Field(default=None, description="UTC; 72 hours later (an emergency: 4), unless given")
    rows: int = Field(description="at most so many rows, all statements together", ge=1)
    tables: dict[Table, TableForm] = Field(max_length=20)


class AnswerForm(Form):
    """What a person says to a check."""

    answer: Literal["yes", "no"]
    because: Long = ""


class DemandForm(Form):
    """A demand, as it is entered."""

    instrument: Instrumental
    document_sha256: Short = Field(default="", description="of the scanned document")
    channel: Short = "paper"
    asker: AskerForm
    court: Short = ""
    judge: Short = ""
    judge_title: Short = ""
    signed: bool = False
    form_number: Short = ""
    case: Short = ""
    issued: Short = Field(default="", description="2026-03-01")
    valid_until: Short = ""
    served: Short = Field(default="", description="how and on whom")
    offence: Short = ""
    danger: Long = Field(default="", description="an emergency's: to whom, and why")
    gag: Long = Field(default="", description="the order that nobody be told")
    gag_until: Short = ""
    scope: ScopeForm | None = None
    answers: dict[Short, AnswerForm] = Field(default={}, description="to the checks that a person answers")


def fill(form: DemandForm, by: str, at: float) -> Demand:
    """The demand that a form makes, entered by somebody at a time (seconds since the epoch, UTC)."""
    paper = Paper(
        form.instrument,
        form.document_sha256.lower(),
        form.court,
        form.judge,
        form.judge_title,
        form.signed,
        form.form_number,
        form.case,
        form.issued,
        form.valid_until,
        form.served,
        form.offence,
    )
    asker = Asker(form.asker.name, form.asker.agency, form.asker.badge, form.asker.phone)
    scope = None if form.scope is None else _scope(form.scope, paper, at)
    answers = tuple(Answer(check, a.answer, a.because.strip(), by) for check, a in form.answers.items())
    return Demand(at, by, form.channel, asker, paper, scope, answers, form.danger, form.gag, form.gag_until)


def _scope(form: ScopeForm, paper: Paper, at: float) -> Scope:
    openings = []
    words = []
    for name, table in form.tables.items():
        schema, _, relation = name.partition(".")
        openings.append(
            Opening(
                RelationName(schema, relation),
                frozenset(table.columns),
                table.key,
                frozenset(table.ids),
                table.dated,
                table.since or "",
                table.until or "",
            )
        )
        words += [(f"{name}.{column}", said) for column, said in table.columns.items()]
    begins = _seconds(form.begins) if form.begins else at
    ends = _seconds(form.ends) if form.ends else _usual_end(paper, begins)
    people = sum(len(o.keys) for o in openings)
    return Scope(form.database, form.login, tuple(openings), begins, ends, form.rows, people, tuple(words))


def _usual_end(paper: Paper, begins: float) -> float:
    if KINDS[paper.instrument].lane is Lane.EMERGENCY:
        return begins + EMERGENCY
    try:
        last = datetime.fromisoformat(paper.valid_until).replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        return begins + USUAL
    return min(begins + USUAL, last.timestamp() - 1)


def _seconds(text: str) -> float:
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def parse(document: Document) -> DemandForm:
    """The form that a document fills in. Raises ConfigurationError with every fault."""
    from redactor.orders.checks import ASKED

    form, faults = document.check(DemandForm)
    if form is None:
        raise ConfigurationError(in_order(faults))
    strange = [c for c in form.answers if c not in ASKED]
    if strange:
        raise ConfigurationError(
            [document.fault(("answers", strange[0]), f"no person answers `{strange[0]}`", ", ".join(ASKED), key=True)]
        )
    return form


def from_values(values: Mapping[str, Any]) -> DemandForm:
    """The form that values from a program fill in. Raises ConfigurationError with every fault."""
    return parse(Document("the demand", None, dict(values)))


def fault(what: str, instead: str = "") -> ConfigurationError:
    """One fault of a demand that is not in its text."""
    return ConfigurationError([Fault("the demand", 0, 0, what, instead)])


BLANK = """\
# A demand for data, to be entered with: redactor orders receive FILE --as NAME
# Instruments: {instruments}
instrument: federal judicial search warrant
document_sha256: ""            # sha256sum of the scanned document
channel: paper                 # a demand by telephone is refused: ask for paper
asker:
  name: ""
  agency: ""
  badge: ""
  phone: ""                    # found independently of the paper
court: ""                      # as the first page has it
judge: ""
judge_title: ""                # United States Magistrate Judge
signed: false
form_number: ""                # a form's number at the foot of the page, if it has one
case: ""
issued: ""                     # 2026-03-01
valid_until: ""                # the return date, if it has one
served: ""                     # how, and on whom
offence: ""                    # 21 U.S.C. 841
danger: ""                     # an emergency's only: whose life, and why
gag: ""                        # an order that nobody be told
gag_until: ""
scope:
  database: city
  login: disclosure_officer    # the one database login that may read under the order
  # begins, ends: 2026-03-01T09:00 (UTC); now, and 72 hours later, unless given
  rows: 10                     # at most so many rows, all statements together
  tables:
    public.residents:
      columns:
        alien_number: ""       # the words of the paper that call for this column
      key: resident_id
      ids: []
      # dated, since, until: only rows of a period, by a column with a date or a time
answers: {{}}                    # to what a person has to say; redactor orders answer gives them later
  # caller: {{answer: "yes", because: "called the court's published number on 1 March"}}
""".format(instruments="; ".join(i.value for i in Instrument))


def blank() -> str:
    """An empty form, with what goes where."""
    return BLANK
