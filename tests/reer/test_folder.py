import pytest

from reer.folder import is_page, page_paths
from reer.page import render_article
from reer.repository import Repository
from reer.shelf import load_manual
from reer.signing import sign_page
from reer.versions import Versions
from tests.reer.git_builders import make_page, make_repository
from tests.reer.manuals import report_of
from tests.reer.test_manual import ARTICLE
from tests.reer.test_signing import signed
from workbench.errors import DataError


def test_the_index_the_log_and_hidden_files_are_no_articles(tmp_path):
    for name in ("cards.md", "index.md", "log.md", "README.md", ".draft.md", "notes.txt"):
        (tmp_path / name).write_text("x")
    assert page_paths(tmp_path) == [tmp_path / "cards.md"] and page_paths(tmp_path / "none") == []
    assert is_page("cards.md") and not is_page(".cards.md") and not is_page("cards.txt")


def test_a_page_is_named_after_its_category_wherever_it_is_read_to_be_written(tmp_path):
    page = tmp_path / "plastic.md"
    page.write_text(render_article(ARTICLE))
    said = r"plastic.md: holds category 'cards'; rename it cards.md"
    with pytest.raises(DataError, match=said):
        load_manual(tmp_path)
    with pytest.raises(DataError, match=said):
        sign_page(tmp_path, "plastic", signed)
    assert page.read_text() == render_article(ARTICLE)
    (finding,) = report_of(tmp_path, "unreadable").findings
    assert finding.message == "holds category 'cards'; rename it cards.md"


def test_a_page_that_is_not_utf_8_is_named(tmp_path):
    (tmp_path / "cards.md").write_bytes(b"\xff\xfe")
    for read in (load_manual, lambda folder: sign_page(folder, "cards", signed)):
        with pytest.raises(DataError, match=r"cards.md: is not UTF-8"):
            read(tmp_path)
    (tmp_path / "cards.md").write_text(render_article(ARTICLE))
    (tmp_path / "log.md").write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"log.md: is not UTF-8"):
        sign_page(tmp_path, "cards", signed)
    assert load_manual(tmp_path) == {"cards": ARTICLE}


def test_hidden_pages_of_a_commit_are_let_be(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    repository = make_repository(tmp_path / "top")
    (repository.folder / ".cards.md").write_text(make_page(category="loans"))
    git = repository.git
    git.run("add", "--all")
    git.run("-c", "user.name=v", "-c", "user.email=v@x", "commit", "-qm", "hidden")
    versions = Versions(Repository.open(repository.folder))
    assert set(versions.at("HEAD").articles) == set(versions.here().articles) == {"cards"}
