from __future__ import annotations

from datetime import date

from reer.draft import is_confirmed
from reer.facts import find_facts
from reer.statements import find_statements
from tests.reer.builders import by_words, make_pair

NEW = (
    make_pair(2, "The lost debit card costs 12 euros to replace.", day="2025-10-01"),
    make_pair(3, "The lost debit card costs you 12 euros to replace now.", day="2026-01-01"),
)


def facts_of(*pairs):
    return find_facts([statement for pair in pairs for statement in find_statements(pair)], by_words)


def ended(*pairs):
    return {each.text: fact.until for fact in facts_of(*pairs) for each in fact.statements if fact.until}


def test_an_old_price_beside_a_term_that_holds_ends_and_the_term_stays_confirmed():
    both = "The lost debit card costs 9 euros to replace and the new card comes within 6 business days."
    facts = facts_of(
        make_pair(1, both, day="2025-01-28"),
        make_pair(4, "The new card comes within 6 business days.", day="2025-08-05"),
        *NEW,
    )
    assert [fact.until for fact in facts if both in [each.text for each in fact.statements]] == [date(2025, 10, 1)]
    (term,) = [fact for fact in facts if fact.statements[0].pair.id == "p4"]
    assert is_confirmed(term) and term.until is None and [each.text for each in term.beside] == [both]


def test_the_numbers_of_one_newer_case_end_nothing():
    old = make_pair(1, "The lost debit card costs 9 euros to replace.", day="2025-01-28")
    assert ended(old, NEW[0]) == {}
    assert list(ended(old, *NEW)) == ["The lost debit card costs 9 euros to replace."]


def test_what_several_calls_said_ends_only_by_what_is_much_like_it():
    answer = [make_pair(n, "The final answer comes within 20 business days.", day=f"2026-0{n}-01") for n in (3, 4)]
    receipt = [
        make_pair(n, "A complaint is confirmed in writing within 3 business days.", day=f"2025-0{n}-01") for n in (1, 2)
    ]
    assert ended(*receipt, *answer) == {}
    earlier = [make_pair(n, "The final answer comes within 30 business days.", day=f"2025-0{n}-01") for n in (5, 6)]
    assert set(ended(*earlier, *answer).values()) == {date(2026, 3, 1)}


def test_cases_of_one_rule_differ_in_what_they_reckon():
    old = make_pair(
        1, "Of cash above 2,500 euros we take a share, so for 3,500 euros you pay 3 euros.", day="2025-01-01"
    )
    new = [
        make_pair(
            n, "Of cash above 2,500 euros we take a share, so for 4,500 euros you pay 6 euros.", day=f"2026-0{n}-01"
        )
        for n in (3, 4)
    ]
    assert ended(old, *new) == {}


def test_a_price_that_changed_twice_ends_twice_in_any_order():
    said = [
        make_pair(n, f"The lost debit card costs {price} euros to replace.", day=f"{year}-0{n % 2 + 1}-01")
        for n, (price, year) in enumerate([(9, 2024)] * 2 + [(12, 2025)] * 2 + [(15, 2026)] * 2, start=1)
    ]
    for order in (said, said[::-1], [said[4], said[0], said[2], said[5], said[3], said[1]]):
        days = {text.split()[5]: str(until) for text, until in ended(*order).items()}
        assert days == {"9": "2025-01-01", "12": "2026-01-01"}


def test_a_sentence_with_two_old_values_ends_with_the_first_of_them():
    both = "The lost debit card costs 9 euros to replace and the new card comes within 6 business days."
    later = [make_pair(n, "The new card comes within 4 business days.", day=f"2026-0{n - 4}-01") for n in (5, 6)]
    old = make_pair(1, both, day="2024-01-28")
    assert ended(old, *NEW, *later)[both] == date(2025, 10, 1)
    assert ended(old, *later, *NEW)[both] == date(2025, 10, 1)


def test_a_call_without_a_date_may_be_the_newest():
    old = [
        make_pair(n, "The lost debit card costs 9 euros to replace.", day=day)
        for n, day in ((1, "2024-01-28"), (4, None))
    ]
    assert ended(*old, *NEW) == {}
