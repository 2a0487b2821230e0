"""A prompt file as DSPy's adapter: DSPy renders the file and nothing else, and reads the answer as strictly as we do.

The one invariant: what an optimizer evaluates is what it leaves behind. New instructions and demos become a prompt file
first (`revise`), and that file is rendered. Import this module only where DSPy is used; DSPy is slow to load.

    adapter = PromptAdapter(prompt, pool=task.dev)
    with dspy.context(lm=lm, adapter=adapter):
        dspy.Predict(adapter.signature)(text="Siemens lifts outlook").companies
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import dspy
from dspy.utils.exceptions import AdapterParseError

from apo.examples import Example
from apo.retrieve import Retriever
from workbench.copying import schema_for
from workbench.edits import add_rule, delete_rule, reorder, set_demo_mode
from workbench.errors import ModelError, UsageError
from workbench.prompts import PLACEHOLDER, Fixed, Prompt, Rule, Slot
from workbench.rendering import Demo, demo_text, file_demos, output_schema, parse_answer, render

TYPES = {"string": str, "number": float, "integer": int, "boolean": bool}
RESERVED = frozenset({"config", "demos", "lm", "signature"})
"""Names that `dspy.Predict` takes for itself."""


class PromptAdapter(dspy.Adapter):  # type: ignore[misc]
    """Renders one prompt file, with the instructions and demos that DSPy holds in place of those in the file."""

    def __init__(self, prompt: Prompt, *, pool: Sequence[Example] = ()) -> None:
        """Set up for one prompt file.

        Args:
            prompt: the prompt file.
            pool: the labelled examples that a prompt with retrieved demos may show.

        Raises:
            UsageError: the prompt retrieves its demos and there is no pool, or an input has a name DSPy keeps.
            MissingExtraError: it retrieves them by encoder, which is not installed.
        """
        super().__init__()
        self.prompt = prompt
        self.signature = make_signature(prompt)
        """What a `dspy.Predict` with this prompt takes and gives."""
        self._retriever = Retriever(pool)
        self._retriever.prepare(prompt)
        self._schema = output_schema(prompt)

    def __deepcopy__(self, memo: dict[int, Any]) -> PromptAdapter:
        """Stay the same: optimizers copy programs, and nothing in here changes."""
        return self

    def __call__(self, lm: Any, lm_kwargs: dict[str, Any], signature: Any, demos: list[Any], inputs: Any) -> Any:
        """Ask once, with decoding held to the schema where the model can."""
        return super().__call__(lm, self._constrained(lm, lm_kwargs, inputs), signature, demos, inputs)

    async def acall(self, lm: Any, lm_kwargs: dict[str, Any], signature: Any, demos: list[Any], inputs: Any) -> Any:
        """Ask once, as `__call__` does."""
        return await super().acall(lm, self._constrained(lm, lm_kwargs, inputs), signature, demos, inputs)

    def format(self, signature: Any, demos: Sequence[Any], inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Write the chat turns.

        Raises:
            DataError: inputs or a demo do not fit the prompt.
            UsageError: the instructions do not make a prompt file, or a demo lacks a field.
        """
        prompt = self.revised(signature, demos)
        values = self._values(inputs)
        turns = render(prompt, values, self._retriever.nearest(prompt, values))
        return [{"role": role, "content": content} for role, content in turns]

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        """Read the answer. Raises `AdapterParseError` when it is not exactly what the schema asks."""
        try:
            return parse_answer(self.prompt, completion)
        except ModelError as exc:
            raise AdapterParseError(type(self).__name__, signature, completion, message=str(exc)) from exc

    def revised(self, signature: Any, demos: Sequence[Any]) -> Prompt:
        """The prompt file with these instructions and demos; the file itself when they are its own."""
        changed = signature.instructions != self.signature.instructions
        lines = _rule_texts(signature.instructions, self.prompt.inputs) if changed else None
        return revise(self.prompt, lines, tuple(demo_text(to_demo(self.prompt, demo)) for demo in demos))

    def _constrained(self, lm: Any, lm_kwargs: dict[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
        if not lm.supports_response_schema:
            return lm_kwargs
        answer = {"name": "answer", "schema": schema_for(self._schema, self._values(inputs))}
        return {**lm_kwargs, "response_format": {"type": "json_schema", "json_schema": answer}}

    def _values(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What the prompt takes of DSPy's inputs."""
        return {name: inputs[name] for name in self.prompt.inputs if name in inputs}


def make_signature(prompt: Prompt) -> Any:
    """The DSPy signature of a prompt file; its instructions are the unlocked system rules, one a line.

    Locked rules are rendered too, but no optimizer sees or loses them.

    Raises:
        UsageError: an input has a name that DSPy keeps to itself.
    """
    for name in prompt.inputs:
        if name in RESERVED:
            raise UsageError(f"DSPy keeps the name {name!r} to itself; rename that input of prompt {prompt.task!r}")
    described = {rule.id: rule.text for rule in prompt.rules("fields")}
    fields: dict[str, Any] = {name: (str, dspy.InputField()) for name in prompt.inputs}
    for name, schema in prompt.output.items():
        fields[name] = (_type_of(schema), dspy.OutputField(desc=described.get(name)))
    instructions = "\n".join(rule.text for rule in prompt.rules("system") if not rule.locked)
    return dspy.Signature(fields, instructions or None)


@lru_cache(maxsize=256)
def revise(prompt: Prompt, lines: tuple[str, ...] | None, demos: tuple[str, ...]) -> Prompt:
    """Write instructions and demos into the prompt file.

    A rule or demo that stays keeps its id and locked ones stay, whatever is asked.

    Args:
        prompt: The prompt file.
        lines: Texts of the system rules; None keeps those of the file.
        demos: Lines of JSON; none leaves a prompt that retrieves its demos as it is.

    Raises:
        UsageError: the result is no prompt file, say because a line that held the only use of an input is gone.
    """
    if lines is not None:
        prompt = _rewritten(prompt, "system", lines, [rule.text for rule in prompt.rules("system")])
    if isinstance(prompt.demo_mode, Fixed):
        return _rewritten(prompt, "demos", demos, [demo_text(demo) for demo in file_demos(prompt)])
    return revise(set_demo_mode(prompt, Fixed()), None, demos) if demos else prompt


def to_example(prompt: Prompt, demo: Demo) -> Any:
    """A solved example as DSPy trains and evaluates on it."""
    return dspy.Example(**demo.inputs, **demo.outputs).with_inputs(*prompt.inputs)


def to_demo(prompt: Prompt, example: Any) -> Demo:
    """What a prompt shows of a DSPy example: the fields of the prompt, and no others.

    Raises:
        UsageError: the example lacks a field of the prompt.
    """
    missing = [name for name in (*prompt.inputs, *prompt.output) if name not in example]
    if missing:
        raise UsageError(f"a DSPy demo lacks {missing}; name the training examples' fields as the prompt does")
    return Demo({name: example[name] for name in prompt.inputs}, {name: example[name] for name in prompt.output})


def _type_of(schema: Mapping[str, Any]) -> Any:
    """The Python type of a JSON schema's values; Any where DSPy has no closer one."""
    kind = str(schema.get("type"))
    return list[_type_of(schema.get("items", {}))] if kind == "array" else TYPES.get(kind, Any)  # type: ignore[misc]


def _rule_texts(instructions: str, inputs: Iterable[str]) -> tuple[str, ...]:
    """Instructions as rules: one a line, blank lines gone, `{name}` literal unless an input has that name."""

    def keep_literal(match: re.Match[str]) -> str:
        return match[0] if match[1] or match[2] in inputs else f"{{{match[0]}}}"

    lines = (line.strip() for line in re.split(r"[\r\n]", instructions))
    return tuple(PLACEHOLDER.sub(keep_literal, line) for line in lines if line)


def _rewritten(prompt: Prompt, slot: Slot, texts: Iterable[str], held: Sequence[str]) -> Prompt:
    """Make a slot's unlocked rules say `texts`; `held` is what its rules, in order, say now."""
    rules = list(zip(held, prompt.rules(slot), strict=True))
    locked = {text for text, rule in rules if rule.locked}
    spare: list[tuple[str, Rule]] = [(text, rule) for text, rule in rules if not rule.locked]
    ids: list[str] = []
    for text in texts:
        kept = next((pair for pair in spare if pair[0] == text), None)
        if kept:
            spare.remove(kept)
            ids.append(kept[1].id)
        elif text not in locked:
            prompt = add_rule(prompt, slot, text)
            ids.append(prompt.rules(slot)[-1].id)
    for _, rule in spare:
        prompt = delete_rule(prompt, rule.id)
    free = iter(ids)
    return reorder(prompt, slot, [rule.id if rule.locked else next(free) for rule in prompt.rules(slot)])
