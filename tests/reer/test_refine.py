from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import anyio
import numpy as np
import pytest

from lm.fake import Scripted
from lm.road import Road
from reer.answers import Answers
from reer.gate import Gate
from reer.keeping import Keeper
from reer.manual import Article
from reer.page import parse_article, render_article
from reer.refine import Tools, Trial, refine
from reer.refine_report import describe_trial, report_of
from reer.repository import Repository
from reer.resuming import read_pasts, run_key
from reer.shelf import load_manual
from reer.trailers import RUN
from tests.reer.bank import ARTICLE, BLOCK, FEE, LIMIT, NEW, OLD, PAIRS, TALK, TIRES, parrot, texts
from tests.reer.builders import by_words, make_scorer
from tests.reer.git_builders import AT, files, git
from workbench.errors import DataError

ROOT = Path(__file__).parents[2]
AGAIN = "In the app you can block a card."
FOUR = ("NLL-Delta", "Similarity-Delta", "Pairs", "Sources")
LIMIT_OF_EDITS = 4
"""So that it is kept over stops too."""
REFINE = """
import sys
from pathlib import Path
from tests.reer.test_refine import run
print("begins", flush=True)
run(Path(sys.argv[1]))
print("ends", flush=True)
"""


class Refined(NamedTuple):
    folder: Path
    before: dict[str, Article]
    trials: list[Trial]


class Stop(Exception):
    """Stands for whatever ends a process."""


@pytest.fixture(autouse=True, scope="module")
def no_settings() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
        yield


@pytest.fixture(scope="module")
def whole(no_settings, tmp_path_factory) -> Refined:
    """A run that nobody disturbed."""
    folder = make_manual(tmp_path_factory.mktemp("whole"))
    before = load_manual(folder)
    return Refined(folder, before, run(folder))


def make_manual(top: Path, *, page: str = "cards.md", article: Article = ARTICLE) -> Path:
    """A manual of one article in the repository of a user, who has staged something."""
    folder = top / "m"
    folder.mkdir(parents=True)
    git(top, "init", "-q", "-b", "main")
    Repository.open(folder).commit({page: render_article(article), "log.md": "# Log\n"}, "first", {"Pairs": "3"}, at=AT)
    (top / "mine.txt").write_text("mine\n")
    git(top, "add", "mine.txt")
    return folder


def run(folder: Path, *, stop_at: int = 0, max_edits: int = 20, answer=parrot, budget: int = 80) -> list[Trial]:
    """Refine, as the verb does; with `stop_at`, until so many edits are committed."""
    trials: list[Trial] = []

    def tell(trial: Trial) -> None:
        trials.append(trial)
        if stop_at and sum(each.verdict.accepted for each in trials) == stop_at:
            raise Stop

    async def work() -> None:
        repository = Repository.open(folder)
        gate = Gate(
            make_scorer(TIRES), Answers(Road(Scripted(answer))), by_words, budget, lambda: np.random.default_rng(0)
        )
        runs = {"cards": run_key(PAIRS, ("reader", "scripted", budget, 0))}
        tools = Tools(gate, Keeper(repository, lambda: AT, runs), tell)
        pasts = read_pasts(repository, runs)
        shelf = load_manual(folder)
        await refine(shelf, {"cards": PAIRS}, tools, max_edits=max_edits, done=lambda _: None, pasts=pasts)

    anyio.run(work)
    return trials


