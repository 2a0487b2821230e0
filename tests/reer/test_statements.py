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


def test_a_written_list_is_cut_into_its_lines():
    pair = make_pair(
        1,
        "Here are the details:\n\n- Departure: 07:00 EST on May 2\n- **Fee:** 12 euros per bag\n"
        "1. You pay 5 euros first.\n\nBags can be added\nbut not removed.",
    )
    assert [statement.text for statement in find_statements(pair)] == [
        "**Fee:** 12 euros per bag",
        "You pay 5 euros first.",
        "Bags can be added\nbut not removed.",
    ]


def test_offers_of_help_stay_behind():
    said = "If you need further assistance, let me know. Please confirm if you would like to proceed. {}"
    (statement,) = find_statements(make_pair(1, said.format("I can assist you only within 30 days.")))
    assert statement.text == "I can assist you only within 30 days."


def test_what_names_a_single_case_stays_behind():
    said = (
        "Booking 59XX6W costs 5 euros. Account mei_brown_7075 can pay. Only a.b@c.de is charged."
        " Your card ending in 7334 is charged 5 euros. A bag costs 5 euros."
    )
    assert [statement.text for statement in find_statements(make_pair(1, said))] == ["A bag costs 5 euros."]


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
