"""A built manual against the rules of the Open Knowledge Format 0.2, sections 3 to 9 and 11 of its specification."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
import yaml

from reer.build import Tools, build_manual
from reer.page import parse_article, render_article
from reer.signing import sign, sign_page
from tests.reer.builders import by_words, make_pair, make_scorer

RESERVED = ("index.md", "log.md")
ACTOR = re.compile(r"(?:human|process|team):\S+|[^\s:/]+/\S+")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")
ENTRY = re.compile(r"\* \[[^\]]+\]\([^)\s]+\)( - .+)?")
COMMITTED = Path(__file__).parents[2] / "manuals"
MOMENT = datetime(2026, 11, 25, 10, tzinfo=UTC)


def okf_problems(folder: Path) -> list[str]:
    """Each rule that a bundle breaks."""
    found = []
    for path in sorted(folder.rglob("*.md")):
        text = path.read_bytes().decode("utf-8")
        check = {"index.md": index_problems, "log.md": log_problems}.get(path.name, concept_problems)
        found += [f"{path.name}: {problem}" for problem in check(text)]
    index = (folder / "index.md").read_text()
    for path in sorted(folder.glob("*.md")):
        if path.name not in RESERVED:
            description = front_of(path.read_text())["description"]
            if f"]({path.name}) - {description}\n" not in index:
                found.append(f"index.md: {path.name} is not listed with its description")
    return found


def front_of(text: str) -> dict:
    """Front matter with moments as they are written."""
    match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    front = yaml.BaseLoader(match[1]).get_single_data() if match else None
    return front if isinstance(front, dict) else {}


def concept_problems(text: str) -> Iterator[str]:
    front = front_of(text)
    if not front.get("type"):
        yield "no front matter with a type"
        return
    if front.get("status", "stable") not in ("draft", "stable", "deprecated"):
        yield f"status {front['status']}"
    checks = front.get("verified", [])
    events = [
        *([front["generated"]] if "generated" in front else []),
        *([checks] if isinstance(checks, dict) else checks),
    ]
    sources = front.get("sources", [])
    actors = [event.get("by", "") for event in events] + [each["author"] for each in sources if "author" in each]
    yield from (f"{actor!r} is no actor" for actor in actors if not ACTOR.fullmatch(actor))
    window = front.get("usage_window", {})
    moments = [event["at"] for event in events if "at" in event] + [front[k] for k in ("stale_after",) if k in front]
    moments += [each["last_modified"] for each in sources if "last_modified" in each] + list(window.values())
    yield from (f"{moment!r} is no moment with its offset" for moment in moments if not INSTANT.fullmatch(moment))
    yield from source_problems(sources, text.partition("\n---\n")[2])


def source_problems(sources: list[dict], body: str) -> Iterator[str]:
    ids = [each.get("id") for each in sources]
    yield from (f"source {each.get('id')} has no resource" for each in sources if not each.get("resource"))
    if len(set(ids)) < len(ids):
        yield "two sources have one id"
    defined = re.findall(r"^\[\^([^\]]+)\]: ", body, re.MULTILINE)
    cited = re.findall(r"\[\^([^\]]+)\](?!: )", body)
    yield from (f"footnote {label} joins no source" for label in {*defined, *cited} - set(ids))
    yield from (f"footnote {label} is not defined" for label in set(cited) - set(defined))
    if "[[" in body:
        yield "a wiki link"


def index_problems(text: str) -> Iterator[str]:
    head = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    if head and head[1] != 'okf_version: "0.2"':
        yield "front matter with more than okf_version"
    lines = [line for line in text[head.end() if head else 0 :].splitlines() if line]
    if not lines or not lines[0].startswith("# "):
        yield "no section"
    yield from (f"{line!r} is no entry" for line in lines if not line.startswith("# ") and not ENTRY.fullmatch(line))


def log_problems(text: str) -> Iterator[str]:
    lines = [line for line in text.splitlines() if line]
    if not lines[0].startswith("# "):
        yield "no title"
    days = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    yield from (f"day {day!r}" for day in days if not re.fullmatch(r"\d{4}-\d\d-\d\d", day))
    if days != sorted(set(days), reverse=True):
        yield "days are not newest first"
    yield from (f"{line!r} is no entry" for line in lines if not line.startswith(("# ", "## ", "* **")))


@pytest.fixture
def manual(tmp_path):
    pairs = [
        make_pair(1, "A lost card costs 12 euros.", day="2026-01-01"),
        make_pair(2, "Sure, a lost card costs 12 euros to replace.", day="2026-02-01"),
        make_pair(3, "Early repayment costs 1 percent.", category="loans"),
        make_pair(4, "Early repayment costs 1 percent of the rest.", category="loans"),
    ]
    tools = Tools(make_scorer(), by_words, MOMENT.timestamp)
    chapters = {"cards": "All about cards.", "loans": "All about loans."}

    async def work():
        await build_manual(pairs, chapters, tmp_path / "m", tools, budget=100, on_article=lambda slug: None)

    anyio.run(work)
    return tmp_path / "m"


def test_a_built_manual_keeps_the_format(manual):
    assert okf_problems(manual) == []
    assert "author: human:agent-a\n" in (manual / "cards.md").read_text()


def test_a_signed_manual_keeps_the_format(manual):
    for day in range(3):
        moment = MOMENT + timedelta(days=day // 2)
        sign_page(manual, "cards", lambda each, at=moment: sign(each, "human:vale", at, status="stable", days=30))
    assert okf_problems(manual) == []
    assert (manual / "log.md").read_text().count("Verification") == 3


@pytest.mark.parametrize("folder", sorted(COMMITTED.glob("*")) or [None], ids=lambda path: path and path.name)
def test_a_committed_manual_keeps_the_format(folder):
    if folder is None:
        pytest.skip("no manual is committed")
    assert okf_problems(folder) == []


@pytest.mark.parametrize(
    ("page", "old", "new"),
    [
        ("cards.md", "type: manual-article", "kind: x"),
        ("cards.md", "status: draft", "status: new"),
        ("cards.md", "resource: p1\n", "resource: ''\n"),
        ("cards.md", "human:agent-a", "agent-a"),
        ("cards.md", "by: openbook/", "by: openbook "),
        ("cards.md", "T00:00:00Z", ""),
        ("cards.md", "- id: s1", "- id: t1"),
        ("cards.md", "\n[^s1]: ", "\n[^s9]: "),
        ("index.md", 'okf_version: "0.2"', "type: index"),
        ("index.md", "* [", "- ["),
        ("index.md", "All about cards", "Cards"),
        ("log.md", "## 2026-11-25", "## 25 November"),
        ("log.md", "* **Creation**", "Created"),
    ],
)
def test_each_broken_rule_is_found(manual, page, old, new):
    text = (manual / page).read_text()
    assert old in text
    (manual / page).write_text(text.replace(old, new, 1))
    assert okf_problems(manual)


@pytest.mark.parametrize(
    ("speaker", "author"),
    [
        ("agent-tomas", "human:agent-tomas"),
        ("human:tomas", "human:human:tomas"),
        ("process:bot", "process:bot"),
        ("voicebot/2.1", "voicebot/2.1"),
        ("Ms Vale", "human:Ms Vale"),
    ],
)
def test_who_spoke_is_an_actor_on_the_page_and_a_name_in_code(manual, speaker, author):
    text = (manual / "cards.md").read_text().replace("human:agent-a", author)
    article = parse_article(text)
    assert {source.speaker for source in article.sources} == {speaker}
    assert render_article(article) == text


def test_keys_of_others_in_sources_and_windows_stay_with_their_moments(manual):
    text = (manual / "cards.md").read_text()
    text = text.replace("  resource: p1\n", "  resource: p1\n  usage_count: 7\n  title: The call\n")
    text = text.replace(
        "sources:\n", "usage_window: {from: 2026-06-01T00:00:00Z, to: 2026-06-30T00:00:00Z}\nsources:\n"
    )
    (manual / "cards.md").write_text(render_article(parse_article(text)))
    assert okf_problems(manual) == []
    again = front_of((manual / "cards.md").read_text())
    assert again["sources"][0]["usage_count"] == "7" and again["sources"][0]["title"] == "The call"
    assert again["usage_window"]["to"] == "2026-06-30T00:00:00+00:00"
