import anyio
import pytest

from lm.base import Message, Request, Usage
from lm.fake import Scripted
from workbench.errors import ModelError


def ask(engine, text="hi there"):
    return anyio.run(engine.complete, Request((Message("system", "be brief"), Message("user", text))))


def test_scripted_answers_by_function():
    assert ask(Scripted(lambda request: request.messages[-1].content.upper())).text == "HI THERE"


def test_scripted_answers_a_list_in_order():
    engine = Scripted(["one", "two"])
    assert [ask(engine).text, ask(engine).text] == ["one", "two"]


def test_scripted_answers_a_dict_by_last_user_message():
    assert ask(Scripted({"hi there": "hello"})).text == "hello"


@pytest.mark.parametrize(
    ("answer", "message"), [([], "0 answers, call 1"), ({"x": "y"}, "no answer to 'hi there'")], ids=["list", "dict"]
)
def test_scripted_says_when_the_script_ends(answer, message):
    with pytest.raises(ModelError, match=message):
        ask(Scripted(answer))


def test_scripted_raises_a_scripted_error_and_counts_it():
    error = ModelError("down", cause="server")
    engine = Scripted([error, "up"])
    with pytest.raises(ModelError) as caught:
        ask(engine)
    assert caught.value is error
    assert ask(engine).text == "up"
    assert engine.calls == 2


def test_scripted_counts_words_as_tokens():
    assert ask(Scripted(["well met"])).usage == Usage(4, 2, 0.0)


def test_scripted_closes():
    assert anyio.run(Scripted([]).aclose) is None
