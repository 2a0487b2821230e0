import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reer.citations import as_sentence
from reer.manual import Article, Check, Claim, Source, context_text
from reer.page import parse_article, render_article
from reer.statements import Statement
from tests.reer.builders import make_pair
from workbench.errors import DataError

LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=30).map(
    lambda text: " ".join(text.split()) or "x"
)
ENDS = st.none() | st.dates().map(lambda day: day.isoformat())

EXTRA = st.dictionaries(st.sampled_from(["title", "usage_count"]), LINES, max_size=1)
CHECKS = st.builds(Check, LINES, st.just("2026-11-25T10:00:00+00:00"), st.none() | st.just("0123456789abcdef"))


@st.composite
def articles(draw):
    sources = tuple(
        Source(f"p{n}.{n}", f"p{n}", draw(LINES), n, draw(LINES), draw(st.none() | LINES), draw(ENDS), draw(EXTRA))
        for n in range(draw(st.integers(1, 4)))
    )
    ids = st.lists(st.sampled_from([source.id for source in sources]), min_size=1, max_size=3, unique=True)
    claims = [
        Claim(f"c{n}", draw(LINES.filter(lambda t: "[^" not in t and "(until" not in t)), tuple(draw(ids)), draw(ENDS))
        for n in range(1, draw(st.integers(1, 6)))
    ]
    claims.sort(key=lambda claim: claim.until is not None)
    return Article(
        "cards",
        draw(LINES),
        draw(LINES.filter(lambda t: not t.startswith(("-", "[")))),
        tuple(claims),
        sources,
        "test",
        "2026-11-25T10:00:00+00:00",
        stale_after=draw(st.none() | st.datetimes().map(lambda at: f"{at.isoformat()}+00:00")),
        verified=tuple(draw(st.lists(CHECKS, max_size=2))),
        accepted=tuple(draw(st.lists(LINES, max_size=2))),
        remarks=tuple(f"Note {line}" for line in draw(st.lists(LINES, max_size=2))),
        extra=draw(st.dictionaries(st.sampled_from(["owner", "tags"]), LINES)),
    )


@given(articles())
def test_an_article_is_read_back_as_it_was_written(article):
    assert parse_article(render_article(article)) == article


SOURCE = Source("p1.0", "p1", "call1", 2, "a card costs 12 euros.", "agent-a", "2026-01-02")
ARTICLE = Article(
    "cards",
    "Cards",
    "All about cards.",
    (Claim("c1", "A card costs 12 euros.", ("p1.0",)), Claim("c2", "A card costs 9 euros.", ("p1.0",), "2026-01-02")),
    (SOURCE,),
    "test",
    "2026-11-25T10:00:00+00:00",
)


def test_a_model_sees_current_claims_only():
    assert context_text(ARTICLE) == "# Cards\n- A card costs 12 euros.\n"


def test_history_has_a_chapter_of_its_own():
    text = render_article(ARTICLE)
    assert "## No longer\n\n- [c2] A card costs 9 euros. (until 2026-01-02)[^p1.0]" in text
    assert text.startswith("---\ntype: manual-article\n")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("---\ntype", "type", "begins with no front matter"),
        ("type: manual-article", "type: note", "no 'type: manual-article'"),
        ("title: Cards", "title: [", "no YAML"),
        ("category: cards\n", "", "lacks 'category'"),
        ("status: draft", "status: new", "'new' is none of draft, stable, deprecated"),
        ("12 euros.[^p1.0]", "12 euros.", "has no footnote"),
        ("12 euros.[^p1.0]", "12 euros.[^p9.0]", "cites 'p9.0'"),
    ],
)
def test_an_article_broken_by_hand_is_refused_with_its_name(old, new, said):
    text = render_article(ARTICLE)
    assert old in text
    with pytest.raises(DataError, match=said) as caught:
        parse_article(text.replace(old, new, 1), "cards.md")
    assert "cards.md" in str(caught.value)


def test_a_status_is_kept():
    stable = dataclasses.replace(ARTICLE, status="stable", stale_after="2027-01-01")
    assert parse_article(render_article(stable)) == stable


def test_what_a_person_added_by_hand_stays():
    text = render_article(ARTICLE).replace("category: cards", "category: cards\nowner: Ms Vale\nreviews: [2025, 2026]")
    text = text.replace("- [c1]", "Ask Ms Vale before you change this.\n\nShe knows.\n- [c1]")
    article = parse_article(text)
    assert article.remarks == ("Ask Ms Vale before you change this.", "", "She knows.")
    assert article.extra == {"owner": "Ms Vale", "reviews": [2025, 2026]}
    again = render_article(article)
    assert "Ask Ms Vale before you change this.\n\nShe knows.\n" in again and "owner: Ms Vale" in again
    assert parse_article(again) == article
    assert "Vale" not in context_text(article)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("the fee is 9 euros (until 2026-01-02)", "The fee is 9 euros until 2026-01-02"),
        ("the fee is 9 euros [^1]", "The fee is 9 euros [1]"),
        ("9 euros (until 2026-01-02) (until 2026-01-03)", "9 euros (until 2026-01-02) until 2026-01-03"),
        ("the fee (until 2026-01-02) is 9 euros.", "The fee (until 2026-01-02) is 9 euros."),
    ],
)
def test_words_that_look_like_marks_of_a_page_are_read_back_as_words(said, text):
    statement = Statement(said, make_pair(1, said), 0, len(said), ())
    claim = Claim("c1", as_sentence(statement), ("p1.0",))
    assert claim.text == text
    article = dataclasses.replace(ARTICLE, claims=(claim,))
    assert parse_article(render_article(article)) == article


@pytest.mark.parametrize(
    "changes",
    [
        {"claims": (Claim("c1", "9 euros (until 2026-01-02)", ("p1.0",)),)},
        {"claims": (Claim("c1", "9 euros [^1]", ("p1.0",)),)},
        {"claims": (Claim("c1", "9 euros\nand more", ("p1.0",)),)},
        {"claims": (Claim("c1", "9 euros", ()),)},
        {"remarks": ("- [c9] 9 euros[^p1.0]",)},
        {"sources": (dataclasses.replace(SOURCE, quote="two\nlines"),)},
    ],
)
def test_what_would_not_be_read_back_is_not_written(changes):
    with pytest.raises(ValueError, match="cards"):
        render_article(dataclasses.replace(ARTICLE, **changes))


@pytest.mark.parametrize(
    ("verified", "tier"),
    [
        ("", "unverified"),
        ("verified: {by: process:nightly, at: 2026-06-25T09:00:00Z}\n", "machine-confirmed"),
        ("verified:\n- {by: openbook/1, at: 2026-06-25}\n- {by: human:vale, at: 2026-06-25}\n", "human-reviewed"),
    ],
)
def test_trust_follows_from_who_has_verified(verified, tier):
    article = parse_article(render_article(ARTICLE).replace("status: draft\n", f"status: draft\n{verified}"))
    assert article.tier == tier
    assert parse_article(render_article(article)) == article


def test_ids_are_never_used_again():
    assert ARTICLE.next_claim_id() == "c3"
    text = render_article(ARTICLE).replace("- [c2]", "- [c1]")
    with pytest.raises(DataError, match="two claims have the id c1"):
        parse_article(text)
