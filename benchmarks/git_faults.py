"""Commits of a manual stay whole when their writer is killed, when two write at once, and beside a user's own work.

A manual lies in a folder of a larger repository in which a user has staged, unsaved, half-staged, deleted and untracked
work. First the loop of `reer refine` (`git_faults_refine.py`) gets SIGKILL at 20 random moments, itself alone or with
its Git children, and is started again each time. Then a process that commits one plain edit after the other gets the
same. Then two refine at once, one article each and both the same one, and two processes commit plain edits at once, to
one page and to two. Asked is:

- every commit is whole: it changes nothing outside the manual, its pages are articles, and it holds exactly one edit;
- a killed refinement, and two at once, end with the manual of an undisturbed one, by the same commits (`same_manual`);
- after each kill the next start leaves the page as the branch has it, and no lock or draft of ours behind;
- an edit that was reported as committed is in the branch, and none is there twice;
- the user's files are the same to the byte, and staged as they were;
- both writers get all their edits through.

Scores and answers of the refinement are by script, so that kills fall into commits and not into waiting for a model.
Run: python benchmarks/git_faults.py    (three minutes; exit code 0 when every figure is as asked)
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from git_faults_refine import CATEGORIES, make_article

from reer.claim_diff import diff_manuals
from reer.page import parse_article, render_article
from reer.repository import Repository
from reer.versions import Versions

ROOT = Path(__file__).parents[1]
MANUAL = "bank/manual"
KILLS, EDITS_EACH = 20, 40
FIRST_S, LONGEST_S = 0.0, 1.0
"""A kill falls so long after a writer has said that it begins."""
LONGEST_REFINING_S = 0.25
"""The same after a refinement has committed its first edit: before, it may only repeat what it has done."""
FOUR = {"NLL-Delta", "Similarity-Delta", "Pairs", "Sources"}

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


def plain_command(folder: Path, page: str, name: str, count: int) -> list[str]:
    """A process of plain commits: says `begins`, then prints each edit that it has committed, a line each."""
    return [sys.executable, "-c", WRITER, str(folder), page, name, str(count)]


def writer_command(folder: Path, *categories: str) -> list[str]:
    """The loop of `reer refine`; says the same."""
    return [sys.executable, str(ROOT / "benchmarks" / "git_faults_refine.py"), str(folder), *categories]


def start_writer(command: Sequence[str]) -> subprocess.Popen[str]:
    """Start a writer, in a process group of its own, and wait until it begins."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    if process.stdout.readline() != "begins\n":
        raise RuntimeError(f"the writer did not begin: {command[-3:]}")
    return process


def git(top: Path, *args: str) -> str:
    """The user's own Git."""
    done = subprocess.run(["git", *args], cwd=top, capture_output=True, check=True)
    return done.stdout.decode("utf-8")


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
    pages = {f"{slug}.md": render_article(make_article(slug)) for slug in CATEGORIES} | {"log.md": "# Log\n"}
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
    mine = {f"{MANUAL}/{page}" for page in ("cards.md", "loans.md", "log.md")}
    found = {path.relative_to(top).as_posix(): path for path in sorted(top.rglob("*")) if path.is_file()}
    files = {
        name: path.read_bytes() for name, path in found.items() if not name.startswith(".git/") and name not in mine
    }
    return files, git(top, "diff", "--cached"), git(top, "status", "--porcelain")


def kill(process: subprocess.Popen[str], number: int, pause_s: float) -> tuple[list[str], bool]:
    """Kill a writer after a pause; returns the edits that it has reported, and whether it was still alive."""
    time.sleep(pause_s)
    if number % 2:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    reported, _ = process.communicate()
    return [line for line in reported.split("\n")[:-1] if line], process.returncode == -signal.SIGKILL


def kill_plain(folder: Path, number: int, rng: random.Random) -> tuple[list[str], bool]:
    """Let a writer of plain commits work for a moment and kill it."""
    process = start_writer(plain_command(folder, "cards", f"kill{number}", 1_000_000))
    return kill(process, number, FIRST_S + LONGEST_S * rng.random())


