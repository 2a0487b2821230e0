"""Score many continuations of shared prefixes: lm-evaluation-harness 0.4.13 and ours, on one model object in float32.

Both get the same token ids; the harness's own `HFLM._loglikelihood_tokens` is called, with the faster of two batch
sizes, found on the first case. Two cases: one pair with 8 traces (x 1,000 tokens, z about 300, y 120), and a manual of
3,000 tokens with 16 questions (q about 42, a about 102). The two take turns. Then: what the released REER code scores
of a reply of one paragraph, which it takes as given but for a newline, beside what is scored here.

How much the rows of logits count depends on the model: `--model qwen3-shape` has random weights, 103M of them, and a
vocabulary of 151,936, as current models have; the embedded model has 135M and 49,152.

Run: pip install 'openbook[embedded,local,bench]'; python benchmarks/scorer.py
(about twenty minutes on two cores; exit code 0 when every figure is as asked)
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import logging
import os
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from lm.score_local import LocalScores
from lm.scores import CLIP_NATS, Item, Scorer, gain
from lm.shared_prefix import Job, Pair, SharedPrefix

PEER_BATCHES = (1, 4)
SAMPLE_S = 0.02
MAX_DELTA_NATS = 1e-3
ASKED = {"traces": 4.0, "manual": 8.0}
SENTENCES = (
    "A client who {verb} a {thing} above {n} euros signs form {m} at the counter first.",
    "The clerk {verb} the {thing} within {n} days and notes it under number {m}.",
    "When a {thing} of {n} euros is missing, the branch {verb} it from account {m}.",
    "No fee applies to a {thing} that the client {verb} before day {n} of month {m}.",
)
VERBS = ("opens", "returns", "transfers", "claims", "checks", "closes", "renews", "reports")
THINGS = ("deposit", "card", "standing order", "loan", "cheque", "statement", "refund", "passport copy")
REPLY = " You need a passport and a proof of address, and the first deposit is at least 50 euros."
QUESTION = "Client: What do I bring to open an account?\nClerk:"
FACTS = {
    "no fact": "",
    "the fact": "To open an account: passport, proof of address, first deposit of at least 50 euros.\n",
    "another fact": "Lost cards: block the card at once, then order a new one for 12 euros.\n",
}


@dataclass(slots=True)
class Turns:
    """What one side took in each round, and what it found."""

    seconds: list[float] = field(default_factory=list)
    extra_gib: list[float] = field(default_factory=list)
    totals: list[float] = field(default_factory=list)
    """Log-probability of each y in nats, of the last round."""


def main() -> int:
    """Measure, print, and say by the exit code whether all is as asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side in each case")
    parser.add_argument("--model", choices=("embedded", "qwen3-shape"), default="embedded")
    args = parser.parse_args()
    if importlib.util.find_spec("lm_eval") is None:
        print("lm-eval is not installed; install it with: pip install 'openbook[bench]'", file=sys.stderr)
        return 2
    logging.disable(logging.ERROR)
    engine = LocalScores.load("embedded", dtype="float32")
    tokenizer = engine.tokenizer
    model = engine.passes.model if args.model == "embedded" else qwen3_shape()
    figures = []
    deltas = []
    work = cases(tokenizer)
    batch = choose_batch(model, tokenizer, work["traces"])
    for name, pairs in work.items():
        ours, theirs = compare(name, model, tokenizer, pairs, (args.rounds, batch))
        ratios = [peer / own for peer, own in zip(theirs.seconds, ours.seconds, strict=True)]
        print(f"{name}: times faster, per round: {', '.join(f'{ratio:.1f}' for ratio in ratios)}")
        deltas.append(max(abs(one - other) for one, other in zip(ours.totals, theirs.totals, strict=True)))
        figures.append((f"{name}_ratio", statistics.median(ratios), ASKED[name]))
    anyio.run(show_one_paragraph, engine)
    ok = [
        *(report(name, f"{value:.1f}", f"≥ {asked:g}", ok=value >= asked) for name, value, asked in figures),
        report("max_delta_nats", f"{max(deltas):.1e}", f"≤ {MAX_DELTA_NATS:g}", ok=max(deltas) <= MAX_DELTA_NATS),
    ]
    return 0 if all(ok) else 1


