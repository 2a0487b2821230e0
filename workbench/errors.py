"""Every error a user can meet, in one flat tree.

    OpenbookError
    ├── UsageError           a flag, a setting or a file the user gave is wrong
    ├── DataError            a data file is wrong; names file and line
    ├── BudgetError          a cap on calls, tokens or cost is reached or cannot be kept
    ├── ModelError           a model could not answer; `retryable` says whether asking again may help
    └── MissingExtraError    an optional dependency is not installed

Each message says what was wrong, with its value, and the next step. `cli.py` prints it in one line and exits with 2.
"""

from __future__ import annotations

from pathlib import Path


class OpenbookError(Exception):
    """Root of all errors that are shown without a traceback."""


class UsageError(OpenbookError):
    """A flag, a setting or a file that the user gave is wrong."""


class DataError(OpenbookError):
    """A data file is malformed; `path` and `line` (1-based) say where."""

    def __init__(self, message: str, *, path: Path | str | None = None, line: int | None = None) -> None:
        """Prefix the message with file and line when they are known."""
        where = "" if path is None else f"{path}:{line}: " if line is not None else f"{path}: "
        super().__init__(where + message)
        self.path = path
        self.line = line


class BudgetError(OpenbookError):
    """A cap on calls, tokens or cost is reached, or cannot be guaranteed."""


class ModelError(OpenbookError):
    """A model could not answer: missing data, never a wrong answer."""

    def __init__(
        self, message: str, *, cause: str = "error", retryable: bool = False, retry_after_s: float | None = None
    ) -> None:
        """Cause is a short stable word: rate_limit, timeout, server, connection, auth, request, parse."""
        super().__init__(message)
        self.cause = cause
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class MissingExtraError(OpenbookError):
    """An optional dependency is missing; the message names the extra."""

    def __init__(self, package: str, extra: str) -> None:
        """Say which extra to install."""
        super().__init__(f"{package!r} is not installed; install it with: pip install 'openbook[{extra}]'")
