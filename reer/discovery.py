"""Categories of pairs: found, given as sentences, or kept from the last time and grown by new pairs.

Every pair has one category. It is the one that a person moved it to, else that of its found cluster, or of the sentence
it is most like. Nothing that a person wrote changes, and unless all is wanted anew no pair that had a place does.

    work = Work(Encoder().encode, fewest=10, most=12)
    result = find_categories(pairs, work, None, {})
    result = find_categories(more_pairs, work, result.file, {each.id: each for each in result.assignments})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lm.encoder import Encode
from reer.assignments import Assignment, category_of
from reer.categories import CategoriesFile, title_of
from reer.category_edits import match_clusters, new_ids
from reer.clusters import centres_of, count_different, find_clusters, settle
from reer.pairs import Pair
from reer.points import Points, place_texts, text_of
from reer.telling import describe, find_terms, is_described, name_groups
from workbench.errors import UsageError


@dataclass(frozen=True, slots=True)
class Work:
    """What categories are found with."""

    encode: Encode
    fewest: int
    """Clusters to find, at least."""
    most: int
    """Clusters to find, at most."""
    anew: bool = False
    """Place all pairs again, instead of only those that have no place yet."""
    on_done: Callable[[int], None] = lambda _count: None
    """Told how many more pairs are embedded."""


@dataclass(frozen=True, slots=True)
class Result:
    """The categories, and where each pair is."""

    file: CategoriesFile
    assignments: tuple[Assignment, ...]
    """In the order of the pairs."""
    runners_up: Mapping[str, str]
    """The next best category of each pair, where there is one."""


def find_categories(
    pairs: Sequence[Pair], work: Work, file: CategoriesFile | None, before: Mapping[str, Assignment]
) -> Result:
    """Give each pair a category; the order of the pairs changes none.

    Args:
        pairs: with ids that differ; a category that they have already is not looked at.
        work: what to find them with.
        file: the categories that there are; None finds some.
        before: assignments from before, by pair.

    Raises:
        UsageError: too few pairs differ, or none of the pairs had a place among found clusters.
    """
    ordered = sorted(pairs, key=lambda pair: pair.id)
    points = place_texts([text_of(pair) for pair in ordered], work.encode, work.on_done)
    known = file is not None and any(
        pair.id in before and category_of(pair.id, file, before) is not None for pair in pairs
    )
    if file is None or (file.found and work.anew):
        file, found = _find_clusters(ordered, points, work, file, before)
        homes = {pair: file.found[id_] for pair, id_ in found.items()}
    elif not file.found and (work.anew or not known):
        homes, found = _nearest_sentence(ordered, points, file, work.encode), {}
    elif not known:
        raise UsageError(
            "none of the pairs is among the assignments, so nothing says what the found categories are like; give them"
            " together with the earlier pairs, or find categories again with --anew"
        )
    else:
        homes, found = _nearest_known(ordered, points, file, before)
    homes |= {pair: slug for pair, slug in file.moved.items() if pair in homes}
    return _result(pairs, file, homes, found, (ordered, points))


def _find_clusters(
    pairs: Sequence[Pair], points: Points, work: Work, file: CategoriesFile | None, before: Mapping[str, Assignment]
) -> tuple[CategoriesFile, dict[str, str]]:
    """Cluster all pairs: the file that says so, and the cluster of each pair."""
    if count_different(points) < work.fewest:
        raise UsageError(
            f"only {count_different(points)} of {len(pairs)} pairs differ, which make no {work.fewest} categories;"
            " lower --min, or write the categories yourself, a sentence each"
        )
    labels = find_clusters(points, work.fewest, work.most)
    earlier = {id_: each.found for id_, each in before.items() if file and each.found in file.found}
    ids = match_clusters(earlier, {pair.id: int(label) for pair, label in zip(pairs, labels, strict=True)})
    fresh = [label for label in range(int(labels.max()) + 1) if label not in ids]
    ids |= dict(zip(fresh, new_ids(len(fresh), list(file.found) if file else []), strict=True))
    found = {pair.id: ids[int(label)] for pair, label in zip(pairs, labels, strict=True)}
    terms = find_terms({id_: [pair for pair in pairs if found[pair.id] == id_] for id_ in sorted(ids.values())})
    terms = {id_: words for id_, words in terms.items() if not file or id_ not in file.found}
    old = file or CategoriesFile.model_construct(categories={}, found={}, moved={})
    slugs = name_groups(terms, old.categories)
    now = {id_: old.found.get(id_) or slugs[id_] for id_ in sorted(ids.values())}
    gone = set(old.found.values()) - {*now.values(), *old.moved.values()}
    kept = {slug: said for slug, said in old.categories.items() if slug not in gone or not is_described(said)}
    categories = kept | {slug: describe(terms[id_]) for id_, slug in slugs.items()}
    return CategoriesFile(categories=categories, found=now, moved=old.moved), found


def _nearest_sentence(pairs: Sequence[Pair], points: Points, file: CategoriesFile, encode: Encode) -> dict[str, str]:
    """The category of each pair: those most like its sentence, then those most like these, until nothing changes."""
    slugs = list(file.categories)
    centres = place_texts([f"{title_of(slug)}. {file.categories[slug]}" for slug in slugs], encode)
    return {pair.id: slugs[label] for pair, label in zip(pairs, settle(points, centres), strict=True)}


def _nearest_known(
    pairs: Sequence[Pair], points: Points, file: CategoriesFile, before: Mapping[str, Assignment]
) -> tuple[dict[str, str], dict[str, str]]:
    """Old pairs stay, new ones join the nearest group: (categories, found clusters)."""
    firsts = {slug: id_ for id_, slug in reversed(file.found.items())}
    groups: list[tuple[str, str | None] | None] = []
    for pair in pairs:
        slug = category_of(pair.id, file, before)
        # A moved pair stands for where it is now; of the clusters of a merged category it joins the first.
        cluster = firsts.get(slug or "") if pair.id in file.moved or pair.id not in before else before[pair.id].found
        groups.append(None if slug is None else (slug, cluster))
    held = sorted({group for group in groups if group is not None}, key=str)
    numbers = np.array([-1 if group is None else held.index(group) for group in groups])
    centres = centres_of(points[numbers >= 0], numbers[numbers >= 0])
    nearest = (points @ centres.T).argmax(axis=1)
    homes: dict[str, str] = {}
    found: dict[str, str] = {}
    for pair, group, near in zip(pairs, groups, nearest, strict=True):
        homes[pair.id], id_ = group or held[near]
        if pair.id in file.moved and pair.id in before:
            id_ = before[pair.id].found
        if id_ is not None:
            found[pair.id] = id_
    return homes, found


def _result(
    pairs: Sequence[Pair],
    file: CategoriesFile,
    homes: Mapping[str, str],
    found: Mapping[str, str],
    placed: tuple[Sequence[Pair], Points],
) -> Result:
    """Margins of the pairs, from the centres of their categories."""
    ordered, points = placed
    held = sorted(set(homes.values()))
    own = np.array([held.index(homes[pair.id]) for pair in ordered])
    likeness = points @ centres_of(points, own).T
    rows = np.arange(len(ordered))
    inside = likeness[rows, own].copy()
    likeness[rows, own] = -np.inf
    second = likeness.argmax(axis=1)
    margins = dict(zip((pair.id for pair in ordered), inside - likeness[rows, second], strict=True))
    others = {pair.id: held[place] for pair, place in zip(ordered, second, strict=True)} if len(held) > 1 else {}
    assignments = tuple(
        Assignment(
            pair.id,
            homes[pair.id],
            round(float(margins[pair.id]), 4) if others else None,
            "person" if pair.id in file.moved else "cluster",
            found.get(pair.id),
        )
        for pair in pairs
    )
    return Result(file, assignments, others)
