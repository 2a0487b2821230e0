import dataclasses
import os
import threading
from pathlib import Path

import pytest

from reer.index_lock import index_locked
from reer.journal import Edit, Journal, read_journal, write_journal
from reer.repository import FALLBACK, Repository
from reer.staging import store_text, write_tree
from tests.reer.git_builders import AT, files, git, make_page, make_repository, with_text
from workbench.errors import DataError, UsageError

NEW = make_page(*with_text("A lost card costs 14 euros to replace."))


@pytest.fixture
def top(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "top"


def clean(top: Path) -> bool:
    return git(top, "status", "--porcelain") == ""


@pytest.mark.parametrize("manual", ["m", "a/b c/ümlaut", "."])
def test_an_edit_is_one_commit_with_its_trailers(top, manual):
    (top / manual).mkdir(parents=True)
    repository = make_repository(top, manual=manual)
    trailers = {"NLL-Delta": "-0.031", "Similarity-Delta": "+0.010", "Pairs": "12", "Sources": "call1, call7"}
    hash_ = repository.commit({"cards.md": NEW}, "cards: 14 euros\n\nHeard in May.", trailers, at=AT + 60)
    assert git(top, "rev-parse", "HEAD") == hash_ and clean(top)
    assert (top / manual / "cards.md").read_text() == NEW == repository.text("cards.md", "HEAD")
    assert repository.text("cards.md", "HEAD~1") == make_page() and repository.text("gone.md", "HEAD") is None
    assert len(git(top, "diff", "--name-only", "HEAD~1", "HEAD").splitlines()) == 1
    entry, first = repository.history()[:2]
    assert (entry.hash, entry.subject, entry.author) == (hash_, "cards: 14 euros", "Vale")
    assert (entry.at, entry.trailers) == ("2026-09-21T14:14:20+00:00", trailers)
    assert first.trailers == {"Pairs": "3"} and entry.parents == (first.hash,)
    assert repository.history(name="index.md") == [first] and repository.history(limit=1) == [entry]


def test_the_users_staged_unsaved_and_untracked_work_survives(top):
    repository = make_repository(top)
    for name in ("staged.txt", "both.txt", "gone.txt", "m/other.md"):
        (top / name).write_text("old\n")
    git(top, "add", ".")
    git(top, "commit", "-qm", "more")
    for name in ("staged.txt", "both.txt", "m/other.md"):
        (top / name).write_text("staged\n")
        git(top, "add", name)
    (top / "both.txt").write_text("unsaved\n")
    git(top, "rm", "-q", "gone.txt")
    (top / "new.txt").write_text("new\n")
    git(top, "add", "new.txt")
    (top / "untracked.txt").write_text("untracked\n")
    before, status, staged = files(top), git(top, "status", "--porcelain"), git(top, "diff", "--cached")
    repository.commit({"cards.md": NEW, "loans.md": make_page(category="loans")}, "edit", {}, at=AT)
    after = files(top)
    assert {name: after[name] for name in before if name != "m/cards.md"} | {
        "m/cards.md": before["m/cards.md"]
    } == before
    assert (git(top, "status", "--porcelain"), git(top, "diff", "--cached")) == (status, staged)
    assert git(top, "diff", "--name-only", "HEAD~1", "HEAD").splitlines() == ["m/cards.md", "m/loans.md"]


def test_a_page_is_deleted(top):
    repository = make_repository(top)
    repository.commit({"cards.md": None}, "drop cards", {}, at=AT)
    assert not (top / "m" / "cards.md").exists() and clean(top)
    repository.commit({"cards.md": NEW}, "cards are back", {}, at=AT)
    assert (top / "m" / "cards.md").read_text() == NEW and clean(top)


def test_pages_that_say_what_the_latest_commit_says_make_no_commit(top):
    repository = make_repository(top)
    assert repository.commit({"cards.md": make_page()}, "nothing", {}, at=AT) == git(top, "rev-parse", "HEAD")
    assert len(repository.history()) == 1


@pytest.mark.parametrize("how", ["unsaved", "deleted", "staged", "untracked"])
def test_a_page_with_changes_of_the_users_is_refused(top, how):
    repository = make_repository(top)
    page = top / "m" / ("loans.md" if how == "untracked" else "cards.md")
    if how == "deleted":
        page.unlink()
    else:
        text = page.read_text() if page.exists() else ""
        page.write_text(text + "\nAsk Ms Vale.\n")
    if how == "staged":
        git(top, "add", ".")
        page.write_text(text)
    head, before = git(top, "rev-parse", "HEAD"), files(top)
    status = git(top, "status", "--porcelain")
    with pytest.raises(DataError, match=rf"{page.name}: has (unsaved|staged) changes .* commit or stash them first"):
        repository.commit({page.name: NEW, "index.md": "# New\n"}, "edit", {}, at=AT)
    assert (git(top, "rev-parse", "HEAD"), files(top), git(top, "status", "--porcelain")) == (head, before, status)
    assert read_journal(repository.git.dir) is None and not (repository.git.dir / "index.lock").exists()
    if how != "staged":
        assert repository.dirty() == [page.name]


def test_a_page_that_another_commit_has_changed_is_not_overwritten(top):
    repository = make_repository(top)
    other = Repository.open(top / "m")
    other.commit({"index.md": "# Other\n"}, "another page", {}, at=AT)
    repository.commit({"cards.md": NEW}, "mine", {}, at=AT)
    with pytest.raises(DataError, match=r"cards.md: another commit has changed this page since it was read"):
        other.commit({"cards.md": make_page()}, "theirs", {}, at=AT)
    other.refresh()
    other.commit({"cards.md": make_page()}, "theirs, read anew", {}, at=AT)
    assert clean(top)


@pytest.mark.parametrize("name", ["../notes.txt", "a/b.md", ".git", ".hidden.md", "", "a\nb.md", "/etc/passwd", ".."])
def test_only_files_directly_in_the_folder_are_pages(top, name):
    repository = make_repository(top)
    with pytest.raises(DataError, match="is no name of a page"):
        repository.commit({name: "x"}, "edit", {}, at=AT)
    assert clean(top)


def test_links_and_folders_are_not_followed(top):
    repository = make_repository(top)
    (top / "m" / "loans.md").symlink_to(top / "notes.txt")
    (top / "m" / "fees.md").mkdir()
    for name in ("loans.md", "fees.md"):
        with pytest.raises(DataError, match=f"{name}: is no plain file"):
            repository.commit({name: NEW}, "edit", {}, at=AT)
    assert (top / "notes.txt").read_text() == "one\n" and "loans.md" in repository.dirty()


def test_detached_head_and_a_merge_under_way_are_refused_with_the_next_step(top):
    repository = make_repository(top)
    git(top, "checkout", "-q", "--detach")
    with pytest.raises(UsageError, match=r"detached.*git switch"):
        repository.commit({"cards.md": NEW}, "edit", {}, at=AT)
    git(top, "switch", "-q", "main")
    git(top, "switch", "-qc", "side", "HEAD~1")
    (top / "notes.txt").write_text("side\n")
    git(top, "commit", "-qam", "side")
    git(top, "switch", "-q", "main")
    (top / "notes.txt").write_text("main\n")
    git(top, "commit", "-qam", "main")
    git(top, "merge", "side", check=False)
    with pytest.raises(UsageError, match=r"a merge is under way.*git merge --continue"):
        repository.commit({"cards.md": NEW}, "edit", {}, at=AT)
    assert (top / "m" / "cards.md").read_text() == make_page()


def test_without_identity_the_toolkit_signs(top):
    repository = make_repository(top, identity=False)
    assert not repository.has_identity()
    assert git(top, "log", "-1", "--format=%an <%ae> %cn") == f"{FALLBACK[0]} <{FALLBACK[1]}> {FALLBACK[0]}"
    git(top, "config", "user.name", "Vale")
    git(top, "config", "user.email", "v@example.org")
    assert repository.has_identity()


def test_folders_without_a_usable_repository_are_refused(top, tmp_path):
    top.mkdir()
    with pytest.raises(UsageError, match=r"git init .* or build the manual with: reer build-manual .* --git"):
        Repository.open(top)
    with pytest.raises(UsageError, match="is no folder"):
        Repository.open(top / "gone")
    git(tmp_path, "init", "-q", "--bare", "bare")
    with pytest.raises(UsageError, match="a bare repository"):
        Repository.open(tmp_path / "bare")
    git(tmp_path, "init", "-q", "--object-format=sha256", "new")
    with pytest.raises(UsageError, match="names objects by sha256"):
        Repository.open(tmp_path / "new")


def test_create_makes_a_repository_or_enters_the_one_around(top):
    alone = Repository.create(top / "alone")
    assert alone.git.top == top / "alone" and alone.history() == []
    alone.commit({"cards.md": NEW}, "first", {}, at=0.0)
    assert alone.history()[0].at == "1970-01-01T00:00:00+00:00"
    make_repository(top / "big")
    assert Repository.create(top / "big" / "manuals" / "bank").prefix == "manuals/bank/"
    (top / "big" / ".gitignore").write_text("runs/\n")
    assert Repository.create(top / "big" / "runs" / "bank").prefix == ""


def test_worktrees_and_submodules_have_their_own_branch_and_index(top, tmp_path):
    make_repository(top)
    git(top, "worktree", "add", "-q", str(tmp_path / "tree"), "-b", "side")
    tree = Repository.open(tmp_path / "tree" / "m")
    tree.commit({"cards.md": NEW}, "in the worktree", {}, at=AT)
    assert git(tmp_path / "tree", "log", "-1", "--format=%s %D") == "in the worktree HEAD -> side"
    assert clean(tmp_path / "tree") and clean(top) and git(top, "log", "-1", "--format=%s") == "first"
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(top), "sub")
    inner = Repository.open(outer / "sub" / "m")
    inner.commit({"cards.md": NEW}, "in the submodule", {}, at=AT)
    assert clean(outer / "sub") and git(outer / "sub", "log", "-1", "--format=%s") == "in the submodule"


