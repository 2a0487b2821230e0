import dataclasses

import pytest

from reer.manual import Claim
from reer.repository import Repository
from reer.revert import revert_commit
from reer.signing import enter
from reer.versions import Versions
from tests.reer.git_builders import AT, CLAIMS, git, make_page, make_repository, with_text
from tests.reer.test_undo import PIN
from workbench.errors import DataError, UsageError

FOURTEEN = "A lost card costs 14 euros to replace."


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Repository:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    return make_repository(tmp_path / "top")


def commit(repository: Repository, **pages: str | None) -> str:
    return repository.commit({f"{name}.md": text for name, text in pages.items()}, f"edit {[*pages]}", {}, at=AT)


def texts(repository: Repository, article: str = "cards") -> list[str]:
    return [claim.text for claim in Versions(repository).here().articles[article].claims]


def test_the_latest_commit_is_undone_to_the_byte(repository):
    hash_ = commit(repository, cards=make_page(*with_text(FOURTEEN)))
    done = revert_commit(repository, "HEAD", at=AT)
    assert repository.text("cards.md", "HEAD") == make_page()
    assert [change.kind for change in done.diff.changes] == ["changed"]
    entry = repository.history()[0]
    assert (entry.hash, entry.trailers) == (done.commit, {"Reverts": hash_})
    assert git(repository.git.top, "status", "--porcelain") == ""


def test_an_id_is_not_given_out_again_after_a_revert(repository):
    pin = dataclasses.replace(PIN, id="c4")
    commit(repository, cards=make_page(*CLAIMS, pin))
    revert_commit(repository, "HEAD", at=AT)
    assert Versions(repository).here().articles["cards"].next_claim_id() == "c5"
    hash_ = commit(repository, cards=make_page(*CLAIMS, dataclasses.replace(pin, id="c5")))
    commit(
        repository,
        loans=make_page(PIN, category="loans"),
        cards=make_page(*CLAIMS[:2], dataclasses.replace(pin, id="c5")),
    )
    revert_commit(repository, hash_, at=AT)
    assert Versions(repository).here().articles["cards"].next_claim_id() == "c6"


def test_an_older_commit_is_undone_and_later_claims_stay(repository):
    changed = with_text(FOURTEEN)
    hash_ = commit(repository, cards=make_page(*changed))
    commit(repository, cards=make_page(*changed, PIN), loans=make_page(PIN, category="loans"))
    revert_commit(repository, hash_[:8], at=AT)
    assert texts(repository) == [*(claim.text for claim in CLAIMS), PIN.text]
    assert texts(repository, "loans") == [PIN.text]


def test_a_conflict_names_the_claim_and_does_nothing(repository):
    hash_ = commit(repository, cards=make_page(*with_text(FOURTEEN)))
    head = commit(repository, cards=make_page(*with_text("A lost card costs 15 euros.")))
    with pytest.raises(DataError, match=r"cards.md: \w+ cannot be undone: claim cards:c1 was changed again since"):
        revert_commit(repository, hash_, at=AT)
    assert git(repository.git.top, "rev-parse", "HEAD") == head


def test_a_new_article_goes_and_the_index_and_log_follow(repository):
    lines = ["# Articles", "", "* [Cards](cards.md) - All about cards."]
    log = "# Log\n\n## 2026-01-01\n\n* **Creation**: [Cards](cards.md)\n"
    commit(repository, index="\n".join(lines) + "\n", log=log)
    lines.append("* [Loans](loans.md) - All about loans.")
    hash_ = commit(repository, loans=make_page(PIN, category="loans"), index="\n".join(lines) + "\n", log=log + "x\n")
    lines.append("* [Fees](fees.md) - All about fees.")
    commit(repository, fees=make_page(PIN, category="fees"), index="\n".join(lines) + "\n")
    revert_commit(repository, hash_, at=AT)
    assert not (repository.folder / "loans.md").exists()
    index = (repository.folder / "index.md").read_text()
    assert "loans.md" not in index and "[Cards](cards.md)" in index and "[Fees](fees.md)" in index
    assert (
        f"## 2026-09-21\n\n* **Revert**: edit ['loans', 'index', 'log'] ({hash_[:10]})\n"
        in (repository.folder / "log.md").read_text()
    )
    revert_commit(repository, "HEAD", at=AT)
    assert texts(repository, "loans") == [PIN.text]


def test_other_paths_of_the_commit_and_unsaved_work_are_left_alone(repository):
    top = repository.git.top
    (top / "notes.txt").write_text("two\n")
    (repository.folder / "cards.md").write_text(make_page(*with_text(FOURTEEN)))
    git(top, "commit", "-qam", "both")
    (top / "notes.txt").write_text("three\n")
    repository.refresh()
    revert_commit(repository, "HEAD", at=AT)
    assert git(top, "show", "HEAD:notes.txt") == "two" and (top / "notes.txt").read_text() == "three\n"
    page = repository.folder / "cards.md"
    page.write_text(page.read_text() + "\nAsk Ms Vale.\n")
    with pytest.raises(DataError, match="unsaved changes of yours"):
        revert_commit(repository, "HEAD", at=AT)
    assert "Ask Ms Vale." in page.read_text()


def test_what_cannot_be_undone_says_why(repository):
    top = repository.git.top
    with pytest.raises(UsageError, match="would hold no article"):
        revert_commit(repository, "HEAD", at=AT)
    with pytest.raises(UsageError, match="the repository's first commit"):
        revert_commit(repository, "HEAD~1", at=AT)
    with pytest.raises(UsageError, match="names no commit"):
        revert_commit(repository, "gone", at=AT)
    git(top, "commit", "-q", "--allow-empty", "-m", "empty")
    with pytest.raises(UsageError, match="changes nothing in"):
        revert_commit(repository, "HEAD", at=AT)
    git(top, "switch", "-qc", "side")
    repository.refresh()
    hash_ = commit(repository, cards=make_page(*with_text(FOURTEEN)))
    git(top, "switch", "-q", "main")
    with pytest.raises(UsageError, match="not in the history of the current branch"):
        revert_commit(repository, hash_, at=AT)
    git(top, "merge", "-q", "--no-ff", "-m", "merge", "side")
    with pytest.raises(UsageError, match="is a merge"):
        revert_commit(repository, "HEAD", at=AT)
    repository.refresh()
    revert_commit(repository, hash_, at=AT)
    with pytest.raises(UsageError, match="is left to undo"):
        revert_commit(repository, hash_, at=AT)


def test_a_page_broken_by_hand_is_named(repository):
    hash_ = commit(repository, cards=make_page(Claim("c1", "One.", ("s1",))))
    commit(repository, cards=make_page().replace("type: manual-article", "type: note"))
    with pytest.raises(DataError, match=r"HEAD:cards.md: the front matter has no"):
        revert_commit(repository, hash_, at=AT)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("# Log\n", "# Log\n\n## 2026-05-01\n\n* x\n"),
        ("# Log\n\n## 2026-05-01\n\n* a\n", "# Log\n\n## 2026-05-01\n\n* x\n* a\n"),
        ("# Log\n\n## 2026-01-01\n\n* a\n", "# Log\n\n## 2026-05-01\n\n* x\n\n## 2026-01-01\n\n* a\n"),
    ],
)
def test_the_log_gets_a_line_under_its_day(log, expected):
    assert enter(log, "2026-05-01", "* x") == expected
