import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from reer.manual import Check, Claim
from reer.page import parse_article, render_article
from reer.signing import enter, sign, sign_page
from reer.tables import TRUST, trust_row
from reer.trust import changed_since, is_stale, last_check, trust_record
from tests.reer.test_manual import ARTICLE
from workbench.errors import DataError, UsageError

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)


def signed(article=ARTICLE, by="human:vale", at=NOW):
    return sign(article, by, at, status="stable", days=90)


def test_a_signature_makes_an_article_stable_and_moves_its_time():
    article = signed()
    assert (article.tier, article.status, article.stale_after) == (
        "human-reviewed",
        "stable",
        "2027-02-24T09:00:00+00:00",
    )
    assert article.claims == ARTICLE.claims and article.generated_at == ARTICLE.generated_at
    assert parse_article(render_article(article)) == article


@pytest.mark.parametrize("by", ["vale", "human:", "human:a b", "human:a/b", "", "robot:x", "openbook/"])
def test_who_signs_is_an_actor(by):
    with pytest.raises(UsageError, match="give human:ID, process:ID or PRODUCER/VERSION"):
        signed(by=by)


def test_an_edit_after_the_check_shows_and_leaves_the_tier():
    article = signed()
    assert not changed_since(article)
    edited = parse_article(render_article(article).replace("12 euros.[", "13 euros.["))
    assert changed_since(edited) and edited.tier == "human-reviewed"
    assert not changed_since(signed(edited, at=NOW + timedelta(days=1)))
    other_words = dataclasses.replace(article.sources[0], quote="a card costs 11 euros.")
    assert changed_since(dataclasses.replace(article, sources=(other_words,)))


def test_what_is_no_claim_may_change():
    article = dataclasses.replace(signed(), remarks=("A note.",), accepted=("x",), generated_at="2027-01-01T00:00:00Z")
    assert not changed_since(article)


def test_a_check_that_noted_no_content_is_compared_by_its_time():
    old = dataclasses.replace(ARTICLE, verified=(Check("human:vale", "2026-11-24T10:00:00Z"),))
    new = dataclasses.replace(ARTICLE, verified=(Check("human:vale", "2026-11-25"), Check("human:wu", "2026-11-26")))
    assert changed_since(old) and not changed_since(new)
    assert not changed_since(ARTICLE) and last_check(ARTICLE) is None


def test_a_process_renews_no_persons_word():
    edited = dataclasses.replace(signed(), claims=(*ARTICLE.claims, Claim("c3", "New.", ("p1.0",))))
    nightly = signed(edited, "process:nightly", NOW + timedelta(days=1))
    assert last_check(nightly).by == "human:vale" and changed_since(nightly)


def test_time_passes_at_the_instant_itself():
    article = signed()
    assert not is_stale(article, NOW + timedelta(days=90, seconds=-1))
    assert is_stale(article, NOW + timedelta(days=90))
    assert not is_stale(ARTICLE, NOW)
    with pytest.raises(DataError, match="stale_after of article 'cards': 'soon' is no ISO 8601 moment"):
        is_stale(dataclasses.replace(ARTICLE, stale_after="soon"), NOW)


def test_a_row_tells_it_in_words():
    late = NOW + timedelta(days=91)
    row = dict(zip(TRUST, trust_row(trust_record(signed(), late)), strict=True))
    assert (row["last check"], row["changed since"], row["look again from"]) == (
        "2026-11-26",
        "no",
        "2027-02-24 (passed)",
    )
    assert trust_row(trust_record(ARTICLE, NOW)) == ["cards", "unverified", None, None, None, "draft", None]


def test_signing_changes_the_page_and_the_log_alone(tmp_path):
    (tmp_path / "cards.md").write_text(render_article(ARTICLE))
    (tmp_path / "loans.md").write_text(render_article(dataclasses.replace(ARTICLE, category="loans")))
    (tmp_path / "log.md").write_text("# Log\n\n## 2026-11-25\n\n* **Creation**: all\n")
    before = (tmp_path / "loans.md").read_bytes()
    article = sign_page(tmp_path, "cards", signed)
    assert parse_article((tmp_path / "cards.md").read_text()) == article == signed()
    assert (tmp_path / "loans.md").read_bytes() == before
    assert (tmp_path / "log.md").read_text() == (
        "# Log\n\n## 2026-11-26\n\n* **Verification**: [Cards](cards.md) by human:vale, now stable\n\n"
        "## 2026-11-25\n\n* **Creation**: all\n"
    )
    for name in ("card", "log", "../cards"):
        with pytest.raises(UsageError, match="has no article"):
            sign_page(tmp_path, name, signed)


def test_a_log_stays_newest_first():
    log = enter("# Log\n", "2026-02-01", "* a")
    log = enter(enter(enter(log, "2026-02-03", "* b"), "2026-02-02", "* c"), "2026-02-03", "* d")
    assert log == "# Log\n\n## 2026-02-03\n\n* d\n* b\n\n## 2026-02-02\n\n* c\n\n## 2026-02-01\n\n* a\n"
