from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import numpy as np
import pytest
from typer.testing import CliRunner

from lm.fake import Scripted
from lm.road import Road
from lm.scores import Scorer
from reer.commands import app
from reer.gate import Gate
from reer.keeping import Keeper
from reer.manual import Claim, Source
from reer.model_edits import ModelEdits
from reer.page import render_article
from reer.refine import Tools, refine
from reer.repository import Repository
from reer.shelf import load_manual
from reer.trace_record import read_traces
from tests.reer.builders import Reader, by_words, make_pair
from tests.reer.git_builders import AT, git, make_article, make_repository
from workbench.errors import DataError, UsageError
from workbench.jsonl import dump_line

LONG = "If you have lost a card of yours, then the amount that a new card costs is the sum of 12 euros."
SHORT = "If you have lost a card, a new card costs 12 euros."
FACT = "Stolen cards need a police report within 3 days."
QUOTE = "stolen cards need a police report within 3 days"
TALK = ", as all people here pay it gladly whether rich or poor, young or old, tall or small"
PAIRS = [
    *(
        make_pair(number, f"If you have lost a card, a new card costs 12 euros{TALK}, case {number}.")
        for number in range(6)
    ),
    *(make_pair(number, f"Stolen cards need a police report within 3 days case {number}.") for number in range(6, 11)),
    make_pair(11, f"Well, {QUOTE}."),
]
ARTICLE = make_article(
    Claim("c1", LONG, ("s1",)),
    description="All about cards.",
    sources=(Source("s1", "p0", "call0", 2, PAIRS[0].y),),
)


class Curt(Reader):
    """Likes every word of a reply better, the fewer words there are before it."""

    async def score(self, rows, on_row):
        for place, row in enumerate(rows):
            words = str(row.context).lower().replace(".", " ").replace(",", " ").split()
            likely = [
                -0.01 * len(words) - (0.0 if word in words else 2.0) for word in str(row.y).lower().strip(" .").split()
            ]
            on_row(place, tuple(likely))


def writer(facts=(), rewrites=()):
    """Answers the facts prompt about pair 11 alone, and the rewrite prompt always."""

    def answer(request):
        asked = request.messages[-1].content
        if "<claims>" in asked:
            return json.dumps([each for each in rewrites if each["ids"][0] + ": " + LONG in asked])
        return json.dumps(list(facts) if f"<reply>\n{PAIRS[11].y}" in asked else [])

    return Scripted(answer)


def refined(top, engine, **changes):
    repository = make_repository(top)
    (repository.folder / "cards.md").write_text(render_article(ARTICLE))
    git(top, "add", ".")
    git(top, "commit", "-qm", "start")
    repository = Repository.open(repository.folder)
    groups = {"cards": PAIRS}
    gate = Gate(Scorer(Curt()), None, by_words, 200, lambda: np.random.default_rng(0))
    gate = replace(gate, **changes)
    editor = ModelEdits(Road(engine), groups, {})
    trials = []

    async def work():
        tools = Tools(gate, Keeper(repository, lambda: AT), trials.append, editor)
        await refine(load_manual(repository.folder), groups, tools, max_edits=2, done=lambda _: None)

    anyio.run(work)
    return load_manual(repository.folder)["cards"], trials, editor, repository


def test_a_rewrite_that_the_scorer_likes_is_one_commit(tmp_path):
    engine = writer(rewrites=[{"ids": ["c1"], "text": SHORT}])
    article, trials, _, repository = refined(tmp_path / "r", engine)
    assert SHORT in [claim.text for claim in article.current] and LONG not in [claim.text for claim in article.claims]
    (accepted,) = [each for each in trials if each.verdict.accepted and each.edit.text == SHORT]
    assert (accepted.edit.op, accepted.edit.reason) == ("UPDATE", "a model says c1 shorter")
    assert "a model says c1 shorter" in git(repository.folder, "log", "--format=%B")


def test_a_rewrite_that_loses_its_value_is_never_tried(tmp_path):
    lossy = "If you have lost a card, a new card costs a sum."
    article, trials, editor, _ = refined(tmp_path / "r", writer(rewrites=[{"ids": ["c1"], "text": lossy}]))
    assert lossy not in [each.edit.text for each in trials] and editor.refused["value"] >= 1
    assert lossy not in [claim.text for claim in article.claims]


