"""The log's pages: what a filter finds, what one entry's page says, what an export proves; that looks are logged."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from redactor.audit.entry import deed
from redactor.audit.verifier import PublicKey, verify_export
from redactor.console.refusals import Unreadable, read_filter, read_time
from redactor.console.register import Register, TooMany
from redactor.decision import Entry, Verdict
from redactor.model import Requester, RuleHit
from tests.audit.samples import sample
from tests.console.place import Place, csrf

EXPORT = "export?verdict=any"


def rows(page: str) -> list[int]:
    return [int(n) for n in re.findall(r'<td class="when"><a href="/decisions/(\d+)"', page)]


def fill(console: Place, count: int) -> None:
    """Decisions 0 to count-1: every third one rewritten, every other one of somebody else."""

    def one(i: int) -> Entry:
        made = sample(i)
        if i % 3 == 0:
            made = replace(made, verdict=Verdict.REDACTED, outcome="sent", problem=None)
        if i % 2:
            who = Requester("o'connor", "police", frozenset(), "10.0.0.9")
            made = replace(made, requester=who, rules=(RuleHit("other", "another reason"),), columns=())
        return made

    for i in range(count):
        console.append(one(i))


def test_the_table(console: Place) -> None:
    fill(console, 6)
    page = console.client("auditor").get("/").text
    assert rows(page) == [5, 4, 2, 1]
    assert "SELECT count(*) FROM residents WHERE alien_number = $1" in page
    assert "A000000001" not in page
    assert rows(console.client("steward").get("/?verdict=any").text) == [5, 4, 3, 2, 1, 0]


FILTERS: list[tuple[str, list[int]]] = [
    ("verdict=redacted", [3, 0]),
    ("verdict=any&who=clerk", [4, 2, 0]),
    ("verdict=any&who=o'connor", [5, 3, 1]),
    ("verdict=any&database=police&client=10.0.0.9", [5, 3, 1]),
    ("verdict=any&rule=status-need-to-know", [4, 2, 0]),
    ("verdict=any&column=alien_number", [4, 2, 0]),
    ("verdict=any&column=residents.alien_number&verdict=refused", [4, 2]),
    ("verdict=any&column=number", []),
    ("verdict=any&rule=nothing", []),
    ("verdict=any&who=clerk&rule=other", []),
    ("verdict=any&since=2026-05-28T20:26:42", [5, 4, 3, 2]),
    ("verdict=any&until=2026-05-28T20:26:42", [1, 0]),
    ("verdict=any&since=2030-01-01", []),
    ("verdict=any&since=1y&who=%27%20OR%201=1", []),
]


def test_filters(console: Place) -> None:
    fill(console, 6)
    browser = console.client("counsel")
    for query, found in FILTERS:
        answer = browser.get(f"/?{query}")
        assert answer.status_code == 200
        assert rows(answer.text) == found, query


def test_a_filter_that_cannot_be_read(console: Place) -> None:
    browser = console.client("auditor")
    for query in ("since=yesterday", "until=99999-01-01", "verdict=maybe", "since=1780000000"):
        answer = browser.get(f"/?{query}")
        assert answer.status_code == 400
        assert 'role="alert"' in answer.text


def test_times() -> None:
    now = 1_780_100_000.0
    assert read_time("2026-05-28", now) == 1_779_926_400
    assert read_time("2026-05-28T20:26:40+02:00", now) == 1_779_992_800
    assert read_time("90m", now) == now - 5400
    assert read_time("7d", now) == (int(now) - 7 * 86400) // 3600 * 3600
    assert read_time("", now) is None
    with pytest.raises(Unreadable):
        read_filter({"until": "soon"}, now)


def test_paging_there_and_back(console: Place) -> None:
    fill(console, 1)
    console.append(*[sample(i) for i in range(1, 121)])
    browser = console.client("auditor")
    first = browser.get("/?verdict=any")
    assert rows(first.text) == list(range(120, 70, -1))
    older = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert older is not None
    second = browser.get(older[1].replace("&amp;", "&"))
    assert rows(second.text) == list(range(70, 20, -1))
    newer = re.search(r'rel="prev" href="([^"]+)"', second.text)
    assert newer is not None
    assert rows(browser.get(newer[1].replace("&amp;", "&")).text) == rows(first.text)
    assert rows(browser.get("/?verdict=any&before=21").text) == list(range(20, -1, -1))
    assert 'rel="next"' not in browser.get("/?verdict=any&before=21").text


def test_the_chart_counts_all(console: Place) -> None:
    fill(console, 6)
    page = console.client("auditor").get("/").text
    assert "4 refused, 2 redacted, 0 allowed" in page
    assert page.count('<rect class="refused"') == 1


def test_shapes(console: Place) -> None:
    fill(console, 4)
    console.append(replace(sample(9), shape="SELECT 1 FROM other"))
    page = console.client("auditor").get("/?view=shapes&verdict=any").text
    assert re.findall(r'<td class="number big" data-label="Times">(\d+)</td>', page) == ["4", "1"]
    link = re.search(r'href="(/\?[^"]*shape=[^"]+)"', page)
    assert link is not None
    assert len(rows(console.client("auditor").get(link[1].replace("&amp;", "&")).text)) == 4


def test_the_page_of_a_decision(console: Place) -> None:
    fill(console, 3)
    page = console.client("auditor").get("/decisions/2").text
    for said in ("clerk", "10.0.0.7", "Gov. Code 7284.6", "status-need-to-know", "public.residents.alien_number"):
        assert said in page
    assert "Proved: this entry is in the log as it was signed" in page
    assert "A000000002" not in page
    assert '<a href="/decisions/1">' in page  # of the same shape


def test_what_was_changed_is_not_proved(console: Place) -> None:
    import sqlite3

    fill(console, 3)
    browser = console.client("auditor")
    assert browser.get("/decisions/1/proof").json()["state"] == "holds"
    with sqlite3.connect(console.directory / "redactor.db") as c:
        c.execute("UPDATE entries SET leaf = replace(leaf, 'connor', 'carroll') WHERE sequence = 1")
    assert browser.get("/decisions/1/proof").json()["state"] == "broken"
    assert "NOT as it was signed" in browser.get("/decisions/1").text
    assert "NOT as it was signed" not in browser.get("/decisions/2").text


def test_a_damaged_entry_has_a_page(console: Place) -> None:
    import sqlite3

    fill(console, 2)
    with sqlite3.connect(console.directory / "redactor.db") as c:
        c.execute("UPDATE entries SET leaf = '{' WHERE sequence = 1")
    browser = console.client("auditor")
    assert "NOT as it was signed" in browser.get("/decisions/1").text
    assert browser.get("/?verdict=any").status_code == 200


@pytest.mark.parametrize(
    "path", ["/decisions/7", "/decisions/-1", "/decisions/99999999999999999999", "/decisions/7/proof"]
)
def test_no_such_entry(console: Place, path: str) -> None:
    assert console.client("auditor").get(path).status_code == 404


def test_an_export_verifies(console: Place) -> None:
    fill(console, 6)
    answer = console.client("auditor").get("/export?verdict=any&who=clerk")
    assert "attachment" in answer.headers["content-disposition"]
    lines = answer.content.splitlines(keepends=True)
    key = PublicKey.read((console.directory / "log.pub").read_text().partition("\n")[0])
    report = verify_export(lines, key, partial=True)
    assert report.ok, report.wrong
    assert [json.loads(line)["entry"]["sequence"] for line in lines[1:]] == [0, 2, 4]
    assert not verify_export(
        [line.replace(b'"login":"clerk"', b'"login":"clark"') for line in lines], key, partial=True
    ).ok
    (said,) = [d for d in console.deeds() if d["deed"] == "exported entries"]
    assert (said["by"], said["about"]) == ("auditor", {"entries": 3, "filter": "?verdict=any&who=clerk"})


def key_of(console: Place) -> str:
    return (console.directory / "keys" / "auditor.key").read_text()


def test_a_look_is_logged_before_it_is_seen(console: Place) -> None:
    fill(console, 3)
    browser = console.client("auditor")
    form = {"csrf": csrf(browser.get("/decisions/2").text), "key": key_of(console), "because": "case 26-117"}
    seen = browser.post("/decisions/2/look", data=form)
    assert "A000000002" in seen.text
    assert "no-store" in seen.headers["cache-control"]
    assert "PRIVATE KEY" not in seen.text.replace('placeholder="-----BEGIN PRIVATE KEY-----"', "")
    said = console.deeds()[-1]
    assert (said["deed"], said["by"], said["because"]) == ("opened a sealed text", "auditor", "case 26-117")
    assert said["about"] == {"decision": "0123abcd-2", "sequence": 2}
    assert "A000000002" not in json.dumps(console.leaves())


def test_no_look_without_its_entry(console: Place) -> None:
    from redactor.console import Site
    from redactor.errors import LogUnavailable

    fill(console, 1)
    browser = console.client("auditor")
    form = {"csrf": csrf(browser.get("/decisions/0").text), "key": key_of(console), "because": "case"}

    def full(_: object) -> None:
        raise LogUnavailable("no room")

    changed = {f: getattr(console.site, f) for f in Site.__dataclass_fields__} | {"note": full}
    console.app.state.site = Site(**changed)
    answer = browser.post("/decisions/0/look", data=form)
    assert answer.status_code == 503
    assert "A000000000" not in answer.text


def test_looks_that_fail_are_logged(console: Place) -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    fill(console, 1)
    browser = console.client("auditor")
    form = {"csrf": csrf(browser.get("/decisions/0").text), "because": "curious"}
    other = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for key in ("", "nonsense", other, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"):
        answer = browser.post("/decisions/0/look", data={**form, "key": key})
        assert answer.status_code == 400
        assert "A000000000" not in answer.text
    assert [d["deed"] for d in console.deeds()] == ["tried to open a sealed text"] * 4
    nameless = browser.post("/decisions/0/look", data={**form, "because": " ", "key": key_of(console)})
    assert nameless.status_code == 400


def test_only_auditors_look(console: Place) -> None:
    fill(console, 1)
    for role in ("steward", "operator", "counsel"):
        browser = console.client(role)
        form = {"csrf": csrf(browser.get("/account").text), "key": key_of(console), "because": "case"}
        assert browser.post("/decisions/0/look", data=form).status_code == 403


def test_operators_do_not_read_the_log(console: Place) -> None:
    fill(console, 1)
    browser = console.client("operator")
    for path in ("/decisions/0", "/decisions/0/proof", "/export"):
        assert browser.get(path).status_code == 403
    led = browser.get("/")
    assert (led.status_code, led.headers["location"]) == (303, "/access")
    assert console.client("steward").get("/export").status_code == 403


def test_what_requesters_write_stays_text(console: Place) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'{{7*7}}"
    who = Requester(evil, evil, frozenset({evil}), evil, evil, evil)
    hit = RuleHit(evil, evil)
    console.append(replace(sample(0), shape=f"SELECT 1 AS {evil}", requester=who, rules=(hit,), decision=evil))
    browser = console.client("auditor")
    for path in ("/", "/?view=shapes", "/decisions/0", "/?verdict=any&who=" + "%3Cscript%3E"):
        page = browser.get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "49" not in re.sub(r"[0-9a-f]{16,}", "", page) or "{{7*7}}" in page


def test_deeds_are_listed(console: Place) -> None:
    console.site.note(deed(1_780_000_000, "auditor", ["auditor"], "logged in", {"how": "password"}))
    console.flush()
    browser = console.client("auditor")
    page = browser.get("/?kind=deed").text
    assert "logged in" in page
    assert rows(page) == [0]
    assert "logged in" in browser.get("/decisions/0").text


def test_what_takes_too_long_is_said(console: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise TooMany

    fill(console, 2)
    monkeypatch.setattr(Register, "chart", never)
    monkeypatch.setattr(Register, "groups", never)
    browser = console.client("auditor")
    assert "too much to count" in browser.get("/?verdict=any").text
    assert rows(browser.get("/?verdict=any").text) == [1, 0]
    assert "too much to group" in browser.get("/?verdict=any&view=shapes").text
