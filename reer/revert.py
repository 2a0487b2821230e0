"""Undo one commit's changes to a manual as a new commit, whatever came after it; the history keeps both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from reer.build import render_index
from reer.claim_diff import ManualDiff, diff_manuals
from reer.folder import INDEX, LOG, NO_ARTICLES, is_page
from reer.history import Entry, read_entry
from reer.manual import Article
from reer.page import parse_article, render_article
from reer.plumbing import GitFailure
from reer.repository import Repository
from reer.signing import enter
from reer.trailers import REVERTS
from reer.undo import keep_ids, undo_article
from reer.versions import Versions
from workbench.errors import DataError, UsageError

_CONFLICT = "conflict"
"""Stands for an index whose lines were changed again since: it is written anew from the articles."""


@dataclass(frozen=True, slots=True)
class Reverted:
    """A commit that undoes another."""

    commit: str
    undone: Entry
    diff: ManualDiff
    """What it changed."""


def revert_commit(repository: Repository, revision: str, *, at: float) -> Reverted:
    """Undo a commit's changes to the manual and commit that; other paths of the commit are left alone.

    The manual's log is not undone: it gets a line more.

    Args:
        repository: of the manual.
        revision: the commit to undo.
        at: seconds since 1970.

    Raises:
        UsageError: the commit is not one that can be undone.
        DataError: a claim was changed again since, or a page has changes that are not committed.
    """
    undone = _check(repository, revision)
    versions, parent = Versions(repository), undone.parents[0]
    pages = {name: _undo_page(repository, name, parent, undone.hash) for name in _touched(repository, undone)}
    head = {name: repository.text(name, "HEAD") for name in pages}
    pages = {name: text for name, text in pages.items() if text != head[name]}
    if not pages:
        raise UsageError(f"nothing of {undone.hash[:10]} is left to undo in {repository.folder}")
    old = versions.at("HEAD")
    new = _with_pages(old.articles, old.files, pages)
    if not new:
        raise UsageError(f"without {undone.hash[:10]} the manual would hold no article; keep it, or remove the folder")
    if pages.get(INDEX) == _CONFLICT:
        pages[INDEX] = render_index({slug: article.description for slug, article in new.items()})
    if (log := repository.text(LOG, "HEAD")) is not None:
        day = datetime.fromtimestamp(at, UTC).date().isoformat()
        pages[LOG] = enter(log, day, f"* **Revert**: {undone.subject} ({undone.hash[:10]})")
    message = f'Revert "{undone.subject}"'
    commit = repository.commit(pages, message, {REVERTS: undone.hash}, at=at)
    return Reverted(commit, undone, diff_manuals(old.articles, new))


def _check(repository: Repository, revision: str) -> Entry:
    """The commit, when it can be undone."""
    git = repository.git
    undone = read_entry(git, git.resolve(revision))
    short = undone.hash[:10]
    if len(undone.parents) != 1:
        what = "a merge" if undone.parents else "the repository's first commit"
        raise UsageError(f"{short} is {what}, which cannot be undone alone; name one of: reer log MANUAL")
    if git.ask("merge-base", "--is-ancestor", undone.hash, "HEAD") is None:
        raise UsageError(f"{short} is not in the history of the current branch; see: reer log MANUAL")
    if not _touched(repository, undone):
        raise UsageError(f"{short} changes nothing in {repository.folder}; see: reer log MANUAL")
    return undone


def _touched(repository: Repository, undone: Entry) -> list[str]:
    """Pages that a commit changed; the log is not among them."""
    before, after = repository.names(undone.parents[0]), repository.names(undone.hash)
    names = [name for name in {*before, *after} if is_page(name) or name in NO_ARTICLES]
    return sorted(name for name in names if name != LOG and before.get(name) != after.get(name))


def _undo_page(repository: Repository, name: str, parent: str, commit: str) -> str | None:
    """The text of a page without a commit; None when there is no page then."""
    before, after, now = (repository.text(name, revision) for revision in (parent, commit, "HEAD"))
    if now == after:
        return _with_ids(name, before, now)
    if name in NO_ARTICLES:
        return now if None in (before, after, now) else _undo_lines(repository, name, before, after, now)
    was, made, is_ = (
        None if text is None else parse_article(text, f"{revision[:10]}:{name}")
        for text, revision in ((before, parent), (after, commit), (now, "HEAD"))
    )
    try:
        undone = undo_article(was, made, is_)
    except DataError as exc:
        raise DataError(f"{commit[:10]} cannot be undone: {exc}", path=repository.folder / name) from exc
    return None if undone is None else before if undone == was else render_article(undone)


def _with_ids(name: str, before: str | None, now: str | None) -> str | None:
    """A page as it was to the byte, unless a claim that it gets would have the id of one that goes."""
    if before is None or now is None or not is_page(name):
        return before
    try:
        was = parse_article(before)
        kept = keep_ids(was, parse_article(now))
    except DataError:  # one of the two was broken by hand
        return before
    return before if kept is was else render_article(kept)


def _undo_lines(repository: Repository, name: str, before: str | None, after: str | None, now: str | None) -> str:
    """A page that is no article, merged by lines."""
    paths = [repository.git.dir / f"openbook.{role}" for role in ("now", "after", "before")]
    try:
        for path, text in zip(paths, (now, after, before), strict=True):
            path.write_text(text or "", encoding="utf-8", newline="")
        return repository.git.run("merge-file", "--stdout", "--quiet", *map(str, paths), strip=False)
    except GitFailure as exc:
        if name == INDEX:
            return _CONFLICT
        message = "its lines were changed again since; edit it by hand"
        raise DataError(message, path=repository.folder / name) from exc
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def _with_pages(
    articles: dict[str, Article], files: dict[str, str], pages: dict[str, str | None]
) -> dict[str, Article]:
    """The articles once these pages are as they will be."""
    kept = {slug: article for slug, article in articles.items() if files[slug] not in pages}
    for name, text in pages.items():
        if is_page(name) and text is not None:
            article = parse_article(text, name)
            kept[article.category] = article
    return dict(sorted(kept.items()))
