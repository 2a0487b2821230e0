"""Sixty errors for a copy of a manual, planted into its Markdown and its pairs as text, with patterns of its own.

    plants = plant_all(copy)
    copy.write()

Nothing here knows how `reer lint` looks; `benchmarks/lint.py` counts what it finds.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

CLAIM = re.compile(r"- \[(c\d+)\] (.*?)((?:\[\^[\w.-]+\])+)$")
VALUE = re.compile(r"(?<![\w.,-])(\d[\d,.]*\d|\d)(?= (?:euros|percent|business days|days|months|weeks)\b)")
SYNONYMS = [
    ("costs you", "sets you back"),
    ("it costs", "the price is"),
    ("costs", "comes to"),
    ("we take", "we charge"),
    ("we need", "we require"),
    ("you have to", "you must"),
    ("have to be", "must be"),
    ("per year", "a year"),
    ("every year", "each year"),
    ("a month", "per month"),
    ("at most", "and no more"),
    ("for free", "at no cost"),
    ("free of charge", "for nothing"),
    ("receive", "get"),
    ("a new", "another"),
    ("may", "can"),
    ("must", "needs to"),
    ("something", "a thing"),
    ("bring", "carry along"),
    ("pay", "are charged"),
    ("every", "each"),
    ("before", "ahead of the time"),
    ("the bank", "the house"),
]
SMALL_TALK = (
    "In short, ",
    "To put it plainly, ",
    "As far as I can see, ",
    "Let me put it like this: ",
    "For you, then: ",
)
CLAUSE = r"(?:if|unless|until|except|provided|as long as|once|when|without|should you) [^,.;:]+"
CLAUSES = (re.compile(rf"^{CLAUSE}, (?=\w)", re.I), re.compile(rf",? \b(?<!even ){CLAUSE}(?=[,.;:])", re.I))
BOUNDS = re.compile(
    r"\b(?:only|exclusively|solely|at least|up to|at most|at the very most|no more than)\b ?"
    r"|,? within \d+ [a-z ]*?(?:days|months)\b",
    re.I,
)
NOT_ONLY_TALK = re.compile(r"only (?:have|need|had) ", re.I)


@dataclass(frozen=True)
class Plant:
    """An error, and where it must be found."""

    rule: str
    where: frozenset[str]
    """Names as `cards/c3`, or a page's as `cards`."""
    about: str = ""
    """What the message must hold."""


