"""Where a refinement that was stopped stands: the edits on top of a page's history that the same run has committed.

A run is known by what decides it: the replies, the models, the budget and the seed. Repeating it from its first state,
with scores and answers from the cache, makes the same edits in the same order, so those that are commits already are
passed by and the run goes on where it was stopped, with what it had refused still refused.

    runs = {"cards": run_key(pairs, ("embedded", "embedded", 450, 0))}
    keep, pasts = Keeper(repository, clock, runs), read_pasts(repository, runs)
    await refine(shelf, groups, Tools(gate, keep, tell), max_edits=6, done=print, pasts=pasts)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from reer.manual import Article
from reer.page import parse_article
from reer.pairs import Pair
from reer.repository import Repository
from reer.trailers import RUN
from reer.versions import Versions


def run_key(pairs: Sequence[Pair], settings: Sequence[Any]) -> str:
    """Twelve hex digits for the refinement of one article: of its replies and the settings that decide the edits."""
    return hashlib.sha256(repr((tuple(settings), tuple(pairs))).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def read_pasts(repository: Repository, runs: Mapping[str, str]) -> dict[str, list[Article]]:
    """States of each article since its run began, oldest first; none where the latest commit is not of that run.

    Args:
        repository: of the manual.
        runs: key of the run by category.

    Raises:
        DataError: a page is no article.
    """
    files = Versions(repository).here().files
    return {category: _past(repository, files[category], run) for category, run in runs.items()}


def _past(repository: Repository, name: str, run: str) -> list[Article]:
    history = repository.history(name=name, first_parent=True)
    ours = list(takewhile(lambda entry: entry.trailers.get(RUN) == run and entry.parents, history))
    revisions = [*(entry.parents[0] for entry in ours[-1:]), *(entry.hash for entry in reversed(ours))]
    texts = [(revision, repository.text(name, revision)) for revision in revisions]
    return [parse_article(text, f"{revision}:{name}") for revision, text in texts if text is not None]
