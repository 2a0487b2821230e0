from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from workbench.documents import Document, Span
from workbench.errors import DataError
from workbench.metrics import (
    METRICS,
    Counts,
    Tally,
    constant_baseline,
    count_spans,
    count_strings,
    gold_answers,
    match_boundaries,
    match_overlaps,
    match_spans,
    ratio,
    simplify_name,
)

COUNTS = st.builds(Counts, *[st.integers(0, 50)] * 3)
ANSWERS = st.lists(st.sampled_from(["Apple", "Apple Bank", "Bank", "Nokia", "", "Foo"]), max_size=5)


def document(text: str, *names: str, label: str = "company", **meta: object) -> Document:
    spans = tuple(Span(text.index(name), text.index(name) + len(name), label, name) for name in names)
    return Document("d", text, spans, meta)


def at(start: int, end: int, label: str = "x") -> Span:
    return Span(start, end, label, "." * (end - start))


@given(COUNTS, COUNTS, COUNTS)
def test_counts_form_a_commutative_monoid(a: Counts, b: Counts, c: Counts) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + Counts() == a


@given(COUNTS)
def test_counts_f1_is_the_harmonic_mean(counts: Counts) -> None:
    p, r = counts.precision, counts.recall
    assert counts.f1 == pytest.approx(2 * p * r / (p + r) if p + r else 0.0)
    assert 0 <= min(p, r) <= counts.f1 + 1e-12 <= max(p, r) + 2e-12


def test_counts_of_nothing_to_find_and_nothing_claimed_are_perfect() -> None:
    assert (Counts().precision, Counts().recall, Counts().f1) == (1.0, 1.0, 1.0)
    assert (Counts(fn=1).precision, Counts(fp=1).recall) == (0.0, 0.0)


@given(st.lists(COUNTS, min_size=1, max_size=8))
def test_ratio_of_tallies_is_the_f1_of_summed_counts(counts: list[Counts]) -> None:
    total = sum(counts, Counts())
    tallies = [Tally(2 * c.tp, 2 * c.tp + c.fp + c.fn) for c in counts]
    assert ratio(tallies) == pytest.approx(total.f1)


def test_ratio_of_no_tallies_is_missing_data() -> None:
    with pytest.raises(DataError, match="no scored document"):
        ratio([])


@given(answers=ANSWERS)
def test_metrics_stay_between_zero_and_one(answers: list[str]) -> None:
    doc = document("Apple Bank sued Nokia.", "Apple Bank", "Nokia")
    for metric in METRICS.values():
        tally = metric.tally(doc, answers)
        assert 0 <= tally.num <= tally.den


@pytest.mark.parametrize("name", METRICS)
def test_metrics_give_the_gold_answers_full_marks(name: str) -> None:
    doc, empty = document("Apple Bank sued Nokia.", "Apple Bank", "Nokia"), document("No firm here.")
    assert ratio([METRICS[name].tally(d, gold_answers(d)) for d in (doc, empty)]) == 1.0
    assert METRICS[name].tally(doc, ["Foo"]).num == 0.0


@pytest.mark.parametrize(
    ("name", "answers", "expected"),
    [
        ("strings", ["Apple Bank", " Apple Bank ", "Foo"], Counts(1, 1, 1)),
        ("strings", ["", "Nokia"], Counts(1, 1, 1)),
        ("strings", ["nokia"], Counts(0, 1, 2)),
        ("spans", ["Apple Bank", "Foo"], Counts(1, 1, 1)),
        ("spans", ["Apple", "Nokia"], Counts(1, 1, 1)),
        ("spans", ["Apple Bank", "Apple"], Counts(1, 0, 1)),
        ("boundary", ["Apple", ""], Counts(0, 2, 2)),
        ("overlap", ["Apple", "Bank", "Foo"], Counts(1, 2, 1)),
        ("normalized", ["APPLE  BANK, Inc.", "Nokia Oyj", "nokia"], Counts(2, 0, 0)),
        ("exact", ["Nokia", "Apple Bank"], 0.0),
        ("exact", [" Apple Bank", "Nokia"], 1.0),
        ("token_set", ["apple", "Foo"], 0.25),
        ("token_set", [], 0.0),
    ],
)
def test_metric_measures_known_answers(name: str, answers: list[str], expected: Counts | float) -> None:
    assert METRICS[name].measure(document("Apple Bank sued Nokia.", "Apple Bank", "Nokia"), answers) == expected


def test_spans_finds_every_occurrence_of_one_answer() -> None:
    doc = Document("d", "Apple, Apple", (Span(0, 5, "company", "Apple"), Span(7, 12, "company", "Apple")))
    assert count_spans(doc, ["Apple"]) == Counts(tp=2)
    assert count_strings(doc, ["Apple"]) == Counts(tp=1)


def test_spans_with_two_gold_labels_at_one_place_misses_one_and_boundary_none() -> None:
    doc = Document("d", "Apple", (Span(0, 5, "company", "Apple"), Span(0, 5, "brand", "Apple")))
    assert METRICS["spans"].measure(doc, ["Apple"]) == Counts(1, 0, 1)
    assert METRICS["boundary"].measure(doc, ["Apple"]) == Counts(1, 0, 0)


