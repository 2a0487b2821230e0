import sqlite3
import threading
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.base import Message, Reply, Request, Usage
from lm.store import ReplyStore
from workbench.errors import DataError

REQUEST = Request((Message("system", "be brief"), Message("user", "你好")), schema={"type": "object"}, stop=("\n",))
REPLY = Reply("hello", Usage(7, 1, 0.25), "length", 1.5, model="m")
TEXT = st.text(st.characters(codec=None))  # half surrogate pairs included


def test_store_returns_what_was_put_marked_as_cached(tmp_path):
    with closing(ReplyStore(tmp_path / "deep" / "replies.sqlite", clock=lambda: 12.0)) as store:
        assert store.get("k") is None
        store.put("k", REQUEST, REPLY)
        assert store.get("k") == Reply("hello", Usage(7, 1, 0.25), "length", 1.5, cached=True, model="m")
        assert len(store) == 1


def test_store_notes_request_and_time(tmp_path):
    with closing(ReplyStore(tmp_path / "s", clock=lambda: 12.0)) as store:
        store.put("k", REQUEST, REPLY)
    with closing(sqlite3.connect(tmp_path / "s")) as connection:
        row = connection.execute("SELECT created_at, json_extract(request, '$.messages[1][1]') FROM replies").fetchone()
    assert row == (12.0, "你好")


@given(text=TEXT, tokens=st.none() | st.integers(0, 10**9), cost=st.none() | st.floats(0, 1e6))
def test_store_round_trips_any_reply(tmp_path_factory, text, tokens, cost):
    reply = Reply(text, Usage(tokens, tokens, cost), text, cost, cached=True)
    with closing(ReplyStore(tmp_path_factory.mktemp("store") / "s")) as store:
        store.put("k", Request((Message("user", text),)), reply)
        assert store.get("k") == reply


def test_store_keeps_the_first_reply_of_a_key(tmp_path):
    with closing(ReplyStore(tmp_path / "s")) as store:
        store.put("k", REQUEST, Reply("first"))
        store.put("k", REQUEST, Reply("second"))
        assert store.get("k").text == "first"


def test_store_outlives_its_closing(tmp_path):
    with closing(ReplyStore(tmp_path / "s")) as store:
        store.put("k", REQUEST, REPLY)
    with closing(ReplyStore(tmp_path / "s")) as store:
        assert store.get("k").text == "hello"


def test_store_is_shared_by_threads_and_connections(tmp_path):
    def write(writer: int) -> None:
        with closing(ReplyStore(tmp_path / "s")) as own:
            for i in range(20):
                (own if i % 2 else shared).put(f"{writer}-{i}", REQUEST, REPLY)

    with closing(ReplyStore(tmp_path / "s")) as shared:
        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(shared) == 160


def test_store_opens_in_many_threads_at_once(tmp_path):
    errors, barrier = [], threading.Barrier(12)

    def open_and_put(writer: int) -> None:
        barrier.wait()
        try:
            with closing(ReplyStore(tmp_path / "s")) as store:
                store.put(str(writer), REQUEST, REPLY)
        except DataError as error:
            errors.append(error)

    threads = [threading.Thread(target=open_and_put, args=(writer,)) for writer in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with closing(ReplyStore(tmp_path / "s")) as store:
        assert len(store) == 12


def test_store_refuses_a_text_file(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n" * 1000)
    with pytest.raises(DataError, match=r"notes\.txt: not a reply store.*move it away"):
        ReplyStore(path)
    assert path.read_text() == "my notes\n" * 1000


def test_store_refuses_and_does_not_touch_another_database(tmp_path):
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(DataError, match="another program"):
        ReplyStore(path)
    assert path.read_bytes() == before


def test_store_refuses_another_format(tmp_path):
    ReplyStore(tmp_path / "s").close()
    with closing(sqlite3.connect(tmp_path / "s")) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.commit()
    with pytest.raises(DataError, match="format 99"):
        ReplyStore(tmp_path / "s")


def test_store_refuses_a_truncated_file(tmp_path):
    path = tmp_path / "s"
    with closing(ReplyStore(path)) as store:
        for i in range(200):
            store.put(str(i), REQUEST, REPLY)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match="torn"):
        ReplyStore(path)


def test_store_names_a_torn_row(tmp_path):
    with closing(ReplyStore(tmp_path / "s")) as store:
        store.put("k", REQUEST, REPLY)
        with closing(sqlite3.connect(tmp_path / "s")) as connection:
            connection.execute("UPDATE replies SET reply = substr(reply, 1, 9)")
            connection.commit()
        with pytest.raises(DataError, match="'k' is unreadable"):
            store.get("k")


@pytest.mark.parametrize("name", [".", "file/inside"], ids=["a folder", "inside a file"])
def test_store_refuses_an_impossible_path(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be used"):
        ReplyStore(tmp_path / name)
