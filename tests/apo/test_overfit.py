import pytest

from apo.overfit import OverfitLint
from tests.apo.headlines import load_headlines


@pytest.fixture
def task(tmp_path):
    return load_headlines(tmp_path)


def test_overfit_lint_ignores_parts_of_words(task):
    lint = OverfitLint(task.prompt, task.dev)
    assert lint.problem("Boschs and siemensite are none.") is None
    assert lint.problem("Not 'Bosch'.") == "names the gold answer 'Bosch'"
