"""Real conversations whose policy is known: how much of it does a manual find that never sees it?

    python benchmarks/airline.py --data DIR

DIR holds `pairs.jsonl` (customer-service conversations of an airline, from tau-bench, MIT) and `policy.md`, the answer
key, which is no input. The manual is built from conversations of even tasks, and the replies of odd tasks are scored
after no book, a wrong article (claims of the other chapters, as long), retrieved transcripts, the right article, and
the whole policy, whose wrong book is text of a bank, as long. Gains are shares of the loss that a book saves, with
intervals over conversations. The category of a test reply is chosen by what was said before it.

Conversations are less different than their number: a task was played up to four times, and a customer has several
tasks. They are joined by the user and reservation ids that they name, and the gain is also given with intervals over
customers, and on those customers alone whom the build does not know.

A fact of `airline_key.jsonl` is recalled when one claim has all the words under "about" and states its value by the
rule of `reer/recall.py`.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import anyio
import numpy as np

from lm.encoder import Encoder
from lm.scores import Scorer
from reer.books import Shelf
from reer.build import Tools, build_manual
from reer.categories import CategoriesFile
from reer.discovery import Work, find_categories
from reer.draft import count_words
from reer.exam import Examiners, set_exam, sit_exam
from reer.manual import Article, Claim, context_text
from reer.options import scoring
from reer.pairs import Pair, load_pairs
from reer.recall import check_key
from reer.shelf import load_manual
from reer.statements import sentences
from reer.tables import format_exam
from workbench import console

ROOT = Path(__file__).parent.parent
KEY = Path(__file__).with_name("airline_key.jsonl")
CATEGORIES = {
    "changes": "Booking and changing flights: dates, cabin class, upgrades, passengers, checked bags, ways to pay.",
    "cancellations": "Cancelling a reservation and getting a refund: the reason, fare class, time since booking.",
    "insurance": "Travel insurance: adding it, whether it is there, what it covers, getting it refunded.",
    "compensation": "Delayed or cancelled flights and complaints: certificates and vouchers as compensation.",
}
"""With six chapters, bookings and bags apart, most facts of these two are left without a second call."""
AT_ONCE = 30
"""Replies between two signs of progress."""
_IDS = re.compile(r"\b[a-z]+_[a-z]+_\d{3,4}\b|\b(?!HAT\d)(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z\d]{6}\b")
"""Users and reservations; HAT and three digits is a flight."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What is built from and what is tested on."""

    build: tuple[Pair, ...]
    test: tuple[Pair, ...]
    customers: Mapping[str, str]
    """Of each conversation."""

    @property
    def known(self) -> frozenset[str]:
        """Customers of the build."""
        return frozenset(self.customers[pair.conversation] for pair in self.build)


def main() -> int:
    """Build, examine, count facts, print."""
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return anyio.run(measure, args, args.out or Path(folder) / "manual")


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="keep the manual here; an empty or new folder")
    parser.add_argument("--limit", type=int, help="pairs of each side, evenly over conversations, for a quick look")
    parser.add_argument("--budget", type=int, default=450, help="tokens that the claims of an article may take")
    parser.add_argument("--seed", type=int, default=0, help="of intervals, and of what --limit takes")
    return parser.parse_args()


async def measure(args: argparse.Namespace, folder: Path) -> int:
    """All of it, with one scorer."""
    sides = split(load_pairs(args.data / "pairs.jsonl").pairs, args.limit, args.seed)
    tell_sides(sides)
    encode = Encoder().encode
    build, test = categorize(sides, encode)
    for slug, n in Counter(pair.category for pair in build).most_common():
        print(f"  {slug}: {n} replies built from, {sum(pair.category == slug for pair in test)} tested on")
    async with scoring("embedded", None) as scorer:
        with console.progress(len({pair.category for pair in build}), "articles") as ticker:
            tools = Tools(scorer, encode, time.time)
            report = await build_manual(
                build, CATEGORIES, folder, tools, budget=args.budget, on_article=lambda _: ticker.advance()
            )
        articles = load_manual(folder)
        for row in report["articles"]:
            length = count_words(context_text(articles[row["category"]]))
            print(f"  {row['category']}: {row['claims']} claims, {length} tokens, {row['crowded']} facts had no room")
        figures = await examine(scorer, (articles, build), test, sides, args)
    return verdict(figures | recall(articles, build))


def split(pairs: Sequence[Pair], limit: int | None, seed: int) -> Sides:
    """Even tasks and odd tasks, with at most `limit` pairs each."""
    sides: tuple[list[Pair], list[Pair]] = ([], [])
    for pair in pairs:
        sides[_task(pair) % 2].append(pair)
    build, test = (tuple(thin(side, limit, seed)) for side in sides)
    return Sides(build, test, find_customers(pairs))


