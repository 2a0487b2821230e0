from __future__ import annotations

from apo.page import render_page
from tests.apo.reports import build


def test_demos_are_folded_and_rules_are_not() -> None:
    page = render_page(build())
    assert "<summary>demos: 1 removed</summary>" in page
    assert '<li class="add">' in page.split("<details>")[0]
