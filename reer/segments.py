"""A trace cut into the pieces that are edited one at a time; what is joined again is the text, character by character.

segments = split_segments("The card was lost on the train this morning. A new one is charged to her account.")
text = "".join(replace_segment(segments, 1, "A new one costs 9 euros, which go off the account."))
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from reer.statements import sentences
from workbench.nearest import tokenize

MIN_SEGMENT_WORDS = 8
"""Shorter pieces go with the next one. REER merges below 100 characters, in traces of pages; a trace of a reply of one
paragraph has steps of a sentence each, and a Chinese character is a word."""

_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_LINE_ENDS = re.compile(r"\n\s*")

Segments = tuple[str, ...]
"""Each with the white space that follows it."""


def split_segments(text: str) -> Segments:
    """Paragraphs; of a text that has one, lines; of a text of one line, sentences. Short ones are merged.

    The white space that a text ends with belongs to its last segment; a blank text has none.
    """
    if not text.strip():
        return ()
    for cuts in (_after(_BLANK_LINES), _after(_LINE_ENDS), _sentence_starts):
        pieces = _merged([text[start:end] for start, end in pairwise([0, *cuts(text), len(text)])])
        if len(pieces) > 1:
            return pieces
    return (text,)


def replace_segment(segments: Sequence[str], place: int, text: str) -> Segments:
    """Another text in the place of one segment; the white space after it stays."""
    old = segments[place]
    space = old[len(old.rstrip()) :]
    return (*segments[:place], text.strip() + space, *segments[place + 1 :])


def drop_segment(segments: Sequence[str], place: int) -> Segments:
    """All but one segment; what is last now ends as the last one did."""
    rest = (*segments[:place], *segments[place + 1 :])
    if place < len(rest) or not rest:
        return rest
    last = segments[-1]
    return (*rest[:-1], rest[-1].rstrip() + last[len(last.rstrip()) :])


def _after(ends: re.Pattern[str]) -> Callable[[str], list[int]]:
    """Where pieces begin, after each end inside a text."""
    return lambda text: [match.end() for match in ends.finditer(text) if match.end() < len(text)]


def _sentence_starts(text: str) -> list[int]:
    return [start for start, _ in sentences(text)][1:]


def _merged(pieces: Sequence[str]) -> Segments:
    """Short pieces go with what follows, the last one with what stands before it."""
    whole: list[str] = []
    waiting = ""
    for piece in pieces:
        waiting += piece
        if len(tokenize(waiting)) >= MIN_SEGMENT_WORDS:
            whole.append(waiting)
            waiting = ""
    if waiting:
        whole[-1:] = [(whole[-1] if whole else "") + waiting]
    return tuple(whole)
