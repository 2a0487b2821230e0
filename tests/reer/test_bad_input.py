"""What people hand in: each case ends in a clear error or a stated choice, and nothing is lost."""

from __future__ import annotations

import anyio
import pytest

from lm.scores import Scorer
from reer.categories import title_of
from reer.draft import draft_article
from reer.fitting import keep_fitting
from reer.pairs import Pair, Turn, load_pairs
from reer.shelf import load_manual
from tests.reer.builders import Reader, by_words, make_pair
from tests.reer.test_build import build
from workbench.errors import DataError, ModelError
from workbench.jsonl import append_jsonl

FEES = [make_pair(n, f"A lost card costs 12 euros, dear {n}.") for n in range(1, 4)]


class Narrow(Reader):
    """Reads no more than so many characters, and may be out of order altogether."""

    def __init__(self, longest: int = 300, cause: str = "request") -> None:
        super().__init__()
        self.longest, self.cause = longest, cause

    async def encode(self, items):
        for item in items:
            if len(item.context + item.y) > self.longest:
                raise ModelError("too long", cause=self.cause)
        return await super().encode(items)


def test_replies_of_one_word_state_nothing_and_harm_nothing(tmp_path):
    build(tmp_path / "m", [*FEES, make_pair(8, "Yes."), make_pair(9, "Ok")])
    (claim,) = load_manual(tmp_path / "m")["cards"].current
    assert "12 euros" in claim.text


def test_an_expert_who_spoke_first_is_heard(tmp_path):
    first = Pair("p9", "call9", 1, (), "A lost card costs 12 euros.", "cards", "agent-a")
    build(tmp_path / "m", [*FEES, first])
    assert any(source.pair == "p9" for source in load_manual(tmp_path / "m")["cards"].sources)


def test_chinese_replies_become_claims_in_chinese(tmp_path):
    said = [
        Pair(f"p{n}", f"call{n}", 2, (Turn("customer", "补办借记卡要多少钱？"),), reply, "cards")
        for n, reply in enumerate(
            ["您好，补办借记卡需要 12 欧元。", "补办借记卡需要 12 欧元，三个工作日内寄出。"], start=1
        )
    ]
    build(tmp_path / "m", said)
    assert "12" in load_manual(tmp_path / "m")["cards"].current[0].text


def test_a_category_with_three_pairs_has_an_article(tmp_path):
    report, _ = build(tmp_path / "m", FEES)
    assert report["articles"][0]["claims"] == 1


def test_a_category_where_nobody_states_anything_has_an_empty_article():
    async def work():
        said = [make_pair(n, "Good morning to you.") for n in range(3)]
        return await draft_article(title_of("cards"), said, Scorer(Reader()), by_words, budget=50)

    assert anyio.run(work).chosen == ()


def test_the_same_call_twice_is_no_second_witness(tmp_path):
    path = tmp_path / "pairs.jsonl"
    for number in (1, 2):
        x = [{"role": "customer", "content": "Card lost!"}]
        append_jsonl(path, {"id": f"p{number}", "conversation": f"c{number}", "turn": 2, "x": x, "y": "12 euros."})
    assert load_pairs(path).repeated == ("p2",)


def test_pairs_longer_than_the_context_are_left_out_and_the_others_kept():
    pairs = [make_pair(1, "short"), make_pair(2, "long " * 100), make_pair(3, "short too"), make_pair(4, "x" * 400)]

    async def work():
        return await keep_fitting(pairs, Scorer(Narrow()), budget=5)

    assert [pair.id for pair in anyio.run(work)] == ["p1", "p3"]


def test_an_engine_that_fails_leaves_no_pair_out():
    async def work():
        return await keep_fitting([make_pair(1, "long " * 100)], Scorer(Narrow(cause="connection")), budget=5)

    with pytest.raises(ModelError):
        anyio.run(work)


def test_invalid_front_matter_names_the_page_and_the_way_back(tmp_path):
    build(tmp_path / "m", FEES)
    page = tmp_path / "m" / "cards.md"
    for old, new in (("type: manual-article", "type: [cards"), ("status: draft", "stale_after: 2026-02-31")):
        text = page.read_text()
        page.write_text(text.replace(old, new))
        with pytest.raises(DataError, match=r"cards\.md"):
            load_manual(tmp_path / "m")
        page.write_text(text)
    assert load_manual(tmp_path / "m")
