"""Commits of a manual stay whole when their writer is killed, when two write at once, and beside a user's own work.

A manual lies in a folder of a larger repository in which a user has staged, unsaved, half-staged, deleted and untracked
work. First a process that commits one edit after the other gets SIGKILL at 20 random moments, itself alone or with its
Git children, and is started again. Then two processes commit at once, to one page and to two. Asked is:

- every commit is whole: it changes nothing outside the manual, its pages are articles, and it holds exactly one edit;
- after each kill the next start leaves the page as the branch has it, and no lock or draft of ours behind;
- an edit that was reported as committed is in the branch, and none is there twice;
- the user's files are the same to the byte, and staged as they were;
- both writers get all their edits through.

The writer is the command of `writer_command`. Run: python benchmarks/git_faults.py    (about a minute; exit code 0 when
every figure is as asked)
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from reer.claim_diff import diff_manuals
from reer.manual import Article, Claim, Source
from reer.page import parse_article, render_article
from reer.repository import Repository
from reer.versions import Versions

ROOT = Path(__file__).parents[1]
MANUAL = "bank/manual"
KILLS, EDITS_EACH = 20, 40
FIRST_S, LONGEST_S = 0.0, 1.0
"""A kill falls so long after a writer has said that it begins."""
SOURCE = Source("s1", "p1", "call1", 2, "a lost card costs 12 euros.", "agent-a", "2026-01-02")

WRITER = """
import sys, time
from pathlib import Path
from reer.manual import Claim
from reer.page import parse_article, render_article
from reer.repository import Repository
from workbench.errors import DataError
import dataclasses
folder, page, name, count = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
print("begins", flush=True)
done = 0
while done < count:
    repository = Repository.open(folder)
    article = parse_article((folder / f"{page}.md").read_text(encoding="utf-8"))
    edit = f"{name}-{time.monotonic_ns()}"
    claim = Claim(article.next_claim_id(), f"Edit {edit} was made.", ("s1",))
    article = dataclasses.replace(article, claims=(*article.claims, claim))
    trailers = {"NLL-Delta": "-0.010", "Pairs": "1", "Sources": "call1"}
    try:
        repository.commit({f"{page}.md": render_article(article)}, f"edit {edit}", trailers, at=time.time())
    except DataError as exc:
        if "another commit has changed this page" not in str(exc) and "unsaved" not in str(exc):
            raise
        continue
    done += 1
    print(edit, flush=True)
"""
"""Commits `count` edits to a page, each a claim more; prints each when it is committed."""


def writer_command(folder: Path, page: str, name: str, count: int) -> list[str]:
    """The process under attack: says `begins`, then prints each edit that it has committed, a line each."""
    return [sys.executable, "-c", WRITER, str(folder), page, name, str(count)]


def start_writer(folder: Path, page: str, name: str, count: int) -> subprocess.Popen[str]:
    """Start a writer, in a process group of its own, and wait until it begins."""
    command = writer_command(folder, page, name, count)
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    if process.stdout.readline() != "begins\n":
        raise RuntimeError(f"the writer {name} did not begin")
    return process


def git(top: Path, *args: str) -> str:
    """The user's own Git."""
    done = subprocess.run(["git", *args], cwd=top, capture_output=True, check=True)
    return done.stdout.decode("utf-8")


def make_article(slug: str) -> Article:
    """An article to begin with."""
    claim = Claim("c1", "A lost card costs 12 euros.", ("s1",))
    return Article(slug, slug.capitalize(), f"All about {slug}.", (claim,), (SOURCE,), "bench", "2026-01-02T00:00:00Z")


def make_repository(top: Path) -> Path:
    """A repository with a manual and a user who is in the middle of their own work; returns the manual's folder."""
    folder = top / MANUAL
    folder.mkdir(parents=True)
    git(top, "init", "-q", "-b", "main")
    git(top, "config", "user.name", "Vale")
    git(top, "config", "user.email", "vale@example.org")
    for name in ("staged.txt", "unsaved.txt", "both.txt", "deleted.txt", f"{MANUAL}/README.md"):
        (top / name).write_text(f"{name} as committed\n", encoding="utf-8")
    git(top, "add", ".")
    git(top, "commit", "-qm", "the user's files")
    pages = {f"{slug}.md": render_article(make_article(slug)) for slug in ("cards", "loans")}
    Repository.create(folder).commit(pages, "first manual", {"Pairs": "1"}, at=time.time())
    for name in ("staged.txt", "both.txt", f"{MANUAL}/README.md", "new.txt"):
        (top / name).write_text(f"{name} as staged\n", encoding="utf-8")
        git(top, "add", name)
    git(top, "rm", "-q", "deleted.txt")
    for name in ("unsaved.txt", "both.txt", "untracked.txt"):
        (top / name).write_text(f"{name} as unsaved\n", encoding="utf-8")
    return folder


def users_work(top: Path) -> tuple[dict[str, bytes], str, str]:
    """The user's files, what is staged of them, and what Git says of them."""
    mine = {f"{MANUAL}/cards.md", f"{MANUAL}/loans.md"}
    found = {path.relative_to(top).as_posix(): path for path in sorted(top.rglob("*")) if path.is_file()}
    files = {
        name: path.read_bytes() for name, path in found.items() if not name.startswith(".git/") and name not in mine
    }
    return files, git(top, "diff", "--cached"), git(top, "status", "--porcelain")


