import random
from dataclasses import replace

import pytest

from apo.batches import EVIDENCE_TOKENS, count_tokens
from apo.evaluate import Outcome
from apo.evidence import FAILURES, describe_case, list_turns, pair_outcomes
from tests.apo.headlines import load_headlines, outcome
from workbench.edits import set_demo_mode
from workbench.metrics import Tally
from workbench.prompts import Nearest


@pytest.fixture
def task(tmp_path):
    return load_headlines(tmp_path)


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
    assert text.index("Ford") < text.index("solved examples near the input")
