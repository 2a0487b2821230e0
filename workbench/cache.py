"""Where things lie that can be made again: unpacked weights, kept scores."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$OPENBOOK_CACHE`, or `~/.cache/openbook`; may not exist yet."""
    return Path(os.environ.get("OPENBOOK_CACHE") or Path.home() / ".cache" / "openbook")
