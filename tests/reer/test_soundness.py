from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reer.segments import split_segments
from reer.soundness import fault, is_thinking, overlap, repetition

REPLY = "Right, I have blocked it, and for a lost debit card we take 9 euros that simply go off your account."
SOUND = (
    "The customer cannot find the card, so nobody may use it any more.\n"
    "A replacement has a price when the owner lost it: 9 euros, booked from the account itself."
)


def found(trace, reply=REPLY, cap=0.3):
    return fault(split_segments(trace), reply, max_overlap=cap)


@pytest.mark.parametrize(
    ("trace", "problem"),
    [
        (SOUND, None),
        ("A lost card costs 9 euros.", "too-short"),
        (SOUND.replace("\n", " and ").replace(",", "").replace(":", ""), "one-segment"),
        ("I do not know what to do with it.\n" * 6, "repetitive"),
        (f"{SOUND}\nWait, that was the price of a stolen card?", "still-thinking"),
        (f"{SOUND}\n{REPLY}", "copies"),
    ],
    ids=["sound", "short", "one segment", "repetitive", "thinking", "copy"],
)
def test_what_is_wrong_with_a_trace(trace, problem):
    assert found(trace) == problem


def test_a_copy_is_one_above_the_cap_only():
    half = f"{SOUND}\n{REPLY[: len(REPLY) // 2]}"
    assert 0.3 < overlap(half, REPLY) < 0.7
    assert (found(half), found(half, cap=0.7)) == ("copies", None)


@given(st.text(), st.text())
def test_overlap_and_repetition_are_shares(trace, reply):
    assert 0 <= overlap(trace, reply) <= 1
    assert 0 <= repetition(trace) <= 1


@given(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=30).map(" ".join))
def test_a_reply_overlaps_with_itself_whatever_its_case_and_marks(reply):
    assert overlap(f"So: {reply.upper()}!", reply) == 1


def test_chinese_is_counted_by_character():
    reply = "挂失后补办新卡要收九欧元，从您的账户里扣。"
    assert overlap("规定：补办新卡要收九欧元。", reply) == pytest.approx(6 / 16)
    assert overlap("丢卡的客户自己付费。", reply) == 0
    assert repetition("我不知道。" * 10) > 0.3


def test_a_long_sentence_said_over_and_over_is_repetitive():
    sentence = " ".join(f"word{number}" for number in range(40))
    assert repetition(sentence) == 0
    assert repetition(f"{sentence}. " * 4) > 0.3


@pytest.mark.parametrize(
    ("end", "thinking"),
    [
        ("Hmm.", True),
        ("Maybe it costs 9 euros.", True),
        ("Wait, no.", True),
        ("So let me see.", True),
        ("Is it free?", True),
        ("也许要收费。", True),
        ("The customer has to wait three days.", False),
        ("So the agent names the price.", False),
        ("带上护照等等。", False),
    ],
)
def test_the_end_tells_whether_a_trace_is_done(end, thinking):
    assert is_thinking(f"{SOUND} {end}") is thinking


def test_thinking_that_comes_to_an_end_is_fine():
    assert not is_thinking(f"Hmm, maybe it is lost. {SOUND}")
