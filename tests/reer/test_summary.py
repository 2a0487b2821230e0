from __future__ import annotations

import json

import anyio
import pytest

from lm.fake import Scripted
from lm.road import Road
from reer.pairs import Turn
from reer.slots import Slot
from reer.summary import Summarizer, check_facts
from tests.reer.builders import make_pair
from workbench.errors import ModelError

REPLY = (
    "Oh dear, Mr Novak, don't worry! I've blocked it for you. A new debit card costs 12 euros,\n"
    "and it takes at most 5 business days by post. If it was stolen, we need a police report first. "
    "You can't take out more than 800 euros a day at a machine."
)
PAIR = make_pair(1, REPLY)
QUOTE = "A new debit card costs 12 euros"
GOOD = {"kind": "amount", "text": "A new debit card costs 12 euros.", "quote": QUOTE}


def write(answer, pair=PAIR, trace=""):
    seen = []

    def reply(request):
        seen.append(request)
        return answer if isinstance(answer, str | ModelError) else json.dumps(answer, ensure_ascii=False)

    async def work():
        return await Summarizer(Road(Scripted(reply))).write(pair, trace)

    return anyio.run(work), seen[0]


def test_a_fact_comes_with_its_source_and_the_slots_that_code_reads():
    summary, request = write([GOOD], trace="Losing a card is the customer's fault.")
    (fact,) = summary.facts
    assert (fact.kind, fact.text, fact.pair.id, fact.quote) == ("amount", GOOD["text"], "p1", QUOTE)
    assert fact.slots == (Slot(23, 31, "amount", "12", "EUR"),)
    assert REPLY[fact.statement.start : fact.statement.end] == QUOTE and not summary.refused
    asked = request.messages[-1].content
    assert REPLY in asked and "Question 1?" in asked and "Losing a card is the customer's fault." in asked


def test_without_a_trace_the_model_is_told_so():
    _, request = write([])
    assert "<reasoning>\n(none)\n</reasoning>" in request.messages[-1].content


def test_an_engine_with_a_grammar_can_quote_the_reply_alone():
    _, request = write([])
    assert request.schema["items"]["properties"]["quote"]["x-copied-from"] == REPLY


def test_a_quote_may_fold_white_space_and_is_kept_as_it_stands():
    quote = "costs 12 euros, and it takes at most 5 business days by post"
    fact = {"kind": "deadline", "text": "A new debit card takes at most 5 business days by post.", "quote": quote}
    (found,) = check_facts(PAIR, [fact]).facts
    assert found.quote == quote.replace(" and", "\nand") and found.quote in REPLY


@pytest.mark.parametrize(
    ("text", "quote", "reason"),
    [
        ("A new debit card costs 15 euros.", QUOTE, "value"),
        ("A new debit card costs fifteen euros.", QUOTE, "value"),
        ("A new debit card costs $12.", QUOTE, "value"),
        ("A new debit card costs 12 dollars.", QUOTE, "value"),
        ("A new debit card costs 12 percent.", QUOTE, "value"),
        ("A new debit card costs 12 euros until 1 March.", QUOTE, "value"),
        ("A new debit card costs 12 euros, with a passport.", QUOTE, "value"),
        ("A new debit card costs 12½ euros.", QUOTE, "value"),
        ("A new debit card costs 800 euros.", QUOTE, "value"),
        ("A new debit card costs 12 euros a year.", QUOTE, "value"),
        ("The third new debit card costs 12 euros.", QUOTE, "value"),
        ("You can't take out more than 800 euros a month.", "can't take out more than 800 euros a day", "value"),
        ("A new debit card costs 12 euros.", "A new debit card costs 15 euros", "no-quote"),
        ("A new debit card costs 12 euros.", "a New debit card costs 12 euros", "no-quote"),
        ("A new debit card costs 12 euros.", "12 euros", "no-quote"),
        ("A new debit card costs 12 euros.", "new debit card costs 12 euro", "no-quote"),
        ("A new debit card costs **12 euros**.", QUOTE, "markup"),
        ("A new debit card costs 12 euros.[^s9]", QUOTE, "markup"),
        ("[c9] A new debit card costs 12 euros.", QUOTE, "markup"),
        ("- A new debit card costs 12 euros.", QUOTE, "markup"),
        ("# A new debit card costs 12 euros.", QUOTE, "markup"),
        ("A new debit card costs 12 euros.\n- [c9] A loan costs 12 euros.", QUOTE, "markup"),
        ("A new debit card costs\u202812 euros.", QUOTE, "markup"),
        ("A new debit card costs \u202e12 euros.", QUOTE, "markup"),
        ("A new debit card costs 12 euros\x1b.", QUOTE, "markup"),
        ("A new debit card costs 12 euros at https://evil.example.", QUOTE, "markup"),
        ("<b>A new debit card costs 12 euros.</b>", QUOTE, "markup"),
        ("Does a new debit card cost 12 euros?", QUOTE, "question"),
        ("We take 12 euros for a new debit card.", QUOTE, "first-person"),
        ("A new debit card from me costs 12 euros.", QUOTE, "first-person"),
        ("I’ve a new debit card for 12 euros.", QUOTE, "first-person"),
        ("A new debit card costs Novak 12 euros.", QUOTE, "name"),
        ("Mr Novak's new debit card costs 12 euros.", QUOTE, "name"),
        ("12 euros.", QUOTE, "too-short"),
        (f"A new debit card costs 12 euros{' for the card' * 12}.", QUOTE, "too-long"),
        ("A new debit card costs 12 euros. It was stolen.", QUOTE, "not-one-sentence"),
        ("A new card takes at least 5 business days.", "it takes at most 5 business days by post", "bound"),
        ("A new card takes 5 business days by post.", "it takes at most 5 business days by post", "bound"),
        ("You can take out more than 800 euros a day at a machine.", "You can't take out more than 800 euros", "bound"),
        ("You can take out 800 euros a day at a machine.", "You can't take out more than 800 euros a day", "bound"),
        ("A police report is not needed if a card was stolen.", "we need a police report first", "denial"),
        ("Mortgage brokers earn provisions of 12 euros.", QUOTE, "unsupported"),
        ("A stolen card needs a report.", "for you. A new debit", "unsupported"),
    ],
)
def test_what_code_cannot_stand_behind_is_refused_and_counted(text, quote, reason):
    summary = check_facts(PAIR, [{"kind": "rule", "text": text, "quote": quote}])
    assert (summary.facts, summary.refused) == ((), {reason: 1})


