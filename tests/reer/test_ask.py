import dataclasses
from datetime import UTC, datetime

import numpy as np
import pytest

from lm.encoder import encoder_installed
from reer.ask import SHOWN, Bar, Finder, content_words
from reer.manual import Article, Check, Claim, Source
from reer.quoting import answer_record, format_answer
from reer.remembered import remember
from tests.reer.builders import by_words
from workbench.errors import UsageError

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def make_article(category: str, *texts: str, **more) -> Article:
    sources = tuple(
        Source(f"s{n}", f"p{n}", f"call{n}", 2, text, "agent-a", "2026-01-02") for n, text in enumerate(texts, start=1)
    )
    claims = tuple(Claim(f"c{n}", text, (f"s{n}",)) for n, text in enumerate(texts, start=1))
    title, description = category.capitalize(), f"All about {category}."
    return Article(category, title, description, claims, sources, "test/1", "2026-11-25T10:00:00+00:00", **more)


CARDS = make_article(
    "cards",
    "Replacing a lost debit card costs 12 euros.",
    "The daily limit for cash withdrawals with the debit card is 800 euros.",
    "A new PIN is sent by post only.",
    "Contactless payments up to 40 euros need no PIN.",
)
LOANS = make_article("loans", "Early repayment costs 1 percent.", "A personal loan runs for 84 months at most.")
MANUAL = {"cards": CARDS, "loans": LOANS}
QUESTION = "What does replacing a lost debit card cost?"


@pytest.mark.parametrize("encode", [None, by_words], ids=["words alone", "embeddings"])
def test_the_claim_that_answers_comes_first(encode):
    found = Finder(MANUAL, encode).find(QUESTION)
    assert found.shown[0].citation == "[cards:c1]"
    assert 1 <= len(found.shown) <= SHOWN and all(hit.score >= found.bar for hit in found.shown)
    assert len(found.hits) == 6


def test_a_manual_is_silent_on_what_it_does_not_hold():
    found = Finder(MANUAL).find("When do the clocks go back this autumn?")
    assert found.shown == () and found.hits


def test_the_words_of_a_source_find_its_claim_too():
    said = dataclasses.replace(LOANS.sources[0], quote="Paying the mortgage back sooner takes one percent.")
    loans = dataclasses.replace(LOANS, sources=(said, LOANS.sources[1]))
    for encode in (None, by_words):
        assert Finder({"loans": loans}, encode).find("paying the mortgage back sooner").hits[0].id == "loans:c1"


def test_what_has_ended_and_what_is_deprecated_is_not_found():
    ended = dataclasses.replace(CARDS.claims[0], until="2026-01-01")
    cards = dataclasses.replace(CARDS, claims=(*CARDS.claims[1:], ended))
    loans = dataclasses.replace(LOANS, status="deprecated")
    hits = Finder({"cards": cards, "loans": loans}).find(QUESTION).hits
    assert [hit.id for hit in hits if hit.id == "cards:c1" or hit.article is loans] == []
    with pytest.raises(UsageError, match="no current claim"):
        Finder({"loans": loans})


def test_an_empty_question_is_refused_and_one_of_small_words_finds_nothing():
    with pytest.raises(UsageError, match="the question is empty"):
        Finder(MANUAL).find(" \n")
    assert Finder(MANUAL).find("What is it?").shown == ()


@pytest.mark.parametrize("encode", [None, by_words], ids=["words alone", "embeddings"])
def test_a_question_with_bytes_that_are_no_text_is_answered(encode):
    found = Finder(MANUAL, encode).find(f"{QUESTION} \udcff\ud800")
    assert found.question == f"{QUESTION} ??" and found.hits[0].citation == "[cards:c1]"
    answer_record(found, None, NOW)["question"].encode()


def test_the_bar_sinks_with_the_length_of_the_question():
    bar = Bar(1.0, 0.25)
    assert bar.at(0) == bar.at(1) == 1.0
    assert bar.at(20) < bar.at(4) < 1.0


def test_words_of_content_have_no_endings():
    assert content_words("What would the cards cost, and replacing them?") == ["card", "cost", "replac"]


def test_a_quote_tells_where_it_is_from_and_how_far_it_may_be_trusted():
    check = Check("human:vale", "2025-01-01T00:00:00Z")
    cards = dataclasses.replace(CARDS, status="stable", stale_after="2026-11-25T00:00:00Z", verified=(check,))
    record = answer_record(Finder({"cards": cards}).find(QUESTION), None, NOW)
    assert record["answer"] is None and not record["silent"]
    first = record["claims"][0]
    assert first["sources"][0] == {
        "id": "s1",
        "pair": "p1",
        "conversation": "call1",
        "turn": 2,
        "speaker": "agent-a",
        "date": "2026-01-02",
        "quote": "Replacing a lost debit card costs 12 euros.",
    }
    assert first["trust"]["stale"] and first["trust"]["changed_since"]
    text = format_answer(record)
    assert text.startswith(
        "[cards:c1] Replacing a lost debit card costs 12 euros.\n    call call1, turn 2, agent-a, 2026"
    )
    assert "human-reviewed (human:vale, 2025-01-01), stable" in text
    assert "WARNING: to be looked at again since 2026-11-25" in text and "WARNING: changed since it was checked" in text


def test_a_fresh_claim_has_no_warning_and_silence_names_the_nearest():
    record = answer_record(Finder(MANUAL).find(QUESTION), None, NOW)
    assert "WARNING" not in format_answer(record) and "unverified, draft" in format_answer(record)
    silent = answer_record(Finder(MANUAL).find("When do the clocks go back?"), None, NOW)
    assert silent["silent"] and silent["claims"] == []
    assert format_answer(silent).startswith("The manual is silent on this. The nearest claim is [")


def test_what_was_said_cannot_steer_a_terminal():
    said = dataclasses.replace(CARDS.sources[0], quote="a lost\x1b[2J debit card\x07 costs 12 euros.")
    cards = dataclasses.replace(CARDS, sources=(said, *CARDS.sources[1:]))
    text = format_answer(answer_record(Finder({"cards": cards}).find(QUESTION), None, NOW))
    assert "a lost[2J debit card costs" in text


@pytest.mark.skipif(not encoder_installed(), reason="needs openbook[local]")
def test_meanings_find_what_no_word_does():
    from lm.encoder import Encoder

    found = Finder(MANUAL, Encoder().encode).find("I mislaid my bank card; how much for another?")
    assert found.hits[0].id == "cards:c1"


def test_embeddings_are_kept_and_the_same(tmp_path):
    asked = []

    def encode(texts):
        asked.append(list(texts))
        return by_words(texts)

    texts = ["a lost card costs twelve euros", "a loan", "short"]
    kept = remember(encode, tmp_path / "e", "by words")
    first, again = kept(texts), kept(texts)
    np.testing.assert_array_equal(first, by_words(texts))
    np.testing.assert_array_equal(first, again)
    assert len(asked) == 1
    remember(encode, tmp_path / "e", "another")(texts)
    kept(texts[:2])
    assert len(asked) == 3
    (tmp_path / "e").joinpath("x").write_text("")
    for path in (tmp_path / "e").glob("*.npy"):
        path.write_bytes(b"torn")
    np.testing.assert_array_equal(kept(texts), first)


def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path):
    (tmp_path / "file").write_text("")
    points = remember(by_words, tmp_path / "file", "by words")(["a", "b"])
    np.testing.assert_array_equal(points, by_words(["a", "b"]))
