from __future__ import annotations

import anyio
import numpy as np
import pytest

from lm.fake import Scripted
from lm.road import Road
from reer.answers import Answers
from reer.claim_edits import Edit, apply_edit, article_tokens
from reer.gate import MIN_CALLS, Gate, by_call
from reer.manual import Article, Claim, Source
from tests.reer.builders import by_words, make_pair, make_scorer
from workbench.errors import ModelError
from workbench.metrics import Tally

FEE = "A lost card costs 12 euros."
PAIRS = [make_pair(n, f"Sure. {FEE} So {word}.") for n, word in enumerate(("sorry", "there", "now", "then", "yes"), 1)]
OTHERS = [make_pair(n, f"Please wait {n} minutes.") for n in (6, 7)]
ARTICLE = Article(
    "cards",
    "Cards",
    "All about cards.",
    (Claim("c1", "You can block it in the app.", ("s1",)),),
    (Source("s1", "p9", "call9", 2, "You can block it in the app."),),
    "test",
    "2026-06-25T09:00:00+00:00",
)


def heard_in(*numbers: int) -> tuple[Source, ...]:
    return tuple(Source(f"s{n + 1}", f"p{n}", f"call{n}", 2, FEE) for n in numbers)


def add(text: str = FEE, *calls: int) -> Edit:
    return Edit("ADD", "cards", "badly explained", (), text, heard_in(*(calls or (1,))))


def judge(edit, pairs=(*PAIRS, *OTHERS), *, article=ARTICLE, answer=None, budget=100, tires=0.0, apart=frozenset()):
    """A verdict; `answer` is what is answered with the claim at hand, a function of the request or None."""

    async def work():
        road = Road(Scripted(answer)) if answer else None
        writer = Answers(road) if road else None
        gate = Gate(make_scorer(tires), writer, by_words, budget, lambda: np.random.default_rng(0))
        return await gate.judge(article, edit, pairs, apart=apart)

    return anyio.run(work)


def knows_fee(request) -> bool:
    return FEE in request.messages[-1].content


def test_a_claim_that_helps_other_calls_is_let_in():
    verdict = judge(add())
    assert verdict.accepted and verdict.why == "the loss falls; no answers were compared"
    assert verdict.nll.low < verdict.nll.value < verdict.nll.high < 0
    assert verdict.pairs == ("p2", "p3", "p4", "p5", "p6", "p7")


def test_a_claim_that_only_helps_the_call_it_came_from_is_refused():
    own = "Your hotel in Bremen refunded 3 nights."
    pairs = [*(make_pair(n, own, call="call1") for n in (1, 11, 12)), *PAIRS[1:], *OTHERS]
    verdict = judge(add(own), pairs)
    assert not verdict.accepted and verdict.why == "the loss does not fall by more than noise"
    assert verdict.pairs == ("p2", "p3", "p4", "p5", "p6", "p7") and verdict.nll.value == 0


def test_calls_that_confirm_a_claim_in_their_own_words_speak_for_it():
    everybody = add(FEE, 1, 2, 3, 4, 5)
    verdict = judge(everybody)
    assert verdict.accepted and verdict.pairs == ("p2", "p3", "p4", "p5", "p6", "p7")
    gone = Edit("DELETE", "cards", "it earns nothing", ("c2",))
    refused = judge(gone, article=apply_edit(ARTICLE, everybody), tires=0.01)
    assert not refused.accepted and refused.nll.low > 0


def test_a_claim_that_the_removed_one_was_heard_with_is_judged_without_that_call():
    edit = Edit("UPDATE", "cards", "other words", ("c1",), FEE, heard_in(1))
    seen_with = judge(edit, [*PAIRS, make_pair(9, "You can block it in the app.")])
    assert seen_with.pairs == ("p2", "p3", "p4", "p5")


