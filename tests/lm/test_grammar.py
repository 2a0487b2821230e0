import json

from hypothesis import given
from hypothesis import strategies as st

from lm.grammar import copies, to_grammar
from workbench.copying import without_copies

COPIED = {"type": "string", "maxLength": 20, "x-copied-from": 'Siemens and "Nokia"'}
LIST = {"type": "array", "maxItems": 3, "items": COPIED}


def test_grammar_of_a_plain_schema_is_compact_json():
    grammar = to_grammar({"type": "string"})
    assert grammar.startswith("%llguidance {}\nstart: %json ")
    assert '"whitespace_flexible": false' in grammar


def test_grammar_of_a_copied_list_holds_the_text_as_it_stands_in_json():
    grammar = to_grammar(LIST)
    line = next(line for line in grammar.splitlines() if line.startswith("COPY"))
    inside = json.loads(line[line.index("{") : line.index("}") + 1])["substring_words"]
    assert json.loads(f'"{inside}"') == 'Siemens and "Nokia"'
    assert "{1,20}" in line
    assert "{0,2}" in grammar


def test_grammar_of_a_shaped_copy_admits_the_shape_only():
    line = to_grammar({**COPIED, "x-copied-shape": r"[A-Z]/x\/y"}).splitlines()[-1]
    assert line.endswith(r"{1,20}/ & /[A-Z]\/x\/y/")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_grammar_survives_any_text(text):
    line = next(line for line in to_grammar({**COPIED, "x-copied-from": text}).splitlines() if line.startswith("COPY"))
    source = line[line.index("{") : line.rindex("} &") + 1]
    assert json.loads(f'"{json.loads(source)["substring_words"]}"') == text


def test_without_copies_drops_the_keys_at_any_depth():
    schema = {"type": "object", "properties": {"names": {**LIST, "items": {**COPIED, "x-copied-shape": "[A-Z]+"}}}}
    assert copies(schema)
    assert not copies(without_copies(schema))
    assert without_copies(schema)["properties"]["names"]["items"] == {"type": "string", "maxLength": 20}
