from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.edits import add_rule, bump, delete_rule, edit_rule, move_rule, reorder, set_demo_mode
from workbench.errors import DataError, UsageError
from workbench.prompts import (
    PROSE_SLOTS,
    SLOTS,
    Fixed,
    Nearest,
    Prompt,
    Rule,
    Slot,
    load_prompt,
    packaged_prompt,
    parse_prompt,
)

HEAD = """---
task: headlines
version: 1
parent: null
inputs: [text]
output:
  companies: {type: array, items: {type: string}}
demos: fixed            # or: {nearest: bm25, k: 4}
---
"""
FULL = (
    HEAD
    + """
# system

- [s1] You list the companies named in a headline.
- [s2!]  Never translate a name.

# before

A note for people.
- [b1] Copy each name exactly as written.
<!--
- [b2] A rule that is commented out.
-->

# input

{text}

# after

- [a1] Answer with a JSON list of names.

# fields

- [companies] the names, exactly as written

# tools

# demos

- [d1] {"text": "Siemens lifts outlook", "companies": ["Siemens"]}
"""
)


def full() -> Prompt:
    return parse_prompt(FULL)


def ids(prompt: Prompt, slot: Slot) -> list[str]:
    return [rule.id for rule in prompt.rules(slot)]


def changed_lines(a: Prompt, b: Prompt) -> tuple[list[str], list[str]]:
    old, new = a.text.split("\n"), b.text.split("\n")
    return [line for line in old if line not in new], [line for line in new if line not in old]


def test_parse_prompt_reads_every_part() -> None:
    prompt = full()
    assert (prompt.task, prompt.version, prompt.parent, prompt.inputs) == ("headlines", 1, None, ("text",))
    assert prompt.output == {"companies": {"type": "array", "items": {"type": "string"}}}
    assert prompt.demo_mode == Fixed()
    assert prompt.template == "{text}"
    assert prompt.sha256 == hashlib.sha256(FULL.encode()).hexdigest()
    assert [ids(prompt, slot) for slot in SLOTS] == [["s1", "s2"], ["b1"], [], ["a1"], ["companies"], [], ["d1"]]
    assert prompt.rule("s2") == Rule("system", "s2", "Never translate a name.", locked=True)


def test_parse_prompt_reads_nearest_demos() -> None:
    text = FULL.replace("demos: fixed ", "demos: {nearest: encoder, k: 4} ")
    assert parse_prompt(text).demo_mode == Nearest("encoder", 4)


def test_prompts_are_equal_when_their_texts_are() -> None:
    assert full() == full()
    assert len({full(), full(), edit_rule(full(), "s1", "Other.")}) == 2


@pytest.mark.parametrize("inputs, expected", [("[text]", "{text}"), ("[title, body]", "title: {title}\nbody: {body}")])
def test_template_defaults_to_the_inputs(inputs: str, expected: str) -> None:
    prompt = parse_prompt(HEAD.replace("[text]", inputs))
    assert prompt.template == expected
    assert parse_prompt(prompt.text + "# input\n\n\n").template == expected


def test_template_keeps_inner_lines_raw() -> None:
    template = "- [x] <!-- {text} -->\n\n## {{text}}"
    assert parse_prompt(f"{HEAD}# input\r\n\r\n{template}\r\n\r\n# after\r\n").template == template


