"""What the verbs of `reer` share: options, and how models are opened for the length of a block."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from lm.road import Road
from lm.scores import Scorer
from reer.pairs import Loaded, Pair
from workbench import console

if TYPE_CHECKING:
    from reer.answers import Answers

T = TypeVar("T")

Model = Annotated[
    str, typer.Option("--model", "-m", help="Scores replies: embedded, hf:ID, or provider/model.", envvar="REER_MODEL")
]
ApiBase = Annotated[
    str | None, typer.Option("--api-base", help="Address of the model's server.", envvar="REER_API_BASE")
]
Manual = Annotated[Path, typer.Argument(help="Folder of the manual.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value instead of text.")]
Writer = Annotated[
    str | None,
    typer.Option("--model", "-m", help="Writes: embedded, gguf:PATH, hf:ID, or provider/model.", envvar="REER_WRITER"),
]


Budget = Annotated[int, typer.Option(min=50, help="Tokens that the claims of one article may take.")]


@dataclass(frozen=True, slots=True)
class Models:
    """The model that scores and the one that answers, as the options name them."""

    scorer: str
    answers: str
    """`none` where nothing is answered."""
    api_base: str | None
    """Of whichever is on a server."""


class Status(StrEnum):
    """What an article may be."""

    draft = "draft"
    stable = "stable"
    deprecated = "deprecated"


def warn_of_copies(loaded: Loaded) -> None:
    """Say which pairs were left out."""
    if loaded.repeated:
        console.warn(
            f"{len(loaded.repeated)} pairs repeat earlier ones and are left out, the first {loaded.repeated[0]!r}"
        )


async def fitting(pairs: Sequence[Pair], scorer: Scorer, *, budget: int) -> tuple[Pair, ...]:
    """The pairs that the model can read beside an article; says which are left out.

    Raises:
        DataError: none is left.
    """
    from reer.fitting import keep_fitting
    from workbench.errors import DataError

    kept = await keep_fitting(pairs, scorer, budget=budget)
    left_out = [pair.id for pair in pairs if pair not in kept]
    if left_out:
        console.warn(
            f"{len(left_out)} pairs are longer than {scorer.engine.name!r} can read beside an article of {budget}"
            f" tokens and are left out, the first {left_out[0]!r}; shorten them, or take a model with a longer context"
        )
    if not kept:
        raise DataError("no pair is left to work with")
    return kept


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Run what is asynchronous, from a verb."""
    import anyio

    return anyio.run(work)


def address_for(spec: str, *, beside: str, api_base: str | None) -> str | None:
    """The server's address for one of two models: one in this process leaves it to the other where that is on a server.

    Beside `none`, it has it for itself.
    """
    from lm.open import OPENERS

    here, there = (each.partition(":")[0] in (*OPENERS, "none") for each in (spec, beside))
    return None if here and not there else api_base


@asynccontextmanager
async def scoring(model: str, api_base: str | None) -> AsyncIterator[Scorer]:
    """A scorer, its scores kept in the user's cache."""
    from lm.open_scorer import open_scorer
    from lm.score_cache import ScoreCache
    from workbench.cache import cache_folder

    with closing(ScoreCache(cache_folder() / "scores.sqlite")) as cache:
        scorer = await open_scorer(model, api_base=api_base, cache=cache)
        try:
            yield scorer
        finally:
            await scorer.aclose()


@asynccontextmanager
async def writing(model: str, api_base: str | None) -> AsyncIterator[Road]:
    """A road to a model that writes, its replies kept in the user's cache."""
    from lm.open import check_reachable, open_engine
    from lm.store import ReplyStore
    from workbench.cache import cache_folder

    engine = open_engine(model, api_base=api_base)
    check_reachable(engine)
    with closing(ReplyStore(cache_folder() / "replies.sqlite")) as store:
        road = Road(engine, store=store)
        try:
            yield road
        finally:
            await road.aclose()


def scoring_beside(models: Models) -> AbstractAsyncContextManager[Scorer]:
    """The scorer, where another model answers."""
    return scoring(models.scorer, address_for(models.scorer, beside=models.answers, api_base=models.api_base))


@asynccontextmanager
async def answering(models: Models) -> AsyncIterator[Answers | None]:
    """The model that answers; None without one."""
    from reer.answers import Answers

    if models.answers == "none":
        yield None
        return
    base = address_for(models.answers, beside=models.scorer, api_base=models.api_base)
    async with writing(models.answers, base) as road:
        yield Answers(road)
