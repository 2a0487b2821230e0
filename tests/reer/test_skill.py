import dataclasses
import re

import pytest
import yaml
from hypothesis import given

from reer.manual import Claim, Source
from reer.skill import MAX_DESCRIPTION, SKILL, render_skill, write_skill
from tests.reer.test_manual import ARTICLE, articles
from workbench.errors import UsageError

CARDS = {"cards": ARTICLE}
LINE = re.compile(r"- \[(?P<category>[\w-]+):(?P<id>c\d+)\] (?P<text>.*) \(sources: (?P<sources>[^()]*)\)")
SOURCE = re.compile(r"- (?P<id>\S+): call (?P<call>.+), turn (?P<turn>\d+)(?:, (?P<date>\d{4}-\d\d-\d\d))?")


def claims_in(text):
    """The claims of a reference, read back."""
    matches = [
        LINE.fullmatch(line) for line in text.partition("## Claims\n")[2].partition("\n## Sources")[0].split("\n")
    ]
    return tuple(Claim(m["id"], m["text"], tuple(m["sources"].split(", "))) for m in matches if m)


@given(articles())
def test_a_reference_holds_the_current_claims_and_where_they_are_from(article):
    if not article.current:
        return
    files = render_skill({"cards": article}, "bank")
    text = files["references/cards.md"]
    assert claims_in(text) == article.current
    cited = {id_ for claim in article.current for id_ in claim.sources}
    sources = [SOURCE.fullmatch(line) for line in text.partition("## Sources\n\n")[2].rstrip("\n").split("\n")]
    assert [(m["id"], m["call"], int(m["turn"]), m["date"]) for m in sources if m] == [
        (source.id, source.conversation, source.turn, source.date) for source in article.sources if source.id in cited
    ]
    front = yaml.safe_load(files[SKILL].split("---\n")[1])
    assert set(front) == {"name", "description"} and front["name"] == "bank"
    assert 0 < len(front["description"]) <= MAX_DESCRIPTION


def test_what_has_ended_is_left_out():
    gone = Source("p2.0", "p2", "call2", 2, "a card costs 9 euros.")
    article = dataclasses.replace(
        ARTICLE,
        sources=(*ARTICLE.sources, gone),
        claims=(ARTICLE.claims[0], dataclasses.replace(ARTICLE.claims[1], sources=("p2.0",))),
    )
    text = "".join(render_skill({"cards": article}, "bank").values())
    assert "9 euros" not in text and "call2" not in text
    old = dataclasses.replace(ARTICLE, category="old", title="Old", status="deprecated")
    assert set(render_skill({"cards": ARTICLE, "old": old}, "bank")) == {SKILL, "references/cards.md"}
    with pytest.raises(UsageError, match="no current claim"):
        render_skill({"old": old}, "bank")


def test_words_and_speakers_of_calls_stay_out_unless_asked_for():
    article = dataclasses.replace(ARTICLE, sources=(dataclasses.replace(ARTICLE.sources[0], quote="ms Rossi, 12."),))
    plain = "".join(render_skill({"cards": article}, "bank").values())
    assert "Rossi" not in plain and "agent-a" not in plain and "call1, turn 2, 2026-01-02" in plain
    assert (
        'agent-a: "ms Rossi, 12."' in render_skill({"cards": article}, "bank", with_quotes=True)["references/cards.md"]
    )


def test_a_reference_says_how_far_it_may_be_trusted():
    article = dataclasses.replace(ARTICLE, stale_after="2027-01-01T00:00:00Z")
    assert (
        "\nStatus: draft, unverified.\nLook again from: 2027-01-01.\n"
        in (render_skill({"cards": article}, "bank")["references/cards.md"])
    )


@pytest.mark.parametrize("name", ["Bank", "a_b", "-a", "a-", "a--b", "", "x" * 65, "../a"])
def test_a_name_that_the_format_does_not_allow_is_refused(name):
    with pytest.raises(UsageError, match="cannot be a skill's name"):
        render_skill(CARDS, name)


def test_a_category_cannot_lead_out_of_the_folder():
    with pytest.raises(UsageError, match=r"category '../../x' names a file"):
        render_skill({"x": dataclasses.replace(ARTICLE, category="../../x")}, "bank")


def test_many_articles_still_fit_the_description():
    many = {f"a{n}": dataclasses.replace(ARTICLE, category=f"a{n}", title=f"Title {n} " * 9) for n in range(40)}
    front = yaml.safe_load(render_skill(many, "bank")[SKILL].split("---\n")[1])
    assert 500 < len(front["description"]) <= MAX_DESCRIPTION and "Title 1" in front["description"]
    tagged = dataclasses.replace(ARTICLE, description="<b>Bold</b>: --- all\u2028of it")
    front = yaml.safe_load(render_skill({"cards": tagged}, "bank")[SKILL].split("---\n")[1])
    assert "<" not in front["description"]


def test_the_same_manual_gives_the_same_bytes_and_no_folder_is_written_over(tmp_path):
    for name in ("one", "two"):
        write_skill(render_skill(CARDS, "bank"), tmp_path / name / "bank")
    first, second = (
        {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*.md"))}
        for root in (tmp_path / "one", tmp_path / "two")
    )
    assert first == second and len(first) == 2
    with pytest.raises(UsageError, match=r"is not empty \('SKILL.md' lies there\)"):
        write_skill(render_skill(CARDS, "bank"), tmp_path / "one" / "bank")


def test_links_lead_to_the_references(tmp_path):
    write_skill(render_skill(CARDS, "bank"), tmp_path / "bank")
    links = re.findall(r"\]\((references/[^)]+)\)", (tmp_path / "bank" / SKILL).read_text())
    assert links and all((tmp_path / "bank" / link).is_file() for link in links)
