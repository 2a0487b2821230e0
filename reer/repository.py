"""The Git repository that a manual lies in: one accepted edit is one commit, of the manual's own pages alone.

    repository = Repository.open(Path("manuals/oral-bank"))
    repository.commit({"cards.md": page}, "cards: replacement costs 14 euros", {"NLL-Delta": "-0.031"}, at=time.time())

A commit's tree is the latest commit's with these pages; what the user has staged, changed or left untracked stays as
it is. Branch, files and index change under two locks, one against other writers of ours and Git's own against the
user's Git, and a journal lets the next process finish what a killed one began. Hooks are not run and commits are not
signed: both may ask a person something in the middle of a run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reer.history import Entry, read_history, read_text
from reer.index_lock import drop_stale_lock, drop_stale_ref_locks, index_locked
from reer.journal import Edit, Journal, clear_journal, read_journal, write_journal
from reer.plumbing import Git, GitFailure, find_git, run_git
from reer.staging import clear_drafts, file_blobs, finish, index_blobs, store_text, tree_blobs, write_tree
from reer.trailers import compose
from workbench.errors import DataError, UsageError
from workbench.locking import locked

FALLBACK = ("openbook", "openbook@localhost")
"""Name and address of commits where the user has set none."""
_BUSY = {
    "MERGE_HEAD": "merge",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}
_ATTEMPTS = 20
"""Times that a commit is made anew because the branch has moved."""


@dataclass(slots=True)
class Repository:
    """The Git repository that a manual lies in."""

    folder: Path
    """Of the manual, in full."""
    git: Git
    recovered: list[str] = field(default_factory=list)
    """What had to be finished or undone when it was opened."""
    _seen: dict[str, str] = field(default_factory=dict)
    """Blobs of the pages that a commit builds on: those of the latest commit at opening, and our own since."""

    @classmethod
    def open(cls, folder: Path) -> Repository:
        """The repository around a manual's folder.

        Raises:
            UsageError: there is none, or it has no files of its own (bare).
        """
        if not folder.is_dir():
            raise UsageError(
                f"{folder} is no folder; build a manual with: reer build-manual PAIRS --out {folder} --git"
            )
        git = find_git(folder.resolve())
        if git is None:
            raise UsageError(
                f"{folder} lies in no Git repository; make one with: git init {folder},"
                f" or build the manual with: reer build-manual PAIRS --out {folder} --git"
            )
        repository = cls(folder.resolve(), git)
        repository.recovered = repository.recover()
        repository.refresh()
        return repository

    @classmethod
    def create(cls, folder: Path) -> Repository:
        """The repository around a folder, or a new one in it where there is none or it ignores the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        git = find_git(folder.resolve())
        if git is None or _ignores(git, folder.resolve()):
            run_git(["init", "--quiet", "--", str(folder.resolve())], folder.resolve())
        return cls.open(folder)

    @classmethod
    def check(cls, folder: Path) -> None:
        """Refuse a folder in which `create` would open a repository that takes no commit now.

        Raises:
            UsageError: HEAD is detached, a merge is under way, or the repository is bare.
        """
        there = folder.resolve()
        while not there.is_dir():
            there = there.parent
        if (git := find_git(there)) is not None:
            cls(there, git)._branch()

    def refresh(self, *names: str) -> None:
        """Build on the latest commit from here on, in these pages or in all; call it before reading them anew."""
        latest = self._blobs(self._head())
        paths = [f"{self.prefix}{self._checked(name)}" for name in names]
        self._seen = self._seen | {path: latest.get(path, "") for path in paths} if paths else latest

    def commit(self, pages: Mapping[str, str | None], message: str, trailers: Mapping[str, str], *, at: float) -> str:
        """Write pages into the work tree and into one commit on the current branch, whole or not at all.

        A page that differs from the latest commit in the work tree or the index is the user's, and refused. So is one
        that another commit has changed since `open`, `refresh` or our last commit: its new text would undo that.
        Where the user has set no name and address, the commit carries `FALLBACK`; see `has_identity`.

        Args:
            pages: new text by file name in the manual's folder; None deletes.
            message: subject, and more after a blank line.
            trailers: one line each.
            at: of author and committer, in seconds since 1970.

        Returns:
            The commit's hash; that of the latest commit, and no new one, when the pages say what it says.

        Raises:
            DataError: a page has changes of somebody else's.
            UsageError: HEAD is detached, a merge or the like is under way, or Git is held by another process.
        """
        words = compose(message, trailers)
        names = {f"{self.prefix}{self._checked(name)}": text for name, text in pages.items()}
        with self._alone():
            for _ in range(_ATTEMPTS):
                if (done := self._try_commit(names, words, at)) is not None:
                    return done
        raise UsageError(f"branch {self._branch()} was moved {_ATTEMPTS} times meanwhile; try again when it rests")

    def recover(self) -> list[str]:
        """Finish or undo what a killed commit has left; returns what it did, in sentences.

        Waits for a commit that is under way, and for the Git children of a killed one. A repository that may only be
        read is left as it is.
        """
        if not os.access(self.git.dir, os.W_OK):
            return []
        with self._alone(recover=False):
            return self._recover()

    def dirty(self) -> list[str]:
        """Pages whose text in the work tree differs from the latest commit, new and deleted ones too."""
        head = {path: blob for path, blob in self._blobs(self._head()).items() if path.endswith(".md")}
        here = {path for path in self.folder.glob("*.md") if not path.name.startswith(".")}
        plain = [f"{self.prefix}{path.name}" for path in here if path.is_file() and not path.is_symlink()]
        odd = {path.name for path in here} - {path.removeprefix(self.prefix) for path in plain}
        blobs = file_blobs(self.git, plain)
        changed = {path for path in {*head, *blobs} if head.get(path) != blobs.get(path)}
        return sorted(odd | {path.removeprefix(self.prefix) for path in changed})

    def history(self, *, name: str | None = None, limit: int | None = None, first_parent: bool = False) -> list[Entry]:
        """Commits that touch the manual, or one page of it, newest first."""
        if self._head() is None:
            return []
        path = f"{self.prefix}{name}" if name else self.prefix or "."
        return read_history(self.git, path, limit=limit, first_parent=first_parent)

    def text(self, name: str, revision: str) -> str | None:
        """A page as a commit has it; None when it has none of this name."""
        return read_text(self.git, self.git.resolve(revision), f"{self.prefix}{self._checked(name)}")

    def names(self, revision: str) -> dict[str, str]:
        """Pages of a commit: the hash of the text by file name."""
        blobs = self._blobs(self.git.resolve(revision))
        return {path.removeprefix(self.prefix): blob for path, blob in blobs.items() if path.endswith(".md")}

    def has_identity(self) -> bool:
        """Whether the user has told Git who they are; without it, `FALLBACK` signs."""
        return self._identity() == {}

    @property
    def prefix(self) -> str:
        """The manual's folder from the root of the work tree, with a slash at its end; empty for the root."""
        inside = self.folder.relative_to(self.git.top.resolve()).as_posix()
        return "" if inside == "." else f"{inside}/"

    @contextmanager
    def _alone(self, *, recover: bool = True) -> Iterator[None]:
        """Hold the lock against other writers of ours, with nothing of a killed one left."""
        with locked(self.git.dir / "openbook") as descriptor:
            self.git.held = (descriptor,)
            try:
                if recover:
                    self.recovered += self._recover()
                yield
            finally:
                self.git.held = ()

    def _try_commit(self, names: Mapping[str, str | None], words: str, at: float) -> str | None:
        """The hash of the commit; None when the branch has moved meanwhile."""
        branch, head = self._branch(), self._head()
        old = self._blobs(head)
        self._check_seen(names, old)
        new = {path: None if text is None else store_text(self.git, path, text) for path, text in names.items()}
        edits = tuple(Edit(path, old.get(path), new[path]) for path in names if old.get(path) != new[path])
        if not edits:
            if head is None:
                raise UsageError("there is nothing to commit: no page has a text")
            return head
        tree = write_tree(self.git, head, edits)
        stamp = {f"GIT_{who}_DATE": f"@{int(at)} +0000" for who in ("AUTHOR", "COMMITTER")} | self._identity()
        parent = ("-p", head) if head else ()
        commit = self.git.run("commit-tree", tree, *parent, "-F", "-", stdin=words, env=stamp)
        journal = Journal(commit, branch, edits)
        write_journal(self.git.dir, journal)
        try:
            with index_locked(self.git.dir, journal.token):
                self._check_unsaved(edits)
                if not self._move(branch, commit, head, words):
                    clear_journal(self.git.dir)
                    return None
                finish(self.git, edits, head={edit.path: edit.new for edit in edits if edit.new})
        except BaseException:
            self._recover()
            raise
        clear_journal(self.git.dir)
        self._seen |= {edit.path: edit.new or "" for edit in edits}
        return commit

    def _move(self, branch: str, commit: str, head: str | None, words: str) -> bool:
        """Let the branch point to a commit, if it still points to `head`."""
        subject = words.partition("\n")[0]
        try:
            self.git.run("update-ref", "-m", f"openbook: {subject}", "--", branch, commit, head or "")
        except GitFailure as exc:
            if self._head() != head:
                return False
            raise UsageError(f"branch {branch} cannot be moved: {exc}") from exc
        return True

    def _recover(self) -> list[str]:
        """Finish or undo; the lock is held."""
        clear_drafts(self.git)
        journal = read_journal(self.git.dir)
        if journal is None:
            clear_journal(self.git.dir)
            return []
        drop_stale_lock(self.git.dir, journal.token)
        drop_stale_ref_locks(self.git, journal.branch, journal.commit)
        short, head = journal.commit[:10], self._head()
        current = self.git.ask("symbolic-ref", "--quiet", "HEAD") == journal.branch
        if not head or not current or self.git.ask("merge-base", "--is-ancestor", journal.commit, head) is None:
            clear_journal(self.git.dir)
            return [f"dropped commit {short} of a killed run, which {journal.branch} had not reached"]
        with index_locked(self.git.dir, journal.token):
            folders = {edit.path.rpartition("/")[0] for edit in journal.edits}
            blobs = [tree_blobs(self.git, head, f"{folder}/" if folder else "") for folder in folders]
            kept = finish(self.git, journal.edits, head={path: blob for each in blobs for path, blob in each.items()})
        clear_journal(self.git.dir)
        told = [f"finished commit {short} of a killed run ({len(journal.edits)} pages)"]
        return told + [f"left {path} as it is: it was changed after the killed run" for path in kept]

    def _check_seen(self, paths: Iterable[str], head: Mapping[str, str]) -> None:
        for path in paths:
            if (head.get(path) or "") != (self._seen.get(path) or ""):
                raise DataError(
                    "another commit has changed this page since it was read; read it again and repeat the edit",
                    path=self.git.top / path,
                )

    def _check_unsaved(self, edits: Sequence[Edit]) -> None:
        paths = [edit.path for edit in edits]
        here, staged = file_blobs(self.git, paths), index_blobs(self.git, paths)
        for edit in edits:
            for where, blobs in (("unsaved", here), ("staged", staged)):
                if blobs.get(edit.path) not in (edit.old, edit.new):
                    message = f"has {where} changes of yours that a commit would overwrite; commit or stash them first"
                    raise DataError(message, path=self.git.top / edit.path)

    def _branch(self) -> str:
        """The current branch, by its full name."""
        for name, what in _BUSY.items():
            if (self.git.dir / name).exists():
                raise UsageError(
                    f"a {what} is under way in {self.git.top}; end it with: git {what} --continue or --abort"
                )
        branch = self.git.ask("symbolic-ref", "--quiet", "HEAD")
        if branch is None:
            raise UsageError(
                f"HEAD of {self.git.top} is detached, so a commit would lie on no branch;"
                " go to one with: git switch NAME"
            )
        return branch

    def _head(self) -> str | None:
        return self.git.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}")

    def _blobs(self, commit: str | None) -> dict[str, str]:
        return tree_blobs(self.git, commit, self.prefix)

    def _identity(self) -> dict[str, str]:
        """Variables that name author and committer where the user has not; Git's guess from the host is no name."""
        found: dict[str, str] = {}
        for who in ("AUTHOR", "COMMITTER"):
            if self.git.ask("-c", "user.useConfigOnly=true", "var", f"GIT_{who}_IDENT") is None:
                found |= {f"GIT_{who}_NAME": FALLBACK[0], f"GIT_{who}_EMAIL": FALLBACK[1]}
        return found

    def _checked(self, name: str) -> str:
        """A page's name, which is that of a file directly in the manual's folder."""
        if not name or name.startswith((".", '"')) or set(name) & set("/\\\0\n\r\t:"):
            raise DataError(f"{name!r} is no name of a page; a page lies directly in the manual's folder")
        return name


def _ignores(git: Git, folder: Path) -> bool:
    """Whether a repository ignores a folder in it."""
    env = {"GIT_LITERAL_PATHSPECS": "0"}  # which this command refuses
    return folder != git.top and git.ask("check-ignore", "--quiet", "--", str(folder), env=env) is not None
