import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reer.claim_diff import Change, diff_manuals, locate, mark_words, share_words
from reer.diff_text import format_diff
from reer.manual import Article, Check, Claim
from tests.reer.git_builders import CLAIMS, make_article, with_text

TEXTS = st.sampled_from(
    ["a card costs 12 euros", "a card costs 14 euros", "call us", "a loan costs 1 percent", "x y z"]
)


@st.composite
def manuals(draw) -> dict[str, Article]:
    found = {}
    for slug in draw(st.sets(st.sampled_from(["cards", "loans", "fees"]))):
        numbers = draw(st.sets(st.integers(1, 7), max_size=5))
        claims = tuple(
            Claim(
                f"c{n}",
                draw(TEXTS),
                draw(st.sampled_from([("s1",), ("s2", "s1")])),
                draw(st.none() | st.just("2026-05-01")),
            )
            for n in sorted(numbers)
        )
        status = draw(st.sampled_from(["draft", "stable"]))
        found[slug] = dataclasses.replace(make_article(category=slug), claims=claims, status=status)
    return found


@given(manuals())
def test_equal_manuals_do_not_differ(manual):
    assert diff_manuals(manual, manual).is_empty
    assert format_diff(diff_manuals(manual, manual)) == "no change"


@given(manuals(), manuals())
def test_the_changes_lead_from_the_old_to_the_new(old, new):
    diff = diff_manuals(old, new)
    claims = locate(old)
    for change in diff.changes:
        if change.before:
            assert claims.pop(change.before.key) == change.before
    for change in diff.changes:
        if change.after:
            assert change.after.key not in claims
            claims[change.after.key] = change.after
    assert claims == locate(new)
    status = {slug: article.status for slug, article in old.items()}
    for setting in diff.settings:
        if setting.name == "status":
            assert status.pop(setting.article, None) == setting.before
            if setting.after:
                status[setting.article] = setting.after
    assert status == {slug: article.status for slug, article in new.items()}


MIRRORED = {"added": "removed", "removed": "added", "ended": "resumed", "resumed": "ended"}


@given(manuals(), manuals())
def test_the_swapped_diff_is_the_mirror(old, new):
    there, back = diff_manuals(old, new), diff_manuals(new, old)
    assert {(c.before, c.after) for c in there.changes} == {(c.after, c.before) for c in back.changes}
    assert sorted(MIRRORED.get(c.kind, c.kind) for c in there.changes) == sorted(c.kind for c in back.changes)
    assert {(s.article, s.name, s.before, s.after) for s in there.settings} == {
        (s.article, s.name, s.after, s.before) for s in back.settings
    }


def only(old: Article, new: Article) -> Change:
    (change,) = diff_manuals({"cards": old}, {"cards": new}).changes
    return change


def test_a_reworded_claim_is_one_change_shown_word_by_word():
    new = make_article(*with_text("A lost card costs 14 euros to replace."))
    assert only(make_article(), new).kind == "changed"
    text = format_diff(diff_manuals({"cards": make_article()}, {"cards": new}))
    assert text == "cards\n  ~ [c1] A lost card costs [-12-] {+14+} euros to replace."


def test_a_claim_under_another_id_is_found_by_its_text_then_by_its_words():
    same = dataclasses.replace(CLAIMS[0], id="c9")
    assert only(make_article(), make_article(*CLAIMS[1:], same)).kind == "cited"
    alike = dataclasses.replace(CLAIMS[0], id="c9", text="A lost card costs 14 euros to replace.")
    assert only(make_article(), make_article(*CLAIMS[1:], alike)).kind == "changed"
    other = dataclasses.replace(CLAIMS[0], id="c9", text="Loans need a payslip.")
    kinds = [
        c.kind for c in diff_manuals({"cards": make_article()}, {"cards": make_article(*CLAIMS[1:], other)}).changes
    ]
    assert kinds == ["removed", "added"]


def test_a_superseded_claim_is_shown_with_its_date_and_what_replaced_it():
    new = Claim("c4", "A lost card costs 14 euros to replace.", ("s3",))
    ended = with_text(CLAIMS[0].text, until="2026-05-01")
    diff = diff_manuals({"cards": make_article()}, {"cards": make_article(*ended, new)})
    assert [c.kind for c in diff.changes] == ["ended", "added"]
    assert diff.changes[0].replaced_by is not None and diff.changes[0].replaced_by.name == "cards:c4"
    assert format_diff(diff).splitlines() == [
        "cards",
        "  x [c1] ended 2026-05-01: A lost card costs 12 euros to replace.",
        "         replaced by [c4] A lost card costs 14 euros to replace.",
        "  + [c4] A lost card costs 14 euros to replace. (call7 turn 6)",
    ]


def test_a_claim_that_moved_is_shown_once():
    old = {
        "cards": make_article(),
        "loans": make_article(Claim("c1", "Loans need a payslip.", ("s1",)), category="loans"),
    }
    new = {
        "cards": make_article(*CLAIMS[:2]),
        "loans": make_article(*old["loans"].claims, dataclasses.replace(CLAIMS[2], id="c2"), category="loans"),
    }
    assert format_diff(diff_manuals(old, new)) == "loans\n  > [c2] from cards:c3: A card is renewed every four years."


def test_articles_that_come_and_go_and_their_facts_are_told_briefly():
    old = {"cards": make_article(), "fees": make_article(CLAIMS[0], category="fees")}
    check = Check("human:vale", "2026-06-25T09:00:00Z")
    new = {
        "cards": make_article(status="stable", stale_after="2027-01-01T00:00:00Z", verified=(check,)),
        "loans": make_article(Claim("c1", "Loans need a payslip.", ("s1",)), category="loans"),
    }
    assert format_diff(diff_manuals(old, new)).splitlines() == [
        "cards",
        "  * status: draft -> stable",
        "  * stale_after: none -> 2027-01-01T00:00:00Z",
        "  * verified: none -> human:vale at 2026-06-25T09:00:00Z",
        "fees (article removed)",
        "  - [c1] A lost card costs 12 euros to replace.",
        "loans (new article)",
        "  + [c1] Loans need a payslip. (call1 turn 2)",
    ]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("a b c", "a x c", "a [-b-] {+x+} c"),
        ("a", "a b c", "a {+b c+}"),
        ("a b", "", "[-a b-]"),
        ("", "", ""),
    ],
)
def test_words_are_marked(before, after, shown):
    assert mark_words(before, after) == shown


def test_numbers_are_words_of_their_own():
    assert share_words("It costs 4.90 euros", "it costs 4.90 euros!") == 1.0
    assert share_words("It costs 4.90 euros", "It costs 5.90 euros") == 0.75
    assert share_words("", "") == 0.0