def kill_refining(folder: Path, number: int, rng: random.Random) -> tuple[list[str], bool]:
    """Let a refinement commit an edit and work for a moment, and kill it."""
    process = start_writer(writer_command(folder, *CATEGORIES))
    assert process.stdout is not None
    first = process.stdout.readline().strip()
    reported, alive = kill(process, number, LONGEST_REFINING_S * rng.random())
    return [first, *reported] if first else reported, alive


def leftovers(top: Path, folder: Path) -> list[str]:
    """What of ours should not lie about between commits."""
    inside = [path.name for path in (top / ".git").rglob("*") if path.name.endswith(".lock") or "openbook" in path.name]
    drafts = [path.name for path in folder.iterdir() if path.name.endswith(".tmp")]
    return [name for name in inside + drafts if name != ".openbook.lock"]


@dataclass(slots=True)
class Damage:
    """What kills have done."""

    kills: int = 0
    """Those that met a writer alive."""
    reported: list[str] = field(default_factory=list)
    """Edits that writers said they had committed."""
    recovered: int = 0
    """Starts that had to finish or drop what was begun."""
    rests: int = 0
    """Locks and drafts that a start has left."""
    differences: int = 0
    """Starts that left a page unlike its commit."""


def attack(
    top: Path,
    folder: Path,
    kills: int,
    rng: random.Random,
    strike: Callable[[Path, int, random.Random], tuple[list[str], bool]],
) -> Damage:
    """Kill writers, and look at what each start leaves."""
    damage = Damage()
    for number in range(kills):
        reported, alive = strike(folder, number, rng)
        damage.reported += reported
        damage.kills += alive
        repository = Repository.open(folder)
        damage.recovered += bool(repository.recovered)
        damage.rests += len(left := leftovers(top, folder))
        for page in ("cards.md", "loans.md", "log.md"):
            damage.differences += repository.text(page, "HEAD") != (folder / page).read_text(encoding="utf-8")
        told = "; ".join(repository.recovered + left) or "nothing left"
        print(f"killed {number + 1}: {len(damage.reported)} edits so far; {told}")
    return damage


def finish_refining(folder: Path, *categories: str) -> int:
    """Let a refinement come to its end; its exit code."""
    process = start_writer(writer_command(folder, *categories))
    process.communicate()
    return process.returncode


def refine_at_once(folder: Path, *writers: str) -> list[int]:
    """Refinements at once, an article each; their exit codes."""
    processes = [start_writer(writer_command(folder, category)) for category in writers]
    for process in processes:
        process.communicate()
    return [process.returncode for process in processes]


def edits_of(folder: Path) -> list[tuple[object, ...]]:
    """Every commit of a refinement: its subject, its trailers, the files that it changes, and the articles after it."""
    repository, top = Repository.open(folder), folder.parents[1]
    return [
        (
            entry.subject,
            dict(entry.trailers),
            git(top, "diff", "--name-only", entry.parents[0], entry.hash),
            *(repository.text(f"{category}.md", entry.hash) for category in CATEGORIES),
        )
        for entry in repository.history()[::-1]
        if set(entry.trailers) >= FOUR
    ]


def articles_of(folder: Path) -> list[bytes]:
    """The two articles."""
    return [(folder / f"{category}.md").read_bytes() for category in CATEGORIES]


def write_at_once(folder: Path, pages: tuple[str, str], edits: int) -> list[str]:
    """Two writers at once; returns the edits that they have reported."""
    names = [f"writer{n}-{'-'.join(pages)}" for n in range(len(pages))]
    writers = [start_writer(plain_command(folder, page, n, edits)) for page, n in zip(pages, names, strict=True)]
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


