from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reer.citations import one_line
from reer.claim_edits import Edit, apply_edit, article_tokens, can_apply
from reer.draft import count_words
from reer.manual import Article, Claim, Source, context_text
from reer.page import parse_article, render_article
from tests.reer.git_builders import SOURCES, make_article

HEARD = SOURCES[2]
WORDS = st.text(min_size=1, max_size=30).map(one_line).filter(bool)
CALLS = st.integers(min_value=1, max_value=4)


@st.composite
def heard(draw: st.DrawFn, article: Article) -> tuple[Source, ...]:
    """Sources of the article and one that is new to it."""
    ids = [int(source.id[1:]) for source in article.sources]
    call = draw(CALLS)
    new = Source(f"s{1 + max(ids, default=0)}", f"p{call}", f"call{call}", 2, draw(WORDS), "agent-a", "2026-01-02")
    known = draw(st.lists(st.sampled_from(article.sources), max_size=2, unique=True)) if article.sources else []
    return (*known, new)


@st.composite
def edits_of(draw: st.DrawFn, article: Article) -> Edit:
    current = [claim.id for claim in article.current]
    ops = ["ADD", *(["UPDATE", "DELETE"] if current else []), *(["MERGE"] if len(current) > 1 else [])]
    op = draw(st.sampled_from(ops))
    counts = {"ADD": (0, len(current)), "UPDATE": (1, 1), "DELETE": (1, 1), "MERGE": (2, 2)}
    fewest, most = counts[op]
    picked = st.lists(st.sampled_from(current), min_size=fewest, max_size=most, unique=True) if most else st.just([])
    removed = tuple(draw(picked))
    until = draw(st.sampled_from([None, "2026-05-01"])) if op in ("UPDATE", "MERGE") else None
    text = None if op == "DELETE" or (op == "UPDATE" and until and draw(st.booleans())) else draw(WORDS)
    return Edit(op, article.category, "because", removed, text, draw(heard(article)) if text else (), until)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[Article, Edit, Article]]:
    """Edits one after the other, each with the article before and after it."""
    article = make_article()
    steps = []
    for _ in range(draw(st.integers(min_value=1, max_value=6))):
        edit = draw(edits_of(article))
        after = apply_edit(article, edit)
        steps.append((article, edit, after))
        article = after
    return steps


def by_id(article: Article) -> dict[str, Claim]:
    return {claim.id: claim for claim in article.claims}


@settings(max_examples=40)
@given(histories())
def test_an_id_never_comes_back_as_another_claim(steps):
    ever: set[str] = set(by_id(steps[0][0]))
    for before, _edit, after in steps:
        new = set(by_id(after)) - set(by_id(before))
        assert not new & ever
        assert len(by_id(after)) == len(after.claims)
        ever |= new


@settings(max_examples=40)
@given(histories())
def test_every_edit_leaves_a_page_that_reads_as_it_was_written(steps):
    for _before, _edit, after in steps:
        page = render_article(after)
        read = parse_article(page)
        assert render_article(read) == page
        assert by_id(read) == by_id(after) and read.current == after.current
        assert (read.sources, read.next_claim_id()) == (after.sources, after.next_claim_id())
        assert context_text(read) == context_text(after)


@settings(max_examples=40)
@given(histories())
def test_no_claim_is_without_its_source_and_no_source_without_a_claim(steps):
    for before, _edit, after in steps:
        cited = {note for claim in after.claims for note in claim.sources}
        assert all(claim.sources for claim in after.claims)
        assert cited == {source.id for source in after.sources}
        assert all(after.source(source.id) == source for source in before.sources if source.id in cited)


@settings(max_examples=40)
@given(histories())
def test_claims_that_the_edit_does_not_name_stay_as_they_are_and_in_their_order(steps):
    for before, edit, after in steps:
        others = [claim for claim in before.claims if claim.id not in edit.removed]
        assert [claim for claim in after.claims if claim in others] == others


@settings(max_examples=40)
@given(histories())
def test_touches_names_every_call_whose_words_go_or_come(steps):
    for before, edit, after in steps:
        gone = [before.source(by_id(before)[id_].sources[0]) for id_ in edit.removed]
        changed = [claim for claim in after.claims if claim not in before.claims and claim.until is None]
        come = [after.source(claim.sources[0]) for claim in changed]
        assert edit.touches(before) == {source.conversation for source in (*gone, *come)}


