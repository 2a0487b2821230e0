from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reer.segments import MIN_SEGMENT_WORDS, drop_segment, replace_segment, split_segments
from workbench.nearest import tokenize

STEP = "The customer wants a new card because the old one is lost."
OTHER = "Whoever loses a card pays nine euros for the next one."
PIECES = st.sampled_from(["\n", "\n\n", " ", ". ", "。", "卡", "lost", "A card", "?", "9", "\r\n", "\t", "é", STEP])
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=60).map("".join))


@given(TEXTS)
def test_segments_joined_are_the_text(text):
    segments = split_segments(text)
    assert "".join(segments) == (text if text.strip() else "")
    if len(segments) > 1:
        assert all(len(tokenize(segment)) >= MIN_SEGMENT_WORDS for segment in segments)
    assert all(segment.strip() for segment in segments)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (f"{STEP}\n\n{OTHER}\n{STEP}", 2),
        (f"{STEP}\n{OTHER}\n{STEP}", 3),
        (f"{STEP} {OTHER} {STEP}\n", 3),
        (f"{STEP}\nYes.\n{OTHER}\nNo.", 2),
        ("Too short. To cut. At all.", 1),
        ("客户的卡丢了，想要一张新卡。补办新卡要从账户里扣九欧元。", 2),
        ("  \n ", 0),
    ],
    ids=["paragraphs", "lines", "sentences", "short ones merged", "one", "Chinese", "blank"],
)
def test_a_text_is_cut_at_its_largest_breaks(text, count):
    assert len(split_segments(text)) == count


@given(st.lists(st.sampled_from([STEP, OTHER]), min_size=2, max_size=6), st.data())
def test_an_edit_touches_one_segment(steps, data):
    segments = split_segments("\n".join(steps))
    place = data.draw(st.integers(0, len(segments) - 1))
    edited = replace_segment(segments, place, "  Another.\n")
    assert "".join(edited) == "\n".join([*steps[:place], "Another.", *steps[place + 1 :]])
    assert "".join(drop_segment(segments, place)) == "\n".join([*steps[:place], *steps[place + 1 :]])


def test_nothing_is_left_of_one_segment():
    assert drop_segment((STEP,), 0) == ()
