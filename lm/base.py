"""The one interface to a language model: `Request` in, `Reply` out.

An engine turns a request into a reply or raises `ModelError`; everything else (reply store, budget, retries,
concurrency) is wrapped around it once, in `lm/road.py`, and is the same for every engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


def to_messages(turns: Iterable[tuple[Role, str]]) -> tuple[Message, ...]:
    """Rendered turns (`workbench.rendering.render`) as the messages of a request."""
    return tuple(Message(role, content) for role, content in turns)


@dataclass(frozen=True, slots=True)
class Request:
    """All that decides a reply; its content hash is the key of the reply store."""

    messages: tuple[Message, ...]
    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0
    """Seed of the sampler; two requests that differ only in it are two samples."""
    schema: Mapping[str, Any] | None = None
    """JSON schema the answer must satisfy, where the engine can constrain its decoding."""
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and cost of one call; a cost that is not known is None, never 0."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered."""

    text: str
    usage: Usage = field(default_factory=Usage)
    finish_reason: str = "stop"
    """`stop`, `length` (cut at max_tokens) or what the provider says."""
    latency_s: float | None = None
    cached: bool = False
    """True when it came from the reply store and nothing was paid."""
    model: str = ""


class Engine(Protocol):
    """A way to reach one model. Raises `ModelError`, nothing else; safe to call concurrently."""

    name: str
    """The spec it was opened with, e.g. `embedded` or `openai/gpt-x`; part of the reply store's key."""
    slots: int
    """How many calls it serves at once without queueing; the concurrency limit starts here."""
    copies: bool
    """Whether it holds answers to the words of an input (`x-copied-from`); others leave that out of what they send."""

    async def complete(self, request: Request) -> Reply:
        """Answer one request."""
        ...

    async def aclose(self) -> None:
        """Free what the engine holds."""
        ...