@pytest.mark.parametrize(
    "old, new, line, message",
    [
        ("---\ntask", "task", 1, "front matter"),
        ("version: 1", "version: one", 3, "integer"),
        ("version: 1", "version: [1", 4, "not plain YAML"),
        ("version: 1", "task: again", 1, "twice"),
        ("parent: null", "parant: null", 4, "did you mean 'parent'"),
        ("task: headlines\n", "", 1, "task"),
        ("demos: fixed", "demos: {nearest: bm26, k: 4}", 8, "nearest: bm25"),
        ("inputs: [text]", "inputs: [text, text]", 1, "named once"),
        ("# before", "# befor", 16, "did you mean 'before'"),
        ("# fields", "# before", 32, "in the order"),
        ("- [b1] Copy", "- Copy", 19, "expected `- [id] text`"),
        ("- [b1] Copy", "  * [b1] Copy", 19, "expected `- [id] text`"),
        ("- [b1] Copy", "- [s1] Copy", 19, "taken on line 13"),
        ("# system\n", "", 12, "inside a slot"),
        ("-->", "", 20, "not closed"),
        ("- [companies]", "- [company]", 34, "did you mean 'companies'"),
        ('{"text": "Siemens', '{"text: "Siemens', 40, "not JSON"),
        ('{"text"', '{"txt"', 40, "with the keys ['companies', 'text']"),
        ('"Siemens lifts outlook"', "7", 40, "not a string"),
        ("a headline.", "a {headline}.", 13, "no input fills {headline}"),
        ("{text}", "{texts}", 26, "did you mean 'text'"),
        ("{text}", "{{text}}", None, "no placeholder uses input 'text'"),
    ],
)
def test_parse_prompt_names_file_and_line(old: str, new: str, line: int | None, message: str) -> None:
    assert old in FULL
    with pytest.raises(DataError) as caught:
        parse_prompt(FULL.replace(old, new, 1), path="p.md")
    assert (caught.value.path, caught.value.line) == ("p.md", line)
    assert message in str(caught.value)


def test_load_prompt_keeps_line_endings(tmp_path: Path) -> None:
    path = tmp_path / "p.md"
    path.write_bytes(FULL.replace("\n", "\r\n").encode())
    assert load_prompt(path).text.encode() == path.read_bytes()


def test_packaged_prompt_is_the_file_of_its_name() -> None:
    file = Path(__file__).parents[2] / "prompts" / "reer" / "trace.md"
    assert packaged_prompt("reer/trace") == load_prompt(file)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_load_prompt_names_an_unreadable_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "p.md"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"p\.md: cannot read"):
        load_prompt(path)


def test_toolkit_prompts_parse() -> None:
    for path in (Path(__file__).parents[2] / "prompts").rglob("*.md"):
        assert load_prompt(path).text == path.read_bytes().decode()


def test_add_rule_changes_one_line() -> None:
    assert changed_lines(full(), add_rule(full(), "system", "Skip indices.")) == ([], ["- [s3] Skip indices."])


def test_add_rule_inserts_at_a_position() -> None:
    assert ids(add_rule(full(), "system", "First.", at=0), "system") == ["s3", "s1", "s2"]


def test_add_rule_opens_a_missing_slot_in_order() -> None:
    prompt = add_rule(add_rule(parse_prompt(HEAD), "after", "Then."), "system", "First.")
    assert prompt.text == HEAD + "\n# system\n\n- [s1] First.\n\n# after\n\n- [a1] Then.\n"


def test_add_rule_fills_an_empty_slot_between_blank_lines() -> None:
    prompt = add_rule(full(), "tools", "looks a name up", id="search")
    assert "# tools\n\n- [search] looks a name up\n\n# demos" in prompt.text


def test_add_rule_works_without_a_final_newline() -> None:
    demo = '{"text": "Hm", "companies": []}'
    assert add_rule(parse_prompt(FULL.rstrip("\n")), "demos", demo).text.endswith(f"}}\n- [d2] {demo}\n")
    assert ids(add_rule(parse_prompt(HEAD.rstrip("\n")), "system", "Hm."), "system") == ["s1"]


def test_edits_write_the_line_ending_of_the_file() -> None:
    prompt = add_rule(parse_prompt(FULL.replace("\n", "\r\n")), "system", "Skip indices.")
    assert prompt.text.count("\n") == prompt.text.count("\r\n")


def test_fresh_ids_are_never_used_again() -> None:
    prompt = delete_rule(add_rule(full(), "before", "Gone."), "b3")
    assert "b3" not in ids(prompt, "before")
    prompt = add_rule(prompt, "before", "New.")
    assert ids(prompt, "before") == ["b1", "b4"]
    assert delete_rule(prompt, "b4").text.count("retired") == 1


