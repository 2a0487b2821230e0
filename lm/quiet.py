"""Loading a model without the bars that libraries draw on stderr, which is the console's.

with without_bars():
    model = AutoModel.from_pretrained(folder)
"""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterator

_ONE_AT_A_TIME = threading.Lock()  # stderr is the process's: two loads must not restore each other's


@contextlib.contextmanager
def without_bars() -> Iterator[None]:
    """Switch off the bars of `transformers`, and swallow those it draws all the same; errors are raised as ever."""
    from transformers.utils import logging

    with _ONE_AT_A_TIME:
        shown = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                yield
        finally:
            if shown:
                logging.enable_progress_bar()
