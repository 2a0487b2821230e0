import pytest

from workbench.copying import check_copies, copied_from, copied_shape, copy_answers, schema_for
from workbench.errors import UsageError
from workbench.prompts import parse_prompt
from workbench.rendering import output_schema

PROMPT = parse_prompt(
    "---\ntask: t\nversion: 1\ninputs: [text]\noutput:\n  names: {type: array, items: {type: string}}\n"
    "  sure: {type: boolean}\n---\n\n# system\n\n- [s1!] List names.\n"
)


def test_copy_answers_marks_the_strings_and_leaves_the_rest():
    marked = copy_answers(PROMPT, field="names", source="text")
    assert copied_from(PROMPT, "names") is None
    assert copied_from(marked, "names") == "text"
    assert marked.rules("system") == PROMPT.rules("system")
    assert marked.output["sure"] == {"type": "boolean"}


def test_copy_answers_sets_and_lets_go_of_a_shape():
    shaped = copy_answers(PROMPT, field="names", source="text", shape="[A-Z]+")
    assert copied_shape(shaped, "names") == "[A-Z]+"
    assert copied_shape(copy_answers(shaped, field="names", source="text"), "names") is None


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("x-copied-from", "title", "names no input"),
        ("x-copied-shape", "[A-", "no regular expression"),
        ("x-copied-shape", "(?!In )[A-Z]+", "looks around or back"),
    ],
)
def test_marks_that_cannot_hold_are_refused_before_a_call(key, value, said):
    shaped = copy_answers(PROMPT, field="names", source="text", shape="[A-Z]+")
    old = copied_from(shaped, "names") if key == "x-copied-from" else copied_shape(shaped, "names")
    with pytest.raises(UsageError, match=said):
        check_copies(parse_prompt(shaped.text.replace(f'"{key}": "{old}"', f'"{key}": "{value}"')))


def test_schema_for_puts_the_value_in_place_of_the_name():
    marked = copy_answers(PROMPT, field="names", source="text")
    schema = schema_for(output_schema(marked), {"text": "Siemens rises"})
    assert schema["properties"]["names"]["items"]["x-copied-from"] == "Siemens rises"


@pytest.mark.parametrize(("field", "source"), [("sure", "text"), ("names", "title"), ("other", "text")])
def test_copy_answers_refuses_what_cannot_be_copied(field, source):
    with pytest.raises(UsageError):
        copy_answers(PROMPT, field=field, source=source)
