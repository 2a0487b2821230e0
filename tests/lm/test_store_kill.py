"""A writer is killed at random moments; what it acknowledged must be there."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import lm.store
from lm.store import ReplyStore

WRITER = """
import sys
from lm.base import Message, Reply, Request
from lm.store import ReplyStore
store = ReplyStore(sys.argv[1])
for i in range(10**9):
    key = f"{sys.argv[2]}-{i}"
    store.put(key, Request((Message("user", key * 50),)), Reply(key * 50))
    sys.stdout.write(key + "\\n")
    sys.stdout.flush()
"""


def write_and_kill(path: Path, writer: int, delay_s: float) -> list[str]:
    """Keys that the writer acknowledged before it was killed."""
    root = Path(lm.store.__file__).parents[1]
    env = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", WRITER, str(path), str(writer)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as process:
        acknowledged = [process.stdout.readline()]
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.readlines()
    return [line.decode().strip() for line in acknowledged if line.endswith(b"\n")]


def test_store_keeps_every_acknowledged_put_when_killed(tmp_path):
    path, rng = tmp_path / "replies.sqlite", random.Random(0)
    acknowledged = [key for i in range(6) for key in write_and_kill(path, i, rng.uniform(0.0, 0.1))]
    assert len(acknowledged) > 6
    with closing(ReplyStore(path)) as store:
        assert all(store.get(key).text == key * 50 for key in acknowledged)
        assert len(acknowledged) <= len(store) <= len(acknowledged) + 6
