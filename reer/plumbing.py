"""Git as a child process: a clean environment, exact paths, no hooks, errors in one line.

Model text never reaches an argument list: it goes in by stdin or lies in a file.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from workbench.errors import UsageError

_KEPT = re.compile(
    r"GIT_(?:CONFIG_(?:GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_\d+|VALUE_\d+)|(?:AUTHOR|COMMITTER)_(?:NAME|EMAIL)"
    r"|EXEC_PATH|TEMPLATE_DIR|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM)"
)
"""Variables of the user's. All others may come from a Git process around us, and mean its repository, not ours."""

_ALWAYS = {
    "LC_ALL": "C",
    "LANGUAGE": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ADVICE": "0",
}
_SETTINGS = (
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "core.fsync=committed"),
    *("-c", "core.filesRefLockTimeout=5000"),
    *("-c", "core.quotePath=false"),
    *("-c", "i18n.commitEncoding=UTF-8"),
    *("-c", "gc.auto=0"),
    *("-c", "core.fsmonitor=false"),
)


class GitFailure(UsageError):
    """Git said no; the message is what it said, in one line."""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a Git process: ours without what an outer Git process has set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or _KEPT.fullmatch(name)}
    return kept | _ALWAYS | dict(extra or {})


@dataclass(slots=True)
class Git:
    """Runs Git in one work tree."""

    top: Path
    """Root of the work tree."""
    dir: Path
    """The Git directory of the work tree, which has its own HEAD and index."""
    common: Path
    """The Git directory that all work trees share, with objects and branches."""
    held: tuple[int, ...] = field(default=())
    """Descriptors that children inherit: of a lock, which a killed process then holds until its last child ends."""

    def run(
        self, *args: str, stdin: str | bytes = b"", env: Mapping[str, str] = MappingProxyType({}), strip: bool = True
    ) -> str:
        """What Git printed.

        Raises:
            GitFailure: it failed.
        """
        own = {"GIT_DIR": str(self.dir), "GIT_WORK_TREE": str(self.top)}
        return run_git(args, self.top, stdin=stdin, env=environment(own | dict(env)), held=self.held, strip=strip)

    def ask(self, *args: str, env: Mapping[str, str] = MappingProxyType({})) -> str | None:
        """What Git printed; None when it says no."""
        try:
            return self.run(*args, env=env)
        except GitFailure:
            return None

    def resolve(self, revision: str) -> str:
        """The full hash of a commit.

        Raises:
            UsageError: there is none of this name.
        """
        found = self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if found is None:
            if self.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}") is None:
                raise UsageError(f"nothing is committed yet in {self.top}; commit the manual with: git add, git commit")
            raise UsageError(f"{revision!r} names no commit of {self.top}; see: reer log MANUAL")
        return found


def run_git(
    args: Sequence[str],
    folder: Path,
    *,
    stdin: str | bytes = b"",
    env: Mapping[str, str] | None = None,
    held: Sequence[int] = (),
    strip: bool = True,
) -> str:
    """Run Git in a folder and return what it printed.

    Raises:
        GitFailure: it failed.
        UsageError: Git is not installed.
    """
    if shutil.which("git") is None:
        raise UsageError("git is not installed; install it, since a manual's history lies in Git")
    done = subprocess.run(
        ["git", *_SETTINGS, *args],
        cwd=folder,
        env=environment() if env is None else dict(env),
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        pass_fds=held,
        start_new_session=True,
        check=False,
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())
        raise GitFailure(f"git {args[0]} failed with code {done.returncode}: {said or 'it gave no reason'}")
    text = done.stdout.decode("utf-8", "surrogateescape")
    return text.strip("\n") if strip else text


def find_git(folder: Path) -> Git | None:
    """The repository that a folder lies in; None when it lies in none.

    Raises:
        UsageError: it cannot be used: bare, or not the user's.
    """
    asked = ("--is-bare-repository", "--is-inside-work-tree", "--show-object-format", "--absolute-git-dir")
    try:
        bare, inside, kind, own, common = run_git(["rev-parse", *asked, "--git-common-dir"], folder).split("\n")
    except GitFailure as exc:
        if "not a git repository" in str(exc):
            return None
        raise UsageError(f"the repository around {folder} cannot be read: {exc}") from exc
    if inside != "true":
        what = "a bare repository, which has no files" if bare == "true" else "a Git directory"
        raise UsageError(f"{folder} lies in {what}; give a manual in a work tree")
    if kind != "sha1":
        raise UsageError(
            f"the repository around {folder} names objects by {kind}, which GitPython cannot read; use sha1"
        )
    top = Path(run_git(["rev-parse", "--show-toplevel"], folder))
    return Git(top, Path(own), (folder / common).resolve())