@dataclass
class Copy:
    """A manual as lines of text, and what may still be changed in it."""

    folder: Path
    pairs: list[dict]
    now: datetime
    rng: random.Random
    pages: dict[str, list[str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def claims(self, *, ended: bool = False) -> list[tuple[str, int, re.Match[str]]]:
        """Slug, line and match of the claims that nothing was planted on, in any order."""
        found = [
            (slug, at, match)
            for slug, lines in self.pages.items()
            if slug not in ("index", "log") and f"{slug} broken" not in self.used
            for at, line in enumerate(lines)
            if (match := CLAIM.match(line)) and f"{slug}/{match[1]}" not in self.used
            if ("(until " in line) == ended
        ]
        self.rng.shuffle(found)
        return found

    def edit(self, slug: str, at: int, text: str) -> None:
        """Replace the text of a claim."""
        match = CLAIM.match(self.pages[slug][at])
        assert match
        self.used.add(f"{slug}/{match[1]}")
        self.pages[slug][at] = f"- [{match[1]}] {text}{match[3]}"

    def add_claim(self, slug: str, text: str, notes: str) -> str:
        """A claim more, after the last current one."""
        lines = self.pages[slug]
        id_ = f"c{1 + max(int(match[1][1:]) for line in lines if (match := CLAIM.match(line)))}"
        last = max(at for at, line in enumerate(lines) if CLAIM.match(line) and "(until " not in line)
        lines.insert(last + 1, f"- [{id_}] {text}{notes}")
        self.used.add(f"{slug}/{id_}")
        return f"{slug}/{id_}"

    def add_source(self, slug: str, quote: str, *, in_front: bool = True) -> str:
        """A source more, with a call that says its words."""
        id_, lines = f"n{len(self.pairs)}", self.pages[slug]
        like = self.pairs[self.rng.randrange(len(self.pairs))]
        pair = like | {"id": f"new-{id_}", "conversation": f"new-call-{id_}", "y": f"Good that you ask. {quote}"}
        self.pairs.append(pair)
        if in_front:
            end = [at for at, line in enumerate(lines) if line == "---"][1]
            front = ["- id: " + id_, "  resource: " + pair["id"], "  conversation: " + pair["conversation"]]
            lines[end:end] = [*front, f"  turn: {pair['turn']}"]
        while not lines[-1]:
            lines.pop()
        lines += [f"[^{id_}]: {quote}", ""]
        return id_

    def write(self) -> None:
        """Put it on disk."""
        for slug, lines in self.pages.items():
            (self.folder / f"{slug}.md").write_text("\n".join(lines), encoding="utf-8")
        text = "".join(json.dumps(pair) + "\n" for pair in self.pairs)
        (self.folder / "pairs.jsonl").write_text(text, encoding="utf-8")


def reword(text: str, rng: random.Random) -> str:
    """The same in other words, as far as a table of synonyms goes."""
    first, _, rest = text.partition(", ")
    if len(first.split()) <= 5 and len(rest.split()) >= 7 and not re.search(r"\d", first) and rng.random() < 0.7:
        text = rest
    for old, new in SYNONYMS:
        if rng.random() < 0.7:
            text = re.sub(rf"\b{old}\b", new, text)
    head, comma, tail = text.rstrip(".").rpartition(", ")
    if comma and len(tail.split()) >= 4 and rng.random() < 0.4:
        text = f"{tail}, {head}."
    return rng.choice(SMALL_TALK) + text[0].lower() + text[1:]


def other_value(value: str, rng: random.Random) -> str:
    """Another number, written the same way."""
    digits = [at for at, char in enumerate(value) if char.isdigit()]
    at = digits[0] if len(digits) < 3 else rng.choice(digits[:2])
    return value[:at] + rng.choice([d for d in "123456789" if d != value[at]]) + value[at + 1 :]


def plant_two_values(copy: Copy, elsewhere: bool) -> Plant | None:
    """One thing, two values, each with its source."""
    for slug, _, match in copy.claims():
        if value := VALUE.search(match[2]):
            other = other_value(value[1], copy.rng)
            text = reword(match[2].replace(value[1], other), copy.rng)
            if not re.search(rf"(?<![\d.,]){re.escape(other)}(?![\d])", text):
                continue
            home = copy.rng.choice([s for s in copy.pages if s not in ("index", "log", slug)]) if elsewhere else slug
            if f"{home} broken" in copy.used:
                continue
            name = copy.add_claim(home, text, f"[^{copy.add_source(home, text)}]")
            copy.used.add(f"{slug}/{match[1]}")
            return Plant("two-values", frozenset({f"{slug}/{match[1]}", name}))
    return None


def plant_duplicate(copy: Copy) -> Plant | None:
    """The same claim in other words, heard elsewhere or in the same place."""
    for slug, _, match in copy.claims():
        if len(match[2].split()) >= 8:
            text = reword(match[2], copy.rng)
            notes = match[3] if copy.rng.random() < 0.5 else f"[^{copy.add_source(slug, text)}]"
            name = copy.add_claim(slug, text, notes)
            copy.used.add(f"{slug}/{match[1]}")
            return Plant("duplicate", frozenset({f"{slug}/{match[1]}", name}))
    return None


def swap(rule: str, pattern: str, new: str) -> Callable[[Copy], Plant | None]:
    """A planter that replaces what a pattern finds in a claim."""

    def plant(copy: Copy) -> Plant | None:
        for slug, at, match in copy.claims():
            text = re.sub(pattern, new, match[2], count=1)
            if text != match[2]:
                copy.edit(slug, at, text)
                return Plant(rule, frozenset({f"{slug}/{match[1]}"}))
        return None

    return plant


NUMBER = r"(?<![\w.,€$-])(\d[\d,.]*\d|\d)"
UNITS = [
    swap("unit", NUMBER + r" euros\b", r"$\1"),
    swap("unit", NUMBER + r" euros\b", r"\1 days"),
    swap("unit", NUMBER + r" euros\b", r"\1"),
    swap("unit", NUMBER + r" percent\b", r"\1 percent euros"),
    swap("unit", NUMBER + r" business days\b", r"\1 weeks"),
    swap("unit", NUMBER + r" days\b", r"$\1 days"),
    swap("unit", NUMBER + r" months\b", r"\1 percent"),
    swap("unit", NUMBER + r" euros\b", r"\1 pounds"),
]
IMPOSSIBLE = [
    swap("impossible", r"\.$", " by 31 February."),
    swap("impossible", r"\.$", ", at the latest at 25:00."),
    swap("impossible", r"\.$", ", starting on 2026-13-05."),
    swap("impossible", NUMBER + r" percent\b", "140 percent"),
    swap("impossible", NUMBER + r" (business days|days|months)\b", r"-\1 \2"),
    swap("impossible", r"\.$", " until 31.04.2027."),
    swap("impossible", r"\.$", ", which ends on November 31st."),
    swap("impossible", r"\.$", ", and at 14:75 we close."),
]


def plant_condition(copy: Copy) -> Plant | None:
    """A condition or a bound taken out of a claim."""
    for slug, at, match in copy.claims():
        patterns = [*CLAUSES, BOUNDS] if copy.rng.random() < 0.6 else [BOUNDS, *CLAUSES]
        for pattern in patterns:
            lost = pattern.search(match[2])
            if lost and not NOT_ONLY_TALK.match(match[2], lost.start()):
                text = match[2][: lost.start()] + match[2][lost.end() :]
                if len(text.split()) >= 6:
                    copy.edit(slug, at, text[0].upper() + text[1:])
                    return Plant("condition-lost", frozenset({f"{slug}/{match[1]}"}))
    return None


def plant_amount(copy: Copy) -> Plant | None:
    """A value changed in a claim, its source as it was."""
    for slug, at, match in copy.claims():
        if value := VALUE.search(match[2]):
            other = other_value(value[1], copy.rng)
            copy.edit(slug, at, match[2][: value.start()] + other + match[2][value.end() :])
            return Plant("not-in-source", frozenset({f"{slug}/{match[1]}"}), other)
    return None


def plant_stale(copy: Copy) -> Plant | None:
    """A page that somebody should have looked at."""
    for slug in copy.rng.sample(sorted(copy.pages), len(copy.pages)):
        if slug not in ("index", "log") and not {f"{slug} broken", f"{slug} stale"} & copy.used:
            copy.used.add(f"{slug} stale")
            day = (copy.now - timedelta(days=copy.rng.randrange(1, 500))).date().isoformat()
            lines = [line for line in copy.pages[slug] if not line.startswith("stale_after:")]
            lines.insert(1, f"stale_after: '{day}T00:00:00+00:00'")
            copy.pages[slug] = lines
            return Plant("stale", frozenset({slug}), day)
    return None


def plant_link(copy: Copy) -> Plant | None:
    """A link to a file or a heading that is not there."""
    gone = f"gone-{len(copy.used)}"
    if copy.rng.random() < 0.4:
        at = copy.rng.choice([n for n, line in enumerate(copy.pages["index"]) if line.startswith(("* [", "- ["))])
        copy.pages["index"].insert(at, f"* [Old chapter]({gone}.md) - Moved.")
        slug = "index"
    else:
        slug = copy.rng.choice([s for s in copy.pages if s not in ("index", "log") and f"{s} broken" not in copy.used])
        home = copy.rng.choice([s for s in copy.pages if s not in ("index", "log")])
        target = f"{gone}.md" if copy.rng.random() < 0.5 else f"{home}.md#{gone}"
        first = next(n for n, line in enumerate(copy.pages[slug]) if CLAIM.match(line))
        copy.pages[slug][first:first] = [f"See [the other chapter]({target}) too.", ""]
    copy.used.add(gone)
    return Plant("broken-link", frozenset({slug}), gone)


def plant_orphan(copy: Copy) -> Plant | None:
    """A page, a source or a footnote that nothing leads to."""
    slugs = [s for s in copy.pages if s not in ("index", "log") and not {f"{s} broken", f"{s} lost"} & copy.used]
    slug, kind = copy.rng.choice(slugs), copy.rng.randrange(3)
    if kind == 0:
        copy.pages["index"] = [line for line in copy.pages["index"] if f"({slug}.md)" not in line]
        copy.used.add(f"{slug} lost")
        return Plant("orphan", frozenset({slug}), f"{slug}.md")
    id_ = copy.add_source(slug, "We are glad to see you again.", in_front=kind == 1)
    return Plant("orphan", frozenset({slug}), id_)


def plant_source(copy: Copy) -> Plant | None:
    """A source that names no pair, another turn, or words that nobody said."""
    for slug, _, match in copy.claims():
        id_, lines = re.findall(r"\[\^([\w.-]+)\]", match[3])[0], copy.pages[slug]
        front, note = lines.index(f"- id: {id_}"), next(n for n, x in enumerate(lines) if x.startswith(f"[^{id_}]: "))
        kind = copy.rng.randrange(5)
        if kind == 0:
            lines[front + 1] = f"  resource: 99-b{copy.rng.randrange(100, 999)}"
        elif kind == 1:
            lines[front + 3] = f"  turn: {int(lines[front + 3].split()[1]) + 1 + copy.rng.randrange(3)}"
        elif kind == 2:
            lines[front + 2] = f"  conversation: 99-call-{copy.rng.randrange(10, 99)}"
        elif kind == 3:
            words = lines[note].split()
            at = copy.rng.choice([n for n, word in enumerate(words) if n and len(word) > 3 and word.isalpha()])
            lines[note] = " ".join([*words[:at], "scarcely", *words[at + 1 :]])
        else:
            lines[note] = f"[^{id_}]: {copy.rng.choice(copy.pairs)['y'].split('. ')[0]} or so, they say."
        copy.used.add(f"{slug}/{match[1]}")
        return Plant("no-source", frozenset({f"{slug}/{match[1]}"}), f"'{id_}'")
    return None


def plant_history(copy: Copy) -> Plant | None:
    """History told as present, or ended before it was said."""
    for slug, at, match in copy.claims(ended=True):
        name, text = f"{slug}/{match[1]}", match[2].rpartition(" (until ")[0]
        if copy.rng.random() < 0.5 and re.search(r"\d", text):
            new = copy.add_claim(slug, text, match[3])
            copy.used.add(name)
            return Plant("not-current", frozenset({name, new}))
        copy.edit(slug, at, f"{text} (until 2024-{copy.rng.randrange(1, 13):02d}-01)")
        return Plant("not-current", frozenset({name}), "2024")
    return None


def plant_unreadable(copy: Copy) -> Plant | None:
    """A page that is no article any more; the first to be planted, since it hides what else is wrong there."""
    slug = copy.rng.choice([slug for slug in sorted(copy.pages) if slug not in ("index", "log")])
    lines, kind = copy.pages[slug], copy.rng.randrange(3)
    if kind == 0:
        lines[:] = [line for line in lines if not line.startswith("category:")]
    elif kind == 1:
        lines[:] = [line + " [" if line.startswith("title:") else line for line in lines]
        lines.insert(1, "owner: [Ms Vale")
    else:
        at = next(n for n, line in enumerate(lines) if CLAIM.match(line))
        lines[at] = lines[at].partition("[^")[0]
    copy.used.add(f"{slug} broken")
    return Plant("unreadable", frozenset({slug}))


KINDS: list[tuple[int, list[Callable[[Copy], Plant | None]]]] = [
    (1, [plant_unreadable]),
    (2, [plant_history]),
    (4, [lambda copy: plant_two_values(copy, False)]),
    (4, [lambda copy: plant_two_values(copy, True)]),
    (7, UNITS),
    (6, IMPOSSIBLE),
    (3, [plant_stale]),
    (8, [plant_condition]),
    (4, [plant_link]),
    (5, [plant_orphan]),
    (6, [plant_duplicate]),
    (6, [plant_source]),
    (4, [plant_amount]),
]


def plant_all(copy: Copy) -> list[Plant]:
    """Plant 60 errors."""
    plants = []
    for count, planters in KINDS:
        chosen = planters if len(planters) == 1 else copy.rng.sample(planters, min(count, len(planters)))
        for n in range(count):
            plant = chosen[n % len(chosen)](copy)
            if plant is None:
                raise SystemExit(f"the manual has no place left for error {len(plants) + 1}; plant into a larger one")
            plants.append(plant)
    return plants
