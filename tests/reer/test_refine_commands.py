from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

import cli
from lm import open as opening
from lm.fake import Scripted
from reer.options import address_for
from reer.page import render_article
from reer.pairs import Pair
from reer.repository import Repository
from tests.lm.scoring_server import ScoringServer
from tests.reer.bank import ARTICLE, PAIRS, TALK
from tests.reer.builders import by_words
from tests.reer.git_builders import AT, git
from workbench.jsonl import append_jsonl

Reer = Callable[..., tuple[int, str, str]]


class Words:
    """Stands for the text encoder, which takes longer to load than all the rest."""

    encode = staticmethod(by_words)


@pytest.fixture
def reer(monkeypatch, capsys) -> Reer:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setattr("lm.encoder.Encoder", Words)
    monkeypatch.setitem(opening.OPENERS, "scripted", lambda _spec, _options: Scripted(lambda _request: "One moment."))

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["reer", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.reer()
        said = capsys.readouterr()
        return int(caught.value.code or 0), said.out, " ".join(said.err.split())

    return run


def write_pairs(path: Path, pairs: list[Pair]) -> Path:
    for pair in pairs:
        append_jsonl(path, asdict(pair) | {"date": pair.date and pair.date.isoformat()})
    return path


@pytest.fixture
def manual(reer, tmp_path) -> Path:
    folder = tmp_path / "top" / "m"
    folder.mkdir(parents=True)
    git(folder.parent, "init", "-q", "-b", "main")
    Repository.open(folder).commit({"cards.md": render_article(ARTICLE)}, "first", {"Pairs": "3"}, at=AT)
    return folder


def test_refine_commits_what_helps_and_then_has_nothing_more_to_do(reer, manual, tmp_path):
    pairs = write_pairs(tmp_path / "pairs.jsonl", [*PAIRS[:6], *PAIRS[-3:]])
    (manual / "README.md").write_text("a person's draft\n")
    with ScoringServer() as server:
        given = ["refine", manual, pairs, "--model", "hosted_vllm/m", "--api-base", server.base_url, "--edits", 1]
        code, out, err = reer(*given, "--answers", "scripted", "--json")
        assert code == 0 and [row["edit"] for row in json.loads(out)["accepted"]] == ["END", "ADD"]
        assert "cards: accepted UPDATE c5: newer calls say otherwise" in err
        assert git(manual, "rev-list", "--count", "HEAD") == "3"
        code, out, _ = reer(*given, "--answers", "scripted", "--json")
        assert code == 1 and json.loads(out)["accepted"] == []
    assert git(manual, "rev-list", "--count", "HEAD") == "3"
    assert git(manual, "status", "--porcelain") == "?? m/README.md"


def test_refine_leaves_articles_alone_that_are_not_named(reer, manual, tmp_path):
    loans = render_article(replace(ARTICLE, category="loans", title="Loans"))
    start = Repository.open(manual).commit({"loans.md": loans}, "second", {"Pairs": "3"}, at=AT)
    (manual / "loans.md").write_text(in_work := loans.replace(TALK, "Storks nest on roofs."))
    cards = [*PAIRS[:6], *PAIRS[-3:]]
    others = [replace(pair, id=f"l{pair.id}", conversation=f"l{pair.conversation}", category="loans") for pair in cards]
    pairs = write_pairs(tmp_path / "pairs.jsonl", [*cards, *others])
    with ScoringServer() as server:
        given = ["refine", manual, pairs, "--model", "hosted_vllm/m", "--api-base", server.base_url, "--edits", 1]
        code, out, _ = reer(*given, "--answers", "none", "--category", "cards", "--json")
    report = json.loads(out)
    assert code == 0 and {row["article"] for row in report["accepted"]} == set(report["tokens"]) == {"cards"}
    assert (manual / "loans.md").read_text() == in_work
    assert git(manual, "diff", "--name-only", start, "HEAD").split() == ["m/cards.md", "m/log.md"]


def test_refine_refuses_a_page_in_work_and_loses_nothing(reer, manual, tmp_path):
    pairs = write_pairs(tmp_path / "pairs.jsonl", PAIRS)
    page = (manual / "cards.md").read_text().replace(TALK, "Storks nest on roofs.")
    (manual / "cards.md").write_text(page)
    code, out, err = reer("refine", manual, pairs, "--model", "scripted")
    assert (code, out) == (2, "") and "cards.md differ from the latest commit; commit or stash" in err
    assert (manual / "cards.md").read_text() == page and git(manual, "rev-list", "--count", "HEAD") == "1"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--category", "loans"], "the manual has no article 'loans'; it has cards"),
        (["--edits", "0"], "greater than or equal to 1"),
        (["--model", "nonsense"], "'nonsense' cannot score"),
    ],
)
def test_refine_says_what_is_wrong(reer, manual, tmp_path, arguments, said):
    code, out, err = reer("refine", manual, write_pairs(tmp_path / "pairs.jsonl", PAIRS), *arguments)
    assert (code, out) == (2, "") and said in err


def test_refine_needs_a_repository_and_a_manual(reer, tmp_path):
    (tmp_path / "plain").mkdir()
    pairs = write_pairs(tmp_path / "pairs.jsonl", PAIRS)
    code, _, err = reer("refine", tmp_path / "plain", pairs)
    assert code == 2 and "lies in no Git repository" in err
    git(tmp_path / "plain", "init", "-q")
    code, _, err = reer("refine", tmp_path / "plain", pairs)
    assert code == 2 and "holds no article" in err


def test_an_address_goes_to_the_model_that_is_on_a_server():
    for here in ("embedded", "hf:some/model", "none"):
        assert address_for(here, beside="hosted_vllm/m", api_base="http://x") is None
        assert address_for("hosted_vllm/m", beside=here, api_base="http://x") == "http://x"
    assert address_for("hosted_vllm/a", beside="openai/b", api_base="http://x") == "http://x"
    assert address_for("embedded", beside="none", api_base="http://x") == "http://x"  # refused where it is opened
