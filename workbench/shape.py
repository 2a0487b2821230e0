r"""The shape that answers share, as a regular expression: what an eye sees that runs down a column of gold answers.

A word begins with a capital, begins with a digit, or is itself (`of`, `,`). Which kinds may begin, fill and end an
answer, how many words it may have, and which marks stand inside a word, are read off the answers; what is rare is left
out. Scripts without case count as capitals.

    shape_of(["Siemens", "Bank of America", "AT&T Inc."])  # matches "House of Brands Ltd.", not "In 2012"
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

NAMED = 0.9
"""Least share of the answers with a word that begins with a capital or digit; a shape of others would list them."""
COVER = 0.9
"""Least share of the answers that must have the shape; with less, they have none in common."""
RARE = 0.01
"""Kinds of words in a smaller share of the answers are left out, and so are those seen once."""
FEWEST = 20
"""With fewer answers, a shape would say more about the sample than about the answers."""

CAPITAL, DIGIT = "capital", "digit"
_FIRST = {CAPITAL: r"[^\W\d_a-z]", DIGIT: r"\d"}


def shape_of(answers: Collection[str]) -> str | None:
    """A regular expression for the whole of an answer, without anchors, in the common subset of Python and Rust.

    None when the answers are few, when they are words rather than names and numbers, when one holds a quote or a
    backslash (which JSON writes otherwise), or when too many fall outside the shape that the others share.
    """
    rows = [answer.split() for answer in answers if answer.strip()]
    named = sum(any("\0" in _kind(word) for word in row) for row in rows)
    if len(rows) < FEWEST or named < NAMED * len(rows) or any(mark in answer for mark in '"\\' for answer in answers):
        return None
    shape = _expression(rows)
    fitting = [row for row in rows if shape and re.fullmatch(shape, " ".join(row))]
    return shape if len(fitting) >= COVER * len(rows) else None


def _expression(rows: Sequence[Sequence[str]]) -> str | None:
    """What the kinds, marks and lengths of the rows have in common; None when no kind begins or ends enough of them."""
    least = max(2, RARE * len(rows))
    first = _common((_kind(row[0]) for row in rows), least)
    last = _common((_kind(row[-1]) for row in rows), least)
    inner = _common((_kind(word) for row in rows for word in row[1:-1]), least) | last
    if not first or not last:
        return None
    words = [_split(word) for row in rows for word in row]
    inside = "".join(sorted({mark for _, core, _ in words for mark in re.sub(r"\w", "", core)}))
    trail = _common((trail for _, core, trail in words if core and trail), least)

    def alternatives(kinds: Collection[str]) -> str:
        return "(?:" + "|".join(_of_kind(kind, inside, trail) for kind in sorted(kinds)) + ")"

    most = max(len(row) for row in rows)
    if most == 1:
        return alternatives(first)
    middle = f"(?: {alternatives(inner)}){{0,{most - 2}}}" if most > 2 else ""
    rest = f"{middle} {alternatives(last)}"
    return f"{alternatives(first)}(?:{rest})?"


def _split(word: str) -> tuple[str, str, str]:
    """Marks before, from the first to the last letter or digit, marks after; without such, all marks are before."""
    core = word.strip("".join(re.findall(r"[^\w]", word)))
    lead, _, trail = word.partition(core) if core else (word, "", "")
    return lead, core, trail


def _kind(word: str) -> str:
    """What stands before the first letter or digit, and the kind of that; the word itself where that is lowercase."""
    lead, core, _ = _split(word)
    if not core or core[0].islower() or not core[0].isalnum():
        return word
    return f"{lead}\0{DIGIT if core[0].isdigit() else CAPITAL}"


def _of_kind(kind: str, inside: str, trail: Collection[str]) -> str:
    """The expression of one kind of word."""
    lead, cut, name = kind.partition("\0")
    if not cut:
        return escape(kind)
    marks = "|".join(escape(mark) for mark in sorted(trail))
    body = rf"(?:[\w{_in_class(inside)}]*\w)?"
    return escape(lead) + _FIRST[name] + body + (f"(?:{marks})?" if marks else "")


def _common(things: Iterable[str], least: float) -> set[str]:
    """Those seen at least so often."""
    return {thing for thing, count in Counter(things).items() if count >= least}


def escape(text: str) -> str:
    """Escape what is special in a regular expression and nothing else, which Rust and ECMAScript would refuse."""
    return re.sub(r"[\\^$.|?*+()\[\]{}]", r"\\\g<0>", text)


def _in_class(marks: str) -> str:
    """Marks as they stand inside square brackets, the hyphen last."""
    escaped = "".join(f"\\{mark}" if mark in r"\^[]" else mark for mark in marks if mark != "-")
    return escaped + ("\\-" if "-" in marks else "")
