"""Text for a terminal: what somebody said, or wrote into a commit, cannot steer it."""

from __future__ import annotations

import unicodedata


def without_controls(text: str) -> str:
    """Text without control characters, line ends and tabs excepted."""
    return "".join(mark for mark in text if mark in "\n\t" or unicodedata.category(mark) != "Cc")
