"""Accepted edits as commits: the page, a line of the log, and the figures it was accepted for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from reer.build import actor
from reer.claim_edits import Edit
from reer.folder import LOG
from reer.manual import Article
from reer.page import render_article
from reer.refine import Trial
from reer.repository import Repository
from reer.signing import enter
from reer.tables import format_change
from reer.trailers import NLL, PAIRS, RUN, SIMILARITY, SOURCES
from reer.versions import Versions
from workbench.errors import DataError

SUBJECT_CHARACTERS = 72
ATTEMPTS = 20
"""Times that an edit is committed anew because another process has written to the manual's log."""
_NOT_MEASURED = "not measured"
_DONE = {"ADD": "added", "UPDATE": "reworded", "MERGE": "merged", "DELETE": "deleted"}


@dataclass(frozen=True, slots=True)
class Keeper:
    """Commits each accepted edit to the repository of a manual."""

    repository: Repository
    clock: Callable[[], float]
    """Seconds since 1970."""
    runs: Mapping[str, str] = field(default_factory=dict)
    """Key of the run by category (`reer.resuming.run_key`); a run that was stopped finds its edits by it."""

    def __call__(self, before: Article, trial: Trial) -> Article:
        """Commit one edit and return the article with its new date.

        Raises:
            DataError: the page has changes of somebody else's.
            UsageError: Git takes no commit now.
        """
        at = self.clock()
        moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
        article = replace(trial.article, generated_by=actor(), generated_at=moment)
        page = Versions(self.repository).here().files[article.category]
        said = describe(before, trial.edit)
        message = f"{_cut(said)}\n\n{said}\nWhy: {trial.edit.reason}; {trial.verdict.why}."
        run = self.runs.get(article.category)
        told = trailers(trial) | ({RUN: run} if run else {})
        for attempt in range(1, ATTEMPTS + 1):
            earlier = self._log()
            self.repository.refresh(LOG)
            log = self._log()
            pages = {page: render_article(article), LOG: enter(log, moment[:10], f"* **Update**: {said}")}
            try:
                self.repository.commit(pages, message, told, at=at)
                break
            except DataError:
                if attempt == ATTEMPTS or self._log() == earlier:
                    raise
        return article

    def _log(self) -> str:
        """The log of the latest commit: that in the work tree may be one that another process is about to replace."""
        return self.repository.text(LOG, "HEAD") or "# Log\n"


def trailers(trial: Trial) -> dict[str, str]:
    """What an edit was accepted for, as the trailers of its commit."""
    verdict = trial.verdict
    heard = [source.pair for source in trial.edit.sources]
    nll, similarity = format_change(verdict.nll), format_change(verdict.similarity)
    return {
        NLL: f"{nll} nats per token" if nll else _NOT_MEASURED,
        SIMILARITY: similarity or _NOT_MEASURED,
        PAIRS: ", ".join(verdict.pairs) or "none",
        SOURCES: ", ".join(dict.fromkeys(heard)) or "none",
    }


def describe(before: Article, edit: Edit) -> str:
    """An edit in one line: where, what was done, the words."""
    old = [f"{claim.id} {claim.text!r}" for claim in before.claims if claim.id in edit.removed]
    done = "ended" if edit.until else _DONE[edit.op]
    gone = " and ".join(old)
    if edit.text is None:
        return f"{edit.category}: {done} {gone}"
    instead = f" instead of {gone}" if old else ""
    return f"{edit.category}: {done} {edit.text!r}{instead}"


def _cut(text: str) -> str:
    return text if len(text) <= SUBJECT_CHARACTERS else text[: SUBJECT_CHARACTERS - 1].rstrip() + "…"
