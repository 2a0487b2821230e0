from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from apo.examples import Example
from apo.retrieve import Retriever
from tests.apo.builders import ENCODER_INSTALLED, PROMPT, make_examples, make_prompt
from workbench.documents import Document
from workbench.edits import set_demo_mode
from workbench.errors import UsageError
from workbench.nearest import Bm25
from workbench.prompts import Nearest, parse_prompt

BY_LETTERS = set_demo_mode(make_prompt(), Nearest("encoder", 2))


def of_texts(*texts: str) -> list[Example]:
    return [Example(Document(f"p{n}", text), {"text": text}) for n, text in enumerate(texts)]


class Letters:
    """Embeds a text by how often it has each letter; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        self.asked.append(list(texts))
        counts = np.array([[text.lower().count(letter) for letter in "abcdefgh"] for text in texts], dtype=np.float64)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def shown(retriever: Retriever, text: str) -> list[str]:
    return [demo.inputs["text"] for demo in retriever.nearest(BY_LETTERS, {"text": text}) or []]


def test_fixed_demos_are_not_retrieved_and_need_no_pool() -> None:
    retriever = Retriever([])
    retriever.prepare(make_prompt())
    assert retriever.nearest(make_prompt(), {"text": "a"}) is None


@pytest.mark.parametrize("method", ["bm25", "encoder"])
def test_an_empty_pool_is_refused_with_the_next_step(method) -> None:
    prompt = set_demo_mode(make_prompt(), Nearest(method, 2))
    with pytest.raises(UsageError, match=r"'firms' retrieves its demos; give a labelled pool or set `demos: fixed`"):
        Retriever([]).prepare(prompt)
    with pytest.raises(UsageError, match="give a labelled pool"):
        Retriever([]).nearest(prompt, {"text": "a"})


def test_the_demos_of_the_file_come_first_and_are_not_retrieved_again() -> None:
    prompt = set_demo_mode(
        parse_prompt(f'{PROMPT}\n# demos\n\n- [d1] {{"text": "aab", "firms": []}}\n'), Nearest("bm25", 2)
    )
    demos = Retriever(of_texts("aab x", "aab", "x y", "z")).nearest(prompt, {"text": "aab x y"}) or []
    assert [demo.inputs["text"] for demo in demos] == ["aab", "aab x", "x y"]


def test_encoder_puts_the_most_similar_last_and_never_a_copy() -> None:
    retriever = Retriever(of_texts("aab", "ggg", "AAB!", "aaaab", "aab "), encode=Letters())
    assert shown(retriever, "aab") == ["ggg", "aaaab"]


def test_equal_cosines_keep_the_order_of_the_pool() -> None:
    assert shown(Retriever(of_texts("aac", "abc", "ccc", "cc", "cccc"), encode=Letters()), "c") == ["cc", "ccc"]


def test_encoder_embeds_the_pool_and_each_query_once() -> None:
    letters = Letters()
    retriever = Retriever(of_texts("ab", "cd"), encode=letters)
    retriever.prepare(BY_LETTERS)
    for _ in range(2):
        shown(retriever, "a")
    assert letters.asked == [["ab", "cd"], ["a"]]


@pytest.mark.parametrize("method", ["bm25", "encoder"])
def test_a_copy_is_known_whatever_the_order_of_its_inputs(method) -> None:
    text = PROMPT.replace("[text]", "[title, body]")
    prompt = set_demo_mode(parse_prompt(text), Nearest(method, 2))
    inputs = [{"body": "cd", "title": "ab"}, {"body": "c", "title": "a"}]
    pool = [Example(Document(f"p{n}", ""), values) for n, values in enumerate(inputs)]
    demos = Retriever(pool, encode=Letters()).nearest(prompt, {"title": "ab", "body": "cd"}) or []
    assert [demo.inputs for demo in demos] == inputs[1:]


@given(st.integers(0, 19), st.integers(1, 25))
def test_bm25_shows_the_top_of_the_index_reversed(number: int, k: int) -> None:
    pool = make_examples(20)
    prompt = set_demo_mode(make_prompt(), Nearest("bm25", k))
    demos = Retriever(pool).nearest(prompt, pool[number].inputs) or []
    top = Bm25([example.inputs["text"] for example in pool]).top(pool[number].inputs["text"], k, exclude=[number])
    assert [demo.inputs for demo in reversed(demos)] == [pool[index].inputs for index in top]


@pytest.mark.skipif(not ENCODER_INSTALLED, reason="the extra `local` is not installed")
def test_the_encoder_finds_meaning_where_no_word_is_shared() -> None:
    pool = of_texts("Rain stops play", "Carmaker lays off staff", "Recipe for a lemon cake")
    assert shown(Retriever(pool), "Volkswagen cuts jobs")[-1] == "Carmaker lays off staff"
