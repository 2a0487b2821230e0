from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reer.numerals import _TENS, _UNITS, canonical, find_numbers

SMALL = list(_UNITS)[:20]
TENS = list(_TENS)


def spell(number: int) -> str:
    if number < 20:
        return SMALL[number]
    if number < 100:
        return TENS[number // 10 - 2] + (f"-{SMALL[number % 10]}" if number % 10 else "")
    for scale, name in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= scale:
            rest = number % scale
            joint = " and " if rest and rest < 100 else " " if rest else ""
            return f"{spell(number // scale)} {name}{joint}{spell(rest) if rest else ''}"
    raise AssertionError(number)


@given(st.integers(1, 9_999_999))
def test_spelled_numbers_are_read_back(number: int) -> None:
    (found,) = find_numbers(f"about {spell(number)} euros")
    assert found.value == number


@given(st.decimals("0.01", "9999999", places=2), st.booleans())
def test_written_numbers_are_read_back(number: Decimal, grouped: bool) -> None:
    text = f"{number:,}" if grouped else f"{number}"
    (found,) = find_numbers(f"costs {text} a month.")
    assert (found.value, found.start, found.end) == (number, 6, 6 + len(text))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("two and a half percent", ["2.5"]),
        ("three and a half thousand", ["3500"]),
        ("a hundred and twenty euros", ["120"]),
        ("nought point five", ["0.5"]),
        ("three point two five", ["3.25"]),
        ("12,5 %", ["12.5"]),
        ("fifty and five", ["50", "5"]),
        ("no number, a one-off", ["1"]),
        ("", []),
    ],
)
def test_numbers_as_people_say_them(text: str, values: list[str]) -> None:
    assert [canonical(number.value) for number in find_numbers(text)] == values
