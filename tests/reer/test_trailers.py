import subprocess

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from reer.trailers import compose, count, one_line, parse

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
KEYS = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}", fullmatch=True)


def as_git_reads(message: str) -> dict[str, str]:
    command = ["git", "interpret-trailers", "--parse", "--no-divider"]
    said = subprocess.run(command, input=message.encode(), capture_output=True, check=True).stdout.decode()
    found: dict[str, str] = {}
    for line in said.split("\n")[:-1]:
        key, _, value = line.partition(":")
        found[key] = f"{found[key]}, {value.strip()}" if key in found else value.strip()
    return found


@given(WORDS.filter(one_line), st.dictionaries(KEYS, WORDS, min_size=1, max_size=4))
def test_trailers_are_read_back_whatever_the_message_says(message, trailers):
    assert parse(compose(message, trailers)) == {key: one_line(value) for key, value in trailers.items()}


@hypothesis_settings(max_examples=40)
@given(WORDS.filter(one_line), st.dictionaries(KEYS, WORDS, min_size=1, max_size=3))
def test_git_reads_the_same(message, trailers):
    text = compose(message, trailers)
    assert as_git_reads(text) == parse(text)


@pytest.mark.parametrize(
    "message",
    [
        "subject\n\nA: 1\nB: 2\n",
        "subject\n\nbody\n\nA: 1\n more\nA: 2\n",
        "subject\n\nbody: text\nand more\n",
        "A: 1\n",
        "A: 1\n\n",
        "subject\n\nbody\nA: 1\n",
        "subject\n\nA : 1\nb:2\n\n\n",
        "subject\n\n---\n\nA: 1\n",
        "subject\n\nfree text\nSigned-off-by: V <v@x>\n",
        "subject\n\nfree\nfree\nfree\nfree\nSigned-off-by: V <v@x>\n",
        "subject\n\n(cherry picked from commit abc)\nA: 1\n",
        "subject\n\n indented: 1\n",
        "subject\nstill subject\nA: 1\n",
        "",
    ],
)
def test_messages_of_others_are_read_as_git_reads_them(message):
    assert parse(message) == as_git_reads(message)


def test_a_message_needs_words_and_keys_are_plain():
    with pytest.raises(ValueError, match="needs a message"):
        compose(" \n", {})
    with pytest.raises(ValueError, match="got 'a b'"):
        compose("x", {"a b": "1"})


@pytest.mark.parametrize(
    ("value", "n"),
    [
        (None, None),
        ("", None),
        ("12", 12),
        ("p1, p2", 2),
        ("20 calls", 20),
        ("01-b01", 1),
        ("1042, 1043", 2),
        ("7 ", 7),
    ],
)
def test_a_trailer_counts(value, n):
    assert count(value) == n
