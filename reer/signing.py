"""Signing an article: a person, or a process, compared it with its sources and answers for that.

signed = sign(article, "human:vale", moment, status="stable", days=365)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from reer.folder import LOG, page_paths, read_page
from reer.manual import Article, Check, Status
from reer.page import render_article
from reer.shelf import load_page
from reer.trust import digest, is_actor
from workbench.errors import UsageError
from workbench.jsonl import write_atomic
from workbench.settings import suggest

_DAY = re.compile(r"^## (\d{4}-\d{2}-\d{2})$", re.MULTILINE)


def sign(article: Article, by: str, moment: datetime, *, status: Status, days: int) -> Article:
    """The article with one more check, to be looked at again after some days.

    Raises:
        UsageError: `by` names no actor.
    """
    if not is_actor(by):
        raise UsageError(f"{by!r} names nobody who could check; give human:ID, process:ID or PRODUCER/VERSION")
    check = Check(by, moment.isoformat(timespec="seconds"), digest(article))
    stale_after = (moment + timedelta(days=days)).isoformat(timespec="seconds")
    return replace(article, verified=(*article.verified, check), status=status, stale_after=stale_after)


def sign_page(folder: Path, category: str, signed: Callable[[Article], Article]) -> Article:
    """Sign an article of a manual on disk and enter that into the manual's log; nothing else of the manual changes.

    Args:
        folder: of the manual.
        category: of the article, which is the name of its file.
        signed: the article with its new check.

    Raises:
        UsageError: the manual has no such article.
        DataError: the page is no article, or the log is not UTF-8; names the file.
    """
    pages = {path.stem: path for path in page_paths(folder)}
    if category not in pages:
        raise UsageError(f"{folder} has no article {category!r}; {suggest(category, list(pages))}")
    path = pages[category]
    article = signed(load_page(path))
    check = article.verified[-1]
    log = folder / LOG
    told = read_page(log) if log.exists() else "# Log\n"
    write_atomic(path, render_article(article))
    line = f"* **Verification**: [{article.title}]({path.name}) by {check.by}, now {article.status}"
    write_atomic(log, enter(told, check.at[:10], line))
    return article


def enter(log: str, day: str, line: str) -> str:
    """A log with one line more, on top of those of its day; days stand newest first."""
    for match in _DAY.finditer(log):
        if match[1] == day:
            return log[: match.end()] + f"\n\n{line}\n" + log[match.end() :].lstrip("\n")
        if match[1] < day:
            return log[: match.start()] + f"## {day}\n\n{line}\n\n" + log[match.start() :]
    return log.rstrip("\n") + f"\n\n## {day}\n\n{line}\n"
