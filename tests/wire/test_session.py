"""The session's stories: see `playbook` for how they are written."""

# ruff: noqa: E501  (a line of a story is what one side sends at once)

from __future__ import annotations

from dataclasses import replace

import pytest

from redactor.context import Context
from redactor.decision import Allow, Decision
from redactor.effects import Close
from redactor.model import Requester
from redactor.transitions import SchemaChanged
from redactor.wire.pg import Limits
from tests.wire.judges import WordJudge
from tests.wire.playbook import Desk, client_message, play, server_message


def test_what_is_allowed_passes_as_it_is() -> None:
    play("""
        client  Q SELECT 1 | Q SELECT 2
          server  Q SELECT 1 | Q SELECT 2
        server  T 0.0 | D 1 | C SELECT 1 | Z I | T 0.0 | D 2
          client  T 0.0 | D 1 | C SELECT 1 | Z I | T 0.0 | D 2
        server  C SELECT 1 | Z I
          client  C SELECT 1 | Z I
    """)


def test_a_refused_statement_is_replaced_by_one_that_fails_and_its_error_by_the_reason() -> None:
    play("""
    client  Q SELECT 1 -- refuse
      record  s-1 refused refused: SELECT 1 -- refuse
      server  Q SELECT "redactor: refused, decision s-1"
    server  E 42703 column "redactor: refused, decision s-1" does not exist | Z I
      client  E 42501 that is refused | Z I
    client  Q SELECT 2
      server  Q SELECT 2
    """)


def test_an_error_without_the_mark_is_the_servers_own() -> None:
    play("""
    client  Q SELECT 1 -- refuse
      record  s-1 refused refused: SELECT 1 -- refuse
      server  Q SELECT "redactor: refused, decision s-1"
    server  E 25P02 current transaction is aborted | Z E
      client  E 25P02 current transaction is aborted | Z E
    """)


def test_the_mark_written_by_a_client_is_no_refusal() -> None:
    play("""
    client  Q SELECT "redactor: refused, decision s-1"
      server  Q SELECT "redactor: refused, decision s-1"
    server  E 42703 column "redactor: refused, decision s-1" does not exist | Z I
      client  E 42703 column "redactor: refused, decision s-1" does not exist | Z I
    """)


def test_a_server_that_takes_what_must_fail_ends_the_session() -> None:
    play("""
    client  Q SELECT 1 -- refuse
      record  s-1 refused refused: SELECT 1 -- refuse
      server  Q SELECT "redactor: refused, decision s-1"
    server  T 0.0 | C SELECT 1 | Z I
      client  T 0.0 | C SELECT 1 | E 08P01 the server took a statement that must fail
      close  the server took a statement that must fail
    """)


def test_records_stand_before_what_they_are_about_and_after_what_came_before() -> None:
    play("""
    client  Q SELECT 1 | Q SELECT secret_a | Q SELECT 2 -- record | Q SELECT 3
      server  Q SELECT 1
      record  s-1 redacted sent: SELECT secret_a
      server  Q SELECT secret_b
      record  s-2 allowed sent: SELECT 2 -- record
      server  Q SELECT 2 -- record | Q SELECT 3
    """)


def test_a_refusal_in_a_pipeline_skips_to_the_sync_on_both_sides() -> None:
    play("""
    client  P : INSERT | B | E | P : SELECT 1 -- refuse | B | E | S | P : SELECT 2 | B | E | S
      server  P : INSERT | B | E
      record  s-1 refused refused: SELECT 1 -- refuse
      server  P : SELECT "redactor: refused, decision s-1" | D S:redactor: no such statement | E | S | P : SELECT 2 | B | E | S
    server  1 | 2 | C INSERT 0 1 | E 42703 column "redactor: refused, decision s-1" does not exist | Z I
      client  1 | 2 | C INSERT 0 1 | E 42501 that is refused | Z I
    server  1 | 2 | C SELECT 1 | Z I
      client  1 | 2 | C SELECT 1 | Z I
    """)


def test_after_an_error_nothing_is_judged_or_sent_until_the_sync() -> None:
    desk = Desk().log_in()
    play(
        """
    client  P : SELECT 1/0 | B | E | H
      server  P : SELECT 1/0 | B | E | H
    server  1 | 2 | E 22012 division by zero
      client  1 | 2 | E 22012 division by zero
    client  P : SELECT 2 -- refuse | B | E | d rows | c
    client  S | Q SELECT 3
      server  S | Q SELECT 3
    server  Z I | C SELECT 1 | Z I
      client  Z I | C SELECT 1 | Z I
    """,
        desk,
    )
    assert desk.judge.texts == ["SELECT 1/0", "SELECT 3"]