def check_refining(kills: int, rng: random.Random) -> list[bool]:
    """Attack refinements, and two at once; the figures."""
    with tempfile.TemporaryDirectory() as name:
        folders = {case: make_repository(Path(name) / case) for case in ("whole", "killed", "two", "same")}
        before = users_work(Path(name) / "killed")
        ends = [finish_refining(folders["whole"], *CATEGORIES)]
        damage = attack(Path(name) / "killed", folders["killed"], kills, rng, kill_refining)
        ends.append(finish_refining(folders["killed"], *CATEGORIES))
        at_once = refine_at_once(folders["two"], *CATEGORIES)
        refine_at_once(folders["same"], "cards", "cards")
        ends.append(finish_refining(folders["same"], *CATEGORIES))
        undisturbed, killed = edits_of(folders["whole"]), edits_of(folders["killed"])
        torn = sum(edit not in undisturbed for edit in killed)
        lost = len(damage.reported) - len(killed[: len(damage.reported)])
        same = killed == undisturbed and not any(ends)
        again = finish_refining(folders["killed"], *CATEGORIES) or len(edits_of(folders["killed"])) - len(killed)
        alike = sum(articles_of(folders[case]) == articles_of(folders["whole"]) for case in ("two", "same"))
        kept = users_work(Path(name) / "killed") == before
        damaged = git(Path(name) / "killed", "fsck", "--no-dangling").count("\n")
    print(f"{len(undisturbed)} edits; {damage.recovered} of {kills} starts had to finish or drop what was begun")
    return [
        report("refine_kills", damage.kills, f"≥ {KILLS}", ok=damage.kills >= KILLS),
        report("refine_torn_commits", torn, "≤ 0", ok=torn == 0),
        report("refine_edits_lost", lost, "≤ 0", ok=lost == 0),
        report("same_manual", int(same), ">= 1", ok=same),
        report("refine_edits_of_a_run_that_had_ended", again, "≤ 0", ok=again == 0),
        report("refine_pages_unlike_their_commit", damage.differences, "≤ 0", ok=damage.differences == 0),
        report("refine_locks_and_drafts_left", damage.rests, "≤ 0", ok=damage.rests == 0),
        report("refine_users_work_kept", int(kept), "≥ 1", ok=kept),
        report("refine_at_once_both_through", sum(code == 0 for code in at_once), "= 2", ok=not any(at_once)),
        report("refine_at_once_same_manual", alike, "= 2", ok=alike == 2),
        report("refine_damaged_objects", damaged, "≤ 0", ok=damaged == 0),
    ]


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
    rng = random.Random(args.seed)
    results = [*check_refining(args.kills, rng), *check_plain(args.kills, args.edits, rng)]
    return 0 if all(results) else 1


def check_plain(kills: int, count: int, rng: random.Random) -> list[bool]:
    """Attack writers of plain commits, and let two write at once; the figures."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name) / "top"
        folder = make_repository(top)
        before = users_work(top)
        damage = attack(top, folder, kills, rng, kill_plain)
        after_kills = users_work(top)
        at_once = write_at_once(folder, ("cards", "cards"), count) + write_at_once(folder, ("cards", "loans"), count)
        torn, edits = count_torn(top, folder)
        after = users_work(top)
        damaged = git(top, "fsck", "--no-dangling").count("\n")
        lost = sum(edits[edit] == 0 for edit in damage.reported + at_once)
        twice = sum(times > 1 for times in edits.values())
        for slug in ("cards", "loans"):
            parse_article((folder / f"{slug}.md").read_text(encoding="utf-8"))
    print(f"{len(edits)} commits; {damage.recovered} of {kills} starts had to finish or drop what was begun")
    same, reported = before == after_kills == after, len(damage.reported)
    return [
        report("kills", damage.kills, f"≥ {KILLS}", ok=damage.kills >= KILLS),
        report("edits_under_attack", reported, f"≥ {KILLS}", ok=reported >= KILLS),
        report("torn_commits", torn, "≤ 0", ok=torn == 0),
        report("edits_lost", lost, "≤ 0", ok=lost == 0),
        report("edits_twice", twice, "≤ 0", ok=twice == 0),
        report("pages_unlike_their_commit", damage.differences, "≤ 0", ok=damage.differences == 0),
        report("locks_and_drafts_left", damage.rests, "≤ 0", ok=damage.rests == 0),
        report("users_work_kept", int(same), "≥ 1", ok=same),
        report("edits_of_writers_at_once", len(at_once), f"= {4 * count}", ok=len(at_once) == 4 * count),
        report("damaged_objects", damaged, "≤ 0", ok=damaged == 0),
    ]


if __name__ == "__main__":
    sys.exit(main())
