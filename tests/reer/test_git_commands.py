import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import cli
from reer.opening import commit_build
from reer.repository import Repository
from tests.reer.builders import make_pair
from tests.reer.git_builders import AT, git, make_page, make_repository, with_text
from workbench.jsonl import append_jsonl

Reer = Callable[..., tuple[int, str, str]]
FOURTEEN = "A lost card costs 14 euros to replace."


@pytest.fixture
def reer(monkeypatch, capsys) -> Reer:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["reer", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.reer()
        said = capsys.readouterr()
        return int(caught.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def manual(reer, tmp_path) -> Path:
    repository = make_repository(tmp_path / "top")
    trailers = {"NLL-Delta": "-0.031", "Similarity-Delta": "+0.010", "Pairs": "p1, p2", "Sources": "call7"}
    repository.commit({"cards.md": make_page(*with_text(FOURTEEN))}, "cards: 14 euros", trailers, at=AT)
    return repository.folder


def test_log_lists_edits_with_their_figures(reer, manual):
    code, out, err = reer("log", manual)
    assert code == 0 and err == ""
    line = next(line for line in out.splitlines() if "cards: 14 euros" in line)
    assert line.split()[1:] == ["2026-09-21", "cards:", "14", "euros", "-0.031", "+0.010", "2", "call7"]
    commits = json.loads(reer("log", manual, "--limit", 1, "--json")[1])["commits"]
    assert [each["subject"] for each in commits] == ["cards: 14 euros"]
    assert commits[0]["trailers"]["Pairs"] == "p1, p2"


def test_diff_compares_commits_or_the_files(reer, manual):
    expected = "cards\n  ~ [c1] A lost card costs [-12-] {+14+} euros to replace.\n"
    assert reer("diff", manual) == (0, "no change\n", "")
    assert reer("diff", manual, "HEAD~1") == reer("diff", manual, "HEAD~1", "HEAD") == (0, expected, "")
    record = json.loads(reer("diff", manual, "HEAD", "HEAD~1", "--json")[1])
    assert [(each["kind"], each["after"]["text"]) for each in record["claims"]] == [
        ("changed", "A lost card costs 12 euros to replace.")
    ]
    assert reer("diff", manual, "gone")[0] == 2


def test_blame_shows_the_whole_reply(reer, manual, tmp_path):
    pairs = tmp_path / "pairs.jsonl"
    pair = make_pair(1, "Yes dear, a lost card costs 12 euros to replace.")
    turns = [{"role": turn.role, "content": turn.content} for turn in pair.x]
    append_jsonl(pairs, {"id": "p1", "conversation": "call1", "turn": 2, "x": turns, "y": pair.y})
    code, out, err = reer("blame", manual, "a lost card costs 14 euros", "--pairs", pairs)
    assert code == 0 and err == "" and "found by its words, 86% in common" in out and "reply: Yes dear" in out
    assert "holds no pair 'p2'" in reer("blame", manual, "cards:c2", "--pairs", pairs)[2]
    assert json.loads(reer("blame", manual, "cards:c1", "--json")[1])["claim"] == "cards:c1"


def test_revert_undoes_and_a_conflict_exits_with_2(reer, manual):
    code, out, err = reer("revert", manual, "HEAD")
    assert code == 0 and "[-14-] {+12+}" in out and "undoes" in err
    head = git(manual, "rev-parse", "HEAD")
    code, out, err = reer("revert", manual, "HEAD~1")
    assert (code, out) == (2, "") and "is left to undo" in err
    assert git(manual, "rev-parse", "HEAD") == head
    assert json.loads(reer("revert", manual, "HEAD", "--json")[1])["reverts"] == head


def test_a_page_broken_by_hand_is_named_and_kept(reer, manual):
    page = manual / "cards.md"
    page.write_text(page.read_text().replace("title: Cards", "title: ["))
    before = page.read_bytes()
    for verb in (["diff", manual], ["blame", manual, "cards:c1"], ["revert", manual, "HEAD"]):
        code, out, err = reer(*verb)
        assert (code, out) == (2, "") and "cards.md: " in err and err.count("\n") == 1
    assert page.read_bytes() == before and reer("log", manual)[0] == 0


def test_a_folder_without_git_says_what_to_do(reer, tmp_path):
    for verb in (["log"], ["diff"], ["blame", "x"], ["revert", "HEAD"]):
        code, out, err = reer(verb[0], tmp_path, *verb[1:])
        assert (code, out) == (2, "") and "git init" in err and "--git" in err


def test_what_a_killed_run_left_is_told(reer, manual):
    repository = Repository.open(manual)
    (repository.git.dir / "openbook.json").write_text('{"commit": "0123456789abcdef", "branch": "b", "edits": []}')
    code, _, err = reer("log", manual)
    assert code == 0 and "dropped commit 0123456789 of a killed run" in err


def test_a_built_manual_is_one_commit_and_signed_by_the_toolkit_without_a_name(reer, tmp_path, capsys):
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "cards.md").write_text(make_page())
    (folder / "index.md").write_text("# Articles\n")
    commit_build(folder, [make_pair(1, "a"), make_pair(2, "b"), make_pair(3, "c", call="call1")], at=AT)
    assert "commits are signed openbook <openbook@localhost>" in capsys.readouterr().err
    (entry,) = Repository.open(folder).history()
    assert entry.trailers == {"Pairs": "3", "Sources": "2 calls"} and git(folder, "status", "--porcelain") == ""


def test_a_place_that_takes_no_commit_is_refused_before_the_build(reer, manual, tmp_path):
    git(manual, "checkout", "-q", "--detach")
    append_jsonl(tmp_path / "pairs.jsonl", {"id": "p1", "conversation": "c", "turn": 1, "x": [], "y": "Hi."})
    code, _, err = reer("build-manual", tmp_path / "pairs.jsonl", "--out", manual.parent / "new" / "m", "--git")
    assert code == 2 and "detached" in err and not (manual.parent / "new").exists()


@pytest.mark.parametrize("place", ["m", "m/cards.md"])
def test_a_place_that_holds_something_is_refused_before_a_model_is_opened(reer, tmp_path, place):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / ".hidden").write_text("")
    (tmp_path / "m" / "cards.md").write_text("x")
    record = {"id": "p1", "conversation": "c", "turn": 1, "x": [], "y": "Hi.", "category": "cards"}
    append_jsonl(tmp_path / "pairs.jsonl", record)
    (tmp_path / "categories.toml").write_text('[categories]\ncards = "Cards."\n')
    asked = ("build-manual", tmp_path / "pairs.jsonl", "--model", "embeded", "--out")
    code, _, err = reer(*asked, tmp_path / place)
    assert code == 2 and ("'cards.md' lies there" if place == "m" else "is a file") in " ".join(err.split())
    assert "'embeded' cannot score" in reer(*asked, tmp_path / "new")[2]


def test_a_repository_without_a_commit_says_so(reer, tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "cards.md").write_text(make_page())
    code, out, err = reer("diff", tmp_path)
    assert (code, out) == (2, "") and "nothing is committed yet" in err


def test_what_was_said_cannot_steer_a_terminal(reer, manual):
    repository = Repository.open(manual)
    said = "A lost card\x1b[2J costs 16 euros to replace."
    repository.commit({"cards.md": make_page(*with_text(said))}, "cards: 16 euros", {}, at=AT)
    (manual / "cards.md").write_text(make_page(*with_text(f"{said}\x07")))
    git(manual, "commit", "-qam", "by hand \x1b[31m")
    for verb in (["log"], ["diff", "HEAD~2"], ["blame", "cards:c1"], ["lint"]):
        _, out, _ = reer(verb[0], manual, *verb[1:])
        assert out and not set(out) & {"\x1b", "\x07"}
