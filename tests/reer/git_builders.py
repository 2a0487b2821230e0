"""Real repositories, small manuals, and a user's Git beside ours."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path

from reer.manual import Article, Claim, Source
from reer.page import render_article
from reer.repository import Repository

SOURCES = (
    Source("s1", "p1", "call1", 2, "a lost card costs 12 euros to replace.", "agent-a", "2026-01-02"),
    Source("s2", "p2", "call2", 4, "you can block it in the app day and night.", "agent-b", "2026-02-03"),
    Source("s3", "p3", "call7", 6, "since May a lost card costs 14 euros.", "agent-c", "2026-05-01"),
)
CLAIMS = (
    Claim("c1", "A lost card costs 12 euros to replace.", ("s1",)),
    Claim("c2", "You can block a card in the app day and night.", ("s2",)),
    Claim("c3", "A card is renewed every four years.", ("s1", "s2")),
)
AT = 1_790_000_000.0


def make_article(*claims: Claim, category: str = "cards", **changes: object) -> Article:
    article = Article(
        category,
        category.capitalize(),
        f"All about {category}.",
        claims or CLAIMS,
        SOURCES,
        "test",
        "2026-06-25T09:00:00+00:00",
    )
    return dataclasses.replace(article, **changes)


def make_page(*claims: Claim, category: str = "cards", **changes: object) -> str:
    return render_article(make_article(*claims, category=category, **changes))


def with_text(text: str, *, id_: str = "c1", until: str | None = None) -> tuple[Claim, ...]:
    """The claims, one of them with another text."""
    return tuple(dataclasses.replace(c, text=text, until=until) if c.id == id_ else c for c in CLAIMS)


def git(folder: Path, *args: str, check: bool = True, stdin: str = "") -> str:
    """The user's own Git."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(["git", *args], cwd=folder, env=env, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout.rstrip("\n")


def make_repository(top: Path, *, manual: str = "m", identity: bool = True) -> Repository:
    """A repository with a file of the user's and a manual in a folder of it."""
    top.mkdir(parents=True, exist_ok=True)
    git(top, "init", "-q", "-b", "main")
    if identity:
        git(top, "config", "user.name", "Vale")
        git(top, "config", "user.email", "vale@example.org")
        (top / "notes.txt").write_text("one\n")
        git(top, "add", ".")
        git(top, "commit", "-qm", "notes")
    folder = top / manual
    folder.mkdir(exist_ok=True)
    repository = Repository.open(folder)
    repository.commit({"cards.md": make_page(), "index.md": "# Articles\n"}, "first", {"Pairs": "3"}, at=AT)
    return repository


def files(top: Path) -> dict[str, bytes]:
    """Every file of a work tree."""
    found = (path for path in sorted(top.rglob("*")) if path.is_file() and ".git" not in path.parts)
    return {str(path.relative_to(top)): path.read_bytes() for path in found}
