"""The three places where a page lies: in a commit's tree, in the user's index, in a file. All by the hash of its text.

The tree of a commit is made in an index of its own, so that what the user has staged is neither used nor lost.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from reer.index_lock import TOKEN
from reer.journal import Edit
from reer.plumbing import Git
from workbench.errors import DataError, UsageError
from workbench.jsonl import write_atomic

_PRIVATE, _DRAFT = "openbook.index", "openbook.next-index"
_DRAFTS = (_PRIVATE, f"{_PRIVATE}.lock", _DRAFT, f"{_DRAFT}.lock", TOKEN)
_FILE = "100644"


def tree_blobs(git: Git, commit: str | None, prefix: str) -> dict[str, str]:
    """Blobs of the files directly in a folder of a commit, by path from the root; `prefix` ends with a slash.

    Raises:
        UsageError: a submodule or a file stands where the folder is.
    """
    if commit is None:
        return {}
    found = {path: entry for path, entry in _tree(git, commit, prefix).items() if path.startswith(prefix)}
    for parent in () if found or not prefix else (*Path(prefix).parents[:-1], Path(prefix)):
        kind, _ = _tree(git, commit, parent.as_posix()).get(parent.as_posix(), ("tree", ""))
        if kind != "tree":
            what = "a submodule, which is not checked out" if kind == "commit" else "a file"
            raise UsageError(f"{parent} is {what} in the latest commit; check it out, or keep the manual elsewhere")
    return {path: blob for path, (kind, blob) in found.items() if kind != "tree"}


def _tree(git: Git, commit: str, path: str) -> dict[str, tuple[str, str]]:
    """Kind and hash of what a path names, or of what lies in it when it ends with a slash."""
    listed = git.run("ls-tree", "-z", "--full-tree", commit, *(["--", path] if path else []), strip=False)
    entries = [entry.partition("\t") for entry in listed.split("\0") if entry]
    return {name: (head.split(" ")[1], head.split(" ")[2]) for head, _, name in entries}


def index_blobs(git: Git, paths: Iterable[str]) -> dict[str, str]:
    """What is staged of these paths; one in conflict has the blob `conflict`."""
    listed = git.run("ls-files", "--stage", "-z", "--", *paths, strip=False)
    found: dict[str, str] = {}
    for entry in listed.split("\0"):
        head, _, path = entry.partition("\t")
        if path:
            _mode, blob, stage = head.split(" ")
            found[path] = blob if stage == "0" else "conflict"
    return found


def file_blobs(git: Git, paths: Iterable[str]) -> dict[str, str]:
    """What Git would stage of these files; one that is not there has no entry.

    Raises:
        DataError: one is a link or a folder.
    """
    there = [path for path in paths if os.path.lexists(git.top / path)]
    for path in there:
        if (git.top / path).is_symlink() or not (git.top / path).is_file():
            raise DataError("is no plain file, so it is not touched; put the page itself there", path=git.top / path)
    return dict(zip(there, git.run("hash-object", "--", *there).split("\n"), strict=True)) if there else {}


def store_text(git: Git, path: str, text: str) -> str:
    """Write a page's text as a blob, as Git would on staging it there."""
    return git.run("hash-object", "-w", "--stdin", "--path", path, stdin=text)


def write_tree(git: Git, parent: str | None, edits: Iterable[Edit]) -> str:
    """A tree: the parent's with these edits."""
    env = {"GIT_INDEX_FILE": str(git.dir / _PRIVATE)}
    clear_drafts(git)
    plain = ("-c", "core.splitIndex=false", "-c", "index.sparse=false", "-c", "core.untrackedCache=false")
    git.run(*plain, "read-tree", *([parent] if parent else ["--empty"]), env=env)
    git.run(*plain, "update-index", "-z", "--add", "--index-info", stdin=_lines(edits), env=env)
    tree = git.run("write-tree", env=env)
    clear_drafts(git)
    return tree


def finish(git: Git, edits: Sequence[Edit], *, head: Mapping[str, str]) -> list[str]:
    """Make files and index say what the commit says; the index lock is held. What somebody else has put there stays.

    Args:
        git: of the work tree.
        edits: of a commit that the branch has reached.
        head: blobs of the branch's latest commit, which may have been made since.

    Returns:
        Paths that somebody has changed meanwhile, and that are therefore left as they are.
    """
    due = [edit for edit in edits if head.get(edit.path) == edit.new]
    here = file_blobs(git, [edit.path for edit in due])
    kept: list[str] = []
    for edit in due:
        drop_torn_writes(git.top / edit.path)
        found = here.get(edit.path)
        if found == edit.new:
            continue
        if found != edit.old:
            kept.append(edit.path)
        elif edit.new is None:
            (git.top / edit.path).unlink()
        else:
            path = git.top / edit.path
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, git.run("cat-file", "blob", edit.new, strip=False))
    _update_index(git, due)
    return kept


def _update_index(git: Git, edits: Sequence[Edit]) -> None:
    """Put the new blobs where the user's index has the old ones, in a copy that then takes its place."""
    staged = index_blobs(git, [edit.path for edit in edits]) if edits else {}
    due = [edit for edit in edits if staged.get(edit.path) == edit.old != edit.new]
    if not due:
        return
    index, draft = git.dir / "index", git.dir / _DRAFT
    clear_drafts(git)
    if index.exists():
        shutil.copyfile(index, draft)
    env = {"GIT_INDEX_FILE": str(draft)}
    git.run("update-index", "-z", "--add", "--index-info", stdin=_lines(due), env=env)
    there = [edit.path for edit in due if edit.new is not None and (git.top / edit.path).exists()]
    if there:
        git.run("add", "--refresh", "--", *there, env=env)
    draft.replace(index)


def clear_drafts(git: Git) -> None:
    """Remove what a killed process left of its own indexes; the lock is held."""
    for name in _DRAFTS:
        (git.dir / name).unlink(missing_ok=True)


def drop_torn_writes(page: Path) -> None:
    """Remove drafts of a page whose writer was killed."""
    torn = re.compile(rf"\.{re.escape(page.name)}\.\d+-\d+\.tmp")
    for path in page.parent.iterdir() if page.parent.is_dir() else []:
        if torn.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _lines(edits: Iterable[Edit]) -> str:
    """Edits as `git update-index -z --index-info` reads them."""
    return "".join(
        f"0 {'0' * len(edit.old or '')}\t{edit.path}\0" if edit.new is None else f"{_FILE} {edit.new}\t{edit.path}\0"
        for edit in edits
    )
