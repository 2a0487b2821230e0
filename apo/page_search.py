"""The search as a section of the page: why it ended, how the best score grew, and every candidate with its moves.

Its scores are those on the dev examples, by which candidates were chosen, so none of them is evidence of a gain.
"""

from __future__ import annotations

from collections.abc import Sequence

from apo.page_parts import section, table_row
from apo.svg import Markup, best_by_round, element, join, learning_curve, search_tree
from apo.terminal import STOPPED, Report, count


def search_section(report: Report) -> Markup:
    """Curve and tree; the table of all candidates comes folded."""
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
    return section(
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
            table_row("td", node["name"], node["parent"] or "–", node["round"], score, node["n"], moves or "the start")
        )
    head = table_row("th", "name", "parent", "round", "score", "n", "moves")
    return element("div", element("table", head, *rows, class_="candidates"), class_="scroll")
