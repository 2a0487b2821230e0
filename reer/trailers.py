"""Trailers: the `Key: value` lines that end a commit's message, by the rules of git-interpret-trailers.

message = compose("cards: a lost card costs 14 euros", {"NLL-Delta": "-0.031", "Pairs": "12"})
assert parse(message)["Pairs"] == "12"
"""

from __future__ import annotations

import re
from collections.abc import Mapping

NLL, SIMILARITY, PAIRS, SOURCES, REVERTS = "NLL-Delta", "Similarity-Delta", "Pairs", "Sources", "Reverts"
RUN = "Run"
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_LINE = re.compile(r"(?P<key>[A-Za-z0-9-]+)[ \t]*:(?P<value>.*)")
_GIT_OWN = ("Signed-off-by: ", "(cherry picked from commit ")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")


def compose(message: str, trailers: Mapping[str, str]) -> str:
    """A commit's message: subject, body, trailers; a value becomes one line, and control characters blanks.

    Raises:
        ValueError: the message is empty, or a key is not letters, digits and hyphens.
    """
    clean = _CONTROL.sub(" ", message.replace("\r\n", "\n").encode("utf-8", "replace").decode())
    lines = [line.rstrip() for line in clean.strip().split("\n")]
    if not lines[0]:
        raise ValueError("a commit needs a message")
    for key in trailers:
        if not _KEY.fullmatch(key):
            raise ValueError(f"a trailer's key is letters, digits and hyphens, got {key!r}")
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(lines[1:]).strip("\n"))
    paragraphs = [lines[0], *([body] if body else [])]
    if trailers:
        paragraphs.append("\n".join(f"{key}: {one_line(value)}".rstrip() for key, value in trailers.items()))
    return "\n\n".join(paragraphs) + "\n"


def parse(message: str) -> dict[str, str]:
    """The trailers of a message, in order; what is said twice is joined by a comma."""
    found: dict[str, str] = {}
    last: str | None = None
    for line in _block(message):
        match = _LINE.match(line)
        if line[:1] in (" ", "\t") and last is not None:
            found[last] = f"{found[last]} {line.strip()}".strip()
        elif match:
            last, value = match["key"], match["value"].strip()
            found[last] = f"{found[last]}, {value}" if last in found else value
        else:
            last = None
    return found


def one_line(text: str) -> str:
    """Text without line ends and control characters."""
    return " ".join(_CONTROL.sub(" ", text).encode("utf-8", "replace").decode().split())


def count(value: str | None) -> int | None:
    """How many a trailer speaks of: a number alone or before a word, else items parted by commas; None without one."""
    if not value:
        return None
    number = re.match(r"\d+(?=\s*$|\s+[^\W\d])", value)
    return int(number[0]) if number else len([each for each in value.split(",") if each.strip()])


def _block(message: str) -> list[str]:
    """The last paragraph, when it is one of trailers; the first paragraph is the subject and never is."""
    lines = [line for line in message.split("\n") if not line.startswith("#")]
    paragraphs = [part for part in re.split(r"\n(?:[ \t]*\n)+", "\n".join(lines).strip("\n")) if part.strip()]
    if len(paragraphs) < 2:
        return []
    block = paragraphs[-1].split("\n")
    if block[0][:1] in (" ", "\t"):
        return []
    heads = [line for line in block if line[:1] not in (" ", "\t")]
    trailers = [line for line in heads if _LINE.match(line) or line.startswith(_GIT_OWN)]
    others = len(heads) - len(trailers)
    by_git = any(line.startswith(_GIT_OWN) for line in heads)
    return block if trailers and (not others or (by_git and len(trailers) * 3 >= others)) else []
