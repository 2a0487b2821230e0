"""Errors planted into copies of a manual: how many does `reer lint` find, and how often is it wrong on a clean one?

    python benchmarks/lint.py --manual manuals/oral-bank --pairs examples/oral-bank/pairs.jsonl

Each seed plants 60 errors into one copy (`lint_plants.py`), each on a claim, a page or a source of its own. An error is
found when the rule of its kind has a finding on the very claim (both claims where it takes two) or page, and its
message holds the planted words where there are any. A finding of another rule on the same claim does not count.

The clean copy is the manual itself: what is reported there is a false alarm, unless a person has accepted it in the
page. Strays are findings in a planted copy on claims and pages that nothing was planted on. Revived claims are no
planted errors: they are the manual's own history told as present, in the words of other calls.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from lint_plants import Copy, Plant, plant_all

from reer.lint import Finding, lint
from reer.lint_book import load_book
from reer.lint_rules import RULES, choose_rules
from reer.pairs import load_pairs

ROOT = Path(__file__).parent.parent


def names_of(finding: Finding) -> set[str]:
    """The page and the claims that a finding is about."""
    claims = {claim if "/" in claim else f"{finding.article}/{claim}" for claim in finding.claims}
    return {finding.article, *claims}


def is_found(plant: Plant, findings: list[Finding]) -> bool:
    """Whether the rule of its kind has a finding there that names it."""
    return any(
        finding.rule == plant.rule and plant.where <= names_of(finding) and plant.about in finding.message
        for finding in findings
    )


def one_copy(seed: int, manual: Path, pairs: Path, now: datetime) -> tuple[list[tuple[Plant, bool]], list[Finding]]:
    """Plant and lint: each plant and whether it was found, and findings where nothing was planted."""
    records = [json.loads(line) for line in pairs.read_text(encoding="utf-8").splitlines() if line.strip()]
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder) / "manual", records, now, random.Random(seed))
        shutil.copytree(manual, copy.folder)
        for path in sorted(copy.folder.glob("*.md")):
            copy.pages[path.stem] = path.read_text(encoding="utf-8").split("\n")
        plants = plant_all(copy)
        copy.write()
        report = lint(load_book(copy.folder, now, load_pairs(copy.folder / "pairs.jsonl")), RULES)
    findings = list(report.findings)
    touched = {name for plant in plants for name in plant.where} | copy.used
    strays = [finding for finding in findings if not names_of(finding) & touched]
    return [(plant, is_found(plant, findings)) for plant in plants], strays


def revive(manual: Path, now: datetime) -> tuple[int, int]:
    """Tell all history as present: how many claims of it are found to contradict another, and how many there are."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "manual"
        shutil.copytree(manual, copy)
        ended = {told.name for told in load_book(copy, now).told if told.claim.until}
        for path in copy.glob("*.md"):
            path.write_text(
                re.sub(r" \(until [\d-]+\)(?=\[\^)", "", path.read_text(encoding="utf-8")), encoding="utf-8"
            )
        findings = lint(load_book(copy, now), choose_rules(["two-values"])).findings
    return len(ended & {name for finding in findings for name in names_of(finding)}), len(ended)


def main() -> int:
    """Plant, lint, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manual", type=Path, default=ROOT / "manuals" / "oral-bank")
    parser.add_argument("--pairs", type=Path, default=ROOT / "examples" / "oral-bank" / "pairs.jsonl")
    parser.add_argument("--seed", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--missed", action="store_true", help="show what was not found")
    args = parser.parse_args()
    clean = load_book(args.manual, datetime.now(UTC), load_pairs(args.pairs))
    now = max(datetime.fromisoformat(article.generated_at) for _, article in clean.articles)
    false = [finding for finding in lint(clean, RULES).findings if finding.rule != "stale"]
    for finding in false:
        print(f"false alarm: {finding.path.name}:{finding.line} {finding.rule} {finding.message}")
    tried: list[tuple[Plant, bool]] = []
    strays: list[Finding] = []
    for seed in args.seed:
        found, stray = one_copy(seed, args.manual, args.pairs, now)
        tried += found
        strays += [each for each in stray if (each.rule, each.key) not in {(f.rule, f.key) for f in false}]
        print(f"seed {seed}: {sum(ok for _, ok in found)} of {len(found)} found, {len(stray)} strays")
        if args.missed:
            print(*(f"  missed {p.rule} {sorted(p.where)} {p.about}" for p, ok in found if not ok), sep="\n")
            print(*(f"  stray {f.path.name}:{f.line} {f.rule} {f.message}" for f in stray), sep="\n")
    print(f"\n{'rule':<16}planted  found")
    for rule in RULES:
        hits = [ok for plant, ok in tried if plant.rule == rule]
        print(f"{rule:<16}{len(hits):>7}{sum(hits):>7}")
    recall = sum(ok for _, ok in tried) / len(tried)
    told, ended = revive(args.manual, now)
    print(f"\nrevived {told} of {ended}: contradictions in other people's words, beyond what is asked")
    print(f"strays {len(strays)} in {len(args.seed)} copies")
    print(f"recall {recall:.3f} (asked >= 0.95) {'ok' if recall >= 0.95 else 'short'}")
    print(f"false_alarms {len(false)} (asked <= 2) {'ok' if len(false) <= 2 else 'short'}")
    return 0 if recall >= 0.95 and len(false) <= 2 else 1


if __name__ == "__main__":
    sys.exit(main())
