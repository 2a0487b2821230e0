import json
import random
from dataclasses import replace

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apo.board import Board, Candidate
from apo.evaluate import Outcome
from apo.moves import apply_moves
from apo.reflect import (
    BATCH_ITEMS,
    EVIDENCE_TOKENS,
    FAILURES,
    Edit,
    ModelReflector,
    OverfitLint,
    clip,
    count_tokens,
    describe_case,
    edit_problem,
    list_turns,
    open_reflector,
    pack,
    pair_outcomes,
)
from apo.task import load_task
from lm.budget import Budget
from lm.fake import Scripted
from lm.retry import Retry
from lm.road import Road
from lm.store import ReplyStore
from workbench.edits import set_demo_mode
from workbench.errors import BudgetError, ModelError, UsageError
from workbench.metrics import Tally
from workbench.prompts import Nearest

PROMPT = """---
task: headlines
version: 1
inputs: [text]
output:
  companies: {type: array, items: {type: string}}
---

# system

- [s1] List the companies named in a headline, such as Acme.
- [s2!] Answer in JSON.

# before

- [b1] Read {text} with care.

# fields

- [companies] Names as written.

# demos

- [d1] {"text": "Ford hires", "companies": ["Ford"]}
"""
TASK = 'name = "headlines"\nprompt = "prompt.md"\ndev = ["dev.jsonl"]\n'
COMPANIES = ["Siemens", "Acme", "Bosch", "Daimler"]