# ------------------------------------------------------------------ waiting for what changes the meaning


def test_behind_a_set_in_the_simple_protocol_all_waits_for_the_end() -> None:
    desk = Desk().log_in()
    play(
        """
    client  Q SET search_path TO hidden | Q SELECT * FROM thing
      server  Q SET search_path TO hidden
    server  C SET
      client  C SET
    server  Z I
      client  Z I
      record  s-1 refused refused: SELECT * FROM thing
      server  Q SELECT "redactor: refused, decision s-1"
    """,
        desk,
    )


def test_behind_a_set_in_the_extended_protocol_all_waits_and_the_server_is_asked_to_answer() -> None:
    desk = Desk().log_in()
    play(
        """
    client  P : SET search_path TO hidden | B | E | P : SELECT * FROM thing | B | E | S
      server  P : SET search_path TO hidden | B | E | H
    server  1 | 2 | C SET
      client  1 | 2 | C SET
      record  s-1 refused refused: SELECT * FROM thing
      server  P : SELECT "redactor: refused, decision s-1" | D S:redactor: no such statement | E | S
    server  E 42703 column "redactor: refused, decision s-1" does not exist | Z I
      client  E 42501 that is refused | Z I
    # the SET has been undone with the rest of the implicit transaction
    client  Q SELECT * FROM thing
      server  Q SELECT * FROM thing
    """,
        desk,
    )


def test_a_sync_that_may_undo_a_set_is_waited_for() -> None:
    """The SET took effect; then an error undoes it. What stands behind the Sync must not be judged by it."""
    desk = Desk().log_in()
    play(
        """
    client  Q SET search_path TO hidden
      server  Q SET search_path TO hidden
    server  C SET | Z I
      client  C SET | Z I
    client  P : SET search_path TO public | B | E | P : SELECT 1/0 | B | E | S | Q SELECT * FROM thing
      server  P : SET search_path TO public | B | E | H
    server  1 | 2 | C SET
      client  1 | 2 | C SET
      server  P : SELECT 1/0 | B | E | S
    server  1 | 2 | E 22012 division by zero | Z I
      client  1 | 2 | E 22012 division by zero | Z I
      record  s-1 refused refused: SELECT * FROM thing
      server  Q SELECT "redactor: refused, decision s-1"
    """,
        desk,
    )


def test_a_commit_waits_only_where_going_back_would_change_something() -> None:
    play("""
    client  Q BEGIN | Q SELECT 1 | Q COMMIT | Q SELECT 2
      server  Q BEGIN | Q SELECT 1 | Q COMMIT | Q SELECT 2
    server  C BEGIN | Z T | C SELECT 1 | Z T | C COMMIT | Z I | C SELECT 1 | Z I
      client  C BEGIN | Z T | C SELECT 1 | Z T | C COMMIT | Z I | C SELECT 1 | Z I
    client  Q BEGIN | Q SET LOCAL search_path TO hidden
      server  Q BEGIN | Q SET LOCAL search_path TO hidden
    server  C BEGIN | Z T | C SET | Z T
      client  C BEGIN | Z T | C SET | Z T
    client  Q COMMIT | Q SELECT * FROM thing
      server  Q COMMIT
    server  C COMMIT | Z I
      client  C COMMIT | Z I
      server  Q SELECT * FROM thing
    """)


def test_a_commit_of_a_failed_transaction_is_a_rollback() -> None:
    desk = Desk().log_in()
    play(
        """
    client  Q BEGIN | Q SET search_path TO hidden | Q SELECT 1/0 | Q COMMIT | Q SELECT * FROM thing
      server  Q BEGIN | Q SET search_path TO hidden
    server  C BEGIN | Z T | C SET | Z T
      client  C BEGIN | Z T | C SET | Z T
      server  Q SELECT 1/0 | Q COMMIT
    server  E 22012 division by zero | Z E | C ROLLBACK | Z I
      client  E 22012 division by zero | Z E | C ROLLBACK | Z I
      server  Q SELECT * FROM thing
    """,
        desk,
    )