@pytest.mark.parametrize(
    "answer",
    [
        "A new card costs 12 euros.",
        {"facts": [GOOD]},
        [{**GOOD, "kind": "advice"}],
        [{"kind": "amount", "text": GOOD["text"]}],
        [{**GOOD, "confidence": 1}],
        [GOOD] * 7,
        ModelError("too long", cause="request"),
    ],
)
def test_an_answer_of_another_form_holds_no_fact(answer):
    summary, _ = write(answer)
    assert (summary.facts, summary.refused) == ((), {"unreadable": 1})


def test_a_server_that_does_not_answer_is_no_missing_fact():
    with pytest.raises(ModelError, match="gone"):
        write(ModelError("gone", cause="auth"))


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("At a machine you can take out at most 800 euros a day.", "You can't take out more than 800 euros a day"),
        ("A stolen card needs a police report from the post.", "If it was stolen, we need a police report first"),
        ("A new debit card doesn't take more than 5 business days.", "it takes at most 5 business days"),
    ],
)
def test_a_bound_may_be_worded_otherwise_and_a_thing_is_known_by_its_noun(text, quote):
    assert not check_facts(PAIR, [{"kind": "rule", "text": text, "quote": quote}]).refused


@pytest.mark.parametrize("kind", ["amount", "limit", "deadline"])
def test_an_amount_that_gives_none_is_refused(kind):
    record = {"kind": kind, "text": "A stolen card needs a police report.", "quote": "we need a police report first"}
    assert check_facts(PAIR, [record]).refused == {"no-value": 1}
    free = make_pair(1, "A second debit card is free of charge.")
    assert check_facts(free, [{"kind": "amount", "text": free.y, "quote": free.y}]).facts


def test_one_bad_fact_costs_the_others_nothing_and_a_fact_counts_once():
    bad = {**GOOD, "text": "A new debit card costs 99 euros."}
    summary = check_facts(PAIR, [bad, GOOD, {**GOOD, "kind": "rule"}])
    assert [fact.text for fact in summary.facts] == [GOOD["text"]]
    assert summary.refused == {"value": 1, "repeated": 1}


@pytest.mark.parametrize(
    ("turn", "text", "refused"),
    [
        ("Hello, my name's Radek, what is a card?", "Radek's new debit card costs 12 euros.", True),
        ("This is Anna Weber speaking.", "A new debit card for Weber costs 12 euros.", True),
        ("I'm Jo. And you?", "Jo pays 12 euros for a new debit card.", True),
        ("This is May, I lost it in May.", "A new debit card may cost 12 euros.", False),
    ],
)
def test_who_called_is_not_named(turn, text, refused):
    pair = make_pair(1, REPLY)
    pair = type(pair)(pair.id, pair.conversation, 2, (Turn("customer", turn),), pair.y, speaker="agent-tomas")
    found = check_facts(pair, [{"kind": "amount", "text": text, "quote": QUOTE}])
    assert (found.refused == {"name": 1}) is refused
    tomas = check_facts(
        pair, [{"kind": "amount", "text": "Tomas takes 12 euros for a new debit card.", "quote": QUOTE}]
    )
    assert tomas.refused == {"name": 1}


CHINESE = make_pair(2, "王女士，您好。挂失后补办新卡要收9欧元，五个工作日以内寄到；本人持护照来网点当天可取。")


@pytest.mark.parametrize(
    ("text", "quote", "reason"),
    [
        ("挂失后补办新卡收9欧元。", "挂失后补办新卡要收9欧元", None),
        ("新卡五个工作日以内寄到。", "五个工作日以内寄到", None),
        ("挂失后补办新卡收15欧元。", "挂失后补办新卡要收9欧元", "value"),
        ("挂失后补办新卡收9美元。", "挂失后补办新卡要收9欧元", "value"),
        ("新卡六个工作日以内寄到。", "五个工作日以内寄到", "value"),
        ("挂失后补办新卡不收9欧元。", "挂失后补办新卡要收9欧元", "denial"),
        ("我们挂失后补办新卡收9欧元。", "挂失后补办新卡要收9欧元", "first-person"),
        ("王女士补办新卡收9欧元。", "挂失后补办新卡要收9欧元", "name"),
        ("补办新卡收9欧元吗？", "挂失后补办新卡要收9欧元", "question"),
        ("挂失后补办新卡收9欧元。", "挂失后补办旧卡要收9欧元", "no-quote"),
        ("挂失后补办新卡收9欧元。五个工作日寄到。", "挂失后补办新卡要收9欧元", "not-one-sentence"),
        ("房屋贷款利息逐年偿还。", "挂失后补办新卡要收9欧元", "unsupported"),
    ],
)
def test_chinese_is_held_to_the_same(text, quote, reason):
    summary = check_facts(CHINESE, [{"kind": "rule", "text": text, "quote": quote}])
    assert summary.refused == ({reason: 1} if reason else {})
