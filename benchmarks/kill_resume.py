"""A run that is killed again and again ends as one that never was, and pays for no answer twice.

`apo optimize` runs on headlines against a loopback server whose answers depend on the messages only: once in peace, and
once with SIGKILL at 20 random moments, each time continued with `--resume`. The moments are spread evenly over the run,
start-up included, up to the last call; the last one falls into the verdict and the report. Each run has its own copy of
the data, so that each has its own ledger of looks. Asked is:

- the same champion, to the byte, and the same figures: everything in the report but the ledger of calls;
- no request reaches the server whose reply was in the run's store when the process died, and none comes twice between
  two kills.

Calls in flight at a kill are lost with the process and must be asked again: at most one per worker and kill, counted
apart. A run that is continued keeps its one look at the sealed file.

Run: python benchmarks/kill_resume.py        (two to four minutes; exit code 0 when every figure is as asked)
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SERVER = ROOT / "tests" / "lm" / "openai_server.py"
EXAMPLE = ROOT / "examples" / "headlines"
LATENCY_S = 0.05
WORKERS = 4
CALLS = 560
SEALED = 60
SETTINGS = ("search.heat=12", 'dev=["dev-1.jsonl","dev-2.jsonl"]')
"""Short stretches and half of the dev batches: several rounds fit into the calls."""
FIRST_S = 0.2
"""Earliest moment of a kill."""
TAIL = 0.3
"""Share of the time after the last call in which the last kill may fall; later, a faster run might end before it."""
POLL_S = 0.01
SETTLE_S = 0.2
"""How long the server gets to read what a killed process had sent."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request at the server."""

    time_s: float
    """On the machine's monotonic clock, which the server's process shares."""
    digest: str
    """SHA-256 of its messages."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When to kill: so many seconds after the given progress, or after the start for 0."""

    requests: int
    """Requests that are answered or asked."""
    rest_s: float


@dataclass(frozen=True, slots=True)
class Stay:
    """What one process of the killed run asked, and what the store held before and after it; all by digest."""

    stored: frozenset[str]
    asked: tuple[str, ...]
    kept: frozenset[str]

    @property
    def paid_twice(self) -> int:
        """Requests that the store could have answered, and requests sent twice."""
        return sum(digest in self.stored for digest in self.asked) + len(self.asked) - len(set(self.asked))

    @property
    def lost(self) -> int:
        """Requests whose answers died with the process."""
        return len(self.stored.union(self.asked) - self.kept)