@pytest.fixture
def task(tmp_path):
    records = []
    for i in range(40):
        name = COMPANIES[i % len(COMPANIES)]
        text = f"{name} lifts its outlook again for quarter {i}" if i % 5 else f"Stocks drift lower on quiet day {i}"
        spans = [{"start": 0, "end": len(name), "label": "company"}] if i % 5 else []
        records.append({"id": f"e{i}", "text": text, "spans": spans})
    (tmp_path / "prompt.md").write_text(PROMPT)
    (tmp_path / "task.toml").write_text(TASK)
    (tmp_path / "dev.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return load_task(tmp_path / "task.toml")


def outcome(task, position, answers=None, *, error=None):
    example = task.dev[position]
    answers = example.gold if answers is None else answers
    tally = None if error == "server" else task.metric.tally(example.document, answers)
    return Outcome(example, tuple(answers), tally, error, json.dumps(list(answers)))


def board_of(task, failures, successes):
    board = Board()
    board.add(Candidate("c0", task.prompt))
    wrong = [outcome(task, i, ["Nasdaq"]) for i in range(failures)]
    board.record("c0", wrong + [outcome(task, i) for i in range(failures, failures + successes)])
    return board


def edit(op="add", slot="system", id="", text="", reason="misses"):
    return {"op": op, "slot": slot, "id": id, "text": text, "reason": reason}


def answer(*edits, diagnosis="indices are taken for companies"):
    return json.dumps({"diagnosis": diagnosis, "edits": list(edits)})


def evidence_of(request):
    return request.messages[-1].content.partition("<evidence>\n")[2].partition("\n</evidence>")[0]


def is_merge(request):
    return evidence_of(request).startswith("[finding]")


def reflector_of(task, script, *, store=None, budget=None, events=None):
    road = Road(Scripted(script), store=store, budget=budget, retry=Retry(attempts=1))
    observe = (lambda event: None) if events is None else events.append
    return ModelReflector(road, task, rng=random.Random(0), observe=observe)


def propose(reflector, board, n=4):
    async def ask():
        return await reflector.propose(board.candidates["c0"], board, n)

    return anyio.run(ask)


INDICES = edit(text="Leave out indices.", reason="index taken\nfor a company")
SHORTER = edit("edit", id="s1", text="List companies, not products.")


def test_open_reflector_without_model_is_none(task, tmp_path):
    assert open_reflector(None, ReplyStore(tmp_path / "r.sqlite"), task) is None


def test_open_reflector_refuses_an_unknown_model(task, tmp_path):
    with pytest.raises(UsageError, match="unknown model"):
        open_reflector("no-such-model", ReplyStore(tmp_path / "r.sqlite"), task)


def test_propose_offers_all_edits_together_then_each_alone(task):
    proposals = propose(reflector_of(task, lambda request: answer(INDICES, SHORTER)), board_of(task, 2, 4))
    assert [[move.kind for move in moves] for moves in proposals] == [
        ["add_rule", "edit_rule"],
        ["add_rule"],
        ["edit_rule"],
    ]
    assert proposals[1][0].reason == "index taken for a company"
    moved = apply_moves(task.prompt, proposals[0])
    assert [rule.text for rule in moved.rules("system")] == [SHORTER["text"], "Answer in JSON.", INDICES["text"]]


def test_propose_gives_at_most_n(task):
    assert len(propose(reflector_of(task, lambda request: answer(INDICES, SHORTER)), board_of(task, 2, 4), n=2)) == 2


def test_propose_leaves_edits_that_exclude_each_other_out_of_the_joint_proposal(task):
    script = answer(edit("delete", id="s1"), SHORTER, INDICES)
    proposals = propose(reflector_of(task, lambda request: script), board_of(task, 2, 4))
    assert [move.kind for move in proposals[0]] == ["delete_rule", "add_rule"]
    assert [moves[0].kind for moves in proposals[1:]] == ["delete_rule", "edit_rule", "add_rule"]


def test_propose_asks_nothing_when_nothing_failed(task):
    reflector = reflector_of(task, [])
    assert propose(reflector, board_of(task, 0, 6)) == []
    assert reflector.ledger.calls == 0


def test_propose_shows_failures_and_successes_with_their_traces(task):
    seen = []

    def script(request):
        seen.append(request)
        return answer(INDICES)

    propose(reflector_of(task, script), board_of(task, 2, 4))
    text = seen[0].messages[-1].content
    assert "user: Read Siemens lifts" not in text  # e0 holds no company
    assert "user: Read Stocks drift lower on quiet day 0 with care.\nStocks drift lower on quiet day 0" in text
    assert 'assistant: ["Nasdaq"]\nread as: ["Nasdaq"]\ngold: ["Acme"]\nmissed: ["Acme"]\ninvented: ["Nasdaq"]' in text
    assert evidence_of(seen[0]).count("[wrong;") == 2
    assert evidence_of(seen[0]).count("[right;") == 2
    assert "system [s2] (locked) Answer in JSON." in text
    assert 'assistant: ["Ford"]' in text
    assert seen[0].schema["required"] == ["diagnosis", "edits"]


def test_propose_studies_small_batches_then_merges_their_findings(task):
    requests = []

    def script(request):
        requests.append(request)
        return answer(SHORTER) if is_merge(request) else answer(INDICES)

    proposals = propose(reflector_of(task, script), board_of(task, 20, 12))
    studies = [request for request in requests if not is_merge(request)]
    merges = [request for request in requests if is_merge(request)]
    assert len(studies) == -(-FAILURES // BATCH_ITEMS)
    assert [evidence_of(request).count("[finding]") for request in merges] == [3]
    assert all(count_tokens(evidence_of(request)) <= EVIDENCE_TOKENS for request in requests)
    assert [[move.kind for move in moves] for moves in proposals] == [["edit_rule"]]


def test_propose_keeps_the_edits_of_the_batches_when_merging_fails(task):
    down = ModelError("down", cause="server")
    events = []
    reflector = reflector_of(task, lambda r: down if is_merge(r) else answer(INDICES), events=events)
    proposals = propose(reflector, board_of(task, 8, 8))
    assert [[move.args["text"] for move in moves] for moves in proposals] == [[INDICES["text"]]]
    assert events[0].fields["failed"] == ["server"]


@pytest.mark.parametrize(
    ("reply", "cause"),
    [(ModelError("no key", cause="auth"), "auth"), ("I would add a rule.", "parse"), ('{"edits": []}', "parse")],
)
def test_propose_observes_a_failed_call_and_proposes_nothing(task, reply, cause):
    events = []
    assert propose(reflector_of(task, lambda request: reply, events=events), board_of(task, 2, 4)) == []
    assert events[0].kind == "reflect"
    assert events[0].fields == {"candidate": "c0", "failures": 2, "edits": 0, "failed": [cause], "refused": []}


def test_propose_lets_a_reached_budget_through(task):
    reflector = reflector_of(task, lambda request: answer(INDICES), budget=Budget(max_tokens=10))
    with pytest.raises(BudgetError):
        propose(reflector, board_of(task, 2, 4))


def test_propose_repeats_from_the_store_without_a_call(task, tmp_path):
    store = ReplyStore(tmp_path / "replies.sqlite")
    board = board_of(task, 20, 12)
    first = reflector_of(task, lambda request: answer(INDICES, SHORTER), store=store)
    again = reflector_of(task, [], store=store)
    rounds = [propose(first, board), propose(first, board)]
    assert [propose(again, board), propose(again, board)] == rounds
    assert again.ledger.calls == 0
    assert again.ledger.cached == first.ledger.calls + first.ledger.cached


def test_propose_asks_anew_in_each_round(task):
    reflector = reflector_of(task, lambda request: answer(INDICES))
    board = board_of(task, 2, 4)
    propose(reflector, board)
    propose(reflector, board)
    assert reflector.ledger.calls == 2


def test_propose_reports_refused_edits(task):
    events = []
    script = answer(edit("delete", id="s2"), INDICES)
    assert len(propose(reflector_of(task, lambda request: script, events=events), board_of(task, 2, 4))) == 1
    assert "locked" in events[0].fields["refused"][0]


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (edit("edit", id="s2", text="Answer in YAML."), "locked"),
        (edit("move", "after", "s2"), "locked"),
        (edit("edit", id="s9", text="Hello."), "no rule 's9'"),
        (edit("delete", id="d1"), "no rule 'd1'"),
        (edit("describe", "fields", "banks", "Banks."), "no output field"),
        (edit("add", "fields", "", "Banks."), "pass its id"),
        (edit("move", "fields", "s1"), "cannot move"),
        (edit(text="One.\nTwo."), "not one line"),
        (edit(text="  "), "not one line"),
        (edit(text="x" * 241), "241 characters"),
        (edit(text="Look at {text} twice."), "placeholder"),
        (edit(text="Siemens is a company."), "gold answer 'Siemens'"),
        (edit("edit", id="s1", text="In lifts its outlook again for quarter 7 name it."), "copies 'its outlook again"),
        (edit("edit", id="s1", text="List the companies named in a headline, such as Acme."), "changes nothing"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["op"],
)
def test_edit_problem_refuses(task, record, problem):
    assert problem in edit_problem(task.prompt, Edit(**record), OverfitLint(task.prompt, task.dev))


@pytest.mark.parametrize(
    "record",
    [
        INDICES,
        SHORTER,
        edit("delete", id="s1"),
        edit("move", "after", "s1"),
        edit("describe", "fields", "companies", "Names, in order."),
        edit("edit", id="b1", text="Read {text} slowly."),
        edit(text="Acme may be named twice."),
        edit(text="Write {{text}} for the text."),
        edit(text="The outlook of a firm is no company."),
    ],
)
def test_edit_problem_lets_through(task, record):
    assert edit_problem(task.prompt, Edit(**record), OverfitLint(task.prompt, task.dev)) is None


def test_overfit_lint_ignores_parts_of_words(task):
    lint = OverfitLint(task.prompt, task.dev)
    assert lint.problem("Boschs and siemensite are none.") is None
    assert lint.problem("Not 'Bosch'.") == "names the gold answer 'Bosch'"


def test_pair_outcomes_leaves_missing_data_out(task):
    pairs = pair_outcomes([outcome(task, 1, [], error="server"), outcome(task, 2)], random.Random(0))
    assert pairs == []


def test_pair_outcomes_takes_the_nearest_success(task):
    right = [outcome(task, i) for i in (2, 9, 10)]
    pairs = pair_outcomes([outcome(task, 1, []), *right], random.Random(0))
    assert [[each.example.id for each in pair] for pair in pairs] == [["e1", "e9"]]


def test_pair_outcomes_alternates_label_patterns(task):
    wrong = [outcome(task, i, ["Nasdaq"]) for i in range(20)]
    patterns = [pair[0].example.pattern for pair in pair_outcomes(wrong, random.Random(0))]
    assert patterns[:8] == ["none", "one"] * 4
    assert len(patterns) == FAILURES


def test_describe_case_says_when_an_answer_could_not_be_read(task):
    assert "read as: nothing: it could not be read" in describe_case(task.prompt, outcome(task, 1, [], error="parse"))


def test_describe_case_is_bounded_so_that_two_pairs_fit_a_request(task):
    example = task.dev[1]
    long = replace(example, inputs={"text": "Umsatz 上升 " * 5000})
    names = tuple(f"Firm {i}" for i in range(900))
    text = describe_case(task.prompt, Outcome(long, names, Tally(0, 1), None, "\ud83d" * 9000))
    assert count_tokens(text) < EVIDENCE_TOKENS // 4


def test_list_turns_notes_retrieved_demos(task):
    text = list_turns(set_demo_mode(task.prompt, Nearest("bm25", 2)), task.dev[0])
    assert "Ford" not in text
    assert "solved examples near the input" in text


@given(st.lists(st.integers(0, EVIDENCE_TOKENS // 2 - 1), max_size=30))
def test_pack_keeps_order_and_bounds_and_shrinks(sizes):
    items = ["x" * (3 * size) for size in sizes]
    batches = pack(items)
    assert [item for batch in batches for item in batch] == items
    assert all(len(batch) <= BATCH_ITEMS for batch in batches)
    assert all(count_tokens("\n\n".join(batch)) <= EVIDENCE_TOKENS for batch in batches)
    assert len(batches) < len(items) or len(items) < 2


@given(st.text(st.characters(), max_size=60), st.integers(4, 20))
def test_clip_never_exceeds_its_bound(text, tokens):
    clipped = clip(text, tokens)
    assert count_tokens(clipped) <= tokens
    clipped.encode()
