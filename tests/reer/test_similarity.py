from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sacrebleu.metrics.chrf import CHRF

from reer.similarity import SlotMatch, chrf, compare, match_slots
from tests.reer.builders import by_words

ANSWER = "A lost card costs 12 euros to replace."
PAIRS = [
    (ANSWER, ANSWER),
    (ANSWER, "Replacing a card that was lost comes to 14 euros."),
    ("12", "12 euros"),
    ("x", "A lost card costs 12 euros."),
    ("补办银行卡需要12欧元。", "补卡的费用是12欧元,三天内寄到。"),
    ("Grüße aus Köln", "Gruesse  aus\tKöln "),
]


def reference(answer: str, reply: str) -> float:
    return float(CHRF().sentence_score(answer, [reply]).score) / 100


@pytest.mark.parametrize(("answer", "reply"), PAIRS)
def test_chrf_is_that_of_sacrebleu(answer, reply):
    assert chrf(answer, reply) == pytest.approx(reference(answer, reply), abs=1e-6)
    assert chrf(reply, answer) == pytest.approx(reference(reply, answer), abs=1e-6)


@given(st.text(alphabet="abc 1.\n", max_size=30), st.text(alphabet="abc 1.\n", max_size=30))
@example("a", "abcdefg")
@example("abcdefg", "a")
def test_chrf_is_that_of_sacrebleu_for_any_text(answer, reply):
    assert chrf(answer, reply) == pytest.approx(reference(answer, reply), abs=1e-6)


def test_the_same_text_is_as_close_as_can_be():
    (same,) = compare([ANSWER], [ANSWER], by_words)
    assert (same.chrf, same.cosine, same.similarity) == (1, pytest.approx(1), pytest.approx(1))


def test_texts_of_one_length_are_as_close_one_way_as_the_other():
    one, other = "it costs 12", "12 it costs"
    assert chrf(one, other) == chrf(other, one)
    there, back = compare([one, other], [other, one], by_words)
    assert there == back


def test_recall_counts_more_than_precision():
    assert chrf(f"{ANSWER} Goodbye.", ANSWER) > chrf(ANSWER, f"{ANSWER} Goodbye.")


def test_an_empty_answer_is_like_nothing():
    assert chrf("", ANSWER) == chrf(ANSWER, "") == chrf("", "") == chrf(" \n", ANSWER) == 0
    (empty,) = compare([""], [ANSWER], by_words)
    assert empty.similarity < 0.1 and empty.slots == SlotMatch(0, 0, 1)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("It costs 12 euros and takes 3 days.", SlotMatch(2, 0, 0)),
        ("It costs twelve euros and takes three days.", SlotMatch(2, 0, 0)),
        ("It costs 14 euros and takes 3 days.", SlotMatch(1, 1, 1)),
        ("It costs 12 euros, or 14 euros.", SlotMatch(1, 1, 1)),
        ("It costs 12 euros, yes, 12 euros.", SlotMatch(1, 0, 1)),
        ("It takes 3 weeks.", SlotMatch(0, 0, 2)),
        ("Nobody knows.", SlotMatch(0, 0, 2)),
    ],
)
def test_slots_are_right_wrong_or_missing(answer, expected):
    assert match_slots(answer, "It costs 12 euros and takes 3 days.") == expected


def test_a_reply_without_slots_asks_for_none():
    assert match_slots("It costs 12 euros.", "You are welcome.") == SlotMatch(0, 0, 0)
