"""What the rules see in claims, and what looks like it and is none: a finding and a near miss each."""

import pytest

from tests.reer.manuals import Said, found, report_of, write_manual

CARD = "Replacing a lost debit card costs 12 euros."
ROOM = "A small safe deposit box for jewellery costs 72 euros a year."


def rules_of(tmp_path, *said: Said) -> set[str]:
    pairs = write_manual(tmp_path / "m", cards=said)
    return {rule for rule, _ in found(tmp_path / "m", pairs=pairs)}


@pytest.mark.parametrize(
    ("text", "quote", "rule"),
    [
        ("A dispute must be opened within $120 days.", "A dispute must be opened within 120 days.", "unit"),
        ("The monthly account fee is 4.90 days.", "The monthly account fee is 4.90 euros.", "unit"),
        ("The share we keep is 2 percent euros.", "The share we keep is 2 percent.", "unit"),
        ("It is done in 12 euros days.", "It is done in 12 days.", "unit"),
        ("The monthly account fee is 4.90.", "The monthly account fee is 4.90 euros.", "unit"),
        ("The account closes in 12 days.", "The account closes in 12 business days.", "unit"),
        ("The monthly account fee is 4.90 dollars.", "The monthly account fee is 4.90 euros.", "unit"),
        ("The account costs 4.90 euros a year.", "The account costs 4.90 euros a month.", "unit"),
        ("The account costs 4.90 euros.", "The account costs 4.90 euros a month.", "unit"),
        ("Proof is due by 31 February.", "Proof is due by 31 February.", "impossible"),
        ("Proof is due by Feb. 30th.", "Proof is due by Feb. 30th.", "impossible"),
        ("Proof is due by 2026-13-05.", "Proof is due by 2026-13-05.", "impossible"),
        ("Proof is due by 29 February 2027.", "Proof is due by 29 February 2027.", "impossible"),
        ("The counter closes at 25:00.", "The counter closes at 25:00.", "impossible"),
        ("The counter closes at 14 p.m.", "The counter closes at 14 p.m.", "impossible"),
        ("Owners of over 140 percent are identified.", "Owners of over 140 percent are identified.", "impossible"),
        ("Notice ends after -5 days.", "Notice ends after -5 days.", "impossible"),
        ("Card replacement costs 13 euros.", "Card replacement costs 12 euros.", "not-in-source"),
        ("Card replacement is for holders of a passport.", "Card replacement is for holders of it.", "not-in-source"),
        ("Firms pay in cash free.", "Firms pay in cash free if they have an account here.", "condition-lost"),
        ("A new PIN goes out by post.", "A new PIN goes out exclusively by post.", "condition-lost"),
        ("A firm account needs 500 euros.", "A firm account needs at least 500 euros.", "condition-lost"),
        ("The claim form must be signed.", "The claim form must be signed within 20 days.", "condition-lost"),
        ("Cash is paid out abroad.", "Cash is paid out abroad, except on Sundays.", "condition-lost"),
        ("The branch sells Swiss stamps.", "Your mortgage offer holds until Friday.", "no-source"),
    ],
)
def test_a_claim_that_differs_from_what_was_said_is_found(tmp_path, text, quote, rule):
    assert rules_of(tmp_path, Said(text, (quote,)), Said(ROOM)) == {rule}


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        (
            "Accounts without movement are blocked after 2 years.",
            "Accounts without movement are blocked after 24 months.",
        ),
        ("The monthly account fee is 4.90 euros.", "The monthly account fee is 4.90."),
        ("The monthly fee is 4.90 euros.", "The fee is 4.90 euros a month."),
        ("Today it costs 4.90 euros.", "It costs 4.90 euros a month. Yes, 4.90 euros."),
        ("The monthly account fee is €4.90.", "The monthly account fee is four euros ninety."),
        ("The counter closes at 4 p.m.", "The counter closes at four."),
        ("Proof is due by 31 October.", "Proof is due by 31 October 2026."),
        ("Proof is due by 29 February.", "Proof is due by 29 February."),
        ("The branch is open until 24:00.", "The branch is open until 24:00."),
        ("Deposits have grown by 140 percent.", "Deposits have grown by 140 percent."),
        ("It takes 3-5 days.", "It takes 3-5 days."),
        ("It takes 1,250 days to get there.", "It takes 1,250 days to get there."),
        ("Ten dollars cost 9 euros.", "Ten dollars cost 9 euros."),
        ("A fee of 5 percent a year is due.", "A fee of 5 percent a year is due."),
        (
            "Free of charge with an account here, firms pay in cash.",
            "Firms pay in cash free if they have an account here.",
        ),
        ("A firm account needs 500 euros or more.", "A firm account needs at least 500 euros."),
        ("Nothing but post brings a new PIN.", "A new PIN goes out exclusively by post."),
        ("It costs 18 euros for you.", "It costs 18 euros for you, even if it rains."),
    ],
)
def test_a_claim_that_says_the_same_otherwise_is_let_be(tmp_path, text, quote):
    assert rules_of(tmp_path, Said(text, (quote,)), Said(ROOM)) == set()


