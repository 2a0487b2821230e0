from __future__ import annotations

import pytest

from apo.page import render_page
from tests.apo.reports import build, build_untested


@pytest.mark.parametrize(("passed", "class_", "word"), [(True, "yes", "Released"), (False, "no", "Not released")])
def test_banner_says_yes_or_no(passed: bool, class_: str, word: str) -> None:
    report = build()
    report["verdict"]["passed"] = passed
    page = render_page(report)
    assert f'class="verdict {class_}"' in page
    assert f"</span>{word}</h1>" in page


def test_banner_tells_untested_from_refused() -> None:
    page = render_page(build_untested())
    assert 'class="verdict open"' in page
    assert "Not tested: there is no sealed file" in page
    assert "nothing changed" in page
    assert "not scored" in page


def test_banner_warns_of_a_constant_answer_and_of_the_embedded_model() -> None:
    report = build()
    assert 'role="alert"' in render_page(report)
    assert "say nothing about your model" not in render_page(report)
    assert "say nothing about your model" in render_page({**report, "model": "embedded"})
    assert 'role="alert"' not in render_page(build_untested())
