from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from apo.examples import load_examples
from apo.gate import alpha_of
from apo.optimize import POOL, plan_costs, read_report, run_task
from apo.search import Event
from apo.task import load_task
from lm import open as opening
from lm.base import Request
from lm.fake import Answer, Scripted
from lm.road import request_key
from lm.store import ReplyStore
from tests.apo.builders import asked_text, by_demos, random_answer, write_task
from workbench.errors import BudgetError, DataError, ModelError, OpenbookError, UsageError
from workbench.prompts import Nearest, load_prompt
from workbench.runs import read_run

BUSY = ModelError("busy", cause="server", retryable=True, retry_after_s=0.0)
DOWN = ModelError("no answer", cause="request")


class Bench:
    """A task on disk and a scripted model of which every answered request is counted."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, extra: str = "", sealed: int = 30) -> None:
        self.task = write_task(folder, extra=extra, sealed=sealed)
        self.out = folder / "run"
        self.answered: Counter[str] = Counter()
        self.engines: list[Scripted] = []
        self.answer: Callable[[Request], Answer] = by_demos
        self.events: list[Event] = []
        monkeypatch.setitem(opening.OPENERS, "scripted", self.open)

    def open(self, _spec: str, _options: Any) -> Scripted:
        def answer(request: Request) -> Answer:
            reply = self.answer(request)
            if isinstance(reply, str):
                self.answered[request_key(request, "scripted")] += 1
            return reply

        self.engines.append(Scripted(answer))
        return self.engines[-1]

    def optimize(self, *, resume: bool = False, out: Path | None = None, **overrides: Any) -> dict[str, Any]:
        task = load_task(self.task, overrides=[f"{key.replace('__', '.')}={value}" for key, value in overrides.items()])
        return run_task(task, out or self.out, resume=resume, clock=lambda: 0.0, observe=self.events.append)

    @property
    def calls(self) -> int:
        return sum(engine.calls for engine in self.engines)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


class Whole(NamedTuple):
    """A run that nothing interrupted."""

    report: dict[str, Any]
    events: Sequence[Mapping[str, Any]]
    answered: Counter[str]
    calls: int


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    with pytest.MonkeyPatch.context() as monkeypatch:
        bench = Bench(tmp_path_factory.mktemp("whole"), monkeypatch)
        report = bench.optimize()
        return Whole(report, read_run(bench.out).events, bench.answered, bench.calls)


def without_calls(report: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in report.items() if key != "calls"}


INTERRUPTED = (KeyboardInterrupt, BaseExceptionGroup)


def die() -> None:
    """End on the spot, in the middle of a call."""
    raise KeyboardInterrupt


def press_ctrl_c() -> None:
    """As the terminal does it: what runs is cancelled, and the run ends."""
    signal.raise_signal(signal.SIGINT)


def kill_after(n: int, kill: Callable[[], None] = die) -> Callable[[Request], Answer]:
    """Answer `n` calls, then kill."""
    arrived = count()

    def answer(request: Request) -> Answer:
        if next(arrived) >= n:
            kill()
        return by_demos(request)

    return answer


def test_a_run_ends_with_report_prompt_and_page(bench: Bench) -> None:
    report = bench.optimize()
    assert report["verdict"]["passed"]
    assert report["verdict"]["gain"]["low"] > 0
    champion = load_prompt(bench.out / "champion.md")
    start = load_prompt(bench.task.parent / "prompt.md")
    assert (champion.version, champion.parent) == (2, start.sha256)
    assert report["champion"]["sha256"] == champion.sha256
    assert report["champion"]["lineage"][0] == "c0"
    assert json.loads((bench.out / "report.json").read_text(encoding="utf-8")) == json.loads(json.dumps(report))
    assert (bench.out / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert read_run(bench.out).manifest["look"]["number"] == 1
    assert read_report(bench.out)["verdict"] == json.loads(json.dumps(report["verdict"]))


def test_a_prompt_that_retrieves_lies_beside_its_pool(bench: Bench) -> None:
    for seed in range(6):
        out = bench.out.with_name(f"run{seed}")
        bench.optimize(out=out, search__seed=seed, search__retrieval='["bm25"]')
        prompt = load_prompt(next(out / name for name in ("champion.md", "draft.md") if (out / name).exists()))
        assert (out / POOL).exists() == isinstance(prompt.demo_mode, Nearest)
        if (out / POOL).exists():
            dev = load_task(bench.task).dev
            assert load_examples(out / POOL, prompt.inputs) == dev
            return
    pytest.fail("no seed led to a prompt that retrieves; the test needs one")


def test_a_run_never_takes_more_than_its_calls(bench: Bench, whole: Whole) -> None:
    assert whole.calls == whole.report["calls"]["calls"] == len(whole.answered) <= 460
    costs = plan_costs(load_task(bench.task))
    assert (costs.search, costs.gate, costs.total) == (400, 60, 460)


def test_the_same_task_gives_the_same_run(bench: Bench, whole: Whole) -> None:
    assert bench.optimize() == whole.report
    assert read_run(bench.out).events == whole.events


@pytest.mark.parametrize(
    ("share", "kill"), [(0.0, die), (0.3, die), (0.3, press_ctrl_c), (0.7, press_ctrl_c), (0.95, die)]
)
def test_a_killed_run_resumes_to_the_same_end_and_pays_nothing_twice(
    bench: Bench, whole: Whole, share: float, kill: Callable[[], None]
) -> None:
    bench.answer = kill_after(int(share * whole.calls), kill)
    with pytest.raises(INTERRUPTED):
        bench.optimize()
    assert not (bench.out / "report.json").exists()
    bench.answer = by_demos
    resumed = bench.optimize(resume=True)

    assert without_calls(resumed) == without_calls(whole.report)
    assert bench.answered == whole.answered
    assert set(bench.answered.values()) == {1}
    assert read_run(bench.out).events == whole.events


def test_a_run_killed_many_times_resumes(bench: Bench, whole: Whole) -> None:
    kills, resumed = 0, None
    while resumed is None:
        bench.answer = kill_after(71)
        try:
            resumed = bench.optimize(resume=kills > 0)
        except INTERRUPTED:
            kills += 1
    assert kills > 3
    assert without_calls(resumed) == without_calls(whole.report)
    assert set(bench.answered.values()) == {1}


def test_a_finished_run_is_not_done_again(bench: Bench) -> None:
    report = bench.optimize()
    calls, opened = bench.calls, len(bench.engines)
    assert bench.optimize(resume=True) == json.loads(json.dumps(report))
    assert (bench.calls, len(bench.engines)) == (calls, opened)
    with pytest.raises(UsageError, match=r"holds a finished run; go on from it with --resume"):
        bench.optimize()


def test_a_resumed_run_refuses_other_data(bench: Bench) -> None:
    bench.answer = kill_after(30)
    with pytest.raises(INTERRUPTED):
        bench.optimize()
    with pytest.raises(UsageError, match=r"was begun otherwise: .*search.seed was 0, is now 1"):
        bench.optimize(resume=True, search__seed=1)


def test_faults_leave_enough_calls_for_the_sealed_test(bench: Bench) -> None:
    """Retries cost calls: the search pays for them, the cap holds, the verdict is given."""
    seen: Counter[str] = Counter()

    def flaky(request: Request) -> Answer:
        key = request_key(request, "scripted")
        seen[key] += 1
        return BUSY if seen[key] == 1 and len(seen) <= 12 else by_demos(request)

    bench.answer = flaky
    report = bench.optimize(budget__max_calls=156)
    assert bench.calls <= 156
    assert report["search"]["stopped"] == "budget"
    assert report["verdict"]["missing"] == 0


def test_a_run_whose_failed_calls_are_answered_later_still_resumes(bench: Bench) -> None:
    hurt = kill_after(250)
    bench.answer = lambda request: DOWN if int(request_key(request, "scripted"), 16) % 3 == 0 else hurt(request)
    with pytest.raises(INTERRUPTED):
        bench.optimize()
    bench.answer = by_demos
    report = bench.optimize(resume=True)
    assert report["verdict"]["missing"] == 0
    assert set(bench.answered.values()) == {1}


def test_an_outage_in_the_sealed_test_gives_no_verdict_until_resumed(bench: Bench, tmp_path: Path) -> None:
    def down_at_the_gate(request: Request) -> Answer:
        number = int(asked_text(request).split()[-1])
        return DOWN if number >= 100 and number % 2 else by_demos(request)

    bench.answer = down_at_the_gate
    with pytest.raises(DataError, match=r"no verdict is given, resume the run"):
        bench.optimize()
    bench.answer = by_demos
    report = bench.optimize(resume=True)
    assert (report["verdict"]["look"], report["verdict"]["missing"]) == (1, 0)
    assert len((tmp_path / "sealed.looks.jsonl").read_text(encoding="utf-8").splitlines()) == 1


def test_another_question_at_the_same_sealed_file_is_charged(bench: Bench, tmp_path: Path) -> None:
    reports = [
        bench.optimize(out=tmp_path / name, budget__max_calls=204, search__seed=seed)
        for name, seed in (("one", 0), ("again", 0), ("other", 5))
    ]
    assert [report["verdict"]["look"] for report in reports] == [1, 1, 2]
    assert reports[2]["verdict"]["alpha"] == alpha_of(0.05, 2)
    assert "look 2" in reports[2]["verdict"]["reason"]


def test_noise_is_kept_as_a_draft(bench: Bench) -> None:
    bench.answer = random_answer
    report = bench.optimize()
    assert not report["verdict"]["passed"]
    assert not (bench.out / "champion.md").exists()
    assert (bench.out / "draft.md").exists()


def test_without_a_sealed_file_nothing_is_released(bench: Bench) -> None:
    text = bench.task.read_text(encoding="utf-8").replace('sealed = "sealed.jsonl"\n', "")
    bench.task.write_text(text, encoding="utf-8")
    report = bench.optimize()
    assert report["verdict"] == {"passed": False, "reason": "not tested: there is no sealed file"}
    assert (bench.out / "draft.md").exists()


def test_too_few_calls_are_refused_before_anything_begins(bench: Bench) -> None:
    with pytest.raises(UsageError, match=r"budget.max_calls = 150 leaves 90 calls.*takes 96; give at least 156"):
        bench.optimize(budget__max_calls=150)
    assert not bench.out.exists() and bench.calls == 0
    assert bench.optimize(budget__max_calls=156)["search"]["rounds"] >= 1


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        ({"model__name": "gguf:gone.gguf"}, r"there is no file 'gone.gguf'; give the path"),
        ({"model__name": "scriptd"}, r"unknown model 'scriptd'; did you mean 'scripted'"),
        (
            {"model__name": "hosted_vllm/m", "model__api_base": "http://127.0.0.1:9/v1"},
            r"no server answers at .* start it, or give its address",
        ),
    ],
)
def test_a_model_that_is_not_there_leaves_no_run_behind(bench: Bench, overrides: dict[str, str], problem: str) -> None:
    with pytest.raises(OpenbookError, match=problem) as caught:
        bench.optimize(**overrides)
    assert "\n" not in str(caught.value)
    assert not bench.out.exists()


def test_a_cost_cap_without_a_price_refuses_to_start(bench: Bench) -> None:
    with pytest.raises(BudgetError, match="price of this model is unknown"):
        bench.optimize(budget__max_cost_usd=1)
    assert bench.calls == 0


def test_calls_are_shown_but_the_store_is_their_record(bench: Bench) -> None:
    bench.optimize()
    shown = sum(event.kind == "call" for event in bench.events)
    logged = [event["event"] for event in read_run(bench.out).events]
    assert shown >= bench.calls
    assert "call" not in logged and {"candidate", "trial", "round", "gate"} <= set(logged)
    store = ReplyStore(bench.out / "replies.sqlite")
    assert len(store) == len(bench.answered)
    store.close()
