import pytest

from lm.base import Message, Request
from lm.openai_form import chat_fields, one_line, response_format, seconds_to_wait, unwrapped

LIST = {"type": "array", "items": {"type": "string", "x-copied-from": "text"}}


def test_chat_fields_hold_what_was_asked_and_no_more():
    request = Request((Message("user", "hello"),), max_tokens=7, temperature=0.5, seed=3)
    assert chat_fields(request) == {
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 7,
        "temperature": 0.5,
        "seed": 3,
    }


def test_response_format_puts_a_list_inside_a_closed_object_without_copies():
    asked = response_format(LIST)["json_schema"]
    assert asked["strict"] is True
    assert asked["schema"]["properties"]["answer"] == {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (LIST, '{"answer": ["é"]}', '["é"]'),
        (LIST, '["é"]', '["é"]'),
        (LIST, "no json", "no json"),
        ({"type": "object"}, '{"answer": 1}', '{"answer": 1}'),
        (None, '{"answer": 1}', '{"answer": 1}'),
    ],
)
def test_unwrapped_takes_out_only_what_was_put_in(schema, text, value):
    assert unwrapped(schema, text) == value


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(None, None), ("", None), ("1.5", 1.5), ("-1", 0.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None)],
)
def test_seconds_to_wait_reads_numbers_and_dates(said, seconds):
    assert seconds_to_wait(said) == seconds


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"error": {"message": "no such model", "code": 404}}', "no such model"),
        ('\n{"detail": "Not Found"}\n', '{"detail": "Not Found"}'),
        ("", "status 502"),
        ("refused sk-abcdefghijkl and Bearer xyz", "refused *** and Bearer ***"),
    ],
)
def test_one_line_is_what_the_server_says_without_keys(text, line):
    assert one_line(text, "status 502") == line
