"""One writer at a time: a lock file that other processes wait for, which a killed process cannot leave locked.

with locked(ledger):
    ...  # read, decide, append
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock beside `path`, named after it with `.lock`; waits while another process or thread holds it.

    Yields its descriptor: a child process that inherits it holds the lock too, until it ends. The kernel lets go of the
    lock when its last holder ends, however that happens. The empty lock file stays: removing it would let two writers
    hold locks on two files of the same name.
    """
    descriptor = take_lock(path.with_name(f".{path.name}.lock"))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def take_lock(file: Path, *, wait: bool = True) -> int:
    """Lock a file, made where there is none, and return its descriptor; closing it lets go.

    Raises:
        BlockingIOError: another process or thread holds the lock, and `wait` is off.
    """
    descriptor = os.open(file, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