def test_a_value_where_one_rule_begins_and_another_ends_parts_two_cases(tmp_path):
    rest = "repaying the personal loan early costs"
    cases = [
        Said(f"With more than 12 months left, {rest} 1 percent."),
        Said(f"In the last 12 months, {rest} 0.5 percent."),
    ]
    write_manual(tmp_path / "m", loans=cases)
    assert found(tmp_path / "m") == []
    card = "The lost debit card that we replace costs"
    write_manual(
        tmp_path / "n",
        cards=[Said(f"{card} 9 euros, within 6 business days."), Said(f"{card} 12 euros, 6 business days.")],
    )
    assert found(tmp_path / "n") == [("two-values", ("c1", "c2"))]


def test_one_product_and_slot_with_two_values(tmp_path):
    other = "For a lost debit card the replacement costs 9 euros."
    write_manual(tmp_path / "m", cards=[Said(CARD), Said(ROOM), Said(other)])
    assert found(tmp_path / "m") == [("two-values", ("c1", "c3"))]
    (finding,) = report_of(tmp_path / "m").findings
    assert "'12 euros' here, '9 euros' in cards/c3" in finding.message
    write_manual(
        tmp_path / "n", cards=[Said(CARD), Said(ROOM)], service=[Said("Replacing a lost debit card costs 9 euros.")]
    )
    assert found(tmp_path / "n") == [("two-values", ("c1", "service/c1"))]


@pytest.mark.parametrize(
    "other",
    [
        "A credit card that is stolen abroad comes by courier for 30 euros.",
        "A lost debit card may have taken at most 50 euros from you.",
        "Replacing a lost debit card costs 5 euros if you are a student.",
        "Replacing a lost debit card takes 6 business days.",
    ],
)
def test_another_product_slot_bound_or_condition_is_no_contradiction(tmp_path, other):
    write_manual(tmp_path / "m", cards=[Said(CARD), Said(other)])
    assert found(tmp_path / "m") == []


def test_history_contradicts_nothing_and_is_found_when_it_is_told_as_present(tmp_path):
    old = "Replacing a lost debit card costs 9 euros."
    ended = Said(old, until="2026-01-01", day="2025-05-01")
    write_manual(tmp_path / "m", cards=[Said(CARD), ended])
    assert found(tmp_path / "m") == []
    write_manual(tmp_path / "n", cards=[Said(CARD), ended, Said("For replacing a lost debit card we take 9 euros.")])
    assert found(tmp_path / "n", "not-current") == [("not-current", ("c3", "c2"))]
    late = ended._replace(day="2026-03-01")
    write_manual(tmp_path / "o", cards=[Said(CARD), late])
    assert found(tmp_path / "o") == [("not-current", ("c2",))]


