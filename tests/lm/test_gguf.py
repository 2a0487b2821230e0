"""The real embedded model; `RECORD=1 make test` records its answers anew."""

import json
import os
from pathlib import Path

import anyio
import pytest

from lm.base import Message, Request
from lm.gguf import open_gguf
from workbench.errors import ModelError

pytestmark = pytest.mark.embedded

GOLDEN = Path(__file__).parents[1] / "golden" / "embedded.json"
TASK = "List the companies named in the headline as a JSON list.\nHeadline: "
DEMOS = (
    ("Acme Corp buys Brookfield Tools", '["Acme Corp", "Brookfield Tools"]'),
    ("Wheat prices rise after dry spring", "[]"),
    ("Siemens wins rail order in Egypt", '["Siemens"]'),
)
HEADLINES = (
    "Nestlé raises prices of instant coffee",
    "Toyota and Panasonic open battery plant",
    "Dollar slips before central bank meeting",
    "Lufthansa adds flights to Lisbon",
    "Shares of Vodafone fall on weak outlook",
    "Rain delays harvest in northern Italy",
)


@pytest.fixture(scope="module")
def engine():
    return open_gguf("embedded")


def ask(engine, text, **options):
    turns = [turn for demo, answer in DEMOS for turn in (Message("user", TASK + demo), Message("assistant", answer))]
    request = Request((*turns, Message("user", TASK + text)), max_tokens=48, **options)
    return anyio.run(engine.complete, request)


def schema(text):
    return {"type": "array", "maxItems": 4, "items": {"type": "string", "maxLength": 40, "x-copied-from": text}}


def test_embedded_model_answers_as_recorded(engine):
    answers = {text: ask(engine, text, schema=schema(text)).text for text in HEADLINES}
    if os.environ.get("RECORD"):
        GOLDEN.write_text(json.dumps(answers, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    different = [text for text in HEADLINES if answers[text] != golden[text]]
    assert len(different) <= 1, "more than a near tie of another processor's kernels"


def test_embedded_model_copies_and_fits_the_schema(engine):
    for text in HEADLINES:
        names = json.loads(ask(engine, text, schema=schema(text)).text)
        assert len(names) <= 4
        assert all(name in text for name in names)


def test_embedded_model_repeats_itself_with_one_slot(engine):
    first, second = (ask(engine, HEADLINES[1]).text for _ in range(2))
    assert first == second


def test_embedded_model_counts_tokens_and_costs_nothing(engine):
    usage = ask(engine, HEADLINES[0]).usage
    assert usage.prompt_tokens > 50
    assert 0 < usage.completion_tokens <= 48
    assert usage.cost_usd == 0.0


def test_embedded_model_refuses_a_prompt_beyond_its_context(engine):
    with pytest.raises(ModelError, match="shorten"):
        ask(engine, "word " * 5000)


def test_broken_model_file_is_one_clear_error(tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF nothing")
    with pytest.raises(ModelError, match="whole GGUF file"):
        open_gguf(f"gguf:{broken}")
