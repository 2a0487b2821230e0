from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reer.slots import contents, read_slots


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("within 12 business days", [("span", "12", "business days")]),
        ("within twelve working days", [("span", "12", "business days")]),
        ("nine euros fifty", [("amount", "9.5", "EUR")]),
        ("15 euros one time", [("amount", "15", "EUR")]),
        ("€ 12.50 and 90 cents", [("amount", "12.5", "EUR"), ("amount", "0.9", "EUR")]),
        ("2.9 percent", [("rate", "2.9", "%")]),
        ("by 31 October 2025", [("date", "2025-10-31", "")]),
        ("from May 2nd", [("date", "05-02", "")]),
        ("until 22 o'clock", [("hour", "22:00", "")]),
        ("until 9 p.m.", [("hour", "21:00", "")]),
        ("at half past five", [("hour", "05:30", "")]),
        ("After 3 wrong tries", [("count", "3", "")]),
        ("bring passports to any branch", [("document", "passport", "")]),
        ("it will be the blue one", []),
        ("5,50 €", [("amount", "5.5", "EUR")]),
        ("at 5 PM or 12 a.m.", [("hour", "17:00", ""), ("hour", "00:00", "")]),
        ("two euros fifty cents", [("amount", "2.5", "EUR")]),
        ("2.5 million euros", [("amount", "2500000", "EUR")]),
        ("5 euros and 20 of them", [("amount", "5", "EUR"), ("count", "20", "")]),
        ("$1,234.50 and five dollars fifty", [("amount", "1234.5", "USD"), ("amount", "5.5", "USD")]),
        ("3 $100 vouchers or 20 GBP", [("count", "3", ""), ("amount", "100", "USD"), ("amount", "20", "GBP")]),
        ("£ 5 or 12 Swiss francs", [("amount", "5", "GBP"), ("amount", "12", "CHF")]),
        ("booked on 2024-05-06", [("date", "2024-05-06", "")]),
        ("2024-13-45", [("count", "2024", ""), ("count", "13", ""), ("count", "45", "")]),
        ("bookings 4OG6T3 and 2FBBAH", []),
        ("20GB, the 3rd", [("count", "20", ""), ("count", "3", "")]),
    ],
)
def test_slots_of_what_people_say(text, expected):
    assert [(slot.kind, slot.value, slot.unit) for slot in read_slots(text)] == expected


def test_wording_does_not_change_what_is_said():
    assert contents(read_slots("twelve business days")) == contents(read_slots("12 working days"))


@given(
    st.lists(
        st.sampled_from(["12 euros", "five", "31 October", "2 %", "half past", "and", ",", "in the app", "a hundred"])
    )
)
def test_slots_stand_in_the_text_and_never_overlap(parts):
    text = " ".join(parts)
    slots = read_slots(text)
    assert all(0 <= slot.start < slot.end <= len(text) for slot in slots)
    assert all(a.end <= b.start for a, b in pairwise(slots))