def test_copy_data_passes_while_the_rest_of_the_text_is_waited_for() -> None:
    play("""
    client  Q COPY t FROM STDIN; SET search_path TO x | d rows | c | Q SELECT 1
      server  Q COPY t FROM STDIN; SET search_path TO x
    server  G
      client  G
      server  d rows | c
    server  C COPY 1 | C SET | Z I
      client  C COPY 1 | C SET | Z I
      server  Q SELECT 1
    """)


def test_a_sync_sent_along_with_a_copy_is_swallowed_by_the_server() -> None:
    play("""
    client  P : COPY t FROM STDIN | B | E | S
      server  P : COPY t FROM STDIN | B | E | S
    server  1 | 2 | G
      client  1 | 2 | G
    client  d rows | c | S
      server  d rows | c | S
    server  C COPY 1 | Z I
      client  C COPY 1 | Z I
    client  Q SELECT 1
      server  Q SELECT 1
    server  C SELECT 1 | Z I
      client  C SELECT 1 | Z I
    """)


def test_ddl_is_followed_by_a_refresh_before_the_client_hears_and_before_more_is_judged() -> None:
    play("""
    client  Q CREATE TABLE t (n int) | Q SELECT * FROM t
      server  Q CREATE TABLE t (n int)
    server  C CREATE TABLE | Z I
      client  C CREATE TABLE
      refresh
      client  Z I
    refreshed
      server  Q SELECT * FROM t
    """)


def test_ddl_in_a_transaction_is_refreshed_at_its_end() -> None:
    play("""
    client  Q BEGIN; CREATE TABLE t (n int)
      server  Q BEGIN; CREATE TABLE t (n int)
    server  C BEGIN | C CREATE TABLE | Z T
      client  C BEGIN | C CREATE TABLE | Z T
    client  P : COMMIT | B | E | S | Q SELECT * FROM t
      server  P : COMMIT | B | E | S
    server  1 | 2 | C COMMIT | Z I
      client  1 | 2 | C COMMIT
      refresh
      client  Z I
    refreshed
      server  Q SELECT * FROM t
    """)


def test_who_sees_all_is_answered_at_once_and_what_others_ask_waits() -> None:
    play(
        """
    client  Q CREATE TABLE t (n int) | Q SELECT * FROM t
      server  Q CREATE TABLE t (n int)
    server  C CREATE TABLE | Z I
      client  C CREATE TABLE
      outdate
      client  Z I
      server  Q SELECT * FROM t
    """,
        Seeing(login="root").log_in(),
    )


def test_what_may_have_changed_roles_is_waited_for_by_who_sees_all_too() -> None:
    play(
        """
    client  Q CREATE ROLE r
      server  Q CREATE ROLE r
    server  C CREATE ROLE | Z I
      client  C CREATE ROLE
      refresh
      client  Z I
    """,
        Seeing(login="root").log_in(),
    )


def test_while_the_snapshot_does_not_stand_nothing_is_judged_but_copies_go_on() -> None:
    desk = Desk().log_in()
    play(
        """
    client  Q COPY t FROM STDIN
      server  Q COPY t FROM STDIN
    server  G
      client  G
    """,
        desk,
    )
    desk.settled = False
    asked = len(desk.judge.texts)
    play(
        """
    client  d one | c
      server  d one | c
    server  C COPY 1 | Z I
      client  C COPY 1 | Z I
    client  Q SELECT 1
      catch up
    client  P : SELECT 2 | B | E | S
    """,
        desk,
    )
    assert len(desk.judge.texts) == asked
    assert desk.session.passage is not None
    assert not desk.session.passage.client(client_message("Q SELECT 1"))
    desk.settled = True
    desk.judge = WordJudge("newer", refused="SELECT 1")
    play(
        """
    refreshed
      record  s-1 refused refused: SELECT 1
      server  Q SELECT "redactor: refused, decision s-1" | P : SELECT 2 | B | E | S
    """,
        desk,
    )


class Seeing(Desk):
    """Of somebody from whom nothing is hidden, and a judge that knows what defines roles."""

    def __init__(self, login: str) -> None:
        class Roles(WordJudge):
            def decide(self, requester: Requester, context: Context, text: str) -> Decision:
                decision = super().decide(requester, context, text)
                if not isinstance(decision, Allow) or "ROLE" in text:
                    return decision
                said = [
                    tuple(SchemaChanged(False) if t == SchemaChanged() else t for t in s) for s in decision.transitions
                ]
                return replace(decision, transitions=tuple(said))

        super().__init__(Roles(), login)


