import dataclasses

import pytest

from reer.blame import Blame, blame, find_claim
from reer.blame_text import blame_record, format_blame, match_pairs
from reer.manual import Claim
from reer.repository import Repository
from reer.versions import Versions
from tests.reer.builders import make_pair
from tests.reer.git_builders import AT, CLAIMS, git, make_article, make_page, make_repository, with_text
from workbench.errors import DataError, UsageError

FOURTEEN = "A lost card costs 14 euros to replace."


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Repository:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    return make_repository(tmp_path / "top")


def commit(repository: Repository, message: str, **pages: str | None) -> str:
    trailers = {"NLL-Delta": "-0.031", "Similarity-Delta": "+0.010", "Pairs": "12", "Sources": "call7"}
    return repository.commit({f"{name}.md": text for name, text in pages.items()}, message, trailers, at=AT)


def find(repository: Repository, query: str) -> Blame:
    return blame(Versions(repository), query)


def told(origin: Blame) -> list[tuple[str, str]]:
    return [(step.entry.subject if step.entry else "unsaved", step.change.kind) for step in origin.steps]


def test_a_sentence_leads_to_its_commit_and_its_call_turns(repository):
    commit(repository, "another page", loans=make_page(Claim("c1", "Loans need a payslip.", ("s1",)), category="loans"))
    commit(repository, "cards: 14 euros", cards=make_page(*with_text(FOURTEEN)))
    commit(repository, "cards: four years", cards=make_page(*with_text(FOURTEEN)[:2]))
    origin = find(repository, FOURTEEN)
    assert origin.found.how == "text" and told(origin) == [("cards: 14 euros", "changed"), ("first", "added")]
    text = format_blame(origin, match_pairs(origin.found.located.sources, [make_pair(1, "It costs 12 euros.")]))
    hashes = [entry.hash[:10] for entry in repository.history()]
    assert text.splitlines() == [
        "cards:c1 in 'Cards' (found by its text)",
        f"  {FOURTEEN}",
        f"since {hashes[1]} 2026-09-21 'cards: 14 euros' (NLL-Delta -0.031, Similarity-Delta +0.010, Pairs 12):"
        " A lost card costs [-12-] {+14+} euros to replace.",
        f"  before, {hashes[3]} 2026-09-21 'first' (Pairs 3): stated as 'A lost card costs 12 euros to replace.'",
        "heard in",
        "  call1 turn 2 (agent-a, 2026-01-02): “a lost card costs 12 euros to replace.”",
        "    question: Question 1?",
        "    reply: It costs 12 euros.",
    ]
    record = blame_record(origin, {})
    assert record["since"]["trailers"]["Sources"] == "call7" and record["claim"] == "cards:c1"
    assert record["sources"][0] | {"quote": ""} == {
        "pair": "p1",
        "conversation": "call1",
        "turn": 2,
        "speaker": "agent-a",
        "date": "2026-01-02",
        "quote": "",
        "question": None,
        "reply": None,
    }


def test_a_claim_is_followed_through_renumbering_and_moves(repository):
    moved = dataclasses.replace(CLAIMS[2], id="c9")
    commit(repository, "renumber", cards=make_page(*CLAIMS[:2], moved))
    loans = make_page(
        Claim("c1", "Loans need a payslip.", ("s1",)), dataclasses.replace(moved, id="c2"), category="loans"
    )
    commit(repository, "move", cards=make_page(*CLAIMS[:2]), loans=loans)
    origin = find(repository, "loans:c2")
    assert told(origin) == [("move", "moved"), ("renumber", "cited"), ("first", "added")]
    assert origin.since is not None and origin.since.entry is not None and origin.since.entry.subject == "first"


def test_an_ended_claim_says_until_when_and_what_replaced_it(repository):
    ended = with_text(CLAIMS[0].text, until="2026-05-01")
    commit(repository, "supersede", cards=make_page(*ended, Claim("c4", FOURTEEN, ("s3",))))
    origin = find(repository, CLAIMS[0].text)
    text = format_blame(origin, {})
    assert f"until 2026-05-01, by {repository.history()[0].hash[:10]} 2026-09-21 'supersede'" in text
    assert f"  replaced by [c4] {FOURTEEN}" in text and "'first' (Pairs 3): stated as" in text
    assert blame_record(origin, {})["replaced_by"] == {"claim": "cards:c4", "text": FOURTEEN}


def test_what_is_not_committed_yet_says_so(repository):
    (repository.folder / "cards.md").write_text(make_page(*with_text(FOURTEEN)))
    origin = find(repository, "cards:c1")
    assert told(origin) == [("unsaved", "changed"), ("first", "added")]
    assert "since a change that is not committed yet: A lost card costs [-12-] {+14+}" in format_blame(origin, {})


def test_a_commit_with_a_broken_page_is_passed_over(repository):
    page = repository.folder / "cards.md"
    page.write_text(make_page().replace("type: manual-article", "type: note"))
    git(repository.git.top, "commit", "-qam", "broken by hand")
    with pytest.raises(DataError, match=r"cards.md: the front matter has no"):
        find(repository, "cards:c1")
    repository.refresh()
    commit(repository, "repaired", cards=make_page(*with_text(FOURTEEN)))
    assert told(find(repository, "cards:c1")) == [("repaired", "changed"), ("first", "added")]


def test_the_words_decide_when_neither_id_nor_text_is_known():
    articles = {"cards": make_article(), "loans": make_article(CLAIMS[0], category="loans")}
    found = find_claim(articles, "renewed every four years")
    assert (found.located.name, found.how, found.share) == ("cards:c3", "words", pytest.approx(8 / 11))
    current = Claim("c4", "A lost card costs 14 euros to replace!", ("s3",))
    both = {"cards": make_article(*with_text(FOURTEEN, until="2026-05-01"), current)}
    assert find_claim(both, "a lost card costs 14 euros to replace").located.name == "cards:c4"
    with pytest.raises(UsageError, match="'c1' names 2 claims; it is one of cards:c1, loans:c1"):
        find_claim(articles, "c1")
    with pytest.raises(UsageError, match="'cards:c77' names 0 claims"):
        find_claim(articles, "cards:c77")
    with pytest.raises(UsageError, match=r"no claim is like 'What about mortgages\?'; the nearest is"):
        find_claim(articles, "What about mortgages?")


def test_pairs_that_were_numbered_anew_are_found_by_call_and_turn():
    sources = make_article().sources
    pairs = [dataclasses.replace(make_pair(7, "Yes.", call="call2"), turn=4)]
    assert match_pairs(sources, pairs) == {"s2": pairs[0]}
