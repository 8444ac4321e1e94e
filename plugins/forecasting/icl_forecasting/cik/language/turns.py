"""Two states that take turns, whatever the words for them are.

"The valve was opened at 9. It was shut at 11. It was opened at 14." The parts of such a list say
one thing at every first time and another at every second time; that is enough to know the states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from icl_forecasting.cik.language.almanac import stamp
from icl_forecasting.cik.language.items import Item, placed
from icl_forecasting.cik.language.model import Listing
from icl_forecasting.cik.language.moments import Scene
from icl_forecasting.cik.language.verbs import AUXILIARIES
from icl_forecasting.cik.statements import Span

_FEWEST = 4
"""Changes of state."""
_FEWEST_SPELLS = 3
"""Intervals of one state, told without the other one."""
_MOST = 80
"""Changes that are looked at, since every part of a chain is tried."""
_BETWEEN = 2
"""Parts without a time between two changes."""
_STOPS = AUXILIARIES | frozenset(
    "the a an it its this that be become turn get go come will would shall should may might have "
    "then again and but at on in from as of by to for since until with when first later expect "
    "expected predict forecast report note announce likely they he she we is was s ll".split()
)
_OTHERWISE = frozenset("other otherwise rest remaining else outside remainder".split())


@dataclass(frozen=True)
class _Part:
    """A part of the text with one moment, and the words that say what happens then."""

    item: int
    first: int
    last: int
    words: frozenset[str]


def turns(scene: Scene, text: str, items: Sequence[Item], line: Sequence[int]) -> list[Listing]:
    """Find a list of changes between two states.

    Args:
        scene: the tokens and the clock.
        text: the text.
        items: numbers, moments and lengths in order.
        line: number of the line of each token.

    Returns:
        One listing of states, or none.
    """
    moments = [k for k, one in enumerate(items) if one.kind == "T"]
    if len(moments) < _FEWEST:
        return []
    best: list[_Part] = []
    for chain in _chains(scene, items, line):
        for low in range(len(chain)):
            high = len(chain)
            while high - low > max(len(best), _FEWEST - 1) and _states(chain[low:high]) is None:
                high -= 1
            if high - low > len(best) and high - low >= _FEWEST:
                best = chain[low:high]
    return _listing(scene, text, items, best) if best else _spells(scene, text, items, line)


def _cuts(scene: Scene, items: Sequence[Item], line: Sequence[int]) -> list[tuple[int, int]]:
    """Cut the text at points, semicolons and lines, and at commas where there are several times."""
    inside = {i for one in items for i in range(one.first, one.last)}
    times = {one.first for one in items if one.kind == "T"}

    def split(first: int, last: int, signs: frozenset[str]) -> list[tuple[int, int]]:
        parts, begin = [], first
        for i in range(first, last):
            cut = scene.word(i) in signs and i not in inside
            if cut or (i > begin and line[i] != line[i - 1]):
                parts.append((begin, i))
                begin = i + 1 if cut else i
        return [one for one in [*parts, (begin, last)] if one[0] < one[1]]

    found: list[tuple[int, int]] = []
    for part in split(0, len(scene.tokens), frozenset({".", ";", "!", "?"})):
        if sum(1 for i in range(*part) if i in times) > 1:
            found += split(*part, frozenset({",", "and", "then"}))
        else:
            found.append(part)
    return found


def _chains(scene: Scene, items: Sequence[Item], line: Sequence[int]) -> list[list[_Part]]:
    """Return the parts with one moment each that follow each other."""
    chains: list[list[_Part]] = [[]]
    empty = 0
    for first, last in _cuts(scene, items, line):
        inside = [k for k, one in enumerate(items) if first <= one.first < last]
        moments = [k for k in inside if items[k].kind == "T"]
        if not moments:
            empty += 1
            if empty > _BETWEEN and chains[-1]:
                chains.append([])
            continue
        part = _part(scene, items, first, last, inside) if len(moments) == 1 else None
        if part is None:
            chains.append([])
            continue
        empty = 0
        chains[-1].append(part)
    return [one[:_MOST] for one in chains if len(one) >= _FEWEST]


def _part(
    scene: Scene, items: Sequence[Item], first: int, last: int, inside: Sequence[int]
) -> _Part | None:
    moment = next(k for k in inside if items[k].kind == "T")
    told = items[moment].moment
    if told is None or told.precision not in ("second", "minute", "hour"):
        return None
    dated = set(range(items[moment].first, items[moment].last))
    words = frozenset(
        token.lower if token.kind == "number" else token.lemma
        for i in range(first, last)
        if i not in dated and (token := scene.tokens[i]).kind != "symbol"
        if token.lemma not in _STOPS and token.lower not in _STOPS
    )
    return _Part(moment, first, last, words) if words else None


def _states(parts: Sequence[_Part]) -> tuple[frozenset[str], frozenset[str]] | None:
    """Return the words that only the first, third, ... parts have, and those of the others."""
    even = [one.words for one in parts[::2]]
    odd = [one.words for one in parts[1::2]]
    first = frozenset.intersection(*even) - frozenset.union(*odd)
    second = frozenset.intersection(*odd) - frozenset.union(*even)
    return (first, second) if first and second else None


def _told(scene: Scene, part: _Part, words: frozenset[str]) -> str:
    """Return the words of a state as they stand in a part."""
    return " ".join(
        one.lower
        for one in scene.tokens[part.first : part.last]
        if one.lemma in words or one.lower in words
    )


def _listing(
    scene: Scene, text: str, items: Sequence[Item], parts: Sequence[_Part]
) -> list[Listing]:
    words = _states(parts)
    if words is None:
        return []
    names = [_told(scene, parts[k], words[k]) for k in (0, 1)]
    when = [lo for lo, _ in placed(scene, [items[one.item] for one in parts])]
    values = [names[k % 2] for k in range(len(parts))]
    return _made(scene, text, when, values, names[1], parts[0].first, parts[-1].last)


def _made(
    scene: Scene,
    text: str,
    when: Sequence[datetime],
    values: Sequence[str],
    before: str,
    first: int,
    last: int,
) -> list[Listing]:
    """Make the listing; the state before the first change is the other one."""
    anchor = scene.anchor
    inside = sum(1 for one in when if anchor.first <= one < anchor.end)
    if any(a >= b for a, b in pairwise(when)) or 2 * inside <= len(when):
        return []
    stamps, states = list(when), list(values)
    if stamps[0] > anchor.first:
        stamps, states = [anchor.first, *stamps], [before, *states]
    low, high = scene.tokens[first].start, scene.tokens[last - 1].end
    return [
        Listing(
            name="",
            stamps=tuple(stamp(one) for one in stamps),
            values=tuple(states),
            steps=True,
            span=Span(low, high, text[low:high]),
        )
    ]


def _spells(scene: Scene, text: str, items: Sequence[Item], line: Sequence[int]) -> list[Listing]:
    """Read "open: A to B; C to D; E to F. At all other times it is shut."."""
    pairs: list[tuple[int, int]] = []
    k = 0
    while k + 1 < len(items):
        a, b = items[k], items[k + 1]
        joined = (
            a.kind == b.kind == "T" and 0 < b.first - a.last <= 2 and line[a.first] == line[b.first]
        )
        if joined and all(
            one.moment is not None and one.moment.precision in ("second", "minute", "hour")
            for one in (a, b)
        ):
            if pairs and a.first - items[pairs[-1][1]].last > 3:
                break
            pairs.append((k, k + 1))
            k += 2
            continue
        if pairs:
            break
        k += 1
    if len(pairs) < _FEWEST_SPELLS:
        return []
    first, last = items[pairs[0][0]].first, items[pairs[-1][1]].last
    after = [scene.word(i) for i in range(last, min(last + 25, len(scene.tokens)))]
    if _OTHERWISE.isdisjoint(after):
        return []
    when = [lo for lo, _ in placed(scene, [items[i] for pair in pairs for i in pair])]
    anchor = scene.anchor
    if not when[0] < anchor.now < when[-1]:
        return []  # windows of the future alone are events, and no course of states
    begin = first
    while begin > 0 and first - begin < 14 and scene.word(begin - 1) not in (".", "!"):
        begin -= 1
    lead = [one for one in scene.tokens[begin:first] if one.kind == "word"]
    name = " ".join(one.lower for one in lead if one.lower not in _STOPS)
    values = [name or "so", "otherwise"] * len(pairs)
    return _made(scene, text, when, values, "otherwise", first, last)
