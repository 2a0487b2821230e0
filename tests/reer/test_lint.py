"""Pages, accepted findings and the verb of `reer lint`."""

import json
import re
import sys

import pytest

import cli
from reer.lint import accept
from reer.lint_book import load_book
from reer.lint_commands import _RULES
from reer.lint_rules import RULES, choose_rules, explain_rules
from reer.page import parse_article
from tests.reer.manuals import NOW, Said, found, report_of, write_manual
from workbench.errors import UsageError
from workbench.jsonl import append_jsonl

CARD = "Replacing a lost debit card costs 12 euros."
CARD_9 = "Replacing a lost debit card costs 9 euros."
ROOM = "A small safe deposit box for jewellery costs 72 euros a year."


@pytest.fixture
def manual(tmp_path):
    write_manual(tmp_path / "m", cards=[Said(CARD), Said(ROOM)], loans=[Said("Early repayment costs 1 percent.")])
    assert found(tmp_path / "m") == []
    return tmp_path / "m"


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new", "rule", "line"),
    [
        ("cards.md", "category: cards\n", "", "unreadable", 1),
        ("cards.md", "72 euros a year.[^s2]", "72 euros a year.", "unreadable", "- [c2] A small"),
        ("cards.md", "[^s1]\n", "[^s9]\n", "unreadable", "- [c1]"),
        ("cards.md", "category: cards", "category: loans", "unreadable", "category:"),
        ("cards.md", "title: Cards", "title: Cards\nstale_after: '2026-11-24'", "stale", "stale_after"),
        ("cards.md", "title: Cards", "title: Cards\nstale_after: soon", "impossible", "stale_after"),
        ("cards.md", "turn: 2", "turn: 2\n  last_modified: '2026-02-31T00:00:00Z'", "impossible", "- id: s1"),
        ("cards.md", "About it.\n\n-", "About it.\n\nSee [loans](lons.md).\n-", "broken-link", "See [loans]"),
        ("cards.md", "About it.\n\n-", "About it.\n\nSee [it](loans.md#fees).\n-", "broken-link", "See [it]"),
        ("index.md", "# Articles", "# Articles\n\n* [Old](old.md) - Gone.", "broken-link", "* [Old]"),
        ("index.md", "* [Cards](cards.md) - About it.\n", "", "orphan", 1),
        ("cards.md", "\n[^s1]:", "\n[^s7]: Nobody cites this.\n[^s1]:", "orphan", "[^s7]"),
    ],
)
def test_faults_of_pages_are_found_on_their_line(manual, file, old, new, rule, line):
    change(manual / file, old, new)
    (finding,) = report_of(manual).findings
    assert finding.rule == rule
    at = finding.path.read_text(encoding="utf-8").splitlines()[finding.line - 1]
    assert finding.line == line if isinstance(line, int) else at.startswith(line)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (
            "cards.md",
            "About it.\n\n-",
            "About it.\n\nSee [loans](./loans.md#loans), [us](https://example.com), [c](#c1).\n-",
        ),
        ("cards.md", "title: Cards", "title: Cards\nstale_after: '2026-11-26'"),
        ("index.md", "* [Cards](cards.md)", "* [Cards](./cards.md#cards)"),
    ],
)
def test_pages_in_order_are_let_be(manual, file, old, new):
    change(manual / file, old, new)
    assert found(manual) == []


def test_a_broken_page_hides_nothing_of_the_others(manual):
    (manual / "cards.md").write_bytes(b"\xff\xfe")
    change(manual / "loans.md", "costs 1 percent.[^", "costs 2 percent.[^")
    assert found(manual) == [("unreadable", ()), ("not-in-source", ("c1",))]


def test_an_accepted_finding_is_counted_until_its_words_change(manual):
    change(manual / "cards.md", "- [c2]", f"- [c3] {CARD_9}[^s3]\n- [c2]")
    change(manual / "cards.md", "sources:\n", "sources:\n- {id: s3, resource: p7, conversation: call7, turn: 2}\n")
    change(manual / "cards.md", "\n[^s1]:", f"\n[^s3]: {CARD_9}\n[^s1]:")
    (finding,) = report_of(manual).findings
    assert finding.key.startswith("two-values:c1+c3:")
    book = load_book(manual, NOW)
    accept(book, report_of(manual), [finding.key[-8:]], "human:vale")
    article = parse_article((manual / "cards.md").read_text())
    assert article.accepted == (f"{finding.key} human:vale 2026-11-25",)
    report = report_of(manual)
    assert (report.findings, [each.key for each in report.accepted]) == ((), [finding.key])
    change(manual / "cards.md", "card costs 9", "card comes to 9")
    (again,) = report_of(manual, "two-values").findings
    assert again.key != finding.key


