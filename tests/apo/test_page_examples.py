from __future__ import annotations

from apo.page import render_page
from tests.apo.reports import build


def test_flips_say_how_many_are_not_shown() -> None:
    page = render_page(build())
    assert "Fixed: 47, 1 shown" in page
    assert "Broken: 9, 1 shown" in page
