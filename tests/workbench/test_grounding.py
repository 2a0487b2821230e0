from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.grounding import ground

WORDS = st.text(alphabet="aB &.!é株 ", max_size=6)


def places(text: str, *answers: str) -> list[tuple[int, int]]:
    return [(span.start, span.end) for span in ground(text, answers, label="company").spans]


def texts(text: str, *answers: str) -> list[str]:
    return [span.text for span in ground(text, answers, label="company").spans]


def test_ground_places_every_occurrence_in_reading_order() -> None:
    assert places("Apple met Nokia; Apple won.", "Nokia", "Apple") == [(0, 5), (10, 15), (17, 22)]


def test_ground_gives_every_span_the_label() -> None:
    assert {span.label for span in ground("A B", ["A", "B"], label="firm").spans} == {"firm"}


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        ("Apples and Pineapple", "Apple", []),
        ("apple", "Apple", []),
        ("Apple's profit", "Apple", [(0, 5)]),
        ("C&A opens, BC&A and C&AB not", "C&A", [(0, 3)]),
        ("S&P 500", "S&P", [(0, 3)]),
        ("Yahoo! and Yahoo!s but XYahoo!", "Yahoo!", [(0, 6), (11, 17)]),
        ("Yahoo! is up", "Yahoo", [(0, 5)]),
        ("(AAPL) $AAPL", "AAPL", [(1, 5), (8, 12)]),
        ("McDonald's sells", "McDonald's", [(0, 10)]),
        ("McDonald's sells", "McDonald", [(0, 8)]),
        ("Nestlé SA", "Nestl", []),
        ("Nestlé SA", "Nestlé", [(0, 6)]),
        ("L'Oréal", "Oréal", [(2, 7)]),
        (".NET is not X.NET", ".NET", [(0, 4), (13, 17)]),
        ("a+b", "a.b", []),
        ("snake_case", "snake", []),
        ("3M, 33M", "3M", [(0, 2)]),
    ],
)
def test_ground_takes_whole_words_only(text: str, answer: str, expected: list[tuple[int, int]]) -> None:
    assert places(text, answer) == expected


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("昨日トヨタ自動車が発表", "トヨタ"),
        ("腾讯控股上涨", "腾讯"),
        ("삼성전자가 올랐다", "삼성전자"),
        ("買収したApple社", "Apple"),
    ],
)
def test_ground_needs_no_space_around_unspaced_scripts(text: str, answer: str) -> None:
    assert texts(text, answer) == [answer]


def test_ground_never_splits_a_letter_from_its_combining_mark() -> None:
    assert texts(unicodedata.normalize("NFD", "Nestlé"), "Nestle") == []


def test_ground_gives_characters_to_the_longest_answer() -> None:
    assert texts("Apple Bank and Apple", "Apple", "Apple Bank") == ["Apple Bank", "Apple"]
    assert texts("General Motors Acceptance Corp", "General Motors", "Motors Acceptance Corp") == [
        "Motors Acceptance Corp"
    ]


def test_ground_counts_a_covered_answer_as_neither_span_nor_ungrounded() -> None:
    grounding = ground("Apple Bank", ["Apple", "Apple Bank"], label="company")
    assert [span.text for span in grounding.spans] == ["Apple Bank"]
    assert grounding.ungrounded == ()


def test_ground_keeps_answers_that_do_not_occur() -> None:
    assert ground("Apple", ["Nokia", "Apple", "Nokia", " "], label="company").ungrounded == ("Nokia", "")


def test_ground_strips_answers_and_collapses_repeats() -> None:
    assert texts("Apple", " Apple", "Apple") == ["Apple"]


def test_ground_of_nothing_is_empty() -> None:
    assert ground("", ["Apple"], label="x").ungrounded == ("Apple",)
    assert ground("Apple", [], label="x").spans == ()


@given(text=st.text(alphabet="aB &.!é株 ", max_size=40), answers=st.lists(WORDS, max_size=6))
def test_ground_spans_spell_answers_and_never_overlap(text: str, answers: list[str]) -> None:
    spans = ground(text, answers, label="x").spans
    assert all(span.text == text[span.start : span.end] and span.text in {a.strip() for a in answers} for span in spans)
    assert all(left.end <= right.start for left, right in pairwise(spans))


@given(text=st.text(alphabet="aB &.!é株 ", max_size=40), answers=st.lists(WORDS, max_size=6))
def test_ground_does_not_depend_on_the_order_of_answers(text: str, answers: list[str]) -> None:
    forward, backward = ground(text, answers, label="x"), ground(text, answers[::-1], label="x")
    assert forward.spans == backward.spans
    assert set(forward.ungrounded) == set(backward.ungrounded)


@given(text=st.text(alphabet="aB &.!é株 ", max_size=40), answers=st.lists(WORDS, max_size=6))
def test_ground_accounts_for_every_answer(text: str, answers: list[str]) -> None:
    grounding = ground(text, answers, label="x")
    placed = {span.text for span in grounding.spans}
    assert not placed & set(grounding.ungrounded)
    for covered in {a.strip() for a in answers} - placed - set(grounding.ungrounded):
        alone = ground(text, [covered], label="x").spans
        assert alone
        assert all(any(s.start < a.end and a.start < s.end for s in grounding.spans) for a in alone)
