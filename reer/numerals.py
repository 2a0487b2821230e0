"""Numbers as people say and write them: "12", "1,200", "2.9", "twelve", "two and a half", "a hundred and twenty".

[(found.start, found.end, found.value) for found in find_numbers("twelve business days, 4.90 euros")]
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

_TEENS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen"""
_DECADES = "twenty thirty forty fifty sixty seventy eighty ninety"
_UNITS = {word: number for number, word in enumerate(_TEENS.split())} | {"nought": 0}
_TENS = {word: 10 * number for number, word in enumerate(_DECADES.split(), start=2)}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_FRACTIONS = {"half": Decimal("0.5"), "quarter": Decimal("0.25")}
_SMALL = "|".join([*_UNITS, *_TENS])
_WORD = rf"(?:{_SMALL}|{'|'.join(_SCALES)})"
_SPOKEN = re.compile(
    rf"\b(?:(?:a|an)[ ](?=hundred|thousand|million)|(?={_SMALL}))"
    rf"{_WORD}(?:(?:[ -]|(?:(?<=hundred)|(?<=thousand)|(?<=million))[ ]and[ ]){_WORD})*"
    rf"(?:[ ]point(?:[ ](?:{_SMALL}))+|[ ]and[ ]a[ ](?:half|quarter)(?:[ ](?:thousand|million))?)?\b",
    re.IGNORECASE,
)
_SCALE_AFTER = re.compile(r" (thousand|million)\b", re.IGNORECASE)
_WRITTEN = re.compile(
    r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)|(?<![\w.,])\d+(?:\.\d+)?(?:,\d{1,2}(?!\d))?(?![\d])"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text."""

    start: int
    end: int
    """One past its last character."""
    value: Decimal


def find_numbers(text: str) -> list[Number]:
    """All numbers in reading order; none overlap."""
    found = [*_written(text), *_spoken(text)]
    return sorted(found, key=lambda number: number.start)


def canonical(value: Decimal) -> str:
    """One way to write a number: no trailing zeros, no exponent."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _written(text: str) -> Iterator[Number]:
    for match in _WRITTEN.finditer(text):
        digits = match[0]
        comma_is_decimal = bool(re.fullmatch(r"\d+,\d{1,2}", digits))
        value = Decimal(digits.replace(",", "." if comma_is_decimal else ""))
        scale = _SCALE_AFTER.match(text, match.end())
        times = _SCALES[scale[1].lower()] if scale else 1
        yield Number(match.start(), scale.end() if scale else match.end(), value * times)


def _spoken(text: str) -> Iterator[Number]:
    for match in _SPOKEN.finditer(text):
        words = re.split(r"[ -]", match[0].lower())
        yield Number(match.start(), match.end(), _value(words))


def _value(words: list[str]) -> Decimal:
    total, current, digits = Decimal(0), Decimal(0), ""
    for place, word in enumerate(words):
        if "point" in words[:place]:
            digits += str(_UNITS.get(word, _TENS.get(word, 0)))
        elif word in _FRACTIONS:
            current += _FRACTIONS[word]
        elif word in _SCALES:
            current = max(current, Decimal(1)) * _SCALES[word]
            if word != "hundred":
                total, current = total + current, Decimal(0)
        else:
            current += _UNITS.get(word, _TENS.get(word, 0))
    return total + current + (Decimal(f"0.{digits}") if digits else 0)
