import pytest

from lm.fake import Scripted
from lm.hosted import Hosted
from lm.open import check_reachable, open_engine
from lm.server import Server
from tests.lm.openai_server import OpenAIServer
from workbench.errors import ModelError, UsageError


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("hosted_vllm/m", Server),
        ("openai/m", Server),
        ("openai/gpt-oss-20b", Server),
        ("openai/gpt-5", Hosted),
        ("openai/o3-mini", Hosted),
        ("ollama/m", Hosted),
    ],
)
def test_open_engine_opens_a_server_with_its_options(spec, kind):
    engine = open_engine(spec, slots=7, api_base="http://127.0.0.1:9/v1", timeout_s=3)
    assert type(engine) is kind
    assert (engine.name, engine.slots, engine.api_base, engine.timeout_s) == (spec, 7, "http://127.0.0.1:9/v1", 3)
    assert engine.price() is None


@pytest.mark.parametrize(
    ("spec", "variable"), [("hosted_vllm/m", "HOSTED_VLLM_API_BASE"), ("openai/m", "OPENAI_BASE_URL")]
)
def test_open_engine_takes_the_address_from_the_environment(spec, variable, monkeypatch):
    monkeypatch.setenv(variable, "http://127.0.0.1:9/v1")
    engine = open_engine(spec)
    assert isinstance(engine, Server)
    assert engine.api_base == "http://127.0.0.1:9/v1"


def test_open_engine_leaves_openais_own_address_to_litellm():
    assert isinstance(open_engine("openai/m"), Hosted)


def test_open_engine_wants_an_address_for_a_server():
    with pytest.raises(UsageError, match=r"'hosted_vllm/m' has no address; give it with --api-base"):
        open_engine("hosted_vllm/m")


def test_open_engine_leaves_the_defaults_to_the_engine():
    engine = open_engine("openai/gpt-4o")
    assert (engine.slots, engine.timeout_s, engine.api_base) == (16, 60.0, None)


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("embeded", "did you mean 'embedded'"),
        ("ggfu:model.gguf", "did you mean 'gguf'"),
        ("opnai/gpt-4o", "did you mean 'openai'"),
        ("qwertyuiop", "give embedded, gguf:PATH, hf:PATH-or-ID or provider/model"),
        ("qwertyuiop/model", "give embedded"),
        ("openai/", "give embedded"),
        ("", "give embedded"),
        ("embedded:slots=4", "just 'embedded'"),
    ],
)
def test_open_engine_refuses_an_unknown_name_with_a_hint(spec, hint):
    with pytest.raises(UsageError, match=hint) as caught:
        open_engine(spec)
    assert repr(spec) in str(caught.value)


@pytest.mark.parametrize("spec", ["gguf:no/such.gguf", "gguf:", "hf:./no-such-folder"])
def test_open_engine_names_a_file_that_is_absent(spec):
    with pytest.raises(UsageError, match="there is no"):
        open_engine(spec)


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("embedded", {"slots": 0}, "slots is 0"),
        ("hf:x", {"slots": 2}, "one call at a time"),
        ("embedded", {"api_base": "http://127.0.0.1"}, "no api_base"),
        ("hf:x", {"timeout_s": 3.0}, "no timeout_s"),
        ("openai/gpt-4o", {"timeout_s": 0.0}, "timeout_s is 0.0"),
    ],
)
def test_open_engine_refuses_an_option_that_cannot_be_kept(spec, options, message):
    with pytest.raises(UsageError, match=message):
        open_engine(spec, **options)


@pytest.mark.parametrize("open_", [Hosted, Server])
def test_check_reachable_passes_a_server_that_listens_and_sends_no_call(open_):
    with OpenAIServer() as server:
        check_reachable(open_("hosted_vllm/m", api_base=server.base_url))
    assert server.counts["requests"] == 0


@pytest.mark.parametrize("open_", [Hosted, Server])
def test_check_reachable_names_the_address_of_a_server_that_is_down(open_):
    with OpenAIServer() as server:
        api_base = server.base_url
    with pytest.raises(ModelError, match="start it, or give its address") as caught:
        check_reachable(open_("hosted_vllm/m", api_base=api_base))
    assert caught.value.cause == "connection"
    assert api_base in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("engine", [Scripted([]), Hosted("openai/gpt-4o")], ids=["in process", "public provider"])
def test_check_reachable_takes_other_engines_at_their_word(engine):
    check_reachable(engine)
