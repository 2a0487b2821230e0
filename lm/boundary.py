"""Where a context ends and y begins, in tokens: as lm-evaluation-harness 0.4.13 cuts them (`_encode_pair`).

Tokenizers write a word's leading blank into the word, so white space that ends a context moves to y, and the two are
encoded as one text. The cut stands where the tokens of the context alone end. Where the context's last word grows
together with y, the harness loses tokens of y; here the cut stands before the first token that holds some of y.

    context, y = cut(tokenizer.encode, "The capital of France is ", "Paris")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Encode = Callable[[str], Sequence[int]]


def moved(context: str, y: str) -> tuple[str, str]:
    """Move white space from the end of the context to the start of y."""
    bare = context.rstrip()
    return bare, context[len(bare) :] + y


def cut(encode: Encode, context: str, y: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Token ids of context and y; those of the context are empty where it holds nothing but white space.

    Args:
        encode: text to token ids, special tokens included where the model expects them.
        context: what stands before y.
        y: what is scored.
    """
    context, y = moved(context, y)
    return cut_ids(encode(context) if context else (), encode(context + y))


def cut_ids(context: Sequence[int], whole: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Cut the ids of the whole where those of the context alone end, or part from them."""
    at = common_length(context, whole)
    return tuple(whole[:at]), tuple(whole[at:])


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two sequences share from the start."""
    shorter = min(len(first), len(second))
    return next((at for at in range(shorter) if first[at] != second[at]), shorter)