def kill_writer(folder: Path, number: int, rng: random.Random) -> list[str]:
    """Let a writer work for a moment, kill it, and return the edits that it has reported."""
    process = start_writer(folder, "cards", f"kill{number}", 1_000_000)
    time.sleep(FIRST_S + LONGEST_S * rng.random())
    if number % 2:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    reported, _ = process.communicate()
    return [line for line in reported.split("\n")[:-1] if line]


def leftovers(top: Path, folder: Path) -> list[str]:
    """What of ours should not lie about between commits."""
    inside = [path.name for path in (top / ".git").rglob("*") if path.name.endswith(".lock") or "openbook" in path.name]
    drafts = [path.name for path in folder.iterdir() if path.name.endswith(".tmp")]
    return [name for name in inside + drafts if name != ".openbook.lock"]


def attack(top: Path, folder: Path, kills: int, rng: random.Random) -> tuple[list[str], int, int, int]:
    """Kill writers; returns the reported edits, and how often a start had to recover, left a rest, or differed."""
    reported: list[str] = []
    recovered = rests = differences = 0
    for number in range(kills):
        reported += kill_writer(folder, number, rng)
        repository = Repository.open(folder)
        recovered += bool(repository.recovered)
        rests += len(left := leftovers(top, folder))
        same = repository.text("cards.md", "HEAD") == (folder / "cards.md").read_text(encoding="utf-8")
        differences += not same
        told = "; ".join(repository.recovered + left) or "nothing left"
        print(f"killed {number + 1}: {len(reported)} edits so far; {told}")
    return reported, recovered, rests, differences


def write_at_once(folder: Path, pages: tuple[str, str], edits: int) -> list[str]:
    """Two writers at once; returns the edits that they have reported."""
    writers = [start_writer(folder, page, f"writer{n}-{'-'.join(pages)}", edits) for n, page in enumerate(pages)]
    reported: list[str] = []
    for writer in writers:
        reported += writer.communicate()[0].split()
        if writer.returncode != 0:
            print(f"a writer failed with exit code {writer.returncode}", file=sys.stderr)
    return reported


def count_torn(top: Path, folder: Path) -> tuple[int, Counter[str]]:
    """Commits that are not one edit to the manual and nothing else; and how often each edit is in the branch."""
    versions = Versions(Repository.open(folder))
    torn, edits = 0, Counter[str]()
    for entry in versions.repository.history():
        if not entry.subject.startswith("edit "):
            continue
        edit = entry.subject.removeprefix("edit ")
        edits[edit] += 1
        old, new = versions.at(entry.parents[0]).articles, versions.at(entry.hash).articles
        added = [
            change.after.claim.text
            for change in diff_manuals(old, new).changes
            if change.kind == "added" and change.after
        ]
        paths = git(top, "diff", "--name-only", entry.parents[0], entry.hash).split()
        whole = added == [f"Edit {edit} was made."] and len(paths) == 1 and paths[0].startswith(f"{MANUAL}/")
        torn += not whole
    return torn, edits


def report(name: str, value: int, asked: str, *, ok: bool) -> bool:
    """One line per figure."""
    print(f"{name} {value} (asked {asked}) {'ok' if ok else 'short'}")
    return ok


def main() -> int:
    """Attack, compare, and say by the exit code whether all is as asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--edits", type=int, default=EDITS_EACH, help="of each of two writers at once")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    args = parser.parse_args()
    os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    with tempfile.TemporaryDirectory() as name:
        top = Path(name) / "top"
        folder = make_repository(top)
        before = users_work(top)
        reported, recovered, rests, differences = attack(top, folder, args.kills, random.Random(args.seed))
        after_kills = users_work(top)
        at_once = write_at_once(folder, ("cards", "cards"), args.edits) + write_at_once(
            folder, ("cards", "loans"), args.edits
        )
        torn, edits = count_torn(top, folder)
        after = users_work(top)
        damaged = git(top, "fsck", "--no-dangling").count("\n")
        lost = sum(edits[edit] == 0 for edit in reported + at_once)
        twice = sum(count > 1 for count in edits.values())
        for slug in ("cards", "loans"):
            parse_article((folder / f"{slug}.md").read_text(encoding="utf-8"))
    print(
        f"{len(edits)} commits; {recovered} of {args.kills} starts had to finish or drop what a killed writer had begun"
    )
    same = before == after_kills == after
    results = [
        report("kills", args.kills, f"≥ {KILLS}", ok=args.kills >= KILLS),
        report("edits_under_attack", len(reported), f"≥ {KILLS}", ok=len(reported) >= KILLS),
        report("torn_commits", torn, "≤ 0", ok=torn == 0),
        report("edits_lost", lost, "≤ 0", ok=lost == 0),
        report("edits_twice", twice, "≤ 0", ok=twice == 0),
        report("pages_unlike_their_commit", differences, "≤ 0", ok=differences == 0),
        report("locks_and_drafts_left", rests, "≤ 0", ok=rests == 0),
        report("users_work_kept", int(same), "≥ 1", ok=same),
        report("edits_of_writers_at_once", len(at_once), f"= {4 * args.edits}", ok=len(at_once) == 4 * args.edits),
        report("damaged_objects", damaged, "≤ 0", ok=damaged == 0),
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
