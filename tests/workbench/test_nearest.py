from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.nearest import K1, B, Bm25, tokenize

POOL = ["Siemens lifts outlook", "Apple falls", "Siemens and Apple rise, Siemens most", "", "三菱商事が上昇"]


@pytest.mark.parametrize(
    "text, tokens",
    [
        ("Siemens AG's Q3!", ["siemens", "ag", "s", "q3"]),
        ("三菱UFJ", ["三", "菱", "ufj"]),
        ("삼성 Ω", ["삼", "성", "ω"]),
        ("", []),
    ],
)
def test_tokenize_splits_words_and_cjk_characters(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


def test_top_puts_the_best_first_and_breaks_ties_by_position() -> None:
    assert Bm25(POOL).top("apple falls", 5) == [1, 2, 0, 3, 4]
    assert Bm25(["a b", "a c", "a d"]).top("a", 3) == [0, 1, 2]
    assert Bm25(POOL).top("三菱", 1) == [4]


def test_top_leaves_out_the_excluded() -> None:
    assert Bm25(POOL).top("apple falls", 2, exclude=[1]) == [2, 0]


def test_top_of_an_empty_pool_is_empty() -> None:
    assert Bm25([]).top("a", 3) == []
    assert Bm25(["", " "]).top("a", 3) == [0, 1]


WORDS = st.lists(st.sampled_from("abcd"), max_size=6)


@given(st.lists(WORDS, max_size=6), WORDS)
def test_scores_equal_the_formula(pool: list[list[str]], query: list[str]) -> None:
    mean = sum(map(len, pool)) / len(pool) if any(pool) else 1.0
    expected = []
    for words in pool:
        score = 0.0
        for word in query:
            df = sum(word in other for other in pool)
            idf = math.log(1 + (len(pool) - df + 0.5) / (df + 0.5))
            tf = words.count(word)
            score += idf * tf * (K1 + 1) / (tf + K1 * (1 - B + B * len(words) / mean))
        expected.append(score)
    assert Bm25([" ".join(words) for words in pool]).scores(" ".join(query)).tolist() == pytest.approx(expected)
