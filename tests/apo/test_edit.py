import pytest

from apo.edit import Edit, edit_problem
from apo.overfit import OverfitLint
from tests.apo.headlines import INDICES, SHORTER, edit, load_headlines


@pytest.fixture
def task(tmp_path):
    return load_headlines(tmp_path)


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (edit("edit", id="s2", text="Answer in YAML."), "locked"),
        (edit("move", "after", "s2"), "locked"),
        (edit("edit", id="s9", text="Hello."), "no rule 's9'"),
        (edit("delete", id="d1"), "no rule 'd1'"),
        (edit("describe", "fields", "banks", "Banks."), "no output field"),
        (edit("add", "fields", "", "Banks."), "pass its id"),
        (edit("move", "fields", "s1"), "cannot move"),
        (edit(text="One.\nTwo."), "not one line"),
        (edit(text="  "), "not one line"),
        (edit(text="x" * 241), "241 characters"),
        (edit(text="Look at {text} twice."), "placeholder"),
        (edit(text="Siemens is a company."), "gold answer 'Siemens'"),
        (edit("edit", id="s1", text="In lifts its outlook again for quarter 7 name it."), "copies 'its outlook again"),
        (edit("edit", id="s1", text="List the companies named in a headline, such as Acme."), "changes nothing"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["op"],
)
def test_edit_problem_refuses(task, record, problem):
    assert problem in edit_problem(task.prompt, Edit(**record), OverfitLint(task.prompt, task.dev))


@pytest.mark.parametrize(
    "record",
    [
        INDICES,
        SHORTER,
        edit("delete", id="s1"),
        edit("move", "after", "s1"),
        edit("describe", "fields", "companies", "Names, in order."),
        edit("edit", id="b1", text="Read {text} slowly."),
        edit(text="Acme may be named twice."),
        edit(text="Write {{text}} for the text."),
        edit(text="The outlook of a firm is no company."),
    ],
)
def test_edit_problem_lets_through(task, record):
    assert edit_problem(task.prompt, Edit(**record), OverfitLint(task.prompt, task.dev)) is None
