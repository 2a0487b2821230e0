"""The report of a run as one HTML page: no script, nothing loaded from elsewhere, light and dark, readable on a phone.

    path.write_text(render_page(report), encoding="utf-8")

Prompts, answers and headlines are hostile input: every piece of text goes through `apo.svg.element`, which escapes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from apo.svg import (
    PICTURE_CSS,
    Markup,
    best_by_round,
    element,
    interval_plot,
    join,
    learning_curve,
    pair_row,
    scale,
    score_row,
    search_tree,
    signed,
)
from apo.terminal import CAVEAT, STOPPED, changes_of, count, describe_cost, describe_warning, was_tested
from workbench.promptdiff import RuleChange

Report = Mapping[str, Any]


def render_page(report: Report) -> str:
    """The whole page."""
    title = f"{report['task']}: {_word(report['verdict'])}"
    head = element(
        "head",
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", title),
        Markup(f"<style>{CSS}{PICTURE_CSS}</style>"),
    )
    body = element(
        "body",
        element(
            "main",
            _verdict(report),
            _scores(report),
            _diff(report["diff"]),
            _patterns(report["patterns"]),
            _search(report),
            _examples(report),
            _run(report),
        ),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _word(verdict: Report) -> str:
    return "released" if verdict["passed"] else "not released"


def _verdict(report: Report) -> Markup:
    """Yes or no within a second, then the one sentence and the one picture behind it."""
    verdict = report["verdict"]
    tested = was_tested(verdict)
    class_ = "yes" if verdict["passed"] else "no" if tested else "open"
    mark = {"yes": "✓", "no": "✕", "open": "–"}[class_]
    reason = verdict["reason"][:1].upper() + verdict["reason"][1:]
    sentence = reason if not tested else _sentence(verdict)
    warning = describe_warning(report["constant"])
    return element(
        "header",
        element("p", f"{report['task']} · {report['model']} · {report['metric']}", class_="eyebrow"),
        element("h1", element("span", mark, class_="mark"), _word(verdict).capitalize()),
        element("p", sentence, class_="lead"),
        interval_plot(verdict["gain"]) if tested else None,
        element("p", warning, class_="warning", role="alert") if warning else None,
        element("p", CAVEAT, class_="muted") if report["model"] == "embedded" else None,
        class_=f"verdict {class_}",
    )


def _sentence(verdict: Report) -> str:
    gain = verdict["gain"]
    sign = "≤" if verdict["p"] <= verdict["alpha"] else ">"
    return (
        f"On {gain['n']} sealed examples that no step of the search has seen, the champion scores"
        f" {abs(gain['value']):.3f} {'below' if gain['value'] < 0 else 'above'} the start"
        f" (p = {verdict['p']:.4f} {sign} {verdict['alpha']:.4g})."
    )


def _scores(report: Report) -> Markup:
    verdict, search = report["verdict"], report["search"]
    rows = []
    if was_tested(verdict):
        rows += [("Sealed, start", verdict["start"], "start"), ("Sealed, champion", verdict["champion"], "champion")]
    rows += [("Dev, start", search["start"], "start"), ("Dev, champion", search["champion"], "champion")]
    facts = None
    if was_tested(verdict):
        facts = _facts(
            ("fixed", verdict["fixes"]),
            ("broken", verdict["breaks"]),
            ("missing", verdict["missing"]),
            ("look at this sealed file", verdict["look"]),
            ("confidence of the gain's interval", f"{100 * verdict['gain']['confidence']:.4g} %"),
            ("true gain shown four times in five", f"{verdict['detectable']:.3f}"),
        )
    return _section(
        "Before and after",
        facts,
        element(
            "table",
            _row("th", "", scale(), "score", "95 % interval", "n"),
            *(_score(*row) for row in rows),
            class_="plot scores",
        ),
        element("p", "The champion was chosen on the dev examples, so its dev score flatters.", class_="muted"),
    )


def _score(label: str, interval: Report | None, class_: str) -> Markup:
    if interval is None:
        return _row("td", label, element("span", "not scored", class_="muted"), "–", "–", "0")
    span = f"{interval['low']:.3f} to {interval['high']:.3f}"
    return _row("td", label, score_row(interval, class_), f"{interval['value']:.3f}", span, interval["n"])


def _diff(diff: Sequence[Mapping[str, Any]]) -> Markup:
    """The change of the prompt, slot by slot; demos are long and come folded."""
    whole, short = changes_of(diff, shorten=False), changes_of(diff)
    changes = [cut if cut.where == "front matter" else change for change, cut in zip(whole, short, strict=True)]
    parts: list[Markup] = []
    for where, group in groupby(changes, key=lambda change: change.where):
        rules = list(group)
        body = element("ul", *(_change(change) for change in rules), class_="diff")
        if where == "demos":
            parts.append(element("details", element("summary", f"demos: {_count(rules)}"), body))
        else:
            parts.append(join(element("h3", where), body))
    nothing = element("p", "The champion is the start: nothing changed.", class_="muted")
    return _section("What changed in the prompt", *(parts or [nothing]))


def _count(changes: Sequence[RuleChange]) -> str:
    kinds = [change.kind for change in changes]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))


def _change(change: RuleChange) -> Markup:
    name = element("code", change.id) if change.id else None
    match change.kind:
        case "added":
            return _line("+", name, change.after)
        case "removed":
            return _line("-", name, change.before)
        case "edited":
            return join(_line("-", name, change.before), _line("+", name, change.after))
        case "moved":
            return _line("~", name, f"moved here from {change.before}")
        case "reordered":
            return _line("~", None, f"order: {change.before} → {change.after}")
        case "setting":
            return _line("~", name, f"{change.before} → {change.after}")


def _line(sign: str, name: Markup | None, text: str | None) -> Markup:
    class_ = {"+": "add", "-": "cut", "~": "edit"}[sign]
    shown = element("span", sign.replace("-", "−"), class_="sign")
    return element("li", shown, element("div", name, element("span", text or "", class_="rule")), class_=class_)


def _patterns(patterns: Sequence[Report]) -> Markup:
    if not patterns:
        return _section("By label pattern", _untested())
    rows = (
        _row(
            "td",
            row["pattern"],
            pair_row(row["start"], row["champion"]),
            f"{row['start']:.3f}",
            f"{row['champion']:.3f}",
            signed(row["champion"] - row["start"]),
            row["n"],
        )
        for row in patterns
    )
    head = _row("th", "", scale(), "start", "champion", "change", "n")
    hint = element("p", "Sealed examples by their kind. Hollow: the start. Filled: the champion.", class_="muted")
    return _section("By label pattern", hint, element("table", head, *rows, class_="plot patterns"))


def _search(report: Report) -> Markup:
    search, tree = report["search"], report["tree"]
    steps = best_by_round(tree)
    stopped = STOPPED.get(search["stopped"], search["stopped"])
    story = (
        f"{count(search['rounds'], 'round')} and {count(search['candidates'], 'candidate')}"
        f" on {count(search['dev'], 'dev example')};"
        f" it ended because {stopped}. Champion: {report['champion']['name']}."
    )
    if len(steps) > 1:
        note = "By round: the best of the candidates that were scored on most examples, with 95\u00a0% interval."
        curve = join(element("h3", "Learning curve"), element("p", note, class_="muted"), learning_curve(steps))
    else:
        curve = element("p", "No learning curve: nothing but the start was scored.", class_="muted")
    lineage = report["champion"]["lineage"]
    legend = "One column a round, best on top; the stronger the colour, the higher the dev score."
    return _section(
        "The search",
        element("p", story),
        curve,
        element("h3", "Search tree"),
        element("p", legend, " In bold: the champion's line, ", " → ".join(lineage), ".", class_="muted"),
        element("div", search_tree(tree, lineage), class_="scroll") if tree else None,
        element("details", element("summary", "All candidates"), _candidates(tree)),
    )


def _candidates(tree: Sequence[Report]) -> Markup:
    rows = []
    for node in tree:
        moves = "; ".join(
            f"{move['kind']} ({move['reason']})" if move["reason"] else move["kind"] for move in node["moves"]
        )
        score = f"{node['score']['value']:.3f}" if node["score"] else "–"
        rows.append(
            _row("td", node["name"], node["parent"] or "–", node["round"], score, node["n"], moves or "the start")
        )
    head = _row("th", "name", "parent", "round", "score", "n", "moves")
    return element("div", element("table", head, *rows, class_="candidates"), class_="scroll")


def _examples(report: Report) -> Markup:
    examples, verdict = report["examples"], report["verdict"]
    if not was_tested(verdict):
        return _section("Examples fixed and broken", _untested())
    counts = {"fixed": verdict["fixes"], "broken": verdict["breaks"]}
    parts = [part for kind in ("fixed", "broken") for part in _flips(kind, examples[kind], counts[kind])]
    return _section("Examples fixed and broken", *parts)


def _flips(kind: str, examples: Sequence[Report], total: int) -> list[Markup]:
    """Examples whose answer went from wrong to right, or back."""
    shown = f", {len(examples)} shown" if len(examples) < total else ""
    head = element("h3", f"{kind.capitalize()}: {max(total, len(examples))}{shown}")
    if not examples:
        return [head, element("p", "None.", class_="muted")]
    rows = (
        element(
            "tr",
            element("td", example["text"], _error(example["error"]), class_="text"),
            *(
                element("td", _chips(example[key]), data_label=label)
                for key, label in (("gold", "gold"), ("start", "before"), ("champion", "after"))
            ),
        )
        for example in examples
    )
    return [head, element("table", _row("th", "text", "gold", "before", "after"), *rows, class_=f"flips {kind}")]


def _error(error: str | None) -> Markup | None:
    if error is None:
        return None
    reason = "one answer could not be read" if error == "parse" else error
    return element("span", reason, class_="muted note")


def _chips(answers: Sequence[str]) -> Markup:
    if not answers:
        return element("span", "nothing", class_="muted")
    return join(*(element("span", answer, class_="chip") for answer in answers))


def _run(report: Report) -> Markup:
    calls = report["calls"]
    return _section(
        "Calls and cost",
        _facts(
            ("calls", f"{calls['calls']:,}"),
            ("answered from the store", f"{calls['cached']:,}"),
            ("failed", f"{calls['failed']:,}"),
            ("tokens in", f"{calls['prompt_tokens']:,}"),
            ("tokens out", f"{calls['completion_tokens']:,}"),
            ("cost", describe_cost(calls["cost_usd"])),
            ("model", report["model"]),
            ("seed", report["seed"]),
        ),
        element("p", "Champion's SHA-256: ", element("code", report["champion"]["sha256"]), class_="muted"),
    )


def _untested() -> Markup:
    return element("p", "Nothing was put to the sealed test.", class_="muted")


def _section(title: str, *children: object) -> Markup:
    return element("section", element("h2", title), *children)


def _facts(*facts: tuple[str, object]) -> Markup:
    pairs = (element("div", element("dt", name), element("dd", value)) for name, value in facts)
    return element("dl", *pairs, class_="facts")


def _row(cell: str, *children: object) -> Markup:
    return element("tr", *(element(cell, child) for child in children))


CSS = """
:root {
  color-scheme: light dark;
  --ground: #fbfaf8; --card: #ffffff; --ink: #1c2321; --soft: #66706c; --line: #e3e2dd;
  --accent: #0f766e; --tint: #e3f1ee; --bad: #b3412e; --bad-tint: #faeae6; --low: #dfe6e3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #131716; --card: #1a1f1e; --ink: #e6eae8; --soft: #98a39f; --line: #2d3432;
    --accent: #4fc3b5; --tint: #17302c; --bad: #ee8b78; --bad-tint: #38211d; --low: #2f3836;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
main { max-width: 860px; margin: 0 auto; padding: 48px 24px 96px; }
h1 { margin: 4px 0 12px; font-size: 44px; line-height: 1.1; letter-spacing: -0.02em; font-weight: 650; }
h2 { margin: 0 0 16px; font-size: 22px; letter-spacing: -0.01em; font-weight: 620; }
h3 { margin: 28px 0 6px; font-size: 14px; font-weight: 600; color: var(--soft); }
p { margin: 0 0 12px; max-width: 66ch; }
code { font: 0.86em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
section { margin-top: 64px; }
.muted { color: var(--soft); font-size: 14px; } .note { display: block; }
.eyebrow { color: var(--soft); font-size: 14px; margin: 0; } .lead { font-size: 18px; }
.verdict { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 32px; }
.verdict .mark { margin-right: 0.35em; } .verdict svg { margin: 16px 0; } .verdict > :last-child { margin-bottom: 0; }
.yes { border-top: 6px solid var(--accent); } .yes h1 { color: var(--accent); }
.no { border-top: 6px solid var(--bad); } .no h1 { color: var(--bad); }
.open { border-top: 6px solid var(--soft); }
.warning { max-width: none; margin: 16px 0; padding: 12px 16px; border-radius: 8px; font-weight: 600;
  color: var(--bad); background: var(--bad-tint); border-left: 4px solid var(--bad); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 20px 24px;
  margin: 0 0 28px; }
.facts dt { color: var(--soft); font-size: 13px; line-height: 1.35; }
.facts dd { margin: 0; font-size: 20px; font-weight: 600; }
.facts div { display: flex; flex-direction: column-reverse; justify-content: flex-end; }

table { border-collapse: collapse; width: 100%; font-size: 15px; }
th { text-align: left; font-weight: 500; font-size: 13px; color: var(--soft); overflow-wrap: normal; }
th, td { padding: 7px 20px 7px 0; border-bottom: 1px solid var(--line); } :is(th, td):last-child { padding-right: 0; }
.plot td { white-space: nowrap; }
.plot td:first-child { white-space: normal; overflow-wrap: normal; }
.plot td:nth-child(2) { width: 50%; min-width: 90px; }
.plot th:nth-child(n+3), .plot td:nth-child(n+3) { text-align: right; }
table + p { margin-top: 12px; }
.scroll { overflow-x: auto; }
.candidates { min-width: 640px; font-size: 14px; }
.candidates td { vertical-align: top; white-space: nowrap; } .candidates td:last-child { white-space: normal; }
summary { cursor: pointer; margin: 28px 0 8px; font-size: 14px; font-weight: 600; color: var(--soft); }

.diff { list-style: none; margin: 0; padding: 0; }
.diff li { display: flex; gap: 12px; padding: 8px 12px; margin: 4px 0; border-radius: 6px; background: var(--card); }
.diff code { color: var(--soft); margin-right: 10px; }
.diff .rule { white-space: pre-wrap; }
.sign { flex: none; width: 1ch; font-weight: 700; }
li.add { background: var(--tint); } li.add .sign { color: var(--accent); }
li.cut { background: var(--bad-tint); } li.cut .sign { color: var(--bad); }
li.edit { border: 1px solid var(--line); } li.edit .sign { color: var(--soft); }
details .rule { font-size: 14px; }

.flips td { vertical-align: top; } .flips .text { width: 46%; }
.chip { display: inline-block; margin: 0 6px 4px 0; padding: 1px 8px; border-radius: 6px; font-size: 14px;
  border: 1px solid var(--line); background: var(--card); }
.fixed td:last-child .chip { border-color: var(--accent); color: var(--accent); }
.broken td:last-child .chip { border-color: var(--bad); color: var(--bad); }

@media (max-width: 620px) {
  main { padding: 16px 16px 64px; }
  h1 { font-size: 34px; }
  section { margin-top: 48px; }
  .verdict { padding: 20px; }
  th, td { padding-right: 12px; }
  .scores :is(th, td):nth-child(4) { display: none; }
  .patterns :is(th, td):is(:nth-child(3), :nth-child(4)) { display: none; }
  .flips, .flips tr, .flips td { display: block; width: auto; }
  .flips tr:first-child { display: none; }
  .flips tr { padding: 10px 0; border-bottom: 1px solid var(--line); }
  .flips td { padding: 2px 0; border: 0; } .flips .text { width: auto; margin-bottom: 4px; }
  .flips td[data-label]::before { content: attr(data-label); display: inline-block; width: 5.5em; color: var(--soft);
    font-size: 13px; }
}
"""
"""One accent colour, system fonts, tabular numbers; dark when the reader's system is."""