def accepted(trials: list[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.verdict.accepted]


def cards(folder: Path) -> Article:
    return load_manual(folder)["cards"]


def commits(folder: Path) -> int:
    return len(Repository.open(folder).history())


def test_a_manual_is_refined_by_every_kind_of_edit(whole):
    article = cards(whole.folder)
    assert set(texts(article)) - {BLOCK, AGAIN} == {FEE, LIMIT, NEW} and texts(article, ended=True) == [OLD]
    assert len({BLOCK, AGAIN} & set(texts(article))) == 1
    assert {trial.edit.op for trial in accepted(whole.trials)} == {"ADD", "UPDATE", "MERGE", "DELETE"}


def test_each_accepted_edit_is_one_commit_of_the_page_with_its_figures(whole):
    folder, trials = whole.folder, accepted(whole.trials)
    repository = Repository.open(folder)
    history = repository.history()[::-1][1:]
    assert len(history) == len(trials)
    for entry, trial in zip(history, trials, strict=True):
        names = git(folder.parent, "diff", "--name-only", entry.parents[0], entry.hash).split()
        assert names == ["m/cards.md", "m/log.md"]
        assert tuple(entry.trailers) == (*FOUR, RUN)
        page = repository.text("cards.md", entry.hash)
        assert parse_article(page).claims and trial.article.current == parse_article(page).current
        assert set(entry.trailers["Sources"].split(", ")) == ({s.pair for s in trial.edit.sources} or {"none"})
        if trial.verdict.nll:
            assert re.fullmatch(r"-\d\.\d{4} \[-\d\.\d{4}, -\d\.\d{4}\] nats per token", entry.trailers["NLL-Delta"])
            assert re.fullmatch(r"[-+]\d\.\d{4} \[.+, .+\]", entry.trailers["Similarity-Delta"])
            assert entry.trailers["Pairs"].split(", ") == list(trial.verdict.pairs)
    log = (folder / "log.md").read_text()
    assert log.count("* **Update**: cards: ") == len(trials) and FEE in log
    assert git(folder.parent, "status", "--porcelain") == "A  mine.txt"


def test_a_second_run_accepts_nothing_and_commits_nothing(whole):
    before, count = files(whole.folder.parent), commits(whole.folder)
    assert accepted(run(whole.folder)) == [] == accepted(run(whole.folder, max_edits=1))
    assert (files(whole.folder.parent), commits(whole.folder)) == (before, count)


def test_a_run_stopped_after_each_edit_ends_as_one_that_never_was(tmp_path):
    undisturbed, folder = make_manual(tmp_path / "whole"), make_manual(tmp_path / "stopped")
    edits = len(accepted(run(undisturbed, max_edits=LIMIT_OF_EDITS)))
    assert edits == LIMIT_OF_EDITS + 1  # and the claim that ended by date
    for _ in range(edits):
        with pytest.raises(Stop):
            run(folder, stop_at=1, max_edits=LIMIT_OF_EDITS)
    assert accepted(run(folder, max_edits=LIMIT_OF_EDITS)) == []
    assert files(folder) == files(undisturbed) and commits(folder) == commits(undisturbed)


def test_a_greater_limit_goes_on_where_a_smaller_one_ended(whole, tmp_path):
    folder = make_manual(tmp_path)
    assert len(accepted(run(folder, max_edits=1))) == 2
    run(folder)
    assert files(folder) == files(whole.folder)


def test_a_run_goes_on_from_what_a_person_has_changed_since(tmp_path):
    folder = make_manual(tmp_path)
    run(folder, max_edits=1)
    article = cards(folder)
    page = render_article(article).replace(FEE, "A lost card costs 13 euros.")
    Repository.open(folder).commit({"cards.md": page}, "by hand", {}, at=AT)
    assert accepted(run(folder))
    assert texts(cards(folder)).count("A lost card costs 13 euros.") == 1
    assert read_pasts(Repository.open(folder), {"cards": "another"}) == {"cards": []}


def test_a_log_that_another_run_has_written_to_is_no_obstacle(whole, tmp_path):
    folder = make_manual(tmp_path)
    keeper = Keeper(Repository.open(folder), lambda: AT)
    other = "# Log\n\n## 2026-09-21\n\n* **Update**: loans\n"
    Repository.open(folder).commit({"log.md": other}, "loans", {}, at=AT)
    keeper(ARTICLE, accepted(whole.trials)[0])
    log = (folder / "log.md").read_text()
    assert "* **Update**: loans" in log and "* **Update**: cards" in log


def test_a_page_that_somebody_else_has_changed_stays_theirs(tmp_path):
    folder = make_manual(tmp_path)
    page = (folder / "cards.md").read_text().replace(TALK, "Storks nest on roofs.")

    def meddle(request) -> str:
        (folder / "cards.md").write_text(page)
        return parrot(request)

    with pytest.raises(DataError, match="has unsaved changes of yours"):
        run(folder, answer=meddle)
    assert (folder / "cards.md").read_text() == page
    assert "roofs" not in git(folder, "show", "HEAD:./cards.md")


def test_the_report_says_what_was_done_and_why_not(whole):
    trials = whole.trials
    report = report_of(whole.before, load_manual(whole.folder), trials)
    assert report["tried"] == len(trials) == len(report["accepted"]) + sum(report["refused"].values())
    ended = next(row for row in report["accepted"] if row["edit"] == "END")
    assert (ended["claim"], ended["NLL"], ended["similarity"], ended["pairs"]) == ("c5", None, None, 0)
    assert report["tokens"]["cards"]["after"] <= 80
    lines = [describe_trial(trial) for trial in trials]
    assert any(re.fullmatch(rf"cards: accepted ADD .*'{re.escape(FEE)}': .*, NLL -.*", line) for line in lines)


def test_a_killed_run_ends_as_one_that_never_was(whole, tmp_path):
    folder = make_manual(tmp_path)
    command = [sys.executable, "-c", REFINE, str(folder)]
    kills = 0
    for pause_s in (0.2, 0.5):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert process.stdout is not None and process.stdout.readline() == "begins\n"
        time.sleep(pause_s)
        os.killpg(process.pid, signal.SIGKILL)
        kills += "ends" not in process.communicate()[0]
    run(folder)
    assert kills and files(folder) == files(whole.folder)
    assert commits(folder) == commits(whole.folder)
    assert git(tmp_path, "status", "--porcelain") == "A  mine.txt"
    assert git(tmp_path, "fsck", "--no-dangling") == ""