def test_a_submodule_that_is_not_checked_out_is_not_replaced(top, tmp_path):
    make_repository(top)
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(top), "sub")
    git(outer, "-c", "user.name=V", "-c", "user.email=v@x.org", "commit", "-qm", "sub")
    git(outer, "submodule", "--quiet", "deinit", "-f", "sub")
    with pytest.raises(UsageError, match="sub is a submodule, which is not checked out"):
        Repository.open(outer / "sub")


def test_an_outer_git_process_does_not_lead_astray(top, tmp_path, monkeypatch):
    repository = make_repository(top)
    make_repository(tmp_path / "outer")
    before = git(tmp_path / "outer", "rev-parse", "HEAD")
    for name, value in {
        "GIT_DIR": tmp_path / "outer" / ".git",
        "GIT_WORK_TREE": tmp_path / "outer",
        "GIT_INDEX_FILE": tmp_path / "outer" / ".git" / "index",
        "GIT_OBJECT_DIRECTORY": tmp_path / "outer" / ".git" / "objects",
        "GIT_COMMON_DIR": tmp_path / "outer" / ".git",
        "GIT_PREFIX": "m/",
        "GIT_AUTHOR_DATE": "1 +0000",
    }.items():
        monkeypatch.setenv(name, str(value))
    hash_ = Repository.open(top / "m").commit({"cards.md": NEW}, "edit", {}, at=AT)
    assert repository.text("cards.md", "HEAD") == NEW and repository.history()[0].hash == hash_
    assert git(top, "rev-parse", "HEAD") == hash_ and clean(top)
    assert git(tmp_path / "outer", "rev-parse", "HEAD") == before and clean(tmp_path / "outer")


