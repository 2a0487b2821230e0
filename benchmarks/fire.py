"""Find companies in FIRE sentences with the embedded model: zero-shot, random demos, and `apo`'s search.

    python benchmarks/fire.py --data DIR --calls 1200 --seeds 3

DIR holds `fire_dev.json`. Sentences under 40 tokens are split in half at random: the open half feeds demos and search,
the sealed half is read for the figures only. String micro-F1 over the whole half.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import anyio
import numpy as np

from apo.evaluate import Evaluator
from apo.examples import Example
from apo.propose import Limits, Proposer
from apo.retrieve import installed
from apo.search import Event, Plan, Search
from apo.task import gold_demo
from lm.budget import Budget, Price
from lm.open import open_engine
from lm.road import Road
from lm.store import ReplyStore
from workbench.documents import Document, Span
from workbench.edits import add_rule
from workbench.metrics import METRICS, constant_baseline
from workbench.prompts import Prompt, load_prompt
from workbench.rendering import demo_text
from workbench.stats import Sample, bootstrap_interval, paired_gain

HERE = Path(__file__).parent
MAX_TOKENS_OF_SENTENCE = 40
N_RANDOM = 8


def main() -> int:
    """Run everything and print one line per figure."""
    args = parse_args()
    examples = load_fire(args.data / "fire_dev.json")
    random.Random(args.split_seed).shuffle(examples)
    half = len(examples) // 2
    opened, sealed = examples[:half], examples[half:]
    print(f"{len(examples)} sentences, {len(opened)} open, {len(sealed)} sealed, {args.calls} calls per search")
    _, constant = constant_baseline(METRICS["strings"], [example.document for example in sealed])
    print(f"best constant answer on the sealed half {constant:.3f}")
    with tempfile.TemporaryDirectory() as folder:
        store = ReplyStore(args.store or Path(folder) / "replies.sqlite")
        road = Road(open_engine("embedded"), store=store, budget=Budget(price=Price(0, 0)))
        return anyio.run(measure, road, opened, sealed, args)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--calls", type=int, default=1200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--split-seed", type=int, default=0, help="which halves")
    parser.add_argument("--store", type=Path, help="keep replies here; without it every run asks anew")
    return parser.parse_args()


def load_fire(path: Path) -> list[Example]:
    """Read sentences under 40 tokens as documents with company spans."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [to_example(f"fire-{i}", row) for i, row in enumerate(rows) if len(row["tokens"]) < MAX_TOKENS_OF_SENTENCE]


def to_example(id_: str, row: dict[str, list[dict[str, object]]]) -> Example:
    """Join the tokens with blanks; token spans become character spans."""
    tokens = [str(token) for token in row["tokens"]]
    text = " ".join(tokens)
    starts = np.cumsum([0] + [len(token) + 1 for token in tokens])
    spans = []
    for entity in row["entities"]:
        if entity["type"] == "Company":
            start, last = int(starts[entity["start"]]), entity["end"] - 1
            end = int(starts[last]) + len(tokens[last])
            spans.append(Span(start, end, "company", text[start:end]))
    return Example(Document(id_, text, tuple(spans)), {"text": text})


async def measure(road: Road, opened: list[Example], sealed: list[Example], args: argparse.Namespace) -> int:
    """Zero-shot, random prompts, then the searches; each on the sealed half."""
    start = load_prompt(HERE / "fire.md")
    zero = await score(road, start, opened, sealed)
    print(f"zero-shot {show(zero)}", flush=True)
    drawn = [await score(road, random_demos(start, opened, seed), opened, sealed) for seed in range(N_RANDOM)]
    print(f"random 4 demos: {', '.join(f'{sample.ratio:.3f}' for sample in drawn)}", flush=True)
    found = []
    for seed in range(args.seeds):
        began = time.monotonic()
        champion, dev_score, rounds = await optimize(road, start, opened, args.calls, seed)
        found.append(await score(road, champion, opened, sealed))
        best = max(drawn, key=lambda sample: sample.ratio)
        gain = paired_gain(best, found[-1], rng=np.random.default_rng(0))
        print(
            f"optimized, seed {seed}: {show(found[-1])}; dev {dev_score:.3f}, {rounds} rounds,"
            f" {time.monotonic() - began:.0f} s; over the best random prompt {gain.value:+.3f} [{gain.low:+.3f},"
            f" {gain.high:+.3f}]",
            flush=True,
        )
        if args.store:
            args.store.with_suffix(f".seed{seed}.md").write_text(champion.text, encoding="utf-8")
    random_mean = statistics.mean(sample.ratio for sample in drawn)
    mean = statistics.mean(sample.ratio for sample in found)
    spread = statistics.stdev([sample.ratio for sample in found]) if len(found) > 1 else 0.0
    print(f"zero-shot {zero.ratio:.3f}, random mean {random_mean:.3f}, optimized mean {mean:.3f} (sd {spread:.3f})")
    return verdict({"sealed_f1": (mean, 0.48), "gain_over_random": (mean - random_mean, 0.10)})


async def score(road: Road, prompt: Prompt, pool: list[Example], examples: list[Example]) -> Sample:
    """Tallies of a prompt on examples."""
    outcomes = await Evaluator(road, METRICS["strings"], pool=pool).evaluate(prompt, examples)
    return Sample.of([outcome.tally for outcome in outcomes if outcome.tally is not None])


def random_demos(start: Prompt, pool: list[Example], seed: int) -> Prompt:
    """The start prompt with four random demos."""
    prompt = start
    for example in random.Random(seed).sample(pool, 4):
        prompt = add_rule(prompt, "demos", demo_text(gold_demo(prompt, example)))
    return prompt


async def optimize(
    road: Road, start: Prompt, opened: list[Example], calls: int, seed: int
) -> tuple[Prompt, float, int]:
    """One search on the open half: champion, its dev score, rounds."""
    evaluator = Evaluator(road, METRICS["strings"], pool=opened)
    bank = load_prompt(HERE / "fire_rules.md")
    proposer = Proposer(opened, bank, Limits(retrieval=installed(("bm25", "encoder"))), random.Random(1000 + seed))
    search = Search(evaluator, proposer, opened, Plan(calls, seed=seed), observe=trace)
    result = await search.run(start)
    return result.champion.prompt, result.board.score(result.champion.name) or 0.0, result.rounds


def trace(event: Event) -> None:
    """Show the rounds on stderr."""
    if event.kind in {"trial", "round"}:
        print({k: v for k, v in event.fields.items()}, file=sys.stderr, flush=True)


def show(sample: Sample) -> str:
    """A figure with its interval."""
    interval = bootstrap_interval(sample.num, sample.den, rng=np.random.default_rng(0))
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}] n={interval.n}"


def verdict(figures: dict[str, tuple[float, float]]) -> int:
    """One line per figure; 0 only if all hold."""
    for name, (value, asked) in figures.items():
        print(f"{name} {value:.3f} (asked ≥ {asked:.2f}) {'ok' if value >= asked else 'short'}")
    return 0 if all(value >= asked for value, asked in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
