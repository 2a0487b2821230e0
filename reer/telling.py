"""What a group of calls is about: the terms that tell it from the others, a name and a sentence made of them.

Terms are counted once a call, so that no single customer names a category, and ranked by their log-odds against the
other groups over the error of it, with the whole corpus as the prior (Monroe, Colaresi and Quinn 2008).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from reer.categories import is_slug
from reer.pairs import Pair

TERMS = 6
"""Terms of a sentence."""
NAME_TERMS = 2
"""Terms of a name."""
LONGEST = 24
"""Letters of a term; longer ones are no words."""
PRIOR = 0.5
"""Weight of the corpus beside a group's own counts."""

_ABOUT = "Calls about"
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]+|[^\W\d_{_CJK}]{{3,{LONGEST}}}(?![^\W{_CJK}])")


def terms_of(text: str) -> set[str]:
    """Words of at least three letters, and pairs of neighbouring Chinese, Japanese or Korean characters."""
    terms: set[str] = set()
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        if re.match(rf"[{_CJK}]", word):
            terms.update(word[place : place + 2] for place in range(max(1, len(word) - 1)))
        else:
            terms.add(word)
    return terms


def find_terms(groups: Mapping[str, Sequence[Pair]]) -> dict[str, list[str]]:
    """The most telling terms of each group, best first; at most `TERMS`, none of them another's beginning."""
    counts = {name: _count(pairs) for name, pairs in groups.items()}
    corpus = sum(counts.values(), Counter())
    return {name: _pick(_rank(count, corpus, _calls(groups[name]))) for name, count in counts.items()}


def name_groups(terms: Mapping[str, Sequence[str]], taken: Collection[str]) -> dict[str, str]:
    """A slug for each group by its first terms, none twice and none that is taken."""
    used = set(taken)
    slugs: dict[str, str] = {}
    for number, (group, found) in enumerate(terms.items(), start=1):
        words = [word for word in map(_ascii, found) if word]
        tries = ["-".join(words[:length]) for length in range(NAME_TERMS, len(words) + 1)] or ["-".join(words)]
        slugs[group] = next(slug for slug in _numbered(tries, number) if is_slug(slug) and slug not in used)
        used.add(slugs[group])
    return slugs


def describe(terms: Sequence[str]) -> str:
    """A sentence of the terms."""
    if not terms:
        return f"{_ABOUT} nothing that sets them apart."
    *first, last = terms
    return f"{_ABOUT} {', '.join(first)} and {last}." if first else f"{_ABOUT} {last}."


def is_described(sentence: str) -> bool:
    """Whether a sentence is one of `describe`, and no person's."""
    return sentence.startswith(_ABOUT)


def _calls(pairs: Iterable[Pair]) -> int:
    return len({pair.conversation for pair in pairs})


def _count(pairs: Iterable[Pair]) -> Counter[str]:
    """In how many calls each term is said."""
    calls: dict[str, set[str]] = {}
    for pair in pairs:
        calls.setdefault(pair.conversation, set()).update(terms_of(f"{pair.question}\n{pair.y}"))
    return Counter(term for terms in calls.values() for term in terms)


def _rank(count: Counter[str], corpus: Counter[str], calls: int) -> list[str]:
    """Terms that are commoner here than elsewhere, most telling first; said in two calls where there are two."""
    inside, everywhere = count.total(), corpus.total()
    scored = []
    for term, here in count.items():
        prior = PRIOR * corpus[term]
        there = corpus[term] - here
        odds_here = (here + prior) / (inside + PRIOR * everywhere - here - prior + 1)
        odds_there = (there + prior) / (everywhere - inside + PRIOR * everywhere - there - prior + 1)
        gain = math.log(odds_here) - math.log(odds_there)
        score = gain / math.sqrt(1 / (here + prior) + 1 / (there + prior))
        if gain > 0 and here >= min(2, calls):
            scored.append((-score, term))
    return [term for _, term in sorted(scored)]


def _pick(ranked: Sequence[str]) -> list[str]:
    picked: list[str] = []
    for term in ranked:
        if not any(term.startswith(other) or other.startswith(term) for other in picked):
            picked.append(term)
        if len(picked) == TERMS:
            break
    return picked


def _ascii(term: str) -> str:
    """The term in plain letters; empty where it has others."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", term) if not unicodedata.combining(sign))
    return plain if plain.isascii() else ""


def _numbered(tries: Sequence[str], number: int) -> Iterable[str]:
    """The names to try, then numbered ones without end."""
    yield from tries
    base = tries[0] or "category"
    for more in range(number, 10**9):
        yield f"{base}-{more}"
