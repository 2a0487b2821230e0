"""A prompt file as a DSPy program, for `dspy.Evaluate` and any optimizer that changes instructions or demos.

    program = PromptProgram(prompt)
    with dspy.context(lm=dspy_lm(road)):
        better = dspy.BootstrapFewShot(metric).compile(program, trainset=examples)
    draft = to_prompt(better)

`program.save("state.json")` keeps what an optimizer changed, without pickle. Import this module only where DSPy is
used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dspy

from apo.dspy_adapter import PromptAdapter, to_example
from apo.examples import Example
from workbench.edits import bump
from workbench.prompts import Fixed, Prompt
from workbench.rendering import file_demos


class PromptProgram(dspy.Module):  # type: ignore[misc]
    """One `dspy.Predict` that asks what the prompt file asks, whatever adapter is configured around it."""

    def __init__(self, prompt: Prompt, *, pool: Sequence[Example] = ()) -> None:
        """Build the program.

        Args:
            prompt: The prompt file; its unlocked system rules and demos are what optimizers change.
            pool: Labelled examples, needed when the prompt retrieves its demos; demos set by an optimizer replace
                the retrieval.

        Raises:
            UsageError: a prompt that retrieves its demos came without a pool, or an input has a name DSPy keeps.
        """
        super().__init__()
        self.adapter = PromptAdapter(prompt, pool=pool)
        self.predict = dspy.Predict(self.adapter.signature)
        if isinstance(prompt.demo_mode, Fixed):
            shown = zip(file_demos(prompt), prompt.rules("demos"), strict=True)
            self.predict.demos = [to_example(prompt, demo) for demo, rule in shown if not rule.locked]

    def forward(self, **inputs: str) -> Any:
        """Answer one input; raises `AdapterParseError` when the answer cannot be read."""
        with dspy.context(adapter=self.adapter):
            return self.predict(**inputs)

    async def aforward(self, **inputs: str) -> Any:
        """Answer one input, as `forward` does."""
        with dspy.context(adapter=self.adapter):
            return await self.predict.acall(**inputs)


def to_prompt(program: PromptProgram) -> Prompt:
    """The program as a prompt file: the next version of the one it was made from, or that one when nothing changed."""
    prompt = program.adapter.prompt
    revised = program.adapter.revised(program.predict.signature, program.predict.demos)
    return prompt if revised == prompt else bump(revised, parent=prompt.sha256)
