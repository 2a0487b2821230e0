"""How well `reer ask` answers and keeps silent, without a model: on the example bank's questions and on others.

    python benchmarks/ask.py manuals/oral-bank
    python benchmarks/ask.py manuals/oral-bank --fit    # the bars of reer/ask.py, fitted on the other half

Questions that the manual can answer: those that open a test call, some 35 words of story (`spoken`), and 36 short ones
written for this benchmark by somebody who had read the answer key, which makes them easy (`short`); of both those with
a fact that a claim holds. Questions that it cannot answer: 108 written for this benchmark, half of them about banking
but of no article (`near`), half from elsewhere, spoken and short ones of the same lengths as the others: scores depend
on length. Every second line of each file is for fitting; the others are reported, with Wilson's 95 % interval.
The parts of the score were chosen with questions of both halves in sight, the bars with those for fitting alone, so the
figures are a little kinder than those of a new bank would be.

A claim holds a fact when a reply that it cites was marked with it and the claim has the fact's value.

    *_first         share of answers whose first claim holds a fact that the question asks for
    *_any           share of answers of which one of the one to three claims does
    *_silence       share of the answerable that the manual is said to be silent on
    *_near, *_far   share of the unanswerable that are answered all the same

What is asked, and why. Who asks a short question should find the answer first three times out of four and among what
is shown nine times out of ten, as on the first screen of a search. Of a caller's story half and two thirds. One in five
sent away for nothing is what a person looks up elsewhere. Claims about banking for a question from elsewhere cost
trust: at most one in ten. Near misses are held to three in ten: the claim stands there in full, and a reader sees that
it is about something else. By words alone (`words_*`, without text embeddings) the same is asked.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lm.encoder import Encoder, encoder_installed
from reer.ask import SHOWN, Bar, Finder, Found, content_words
from reer.manual import Article, Claim
from reer.pairs import load_pairs
from reer.recall import stated
from reer.shelf import load_manual

ROOT = Path(__file__).parent.parent
BANK = ROOT / "examples" / "oral-bank"
QUESTIONS = Path(__file__).with_name("ask_questions.jsonl")
AT_LEAST = {"short_first": 0.75, "short_any": 0.9, "spoken_first": 0.5, "spoken_any": 0.67}
AT_MOST = {"silence": 0.2, "near": 0.3, "far": 0.1}
Z = 1.959964


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the facts that answer it; none where the manual cannot."""

    text: str
    style: str
    """`spoken` or `short`."""
    kind: str
    """`answerable`, `near` or `far`."""
    facts: tuple[str, ...]
    fitting: bool
    """Whether it is for fitting, not for the report."""


class Facts:
    """The answer key beside the marks of the replies."""

    def __init__(self) -> None:
        """Read both."""
        self._key = {row["id"]: row for row in read(BANK / "key.jsonl")}
        self.marks = {row["id"]: row["facts"] for row in read(BANK / "marks.jsonl")}

    def hold(self, article: Article, claim: Claim, facts: Sequence[str]) -> bool:
        """Whether a claim holds one of the facts."""
        heard = {fact for id_ in claim.sources for fact in self.marks.get(article.source(id_).pair, ())}
        return any(fact in heard and stated(self._key[fact], [claim.text]) for fact in facts)