def test_hooks_are_not_run_and_line_ends_are_gits_affair(top):
    repository = make_repository(top)
    for name in ("pre-commit", "commit-msg", "post-commit", "reference-transaction"):
        hook = repository.git.dir / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {top}/{name}.ran\nexit 1\n")
        hook.chmod(0o755)
    git(top, "config", "core.autocrlf", "true")
    repository.commit({"cards.md": NEW}, "edit", {}, at=AT)
    assert not list(top.glob("*.ran"))
    assert repository.dirty() == []


def test_an_index_that_another_process_holds_is_waited_for_then_named(top, monkeypatch):
    repository = make_repository(top)
    lock = repository.git.dir / "index.lock"
    lock.write_text("")
    timer = threading.Timer(0.3, lock.unlink)
    timer.start()
    repository.commit({"cards.md": NEW}, "waited", {}, at=AT)
    timer.join()
    lock.write_text("")
    with pytest.raises(UsageError, match=r"holds .*index\.lock"), index_locked(repository.git.dir, "x", wait_s=0.1):
        pass
    assert lock.exists()


def test_a_branch_that_moves_meanwhile_is_followed(top, monkeypatch):
    repository = make_repository(top)
    real, moved = repository._move.__func__, []

    def meddle(self, *args):
        if not moved:
            moved.append(git(top, "-c", "core.hooksPath=/dev/null", "rev-parse", "HEAD"))
            tree = git(top, "rev-parse", "HEAD^{tree}")
            git(top, "update-ref", "HEAD", git(top, "commit-tree", tree, "-p", "HEAD", "-m", "theirs"))
        return real(self, *args)

    monkeypatch.setattr(Repository, "_move", meddle)
    repository.commit({"cards.md": NEW}, "mine", {}, at=AT)
    assert git(top, "log", "--format=%s").splitlines() == ["mine", "theirs", "first", "notes"] and clean(top)


