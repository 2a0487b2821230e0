"""Loading a model without the bars that libraries draw on stderr, which is the console's.

with without_bars():
    model = AutoModel.from_pretrained(folder)
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator


@contextlib.contextmanager
def without_bars() -> Iterator[None]:
    """Switch off the bars of `transformers`, and swallow those it draws all the same; errors are raised as ever."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        if shown:
            logging.enable_progress_bar()
