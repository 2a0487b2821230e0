"""Batches of evidence that each fit one request: how much an item weighs, how it is clipped, how items are packed.

Whoever makes an item keeps it to half a batch at most: then two fit one request, and merging what was found in the
batches always ends.

    batches = pack([clip(text, 900) for text in texts])
"""

from __future__ import annotations

from collections.abc import Sequence

BATCH_ITEMS = 4
"""Most pairs, or findings, in one request."""
EVIDENCE_TOKENS = 2000
"""Most evidence in one request, by `count_tokens`; an item takes half of it at most, so merging always ends."""


def pack(items: Sequence[str]) -> list[list[str]]:
    """Cut items into batches of at most `BATCH_ITEMS` and `EVIDENCE_TOKENS`, in order."""
    batches: list[list[str]] = []
    left = 0
    for item in items:
        size = count_tokens(item) + 1
        if not batches or size > left or len(batches[-1]) == BATCH_ITEMS:
            batches.append([])
            left = EVIDENCE_TOKENS
        batches[-1].append(item)
        left -= size
    return batches


def count_tokens(text: str) -> int:
    """Estimate of tokens without a tokenizer: three bytes of UTF-8 each; high for English, about right for Chinese."""
    return -(-len(text.encode("utf-8", "replace")) // 3)


def clip(text: str, tokens: int) -> str:
    """Leave out the middle of a text that is longer than `tokens`; half a surrogate pair becomes a question mark."""
    data = text.encode("utf-8", "replace")
    if count_tokens(text) <= tokens:
        return data.decode()
    mark = " … "
    room = 3 * tokens - len(mark.encode())
    head, tail = data[: room - room // 3], data[len(data) - room // 3 :]
    return head.decode("utf-8", "ignore") + mark + tail.decode("utf-8", "ignore")
