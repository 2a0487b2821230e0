"""A scripted writer of traces: what it writes depends on what it is asked, and on nothing else."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable, Sequence

from lm.base import Request
from lm.fake import Answer, Scripted
from tests.reer.builders import make_pair

STEPS = (
    "The customer cannot find the thing anywhere and wants another one soon.",
    "Somebody has to stop it first, so that no stranger may use it.",
    "So the agent says what it comes to and how long it takes.",
)
BETTER = "Whoever was careless pays a small price: nine euros go off the account."
PAIRS = tuple(
    make_pair(number, f"Right, so for a lost card we take nine euros off your account, number {number} today.")
    for number in range(1, 5)
)


def is_draft(request: Request) -> bool:
    return request.schema is not None and request.schema["type"] == "array"


def part_of(request: Request, tag: str) -> str:
    found = re.search(rf"<{tag}>\n(.*)\n</{tag}>", request.messages[-1].content, re.DOTALL)
    assert found
    return found[1]


def writer_of(draft: Sequence[str] | Answer, rewrite: Callable[[Request], Answer]) -> Scripted:
    """Drafts always the same, rewrites by a function; a draft that is text is the raw answer."""
    raw = json.dumps(draft) if isinstance(draft, tuple | list) else draft
    return Scripted(lambda request: raw if is_draft(request) else rewrite(request))


def improving(request: Request) -> str:
    """One version that helps and one that does not."""
    return json.dumps(BETTER if request.seed % 2 else "Nothing of that kind is known about it to anybody here.")


def hashed(request: Request) -> str:
    """Words drawn by what was asked: first traces are dull, versions hold words of the reply now and then and help."""
    rng = random.Random(hashlib.sha256(f"{request.seed} {request.messages[-1].content}".encode()).digest())
    dull = [f"dull{number}" for number in range(60)]
    if is_draft(request):
        return json.dumps([" ".join(rng.sample(dull, 9)) for _ in range(4)])
    told = rng.sample(["card", "lost", "nine", "euros", "account", "take", "right", "today"], rng.randint(0, 2))
    return json.dumps(" ".join([*rng.sample(dull, 9), *told]))