# ------------------------------------------------------------------ prepared statements


def test_a_prepared_statement_is_judged_once_while_nothing_changes() -> None:
    desk = Desk().log_in()
    play(
        """
    client  P a: SELECT 1 | D S:a | S
      server  P a: SELECT 1 | D S:a | S
    server  1 | t | n | Z I
      client  1 | t | n | Z I
    client  B a | E | S | B p=a | D P:p | E p | C P:p | S
      server  B a | E | S | B p=a | D P:p | E p | C P:p | S
    server  2 | C SELECT 1 | Z I | 2 | n | C SELECT 1 | 3 | Z I
      client  2 | C SELECT 1 | Z I | 2 | n | C SELECT 1 | 3 | Z I
    """,
        desk,
    )
    assert desk.judge.texts == ["SELECT 1"]


def test_a_new_snapshot_that_sends_the_same_changes_nothing_on_the_wire() -> None:
    desk = Desk().log_in()
    play("client  P a: SELECT 1 | S\n  server  P a: SELECT 1 | S\nserver  1 | Z I\n  client  1 | Z I", desk)
    desk.judge = WordJudge("two")
    play("client  B a | E | S\n  server  B a | E | S", desk)
    assert desk.judge.texts == ["SELECT 1"]


def test_a_statement_for_which_something_else_must_be_sent_is_prepared_again_unseen() -> None:
    desk = Desk().log_in()
    play(
        "client  P a: SELECT secret_c | S\n  server  P a: SELECT secret_c | S\nserver  1 | Z I\n  client  1 | Z I", desk
    )
    desk.judge = WordJudge("two", redacted=("secret_c", "secret_d"))
    play(
        """
    client  B a | E | S
      record  s-1 redacted sent: SELECT secret_c
      server  C S:a | P a: SELECT secret_d | B a | E | S
    server  3 | 1 | 2 | C SELECT 1 | Z I
      client  2 | C SELECT 1 | Z I
    client  B a | E | S
      record  s-2 redacted sent: SELECT secret_c
      server  B a | E | S
    """,
        desk,
    )


def test_a_statement_that_is_refused_now_fails_at_bind() -> None:
    desk = Desk().log_in()
    play("client  P a: SELECT 1 | S\n  server  P a: SELECT 1 | S\nserver  1 | Z I\n  client  1 | Z I", desk)
    desk.judge = WordJudge("two", refused="SELECT 1")
    play(
        """
    client  B a | E | S
      record  s-1 refused refused: SELECT 1
      server  P redactor: refused: SELECT "redactor: refused, decision s-1" | E | S
    server  E 42703 column "redactor: refused, decision s-1" does not exist | Z I
      client  E 42501 that is refused | Z I
    """,
        desk,
    )


def test_a_statement_made_by_sql_is_judged_before_it_is_bound() -> None:
    desk = Desk().log_in()
    play(
        """
    client  Q PREPARE a AS SELECT * FROM thing
      server  Q PREPARE a AS SELECT * FROM thing
    server  C PREPARE | Z I
      client  C PREPARE | Z I
    client  B a | E | S
      server  B a | E | S
    server  2 | C SELECT 0 | Z I
      client  2 | C SELECT 0 | Z I
    client  Q SET search_path TO hidden
      server  Q SET search_path TO hidden
    server  C SET | Z I
      client  C SET | Z I
    client  B a | E | S
      record  s-1 refused refused: select * from thing
      server  P redactor: refused: SELECT "redactor: refused, decision s-1" | E | S
    """,
        desk,
    )


def test_a_statement_that_nobody_prepared_gives_postgresqls_error() -> None:
    play("""
    client  B a | E | S | D S:b | S | B | S
      server  D S:redactor: no such statement | E | S | D S:redactor: no such statement | S | D S:redactor: no such statement | S
    server  E 26000 prepared statement "redactor: no such statement" does not exist | Z I
      client  E 26000 prepared statement "a" does not exist | Z I
    server  E 26000 prepared statement "redactor: no such statement" does not exist | Z I
      client  E 26000 prepared statement "b" does not exist | Z I
    server  E 26000 prepared statement "redactor: no such statement" does not exist | Z I
      client  E 26000 unnamed prepared statement does not exist | Z I
    """)


