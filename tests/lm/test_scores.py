"""What a scorer makes of any engine's log-probabilities; the engine here is a table."""

import math

import anyio
import pytest

from lm.score_cache import ScoreCache
from lm.score_probe import probe
from lm.scores import CLIP_NATS, Item, Row, Score, Scorer, gain
from workbench.errors import ModelError, UsageError


class Words:
    """One token per word: -1 where it occurred before, else -3."""

    name = identity = "words"

    def __init__(self, change=lambda logprobs: logprobs):
        self.change = change
        self.asked = []

    async def encode(self, items):
        return [Row(self.ids(item.context), self.ids(item.y)) for item in items]

    async def score(self, rows, on_row):
        for position, row in enumerate(rows):
            self.asked.append(row)
            whole = row.context + row.y
            at = len(row.context)
            logprobs = (-1.0 if id_ in whole[: at + n] else -3.0 for n, id_ in enumerate(row.y))
            on_row(position, self.change(tuple(logprobs)))

    async def aclose(self):
        pass

    def ids(self, text):
        return tuple(sum(word.encode()) for word in text.split())


def score(scorer, *items):
    return anyio.run(scorer.score, items)


def test_the_figures_of_a_score():
    one = Score((-1.0, -4.0, -0.5), n_bytes=8)
    assert one.total == -5.5
    assert one.nll == pytest.approx(5.5 / 3)
    assert one.clipped_nll == pytest.approx((1.0 + CLIP_NATS + 0.5) / 3)
    assert one.bits_per_byte == pytest.approx(5.5 / math.log(2) / 8)


def test_gain_is_what_a_context_saves_per_token():
    assert gain(Score((-1.0, -1.0), 5), Score((-3.0, -2.0), 5)) == pytest.approx(1.5)
    assert gain(Score((-3.0,), 5), Score((-3.0,), 5)) == 0.0


def test_a_context_that_holds_the_answer_helps():
    engine = Words()
    helped, alone = score(Scorer(engine), Item("fee 12 euros", "12 euros"), Item("hello", "12 euros"))
    assert (helped.nll, alone.nll) == (1.0, 3.0)
    assert gain(helped, alone) == 2.0


def test_bytes_hold_the_white_space_that_moved_to_y():
    (one,) = score(Scorer(Words()), Item("fee: ", "地 12"))
    assert one.n_bytes == len(" 地 12".encode())


def test_equal_items_are_scored_once_and_come_back_in_order():
    engine = Words()
    a, b, again = score(Scorer(engine), Item("x", "y"), Item("y", "y"), Item("x", "y"))
    assert a == again != b
    assert len(engine.asked) == 2


def test_kept_scores_are_not_asked_for_again(tmp_path):
    cache = ScoreCache(tmp_path / "scores.sqlite")
    items = [Item("x", "y z"), Item("y", "y z")]
    first = score(Scorer(Words(), cache=cache), *items)
    engine = Words()
    assert score(Scorer(engine, cache=cache), *items, Item("z", "z")) == [*first, Score((-1.0,), 1)]
    assert len(engine.asked) == 1


def test_another_model_shares_no_scores(tmp_path):
    cache = ScoreCache(tmp_path / "scores.sqlite")
    score(Scorer(Words(), cache=cache), Item("x", "y"))
    other = Words()
    other.identity = "other words"
    score(Scorer(other, cache=cache), Item("x", "y"))
    assert len(other.asked) == 1
    assert len(cache) == 2


def test_what_was_scored_before_a_failure_is_kept(tmp_path):
    cache = ScoreCache(tmp_path / "scores.sqlite")
    with pytest.raises(ModelError, match="gave 1 log-probabilities for 3 tokens"):
        score(Scorer(Words(lambda logprobs: logprobs[:1]), cache=cache), Item("x", "y"), Item("x", "a b c"))
    assert len(cache) == 1


@pytest.mark.parametrize("wrong", [math.nan, -math.inf, 0.5])
def test_what_no_log_probability_can_be_is_refused(wrong):
    with pytest.raises(ModelError, match="as a log-probability"):
        score(Scorer(Words(lambda logprobs: (*logprobs[1:], wrong))), Item("x", "y z"))


def test_an_empty_y_is_refused():
    with pytest.raises(UsageError, match="empty y"):
        Item("x", "")


def test_the_probe_passes_a_model_that_reads():
    anyio.run(probe, Words())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda logprobs: (0.0,) * len(logprobs), "no likelier"),
        (lambda logprobs: tuple(-4.0 - each for each in logprobs), "no likelier"),
        (lambda logprobs: logprobs[1:], "log-probabilities for"),
    ],
    ids=["zeros", "reversed", "short"],
)
def test_the_probe_refuses_what_does_not(change, reason):
    with pytest.raises(ModelError, match=reason):
        anyio.run(probe, Words(change))
