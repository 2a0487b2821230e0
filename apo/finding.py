"""What one request of reflection found, and what several findings say together.

A finding is written out again as evidence, so the request that merges findings reads them as it would read cases.

    edits = distinct_edits([Finding("indices are taken for companies", (edit,)), other])
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain, zip_longest

from apo.batches import clip
from apo.edit import Edit

FINDING_TOKENS = 900
"""Most of one finding, so that two fit the request that merges them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one request found: a diagnosis and the edits that were let through."""

    diagnosis: str
    edits: tuple[Edit, ...]

    @property
    def text(self) -> str:
        """The finding as evidence for the request that merges it."""
        edits = [json.dumps(asdict(edit), ensure_ascii=False) for edit in self.edits]
        return clip("\n".join(["[finding]", self.diagnosis, *edits]), FINDING_TOKENS)


def distinct_edits(findings: Sequence[Finding]) -> list[Edit]:
    """Edits of all findings, the first of each before the second of any; what two findings both say comes once."""
    kept: dict[str, Edit] = {}
    for edit in chain(*zip_longest(*(finding.edits for finding in findings))):
        if edit is not None:
            kept.setdefault(f"{edit.op} {edit.move.args}", edit)
    return list(kept.values())