def test_an_update_keeps_the_id_and_the_place():
    article = make_article()
    after = apply_edit(article, Edit("UPDATE", "cards", "shorter", ("c2",), "Block a card in the app.", SOURCES[1:2]))
    assert [claim.id for claim in after.claims] == ["c1", "c2", "c3"]
    assert by_id(after)["c2"] == Claim("c2", "Block a card in the app.", ("s2",))


def test_a_merger_stands_under_the_first_id_in_its_place():
    for removed in (("c1", "c3"), ("c3", "c1")):
        edit = Edit("MERGE", "cards", "the same", removed, "A lost card costs 12 euros.", SOURCES[:2])
        after = apply_edit(make_article(), edit)
        assert {claim.id for claim in after.claims} == {"c2", removed[0]}
        assert by_id(after)[removed[0]] == Claim(removed[0], "A lost card costs 12 euros.", ("s1", "s2"))


def test_a_claim_that_ended_keeps_its_words_and_its_sources():
    article = make_article()
    after = apply_edit(article, Edit("UPDATE", "cards", "newer", ("c1",), until="2026-05-01"))
    assert by_id(after)["c1"] == dataclasses.replace(by_id(article)["c1"], until="2026-05-01")
    assert after.sources == article.sources[:2] and "12 euros" not in context_text(after)
    replaced = Edit("UPDATE", "cards", "newer", ("c1",), "A lost card costs 14 euros.", (HEARD,), "2026-05-01")
    after = apply_edit(article, replaced)
    assert [claim.id for claim in after.claims] == ["c1", "c4", "c2", "c3"]
    assert (by_id(after)["c1"].until, by_id(after)["c4"].sources) == ("2026-05-01", ("s3",))


def test_the_last_claim_deleted_leaves_its_number_taken():
    after = apply_edit(make_article(), Edit("DELETE", "cards", "useless", ("c3",)))
    again = parse_article(render_article(after))
    assert apply_edit(again, Edit("ADD", "cards", "new", (), "It is free.", (HEARD,))).claims[-1].id == "c4"


def test_an_addition_may_take_the_room_of_others():
    after = apply_edit(make_article(), Edit("ADD", "cards", "better", ("c1", "c2"), "It is free.", (HEARD,)))
    assert [claim.id for claim in after.claims] == ["c3", "c4"]
    assert article_tokens(after) == sum(count_words(claim.text) for claim in after.claims)


def test_sources_of_an_edit_made_for_another_state_keep_their_meaning():
    after = apply_edit(make_article(), Edit("ADD", "cards", "new", (), "It is free.", (HEARD,)))
    other = dataclasses.replace(HEARD, pair="p8", conversation="call8", quote="it is free of charge.")
    later = apply_edit(after, Edit("ADD", "cards", "new", (), "Free of charge.", (dataclasses.replace(HEARD), other)))
    assert later.claims[-1].sources == ("s3", "s4")
    assert (later.source("s3"), later.source("s4").quote) == (HEARD, "it is free of charge.")


def test_an_edit_can_be_applied_while_its_claims_stand_and_its_words_do_not():
    article = make_article()
    assert can_apply(article, Edit("DELETE", "cards", "useless", ("c1",)))
    ended = apply_edit(article, Edit("UPDATE", "cards", "newer", ("c1",), until="2026-05-01"))
    assert not can_apply(ended, Edit("DELETE", "cards", "useless", ("c1",)))
    assert not can_apply(article, Edit("DELETE", "cards", "useless", ("c9",)))
    assert not can_apply(article, Edit("ADD", "cards", "again", (), article.claims[1].text, SOURCES[1:2]))
    assert can_apply(article, Edit("MERGE", "cards", "same", ("c1", "c3"), article.claims[0].text, SOURCES[:2]))


def test_what_is_not_there_cannot_be_removed():
    with pytest.raises(ValueError, match="article 'cards' has no claim 'c9'"):
        apply_edit(make_article(), Edit("DELETE", "cards", "useless", ("c9",)))
