import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.shape import FEWEST, shape_of

FIRMS = ["Siemens", "Bank of America", "Halozyme , Inc.", "AT&T", "3M", "Bank of Zug", "Nokia , Inc.", "3i Group"] * 5
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=8)
ANSWERS = st.lists(st.lists(WORDS, min_size=1, max_size=4).map(" ".join), min_size=FEWEST, max_size=60)


@pytest.mark.parametrize(
    "text", ["Deutsche Bank", "House of Brands", "Brands , Inc.", "H&M", "7 Days", "Ørsted", "Éclair of Paris", "東京"]
)
def test_shape_admits_what_is_built_alike(text):
    assert re.fullmatch(shape_of(FIRMS), text)


@pytest.mark.parametrize(
    "text", ["the bank", "Siemens , ", "Siemens lifts outlook", "Bank of", "of", "", "Inc. ,", "A B C D E F"]
)
def test_shape_refuses_what_is_not(text):
    assert not re.fullmatch(shape_of(FIRMS), text)


def test_shape_reads_amounts_as_well():
    amounts = [f"$ {n}.5 million" for n in range(30)]
    assert re.fullmatch(shape_of(amounts), "$ 810.25 million")
    assert not re.fullmatch(shape_of(amounts), "810.25 million")


def test_no_shape_for_few_answers_or_answers_that_have_none_in_common():
    assert shape_of(FIRMS[: FEWEST - 1]) is None
    assert shape_of([f"{chr(97 + n % 26)}word{n} again" for n in range(60)]) is None


def test_no_shape_for_words_that_it_would_list_or_marks_that_json_writes_otherwise():
    assert shape_of([f"{part} pain" for part in ("chest", "back", "head", "leg")] * 15) is None
    assert shape_of([*FIRMS, 'Joe "Jo" Doe']) is None


@given(ANSWERS)
def test_a_shape_fits_nine_in_ten_of_what_it_was_read_from(answers):
    shape = shape_of(answers)
    if shape is not None:
        fitting = sum(bool(re.fullmatch(shape, " ".join(answer.split()))) for answer in answers)
        assert fitting >= 0.9 * len([answer for answer in answers if answer.strip()])
