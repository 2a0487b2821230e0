from __future__ import annotations

import json

import anyio
import pytest
from typer.testing import CliRunner

from lm.fake import Scripted
from lm.road import Road
from reer.commands import app
from reer.fact_file import FactFile, records_by_code, report_of, write_by_model
from reer.fact_kinds import kind_of
from reer.summary import Summarizer
from tests.reer.builders import make_pair
from workbench.errors import DataError, ModelError, UsageError
from workbench.jsonl import dump_line

PAIRS = [
    make_pair(1, "Hello dear. A lost card costs 12 euros.", day="2025-11-01"),
    make_pair(2, "How are you today?"),
    make_pair(3, "So a lost card costs 12 euros to replace. Stolen cards need a police report within 3 days."),
    make_pair(4, "The limit is 800 euros a day at a machine."),
]


def fact(text, kind="amount"):
    return {"kind": kind, "text": f"{text[0].upper()}{text[1:]}", "quote": text}


ANSWERS = {
    "p1": [
        fact("A lost card costs 12 euros."),
        {**fact("A lost card costs 12 euros."), "text": "It costs 15 euros now."},
    ],
    "p2": [],
    "p3": [fact("a lost card costs 12 euros to replace."), fact("Stolen cards need a police report within 3 days.")],
    "p4": [fact("The limit is 800 euros a day at a machine.", "limit")],
}


def answering(request):
    asked = request.messages[-1].content
    (pair,) = [pair for pair in PAIRS if f"<reply>\n{pair.y}\n" in asked]
    return json.dumps(ANSWERS[pair.id])


def write(path, answer=answering, pairs=PAIRS):
    engine = Scripted(answer)

    async def work():
        file = FactFile.open(path, pairs, by="model", writer="scripted")
        refused = await write_by_model(file, file.left(pairs), Summarizer(Road(engine)), {}, lambda _: None)
        return report_of(file, pairs, refused)

    return anyio.run(work), engine


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_says_what_was_stated_where_and_by_whom(tmp_path):
    report, _ = write(tmp_path / "facts.jsonl")
    assert lines(tmp_path / "facts.jsonl")[0] == {
        "kind": "amount",
        "text": "A lost card costs 12 euros.",
        "slots": [{"kind": "amount", "value": "12", "unit": "EUR"}],
        "quote": "A lost card costs 12 euros.",
        "pair": "p1",
        "conversation": "call1",
        "turn": 2,
        "speaker": "agent-a",
        "date": "2025-11-01",
        "by": "model",
        "writer": "scripted",
    }
    assert (report["facts"], report["pairs_with_facts"], report["refused"]) == (4, 3, {"value": 1})


@pytest.mark.parametrize("kept", [0, 1, 2, 3, 4])
def test_a_file_that_was_cut_off_anywhere_is_completed_to_the_same_end(tmp_path, kept):
    write(tmp_path / "whole.jsonl")
    whole = (tmp_path / "whole.jsonl").read_text()
    cut = "".join(whole.splitlines(keepends=True)[:kept])
    (tmp_path / "cut.jsonl").write_text(cut + whole[len(cut) :][:25])
    report, engine = write(tmp_path / "cut.jsonl")
    assert (tmp_path / "cut.jsonl").read_text() == whole
    assert report["facts"] == 4 and engine.calls <= len(PAIRS)


def test_pairs_with_lines_are_not_asked_about_again(tmp_path):
    write(tmp_path / "facts.jsonl")
    _, engine = write(tmp_path / "facts.jsonl")
    assert engine.calls == 2  # p2 has none, and p4 is the last


def test_a_server_that_goes_away_leaves_what_was_written(tmp_path, monkeypatch):
    monkeypatch.setattr("reer.fact_file.CHUNK", 1)

    def failing(request):
        return ModelError("gone", cause="auth") if PAIRS[3].y in request.messages[-1].content else answering(request)

    with pytest.raises(ModelError, match="gone"):
        write(tmp_path / "facts.jsonl", failing)
    assert [line["pair"] for line in lines(tmp_path / "facts.jsonl")] == ["p1", "p3", "p3"]
    assert write(tmp_path / "facts.jsonl")[0]["facts"] == 4


def test_a_file_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "facts.jsonl"
    write(path)
    with pytest.raises(UsageError, match="holds facts by scripted"):
        FactFile.open(path, PAIRS, by="code", writer=None)
    with pytest.raises(UsageError, match="of pair 'p1'"):
        FactFile.open(path, PAIRS[1:], by="model", writer="scripted")
    path.write_text('{"id":"p1","y":"A reply."}\n')
    with pytest.raises(DataError, match=r"facts\.jsonl:1: is no fact"):
        FactFile.open(path, PAIRS, by="code", writer=None)


def test_by_code_a_fact_is_a_sentence_of_the_reply():
    (first, second) = records_by_code(PAIRS[2])
    assert (first["text"], first["quote"]) == (
        "A lost card costs 12 euros to replace.",
        "a lost card costs 12 euros to replace.",
    )
    assert first["quote"] in PAIRS[2].y and second["kind"] == "deadline"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("A lost card costs 12 euros.", "amount"),
        ("You can take out at most 800 euros a day.", "limit"),
        ("The limit of the account is set in writing.", "limit"),
        ("A new card takes at most 5 business days.", "deadline"),
        ("The office closes at 6 pm.", "deadline"),
        ("Bring your passport.", "document"),
        ("You can block it in the app.", "channel"),
        ("If the card was stolen, tell the police.", "condition"),
        ("The fee is always due unless you are a student.", "exception"),
        ("Cards are renewed by themselves.", "rule"),
        ("挂失后最多收9欧元。", "limit"),
        ("如果卡被盗，须报警。", "condition"),
    ],
)
def test_the_kind_is_read_by_its_first_sign(text, kind):
    assert kind_of(text) == kind


def pairs_file(folder, pairs):
    def record(pair):
        turns = [{"role": turn.role, "content": turn.content} for turn in pair.x]
        day = pair.date.isoformat() if pair.date else None
        return {"id": pair.id, "conversation": pair.conversation, "turn": 2, "x": turns, "y": pair.y, "date": day}

    path = folder / "pairs.jsonl"
    path.write_text("".join(dump_line(record(pair)) + "\n" for pair in pairs))
    return path


def test_the_verb_needs_no_model_and_prints_json(tmp_path):
    path = pairs_file(tmp_path, PAIRS)
    done = CliRunner().invoke(app, ["facts", str(path), "--out", str(tmp_path / "new" / "facts.jsonl"), "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["by"], report["facts"], report["refused"]) == ("code", 4, None)
    again = CliRunner().invoke(app, ["facts", str(path), "--out", str(tmp_path / "new" / "facts.jsonl")])
    assert "4 facts from 3 of 4 pairs" in again.stdout
    assert {line["by"] for line in lines(tmp_path / "new" / "facts.jsonl")} == {"code"}


def test_the_verb_exits_with_1_when_no_fact_stands(tmp_path):
    path = pairs_file(tmp_path, PAIRS[1:2])
    done = CliRunner().invoke(app, ["facts", str(path), "--out", str(tmp_path / "facts.jsonl")])
    assert done.exit_code == 1 and "0 facts from 0 of 1 pairs" in done.stdout


def test_traces_need_a_model_that_reads_them(tmp_path):
    path = pairs_file(tmp_path, PAIRS)
    done = CliRunner().invoke(app, ["facts", str(path), "--out", str(tmp_path / "f.jsonl"), "--traces", str(tmp_path)])
    assert isinstance(done.exception, UsageError) and "--model" in str(done.exception)
