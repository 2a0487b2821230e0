from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from apo.page import render_page
from tests.apo.reports import EVIL, Report, build, build_untested

SECTIONS = (
    "Before and after",
    "What changed in the prompt",
    "By label pattern",
    "The search",
    "Examples fixed and broken",
    "Calls and cost",
)


class Balance(HTMLParser):
    """Collects the tags and attributes of a page and checks that every element is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parse(page: str) -> Balance:
    parser = Balance()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


@pytest.mark.parametrize("report", [build(), build(EVIL), build_untested()], ids=["plain", "hostile", "untested"])
def test_page_is_well_formed_and_has_every_section(report: Report) -> None:
    page = render_page(report)
    assert page.startswith("<!DOCTYPE html>")
    parse(page)
    for title in SECTIONS:
        assert f"<h2>{title}</h2>" in page


@pytest.mark.parametrize("report", [build(), build(EVIL), build_untested()], ids=["plain", "hostile", "untested"])
def test_pictures_are_well_formed_xml(report: Report) -> None:
    pictures = re.findall(r"<svg.*?</svg>", render_page(report), re.DOTALL)
    assert pictures
    for picture in pictures:
        assert ElementTree.fromstring(picture).get("aria-label")


def test_hostile_text_stays_text() -> None:
    page = render_page(build(EVIL))
    parsed = parse(page)
    assert "script" not in parsed.tags
    assert not {name for name in parsed.attributes if name.startswith("on")}
    assert page.count("</style>") == 1
    assert "&lt;script&gt;" in page
    assert "\x1b" not in page
    page.encode("utf-8")


@pytest.mark.parametrize("report", [build(), build_untested()], ids=["plain", "untested"])
def test_page_loads_nothing_and_runs_nothing(report: Report) -> None:
    page = render_page(report)
    parsed = parse(page)
    assert "http" not in page
    assert "url(" not in page
    assert "@import" not in page
    assert not {"script", "link", "img", "iframe", "object", "embed"} & parsed.tags
    assert not {"src", "href"} & parsed.attributes


def test_page_follows_the_readers_colour_scheme_and_width() -> None:
    page = render_page(build())
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page