def qwen3_shape() -> Any:
    """Random weights: 8 layers that are 512 wide, under a vocabulary of 151,936."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=151_936,
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=64,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
    )
    return Qwen3ForCausalLM(config).float().eval()


def cases(tokenizer: Any) -> dict[str, list[Pair]]:
    """Token ids of contexts and continuations."""
    rng = random.Random(0)

    def text(length: int) -> tuple[int, ...]:
        sentences = (
            rng.choice(SENTENCES).format(
                verb=rng.choice(VERBS), thing=rng.choice(THINGS), n=rng.randint(2, 999), m=rng.randint(1, 99)
            )
            for _ in range(length // 8 + 1)
        )
        return tuple(tokenizer.encode(" ".join(sentences))[:length])

    x, y, manual = text(1000), text(120), text(3000)
    return {
        "traces": [((*x, *text(rng.randint(280, 315))), y) for _ in range(8)],
        "manual": [((*manual, *text(rng.randint(36, 48))), text(rng.randint(90, 114))) for _ in range(16)],
    }


def choose_batch(model: Any, tokenizer: Any, pairs: list[Pair]) -> int:
    """The harness's faster batch size; trying is its warm-up."""
    tried = {batch: timed(lambda n=batch: score_theirs(model, tokenizer, pairs, n), Turns()) for batch in PEER_BATCHES}
    shown = ", ".join(f"{seconds:.1f} s with batches of {n}" for n, seconds in tried.items())
    best = min(tried, key=lambda n: tried[n])
    print(f"warm-up of lm-eval: {shown}; it goes on with {best}", flush=True)
    return best


def compare(name: str, model: Any, tokenizer: Any, pairs: list[Pair], settings: tuple[int, int]) -> tuple[Turns, Turns]:
    """Let both sides score the pairs in alternating order; `settings` are the rounds and the harness's batch size."""
    rounds, batch = settings
    ours, theirs = Turns(), Turns()
    timed(lambda: score_ours(model, pairs), Turns())
    for number in range(rounds):
        turns = [
            lambda: timed(lambda: score_ours(model, pairs), ours),
            lambda: timed(lambda: score_theirs(model, tokenizer, pairs, batch), theirs),
        ]
        for turn in turns if number % 2 == 0 else reversed(turns):
            turn()
    for side, turns_of in (("lm-eval", theirs), ("ours", ours)):
        print(f"{name}: {side:8} {spread(turns_of.seconds)} s, peak memory +{max(turns_of.extra_gib):.2f} GiB")
    passes = SharedPrefix(model)
    passes.score(Job(pairs, lambda *_: None))
    whole = sum(len(context) + len(y) - 1 for context, y in pairs)
    print(
        f"{name}: tokens through the model {whole:,} and {passes.tokens_computed:,},"
        f" rows of logits {whole:,} and {passes.logit_rows:,}",
        flush=True,
    )
    return ours, theirs


def score_ours(model: Any, pairs: list[Pair]) -> list[float]:
    """Log-probability of each y; nothing is left over from an earlier round."""
    found: dict[int, float] = {}
    SharedPrefix(model).score(Job(pairs, lambda position, logprobs: found.__setitem__(position, sum(logprobs))))
    return [found[position] for position in range(len(pairs))]


def score_theirs(model: Any, tokenizer: Any, pairs: list[Pair], batch: int) -> list[float]:
    """The same by the harness."""
    from lm_eval.models.huggingface import HFLM

    peer = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch, device="cpu")
    requests = [((str(n), ""), list(context), list(y)) for n, (context, y) in enumerate(pairs)]
    return [total for total, _ in peer._loglikelihood_tokens(requests, disable_tqdm=True)]


def timed(run: Callable[[], list[float]], turns: Turns) -> float:
    """Run once; note and return the seconds."""
    gc.collect()
    with peak_memory() as extra_gib:
        started_s = time.perf_counter()
        turns.totals = run()
        turns.seconds.append(time.perf_counter() - started_s)
    turns.extra_gib.append(max(extra_gib))
    return turns.seconds[-1]


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """GiB of resident memory above the start, sampled until the block ends."""
    start, done, samples = resident_gib(), threading.Event(), [0.0]

    def sample() -> None:
        while not done.wait(SAMPLE_S):
            samples.append(resident_gib() - start)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()


def resident_gib() -> float:
    """Resident memory of this process; 0 where the system does not say so in this place."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**30 if statm.exists() else 0.0


async def show_one_paragraph(engine: LocalScores) -> None:
    """Score a reply of one paragraph by the rule of the released code, and whole."""
    scorer = Scorer(engine)
    contexts = [fact + QUESTION for fact in FACTS.values()]
    whole = await scorer.score([Item(context, REPLY) for context in contexts])
    newline = await scorer.score([Item(context + REPLY, "\n") for context in contexts])
    print("a reply of one paragraph: REER's released rule (1 token, a newline) | all tokens, clipped | all | gain")
    for name, ruled, score in zip(FACTS, newline, whole, strict=True):
        official = min(ruled.nll, CLIP_NATS)
        print(
            f"  {name:13} {official:.3f} ({len(ruled.logprobs)} token) | {score.clipped_nll:.3f}"
            f" | {score.nll:.3f} ({len(score.logprobs)} tokens) | {gain(score, whole[0]):+.3f}"
        )


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"median {statistics.median(values):.2f}, {min(values):.2f} to {max(values):.2f}, {len(values)} rounds"


def report(name: str, value: object, asked: str, *, ok: bool) -> bool:
    """One line per figure."""
    print(f"{name} {value} (asked {asked}) {'ok' if ok else 'short'}")
    return ok


if __name__ == "__main__":
    sys.exit(main())