def test_labels_restrict_the_gold() -> None:
    doc = Document("d", "Apple AAPL", (Span(0, 5, "company", "Apple"), Span(6, 10, "ticker", "AAPL")))
    for count in (count_strings, count_spans):
        assert count(doc, ["Apple"], labels=["company"]) == Counts(tp=1)
        assert count(doc, ["AAPL"], labels=["company"]) == Counts(fp=1, fn=1)


def test_normalized_prefers_the_registry_name() -> None:
    doc = Document("d", "IBM rose", (Span(0, 3, "company", "IBM", "International Business Machines Corporation"),))
    assert METRICS["normalized"].measure(doc, ["international business machines corp."]) == Counts(tp=1)
    assert METRICS["normalized"].measure(doc, ["IBM"]) == Counts(fp=1, fn=1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Apple, Inc.", "apple"),
        ("Tiffany & Co.", "tiffany"),
        ("Merck KGaA", "merck"),
        ("Eni S.p.A.", "eni"),
        ("GmbH & Co. KG", "gmbh"),
        ("Novo Nordisk A/S", "novo nordisk"),
        ("The  Walt Disney Company", "the walt disney"),
        ("Co", "co"),
        ("Yahoo!", "yahoo!"),
        ("", ""),
    ],
)
def test_simplify_name_drops_legal_forms(name: str, expected: str) -> None:
    assert simplify_name(name) == expected


@given(st.lists(st.sampled_from(["Apple", "Co.", "Inc,", "&", "and", ",", "S.A.", "A,"]), max_size=5))
def test_simplify_name_is_idempotent_and_ignores_one_more_legal_form(words: list[str]) -> None:
    name = " ".join(words)
    assert simplify_name(simplify_name(name)) == simplify_name(name)
    assert not words or simplify_name(name + " Ltd.") == simplify_name(name)


def test_exact_follows_the_order_and_repeats_of_meta_answers() -> None:
    doc = Document("d", "how do I pay?", meta={"answers": ["payments", "help"]})
    assert METRICS["exact"].tally(doc, ["payments ", "help"]) == Tally(1.0, 1.0)
    assert METRICS["exact"].tally(doc, ["help", "payments"]) == Tally(0.0, 1.0)


@pytest.mark.parametrize("answers", ["payments", [1]])
def test_gold_answers_refuses_anything_but_a_list_of_strings(answers: object) -> None:
    with pytest.raises(DataError, match="list of strings"):
        gold_answers(Document("d", "text", meta={"answers": answers}))


def test_match_spans_compares_labels_and_boundaries_do_not() -> None:
    assert match_spans([at(0, 2, "a")], [at(0, 2, "b")]) == Counts(0, 1, 1)
    assert match_boundaries([at(0, 2, "a")], [at(0, 2, "b")]) == Counts(1, 0, 0)


def test_match_overlaps_is_one_to_one() -> None:
    assert match_overlaps([at(0, 9)], [at(0, 3), at(4, 6)]) == Counts(1, 1, 0)
    assert match_overlaps([at(0, 3), at(4, 6)], [at(0, 9)]) == Counts(1, 0, 1)
    assert match_overlaps([at(0, 3)], [at(3, 5)]) == Counts(0, 1, 1)


@given(
    gold=st.sets(st.tuples(st.integers(0, 14), st.integers(1, 8)), max_size=6),
    cuts=st.sets(st.integers(0, 20), max_size=10),
)
def test_match_overlaps_finds_a_maximum_matching(gold: set[tuple[int, int]], cuts: set[int]) -> None:
    golds = [at(start, start + length) for start, length in sorted(gold)]
    edges = sorted(cuts)
    claims = [at(start, end) for start, end in zip(edges[::2], edges[1::2], strict=False)]
    counts = match_overlaps(golds, claims)
    assert (counts.tp + counts.fp, counts.tp + counts.fn) == (len(claims), len(golds))
    if golds and claims:
        shares = np.array([[c.start < g.end and g.start < c.end for g in golds] for c in claims], dtype=int)
        assert counts.tp == (maximum_bipartite_matching(csr_array(shares), perm_type="column") >= 0).sum()


def test_constant_baseline_of_mostly_empty_documents_is_no_answer_for_exact() -> None:
    documents = [document("Nothing."), document("Nothing."), document("Apple rose.", "Apple")]
    assert constant_baseline(METRICS["exact"], documents) == ((), pytest.approx(2 / 3))


def test_constant_baseline_finds_the_frequent_string_where_silence_scores_nothing() -> None:
    documents = [document("Apple rose.", "Apple"), document("Apple fell.", "Apple"), document("Nokia.", "Nokia")]
    answer, score = constant_baseline(METRICS["strings"], documents)
    assert answer == ("Apple",)
    assert score == pytest.approx(4 / 6)


def test_constant_baseline_tries_the_most_frequent_whole_answer() -> None:
    documents = [Document(str(i), "t", meta={"answers": ["z", "a"]}) for i in range(3)]
    documents += [Document("x", "t", meta={"answers": ["a"]})]
    assert constant_baseline(METRICS["exact"], documents) == (("z", "a"), 0.75)


def test_constant_baseline_of_no_documents_is_refused() -> None:
    with pytest.raises(DataError):
        constant_baseline(METRICS["strings"], [])
