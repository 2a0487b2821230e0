import sqlite3
import subprocess
import sys
import threading

import pytest

from lm.score_cache import AT_ONCE, ScoreCache
from lm.store import ReplyStore
from workbench.errors import DataError


def test_what_is_put_is_got_to_the_last_bit(tmp_path):
    cache = ScoreCache(tmp_path / "new" / "scores.sqlite")
    logprobs = (-0.1, -1e-9, -123.456789012345678)
    cache.put("a", logprobs)
    cache.put("a", (-9.0,))
    cache.close()
    again = ScoreCache(tmp_path / "new" / "scores.sqlite")
    assert again.get(["a", "b"]) == {"a": logprobs}
    assert len(again) == 1


def test_many_keys_are_got_at_once(tmp_path):
    cache = ScoreCache(tmp_path / "scores.sqlite")
    keys = [str(n) for n in range(AT_ONCE + 5)]
    for key in keys[::AT_ONCE]:
        cache.put(key, (-1.0,))
    assert set(cache.get(keys)) == set(keys[::AT_ONCE])


def test_threads_and_stores_share_a_file(tmp_path):
    caches = [ScoreCache(tmp_path / "scores.sqlite") for _ in range(2)]

    def work(number):
        for n in range(20):
            caches[number % 2].put(f"{number}-{n}", (-1.0,))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(caches[0]) == 80


def test_many_may_open_a_new_file_at_once(tmp_path):
    errors = []

    def work():
        try:
            ScoreCache(tmp_path / "scores.sqlite").put("a", (-1.0,))
        except DataError as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_score_outlives_its_process(tmp_path):
    program = (
        "import os, sys\nfrom lm.score_cache import ScoreCache\n"
        "ScoreCache(sys.argv[1]).put('a', (-1.0,))\nos.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "scores.sqlite")], check=False)
    assert ScoreCache(tmp_path / "scores.sqlite").get(["a"]) == {"a": (-1.0,)}


def test_files_that_are_not_ours_stay_as_they_are(tmp_path):
    ReplyStore(tmp_path / "replies.sqlite").close()
    with pytest.raises(DataError, match="another program's"):
        ScoreCache(tmp_path / "replies.sqlite")
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(DataError, match="no file of scores"):
        ScoreCache(tmp_path / "text")
    with pytest.raises(DataError, match="cannot be used"):
        ScoreCache(tmp_path)


def test_another_version_and_a_torn_row_are_refused(tmp_path):
    path = tmp_path / "scores.sqlite"
    cache = ScoreCache(path)
    cache.put("a", (-1.0,))
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE scores SET logprobs = '[1, '")
    with pytest.raises(DataError, match="'a' is unreadable"):
        cache.get(["a"])
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 9")
    with pytest.raises(DataError, match="format 9"):
        ScoreCache(path)
