from __future__ import annotations

import anyio
import pytest

from lm.score_cache import ScoreCache
from lm.scores import Scorer
from reer.build import Tools, build_manual
from reer.draft import candidates
from reer.facts import find_facts
from reer.manual import context_text
from reer.recall import check_key
from reer.shelf import load_manual
from reer.statements import find_statements
from tests.reer.builders import Reader, by_words, make_pair
from workbench.errors import DataError, UsageError
from workbench.jsonl import append_jsonl

CATEGORIES = {"cards": "All about cards.", "loans": "All about loans."}
PAIRS = [
    make_pair(1, "Hello dear. A lost card costs 12 euros.", day="2025-11-01"),
    make_pair(2, "Sure thing. A lost card costs 12 euros to replace.", day="2026-01-01"),
    make_pair(3, "A lost card costs 9 euros.", day="2025-01-01"),
    make_pair(4, "My dog must bark at night if strangers come."),
    make_pair(5, "Early repayment costs 1 percent of the rest.", category="loans"),
    make_pair(6, "So early repayment costs 1 percent.", category="loans"),
]
TEST = [
    make_pair(11, "A lost card costs 12 euros, sorry."),
    make_pair(12, "Early repayment costs 1 percent there.", category="loans"),
    make_pair(13, "Early repayment costs 1 percent.", category="loans"),
]


def build(folder, pairs=PAIRS, *, budget=100, cache=None, on_article=lambda slug: None):
    reader = Reader()
    tools = Tools(Scorer(reader, cache=cache), by_words, lambda: 0.0)

    async def work():
        return await build_manual(pairs, CATEGORIES, folder, tools, budget=budget, on_article=on_article)

    return anyio.run(work), reader


def test_a_manual_holds_what_helps_with_other_calls_and_its_sources(tmp_path):
    report, _ = build(tmp_path / "m")
    articles = load_manual(tmp_path / "m")
    assert set(articles) == {"cards", "loans"}
    text = context_text(articles["cards"])
    assert "12 euros" in text and "9 euros" not in text and "dog" not in text
    said = {pair.id: pair.y for pair in PAIRS}
    for article in articles.values():
        for source in article.sources:
            assert source.quote in said[source.pair]
    (ended,) = [claim for claim in articles["cards"].claims if claim.until]
    assert (ended.text, ended.until) == ("A lost card costs 9 euros.", "2025-11-01")
    assert [row["category"] for row in report["articles"]] == ["cards", "loans"]
    assert "[Cards](cards.md)" in (tmp_path / "m" / "index.md").read_text()
    log = (tmp_path / "m" / "log.md").read_text()
    assert "## 1970-01-01\n\n* **Creation**: [Cards](cards.md)" in log
    assert f"{report['articles'][0]['refused']} facts that saved too little, 0 that found no room\n" in log


def test_the_budget_is_kept(tmp_path):
    report, _ = build(tmp_path / "m", budget=50)
    assert all(row["tokens"] <= 50 for row in report["articles"])
    report, _ = build(tmp_path / "n", budget=3)
    assert [row["crowded"] > 0 for row in report["articles"]] == [True, True]


def test_a_build_that_was_stopped_leaves_nothing_and_scores_nothing_twice(tmp_path):
    cache = ScoreCache(tmp_path / "scores.sqlite")
    _, whole = build(tmp_path / "whole")

    def stop(_slug):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "m", cache=cache, on_article=stop)
    assert not (tmp_path / "m").exists()
    _, rest = build(tmp_path / "m", cache=cache)
    assert 0 < rest.scored < whole.scored
    assert (tmp_path / "m" / "cards.md").read_text() == (tmp_path / "whole" / "cards.md").read_text()


def test_a_living_manual_is_not_built_over(tmp_path):
    build(tmp_path / "m")
    before = (tmp_path / "m" / "cards.md").read_bytes()
    with pytest.raises(UsageError, match=r"is not empty \('cards.md' lies there\)"):
        build(tmp_path / "m")
    assert (tmp_path / "m" / "cards.md").read_bytes() == before


def test_an_answer_key_counts_what_is_recalled_and_what_is_outdated(tmp_path):
    build(tmp_path / "m")
    key = tmp_path / "key.jsonl"
    for fact in (
        {"id": "a", "category": "cards", "value": "12", "superseded": [{"value": "9"}]},
        {"id": "b", "category": "cards", "value": "13", "superseded": [{"value": "12"}]},
        {"id": "c", "category": "loans", "value": "early repayments"},
        {"id": "d", "category": "savings", "value": "1"},
        {"id": "e", "category": "loans", "value": "1", "unit": "%"},
        {"id": "f", "category": "loans", "value": "2 %"},
        {"id": "g", "category": "loans", "value": "18:30"},
    ):
        append_jsonl(key, fact)
    found = check_key(load_manual(tmp_path / "m"), key)
    assert (found["facts"], found["recalled"], found["missed"], found["outdated"]) == (
        7,
        3 / 7,
        ["b", "d", "f", "g"],
        ["b"],
    )
    append_jsonl(key, {"id": "h"})
    with pytest.raises(DataError, match=r"key.jsonl:8: lacks 'category'"):
        check_key(load_manual(tmp_path / "m"), key)


def test_a_number_of_a_customer_is_no_outdated_value(tmp_path):
    build(tmp_path / "m")
    key = tmp_path / "key.jsonl"
    for id_, old in (("a", "A lost card costs 12 euros."), ("b", "The notice for a savings account is 12 euros.")):
        append_jsonl(
            key, {"id": id_, "category": "cards", "value": "1", "superseded": [{"value": "12", "statement": old}]}
        )
    assert check_key(load_manual(tmp_path / "m"), key)["outdated"] == ["a"]


def test_a_fact_is_worded_without_the_numbers_of_one_case_and_without_pointing_back():
    fact = find_facts(
        [
            statement
            for pair in (
                make_pair(1, "It costs 12 euros."),
                make_pair(2, "A lost card costs 12 euros, so 47 euros."),
                make_pair(3, "A lost card costs 12 euros to replace here."),
            )
            for statement in find_statements(pair)
        ],
        by_words,
    )
    words = [statement.text for each in fact for statement in candidates(each)]
    assert words[0] == "A lost card costs 12 euros to replace here." and words[-1] == "It costs 12 euros."
