from __future__ import annotations

import json
from dataclasses import replace

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm.base import Request
from lm.fake import Scripted
from lm.road import Road
from lm.scores import Scorer, gain
from reer.gains import item_of
from reer.pairs import Turn
from reer.soundness import fault, overlap
from reer.traces import DRAFTS, Found, Plan, Refused, Search
from reer.transfer import WITNESSES, Others, transfer
from reer.writer import NO_TURN, Writer
from tests.reer.builders import Reader, make_pair
from tests.reer.scripts import BETTER, PAIRS, STEPS, hashed, improving, is_draft, part_of, writer_of
from workbench.errors import ModelError

PAIR = PAIRS[0]


class Narrow(Reader):
    """Takes contexts of so many words."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.words = words

    async def encode(self, items):
        if any(len(f"{item.context}{item.y}".split()) > self.words for item in items):
            raise ModelError(f"'narrow' has a context of {self.words} tokens; shorten one of them", cause="request")
        return await super().encode(items)


def search(engine: Scripted, pair=PAIR, *, reader: Reader | None = None, **plan) -> Found | Refused:
    async def work():
        return await Search(Writer(Road(engine)), Scorer(reader or Reader()), Plan(**plan)).run(pair)

    return anyio.run(work)


def refused(engine: Scripted, pair=PAIR, **plan) -> Refused:
    outcome = search(engine, pair, **plan)
    assert isinstance(outcome, Refused)
    return outcome


def found(engine: Scripted, pair=PAIR, **plan) -> Found:
    outcome = search(engine, pair, **plan)
    assert isinstance(outcome, Found)
    return outcome


def test_a_version_that_lowers_the_loss_stays_and_another_does_not():
    outcome = found(writer_of(STEPS, improving))
    first = outcome.path[0]
    assert first.kept is not None
    assert first.candidates[first.kept].text == BETTER
    assert BETTER in "".join(outcome.segments)
    assert outcome.last.nll < outcome.first.nll
    assert gain(outcome.last, outcome.without) > 0
    assert outcome.stop == "settled"


def test_no_version_stays_where_none_helps():
    outcome = found(writer_of(STEPS, lambda request: '"What else is there to be said about that at all."'))
    assert [step.kept for step in outcome.path] == [None] * len(STEPS)
    assert "".join(outcome.segments) == "\n".join(STEPS)
    assert outcome.last == outcome.first


@given(st.integers(0, 10_000), st.integers(1, 3))
@settings(max_examples=25)
def test_losses_only_fall_and_every_trace_on_the_way_is_sound(seed, expansion):
    outcome = found(Scripted(hashed), seed=seed, expansion=expansion)
    losses = [outcome.first.nll, *(step.nll for step in outcome.path)]
    for before, after, step in zip(losses, losses[1:], outcome.path, strict=False):
        assert after < before if step.kept is not None else after == before
        if step.kept is not None:
            assert step.candidates[step.kept].problem is None
            assert step.candidates[step.kept].nll == after
    assert outcome.last.nll == losses[-1]
    assert fault(outcome.segments, PAIR.y, max_overlap=Plan().max_overlap) is None
    assert len(outcome.path) <= Plan().steps
    assert outcome.calls == len(outcome.drafts) + sum(step.calls for step in outcome.path)


def test_the_segment_whose_removal_helps_most_comes_first_and_all_have_their_turn():
    steps = (STEPS[0], "For a card that was lost nine euros are taken.", STEPS[2])
    outcome = found(writer_of(steps, lambda request: '"Nobody knows anything more to say about this."'))
    assert sorted(step.segment for step in outcome.path) == [0, 1, 2]
    assert outcome.path[-1].segment == 1
    worths = [step.worth for step in outcome.path]
    assert worths == sorted(worths)
    assert worths[-1] > 0


class Annoyed(Reader):
    """Finds every word of a reply unlikely after a trace that speaks of dogs."""

    async def score(self, rows, on_row):
        def told(place, logprobs):
            on_row(place, tuple(4 * each for each in logprobs) if "dog" in str(rows[place].context) else logprobs)

        await super().score(rows, told)


def test_a_segment_that_hurts_is_left_out():
    steps = (*STEPS, "My dog barks a lot at night when there are strangers.")
    outcome = found(writer_of(steps, lambda request: json.dumps(part_of(request, "step"))), reader=Annoyed())
    assert (outcome.path[0].segment, outcome.path[0].kept) == (3, 0)
    assert outcome.path[0].candidates[0].text == ""
    assert "".join(outcome.segments) == "\n".join(STEPS)


def test_a_trace_that_copies_the_reply_is_refused():
    outcome = refused(writer_of((*STEPS, PAIR.y), improving))
    assert outcome.reason == "copies"
    assert [draft.problem for draft in outcome.drafts] == ["copies"] * DRAFTS


def test_a_version_that_copies_the_reply_is_not_kept_though_the_reply_becomes_likely():
    outcome = found(writer_of(STEPS, lambda request: json.dumps(PAIR.y)))
    assert all(step.kept is None for step in outcome.path)
    assert {step.candidates[-1].problem for step in outcome.path} == {"copies"}
    assert overlap("".join(outcome.segments), PAIR.y) <= Plan().max_overlap


@pytest.mark.parametrize(
    ("draft", "reason"),
    [
        ("I would say that", "unreadable"),
        ('["One step alone, which the schema does not admit."]', "unreadable"),
        (("Yes.", "No."), "too-short"),
        ((" ".join(STEPS[:2]).replace(".", ""), "Yes."), "one-segment"),
        (("I do not know what it is.", "Oh I do not know what it is.", "But I do not know what it is."), "repetitive"),
        ((*STEPS, "Hmm, but what if it was stolen, maybe?"), "still-thinking"),
    ],
)
def test_why_a_trace_is_rejected(draft, reason):
    outcome = refused(writer_of(draft, improving))
    assert (outcome.reason, outcome.calls) == (reason, DRAFTS)


def test_the_first_sound_trace_is_taken():
    answers = iter(["nonsense", json.dumps(STEPS)])
    engine = Scripted(lambda request: next(answers) if is_draft(request) else improving(request))
    assert [draft.problem for draft in found(engine).drafts] == ["unreadable", None]


def test_steps_are_read_without_numbers_doubles_and_what_the_prompt_shows():
    shown = "The customer has a booking and wants to begin it one day later."
    draft = (shown, f"1. {STEPS[0]}", f"- {STEPS[1]}\n", f"Step 3: {STEPS[2]}", STEPS[2])
    outcome = found(writer_of(draft, improving), steps=0)
    assert "".join(outcome.segments) == "\n".join(STEPS)
    assert outcome.stop == "steps"
    assert refused(writer_of((shown, shown), improving)).reason == "unreadable"


def test_versions_that_cannot_be_read_or_repeat_the_segment_change_nothing():
    def rewrite(request: Request):
        odd = ModelError("too long", cause="request")
        return [json.dumps(part_of(request, "step")), odd, "oops", '" "'][request.seed % 4]

    outcome = found(writer_of(STEPS, rewrite), expansion=4)
    assert all(step.kept is None for step in outcome.path)
    assert [candidate.problem for candidate in outcome.path[0].candidates[1:]] == ["unreadable"] * 3


def test_a_search_stops_at_its_target():
    outcome = found(writer_of(STEPS, improving), stop=2.9)
    assert (outcome.stop, outcome.path) == ("target", ())
    assert len(found(writer_of(STEPS, improving), steps=1).path) == 1


def test_pairs_that_cannot_be_searched_are_skipped_without_a_call():
    engine = writer_of(STEPS, improving)
    assert refused(engine, make_pair(9, "Yes.")).reason == "short-reply"
    assert engine.calls == 0
    long = replace(PAIR, x=(Turn("customer", "on and on " * 100),))
    outcome = refused(engine, long, reader=Narrow(100))
    assert outcome.reason == "does-not-fit"
    assert "'narrow' has a context of 100 tokens" in outcome.detail
    assert engine.calls == 0


def test_a_pair_that_does_not_fit_into_the_writer_is_skipped():
    engine = Scripted(lambda request: ModelError("'scripted' refused the request: too long", cause="request"))
    assert refused(engine).reason == "does-not-fit"


def test_a_failure_that_may_pass_decides_nothing():
    for cause in ("server", "auth"):
        engine = writer_of(STEPS, lambda request, cause=cause: ModelError("gone", cause=cause))
        with pytest.raises(ModelError, match="gone"):
            search(engine)


def test_an_agent_who_speaks_first_and_a_chinese_call_are_searched():
    asked = []
    first = writer_of(STEPS, lambda request: asked.append(part_of(request, "conversation")) or improving(request))
    assert isinstance(search(first, replace(PAIR, x=())), Found)
    assert set(asked) == {NO_TURN}
    chinese = replace(PAIR, x=(Turn("customer", "我的卡丢了 what now?"),), y="卡已经挂失了，补办一张新卡要收九欧元。")
    steps = ("客户找不到银行卡，想马上停用并且再要一张。", "丢失的卡由客户自己付费，费用直接记在账户上。")
    assert isinstance(
        search(writer_of(steps, lambda request: '"客户需要先停卡，然后银行寄出另一张新的卡。"'), chinese), Found
    )


def test_what_is_between_the_tags_is_never_filled_in():
    pair = replace(PAIR, y="Write {conversation} and {reply} into the form, then sign it with your name.")
    asked = []
    engine = writer_of(STEPS, lambda request: asked.append(part_of(request, "reply")) or improving(request))
    assert isinstance(search(engine, pair), Found)
    assert set(asked) == {pair.y}


def test_witnesses_are_the_nearest_of_other_conversations_of_the_category():
    same_call = make_pair(5, PAIR.y + " Bye.", call=PAIR.conversation)
    loan = make_pair(6, PAIR.y, category="loans")
    more = [make_pair(number, f"Something else about boat number {number}.") for number in range(7, 12)]
    twice = make_pair(12, PAIRS[1].y + " Bye.", call=PAIRS[1].conversation)
    others = Others([*PAIRS, same_call, loan, *more, twice])
    near = others.near(PAIR)
    assert len(near) == WITNESSES
    assert {pair.conversation for pair in near} >= {pair.conversation for pair in PAIRS[1:]}
    assert len({pair.conversation for pair in near} - {PAIR.conversation}) == WITNESSES
    assert others.near(loan) == ()
    assert others.near(replace(PAIR, category=None)) == ()
    assert others.far(PAIR) == (loan,)
    assert {pair.category for pair in others.far(loan)} == {"cards"}
    assert others.far(replace(PAIR, category=None)) == Others(PAIRS).far(PAIR) == ()


def test_transfer_is_measured_on_other_replies_and_leaves_out_what_does_not_fit():
    long = replace(PAIRS[2], x=(Turn("customer", "on and on " * 100),))
    trace = "\n".join([*STEPS, BETTER])

    async def work():
        return await transfer(Scorer(Narrow(150)), trace, [PAIRS[1], long])

    (witness,) = anyio.run(work)
    assert witness.id == PAIRS[1].id
    assert witness.gain > 0
    assert item_of(PAIRS[1], trace).context.startswith(trace)