def test_an_article_over_its_budget_may_only_become_shorter():
    longer, tokens = add(), article_tokens(ARTICLE)
    after = article_tokens(apply_edit(ARTICLE, longer))
    refused = judge(longer, budget=after - 1)
    assert not refused.accepted and refused.why == f"{after} tokens, the budget is {after - 1}"
    assert refused.nll is None and refused.pairs == ()
    assert judge(longer, budget=after).accepted
    swap = Edit("ADD", "cards", "makes room", ("c1",), FEE, heard_in(1))
    assert article_tokens(apply_edit(ARTICLE, swap)) < tokens
    assert judge(swap, budget=1).accepted  # too long still, but less so


def test_an_edit_that_makes_answers_worse_is_refused():
    confused = judge(add(), answer=lambda request: "No idea." if knows_fee(request) else f"Sure. {FEE}")
    assert not confused.accepted and confused.why == "answers become less like the expert's"
    assert confused.nll.high < 0 and confused.similarity.high < 0
    better = judge(add(), answer=lambda request: f"Sure. {FEE}" if knows_fee(request) else "No idea.")
    assert better.accepted and better.similarity.low > 0
    same = judge(add(), answer=lambda _request: "One moment.")
    assert same.accepted and same.similarity.value == 0 and same.why == "the loss falls and answers are no worse"


def test_answers_are_written_only_where_the_loss_falls():
    engine = Scripted(lambda _request: "One moment.")
    gate = Gate(make_scorer(), Answers(Road(engine)), by_words, 100, lambda: np.random.default_rng(0))
    verdict = anyio.run(gate.judge, ARTICLE, add("Storks nest on chimneys."), PAIRS)
    assert not verdict.accepted and verdict.similarity is None and engine.calls == 0


def test_too_few_calls_decide_nothing():
    verdict = judge(add(), PAIRS[:MIN_CALLS])
    assert not verdict.accepted and verdict.why == f"only {MIN_CALLS - 1} calls to judge by, {MIN_CALLS} are needed"
    one_call = [make_pair(n, FEE, call="call7") for n in range(20, 30)]
    assert not judge(add(), one_call).accepted
    assert judge(add(), PAIRS[: MIN_CALLS + 1]).accepted


def test_an_edit_that_changes_nothing_is_noise():
    assert not judge(add("Storks nest on chimneys.")).accepted
    assert not judge(Edit("DELETE", "cards", "useless", ("c1",))).accepted


def test_a_claim_that_only_tires_its_reader_may_go():
    verdict = judge(Edit("DELETE", "cards", "it earns nothing", ("c1",)), tires=0.01)
    assert verdict.accepted and verdict.nll.high < 0
    assert not judge(add("Storks nest on chimneys."), tires=0.01).accepted


def test_an_edit_is_judged_alike_whatever_came_before():
    gate = Gate(make_scorer(), None, by_words, 100, lambda: np.random.default_rng(0))

    async def work():
        alone = await gate.judge(ARTICLE, add(), PAIRS)
        await gate.judge(ARTICLE, add("Storks nest on chimneys."), PAIRS)
        return alone, await gate.judge(ARTICLE, add(), PAIRS)

    alone, later = anyio.run(work)
    assert alone == later


def test_a_model_that_fails_decides_nothing():
    with pytest.raises(ModelError, match="is down"):
        judge(add(), answer=lambda _request: ModelError("it is down", cause="server"))


def test_replies_of_a_call_are_one_witness():
    pairs = [make_pair(1, "a", call="x"), make_pair(2, "b", call="y"), make_pair(3, "c", call="x")]
    sample = by_call([Tally(1, 2), Tally(3, 4), Tally(5, 6)], pairs)
    assert (sample.num.tolist(), sample.den.tolist()) == ([6, 3], [8, 4])


def test_the_calls_that_chose_an_edit_do_not_judge_it():
    assert judge(add(), apart=frozenset({"call2", "call6"})).pairs == ("p3", "p4", "p5", "p7")
    few = judge(add(), apart=frozenset({"call2", "call3", "call4"}))
    assert not few.accepted and few.why == f"only 3 calls to judge by, {MIN_CALLS} are needed"