def test_words_that_are_less_alike_count_when_one_is_older(tmp_path):
    old = Said("The ordinary one is our Classic account, and that's 4.90 euros.", day="2025-01-22")
    new = Said("The account fee is for your Classic, five euros ninety this time.", day="2026-02-01")
    write_manual(tmp_path / "m", cards=[old, new, Said(ROOM)])
    assert found(tmp_path / "m") == [("two-values", ("c1", "c2"))]
    write_manual(tmp_path / "n", cards=[old._replace(day=None), new, Said(ROOM)])
    assert found(tmp_path / "n") == []


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (
            "The business account costs 14.90 euros with bookings in it.",
            "A business account is 17.90 euros with bookings.",
        ),
        ("You can have up to 3 devices for the app, so this one fits.", "Up to 5 devices can have the app."),
        (
            "Delivery of foreign cash to your door is now 9.90 euros.",
            "Home delivery of foreign cash costs 12.90 euros.",
        ),
    ],
)
def test_a_contradiction_in_other_words_is_found(tmp_path, text, other):
    write_manual(tmp_path / "m", cards=[Said(text), Said(ROOM), Said(CARD), Said(other)])
    assert found(tmp_path / "m") == [("two-values", ("c1", "c4"))]


def test_what_is_said_twice_is_found_and_what_only_shares_a_number_is_not(tmp_path):
    twice = "For a lost debit card, replacing it costs 12 euros."
    write_manual(tmp_path / "m", cards=[Said(CARD), Said(twice), Said(ROOM)])
    assert found(tmp_path / "m") == [("duplicate", ("c1", "c2"))]
    write_manual(tmp_path / "n", cards=[Said(CARD), Said("A paper statement costs 12 euros."), Said(ROOM)])
    assert found(tmp_path / "n") == []


def test_a_rule_that_stands_in_two_articles_is_a_duplicate_only_as_a_copy(tmp_path):
    write_manual(
        tmp_path / "m", cards=[Said(CARD)], fraud=[Said("A lost card is replaced for 12 euros, whoever took it.")]
    )
    assert found(tmp_path / "m") == []
    write_manual(tmp_path / "n", cards=[Said(CARD)], fraud=[Said(CARD)])
    assert found(tmp_path / "n") == [("duplicate", ("c1", "fraud/c1"))]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("resource: p0", "resource: p9", "there is no pair 'p9'"),
        ("turn: 2", "turn: 4", "not turn 4 of 'call0'"),
        ("conversation: call0", "conversation: call8", "not turn 2 of 'call8'"),
        ("]: Replacing", "]: Replacing and keeping", "does not stand in the reply of pair 'p0'"),
        ("turn: 2", "turn: 2\n  last_modified: '2026-01-01'", "a day that is not known, not on 2026-01-01"),
    ],
)
def test_a_source_is_compared_with_what_was_said(tmp_path, old, new, said):
    pairs = write_manual(tmp_path / "m", cards=[Said(CARD), Said(ROOM)])
    page = tmp_path / "m" / "cards.md"
    assert old in page.read_text()
    page.write_text(page.read_text().replace(old, new, 1))
    assert found(tmp_path / "m", "no-source") == []
    (finding,) = report_of(tmp_path / "m", pairs=pairs).findings
    assert (finding.rule, finding.claims) == ("no-source", ("c1",))
    assert said in finding.message
    assert page.read_text().splitlines()[finding.line - 1].startswith("[^s1]:")


def test_each_finding_names_its_line_and_says_what_next(tmp_path):
    write_manual(tmp_path / "m", cards=[Said(ROOM), Said("Card replacement costs 13 euros.", (CARD,))])
    (finding,) = report_of(tmp_path / "m").findings
    assert finding.path.read_text().splitlines()[finding.line - 1].startswith("- [c2] Card replacement")
    assert (
        finding.message == "'13 euros' is in none of its sources (they say: 12 euros); correct it, or cite who says so"
    )