def test_an_accepted_key_of_a_claim_that_is_gone_is_dropped_with_the_next_one(manual):
    change(manual / "cards.md", "title: Cards", "title: Cards\naccepted: ['duplicate:c1+c9:00000000', 'stale:page:0']")
    change(manual / "cards.md", "costs 12 euros.[^", "costs 13 euros.[^")
    (finding,) = report_of(manual).findings
    accept(load_book(manual, NOW), report_of(manual), [finding.key], None)
    assert parse_article((manual / "cards.md").read_text()).accepted == ("stale:page:0", f"{finding.key} 2026-11-25")


@pytest.mark.parametrize("before", ["['', null]", "stale:page:0"])
def test_entries_that_are_empty_or_no_list_do_no_harm(manual, before):
    change(manual / "cards.md", "title: Cards", f"title: Cards\naccepted: {before}")
    change(manual / "cards.md", "costs 12 euros.[^", "costs 13 euros.[^")
    (finding,) = report_of(manual).findings
    accept(load_book(manual, NOW), report_of(manual), [finding.key], None)
    kept = ("stale:page:0",) if before == "stale:page:0" else ()
    assert parse_article((manual / "cards.md").read_text()).accepted == (*kept, f"{finding.key} 2026-11-25")


def test_what_cannot_be_accepted_is_refused(manual):
    change(manual / "index.md", "# Articles", "# Articles\n\n* [Old](old.md) - Gone.")
    book, report = load_book(manual, NOW), report_of(manual)
    with pytest.raises(UsageError, match="no finding has the key 'x'"):
        accept(book, report, ["x"], None)
    for by in ("vale", "human:va/le"):
        with pytest.raises(UsageError, match=f"'{by}' is no actor"):
            accept(book, report, [report.findings[0].key], by)
    with pytest.raises(UsageError, match=r"index.md, which cannot remember it"):
        accept(book, report, [report.findings[0].key], "human:vale")


def test_rules_have_names_and_one_line_each():
    assert _RULES.replace(",", "").split() == list(RULES)
    assert all(line.endswith(".") for line in explain_rules().values())
    assert list(choose_rules(["stale", "unit"])) == ["unit", "stale"]
    with pytest.raises(UsageError, match="did you mean 'orphan'"):
        choose_rules(["orphans"])


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["reer", "lint", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        cli.reer()
    return caught.value.code, *capsys.readouterr()


def test_the_verb_prints_a_line_for_each_finding_and_exits_with_1(manual, monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, manual)
    assert (code, out) == (
        0,
        "0 findings in 2 articles with 3 claims; sources were not compared with what was said, which --pairs does\n",
    )
    change(manual / "cards.md", "costs 12 euros.[^", "costs 13 euros.[^")
    code, out, _ = run(monkeypatch, capsys, manual)
    assert code == 1
    line = rf"{re.escape(str(manual))}/cards.md:\d+ not-in-source c1 '13 euros' is in none .* \[([0-9a-f]{{8}})\]"
    digits = re.fullmatch(line, out.splitlines()[0])[1]
    assert run(monkeypatch, capsys, manual, "--rule", "orphan", "--rule", "stale")[0] == 0
    code, out, err = run(monkeypatch, capsys, manual, "--accept", digits, "--by", "human:vale")
    assert (code, err) == (0, "1 accepted\n")
    assert out.startswith("0 findings in 2 articles with 3 claims, 1 accepted;")


def test_the_verb_prints_json(manual, tmp_path, monkeypatch, capsys):
    change(manual / "cards.md", "costs 12 euros.[^", "costs 13 euros.[^")
    pairs = tmp_path / "pairs.jsonl"
    for number, text in enumerate((CARD, ROOM)):
        talk = [{"role": "customer", "content": f"{number}?"}]
        append_jsonl(pairs, {"id": f"p{number}", "conversation": f"call{number}", "turn": 2, "x": talk, "y": text})
    code, out, _ = run(monkeypatch, capsys, manual, "--pairs", pairs, "--json")
    report = json.loads(out)
    assert code == 1
    assert [(each["rule"], each["article"], each["claims"]) for each in report["findings"]] == [
        ("not-in-source", "cards", ["c1"]),
        ("no-source", "loans", ["c1"]),
    ]
    assert set(report["findings"][0]) == {"rule", "severity", "article", "file", "line", "claims", "message", "key"}
    assert list(report["rules"]) == list(RULES)


def test_the_verb_exits_with_2_where_it_cannot(manual, tmp_path, monkeypatch, capsys):
    code, _, err = run(monkeypatch, capsys, tmp_path / "none")
    assert (code, "holds no article" in err) == (2, True)
    assert run(monkeypatch, capsys, manual, "--rule", "orphans")[0] == 2
    code, _, err = run(monkeypatch, capsys, manual, "--by", "human:vale")
    assert (code, "give --accept KEY with it" in err) == (2, True)
    assert run(monkeypatch, capsys, manual, "--accept", "x")[0] == 2