def test_edit_rule_keeps_id_and_place() -> None:
    assert changed_lines(full(), edit_rule(full(), "companies", "their names")) == (
        ["- [companies] the names, exactly as written"],
        ["- [companies] their names"],
    )


def test_delete_rule_and_add_again_adds_no_blank_lines() -> None:
    prompt = edit_rule(full(), "companies", "x")
    again = add_rule(delete_rule(prompt, "companies"), "fields", "x", id="companies")
    assert again.text == prompt.text


def test_move_rule_keeps_its_id() -> None:
    prompt = move_rule(full(), "b1", "system", at=1)
    assert (ids(prompt, "system"), ids(prompt, "before")) == (["s1", "b1", "s2"], [])
    assert ids(move_rule(prompt, "b1", "system"), "system") == ["s1", "s2", "b1"]


def test_reorder_leaves_notes_in_place() -> None:
    prompt = parse_prompt(HEAD + "# before\n- [b1] one\nnote\n- [b2] two")
    assert reorder(prompt, "before", ["b2", "b1"]).text == HEAD + "# before\n- [b2] two\nnote\n- [b1] one"


def test_set_demo_mode_rewrites_only_its_line() -> None:
    prompt = set_demo_mode(full(), Nearest("bm25", 4))
    assert prompt.demo_mode == Nearest("bm25", 4)
    assert changed_lines(full(), prompt)[1] == ["demos: {nearest: bm25, k: 4}            # or: {nearest: bm25, k: 4}"]
    assert set_demo_mode(prompt, Fixed()) == full()


def test_set_demo_mode_rewrites_a_block_and_adds_a_missing_key() -> None:
    block = "demos:\n  nearest: bm25\n\n  # how many\n  k: 4\n"
    head = HEAD.replace(HEAD[HEAD.index("demos") : HEAD.rindex("---")], block.replace("\n\n", "\n"))
    assert parse_prompt(head).demo_mode == Nearest("bm25", 4)
    fixed = set_demo_mode(parse_prompt(head), Fixed())
    assert fixed.head.endswith("\ndemos: fixed\n---\n")
    bare = parse_prompt(fixed.text.replace("demos: fixed\n", ""))
    assert set_demo_mode(bare, Fixed()) == fixed


def test_bump_rewrites_version_and_parent() -> None:
    parent = "1" * 64
    prompt = bump(full(), parent=parent)
    assert (prompt.version, prompt.parent) == (2, parent)
    assert changed_lines(full(), prompt) == (["version: 1", "parent: null"], ["version: 2", f'parent: "{parent}"'])


@pytest.mark.parametrize(
    "edit",
    [
        lambda prompt: edit_rule(prompt, "s2", "x"),
        lambda prompt: delete_rule(prompt, "s2"),
        lambda prompt: move_rule(prompt, "s2", "after"),
        lambda prompt: reorder(prompt, "system", ["s2", "s1"]),
        lambda prompt: reorder(prompt, "system", ["s1"]),
        lambda prompt: edit_rule(prompt, "s9", "x"),
        lambda prompt: add_rule(prompt, "system", "two\nlines"),
        lambda prompt: add_rule(prompt, "system", "x\r"),
        lambda prompt: add_rule(prompt, "system", " "),
        lambda prompt: add_rule(prompt, "system", "\ud800"),
        lambda prompt: add_rule(prompt, "system", "x", id="a b"),
        lambda prompt: add_rule(prompt, "system", "x", id="x] y\n- [z"),
        lambda prompt: add_rule(prompt, "system", "x", id="a1"),
        lambda prompt: add_rule(prompt, "system", "x", at=3),
        lambda prompt: add_rule(prompt, "system", "x", at=-1),
        lambda prompt: add_rule(prompt, "system", "{unknown}"),
        lambda prompt: add_rule(prompt, "input", "x", id="i1"),
        lambda prompt: add_rule(prompt, "fields", "x"),
        lambda prompt: add_rule(prompt, "demos", '{"text": "x"}'),
        lambda prompt: move_rule(prompt, "a1", "demos"),
        lambda prompt: move_rule(prompt, "d1", "after"),
    ],
)
def test_edits_refuse_what_would_break_the_prompt(edit: Callable[[Prompt], Prompt]) -> None:
    with pytest.raises(UsageError):
        edit(full())


