"""Git's own lock on a work tree's index, taken for the moment in which branch, index and files change together.

While it is held, no `git add` and no `git commit` of the user's can come in between and undo an edit unseen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reer.plumbing import Git
from workbench.errors import UsageError

TOKEN = "openbook.token"
"""File that becomes the lock."""
WAIT_S = 5.0
"""How long another Git process gets to let go."""
POLL_S = 0.02


@contextmanager
def index_locked(folder: Path, token: str, *, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold `index.lock` of a Git directory, with a token in it that tells whose it is.

    Raises:
        UsageError: another process holds it for longer than `wait_s`; nothing has been done then.
    """
    lock, draft = folder / "index.lock", folder / TOKEN
    draft.write_text(token, encoding="utf-8")
    until = time.monotonic() + wait_s
    while True:
        try:
            _take(draft, lock)
            break
        except FileExistsError:
            if time.monotonic() >= until:
                draft.unlink()
                raise UsageError(
                    f"another Git process holds {lock}; let it end, or remove the file if there is none"
                ) from None
            time.sleep(POLL_S)
    draft.unlink()
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def drop_stale_lock(folder: Path, token: str) -> None:
    """Remove the lock of a killed commit, and no other."""
    lock = folder / "index.lock"
    with suppress(FileNotFoundError):
        if lock.read_text(encoding="utf-8", errors="replace") == token:
            lock.unlink()


def drop_stale_ref_locks(git: Git, branch: str, commit: str, *, wait_s: float = 1.0) -> None:
    """Remove what a Git process that was killed while it moved a branch to `commit` has left.

    The branch's lock names the commit. HEAD's, which only guards its log, is empty; it goes when the branch's was ours
    or the branch was just moved by us, and nobody takes it away within `wait_s`: a live process holds it for less.
    """
    lock, head = git.common / f"{branch}.lock", git.dir / "HEAD.lock"
    ours = git.ask("rev-parse", "--verify", "--quiet", branch) == commit
    with suppress(FileNotFoundError, NotADirectoryError):
        if lock.read_text(encoding="utf-8", errors="replace").strip() == commit:
            lock.unlink()
            ours = True
    until = time.monotonic() + wait_s
    while ours and head.exists() and time.monotonic() < until:
        time.sleep(POLL_S)
    with suppress(FileNotFoundError):
        if ours and not head.read_bytes():
            head.unlink()


def _take(draft: Path, lock: Path) -> None:
    """Make the lock appear with its content, so that a kill cannot leave one that is nobody's."""
    try:
        os.link(draft, lock)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        with lock.open("x", encoding="utf-8") as file:
            file.write(draft.read_text(encoding="utf-8"))
