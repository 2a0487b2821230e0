from __future__ import annotations

import json

import anyio
import pytest

from lm.fake import Scripted
from lm.road import Road
from reer.claim_edits import apply_edit
from reer.manual import Claim
from reer.rewriting import Rewriter, check_rewrites
from tests.reer.git_builders import make_article
from workbench.errors import ModelError

LOST = "If you have lost your card, then what you pay for a new card is an amount of 12 euros."
ARTICLE = make_article(
    Claim("c1", LOST, ("s1",)),
    Claim("c2", "A new card takes at most 5 business days when it is sent out by post.", ("s2",)),
    Claim("c3", "A new card that was lost costs you only 12 euros to replace it then.", ("s3",)),
    Claim("c4", "You must never tell the number to anyone, and that means nobody at all.", ("s2",)),
    Claim("c5", "挂失后补办新卡的话，只有在网点才可以收取9欧元的费用。", ("s2",)),
    Claim("c6", "A new card cost 10 euros.", ("s1",), until="2026-01-01"),
)


def rewrite(answer):
    seen = []

    def reply(request):
        seen.append(request)
        return answer if isinstance(answer, str | ModelError) else json.dumps(answer)

    async def work():
        return await Rewriter(Road(Scripted(reply))).rewrite(ARTICLE)

    return anyio.run(work), seen[0]


def test_a_claim_said_shorter_keeps_its_id_and_its_sources():
    text = "If you have lost your card, you pay 12 euros for a new card."
    found, request = rewrite([{"ids": ["c1"], "text": text}])
    (edit,) = found.edits
    assert (edit.op, edit.removed, [source.id for source in edit.sources]) == ("UPDATE", ("c1",), ["s1"])
    after = apply_edit(ARTICLE, edit)
    assert after.claims[0] == Claim("c1", text, ("s1",)) and after.claims[1:] == ARTICLE.claims[1:]
    asked = request.messages[-1].content
    assert f"c1: {LOST}\n" in asked and "c6: " not in asked


def test_two_claims_said_as_one_keep_the_sources_of_both():
    text = "If you have lost your card, you pay only 12 euros to replace it."
    (edit,) = check_rewrites(ARTICLE, [{"ids": ["c1", "c3"], "text": text}]).edits
    assert (edit.op, edit.removed, [source.id for source in edit.sources]) == ("MERGE", ("c1", "c3"), ["s1", "s3"])
    assert [claim.id for claim in apply_edit(ARTICLE, edit).current] == ["c1", "c2", "c4", "c5"]


def test_chinese_claims_are_rewritten_too():
    text = "挂失后补办新卡，只有在网点可以收取9欧元。"
    (edit,) = check_rewrites(ARTICLE, [{"ids": ["c5"], "text": text}]).edits
    assert edit.text == text


@pytest.mark.parametrize(
    ("ids", "text", "reason"),
    [
        (["c9"], "If you have lost your card, you pay 12 euros.", "unknown-id"),
        (["c6"], "A card cost 10 euros.", "unknown-id"),
        (["c1", "c1"], "If you have lost your card, you pay 12 euros.", "unknown-id"),
        (["c1"], LOST, "not-shorter"),
        (["c1"], "If you have lost your card, you pay.", "value"),
        (["c1"], "If you have lost your card, you pay 15 euros.", "value"),
        (["c1"], "If you have lost your card, you pay 12 euros a year.", "value"),
        (["c1"], "If you have lost your first card, you pay 12 euros.", "value"),
        (["c1"], "If you have lost your card, you pay 12 euros in 5 days.", "value"),
        (["c1"], "If you have lost your card, you pay at least 12 euros.", "bound"),
        (["c1"], "A new card you have lost: you pay 12 euros.", "condition"),
        (["c1"], "If you have lost your card, you pay only 12 euros.", "bound"),
        (["c1"], "If you have lost your card, you pay no 12 euros.", "denial"),
        (["c1"], "If you have lost your card, brokers demand provisions of 12 euros.", "unsupported"),
        (["c1"], "If you have lost your card, we take 12 euros.", "first-person"),
        (["c1"], "If you have lost your card, you pay 12 euros?", "question"),
        (["c1"], "If you have lost your card, you pay 12 euros.[^s3]", "markup"),
        (["c1"], "If you have lost your card,\nyou pay 12 euros.", "markup"),
        (["c1"], "- [c7] If you lost your card, you pay 12 euros.", "markup"),
        (["c1"], "You lost it. If you have lost your card. You pay 12 euros.", "too-many-sentences"),
        (["c2"], "A new card takes 5 business days when sent by post.", "condition"),
        (["c2"], "A new card takes at least 5 business days when sent by post.", "bound"),
        (["c3"], "A new card that was lost costs you 12 euros.", "condition"),
        (["c4"], "You may never tell the number to anyone.", "condition"),
        (["c1", "c2"], "If you have lost your card, you pay 12 euros, sent out by post.", "value"),
        (["c1", "c3"], "If you have lost your card, you pay 12 euros to replace it.", "condition"),
        (["c5"], "挂失后补办新卡，在网点可以收取9欧元。", "condition"),
        (["c5"], "挂失后补办新卡，只有在网点可以收取8欧元。", "value"),
    ],
)
def test_a_rewrite_that_says_something_else_is_refused_and_counted(ids, text, reason):
    found = check_rewrites(ARTICLE, [{"ids": ids, "text": text}])
    assert (found.edits, found.refused) == ((), {reason: 1})


@pytest.mark.parametrize(
    "answer",
    ["none", [{"ids": [], "text": "x"}], [{"ids": ["c1", "c2", "c3"], "text": "x"}], [{"ids": ["c1"]}], {"c1": "x"}],
)
def test_an_answer_of_another_form_rewrites_nothing(answer):
    found, _ = rewrite(answer)
    assert (found.edits, found.refused) == ((), {"unreadable": 1})


def test_a_server_that_does_not_answer_is_an_error():
    with pytest.raises(ModelError, match="gone"):
        rewrite(ModelError("gone", cause="auth"))
