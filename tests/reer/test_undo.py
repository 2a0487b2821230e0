import dataclasses

import pytest
from hypothesis import given

from reer.claim_diff import diff_manuals
from reer.manual import Article, Claim
from reer.undo import undo_article
from tests.reer.git_builders import CLAIMS, SOURCES, make_article, with_text
from tests.reer.test_claim_diff import manuals
from workbench.errors import DataError

FOUR = Claim("c4", "A lost card costs 14 euros to replace.", ("s3",))
PIN = Claim("c5", "The PIN comes by post.", ("s2",))


def texts(article: Article | None) -> dict[str, str]:
    assert article is not None
    return {claim.id: claim.text for claim in article.claims}


@given(manuals(), manuals())
def test_undoing_the_latest_change_leads_back(old, new):
    for slug in {*old, *new}:
        undone = undo_article(old.get(slug), new.get(slug), new.get(slug))
        before = {slug: old[slug]} if slug in old else {}
        if undone is not None or before:
            assert diff_manuals({slug: undone} if undone else {}, before).is_empty


@given(manuals(), manuals())
def test_undoing_what_is_undone_changes_nothing(old, new):
    for slug in {*old, *new}:
        assert undo_article(old.get(slug), new.get(slug), old.get(slug)) == old.get(slug)


def test_what_was_added_since_stays_and_what_was_removed_comes_back_at_its_place():
    old, new = make_article(), make_article(CLAIMS[0], CLAIMS[2])
    now = make_article(CLAIMS[0], CLAIMS[2], PIN)
    undone = undo_article(old, new, now)
    assert list(texts(undone)) == ["c1", "c2", "c3", "c5"]


def test_a_superseded_rule_holds_again():
    ended = with_text(CLAIMS[0].text, until="2026-05-01")
    undone = undo_article(make_article(), make_article(*ended, FOUR), make_article(*ended, FOUR, PIN))
    assert undone is not None and undone.current == (*CLAIMS, PIN)


def test_a_claim_that_was_changed_again_is_a_conflict_with_its_name():
    new, now = make_article(*with_text("It costs 14 euros.")), make_article(*with_text("It costs 15 euros."))
    with pytest.raises(DataError, match=r"claim cards:c1 was changed again since \(it says 'It costs 15 euros.'\)"):
        undo_article(make_article(), new, now)
    with pytest.raises(DataError, match=r"claim cards:c1 was changed again since \(it is gone\)"):
        undo_article(make_article(), new, make_article(*CLAIMS[1:]))


def test_facts_of_the_article_go_back_each_by_itself():
    old, new = make_article(), make_article(status="stable", description="New.")
    undone = undo_article(old, new, dataclasses.replace(new, stale_after="2027-01-01", claims=(*CLAIMS, PIN)))
    assert undone is not None
    assert (undone.status, undone.description, undone.stale_after) == ("draft", old.description, "2027-01-01")
    with pytest.raises(DataError, match="description of article 'cards' was changed again"):
        undo_article(old, new, dataclasses.replace(new, description="Newer."))


def test_sources_come_back_with_their_claim_under_an_id_that_is_free():
    old = dataclasses.replace(make_article(CLAIMS[0]), sources=SOURCES[:1])
    new = dataclasses.replace(make_article(FOUR), sources=SOURCES[2:])
    other = dataclasses.replace(SOURCES[1], id="s1")
    now = dataclasses.replace(
        new, sources=(*SOURCES[2:], other), claims=(FOUR, dataclasses.replace(PIN, sources=("s1",)))
    )
    undone = undo_article(old, new, now)
    assert undone is not None and undone.sources == (other, dataclasses.replace(SOURCES[0], id="s2"))
    assert [claim.sources for claim in undone.claims] == [("s2",), ("s1",)]


def test_an_article_that_the_commit_made_goes_when_nothing_else_is_in_it():
    new = make_article()
    assert undo_article(None, new, new) is None
    left = undo_article(None, new, make_article(*CLAIMS, PIN))
    assert left is not None and left.claims == (PIN,)
    with pytest.raises(DataError, match="was removed since"):
        undo_article(make_article(PIN), new, None)
