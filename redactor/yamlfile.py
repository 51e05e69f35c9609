"""Files that people write: YAML text to a checked form, every fault with its line and column.

Knows YAML and pydantic, and nothing of what the files are about. Must not construct anything but plain values: keys
are text as written, scalars are YAML 1.2's text, integers, numbers, booleans and null. Invariant: whatever is wrong
with a text, `parse` raises one ConfigurationError that holds all faults of it, in the order of the text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from redactor import plainyaml
from redactor.errors import ConfigurationError, Fault

LARGE = 64 * 1024
"""Characters from which on a file is read by the fast parser first; a catalog, that is."""

LARGEST = 64 * 1024 * 1024
"""Characters in a file; a catalog of 200,000 columns has some 10 million."""

_DEEPEST = 40
_MOST_NODES = 20_000_000
_CORE = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(
    _CORE + t for t in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "seq", "map")
)
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("true", "True", "TRUE"))
_FALSE = frozenset(("false", "False", "FALSE"))
_SURROGATE = re.compile("[\ud800-\udfff]")
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")

Step = str | int
Place = Sequence[Step]


class Form(BaseModel):
    """A mapping with known keys. Unknown ones are faults; nothing is converted from one type to another."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


F = TypeVar("F", bound=Form)


def wrong(what: str, instead: str = "") -> PydanticCustomError:
    """The error for a validator to raise: what is wrong, and what would be right."""
    return PydanticCustomError("wrong", "{what}", {"what": what, "instead": instead})


def nothing_is_empty(value: object) -> object:
    """For a BeforeValidator: `key:` with nothing behind it is an empty mapping."""
    return {} if value is None else value


def one_is_many(value: object) -> object:
    """For a BeforeValidator: a single text is a list of one."""
    return [value] if isinstance(value, str) else [] if value is None else value


Texts = Annotated[list[str], BeforeValidator(one_is_many, json_schema_input_type=str | list[str] | None)]
"""A list of texts, or one text."""


