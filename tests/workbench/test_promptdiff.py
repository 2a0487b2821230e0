from __future__ import annotations

from workbench.edits import add_rule, bump, delete_rule, edit_rule, move_rule, reorder, set_demo_mode
from workbench.promptdiff import RuleChange, diff_prompts, format_diff
from workbench.prompts import Nearest, parse_prompt

PROMPT = parse_prompt("""---
task: headlines
version: 1
parent: null
inputs: [text]
output:
  companies: {type: array}
---

# system

- [s1] One.
- [s2] Two.
- [s3] Three.

# before

- [b1] Read.
""")


def test_diff_prompts_is_empty_for_notes_and_line_endings() -> None:
    noted = parse_prompt(PROMPT.text.replace("# before\n", "# before\n\nA note.\n").replace("\n", "\r\n"))
    assert diff_prompts(PROMPT, noted) == ()
    assert format_diff(()) == "no change"


def test_diff_prompts_tells_each_kind_of_change() -> None:
    cases = {
        RuleChange("added", "system", "s4", after="Four."): add_rule(PROMPT, "system", "Four."),
        RuleChange("removed", "system", "s2", before="Two."): delete_rule(PROMPT, "s2"),
        RuleChange("edited", "system", "s2", "Two.", "Zwei."): edit_rule(PROMPT, "s2", "Zwei."),
        RuleChange("moved", "before", "s2", "system", "before"): move_rule(PROMPT, "s2", "before"),
        RuleChange("reordered", "system", "", "s1 s2 s3", "s3 s1 s2"): reorder(PROMPT, "system", ["s3", "s1", "s2"]),
        RuleChange("setting", "front matter", "demos", "fixed", "nearest 4 by bm25"): set_demo_mode(
            PROMPT, Nearest("bm25", 4)
        ),
        RuleChange("edited", "system", "s1", "One.", "One. (locked)"): parse_prompt(
            PROMPT.text.replace("[s1]", "[s1!]")
        ),
        RuleChange("edited", "input", "template", "{text}", "News: {text}"): parse_prompt(
            PROMPT.text + "\n# input\nNews: {text}\n"
        ),
    }
    for change, prompt in cases.items():
        assert diff_prompts(PROMPT, prompt) == (change,)


def test_diff_prompts_tells_a_moved_and_edited_rule_twice() -> None:
    prompt = edit_rule(move_rule(PROMPT, "s2", "before", at=0), "s2", "Zwei.")
    assert [change.kind for change in diff_prompts(PROMPT, prompt)] == ["moved", "edited"]


def test_format_diff_groups_changes_by_slot() -> None:
    prompt = bump(delete_rule(edit_rule(PROMPT, "s1", "Uno."), "s2"), parent="abc")
    prompt = add_rule(move_rule(prompt, "s3", "before"), "after", "Answer.")
    assert format_diff(diff_prompts(PROMPT, prompt)) == "\n".join(
        [
            "front matter",
            "  ~ version: 1 -> 2",
            "  ~ parent: null -> abc",
            "system",
            "  - [s2] Two.",
            "  ~ [s1]",
            "      - One.",
            "      + Uno.",
            "before",
            "  ~ [s3] moved here from system",
            "after",
            "  + [a1] Answer.",
        ]
    )
