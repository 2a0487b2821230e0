"""From a model's name to an engine: the one place where names are looked up.

`embedded`, `gguf:PATH`, `hf:PATH-or-ID`, or `provider/model` for everything behind an HTTP server: posted to directly
where it speaks OpenAI's form at an address of one's own, through LiteLLM elsewhere.

    engine = open_engine("hosted_vllm/smollm2", api_base="http://127.0.0.1:8000/v1")
    check_reachable(engine)
"""

from __future__ import annotations

import difflib
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lm.base import Engine
from lm.openai_form import base_from_environment
from workbench.errors import ModelError, UsageError

PROBE_TIMEOUT_S = 5.0
OPENAIS_OWN = re.compile(r"(ft:)?(chatgpt|gpt-(?!oss)|o\d)")
"""Names of OpenAI's models, also behind a gateway: LiteLLM knows which of them want other parameters."""
FORMS = "embedded, gguf:PATH, hf:PATH-or-ID or provider/model"


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What may be said about an engine besides its name; None leaves the engine's own default."""

    slots: int | None = None
    """Calls it serves at once."""
    api_base: str | None = None
    """Address of the server, for `provider/model` only."""
    timeout_s: float | None = None
    """Limit of one call, for `provider/model` only."""


def open_engine(
    spec: str, *, slots: int | None = None, api_base: str | None = None, timeout_s: float | None = None
) -> Engine:
    """Open the model that `spec` names.

    Args:
        spec: see the module.
        slots: calls it serves at once.
        api_base: the server's address, for `provider/model` only.
        timeout_s: limit of one call, for `provider/model` only.

    Raises:
        UsageError: the name, an option or a file is wrong.
        MissingExtraError: the engine's package is not installed.
    """
    options = EngineOptions(slots, api_base, timeout_s)
    if slots is not None and slots < 1:
        raise UsageError(f"slots is {slots!r}; give 1 or more")
    if timeout_s is not None and not timeout_s > 0:
        raise UsageError(f"timeout_s is {timeout_s!r}; give more than 0 seconds")
    opener = OPENERS.get(spec.partition(":")[0])
    if opener is None:
        return _open_hosted(spec, options)
    if api_base is not None or timeout_s is not None:
        raise UsageError(f"{spec!r} runs in this process and has no api_base and no timeout_s; leave them out")
    return opener(spec, options)


def check_reachable(engine: Engine) -> None:
    """Make sure that something listens where the engine will send its calls; costs no call.

    Engines in this process, and providers at their own public address, are taken at their word.

    Raises:
        ModelError: nothing listens there.
    """
    from lm.hosted import Hosted
    from lm.server import Server

    if not isinstance(engine, Hosted | Server) or engine.api_base is None:
        return
    api_base = engine.api_base
    address = urlsplit(api_base if "//" in api_base else f"//{api_base}")
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), timeout=PROBE_TIMEOUT_S).close()
    except OSError as exc:
        raise ModelError(
            f"no server answers at {api_base!r} for {engine.name!r} ({exc.strerror or exc});"
            " start it, or give its address with --api-base",
            cause="connection",
        ) from exc


def _open_gguf(spec: str, options: EngineOptions) -> Engine:
    from lm.gguf import open_gguf

    name, _, path = spec.partition(":")
    if name == "embedded" and path:
        raise UsageError(f"unknown model {spec!r}; the embedded model is just 'embedded'")
    if name == "gguf" and not Path(path).is_file():
        raise UsageError(f"{spec!r}: there is no file {path!r}; give the path of a GGUF file, or use 'embedded'")
    return open_gguf(spec) if options.slots is None else open_gguf(spec, slots=options.slots)


def _open_local(spec: str, options: EngineOptions) -> Engine:
    from lm.local import Local

    if options.slots not in (None, 1):
        raise UsageError(f"{spec!r} serves one call at a time, not {options.slots}; leave slots out or use gguf:")
    return Local(spec)


def _open_hosted(spec: str, options: EngineOptions) -> Engine:
    """A model behind an HTTP server; the first part of its name must be a provider that LiteLLM knows."""
    provider, slash, model = spec.partition("/")
    if not slash or not model or ":" in provider:
        raise _unknown(spec, provider.partition(":")[0], list(OPENERS))
    given: dict[str, Any] = {
        "api_base": options.api_base,
        "concurrency": options.slots,
        "timeout_s": options.timeout_s,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if _is_own_server(provider, model, options.api_base):
        from lm.server import Server

        return Server(spec, **given)
    from lm.hosted import Hosted, known_providers

    providers = known_providers()
    if provider not in providers:
        raise _unknown(spec, provider, [*OPENERS, *providers])
    return Hosted(spec, **given)


def _is_own_server(provider: str, model: str, api_base: str | None) -> bool:
    """Whether OpenAI's form is spoken at an address of the user's, given or in the environment."""
    if provider == "openai" and not OPENAIS_OWN.match(model):
        return bool(api_base or base_from_environment("openai/"))
    return provider == "hosted_vllm"


def _unknown(spec: str, part: str, names: list[str]) -> UsageError:
    near = difflib.get_close_matches(part, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return UsageError(f"unknown model {spec!r}; {hint}give {FORMS}")


OPENERS: dict[str, Callable[[str, EngineOptions], Engine]] = {
    "embedded": _open_gguf,
    "gguf": _open_gguf,
    "hf": _open_local,
}
"""Engines that run in this process, by the part of the name before the colon."""
