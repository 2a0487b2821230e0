import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reer.manual import Article, Claim, Source, context_text, parse_article, render_article
from workbench.errors import DataError

LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=30).map(
    lambda text: " ".join(text.split()) or "x"
)
ENDS = st.none() | st.dates().map(lambda day: day.isoformat())


@st.composite
def articles(draw):
    sources = tuple(
        Source(f"p{n}.{n}", f"p{n}", draw(LINES), n, draw(LINES), draw(st.none() | LINES), draw(ENDS))
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
