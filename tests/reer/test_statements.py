from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reer.statements import find_statements, sentences
from tests.reer.builders import make_pair

PARTS = st.sampled_from(
    ["Well, ", "so that's 5 euros. ", "Mr. Smith knows. ", "You must sign first! ", "Really? ", "ok", "\n", " (No.) "]
)


def test_small_talk_stays_behind():
    pair = make_pair(
        1, "Oh, how lovely. Well, a lost card costs 12 euros. Is that all right? Yes, you need a passport for it."
    )
    assert [statement.text for statement in find_statements(pair)] == [
        "a lost card costs 12 euros.",
        "you need a passport for it.",
    ]


def test_chinese_sentences_are_statements_too():
    assert len(find_statements(make_pair(1, "您好。补办银行卡需要 12 euros 的费用。"))) == 1


def test_so_far_is_no_opener():
    (statement,) = find_statements(make_pair(1, "So far as I know you must pay."))
    assert statement.text == "So far as I know you must pay."


@given(st.lists(PARTS, max_size=12).map("".join))
def test_a_statement_stands_in_its_reply(text):
    pair = make_pair(1, text or "x")
    for statement in find_statements(pair):
        assert statement.text == pair.y[statement.start : statement.end]
        assert statement.source == "call1#2"


@given(st.text())
def test_sentences_hold_all_but_the_space_between_them(text):
    spans = list(sentences(text))
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
