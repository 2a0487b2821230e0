import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import NamedTuple

import pytest

import cli
from lm import open as opening
from lm.fake import Scripted
from reer.build import render_index, render_log
from reer.page import render_article
from tests.reer.test_ask import MANUAL, QUESTION


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def manual(tmp_path):
    folder = tmp_path / "bank"
    folder.mkdir()
    for category, article in MANUAL.items():
        (folder / f"{category}.md").write_text(render_article(article))
    (folder / "index.md").write_text(render_index({name: article.description for name, article in MANUAL.items()}))
    (folder / "log.md").write_text(render_log("2026-11-25", []))
    return folder


@pytest.fixture
def reer(monkeypatch):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["reer", *map(str, arguments)])
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err, pytest.raises(SystemExit) as end:
            cli.reer()
        return Ran(end.value.code, out.getvalue(), err.getvalue())

    return run


def test_ask_quotes_what_answers_and_exits_with_1_when_the_manual_is_silent(manual, reer):
    ran = reer("ask", manual, QUESTION)
    assert ran.code == 0 and ran.out.startswith(
        "[cards:c1] Replacing a lost debit card costs 12 euros.\n    call call1"
    )
    silent = reer("ask", manual, "When do the clocks go back this autumn?", "--json")
    assert silent.code == 1
    assert json.loads(silent.out)["silent"] is True and json.loads(silent.out)["claims"] == []


def test_ask_lets_a_model_word_the_answer_and_withholds_what_it_made_up(manual, reer, monkeypatch):
    answers = [{"answer": "12 euros.", "cited": ["cards:c1"]}, {"answer": "15 euros.", "cited": ["cards:c1"]}]
    engine = Scripted([json.dumps(answer) for answer in answers])
    monkeypatch.setitem(opening.OPENERS, "scripted", lambda spec, options: engine)
    ran = reer("ask", manual, QUESTION, "--model", "scripted", "--json")
    assert ran.code == 0 and json.loads(ran.out)["answer"] == "12 euros."
    ran = reer("ask", manual, f"{QUESTION} Please.", "--model", "scripted")
    assert ran.code == 0 and ran.out.startswith("[cards:c1]") and "15" not in ran.out
    assert "is withheld: '15 euros' stands in no claim that it cites" in " ".join(ran.err.split())
    reer("ask", manual, "When do the clocks go back this autumn?", "--model", "scripted")
    assert engine.calls == 2


def test_ask_needs_a_manual(tmp_path, reer):
    ran = reer("ask", tmp_path / "none", QUESTION)
    assert ran.code == 2 and "holds no article" in ran.err and ran.out == ""


def test_export_writes_a_skill_once(manual, tmp_path, reer):
    skill = tmp_path / "skills" / "bank"
    ran = reer("export", manual, "--skill", skill, "--json")
    report = json.loads(ran.out)
    assert ran.code == 0 and report["files"] == ["SKILL.md", "references/cards.md", "references/loans.md"]
    assert all((skill / name).is_file() for name in report["files"])
    again = reer("export", manual, "--skill", skill)
    assert again.code == 2 and "is not empty" in again.err
    wrong = reer("export", manual, "--skill", tmp_path / "My Bank")
    assert wrong.code == 2 and "for instance 'my-bank'" in " ".join(wrong.err.split())
    assert not (tmp_path / "My Bank").exists()


def test_verify_signs_and_lists(manual, reer):
    ran = reer("verify", manual, "cards", "--by", "human:vale", "--stale-after", "30", "--json")
    (record,) = json.loads(ran.out)["articles"]
    assert ran.code == 0 and (record["tier"], record["status"]) == ("human-reviewed", "stable")
    (manual / "cards.md").write_text((manual / "cards.md").read_text().replace("costs 12 euros.[", "costs 13 euros.["))
    rows = {row["category"]: row for row in json.loads(reer("verify", manual, "--list", "--json").out)["articles"]}
    assert rows["cards"]["changed_since"] and not rows["loans"]["changed_since"]
    assert "human:vale" in reer("verify", manual, "--list").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cards"], "give an ARTICLE with --by"),
        (["--by", "human:vale"], "give an ARTICLE with --by"),
        ([], "give an ARTICLE with --by"),
        (["cards", "--by", "human:vale", "--list"], "give an ARTICLE with --by"),
        (["card", "--by", "human:vale"], "did you mean 'cards'?"),
        (["cards", "--by", "human:vale", "--stale-after", "99999"], "36500"),
        (["cards", "--by", "vale"], "names nobody who could check"),
        (["cards", "--by", "human:vale", "--status", "new"], "'new' is not one of"),
    ],
)
def test_verify_refuses_what_it_cannot_mean_and_changes_nothing(manual, reer, arguments, said):
    before = {path.name: path.read_bytes() for path in manual.iterdir()}
    ran = reer("verify", manual, *arguments)
    assert ran.code == 2 and said in " ".join(ran.err.replace("│", " ").split())
    assert {path.name: path.read_bytes() for path in manual.iterdir()} == before