@contextmanager
def serving() -> Iterator[str]:
    """Run the server in a process of its own; yields its base URL."""
    command = [sys.executable, str(SERVER), "--latency", str(LATENCY_S), "--phrases"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def arrivals(base_url: str) -> list[Arrival]:
    """All requests so far."""
    with urllib.request.urlopen(f"{base_url}/arrivals") as answer:
        return [Arrival(*each) for each in json.load(answer)["arrivals"]]


def copy_task(folder: Path) -> Path:
    """The example with a start that leaves room for a gain, a shorter sealed file and no looks at it yet."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("*.looks.jsonl"))
    prompt = folder / "prompt.md"
    prompt.write_text(prompt.read_text(encoding="utf-8").partition("# demos")[0], encoding="utf-8")
    with (EXAMPLE / "sealed.jsonl").open("rb") as lines:
        (folder / "sealed.jsonl").write_bytes(b"".join(islice(lines, SEALED)))
    return folder / "task.toml"


def start(task: Path, out: Path, base_url: str, *, resume: bool) -> subprocess.Popen[bytes]:
    """Start `apo optimize`."""
    command = [sys.executable, "-c", "from cli import apo; apo()", "--quiet", "optimize", str(task), "--out", str(out)]
    command += ["--model", "hosted_vllm/loopback", "--api-base", base_url, "--workers", str(WORKERS), "--json"]
    command += ["--max-calls", str(CALLS), *(part for setting in SETTINGS for part in ("--set", setting))]
    command += ["--resume"] if resume else []
    env = {name: value for name, value in os.environ.items() if not name.startswith("APO_")}
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)


def finish(process: subprocess.Popen[bytes]) -> None:
    """Let a run end; released or not, it must have an answer."""
    if process.wait() not in (0, 1):
        raise RuntimeError(f"apo optimize failed with exit code {process.returncode}")


def run_in_peace(task: Path, out: Path, base_url: str) -> tuple[list[float], float]:
    """Run without a kill; returns when each request arrived and when the run ended, in seconds from its start."""
    started_s = time.monotonic()
    finish(start(task, out, base_url, resume=False))
    ended_s = time.monotonic()
    seen = arrivals(base_url)
    assert len({each.digest for each in seen}) == len(seen), "the run in peace asked something twice"
    return [each.time_s - started_s for each in seen], ended_s - started_s


def draw_moments(times_s: list[float], ended_s: float, kills: int, rng: random.Random) -> list[Moment]:
    """One moment in each of equal parts of the run, as progress: time alone says little on a busy machine."""
    step_s = (times_s[-1] - FIRST_S) / (kills - 1)
    moments_s = [FIRST_S + step_s * (number + rng.random()) for number in range(kills - 1)]
    moments_s.append(times_s[-1] + TAIL * rng.random() * (ended_s - times_s[-1]))
    before = [[time_s for time_s in times_s if time_s <= moment_s] for moment_s in moments_s]
    return [Moment(len(seen), m_s - (seen[-1] if seen else 0.0)) for m_s, seen in zip(moments_s, before, strict=True)]


def kill_after(process: subprocess.Popen[bytes], base_url: str, asked: int, rest_s: float) -> bool:
    """Kill a process some time after the server has seen so many requests; False when it ended before.

    It does not live on for more than `WORKERS` further requests: a fast start must not use up the later moments.
    """
    while process.poll() is None and len(arrivals(base_url)) < asked:
        time.sleep(POLL_S)
    due_s = time.monotonic() + rest_s
    while time.monotonic() < due_s and len(arrivals(base_url)) <= asked + WORKERS:
        time.sleep(min(POLL_S, max(0.0, due_s - time.monotonic())))
    ended = process.poll() is not None
    process.kill()
    process.wait()
    time.sleep(SETTLE_S)
    return not ended


def read_store(out: Path) -> frozenset[str]:
    """Digests of the requests in a dead run's store, read from a copy: reading would tidy up what resume must face."""
    with tempfile.TemporaryDirectory() as folder:
        for part in out.glob("replies.sqlite*"):
            shutil.copy(part, folder)
        if not (Path(folder) / "replies.sqlite").exists():
            return frozenset()
        with closing(sqlite3.connect(Path(folder) / "replies.sqlite")) as store:
            tables = store.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            rows = store.execute("SELECT request FROM replies").fetchall() if tables else []
    return frozenset(digest_messages(json.loads(text)["messages"]) for (text,) in rows)


def digest_messages(messages: list[list[str]]) -> str:
    """The digest that the server computes, from the messages as the store has them."""
    sent = [{"role": role, "content": content} for role, content in messages]
    return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()


def run_killed(task: Path, out: Path, base_url: str, moments: list[Moment]) -> tuple[list[Stay], int]:
    """Run with a kill at each moment, then to the end; returns what each process asked, and the number of kills."""
    stays: list[Stay] = []
    seen, kills, total = 0, 0, moments[-1].requests
    for moment in [*moments, None]:
        stored = read_store(out)
        process = start(task, out, base_url, resume=True)
        if moment is None:
            finish(process)
        else:
            further = max(moment.requests - len(stored), 1) if moment.requests and len(stored) < total else 0
            kills += kill_after(process, base_url, seen + further, moment.rest_s)
        asked = [each.digest for each in arrivals(base_url)[seen:]]
        seen += len(asked)
        stays.append(Stay(stored, tuple(asked), read_store(out)))
        show(moment, stays[-1])
    return stays, kills


def show(moment: Moment | None, stay: Stay) -> None:
    """One line per process."""
    when = "to the end" if moment is None else f"killed {moment.rest_s:.2f} s after {moment.requests} requests"
    print(f"{when}: asked {len(stay.asked)}, stored {len(stay.kept)}, lost {stay.lost}", flush=True)


def figures(out: Path) -> dict[str, Any]:
    """The report of a finished run without what may differ: the ledger of calls."""
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return {name: value for name, value in report.items() if name != "calls"}


def events(out: Path) -> list[dict[str, Any]]:
    """What happened in a run, without the times."""
    lines = (out / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [{name: value for name, value in json.loads(line).items() if name != "time"} for line in lines]


def champion(out: Path) -> tuple[str, bytes]:
    """Name and bytes of the prompt that a run ended with."""
    (path,) = [path for path in (out / "champion.md", out / "draft.md") if path.exists()]
    return path.name, path.read_bytes()


def looks(task: Path) -> int:
    """How often the sealed file was looked at."""
    return len(task.with_name("sealed.looks.jsonl").read_text(encoding="utf-8").splitlines())


def report(name: str, value: int, asked: str, *, ok: bool) -> bool:
    """One line per figure."""
    print(f"{name} {value} (asked {asked}) {'ok' if ok else 'short'}")
    return ok


def main() -> int:
    """Run, compare, and say by the exit code whether all is as asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peace, killed = folder / "peace", folder / "killed"
        tasks = copy_task(folder / "data-peace"), copy_task(folder / "data-killed")
        with serving() as base_url:
            times_s, ended_s = run_in_peace(tasks[0], peace, base_url)
        print(f"in peace: {len(times_s)} calls from {times_s[0]:.1f} to {times_s[-1]:.1f} s, ended at {ended_s:.1f} s")
        moments = draw_moments(times_s, ended_s, args.kills, random.Random(args.seed))
        with serving() as base_url:
            stays, kills = run_killed(tasks[1], killed, base_url, moments)
        before, after = figures(peace), figures(killed)
        same_champion = champion(peace) == champion(killed)
        same_champion &= before["champion"]["sha256"] == after["champion"]["sha256"]
        same_figures = before == after and events(peace) == events(killed)
        counted = [looks(task) for task in tasks]
    asked = [digest for stay in stays for digest in stay.asked]
    paid_twice, lost = sum(stay.paid_twice for stay in stays), max(stay.lost for stay in stays)
    verdict = before["verdict"]
    print(f"champion {before['champion']['name']}, {verdict['reason']}")
    print(f"asked again because in flight at a kill, counted apart: {len(asked) - len(set(asked)) - paid_twice}")
    results = [
        report("looks", max(counted), "= 1", ok=counted == [1, 1]),
        report("lost_at_a_kill", lost, f"≤ {WORKERS}", ok=lost <= WORKERS),
        report("kills", kills, f"≥ {args.kills}", ok=kills >= args.kills),
        report("same_champion", int(same_champion), "≥ 1", ok=same_champion),
        report("same_figures", int(same_figures), "≥ 1", ok=same_figures),
        report("paid_twice", paid_twice, "≤ 0", ok=paid_twice == 0),
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
