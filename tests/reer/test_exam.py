from __future__ import annotations

import dataclasses
import sys
import xml.etree.ElementTree as ET

import anyio
import numpy as np
import pytest

import cli
from lm.fake import Scripted
from lm.road import Road
from lm.scores import Scorer
from reer import exam_commands
from reer.answers import Answers
from reer.books import Shelf, count_rote, load_key, match_by_rote, open_books
from reer.exam import Answered, Examiners, set_exam, sit_exam
from reer.ladder_picture import draw_ladder
from reer.manual import context_text
from reer.shelf import load_manual
from reer.tables import format_exam
from tests.reer.builders import Reader, by_words, make_pair
from tests.reer.git_builders import make_repository
from tests.reer.test_build import PAIRS, TEST, build
from workbench.errors import DataError, UsageError
from workbench.jsonl import append_jsonl


def exam(folder, pairs=TEST, *, answer=None, **books):
    async def work():
        paper = set_exam(Shelf(load_manual(folder), **books), pairs)
        answered = Answered(Answers(Road(Scripted(answer))), by_words) if answer else None
        return await sit_exam(paper, Examiners(Scorer(Reader()), answered), rng=np.random.default_rng(0))

    return anyio.run(work)


def test_the_right_article_beats_the_wrong_one_and_none(tmp_path):
    build(tmp_path / "m")
    report = exam(tmp_path / "m", transcripts=[*PAIRS, *TEST])
    assert list(report["rungs"]) == ["none", "wrong", "rote", "transcripts", "manual"]
    for over in ("over_none", "over_wrong"):
        assert report["gains"][over]["nll"]["low"] > 0
        assert report["gains"][over]["slot_nll"]["value"] > report["gains"][over]["nll"]["value"]
    nll = {rung: figures["nll"]["value"] for rung, figures in report["rungs"].items()}
    assert report["gains"]["over_none"]["nll"]["value"] == pytest.approx(1 - nll["manual"] / nll["none"])
    assert report["rungs"]["none"]["nll"]["n"] == len({pair.conversation for pair in TEST})


def test_calls_that_the_manual_has_seen_are_no_exam(tmp_path):
    build(tmp_path / "m")
    with pytest.raises(UsageError, match="of call 'call1', which the manual was built from"):
        exam(tmp_path / "m", PAIRS)


def test_an_exam_in_a_subject_that_the_manual_lacks_is_refused(tmp_path):
    build(tmp_path / "m")
    with pytest.raises(UsageError, match="'savings', which has no article"):
        exam(tmp_path / "m", [make_pair(21, "Hi there.", category="savings")])
    with pytest.raises(UsageError, match="holds no article"):
        exam(tmp_path)


def test_every_book_has_its_rung_in_one_order(tmp_path):
    build(tmp_path / "m")
    first = load_manual(tmp_path / "m")
    key = {"cards": ["A lost card costs 12 euros."], "loans": ["Early repayment costs 1 percent."]}
    report = exam(tmp_path / "m", transcripts=PAIRS, first=first, key=key)
    assert list(report["rungs"]) == ["none", "wrong", "rote", "transcripts", "first", "manual", "key"]
    assert report["gains"]["over_first"]["nll"]["value"] == 0
    assert report["rungs"]["none"]["tokens"] == 0 < report["rungs"]["manual"]["tokens"]
    text = format_exam(report)
    assert "the answer key" in text and "questions matched by rote: 0 exact, 0 normalised, 3 nearest" in text


def test_the_wrong_article_is_of_another_category(tmp_path):
    build(tmp_path / "m")
    articles = load_manual(tmp_path / "m")
    books = open_books(Shelf(articles), TEST)
    assert books["manual"][0] == context_text(articles["cards"])
    assert books["wrong"][0] == context_text(articles["loans"])


def test_rote_matches_to_the_letter_then_without_marks_then_the_nearest():
    said = [make_pair(1, "One."), make_pair(2, "Two."), make_pair(3, "Three.")]
    asked = [make_pair(1, "", call="other"), make_pair(2, "", call="other"), make_pair(9, "", call="call3")]
    asked[1] = type(asked[1])(**{f: getattr(asked[1], f) for f in asked[1].__slots__} | {"x": (said[1].x[0],)})
    matched = match_by_rote(said, asked)
    assert [rote.reply for rote in matched[:2]] == ["One.", "Two."]
    assert [rote.how for rote in matched[:2]] == ["exact", "exact"]
    assert matched[2].how == "nearest" and matched[2].reply != "Three."
    assert count_rote(matched) == {"exact": 2, "normalised": 0, "nearest": 1}


