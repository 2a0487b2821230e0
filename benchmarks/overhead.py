"""What the road costs and what it guarantees, against a loopback server that answers after 200 ms.

Three figures, each with what is asked of it:

- throughput: 640 calls at concurrency 32, as a share of the ideal 32 / 0.2 s = 160 calls/s, beside `dspy.Evaluate`
  with 32 threads on DSPy's own LM against the same server, in alternating order;
- ranking: six prompts on 40 examples; with 20 % of the attempts failing (429, 500 or no answer), the order of the
  prompts is that of the run without faults;
- cap: a budget of 300 calls under 16 threads, some calls failing; the server counts what arrived.

Run: python benchmarks/overhead.py        (about a minute; exit code 0 when every figure is as asked)
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio

from lm.base import Message, Reply, Request
from lm.budget import Budget
from lm.dspy_engine import dspy_lm, stops_as_errors
from lm.open import open_engine
from lm.retry import Retry
from lm.road import Ledger, Road
from lm.store import ReplyStore
from workbench.errors import BudgetError

SERVER = Path(__file__).parents[1] / "tests" / "lm" / "openai_server.py"
MODEL = "hosted_vllm/loopback"
LATENCY_S = 0.2
CONCURRENCY = 32
CALLS = 640
IDEAL_PER_S = CONCURRENCY / LATENCY_S
FAULT_SHARE = 0.2
QUALITIES = (0.45, 0.52, 0.59, 0.66, 0.73, 0.80)
"""Chance of each of the six prompts to answer an example rightly."""
EXAMPLES = 40
MAX_CALLS = 300
THREADS = 16


@contextmanager
def serving(*, latency_s: float, faults: float = 0.0) -> Iterator[str]:
    """Run the server in a process of its own; yields its base URL."""
    command = [sys.executable, str(SERVER), "--latency", str(latency_s), "--faults", str(faults)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def count(base_url: str, name: str) -> int:
    """What the server itself has counted."""
    with urllib.request.urlopen(f"{base_url}/stats") as answer:
        return int(json.load(answer).get(name, 0))


def ask(text: str) -> Request:
    """One short user message."""
    return Request((Message("user", text),), max_tokens=16)


def time_road(base_url: str, folder: Path, label: str) -> float:
    """Calls per second of the road with everything on: store, budget, limiter, retries."""

    async def main() -> float:
        store = ReplyStore(folder / f"{label}.sqlite")
        road = Road(
            open_engine(MODEL, api_base=base_url, slots=CONCURRENCY), store=store, budget=Budget(max_calls=CALLS)
        )
        requests = [ask(f"{label} {number}") for number in range(CALLS)]
        started_s = time.perf_counter()
        outcomes = await road.complete_all(requests)
        elapsed_s = time.perf_counter() - started_s
        await road.aclose()
        store.close()
        assert all(isinstance(outcome, Reply) for outcome in outcomes)
        return CALLS / elapsed_s

    return anyio.run(main)


def direct_program() -> Any:
    """A DSPy program with nothing in it but the call, so that no adapter's parsing counts against it."""
    import dspy

    class Direct(dspy.Module):  # type: ignore[misc]
        def forward(self, question: str) -> Any:
            return dspy.Prediction(answer=dspy.settings.lm(question)[0])

    return Direct()


def evaluate(questions: list[str], *, lm: Any, threads: int) -> None:
    """Send every question through `dspy.Evaluate`."""
    import dspy

    examples = [dspy.Example(question=question).with_inputs("question") for question in questions]
    with dspy.context(lm=lm):
        dspy.Evaluate(devset=examples, metric=lambda example, prediction: 1.0, num_threads=threads)(direct_program())


def time_dspy(base_url: str, label: str) -> float:
    """Calls per second of `dspy.Evaluate` with DSPy's own LM, cache off."""
    import dspy

    lm = dspy.LM(MODEL, api_base=base_url, engine="litellm", cache=False, max_tokens=16, temperature=0.0)
    questions = [f"{label} {number}" for number in range(CALLS)]
    started_s = time.perf_counter()
    evaluate(questions, lm=lm, threads=CONCURRENCY)
    return CALLS / (time.perf_counter() - started_s)


def compare_throughput(rounds: int) -> tuple[list[float], list[float]]:
    """Shares of the ideal, for the road and for DSPy, one per round; both have made one call before."""
    road: list[float] = []
    peer: list[float] = []
    with serving(latency_s=LATENCY_S) as base_url, tempfile.TemporaryDirectory() as folder:
        warm_up(base_url)
        for number in range(rounds):
            turns = [
                lambda n=number: road.append(time_road(base_url, Path(folder), f"road-{n}") / IDEAL_PER_S),
                lambda n=number: peer.append(time_dspy(base_url, f"dspy-{n}") / IDEAL_PER_S),
            ]
            for turn in turns if number % 2 == 0 else reversed(turns):
                turn()
    return road, peer


