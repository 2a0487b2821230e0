from __future__ import annotations

from apo.page import render_page
from tests.apo.reports import build


def test_tree_shows_each_candidate_with_its_moves_and_n() -> None:
    page = render_page(build())
    assert page.count('class="node') == 4
    assert "<title>c2  0.500 [0.450, 0.550] n=180\nadd_rule: rule bank</title>" in page
    assert page.count('class="edge kin"') == 2
    assert 'class="node unscored"' in page
