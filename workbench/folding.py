"""Texts without what makes no difference between copies: case, marks, and how characters are encoded.

fold("“Siemens” lifts  outlook!")  # " siemens lifts outlook "
"""

from __future__ import annotations

import re
import unicodedata


def fold(text: str) -> str:
    """Text without case, in which each stretch of white space and marks is one space, at its ends too."""
    return re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text)).casefold()
