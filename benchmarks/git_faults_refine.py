"""The loop of `reer refine` on a small manual, with a scorer and answers by script, so that edits come quickly.

Two articles hold claims that help nobody, and lack rules that some customers are told and others ask back. The scorer
finds a word likely that the manual or the conversation holds, and tires of long manuals. No clock and no chance decide
anything, so each run makes the same edits. As a process it says `begins`, then each edit once it is committed.

    python benchmarks/git_faults_refine.py FOLDER cards loans    (from the root of the project)
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import anyio
import numpy as np
from numpy.typing import NDArray

from lm.fake import Scripted
from lm.road import Road
from lm.scores import Item, OnRow, Row, Scorer
from reer.answers import Answers
from reer.gate import Gate
from reer.keeping import Keeper
from reer.manual import Article, Claim, Source
from reer.page import parse_article
from reer.pairs import Pair, Turn
from reer.refine import Tools, Trial, refine
from reer.repository import Repository
from reer.resuming import read_pasts, run_key
from workbench.errors import OpenbookError

CATEGORIES = ("cards", "loans")
THINGS = ("statement", "courier", "terminal", "deposit", "letter", "transfer", "cheque", "voucher")
BIRDS = ("stork", "heron", "finch", "robin", "raven", "swift", "eagle", "magpie", "osprey", "plover", "curlew")
BIRDS += ("linnet", "dipper", "gannet", "pipit", "shrike", "siskin", "wigeon")
AT = 1_790_000_000.0
BUDGET, MAX_EDITS, TIRES = 1000, 100, 0.001
DIMENSIONS = 512


def words_of(text: str) -> list[str]:
    """Words in lower case."""
    return re.findall(r"\w+", text.lower())


def embed(texts: Sequence[str]) -> NDArray[np.float64]:
    """Embeddings by words, hashed; shape (n, DIMENSIONS), rows of length 1."""
    rows = np.full((len(texts), DIMENSIONS), 1e-3)
    for row, text in zip(rows, texts, strict=True):
        for word in words_of(text):
            row[zlib.crc32(word.encode()) % DIMENSIONS] += 1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Reader:
    """Finds a word likely when the context holds it, all the less the longer the context is."""

    name = identity = "reader"

    async def encode(self, items: Sequence[Item]) -> list[Row]:
        """Leave the text as it is."""
        return [Row(item.context, item.y) for item in items]

    async def score(self, rows: Sequence[Row], on_row: OnRow) -> None:
        """Score each word."""
        read: dict[str, list[str]] = {}
        for place, row in enumerate(rows):
            context = read.setdefault(str(row.context), words_of(str(row.context)))
            known, tired = set(context), TIRES * len(context)
            on_row(place, tuple((-0.5 if word in known else -3.0) - tired for word in words_of(str(row.y))))

    async def aclose(self) -> None:
        """Nothing to free."""


def make_article(category: str) -> Article:
    """An article of claims that help nobody."""
    texts = [f"In {category} season the {bird} sings." for bird in BIRDS]
    sources = [Source(f"s{n}", f"{category}-b{n}", f"{category}-b{n}", 2, text) for n, text in enumerate(texts, 1)]
    claims = [Claim(f"c{n}", text, (f"s{n}",)) for n, text in enumerate(texts, 1)]
    about = f"All about {category}."
    return Article(category, category.title(), about, tuple(claims), tuple(sources), "bench", "2026-01-02T00:00:00Z")


def make_pairs(category: str) -> list[Pair]:
    """Rules, each said by two and echoed by two, in calls of their own."""
    replies = []
    for n, thing in enumerate(THINGS, start=11):
        rule = f"the {thing} costs {n} euros"
        replies += [
            f"The {thing} costs {n} euros.",
            f"So {rule}.",
            f"Is it fine that {rule}?",
            f"You know that {rule}?",
        ]
    asked = (Turn("customer", "What does it cost?"),)
    return [Pair(f"{category}-{n}", f"{category}-call{n}", 2, asked, y, category) for n, y in enumerate(replies)]


async def work(folder: Path, categories: Sequence[str]) -> None:
    """Refine the articles, or go on with it."""
    repository = Repository.open(folder)
    gate = Gate(
        Scorer(Reader()),
        Answers(Road(Scripted(lambda _request: "One moment."))),
        embed,
        BUDGET,
        lambda: np.random.default_rng(0),
    )
    groups = {category: make_pairs(category) for category in categories}
    runs = {category: run_key(pairs, (Reader.identity, BUDGET)) for category, pairs in groups.items()}
    shelf = {name: parse_article((folder / f"{name}.md").read_text(encoding="utf-8")) for name in categories}
    tools = Tools(gate, Keeper(repository, lambda: AT, runs), tell)
    pasts = read_pasts(repository, runs)
    await refine(shelf, groups, tools, max_edits=MAX_EDITS, done=lambda _category: None, pasts=pasts)


def tell(trial: Trial) -> None:
    """Say what was committed."""
    if trial.verdict.accepted:
        edit = trial.edit
        print(f"{edit.category} {edit.op} {' '.join(edit.removed)} {edit.text or ''}", flush=True)


def main() -> int:
    """Refine; exit code 2 when another process was faster."""
    print("begins", flush=True)
    try:
        anyio.run(work, Path(sys.argv[1]), sys.argv[2:])
    except OpenbookError as exc:
        print(exc, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