def half_commit(repository: Repository) -> Journal:
    """A commit whose journal is written and nothing more, as a killed process leaves it."""
    git_ = repository.git
    old, new = git(git_.top, "rev-parse", "HEAD:m/cards.md"), store_text(git_, "m/cards.md", NEW)
    edits = (Edit("m/cards.md", old, new),)
    commit = git(git_.top, "commit-tree", write_tree(git_, "HEAD", edits), "-p", "HEAD", "-m", "half")
    journal = Journal(commit, "refs/heads/main", edits)
    write_journal(git_.dir, journal)
    (git_.dir / "index.lock").write_text(journal.token)
    (git_.top / "m" / ".cards.md.1-2.tmp").write_text("---\nhalf")
    return journal


def test_a_commit_that_had_not_reached_the_branch_is_dropped(top):
    repository = make_repository(top)
    half_commit(repository)
    (top / "m" / ".cards.md.1-2.tmp").unlink()
    before = files(top)
    again = Repository.open(top / "m")
    assert again.recovered[0].startswith("dropped commit") and files(top) == before and clean(top)
    assert Repository.open(top / "m").recovered == []


def test_a_commit_that_had_reached_the_branch_is_finished(top):
    repository = make_repository(top)
    journal = half_commit(repository)
    git(top, "update-ref", "refs/heads/main", journal.commit)
    again = Repository.open(top / "m")
    assert again.recovered == [f"finished commit {journal.commit[:10]} of a killed run (1 pages)"]
    assert (top / "m" / "cards.md").read_text() == NEW and clean(top)
    assert again.recover() == []


def test_what_a_person_did_after_the_kill_stays(top):
    repository = make_repository(top)
    journal = half_commit(repository)
    git(top, "update-ref", "refs/heads/main", journal.commit)
    page = top / "m" / "cards.md"
    page.write_text(page.read_text() + "\nAsk Ms Vale.\n")
    before = page.read_text()
    again = Repository.open(top / "m")
    assert again.recovered[1] == "left m/cards.md as it is: it was changed after the killed run"
    assert page.read_text() == before and again.dirty() == ["cards.md"]


def test_locks_of_others_are_left_alone_when_recovering(top):
    repository = make_repository(top)
    half_commit(repository)
    (repository.git.dir / "index.lock").write_text("")
    Repository.open(top / "m")
    assert (repository.git.dir / "index.lock").exists()


def test_a_ref_lock_of_the_killed_commit_goes(top):
    repository = make_repository(top)
    journal = half_commit(repository)
    (repository.git.dir / "refs" / "heads" / "main.lock").write_text(f"{journal.commit}\n")
    (repository.git.dir / "HEAD.lock").write_text("")
    again = Repository.open(top / "m")
    again.commit({"cards.md": NEW}, "after", {}, at=AT)
    assert clean(top)


def test_a_head_lock_of_others_stays(top):
    repository = make_repository(top)
    half_commit(repository)
    (repository.git.dir / "HEAD.lock").write_text("")
    Repository.open(top / "m")
    assert (repository.git.dir / "HEAD.lock").exists()


def test_a_file_system_without_links_will_do(top, monkeypatch):
    def refuse(*_):
        raise PermissionError("no links here")

    repository = make_repository(top)
    monkeypatch.setattr("os.link", refuse)
    repository.commit({"cards.md": NEW}, "edit", {}, at=AT)
    assert clean(top)


def test_a_damaged_journal_is_named(top):
    repository = make_repository(top)
    (repository.git.dir / "openbook.json").write_text("{")
    with pytest.raises(DataError, match=r"openbook\.json: is no journal"):
        Repository.open(top / "m")


def test_model_text_is_never_an_option(top):
    repository = make_repository(top)
    repository.commit({"-n.md": NEW}, "--amend", {"Sources": "--exec=x\n\nPairs: 9"}, at=AT)
    entry = repository.history()[0]
    assert (entry.subject, dict(entry.trailers)) == ("--amend", {"Sources": "--exec=x Pairs: 9"})
    assert repository.text("-n.md", "HEAD") == NEW and clean(top)
    with pytest.raises(UsageError, match="names no commit"):
        repository.text("cards.md", "--output=x")


def test_a_repository_that_may_only_be_read_is_read(top, monkeypatch):
    repository = make_repository(top)
    half_commit(repository)
    monkeypatch.setattr("os.access", lambda _path, mode, **_: mode != os.W_OK)
    assert Repository.open(top / "m").history()[0].subject == "first"


def test_entries_are_values(top):
    entry = make_repository(top).history()[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.hash = ""
