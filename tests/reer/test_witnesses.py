from reer.slots import contents, read_slots
from reer.witnesses import Witnesses
from tests.reer.builders import by_words, make_pair

FEE = "A lost card costs 12 euros."
PAIRS = [
    make_pair(1, "Please wait for a moment."),
    make_pair(2, "That will be 12 euros in all."),
    make_pair(3, "A lost card is a pity."),
    make_pair(4, FEE),
    make_pair(5, "Please wait for a moment."),
]


def found(*texts: str, apart: tuple[str, ...] = (), n: int = 5) -> list[str]:
    own = contents(slot for text in texts for slot in read_slots(text))
    return [pair.id for pair in Witnesses(PAIRS, by_words).find(own, by_words(texts), apart=apart, n=n)]


def test_those_that_share_a_slot_come_first_then_those_most_like_it_then_in_order() -> None:
    assert found(FEE) == [PAIRS[place].id for place in (3, 1, 2, 0, 4)]
    assert found("A lost card is a pity.", "Please wait for a moment.", n=3) == [PAIRS[place].id for place in (0, 2, 4)]


def test_calls_that_stand_apart_are_no_witnesses() -> None:
    assert found(FEE, apart=(PAIRS[3].conversation,), n=1) == [PAIRS[1].id]
