import json
import random

import anyio
import pytest

from apo.batches import BATCH_ITEMS, EVIDENCE_TOKENS, count_tokens
from apo.board import Board, Candidate
from apo.evidence import FAILURES
from apo.moves import apply_moves
from apo.reflect import ModelReflector, open_reflector
from lm.budget import Budget
from lm.fake import Scripted
from lm.retry import Retry
from lm.road import Road
from lm.store import ReplyStore
from tests.apo.headlines import INDICES, SHORTER, edit, load_headlines, outcome
from workbench.errors import BudgetError, ModelError, UsageError


@pytest.fixture
def task(tmp_path):
    return load_headlines(tmp_path)


def board_of(task, failures, successes):
    board = Board()
    board.add(Candidate("c0", task.prompt))
    wrong = [outcome(task, i, ["Nasdaq"]) for i in range(failures)]
    board.record("c0", wrong + [outcome(task, i) for i in range(failures, failures + successes)])
    return board


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
