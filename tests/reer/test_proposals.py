from __future__ import annotations

import dataclasses

import anyio

from reer.claim_edits import Edit, apply_edit, article_tokens
from reer.manual import Article
from reer.proposals import PER_KIND, Proposal, Proposer
from tests.reer.bank import BLOCK, FEE, LIMIT, NEW, OLD, PAIRS, TALK, TIRES, make_article
from tests.reer.builders import by_words, make_pair, make_scorer

AGAIN = "In the app you can block a card."
LONG = "As far as I remember your daily limit is 900 euros."


def propose(article: Article, *, budget: int = 200, tires: float = TIRES, pairs=PAIRS) -> list[Proposal]:
    return anyio.run(Proposer(pairs, make_scorer(tires), by_words, budget=budget).propose, article)


def edits(proposals: list[Proposal], op: str) -> list[Edit]:
    return [proposal.edit for proposal in proposals if proposal.edit.op == op]


def test_duplicates_are_merged_either_way_with_the_sources_of_both():
    proposals = propose(make_article((FEE, 1), (BLOCK, 11), (AGAIN, 12)))
    found = {(edit.removed, edit.text): [source.pair for source in edit.sources] for edit in edits(proposals, "MERGE")}
    assert found == {(("c2", "c3"), BLOCK): ["p11", "p12"], (("c3", "c2"), AGAIN): ["p12", "p11"]}


def test_claims_with_different_values_are_no_duplicates():
    assert edits(propose(make_article((OLD, 31), (NEW, 32))), "MERGE") == []


def test_a_claim_that_helps_nobody_is_deleted_and_one_that_helps_is_not():
    proposals = propose(make_article((FEE, 1), (BLOCK, 11), (TALK, 41)))
    assert edits(proposals, "DELETE") == [Edit("DELETE", "cards", "it earns nothing", ("c3",))]
    assert edits(propose(make_article((FEE, 1), (TALK, 41)), tires=0.0), "DELETE") == []  # nothing is saved by that


def test_a_fact_of_badly_explained_replies_is_added_with_all_its_sources():
    added = edits(propose(make_article((BLOCK, 11), (LIMIT, 21))), "ADD")
    assert {edit.text for edit in added} >= {FEE}
    fee = next(edit for edit in added if edit.text == FEE)
    assert fee.removed == () and {source.pair for source in fee.sources} == {"p1", "p2"}


def test_what_the_article_states_or_once_stated_is_not_added(monkeypatch):
    monkeypatch.setattr("reer.proposals.PER_KIND", 20)
    ended = apply_edit(make_article((FEE, 1)), Edit("UPDATE", "cards", "by hand", ("c1",), until="2026-03-01"))
    for article in (make_article((FEE, 1)), ended):
        assert FEE not in {edit.text for edit in edits(propose(article), "ADD")}


def test_small_talk_of_one_call_is_not_added():
    alone = [make_pair(51, "You must see the storks there."), *PAIRS]
    storks = [make_pair(n, "Must you see the storks there?") for n in range(52, 60)]
    added = edits(propose(make_article((FEE, 1)), pairs=[*alone, *storks]), "ADD")
    assert not any("storks" in edit.text for edit in added)


def test_a_full_article_makes_room_by_the_claim_that_is_least_use():
    article = make_article((BLOCK, 11), (TALK, 41), (LIMIT, 21))
    budget = article_tokens(article) + 4
    added = [edit for edit in edits(propose(article, budget=budget), "ADD") if edit.text == FEE]
    assert added and all(edit.removed == ("c2",) for edit in added)
    assert all(article_tokens(apply_edit(article, edit)) <= budget for edit in added)
    assert edits(propose(article, budget=5), "ADD") == []


def test_other_words_of_the_same_fact_are_proposed_where_they_are_shorter():
    (update,) = edits(propose(make_article((LONG, 22))), "UPDATE")
    assert (update.removed, update.text) == (("c1",), LIMIT)
    assert [source.pair for source in update.sources] == ["p21", "p22"]
    assert edits(propose(make_article((LIMIT, 21))), "UPDATE") == []


def test_only_what_saves_something_goes_on_best_first_and_few_of_a_kind():
    article = make_article(*((f"Storks nest on chimney number {n}.", 40 + n) for n in range(1, 7)))
    proposals = propose(article)
    saved = [proposal.saved for proposal in proposals if proposal.saved is not None]
    assert saved == sorted(saved, reverse=True) and min(saved) > 0
    assert len(edits(proposals, "DELETE")) == PER_KIND


def test_every_proposal_can_be_applied():
    article = make_article((TALK, 41), (BLOCK, 11), (AGAIN, 12), (LONG, 22), (OLD, 31))
    for proposal in propose(article, budget=60):
        assert apply_edit(article, proposal.edit) != article


def test_a_claim_ends_when_later_calls_say_otherwise():
    proposer = Proposer(PAIRS, make_scorer(), by_words, budget=200)
    article = make_article((OLD, 31), (NEW, 32))
    (edit,) = proposer.supersessions(article)
    assert (edit.op, edit.removed, edit.text, edit.until) == ("UPDATE", ("c1",), None, "2026-01-01")
    assert proposer.supersessions(apply_edit(article, edit)) == []


def test_the_words_of_a_claim_decide_whether_it_ends_whoever_else_is_cited():
    proposer = Proposer(PAIRS, make_scorer(), by_words, budget=200)
    article = make_article((OLD, 31), (NEW, 32))
    old, new = article.claims
    old, new = dataclasses.replace(old, sources=("s1", "s2")), dataclasses.replace(new, sources=("s2", "s1"))
    (edit,) = proposer.supersessions(dataclasses.replace(article, claims=(old, new)))
    assert edit.removed == (old.id,)
    mended = dataclasses.replace(old, text="A card is renewed every 4 years.")
    assert proposer.supersessions(dataclasses.replace(article, claims=(mended, new))) == []


def test_proposals_depend_on_the_article_alone():
    article = make_article((TALK, 41), (BLOCK, 11), (AGAIN, 12), (LONG, 22))
    proposer = Proposer(PAIRS, make_scorer(TIRES), by_words, budget=60)

    async def work():
        first = await proposer.propose(article)
        await proposer.propose(apply_edit(article, first[0].edit))
        return first, await proposer.propose(article)

    first, later = anyio.run(work)
    assert first == later


def test_what_the_sieve_chose_is_not_judged_by_it_and_what_many_state_comes_first():
    proposals = propose(make_article((TALK, 41), (BLOCK, 11)))
    added = [each for each in proposals if each.edit.op == "ADD"]
    assert proposals[: len(added)] == added and added[0].edit.text == FEE
    assert all(each.saved is None and not each.chosen_by for each in added)
    sieved = [each for each in proposals if each.edit.op != "ADD"]
    calls = [pair.conversation for pair in PAIRS]
    assert sieved and all(each.chosen_by == frozenset(calls[::2]) for each in sieved)


def test_the_calls_that_judge_have_no_part_in_the_sieve():
    article = make_article((FEE, 1), (BLOCK, 11), (TALK, 41))
    mute = [
        dataclasses.replace(pair, y="Good morning?") if place % 2 and pair.y.endswith("?") else pair
        for place, pair in enumerate(PAIRS)
    ]
    before, after = (
        {each.edit: each.saved for each in propose(article, pairs=pairs) if each.edit.op == "DELETE"}
        for pairs in (PAIRS, mute)
    )
    assert before and before == after and mute != PAIRS