def warm_up(base_url: str) -> None:
    """Make one call on each side: first calls import for seconds."""
    import dspy

    lm = dspy.LM(MODEL, api_base=base_url, engine="litellm", cache=False, max_tokens=16, temperature=0.0)
    evaluate(["warm up"], lm=lm, threads=1)

    async def main() -> None:
        engine = open_engine(MODEL, api_base=base_url)
        await engine.complete(ask("warm up"))
        await engine.aclose()

    anyio.run(main)


def score_prompts(base_url: str) -> tuple[list[float], Ledger]:
    """Mean score of each prompt over the examples that were answered, and what it took."""
    requests = [ask(f"prompt {prompt} example {n}") for prompt in range(len(QUALITIES)) for n in range(EXAMPLES)]

    async def main() -> tuple[list[Any], Ledger]:
        engine = open_engine(MODEL, api_base=base_url, slots=CONCURRENCY, timeout_s=1.0)
        road = Road(engine, retry=Retry(attempts=6, base_s=0.05))
        outcomes = await road.complete_all(requests)
        await road.aclose()
        return outcomes, road.ledger

    outcomes, ledger = anyio.run(main)
    scores = []
    for prompt, quality in enumerate(QUALITIES):
        mine = outcomes[prompt * EXAMPLES : (prompt + 1) * EXAMPLES]
        scores.append(statistics.mean(is_right(outcome, quality) for outcome in mine if isinstance(outcome, Reply)))
    return scores, ledger


def is_right(reply: Reply, quality: float) -> bool:
    """The server's answer is a hash of the question: a number in [0, 1) that is below `quality` in that share."""
    return int(reply.text, 16) / 2**32 < quality


def rank(scores: list[float]) -> list[int]:
    """Prompts, best first; equal scores in order of their number."""
    return sorted(range(len(scores)), key=lambda prompt: (-scores[prompt], prompt))


def compare_rankings() -> tuple[list[int], list[int]]:
    """The ranking without faults and the one with."""
    with serving(latency_s=0.02) as base_url:
        clean, _ = score_prompts(base_url)
    with serving(latency_s=0.02, faults=FAULT_SHARE) as base_url:
        faulty, ledger = score_prompts(base_url)
        faults = {name: count(base_url, name) for name in ("429", "500", "hang")}
    print(f"scores without faults {clean}")
    print(f"scores with faults    {faulty}  ({faults} injected, {ledger.calls} calls, {ledger.failed} answers missing)")
    return rank(clean), rank(faulty)


def count_capped_calls() -> int:
    """Calls that reach the server when 16 threads want 400 answers and 300 calls are allowed, retries included."""
    with serving(latency_s=0.02, faults=FAULT_SHARE) as base_url:
        engine = open_engine(MODEL, api_base=base_url, slots=THREADS, timeout_s=1.0)
        road = Road(engine, budget=Budget(max_calls=MAX_CALLS), retry=Retry(attempts=6, base_s=0.05))
        lm = dspy_lm(road, max_tokens=16)
        with suppress(BudgetError), stops_as_errors():
            evaluate([f"question {number}" for number in range(400)], lm=lm, threads=THREADS)
        lm.engine.close()
        print(f"with a cap of {MAX_CALLS} calls the ledger counts {road.ledger.calls}")
        return count(base_url, "requests")


def spread(shares: list[float]) -> str:
    """Median and range."""
    return f"median {statistics.median(shares):.3f}, {min(shares):.3f} to {max(shares):.3f}, {len(shares)} rounds"


def report(name: str, value: object, asked: str, *, ok: bool) -> bool:
    """One line per figure."""
    print(f"{name} {value} (asked {asked}) {'ok' if ok else 'short'}")
    return ok


def main() -> int:
    """Measure, print, and say by the exit code whether all is as asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the throughput comparison")
    rounds = parser.parse_args().rounds
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    logging.disable(logging.ERROR)
    road, peer = compare_throughput(rounds)
    clean, faulty = compare_rankings()
    arrived = count_capped_calls()
    print(f"road          {spread(road)} of the ideal {IDEAL_PER_S:.0f} calls/s")
    print(f"dspy.Evaluate {spread(peer)}")
    share = statistics.median(road)
    return (
        0
        if all(
            [
                report("throughput_share", f"{share:.3f}", "≥ 0.90", ok=share >= 0.90),
                report("ranking_with_faults", faulty, f"= {clean}", ok=faulty == clean),
                report("calls_at_server", arrived, f"≤ {MAX_CALLS}", ok=arrived <= MAX_CALLS),
            ]
        )
        else 1
    )


if __name__ == "__main__":
    sys.exit(main())
