from datetime import date

from reer.facts import find_facts
from reer.statements import find_statements
from tests.reer.builders import by_words, make_pair


def facts_of(*pairs):
    return find_facts([statement for pair in pairs for statement in find_statements(pair)], by_words)


def test_the_same_rule_in_other_words_is_one_fact():
    facts = facts_of(
        make_pair(1, "A lost card costs 12 euros for you."),
        make_pair(2, "For a lost card we take twelve euros."),
        make_pair(3, "Your transfer needs a signature by 16 o'clock."),
    )
    assert sorted(len(fact.statements) for fact in facts) == [1, 2]


def test_a_value_that_only_later_calls_give_ends_the_older_one():
    old = make_pair(1, "A lost debit card costs 9 euros.", day="2025-03-01")
    new = [
        make_pair(2, "A lost debit card costs 12 euros.", day="2025-10-01"),
        make_pair(3, "The lost debit card costs 12 euros now.", day="2026-01-01"),
    ]
    ended = [fact for fact in facts_of(old, *new) if fact.until]
    assert [fact.statements[0].text for fact in ended] == ["A lost debit card costs 9 euros."]
    assert ended[0].until == date(2025, 10, 1)


def test_values_that_are_still_given_side_by_side_both_stay():
    pairs = [
        make_pair(1, "A lost debit card costs 9 euros.", day="2025-03-01"),
        make_pair(2, "A lost debit card costs 12 euros.", day="2025-10-01"),
        make_pair(3, "A lost debit card costs 9 euros.", day="2026-01-01"),
    ]
    assert not any(fact.until for fact in facts_of(*pairs))


def test_what_agrees_or_can_stand_together_ends_nothing():
    pairs = [
        make_pair(1, "The limit must be 500 euros.", day="2025-01-01"),
        make_pair(2, "Within 3 days it can be raised.", day="2025-02-01"),
        make_pair(3, "Within 3 days the limit can be raised to 500 euros.", day="2025-03-01"),
        make_pair(4, "For the new account you must bring a passport.", day="2025-01-01"),
        make_pair(5, "For the new account you must bring a payslip.", day="2025-03-01"),
    ]
    assert not any(fact.until for fact in facts_of(*pairs))


def test_without_dates_nothing_has_ended():
    pairs = [make_pair(n, f"A lost debit card costs {9 if n == 1 else 12} euros.") for n in (1, 2, 3)]
    assert not any(fact.until for fact in facts_of(*pairs))


def test_no_statements_make_no_facts():
    assert find_facts([], by_words) == []


def test_a_lone_old_value_yields_to_newer_ones_that_several_calls_state():
    said = [
        make_pair(
            1, "We ask for 10 percent of the purchase price as your deposit, that is the minimum.", day="2025-01-01"
        ),
        make_pair(2, "You now bring 15 percent of the purchase price.", day="2025-09-01"),
        make_pair(3, "She brings at least 15 percent of the purchase price.", day="2025-10-01"),
        make_pair(4, "You can repay 7 percent of the purchase price as you like.", day="2025-09-05"),
    ]
    facts = find_facts([statement for pair in said for statement in find_statements(pair)], by_words)
    assert [str(fact.until) for fact in facts if "10 percent" in fact.statements[0].text] == ["2025-09-01"]
    assert sum(fact.until is not None for fact in facts) == 1
