"""Try an engine before its figures are believed: many servers take a request for log-probabilities and ignore it.

One that returned zeros, or the log-probabilities of what it generated itself, would make every context look alike.
What any language model knows is that a sentence which has just been read is likelier the second time.

    await probe(engine)
"""

from __future__ import annotations

from statistics import fmean

from lm.scores import Item, ScoreEngine, checked
from workbench.errors import ModelError

SENTENCE = " Seventeen amber lorries carried ripe pears from Uppsala to the old harbour."
ITEMS = (Item("Note:", SENTENCE), Item("Note:" + SENTENCE + SENTENCE, SENTENCE))
"""The same words, new and read twice."""


async def probe(engine: ScoreEngine) -> None:
    """Score a sentence that is new and one that was read, with two calls.

    Raises:
        ModelError: the engine cannot score, or what it gives are no log-probabilities of the text.
    """
    found: dict[int, tuple[float, ...]] = {}
    rows = await engine.encode(ITEMS)
    await engine.score(rows, found.__setitem__)
    new, repeated = (checked(engine.name, row, found.get(position, ())) for position, row in enumerate(rows))
    if len(new) != len(repeated) or len(new) < 2:
        said = f"it gave {len(new)} and {len(repeated)} log-probabilities for the same sentence"
    elif not fmean(repeated) > fmean(new):
        said = f"a sentence is no likelier when it was read before ({fmean(repeated):.3f} after {fmean(new):.3f})"
    else:
        return
    raise ModelError(
        f"{engine.name!r} does not give the log-probabilities of a text: {said};"
        " score with hf:PATH or a vLLM server instead",
        cause="request",
    )
