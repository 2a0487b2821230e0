"""OpenAI's chat form: what a request looks like, how an answer is read, what a failure means.

Both roads to an HTTP server share it, so that a prompt gets the same words, the same answer and the same error on
either: `lm/server.py` posts it as it stands, `lm/hosted.py` hands it to LiteLLM.

    body = {"model": "smollm2", **chat_fields(request)}
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from lm.base import Request
from workbench.copying import without_copies
from workbench.errors import ModelError

DEFAULT_BASES = {"ollama": "http://localhost:11434", "ollama_chat": "http://localhost:11434"}
"""Where providers without a public address listen unless told otherwise."""
SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)")
SECRET_SHAPE = re.compile(r"\b(sk|pk|gsk|xai|hf)[-_][\w*-]{8,}|(?<=Bearer )\S+")
"""What keys look like, for those a provider echoes in part."""
NEXT_STEPS = {
    "auth": "set the provider's API key in the environment",
    "connection": "start the server or check its address (--api-base)",
    "rate_limit": "wait, or lower the concurrency",
    "timeout": "raise the time limit, or lower the concurrency",
    "server": "try again later",
    "request": "check the model's name and the request",
}
WRAP = "answer"
"""The one key of an object around a value that is none."""
CAUSE_OF_STATUS = {401: "auth", 402: "auth", 403: "auth", 408: "timeout", 429: "rate_limit"}
RETRYABLE = frozenset({"connection", "rate_limit", "server", "timeout"})


def base_from_environment(spec: str) -> str | None:
    """The address LiteLLM would take from the environment, so that a probe and a price know of it."""
    provider = spec.partition("/")[0]
    names = (f"{provider.upper()}_API_BASE", f"{provider.upper()}_BASE_URL")
    return next((os.environ[name] for name in names if os.environ.get(name)), DEFAULT_BASES.get(provider))


def chat_fields(request: Request) -> dict[str, Any]:
    """The body of a chat completion without its model; no schema and no stop where none is asked."""
    fields: dict[str, Any] = {
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
    }
    if request.stop:
        fields["stop"] = list(request.stop)
    if request.schema is not None:
        fields["response_format"] = response_format(request.schema)
    return fields


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for JSON; strict where the schema is closed, because strict servers refuse an open one.

    Servers want an object at the root, so any other value is asked for inside one; `unwrapped` takes it out again.
    """
    plain = without_copies(schema)
    if not _is_object(schema):
        plain = {"type": "object", "properties": {WRAP: plain}, "required": [WRAP], "additionalProperties": False}
    strict = plain.get("additionalProperties") is False
    return {"type": "json_schema", "json_schema": {"name": WRAP, "schema": plain, "strict": strict}}


def unwrapped(schema: Mapping[str, Any] | None, text: str) -> str:
    """The bare value that was asked for; what the server wrote otherwise stays for the reader of the answer."""
    if schema is None or _is_object(schema):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    wrapped = isinstance(value, dict) and value.keys() == {WRAP}
    return json.dumps(value[WRAP], ensure_ascii=False) if wrapped else text


def cause_of_status(status: int) -> str:
    """What an HTTP status says about the failure."""
    return CAUSE_OF_STATUS.get(status, "server" if status >= 500 else "request")


def model_error(name: str, cause: str, said: str, *, retry_after_s: float | None = None) -> ModelError:
    """Missing data: what was said, without any key, and the next step."""
    message = f"{name!r}: {said.rstrip('.')}; {NEXT_STEPS[cause]}"
    return ModelError(message, cause=cause, retryable=cause in RETRYABLE, retry_after_s=retry_after_s)


def timeout_error(name: str, timeout_s: float) -> ModelError:
    """Missing data: the whole answer was not there in time."""
    message = f"{name!r} gave no answer in {timeout_s:g} s; {NEXT_STEPS['timeout']}"
    return ModelError(message, cause="timeout", retryable=True)


def one_line(text: str, otherwise: str) -> str:
    """The message in a server's JSON, or else the first line that says anything; without any key."""
    said = re.search(r'"message":\s*"((?:[^"\\]|\\.)+)"', text)
    line = said[1] if said else next((line for line in text.splitlines() if line.strip()), otherwise)
    line = re.sub(r"^(litellm\.)?\w+(Error|Timeout): (\w+(Error|Exception)( -|:) )*", "", line.strip())
    for name, value in os.environ.items():
        if len(value) >= 8 and SECRET_NAME.search(name.upper()):
            line = line.replace(value, "***")
    return SECRET_SHAPE.sub("***", line)[:300]


def seconds_to_wait(retry_after: str | None) -> float | None:
    """Seconds the server asks to wait: a number or an HTTP date (RFC 9110, section 10.2.3)."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _is_object(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "object"
