"""Taking one commit's changes to an article back, where later commits may have touched the article too.

It is a three-way merge at the level of claims: what nobody touched since goes back, what was added since stays, and a
claim that was changed again since is a conflict, which a person decides.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from reer.claim_diff import Located, locate
from reer.manual import Article, Claim, Source
from workbench.errors import DataError

_FIELDS = ("title", "description", "status", "stale_after", "verified", "accepted", "remarks", "extra")


def undo_article(before: Article | None, after: Article | None, now: Article | None) -> Article | None:
    """An article as it would be without a commit; None when nothing of it is left.

    Args:
        before: the article before the commit; None when the commit made it.
        after: the article as the commit left it; None when the commit removed it.
        now: the article as it is.

    Raises:
        DataError: something that the commit changed was changed again since; names the claim.
    """
    if after is None or now is None:
        if now in (after, before):
            return before
        named = before or after
        assert named is not None
        raise DataError(
            f"article {named.category!r} was {'made anew' if after is None else 'removed'} since; edit it by hand"
        )
    slug = now.category
    older, newer = locate({slug: before} if before else {}), locate({slug: after})
    claims, sources = list(now.claims), list(now.sources)
    for key in [*newer, *(key for key in older if key not in newer)]:  # by id alone: a guess has no place in a merge
        if older.get(key) != newer.get(key):
            _undo_claim(older.get(key), newer.get(key), claims, sources, before)
    if before is None and not claims:
        return None
    undone = _undo_settings(before, after, now) if before else now
    cited = {id_ for claim in claims for id_ in claim.sources}
    made = {source.id for source in after.sources} - {source.id for source in (before.sources if before else ())}
    kept = tuple(source for source in sources if source.id in cited or source.id not in made)
    made = (before or now).claims_made
    return keep_ids(dataclasses.replace(undone, claims=tuple(claims), sources=kept, claims_made=made), now)


def keep_ids(article: Article, now: Article) -> Article:
    """An article that gives no id out again which one that it replaces has given."""
    highest = now.highest_claim
    return article if article.highest_claim >= highest else dataclasses.replace(article, claims_made=highest)


def _undo_claim(
    before: Located | None, after: Located | None, claims: list[Claim], sources: list[Source], article: Article | None
) -> None:
    """Take what became of one claim back in a list of claims."""
    located = after or before
    assert located is not None
    old = _with_sources(before.claim, before.sources, sources) if before else None
    place = next((place for place, claim in enumerate(claims) if claim.id == located.claim.id), None)
    found = None if place is None else claims[place]
    if found == old:
        return
    if found != (after.claim if after else None):
        said = "it is gone" if found is None else f"it says {found.text!r}"
        raise DataError(f"claim {located.name} was changed again since ({said}); edit it by hand")
    if old is None and place is not None:
        del claims[place]
    elif old is not None and place is not None:
        claims[place] = old
    elif old is not None:
        claims.insert(_place(old, claims, article), old)


def _place(claim: Claim, claims: Sequence[Claim], before: Article | None) -> int:
    """Where a claim goes back to: behind the nearest of those that stood before it."""
    ids = [each.id for each in before.claims] if before else []
    earlier = set(ids[: ids.index(claim.id)])
    return max((place + 1 for place, each in enumerate(claims) if each.id in earlier), default=0)


def _with_sources(claim: Claim, cited: Sequence[Source], sources: list[Source]) -> Claim:
    """A claim whose sources are among these; one that is missing is added, under a new id where its own is taken."""
    ids: list[str] = []
    for source in cited:
        known = {each.id: each for each in sources}
        if known.get(source.id) != source:
            alike = [each.id for each in sources if dataclasses.replace(each, id=source.id) == source]
            id_ = alike[0] if alike else source.id
            if not alike and source.id in known:
                id_ = next(f"s{n}" for n in range(1, len(known) + 2) if f"s{n}" not in known)
            if not alike:
                sources.append(dataclasses.replace(source, id=id_))
            ids.append(id_)
        else:
            ids.append(source.id)
    return dataclasses.replace(claim, sources=tuple(ids))


def _undo_settings(before: Article, after: Article, now: Article) -> Article:
    """The article's own facts, each by itself; who generated it last is kept where that changed since."""
    undone = {}
    for name in _FIELDS:
        was, made, is_ = getattr(before, name), getattr(after, name), getattr(now, name)
        if was == made or is_ == was:
            continue
        if is_ != made:
            raise DataError(f"{name} of article {now.category!r} was changed again since; edit it by hand")
        undone[name] = was
    made_by = (after.generated_by, after.generated_at)
    if (now.generated_by, now.generated_at) == made_by:
        undone |= {"generated_by": before.generated_by, "generated_at": before.generated_at}
    return dataclasses.replace(now, **undone)