def _task(pair: Pair) -> int:
    return int(pair.conversation.removeprefix("task").partition("-")[0])


def thin(pairs: Sequence[Pair], limit: int | None, seed: int) -> list[Pair]:
    """One pair by chance from each conversation, then a second, until there are enough; in their order."""
    rng = random.Random(seed)
    groups: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.conversation].append(pair)
    ranks = {
        pair.id: (rank, rng.random())
        for group in groups.values()
        for rank, pair in enumerate(rng.sample(group, len(group)))
    }
    taken = {pair.id for pair in sorted(pairs, key=lambda pair: ranks[pair.id])[:limit]}
    return [pair for pair in pairs if pair.id in taken]


def find_customers(pairs: Sequence[Pair]) -> dict[str, str]:
    """The customer of each conversation: those of one task, or that name one user or reservation, are one."""
    names: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        said = " ".join([*(turn.content for turn in pair.x), pair.y])
        names[pair.conversation] |= {pair.conversation.partition("-")[0], *_IDS.findall(said)}
    groups: list[tuple[set[str], set[str]]] = []
    for conversation, own in names.items():
        joined = [group for group in groups if group[1] & own]
        groups = [group for group in groups if not group[1] & own]
        members, known = {conversation}.union(*(g[0] for g in joined)), own.union(*(g[1] for g in joined))
        groups.append((members, known))
    return {
        conversation: f"customer{number}"
        for number, (members, _) in enumerate(groups, start=1)
        for conversation in members
    }


def tell_sides(sides: Sides) -> None:
    """What there is, and who is on both sides."""
    for name, pairs in (("build, even tasks", sides.build), ("test, odd tasks", sides.test)):
        calls = {pair.conversation for pair in pairs}
        customers = {sides.customers[call] for call in calls}
        tasks = len({_task(pair) for pair in pairs})
        print(f"{name}: {len(pairs)} replies, {len(calls)} conversations, {tasks} tasks, {len(customers)} customers")
    both = [pair for pair in sides.test if sides.customers[pair.conversation] in sides.known]
    customers = {sides.customers[pair.conversation] for pair in both}
    print(f"on both sides: {len(customers)} customers, with {len(both)} of the replies tested on")


def categorize(sides: Sides, encode: Any) -> tuple[list[Pair], list[Pair]]:
    """Categories by the sentences above: build pairs as they are, test pairs without their reply."""
    file = CategoriesFile(categories=CATEGORIES)
    blind = [replace(pair, y="") for pair in sides.test]
    with console.progress(2 * len(sides.build) + len(blind), "reading pairs") as ticker:
        work = Work(encode, 2, 2, on_done=ticker.advance)
        before = {each.id: each for each in find_categories(sides.build, work, file, {}).assignments}
        after = find_categories([*sides.build, *blind], work, file, before).assignments
    homes = {each.id: each.category for each in after}
    held = {homes[pair.id] for pair in sides.build}
    if missing := set(homes.values()) - held:
        raise SystemExit(f"no pair to build {missing} from; raise --limit")
    build, test = ([replace(p, category=homes[p.id]) for p in side] for side in (sides.build, sides.test))
    return build, test