def main() -> int:
    """Measure, print, and say by the exit code whether all is as asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manual", nargs="?", type=Path, default=ROOT / "manuals" / "oral-bank")
    parser.add_argument("--fit", action="store_true", help="print bars fitted on the half that is not reported")
    args = parser.parse_args()
    articles, facts = load_manual(args.manual), Facts()
    questions = load_questions(articles, facts)
    finders = {"words_": Finder(articles)}
    if encoder_installed():
        finders = {"": Finder(articles, Encoder().encode), **finders}
    ok = []
    for prefix, finder in finders.items():
        found = {question: finder.find(question.text) for question in questions}
        if args.fit:
            bar = fit({question: each for question, each in found.items() if question.fitting})
            print(f"{prefix or 'with embeddings '}Bar({bar.base:.3f}, {bar.slope:.3f})")
        reported = {question: each for question, each in found.items() if not question.fitting}
        for style in ("short", "spoken"):
            ok += report(prefix, style, reported, facts)
    return 0 if all(ok) else 1


def load_questions(articles: dict[str, Article], facts: Facts) -> list[Question]:
    """All questions that count with this manual."""
    rows = [
        (pair.question, "spoken", "answerable", facts.marks[pair.id], place)
        for place, pair in enumerate(load_pairs(BANK / "test.jsonl").pairs)
        if len(pair.x) == 1 and facts.marks[pair.id]
    ]
    kinds = {"near": "near", "elsewhere": "far", "in the key": "answerable"}
    rows += [
        (row["question"], row["style"], kinds[row["kind"]], row["facts"], place)
        for place, row in enumerate(read(QUESTIONS))
    ]
    claims = [(article, claim) for article in articles.values() for claim in article.current]
    return [
        Question(text, style, kind, tuple(wanted), place % 2 == 0)
        for text, style, kind, wanted, place in rows
        if kind != "answerable" or any(facts.hold(article, claim, wanted) for article, claim in claims)
    ]


def report(prefix: str, style: str, found: dict[Question, Found], facts: Facts) -> list[bool]:
    """The figures of one style, a line each."""
    groups = {
        kind: [(question, each) for question, each in found.items() if (question.style, question.kind) == (style, kind)]
        for kind in ("answerable", "near", "far")
    }
    answered = [(question, each.shown) for question, each in groups["answerable"] if each.shown]
    right = [[facts.hold(hit.article, hit.claim, question.facts) for hit in shown] for question, shown in answered]
    figures = {
        "first": [each[0] for each in right],
        "any": [any(each) for each in right],
        "silence": [not each.shown for _, each in groups["answerable"]],
        "near": [bool(each.shown) for _, each in groups["near"]],
        "far": [bool(each.shown) for _, each in groups["far"]],
    }
    ok = []
    for name, outcomes in figures.items():
        value, (low, high) = sum(outcomes) / max(1, len(outcomes)), wilson(sum(outcomes), len(outcomes))
        least, most = AT_LEAST.get(f"{style}_{name}"), AT_MOST.get(name)
        ok.append(value >= least if least is not None else value <= (most or 0.0))
        asked = f"≥ {least:g}" if least is not None else f"≤ {most:g}"
        shown = f"{value:.2f} [{low:.2f}, {high:.2f}] n={len(outcomes)}"
        print(f"{prefix}{style}_{name} {shown} (asked {asked}) {'ok' if ok[-1] else 'short'}")
    return ok


def fit(found: dict[Question, Found]) -> Bar:
    """A bar by logistic regression of the best score and the question's length.

    The answerable and the rest weigh the same, and so do both styles, and the near misses and the questions from
    elsewhere.
    """
    from scipy.optimize import minimize

    questions = list(found)
    groups = [(question.style, question.kind) for question in questions]
    weights = np.array([(1.0 if group[1] == "answerable" else 0.5) / groups.count(group) for group in groups])
    scores = np.array([found[question].hits[0].score for question in questions])
    lengths = np.array([math.log(max(1, len(set(content_words(question.text))))) for question in questions])
    signs = np.array([1.0 if question.kind == "answerable" else -1.0 for question in questions])
    rows = np.stack([scores / scores.std(), lengths, np.ones(len(questions))], axis=1)

    def loss(weighing: np.ndarray) -> float:
        surprise = np.logaddexp(0, -signs * (rows @ weighing))
        return float(np.sum(weights * surprise) + 0.005 * np.sum(weighing[:2] ** 2))

    score, length, rest = minimize(loss, np.zeros(3)).x
    unit = score / scores.std()
    return Bar(-rest / unit, length / unit)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """A 95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    share, spread = hits / n, Z**2 / n
    middle = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def read(path: Path) -> list[dict]:
    """The records of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    assert SHOWN == 3  # what `any` is about
    sys.exit(main())
