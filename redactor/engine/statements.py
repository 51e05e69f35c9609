"""The kinds of statement that an ordinary requester may send, each with what it does to the session.

Knows every kind on the list; what is not on it is refused. Ask of each new kind: what can a requester learn from it,
also by its failing?
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from redactor.decision import Allow, Decision, Redact, Refuse
from redactor.engine import (
    behalf,
    blocks,
    changes,
    coding,
    copying,
    definitions,
    explaining,
    listening,
    settings,
    upkeep,
)
from redactor.engine.reading import Reading
from redactor.engine.refusal import imitation, of_gap, of_kind
from redactor.sql.grammar import Node, Statement
from redactor.sql.survey import survey
from redactor.transitions import (
    Begin,
    Deallocate,
    DropTemps,
    Finish,
    Prepare,
    Release,
    ResetAll,
    RollbackTo,
    Savepoint,
    SetRole,
)

Handler = Callable[[Reading, Node, Statement], None]


def judge(reading: Reading, statement: Statement, again: Callable[[str], Decision]) -> None:
    """Judges one statement. `again` decides a text in the same context: what a prepared statement now means."""
    kind = statement.kind
    node = statement.node.get(kind, {})
    match kind:
        case "SelectStmt":
            if "intoClause" in node:
                definitions.select_into(reading, statement.node)
            else:
                reading.query(statement.node)
        case "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt":
            reading.query(statement.node, whole=True)
        case "PrepareStmt":
            _prepare(reading, node, statement)
        case "ExecuteStmt":
            execute(reading, node, again)
        case _:
            handler = _HANDLERS.get(kind)
            if handler is None:
                _refuse(kind)
            else:
                handler(reading, node, statement)


_PLAIN_NAMES = {
    "AlterDatabaseSetStmt": "ALTER DATABASE SET",
    "AlterDefaultPrivilegesStmt": "ALTER DEFAULT PRIVILEGES",
    "AlterObjectSchemaStmt": "ALTER ... SET SCHEMA",
    "AlterOwnerStmt": "ALTER ... OWNER TO",
    "AlterRoleSetStmt": "ALTER ROLE SET",
    "CheckPointStmt": "CHECKPOINT",
    "CreateCastStmt": "CREATE CAST",
    "CreatedbStmt": "CREATE DATABASE",
    "CreateEventTrigStmt": "CREATE EVENT TRIGGER",
    "CreateFdwStmt": "CREATE FOREIGN DATA WRAPPER",
    "CreatePLangStmt": "CREATE LANGUAGE",
    "CreateTableSpaceStmt": "CREATE TABLESPACE",
    "DefineStmt": "CREATE AGGREGATE, OPERATOR, TYPE, COLLATION or TEXT SEARCH",
    "DropdbStmt": "DROP DATABASE",
    "GrantRoleStmt": "GRANT or REVOKE of a role",
    "RenameStmt": "ALTER ... RENAME",
    "RuleStmt": "CREATE RULE",
    "SecLabelStmt": "SECURITY LABEL",
}


def _words(kind: str) -> str:
    """A kind of statement as one writes it: CreateSchemaStmt is CREATE SCHEMA."""
    return _PLAIN_NAMES.get(kind) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.removesuffix("Stmt")).upper()


def _refuse(kind: str) -> None:
    raise of_kind(
        _words(kind),
        "it is not among the statements that ordinary requesters may send",
        "Ask an approved owner to run it: who sees all that is hidden may send anything.",
    )


# ------------------------------------------------------------------ prepared statements


def _prepare(reading: Reading, node: Node, statement: Statement) -> None:
    text = reading.text
    i = text.at(statement.start)
    while text.word(i) != "as":
        i = text.closing(i) + 1 if text.word(i) == "(" else i + 1
    start = text.tokens[i + 1].start
    for t in node.get("argtypes", ()):
        reading.mentions(survey({"TypeName": t["TypeName"]}), {}, lasting=True)
    reading.query(node["query"], alone=False)
    original = text.written(start, statement.end)
    sent = text.render(start, statement.end).decode()
    before = text.position(start) - 1
    reading.transitions.append(Prepare(node["name"], original, sent, before))


def execute(reading: Reading, node: Node, again: Callable[[str], Decision]) -> None:
    """EXECUTE: its arguments, and what the prepared text means now."""
    found = survey({"params": node.get("params", [])})
    if found.unknown:
        raise of_gap(", ".join(sorted(found.unknown)))
    reading.mentions(found, {})
    name = node["name"]
    prepared = reading.context.prepared.get(name)
    if prepared is None:
        raise imitation("26000", f'prepared statement "{name}" does not exist')
    decision = again(prepared.text)
    match decision:
        case Allow():
            same = prepared.sent == prepared.text
        case Redact(text):
            same = prepared.sent == text
        case Refuse():
            from redactor.engine.refusal import Refused

            problem = decision.problem
            if problem.position:
                # PostgreSQL counts from where PREPARE began
                problem = replace(problem, position=problem.position + prepared.before)
            raise Refused(problem, decision.rules)
    reading.adopt(decision)
    if not same:
        raise of_kind(
            f'prepared statement "{name}"',
            "search_path, the policy or the tables have changed since it was prepared",
            "DEALLOCATE it and prepare it again.",
        )


def _deallocate(reading: Reading, node: Node, statement: Statement) -> None:
    del statement
    reading.transitions.append(Deallocate(node.get("name")))


# ------------------------------------------------------------------ cursors, transactions, the session


def _declare(reading: Reading, node: Node, statement: Statement) -> None:
    del statement
    # no order is added: a cursor that has one can no longer be updated through (PostgreSQL docs, DECLARE)
    reading.query(node["query"], alone=False)
    behalf.declared(reading, node["portalname"])


def _nothing(reading: Reading, node: Node, statement: Statement) -> None:
    """Says nothing of any data, whatever it names."""


def _transaction(reading: Reading, node: Node, statement: Statement) -> None:
    del statement
    chain = bool(node.get("chain"))
    match node.get("kind"):
        case "TRANS_STMT_BEGIN" | "TRANS_STMT_START":
            settings.transaction_options(reading, node.get("options", ()))
            reading.transitions.append(Begin())
        case "TRANS_STMT_COMMIT":
            reading.transitions.append(Finish(True, chain))
        case "TRANS_STMT_ROLLBACK":
            reading.transitions.append(Finish(False, chain))
        case "TRANS_STMT_SAVEPOINT":
            reading.transitions.append(Savepoint(node["savepoint_name"]))
        case "TRANS_STMT_RELEASE":
            reading.transitions.append(Release(node["savepoint_name"]))
        case "TRANS_STMT_ROLLBACK_TO":
            reading.transitions.append(RollbackTo(node["savepoint_name"]))
        case _:
            raise of_kind("PREPARE TRANSACTION", "another session could end what this one began")


def _discard(reading: Reading, node: Node, statement: Statement) -> None:
    del statement
    match node.get("target"):
        case "DISCARD_ALL":
            reading.transitions += [SetRole(None), ResetAll(), Deallocate(None), DropTemps()]
        case "DISCARD_TEMP":
            reading.transitions.append(DropTemps())
        case _:
            pass


def _call(reading: Reading, node: Node, statement: Statement) -> None:
    del statement
    found = survey({"FuncCall": node["funccall"]})
    if found.unknown:
        raise of_gap(", ".join(sorted(found.unknown)))
    reading.mentions(found, {})
    for ref in found.relations:
        reading.read(ref)


def _lock(reading: Reading, node: Node, statement: Statement) -> None:
    del statement
    for ref in survey({"relations": node.get("relations", [])}).relations:
        reading.resolve(ref, located=False)


_HANDLERS: dict[str, Handler] = {
    "DeallocateStmt": _deallocate,
    "DeclareCursorStmt": _declare,
    "FetchStmt": behalf.fetch,
    "ClosePortalStmt": _nothing,
    "ListenStmt": listening.listen,
    "UnlistenStmt": _nothing,
    "NotifyStmt": _nothing,
    "ConstraintsSetStmt": _nothing,
    "TransactionStmt": _transaction,
    "DiscardStmt": _discard,
    "CallStmt": _call,
    "LockStmt": _lock,
    "VariableSetStmt": settings.change,
    "VariableShowStmt": _nothing,
    "ExplainStmt": explaining.explain,
    "CopyStmt": copying.copy,
    "CreateFunctionStmt": coding.create_function,
    "CreateTrigStmt": coding.create_trigger,
    "CreateStmt": definitions.create_table,
    "CreateTableAsStmt": definitions.create_table_as,
    "ViewStmt": definitions.create_view,
    "CreateSeqStmt": definitions.create_sequence,
    "AlterSeqStmt": definitions.alter_sequence,
    "CreateEnumStmt": definitions.create_type,
    "CreateRangeStmt": definitions.create_range,
    "CreateSchemaStmt": definitions.create_schema,
    "GrantStmt": upkeep.grant,
    "ReindexStmt": upkeep.reindex,
    "AlterEnumStmt": definitions.alter_type,
    "CompositeTypeStmt": definitions.create_composite,
    "CreateDomainStmt": definitions.create_domain,
    "IndexStmt": changes.create_index,
    "CreateStatsStmt": changes.create_statistics,
    "AlterTableStmt": changes.alter_table,
    "RenameStmt": changes.rename,
    "DropStmt": changes.drop,
    "TruncateStmt": upkeep.truncate,
    "VacuumStmt": upkeep.vacuum,
    "RefreshMatViewStmt": upkeep.refresh,
    "CommentStmt": upkeep.comment,
    "DoStmt": blocks.judge,
}