def test_rote_passes_over_the_own_call_and_takes_the_next_with_the_same_question():
    first = make_pair(1, "One.", call="own")
    second = dataclasses.replace(make_pair(2, "Two."), x=first.x)
    asked = dataclasses.replace(make_pair(3, "", call="own"), x=first.x)
    (rote,) = match_by_rote([first, second], [asked])
    assert (rote.how, rote.reply) == ("exact", "Two.")


def test_transcripts_of_the_own_call_alone_are_refused(tmp_path):
    build(tmp_path / "m")
    with pytest.raises(UsageError, match="of 'call11', and the transcripts hold no other"):
        exam(tmp_path / "m", transcripts=TEST[:1])


def test_transcripts_take_no_more_room_than_the_article(tmp_path):
    build(tmp_path / "m")
    report = exam(tmp_path / "m", transcripts=[*PAIRS, *TEST])
    assert report["rungs"]["transcripts"]["tokens"] <= report["rungs"]["manual"]["tokens"]


def test_answers_are_compared_with_what_the_expert_said(tmp_path):
    build(tmp_path / "m")

    def answer(request):
        known = "12 euros" in request.messages[0].content + request.messages[-1].content
        return "A lost card costs 12 euros." if known else "I cannot say."

    report = exam(tmp_path / "m", answer=answer, transcripts=PAIRS)
    found = {rung: figures["similarity"]["value"] for rung, figures in report["rungs"].items()}
    assert found["manual"] > found["none"]
    assert report["rungs"]["manual"]["slots"]["right"] == 1
    assert report["gains"]["over_none"]["similarity"]["value"] > 0
    assert "slots right, wrong, missing" in format_exam(report)


def test_the_picture_is_an_svg_with_a_row_for_each_book(tmp_path):
    build(tmp_path / "m")
    root = ET.fromstring(draw_ladder(exam(tmp_path / "m")))
    assert root.tag.endswith("svg")
    shown = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"no book", "a wrong article", "the manual"} <= set(shown)


def test_a_key_without_statements_is_refused(tmp_path):
    path = tmp_path / "key.jsonl"
    path.write_text('{"id": "a", "category": "cards", "statement": "So."}\n{"id": "b"}\n')
    with pytest.raises(DataError, match=r"key.jsonl:2: a fact of a key has a category and a statement"):
        load_key(path)


@pytest.fixture
def reer(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["reer", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.reer()
        return int(caught.value.code or 0), *capsys.readouterr()

    return run


def write_pairs(path, pairs=TEST):
    for pair in pairs:
        record = {**dataclasses.asdict(pair), "x": [dataclasses.asdict(turn) for turn in pair.x], "date": None}
        append_jsonl(path, record)
    return path


def test_what_is_wrong_with_an_exam_is_said_before_a_model_is_opened(tmp_path, reer):
    build(tmp_path / "m")
    pairs, key = write_pairs(tmp_path / "p.jsonl"), tmp_path / "key.jsonl"
    append_jsonl(key, {"id": "a", "category": "cards", "statement": "So."})
    asked = ("exam", tmp_path / "m", pairs, "--model", "embeded")
    code, out, err = reer(*asked, "--key", key)
    assert (code, out) == (2, "") and "key.jsonl:1: lacks 'value'" in err
    seen = write_pairs(tmp_path / "seen.jsonl", PAIRS[:1])
    assert "which the manual was built from" in reer("exam", tmp_path / "m", seen, "--model", "embeded")[2]
    assert "'embeded' cannot score" in reer(*asked)[2]


def test_a_picture_that_cannot_be_written_takes_no_report_away(tmp_path, reer, monkeypatch):
    build(tmp_path / "m")
    report = exam(tmp_path / "m")
    monkeypatch.setattr(exam_commands, "_sit", lambda *_: report)
    pairs, picture = write_pairs(tmp_path / "p.jsonl"), tmp_path / "new" / "exam.svg"
    code, out, err = reer("exam", tmp_path / "m", pairs, "--picture", picture)
    assert code == 0 and out == format_exam(report) + "\n" and "exam.svg" in err
    assert picture.read_text() == draw_ladder(report)
    code, out, _ = reer("exam", tmp_path / "m", pairs, "--picture", picture.parent)
    assert code == 2 and out == format_exam(report) + "\n"


def test_a_first_draft_that_a_commit_lacks_is_refused(tmp_path, reer, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    repository = make_repository(tmp_path / "top")
    code, out, err = reer("exam", repository.folder, write_pairs(tmp_path / "p.jsonl"), "--first", "HEAD~1")
    assert (code, out) == (2, "") and "has no article" in err and "reer log" in " ".join(err.split())