def test_a_second_parse_of_a_name_is_answered_before_more_is_sent_and_the_first_stays() -> None:
    play("""
    client  P a: SELECT 1 | S
      server  P a: SELECT 1 | S
    client  P a: SELECT 2 | B a | E | S
      server  H
    server  1 | Z I
      client  1 | Z I
      server  P a: SELECT 2 | H
    server  E 42P05 prepared statement "a" already exists
      client  E 42P05 prepared statement "a" already exists
      server  S
    server  Z I
      client  Z I
    client  B a | E | S
      server  B a | E | S
    """)


def test_a_parse_that_an_error_skipped_does_not_hide_the_older_statement() -> None:
    """Close and Parse of a name behind an error are skipped by the server: the older statement is still there."""
    desk = Desk().log_in()
    play(
        """
    client  P a: SELECT * FROM thing | S
      server  P a: SELECT * FROM thing | S
    server  1 | Z I
      client  1 | Z I
    client  Q SET search_path TO hidden
      server  Q SET search_path TO hidden
    server  C SET | Z I
      client  C SET | Z I
    client  P : SELECT 1/0 | B | E | C S:a | P a: SELECT 2 | S | B a | E | S
      server  P : SELECT 1/0 | B | E | C S:a | P a: SELECT 2 | S | H
    server  1 | 2 | E 22012 division by zero | Z I
      client  1 | 2 | E 22012 division by zero | Z I
      record  s-1 refused refused: SELECT * FROM thing
      server  P redactor: refused: SELECT "redactor: refused, decision s-1" | E | S
    """,
        desk,
    )


def test_a_function_call_is_refused_with_as_many_answers() -> None:
    play("""
    client  F
      record  s-1 refused refused:
      server  Q SELECT "redactor: refused, decision s-1"
    server  E 42703 column "redactor: refused, decision s-1" does not exist | Z I
      client  E 42501 function call messages are refused | Z I
    """)
    play(
        """
    client  F
      server  F
    server  V | Z I
      client  V | Z I
    """,
        Desk(login="root").log_in(),
    )


# ------------------------------------------------------------------ the server's side


@pytest.mark.parametrize("wrong", ["1", "2", "T 0.0", "D x", "C SELECT 1", "Z I", "K", "R", "W", "d x", "G", "n", "?"])
def test_a_reply_that_nobody_asked_for_ends_the_session(wrong: str) -> None:
    desk = Desk().log_in()
    effects = desk.session.server_data(server_message(wrong), 1.0)
    assert isinstance(effects[-1], Close)
    assert b"C08P01" in effects[-2].data  # type: ignore[union-attr]
    assert desk.session.client_data(b"Q\0\0\0\x0dSELECT 1\0", 2.0) == []


def test_notices_notifications_and_settings_pass_at_any_time() -> None:
    play("""
    server  N hello | A news | S TimeZone=UTC
      client  N hello | A | S TimeZone=UTC
    """)


def test_what_the_server_says_of_search_path_and_encoding_is_believed() -> None:
    desk = Desk().log_in()
    play(
        """
    server  S search_path=hidden, public
      client  S search_path=hidden, public
    client  Q SELECT * FROM thing
      record  s-1 refused refused: SELECT * FROM thing
      server  Q SELECT "redactor: refused, decision s-1"
    """,
        desk,
    )


def test_the_tripwire_ends_the_session_before_the_row_description() -> None:
    desk = Desk(WordJudge(tripping=frozenset({(7, 3), (8, 0)}))).log_in()
    play(
        """
    client  Q SELECT 1 | Q SELECT 2
      server  Q SELECT 1 | Q SELECT 2
    server  T 7.1,7.2,0.0,8.1 | C SELECT 0 | Z I | T 7.1,7.3 | D x | C SELECT 1 | Z I
      client  T 7.1,7.2,0.0,8.1 | C SELECT 0 | Z I
      record  s-1 refused tripwire:
      client  E 42501 the result would have had a protected column in it
      close  tripwire: a row description named a protected column, decision s-1
    """,
        desk,
    )


