"""A model that ignores the prompt: how often does the gate release a prompt that is no better?

    python benchmarks/null.py --runs 200

The scripted model is right or wrong by chance: with probability 0.7 the same for every prompt, else drawn anew for each
prompt, and always equally often. So no prompt is better than another, whatever the search finds. Every run has its own
examples, a whole search, and one look at its own sealed examples.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import statistics
import sys

import anyio
import numpy as np

from apo.evaluate import Evaluator
from apo.examples import Example
from apo.gate import alpha_of, decide
from apo.propose import Limits, Proposer
from apo.search import Plan, Search
from lm.base import Request
from lm.fake import Scripted
from lm.road import Road
from workbench.documents import Document, Span
from workbench.metrics import METRICS
from workbench.prompts import parse_prompt

START = """---
task: chance
version: 1
inputs: [text]
output:
  names: {type: array, items: {type: string}}
---

# system

- [s1] List the names.
"""
N_DEV, N_SEALED = 90, 150
SHARED = 0.7
RIGHT = 0.7


def main() -> int:
    """Run all, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--calls", type=int, default=500)
    args = parser.parse_args()
    results = [anyio.run(one_run, seed, args.calls) for seed in range(args.runs)]
    shipped = [passed for passed, _, _ in results]
    apparent = [gain for _, gain, _ in results]
    sealed = [gain for _, _, gain in results]
    rate = sum(shipped) / len(shipped)
    print(f"{args.runs} runs of {args.calls} calls; true gain 0 in all of them")
    print(f"apparent gain on dev: mean {100 * statistics.mean(apparent):+.1f} points, most {100 * max(apparent):+.1f}")
    print(f"gain on sealed: mean {100 * statistics.mean(sealed):+.1f} points")
    print(f"shipped {sum(shipped)} of {len(shipped)}")
    ok = rate <= 0.05
    print(f"ship_rate {rate:.3f} (asked ≤ 0.05) {'ok' if ok else 'short'}")
    return 0 if ok else 1


async def one_run(seed: int, calls: int) -> tuple[bool, float, float]:
    """Search and gate once: released or not, apparent gain on dev, gain on sealed."""
    examples = [make_example(seed, index) for index in range(N_DEV + N_SEALED)]
    dev, sealed = examples[:N_DEV], examples[N_DEV:]
    evaluator = Evaluator(Road(Scripted(chance_model(seed, examples), slots=1)), METRICS["strings"], pool=dev)
    start = parse_prompt(START)
    proposer = Proposer(dev, None, Limits(), random.Random(seed))
    result = await Search(evaluator, proposer, dev, Plan(calls, seed=seed)).run(start)
    if result.champion.name == "c0":
        return False, 0.0, 0.0
    before = await evaluator.evaluate(start, sealed)
    after = await evaluator.evaluate(result.champion.prompt, sealed)
    verdict = decide(before, after, kind="f1", alpha=alpha_of(0.05, 1), rng=np.random.default_rng(seed))
    return verdict.passed, result.board.gain("c0", result.champion.name), verdict.gain.value


def chance(*parts: object) -> float:
    """A number in [0, 1) that depends on nothing but its parts."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def make_example(seed: int, index: int) -> Example:
    """A sentence with no name, one or two."""
    names = [f"Name{seed}x{index}{letter}" for letter in "ab"][: int(3 * chance(seed, index, "names"))]
    text = " ".join([f"Line {index} of {seed}", *names])
    spans = tuple(Span(text.index(name), text.index(name) + len(name), "name", name) for name in names)
    return Example(Document(f"e{index}", text, spans), {"text": text})


def chance_model(seed: int, examples: list[Example]) -> object:
    """Answers each example rightly or wrongly by chance, whatever the prompt."""
    gold = {example.inputs["text"]: example for example in examples}

    def answer(request: Request) -> str:
        text = request.messages[-1].content
        example = next(gold[line] for line in reversed(text.splitlines()) if line in gold)
        own = "|".join(message.content for message in request.messages[:-1]) + text.replace(example.inputs["text"], "")
        whose = "all" if chance(seed, example.id, own, "whose") < SHARED else own
        right = chance(seed, example.id, whose) < RIGHT
        names = list(example.gold) if right else ["Wrong", *example.gold[1:]]
        return "[" + ", ".join(f'"{name}"' for name in names) + "]"

    return answer


if __name__ == "__main__":
    sys.exit(main())
