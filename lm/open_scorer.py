"""From a model's name to a scorer that was tried out.

`embedded` and `hf:PATH-or-ID` are scored in this process, `hosted_vllm/NAME` by a vLLM server, any other
`provider/model` by text completions with `echo` through LiteLLM. No chat endpoint gives log-probabilities of a prompt.

    scorer = await open_scorer("hosted_vllm/qwen", api_base="http://127.0.0.1:8000/v1")
"""

from __future__ import annotations

from typing import Any

import anyio.to_thread

from lm.score_cache import ScoreCache
from lm.score_probe import probe
from lm.scores import ScoreEngine, Scorer
from workbench.errors import OpenbookError, UsageError

FORMS = "embedded, hf:PATH-or-ID, hosted_vllm/NAME or provider/model"


async def open_scorer(
    spec: str,
    *,
    dtype: str | None = None,
    api_base: str | None = None,
    timeout_s: float | None = None,
    cache: ScoreCache | None = None,
) -> Scorer:
    """Open the model that `spec` names, and probe it.

    Args:
        spec: see the module.
        dtype: precision, for a model in this process only.
        api_base: the server's address, for `provider/model` only.
        timeout_s: limit of one call, for `provider/model` only.
        cache: where scores are kept.

    Raises:
        UsageError: the name, an option or a file is wrong.
        MissingExtraError: the engine's package is not installed.
        ModelError: the model cannot score.
    """
    if dtype is not None and "/" in spec and not _is_local(spec):
        raise UsageError(f"{spec!r} runs on a server, which chooses its own precision; leave dtype out")
    if (api_base is not None or timeout_s is not None) and _is_local(spec):
        raise UsageError(f"{spec!r} runs in this process and has no api_base and no timeout_s; leave them out")
    given: dict[str, Any] = {"dtype": dtype, "api_base": api_base, "timeout_s": timeout_s}
    given = {name: value for name, value in given.items() if value is not None}
    engine = await anyio.to_thread.run_sync(lambda: _engine(spec, given))
    try:
        await probe(engine)
    except OpenbookError:
        await engine.aclose()
        raise
    return Scorer(engine, cache=cache)


def _is_local(spec: str) -> bool:
    return spec == "embedded" or spec.startswith("hf:")


def _engine(spec: str, given: dict[str, Any]) -> ScoreEngine:
    """The imports are here because each engine's library is heavy."""
    if _is_local(spec):
        from lm.score_local import LocalScores

        return LocalScores.load(spec, **given)
    provider, slash, model = spec.partition("/")
    if not slash or not model or ":" in provider:
        raise UsageError(f"{spec!r} cannot score; give {FORMS}")
    if provider == "hosted_vllm":
        from lm.score_vllm import VllmScores

        return VllmScores(spec, **given)
    from lm.hosted import known_providers
    from lm.score_echo import EchoScores

    if provider not in known_providers():
        raise UsageError(f"{provider!r} in {spec!r} is no provider that LiteLLM knows; give {FORMS}")
    return EchoScores(spec, **given)
