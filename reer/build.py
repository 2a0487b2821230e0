"""From pairs to a manual: a draft per category, written as Markdown with an index and a log.

Every score is kept under the hash of its tokens, so a build that was killed goes on where it was when it is run again;
nothing is written before all of it is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

from lm.encoder import Encode
from lm.scores import Scorer
from reer.categories import title_of
from reer.citations import as_sentence, cite
from reer.draft import Draft, draft_article
from reer.folder import INDEX, LOG
from reer.manual import Article, Claim, Source
from reer.page import render_article
from reer.pairs import Pair, by_category
from workbench.errors import UsageError
from workbench.jsonl import write_atomic

OKF_VERSION = "0.2"
REVIEW_DAYS = 365
"""Days after which somebody has to look at an article again."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a build works with."""

    scorer: Scorer
    encode: Encode
    clock: Callable[[], float]
    """Seconds since 1970."""


async def build_manual(
    pairs: Sequence[Pair],
    categories: Mapping[str, str],
    folder: Path,
    tools: Tools,
    *,
    budget: int,
    on_article: Callable[[str], None],
) -> dict[str, Any]:
    """Write a manual into a folder and return what went into it.

    Args:
        pairs: to build from, each with a category.
        categories: slug and sentence of each chapter.
        folder: of the manual; created when absent.
        tools: models and clock.
        budget: tokens that the claims of one article may take.
        on_article: told of each category that is done.

    Raises:
        UsageError: the folder is none, or not empty.
    """
    groups = by_category(pairs)
    check_folder(folder)
    moment = datetime.fromtimestamp(tools.clock(), UTC)
    rows, pages = [], {}
    for slug, members in groups.items():
        draft = await draft_article(title_of(slug), members, tools.scorer, tools.encode, budget=budget)
        pages[slug] = render_article(to_article(slug, categories[slug], draft, moment))
        rows.append(_row(slug, members, draft))
        on_article(slug)
    folder.mkdir(parents=True, exist_ok=True)
    for slug, page in pages.items():
        write_atomic(folder / f"{slug}.md", page)
    write_atomic(folder / INDEX, render_index({slug: categories[slug] for slug in groups}))
    write_atomic(folder / LOG, render_log(moment.date().isoformat(), rows))
    return {"manual": str(folder), "articles": rows}


def check_folder(folder: Path) -> None:
    """Refuse a place that holds something: a manual that lives is refined, not built again.

    Raises:
        UsageError: it is a file, or a folder that is not empty.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; give --out a new folder")
    held = sorted(path.name for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []
    if held:
        raise UsageError(f"{folder} is not empty ({held[0]!r} lies there); give --out a folder without a manual")


def to_article(slug: str, description: str, draft: Draft, moment: datetime) -> Article:
    """A draft as an article: claims numbered, each with the calls that state it."""
    sources: dict[str, Source] = {}
    claims: list[Claim] = []
    for number, chosen in enumerate([*draft.chosen, *draft.ended], start=1):
        ids = cite(chosen.fact, chosen.statement, sources)
        until = chosen.fact.until.isoformat() if chosen.fact.until else None
        claims.append(Claim(f"c{number}", as_sentence(chosen.statement), ids, until))
    return Article(
        slug,
        title_of(slug),
        description,
        tuple(claims),
        tuple(sources.values()),
        generated_by=actor(),
        generated_at=moment.isoformat(timespec="seconds"),
        stale_after=(moment + timedelta(days=REVIEW_DAYS)).isoformat(timespec="seconds"),
    )


def actor() -> str:
    """This program as the Open Knowledge Format names those who write."""
    return f"openbook/{metadata.version('openbook')}"


def render_index(categories: Mapping[str, str]) -> str:
    """The catalogue that is read first."""
    lines = [f"* [{title_of(slug)}]({slug}.md) - {sentence}" for slug, sentence in categories.items()]
    return "\n".join(["---", f'okf_version: "{OKF_VERSION}"', "---", "", "# Articles", "", *lines, ""])


def render_log(day: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """What was done, newest first."""
    lines = [
        f"* **Creation**: [{title_of(row['category'])}]({row['category']}.md), {row['claims']} claims from"
        f" {row['pairs']} replies, {row['ended']} of them history, {row['refused']} facts that saved too little,"
        f" {row['crowded']} that found no room"
        for row in rows
    ]
    return "\n".join(["# Log", "", f"## {day}", "", *lines, ""])


def _row(slug: str, pairs: Sequence[Pair], draft: Draft) -> dict[str, Any]:
    return {
        "category": slug,
        "pairs": len(pairs),
        "claims": len(draft.chosen) + len(draft.ended),
        "ended": len(draft.ended),
        "tokens": draft.tokens,
        "refused": draft.refused,
        "crowded": draft.crowded,
    }
