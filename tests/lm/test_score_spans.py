import anyio
import pytest

from lm.score_spans import score_spans
from lm.scores import Item, Row, Scorer
from tests.lm.test_scores import Words


class Texts(Words):
    """A server that cuts tokens itself."""

    async def encode(self, items):
        return [Row(item.context, item.y) for item in items]

    async def score(self, rows, on_row):
        await super().score([Row(self.ids(row.context), self.ids(row.y)) for row in rows], on_row)


ITEMS = [Item("fee 12 euros", " it costs 12 euros today"), Item("hello", "12 euros")]
SPANS = [[(1, 3), (10, 18)], [(0, 2), (0, 8)]]


@pytest.mark.parametrize("engine", [Words(), Texts()], ids=["by its own tokens", "by a server's"])
def test_parts_are_scored_as_they_stand_in_the_whole(engine):
    first, second = anyio.run(score_spans, Scorer(engine), ITEMS, SPANS)
    assert first.whole.logprobs == (-3.0, -3.0, -1.0, -1.0, -3.0)
    assert [part.logprobs for part in first.parts] == [(-3.0,), (-1.0, -1.0)]
    assert [part.n_bytes for part in first.parts] == [3, 9]
    assert [part.logprobs for part in second.parts] == [(-3.0,), (-3.0, -3.0)]


def test_a_whole_is_scored_once_however_many_parts():
    engine = Words()
    anyio.run(score_spans, Scorer(engine), ITEMS, SPANS)
    assert len(engine.asked) == len(ITEMS)


def test_parts_agree_with_scoring_each_on_its_own():
    pytest.importorskip("torch")
    from lm.score_local import LocalScores
    from tests.lm import tiny_model

    scorer = Scorer(LocalScores("tiny", tiny_model.llama(), tiny_model.tokenizer(bos_token="<s>")))
    y = " It costs 12.50 euros, within 3 days."
    item = Item("The fee. Agent:", y)
    spans = [(10, 21), (30, 36)]

    async def both():
        (scored,) = await score_spans(scorer, [item], [spans])
        apart = await scorer.score([Item(item.context + y[: start - 1], y[start - 1 : end]) for start, end in spans])
        return scored.parts, apart

    for part, alone in zip(*anyio.run(both), strict=True):
        assert part.logprobs == pytest.approx(alone.logprobs, abs=1e-4)