def test_an_answer_that_names_what_the_snapshot_does_not_know_waits_for_a_newer_one() -> None:
    old, new = frozenset({(7, 3)}), WordJudge()
    desk = Desk(WordJudge(news=old)).log_in()
    play(
        """
    client  Q SELECT 1
      server  Q SELECT 1
    server  T 7.1,7.3 | D x
      refresh
    server  D y | C SELECT 2
    server  Z I
    """,
        desk,
    )
    desk.judge = new
    play(
        """
    refreshed
      client  T 7.1,7.3 | D x | D y | C SELECT 2 | Z I
    client  Q SELECT 2
      server  Q SELECT 2
    """,
        desk,
    )


def test_what_no_snapshot_knows_is_the_sessions_own_and_is_asked_for_once() -> None:
    desk = Desk(WordJudge(news=frozenset({(7, 3)}))).log_in()
    play(
        """
    client  Q SELECT 1
      server  Q SELECT 1
    server  T 7.3 | C SELECT 0 | Z I
      refresh
    refreshed
      client  T 7.3 | C SELECT 0 | Z I
    client  Q SELECT 1
      server  Q SELECT 1
    server  T 7.3 | C SELECT 0 | Z I
      client  T 7.3 | C SELECT 0 | Z I
    """,
        desk,
    )


def test_what_the_newer_snapshot_hides_ends_the_session() -> None:
    desk = Desk(WordJudge(news=frozenset({(7, 3)}))).log_in()
    play(
        """
    client  Q SELECT 1
      server  Q SELECT 1
    server  T 7.3 | D x | C SELECT 1 | Z I
      refresh
    """,
        desk,
    )
    desk.judge = WordJudge(tripping=frozenset({(7, 3)}))
    play(
        """
    refreshed
      record  s-1 refused tripwire:
      client  E 42501 the result would have had a protected column in it
      close  tripwire: a row description named a protected column, decision s-1
    """,
        desk,
    )


def test_a_fatal_error_of_the_server_is_the_last_word() -> None:
    play("""
    server  E 57P01 terminating connection due to administrator command
      client  E 57P01 terminating connection due to administrator command
    server left
      close  the server ended the session
    """)
    play("""
    server left
      client  E 08006 the connection to the database was lost
      close  the server has gone
    """)


def test_a_goodbye_waits_for_the_server_and_a_client_that_left_for_what_it_had_said() -> None:
    play("""
    client  Q SELECT 1 | X
      server  Q SELECT 1 | X
    server  C SELECT 1 | Z I
      client  C SELECT 1 | Z I
    server left
      close  the server ended the session
    """)
    play("""
    client  Q SET search_path TO public | Q INSERT
      server  Q SET search_path TO public
    client left
    server  C SET | Z I
      client  C SET | Z I
      server  Q INSERT
      close  the client has gone
    """)


def test_a_client_that_will_say_no_more_is_answered_first() -> None:
    play("""
    client  Q SELECT 1
      server  Q SELECT 1
    client ended
      server  X
    server  C SELECT 1 | Z I
      client  C SELECT 1 | Z I
    server left
      close  the server ended the session
    """)
    play("""
    client  Q SET search_path TO public | Q SELECT 1
      server  Q SET search_path TO public
    client ended
    server  C SET | Z I
      client  C SET | Z I
      server  Q SELECT 1 | X
    server  C SELECT 1 | Z I
      client  C SELECT 1 | Z I
    server left
      close  the server ended the session
    """)
    play("""
    client ended
      close  the client has gone
    """)


def test_a_judge_that_fails_closes_the_session_and_forwards_nothing() -> None:
    desk = Desk().log_in()

    def fail(*_: object) -> None:
        raise KeyError("a secret")

    desk.judge.decide = fail  # type: ignore[assignment,method-assign]
    play(
        """
    client  Q SELECT 1
      client  E XX000 internal error of the proxy
      close  KeyError inside the session
    client  Q SELECT 1
    """,
        desk,
    )


def test_too_long_a_text_is_refused_unread() -> None:
    desk = Desk(limits=Limits(text=100)).log_in()
    long = "x" * 200
    play(
        f"""
    client  Q {long} | Q SELECT 1
      record  s-1 refused refused:
      server  Q SELECT "redactor: refused, decision s-1" | Q SELECT 1
    server  E 42703 column "redactor: refused, decision s-1" does not exist | Z I
      client  E 54000 statements longer than 100 bytes are refused | Z I
    """,
        desk,
    )