async def examine(
    scorer: Scorer,
    book: tuple[dict[str, Article], list[Pair]],
    test: list[Pair],
    sides: Sides,
    args: argparse.Namespace,
) -> dict[str, float]:
    """Sit the exam with the manual and with the policy; print both."""
    articles, shelf = book
    books = articles | {f"not-{slug}": wrong_article(slug, articles) for slug in articles}
    policy = policy_books(args.data / "policy.md")
    asked = [replace(pair, category="policy") for pair in test]

    async def sit(read: Mapping[str, Article], pairs: Sequence[Pair], shown: Sequence[Pair] = ()) -> dict[str, Any]:
        paper = set_exam(Shelf(read, transcripts=shown), pairs)
        return await sit_exam(paper, Examiners(scorer), rng=np.random.default_rng(args.seed))

    with console.progress(2 * len(test), "scoring replies") as ticker:
        for read, pairs, shown in ((books, test, shelf), (policy, asked, ())):
            for start in range(0, len(pairs), AT_ONCE):
                await sit(read, pairs[start : start + AT_ONCE], shown)
                ticker.advance(len(pairs[start : start + AT_ONCE]))
    own, best = await sit(books, test, shelf), await sit(policy, asked)
    customers = sides.customers
    by_customer = [replace(pair, conversation=f"test {customers[pair.conversation]}") for pair in test]
    new = [pair for pair in test if customers[pair.conversation] not in sides.known]
    lengths = {name: count_words(context_text(article)) for name, article in policy.items()}
    print(f"\nthe manual\n{format_exam(own)}")
    print(
        f"\nthe true policy ({lengths['policy']} tokens) and a bank's text ({lengths['bank']})\n{format_exam(best)}\n"
    )
    over_wrong = own["gains"]["over_wrong"]["nll"]
    told = {
        "gain_over_wrong by customer": (await sit(books, by_customer))["gains"]["over_wrong"]["nll"],
        f"gain_over_wrong on the {len(new)} replies to new customers": (
            (await sit(books, new))["gains"]["over_wrong"]["nll"] if new else None
        ),
    }
    for name, interval in told.items():
        if interval:
            print(f"{name} {interval['value']:.4f} [{interval['low']:.4f}, {interval['high']:.4f}] n={interval['n']}")
    none, shown = (own["rungs"][rung]["nll"]["value"] for rung in ("none", "transcripts"))
    gains, limits = ({k: v["nll"]["value"] for k, v in report["gains"].items()} for report in (own, best))
    return {
        "gain_over_wrong_low": over_wrong["low"],
        "gain_over_wrong": over_wrong["value"],
        "gain_over_none": gains["over_none"],
        "policy_gain_over_wrong": limits["over_wrong"],
        "policy_gain_over_none": limits["over_none"],
        "transcripts_gain_over_none": 1 - shown / none,
        "share_of_policy_gain": gains["over_wrong"] / limits["over_wrong"],
        "share_of_policy_gain_over_none": gains["over_none"] / limits["over_none"],
    }


def wrong_article(slug: str, articles: Mapping[str, Article]) -> Article:
    """Claims of the other chapters in turn, until it is as long; the exam takes what stands half the books on."""
    length = count_words(context_text(articles[slug]))
    others = [article for name, article in articles.items() if name != slug]
    turns = zip_longest(*(article.current for article in others))
    wrong = replace(others[0], claims=())
    for claim in (each for turn in turns for each in turn if each):
        longer = replace(wrong, claims=(*wrong.claims, claim))
        if count_words(context_text(longer)) <= length:
            wrong = longer
    return wrong


def policy_books(path: Path) -> dict[str, Article]:
    """The policy as an article, and as its wrong one what a bank's key says, as long."""
    lines = [line.strip(" #-") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    length = count_words("\n".join(lines))
    bank: list[str] = []
    for line in (ROOT / "examples" / "oral-bank" / "key.jsonl").read_text(encoding="utf-8").splitlines():
        if count_words("\n".join(bank)) < length:
            bank.append(json.loads(line)["statement"])
    return {"policy": _article("policy", lines[0], lines[1:]), "bank": _article("bank", "Bank Agent Policy", bank)}


def _article(slug: str, title: str, texts: Sequence[str]) -> Article:
    claims = tuple(Claim(f"c{number}", text, ()) for number, text in enumerate(texts, start=1))
    return Article(slug, title, title, claims, (), "", "")


def recall(articles: Mapping[str, Article], build: Sequence[Pair]) -> dict[str, float]:
    """Facts of the key that any claim of the manual states, and any sentence built from; those missed are printed."""
    facts = [json.loads(line) for line in KEY.read_text(encoding="utf-8").splitlines()]
    found = count_facts(facts, [claim.text for article in articles.values() for claim in article.current])
    heard = count_facts(facts, [pair.y[start:end] for pair in build for start, end in sentences(pair.y)])
    print(f"\n{len(facts) - len(found['missed'])} of {len(facts)} policy facts recalled; missed:")
    for fact in facts:
        if fact["id"] in found["missed"]:
            said = " (in no reply built from)" if fact["id"] in heard["missed"] else ""
            print(f"  {fact['id']}: {fact['statement']}{said}")
    return {"policy_facts_recalled": found["recalled"], "policy_facts_in_replies": heard["recalled"]}


def count_facts(facts: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> dict[str, Any]:
    """Facts that one of the texts states, by the rule of the key."""
    about = {
        fact["id"]: _article(
            "about", "", [text for text in texts if all(word in text.lower() for word in fact["about"])]
        )
        for fact in facts
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key.jsonl"
        path.write_text("".join(json.dumps(fact | {"category": fact["id"]}) + "\n" for fact in facts), encoding="utf-8")
        return check_key(about, path)


def verdict(figures: Mapping[str, float]) -> int:
    """One line per figure; 0 only if what is asked for holds."""
    print()
    for name, value in figures.items():
        if name != "gain_over_wrong_low":
            print(f"{name} {value:.4f}")
    low = figures["gain_over_wrong_low"]
    print(f"gain_over_wrong_low {low:.4f} (asked > 0) {'ok' if low > 0 else 'short'}")
    return 0 if low > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
