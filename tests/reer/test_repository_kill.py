"""Processes that die or collide while they commit."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reer.page import parse_article
from reer.repository import Repository
from tests.reer.git_builders import git, make_repository

ROOT = Path(__file__).parents[2]
EDITS = """
import sys, time
from pathlib import Path
from reer.repository import Repository
from tests.reer.git_builders import make_page
from workbench.errors import DataError
folder, page, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
while count:
    repository = Repository.open(folder)
    article = make_page(title=f"Edit {time.time_ns()}", category=page)
    try:
        repository.commit({f"{page}.md": article}, f"edit of {page}", {"Pairs": "1"}, at=time.time())
        count -= 1
    except DataError:
        pass
"""


@pytest.fixture
def top(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    return tmp_path / "top"


def start(folder: Path, page: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", EDITS, str(folder), page, str(count)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def check_commits(top: Path) -> int:
    """Each edit is a commit of one whole page; returns how many there are."""
    commits = git(top, "log", "--format=%H", "--grep=^edit of").split()
    for commit in commits:
        (name,) = git(top, "diff", "--name-only", f"{commit}~1", commit).split()
        parse_article(git(top, "show", f"{commit}:{name}") + "\n")
    assert git(top, "fsck", "--no-dangling") == ""
    return len(commits)


def test_a_killed_process_leaves_no_half_edit(top):
    repository = make_repository(top)
    (top / "staged.txt").write_text("staged\n")
    git(top, "add", "staged.txt")
    (top / "notes.txt").write_text("unsaved\n")
    status, rng = git(top, "status", "--porcelain"), random.Random(0)
    for kill in range(6):
        process = start(top / "m", "cards", 10_000)
        time.sleep(0.05 + 0.4 * rng.random())
        os.kill(process.pid, signal.SIGKILL) if kill % 2 else os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        repository = Repository.open(top / "m")
        assert git(top, "status", "--porcelain") == status
        assert repository.text("cards.md", "HEAD") == (top / "m" / "cards.md").read_text()
    assert check_commits(top) > 6
    assert sorted(path.name for path in (top / "m").iterdir()) == ["cards.md", "index.md"]
    assert not [path.name for path in repository.git.dir.glob("*openbook*") if path.name != ".openbook.lock"]


def test_two_writers_at_once_both_get_through(top):
    make_repository(top)
    writers = [start(top / "m", page, 8) for page in ("cards", "cards", "loans")]
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    assert check_commits(top) == 24
    assert git(top, "status", "--porcelain") == ""