WORDS = st.text(st.characters(exclude_characters="\n\r{}", exclude_categories=["Cs"]), max_size=12)
TEXTS = WORDS.filter(str.strip)
NOTES = st.one_of(
    st.sampled_from(["", " ", "\t", "<!-- note -->", "## part", "#tag", "Prose, with {text}.", '{"a": [1]}']),
    WORDS.filter(lambda text: not text.lstrip().startswith(("-", "*", "+", "#", "<!--"))),
)


@st.composite
def prompt_texts(draw: st.DrawFn) -> str:
    lines = HEAD.rstrip("\n").split("\n") + draw(st.lists(NOTES, max_size=2))
    for slot in SLOTS:
        if not draw(st.booleans()):
            continue
        lines += [f"# {slot}", *draw(st.lists(NOTES, max_size=2))]
        if slot == "input":
            lines.append("News: {text}")
        for number in range(draw(st.integers(0, 3)) if slot in PROSE_SLOTS else 0):
            lock = draw(st.sampled_from(["", "!"]))
            lines += [f"- [{slot[0]}{number}{lock}] {draw(TEXTS)}", *draw(st.lists(NOTES, max_size=2))]
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return newline.join(lines) + draw(st.sampled_from(["", newline, newline * 3]))


@given(prompt_texts())
def test_parse_and_write_round_trips_every_valid_file(text: str) -> None:
    prompt = parse_prompt(text)
    assert prompt.text == text
    assert prompt.head + "".join(line.body + line.end for line in prompt.lines) == text


@given(prompt_texts(), st.data())
def test_edits_leave_a_valid_file_and_locked_lines_alone(text: str, data: st.DataObject) -> None:
    prompt = parse_prompt(text)
    locked = [line.body for line in prompt.lines if line.rule and line.rule.locked]
    used: set[str] = set()
    for _ in range(data.draw(st.integers(1, 8))):
        before = {line.rule.id for line in prompt.lines if line.rule}
        used |= before
        try:
            prompt = random_edit(prompt, data.draw)
        except UsageError:
            continue
        after = {line.rule.id for line in prompt.lines if line.rule}
        assert not (after - before) & used
        assert parse_prompt(prompt.text).lines == prompt.lines
        assert [line.body for line in prompt.lines if line.rule and line.rule.locked] == locked


def random_edit(prompt: Prompt, draw: st.DrawFn) -> Prompt:
    slot = draw(st.sampled_from(PROSE_SLOTS))
    at = draw(st.one_of(st.none(), st.integers(0, 3)))
    rules = [line.rule.id for line in prompt.lines if line.rule]
    id = draw(st.sampled_from(rules)) if rules else "none"
    return draw(
        st.sampled_from(
            [
                lambda: add_rule(prompt, slot, draw(TEXTS), at=at),
                lambda: edit_rule(prompt, id, draw(TEXTS)),
                lambda: delete_rule(prompt, id),
                lambda: move_rule(prompt, id, slot, at),
                lambda: reorder(prompt, slot, draw(st.permutations(ids(prompt, slot)))),
                lambda: set_demo_mode(prompt, draw(st.sampled_from([Fixed(), Nearest("bm25", 2)]))),
                lambda: bump(prompt, parent=prompt.sha256),
            ]
        )
    )()


@given(st.text(max_size=60))
def test_parse_prompt_fails_only_with_data_errors(junk: str) -> None:
    for text in (junk, HEAD + junk, f"---\n{junk}\n---\n", f"{HEAD}# demos\n- [d1] {junk}"):
        with suppress(DataError):
            assert parse_prompt(text).text == text
