from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reer.categories import is_slug
from reer.telling import TERMS, describe, find_terms, is_described, name_groups, terms_of
from tests.reer.builders import make_pair


def talk(*replies, start=0):
    return [make_pair(start + n, reply) for n, reply in enumerate(replies)]


CARDS = talk("Your card has a limit.", "A lost card has no limit.", "The limit of the card is low.")
LOANS = talk("Your loan has a rate.", "The rate of the loan is low.", "A lost loan, a rate.", start=10)


def test_a_group_is_named_by_what_the_others_do_not_say():
    terms = find_terms({"k01": CARDS, "k02": LOANS})
    assert set(terms["k01"][:2]) == {"card", "limit"}
    assert set(terms["k02"][:2]) == {"loan", "rate"}
    assert name_groups(terms, []) == {"k01": "-".join(terms["k01"][:2]), "k02": "-".join(terms["k02"][:2])}


def test_a_term_of_one_call_names_no_group():
    chatter = [replace(pair, conversation="one") for pair in talk("Radek radek.", "Radek here.", start=20)]
    assert "radek" not in find_terms({"k01": [*CARDS, *chatter], "k02": LOANS})["k01"]


def test_a_term_that_begins_another_is_not_repeated():
    terms = find_terms({"k01": talk("Cards, card.", "Cards, card."), "k02": LOANS})["k01"]
    assert len({"card", "cards"} & set(terms)) == 1


def test_chinese_has_pairs_of_characters_and_a_numbered_name():
    assert terms_of("信用卡 lost 12") == {"信用", "用卡", "lost"}
    terms = find_terms({"k01": talk("信用卡丢失", "信用卡限额"), "k02": LOANS})
    assert "信用" in terms["k01"]
    assert name_groups(terms, [])["k01"] == "category-1"


def test_accents_are_folded_and_a_taken_name_takes_one_more_term():
    assert name_groups({"k01": ["café", "crème"], "k02": ["café", "crème", "eau"]}, ["readme"]) == {
        "k01": "cafe-creme",
        "k02": "cafe-creme-eau",
    }
    assert name_groups({"k01": ["index"]}, []) == {"k01": "index-1"}


def test_a_sentence_is_made_of_the_terms():
    assert describe(["card", "limit", "pin"]) == "Calls about card, limit and pin."
    assert describe(["card"]) == "Calls about card."
    assert all(map(is_described, (describe(["card"]), describe([]))))
    assert not is_described("Debit and credit cards.")


@given(st.lists(st.lists(st.text(max_size=12), max_size=4), min_size=1, max_size=6), st.sets(st.just("card-limit")))
def test_names_are_valid_and_unlike_whatever_is_said(groups, taken):
    said = {
        f"k{n:02d}": [make_pair(100 * n + m, text or "x") for m, text in enumerate(texts)]
        for n, texts in enumerate(groups)
    }
    terms = find_terms(said)
    names = name_groups(terms, taken)
    assert list(names) == list(said)
    assert all(is_slug(name) for name in names.values())
    assert len({*names.values(), *taken}) == len(names) + len(taken)
    assert all(len(found) <= TERMS for found in terms.values())
