import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import DataError
from workbench.jsonl import append_jsonl, dump_line, read_jsonl, read_tolerant, write_atomic

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
records = st.dictionaries(st.text(), values, max_size=4)


@given(st.lists(records, max_size=5))
def test_append_and_read_round_trip(tmp_path_factory: pytest.TempPathFactory, written: list[dict[str, object]]) -> None:
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    for record in written:
        append_jsonl(path, record, sync=False)
    assert read_tolerant(path) == written
    if written:
        assert [record for _, record in read_jsonl(path)] == written


@given(st.lists(records, min_size=1, max_size=4), st.data())
def test_read_tolerant_keeps_exactly_the_whole_lines_wherever_it_was_cut(
    tmp_path_factory: pytest.TempPathFactory, written: list[dict[str, object]], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    lines = [(dump_line(record) + "\n").encode() for record in written]
    content = b"".join(lines)
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    whole = content[:cut].count(b"\n")
    assert read_tolerant(path) == written[:whole]
    append_jsonl(path, {"after": True}, sync=False)
    assert read_tolerant(path) == [*written[:whole], {"after": True}]


def test_read_tolerant_without_repair_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"a":1}\n{"a":')
    assert read_tolerant(path, repair=False) == [{"a": 1}]
    assert path.read_text() == '{"a":1}\n{"a":'


def test_read_tolerant_refuses_a_damaged_middle_line(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"a":1}\n{"a":\n{"a":3}\n')
    with pytest.raises(DataError, match=r"log\.jsonl:2: not valid JSON"):
        read_tolerant(path)


def test_read_tolerant_of_a_missing_log_is_empty(tmp_path: Path) -> None:
    assert read_tolerant(tmp_path / "none.jsonl") == []


def test_read_jsonl_counts_lines_from_one_and_skips_blank_ones(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a":1}\r\n\n  \n{"a":"\xe2\x80\xa8"}')
    assert list(read_jsonl(path)) == [(1, {"a": 1}), (4, {"a": "\u2028"})]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"a": 1', "not valid JSON"),
        (b"[1, 2]", "expected a JSON object, got list"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": "\xff"}', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
    ],
    ids=["cut", "array", "nan", "not utf-8", "deep"],
)
def test_read_jsonl_names_file_and_line(tmp_path: Path, line: bytes, message: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"a":1}\n' + line + b"\n")
    with pytest.raises(DataError, match=message) as caught:
        list(read_jsonl(path))
    assert (caught.value.path, caught.value.line) == (path, 2)
    assert str(caught.value).startswith(f"{path}:2: ")


def test_read_jsonl_of_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be read .*check the path"):
        list(read_jsonl(tmp_path / "none.jsonl"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_append_refuses_what_json_cannot_say(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        append_jsonl(tmp_path / "log.jsonl", {"a": value})
    assert not (tmp_path / "log.jsonl").exists()


def test_append_survives_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    script = (
        "import sys; from pathlib import Path; from workbench.jsonl import append_jsonl\n"
        "for i in range(10**9):\n"
        "    append_jsonl(Path(sys.argv[1]), {'i': i}, sync=False); print(i, flush=True)"
    )
    writer = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, cwd=Path.cwd())
    assert writer.stdout is not None
    told = [int(writer.stdout.readline()) for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    kept = [record["i"] for record in read_tolerant(path)]
    assert kept == list(range(len(kept)))
    assert len(kept) > told[-1]


def test_write_atomic_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_atomic(path, "old")
    write_atomic(path, "né\r\n")
    assert path.read_bytes() == "né\r\n".encode()
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_write_atomic_keeps_the_old_text_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_atomic(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "half \ud800")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_dump_line_is_one_line_whatever_the_text() -> None:
    line = dump_line({"text": "a\nb\u2028c"})
    assert "\n" not in line
    assert json.loads(line) == {"text": "a\nb\u2028c"}