def test_a_written_fact_is_added_with_the_pair_that_said_it_and_judged_on_other_calls(tmp_path):
    engine = writer(facts=[{"kind": "deadline", "text": FACT, "quote": QUOTE}])
    groups = {"cards": PAIRS}

    async def work():
        return await ModelEdits(Road(engine), groups, {}).propose(ARTICLE)

    (edit,) = anyio.run(work)
    assert (edit.op, edit.text, edit.reason) == ("ADD", FACT, "a model reads a deadline in p11")
    (source,) = edit.sources
    assert (source.pair, source.conversation, source.turn, source.quote) == ("p11", "call11", 2, QUOTE)
    assert edit.touches(ARTICLE) == {"call11"}


def test_what_an_article_says_already_is_not_proposed_and_a_pair_is_asked_about_once():
    engine = writer(facts=[{"kind": "deadline", "text": FACT, "quote": QUOTE}])
    told = make_article(Claim("c1", "Stolen cards need a police report within 3 days.", ("s1",)))

    async def work():
        editor = ModelEdits(Road(engine), {"cards": PAIRS}, {})
        return [await editor.propose(told), await editor.propose(told)], editor.facts

    edits, facts = anyio.run(work)
    assert (edits, facts) == ([[], []], 1)
    assert engine.calls == len(PAIRS) + 2


def test_a_fact_finds_room_or_is_not_added(tmp_path):
    engine = writer(facts=[{"kind": "deadline", "text": FACT, "quote": QUOTE}])
    _, trials, _, _ = refined(tmp_path / "r", engine, budget=14)
    assert all(each.edit.removed for each in trials if each.edit.op == "ADD")


def test_traces_are_read_from_a_run_or_a_file(tmp_path):
    file = tmp_path / "traces.jsonl"
    file.write_text('{"id":"p1","trace":"Because."}\n{"id":"p2","trace":null}\n')
    assert read_traces(tmp_path) == read_traces(file) == {"p1": "Because."}


@pytest.mark.parametrize(
    "line", ['{"id":"p1"}', '{"trace":"x"}', '{"id":"p1","trace":3}', '{"id":"p0","trace":null}\n' * 2]
)
def test_a_file_that_holds_no_traces_is_named(tmp_path, line):
    (tmp_path / "traces.jsonl").write_text('{"id":"p0","trace":"x"}\n' + line + "\n")
    with pytest.raises(DataError, match=r"traces\.jsonl:2: "):
        read_traces(tmp_path)


def test_the_verb_hands_the_writer_its_traces_and_tells_what_stood(tmp_path, monkeypatch):
    repository = make_repository(tmp_path / "r")
    (repository.folder / "cards.md").write_text(render_article(ARTICLE))
    git(tmp_path / "r", "add", ".")
    git(tmp_path / "r", "commit", "-qm", "start")
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "pairs.jsonl").write_text("".join(dump_line(record_of(pair)) + "\n" for pair in PAIRS))
    (folder / "traces.jsonl").write_text('{"id":"p11","trace":"Thieves are a matter for the police."}\n')
    seen = []

    @asynccontextmanager
    async def writing(model, api_base):
        answer = writer(rewrites=[{"ids": ["c1"], "text": SHORT}])._answer
        yield Road(Scripted(lambda request: seen.append(request.messages[-1].content) or answer(request)))

    @asynccontextmanager
    async def judging(*_):
        yield Gate(Scorer(Curt()), None, by_words, 200, lambda: np.random.default_rng(0))

    monkeypatch.setattr("reer.refine_commands.writing", writing)
    monkeypatch.setattr("reer.refine_commands._judging", judging)
    argv = ["refine", str(repository.folder), str(folder / "pairs.jsonl"), "--json"]
    without = CliRunner().invoke(app, [*argv, "--traces", str(folder)])
    assert isinstance(without.exception, UsageError) and "--writer" in str(without.exception)
    done = CliRunner().invoke(app, [*argv, "--writer", "scripted", "--traces", str(folder)])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["written"] == {"facts": 0, "refused": {}}
    assert SHORT in [accepted["claim"] for accepted in report["accepted"]]
    (shown,) = [asked for asked in seen if PAIRS[11].y in asked]
    assert "Thieves are a matter for the police." in shown


def record_of(pair):
    turns = [{"role": turn.role, "content": turn.content} for turn in pair.x]
    named = {"id": pair.id, "conversation": pair.conversation, "turn": pair.turn, "category": pair.category}
    return {**named, "x": turns, "y": pair.y}
