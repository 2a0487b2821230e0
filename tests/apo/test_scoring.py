from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from apo.scoring import evaluate_prompt, format_scores, measure_noise
from apo.task import load_task
from lm import open as opening
from lm.base import Request
from lm.fake import Answer, Scripted
from tests.apo.builders import asked_text, make_outcome, missing_outcome, write_task
from workbench import console
from workbench.errors import ModelError


class Wavering:
    """A model that reads every headline right, but from the second time on not numbers 1 and 2, and 4 is lost once."""

    def __init__(self) -> None:
        self.asked: Counter[int] = Counter()

    def __call__(self, request: Request) -> Answer:
        text = asked_text(request)
        number = int(text.split()[-1])
        self.asked[number] += 1
        again = self.asked[number] > 1
        if number == 4 and again:
            return ModelError("no answer", cause="request")
        return json.dumps([] if number % 3 == 0 or (number in (1, 2) and again) else [text.split()[0]])


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Wavering:
    wavering = Wavering()
    monkeypatch.setitem(opening.OPENERS, "scripted", lambda _spec, _options: Scripted(wavering))
    return wavering


def score(folder: Path, *, repeats: int) -> dict[str, Any]:
    task = load_task(write_task(folder))
    return evaluate_prompt(task, None, None, limit=12, repeats=repeats, progress=console.progress)


def test_repeats_ask_anew_and_count_changed_answers(model: Wavering, tmp_path: Path) -> None:
    scores = score(tmp_path, repeats=3)
    assert set(model.asked.values()) == {3}
    noise = scores["noise"]
    assert (noise["repeats"], noise["changed"], noise["n"]) == (3, 2, 11)
    assert noise["scores"] == pytest.approx([1.0, 10 / 12, 10 / 12])  # 8 firms; then 2 missed, 1 not scored
    assert scores["score"]["value"] == 1.0
    assert scores["missing"] == 0
    assert format_scores(scores).endswith("noise floor: 2 of 11 answers changed over 3 runs")


def test_one_run_says_nothing_of_noise(model: Wavering, tmp_path: Path) -> None:
    scores = score(tmp_path, repeats=1)
    assert set(model.asked.values()) == {1}
    assert scores["noise"] is None
    assert "noise" not in format_scores(scores)


def test_a_run_without_any_answer_has_no_score() -> None:
    runs = [[make_outcome(1, 2, 2)], [missing_outcome(1)]]
    assert measure_noise(runs) == {"repeats": 2, "changed": 0, "n": 0, "scores": [1.0, None]}