class Document:
    """A parsed text that still knows where everything stood. `value`: dicts, lists and scalars.

    `root` None: of a large text the places are found out when they are first asked for.
    """

    __slots__ = ("_root", "_text", "file", "value")

    def __init__(self, file: str, root: Node | None, value: object, text: str = "") -> None:
        self.file = file
        self._text = text
        self._root = root
        self.value = value

    def place(self, path: Place, key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of the value at a path, or as near to it as the text goes; `key`: of its key."""
        if self._root is None and self._text:
            self._root = YAML(typ="safe", pure=True).compose(self._text)
        node = self._root
        if node is None:
            return 1, 1
        mark = node.start_mark
        for step in path:
            if isinstance(node, MappingNode):
                pair = next(((k, v) for k, v in node.value if k.value == step), None)
                if pair is None:
                    break
                mark = (pair[0] if key or _is_nothing(pair[1]) else pair[1]).start_mark
                node = pair[1]
            elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                mark = node.start_mark
            else:
                break
        return mark.line + 1, mark.column + 1

    def fault(self, path: Place, what: str, instead: str = "", key: bool = False) -> Fault:
        """A fault at a path."""
        return Fault(self.file, *self.place(path, key), what, instead)

    def check(self, form: type[F]) -> tuple[F | None, list[Fault]]:
        """The form that the document fills in, or None with every fault that keeps it from doing so."""
        try:
            return form.model_validate({} if self.value is None else self.value), []
        except ValidationError as e:
            return None, [_fault(self, form, d) for d in e.errors(include_url=False)]


def read(path: Path) -> str:
    """The text of a file (UTF-8). Raises ConfigurationError with one fault."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError([Fault(str(path), 0, 0, "there is no such file", "check the path")]) from None
    except OSError as e:
        raise ConfigurationError([Fault(str(path), 0, 0, f"cannot be read: {e.strerror or e}")]) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        raise ConfigurationError([Fault(str(path), line, 0, "is not UTF-8 text", "save it as UTF-8")]) from None


def parse(text: str, file: str) -> Document:
    """The text as plain values with their places. Raises ConfigurationError: broken YAML, a key given twice."""
    if len(text) > LARGEST:
        raise ConfigurationError([Fault(file, 0, 0, "is too large", f"at most {LARGEST} characters")])
    if len(text) >= LARGE:
        try:
            return Document(file, None, plainyaml.read(text, _DEEPEST, _scalar), text)
        except plainyaml.NotPlain:
            # it is read by the thorough parser, which says where what is wrong
            pass
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        what = ", ".join(x for x in (e.context, e.problem) if x)
        instead = "indent with blanks, not with tabs" if "'\\t'" in what else ""
        raise ConfigurationError([Fault(file, line, column, f"is not YAML: {what}", instead)]) from None
    except YAMLError as e:
        raise ConfigurationError([Fault(file, *_unreadable(text, e))]) from None
    except RecursionError:
        raise ConfigurationError([Fault(file, 0, 0, "is nested too deeply")]) from None
    plain = _Plain(file)
    value = plain.of(root, 0) if root is not None else None
    if plain.faults:
        raise ConfigurationError(in_order(plain.faults))
    return Document(file, root, value)


def in_order(faults: Iterable[Fault]) -> list[Fault]:
    """Faults by file as they came and by place within a file; each once."""
    unique = list(dict.fromkeys(faults))
    files = list(dict.fromkeys(f.file for f in unique))
    return sorted(unique, key=lambda f: (files.index(f.file), f.line, f.column))


def meant(given: str, known: Iterable[str]) -> str:
    """'did you mean ...?' for a misspelt word, or the list of known ones."""
    names = sorted(known)
    close = difflib.get_close_matches(given.lower(), names, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{close[0]}`?"
    if not names:
        return ""
    return "known here: " + ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")


def _unreadable(text: str, error: YAMLError) -> tuple[int, int, str]:
    position = getattr(error, "position", None)
    if isinstance(position, int):
        before = text[:position]
        line, column = before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
        return line, column, "is not YAML: it holds a control character"
    return 0, 0, "is not YAML: " + str(error).splitlines()[0]


def _is_nothing(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value == ""


class _Plain:
    """Nodes to plain values. Aliases are followed, but not into themselves and not without end."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self.left = _MOST_NODES

    def complain(self, node: Node, what: str, instead: str = "") -> None:
        self.faults.append(Fault(self.file, node.start_mark.line + 1, node.start_mark.column + 1, what, instead))

    def of(self, node: Node, depth: int) -> object:
        self.left -= 1
        if depth > _DEEPEST or self.left < 0:
            if len(self.faults) < 10:
                self.complain(node, "is nested too deeply, or refers to itself")
            return None
        tag = str(node.tag)
        if tag not in _PLAIN_TAGS:
            self.complain(node, f"the YAML tag `{tag.replace(_CORE, '!!')}` is not supported", "leave it out")
            return None
        if isinstance(node, ScalarNode):
            return self.scalar(node)
        if isinstance(node, SequenceNode):
            return [self.of(n, depth + 1) for n in node.value]
        assert isinstance(node, MappingNode)
        out: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self.complain(key, "a key must be a plain text")
            elif key.value in out:
                self.complain(key, f"`{key.value}` is given twice", "keep one")
            else:
                out[key.value] = self.of(value, depth + 1)
        return out

    def scalar(self, node: ScalarNode) -> object:
        text: str = node.value
        if _SURROGATE.search(text):
            # JSON's way to escape a character beyond U+FFFF, which YAML's grammar leaves as two halves
            try:
                text = text.encode("utf-16", "surrogatepass").decode("utf-16")
            except UnicodeDecodeError:
                self.complain(node, "a text holds half a character (a lone surrogate)", "write it in UTF-8")
                return None
        if node.style or node.tag == _CORE + "str":
            return text
        return _scalar(text)


def _scalar(text: str) -> object:
    """What a scalar without quotes or tag stands for, by YAML 1.2's core schema."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


# ------------------------------------------------------------------ pydantic's errors, in plain words

_WORDS: dict[str, tuple[str, str]] = {
    "string_type": ("should be text", "write it in quotes"),
    "int_type": ("should be a whole number", ""),
    "float_type": ("should be a number", ""),
    "bool_type": ("should be true or false", ""),
    "list_type": ("should be a list", "such as [a, b]"),
    "dict_type": ("should be a mapping", "`key: value` on lines of its own"),
    "model_type": ("should be a mapping", "`key: value` on lines of its own"),
}


def _fault(document: Document, form: type[Form], error: ErrorDetails) -> Fault:
    loc = tuple(s for s in error["loc"] if s != "[key]")
    name = next((s for s in reversed(loc) if isinstance(s, str)), "")
    subject = f"`{name}`" if name else "the file"
    context = error.get("ctx", {})
    match error["type"]:
        case "wrong":
            return document.fault(loc, context["what"], context["instead"], key=error["loc"][-1:] == ("[key]",))
        case "missing":
            inside = _form_at(form, loc[:-1])
            field = inside.model_fields.get(name) if inside else None
            hint = f"add it: {field.description}" if field and field.description else "add it"
            return document.fault(loc[:-1], f"{subject} is missing", hint, key=True)
        case "extra_forbidden":
            inside = _form_at(form, loc[:-1])
            known = list(inside.model_fields) if inside else []
            return document.fault(loc, f"unknown key {subject}", meant(name, known), key=True)
        case "literal_error" | "enum":
            given = error["input"]
            known = re.findall(r"'([^']*)'", context.get("expected", ""))
            what = f"{subject} is `{given}`" if isinstance(given, str | int | bool) else f"{subject} is not right"
            close = meant(given, known) if isinstance(given, str) else ""
            return document.fault(loc, what, close or "one of: " + ", ".join(known))
        case "too_short":
            return document.fault(loc, f"{subject} is empty", "at least one")
        case "less_than_equal":
            return document.fault(loc, f"{subject} is `{error['input']}`", f"at most {context['le']}")
        case "greater_than_equal":
            return document.fault(loc, f"{subject} is `{error['input']}`", f"at least {context['ge']}")
        case kind if kind in _WORDS:
            what, instead = _WORDS[kind]
            return document.fault(loc, f"{subject} {what}", instead)
        case _:
            return document.fault(loc, f"{subject}: {error['msg'][0].lower()}{error['msg'][1:]}")


def _form_at(form: type[Form], loc: Place) -> type[Form] | None:
    """The form that a path of keys and positions leads to."""
    here: Any = form
    for step in loc:
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(str(step))
            here = field.annotation if field else None
        else:
            args = get_args(here)
            here = args[-1] if args else None
        here = _unwrapped(here)
    return here if isinstance(here, type) and issubclass(here, Form) else None


def _unwrapped(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if type(None) in get_args(annotation):
        return _unwrapped(next(a for a in get_args(annotation) if a is not type(None)))
    return annotation
