"""Names of places in a text, and whether two of them can be the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_NAME = (
    r"(?:St\.\s)?[A-ZÀ-ÞŒ][\w’']*(?:-[\w’']+)*"
    r"(?:[ -](?:(?:de|la|du|des|le|les|of|upon|on|sur|the|y|del|und|am)[ -]){0,2}"
    r"[A-ZÀ-ÞŒ][\w’']*(?:-[\w’']+)*)*"
)
_KIND = (
    "city|town|county|borough|district|state|province|region|village|port|municipality|"
    "neighbourhood|neighborhood|parish|island|arrondissement|department|area|suburb|store|shop|"
    "branch|site|plant|hospital|station|factory|building|road|highway|river|line|zone|ward|"
    "location|place|house|office|school|park|mall|airport|campus|terminal|warehouse|unit|clinic"
)
_AFTER = re.compile(
    rf"\b(?:[Ii]n|[Aa]t|[Oo]f|[Ff]or|[Nn]ear|[Ff]rom|[Ww]ithin|[Aa]round|[Aa]cross|[Oo]utside|[Tt]o)\s+"
    rf"(?:the\s+)?(?:(?P<kind>{_KIND})s?\s+(?:of\s+)?)?(?P<name>{_NAME})"
    rf"(?P<more>(?:,\s+(?:and\s+)?{_NAME})*)"
)
_LABEL = r"(?:[A-Z]|\d{1,3}|[A-Z]\d{1,2})\b"
_LABELLED = re.compile(
    rf"\b(?P<kind>{_KIND}|cities|counties|factories)s?\s+(?P<label>{_LABEL})"
    rf"(?P<more>(?:(?:,|\s+and|\s+or|,\s+and)\s+{_LABEL})*)"
)
_NAMED_KIND = re.compile(
    rf"\b(?P<name>{_NAME})\s+(?P<kind>{_KIND}|County|City|Borough|District|Province|Valley|Bay|"
    r"Street|Avenue|Bridge|Hospital|Station|Airport)\b"
)
_NOT_PLACES = re.compile(
    r"^(?:January|February|March|April|May|June|July|August|September|October|November|December|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|"
    r"Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|Mon|Tue|Wed|Thu|Fri|Sat|Sun|"
    r"Christmas|Easter|Thanksgiving|Independence|Labou?r|Memorial|New Year|"
    r"Watts?|Kilowatts?|Pa|MWh?|City|"
    r"Celsius|Fahrenheit|Pascals?|The|This|These|It|In|On|At|For|During|From|Our|We|Suppose|"
    r"Direct|Diffuse|Global)\b"
)
_ACRONYM = re.compile(r"^(?!US\b|UK\b|USA\b|UAE\b|NYC\b|EU\b|DC\b)[A-Z]{2,5}s?$")
_BROAD = frozenset(
    """usa us uk england scotland wales ireland britain france germany spain italy canada mexico
    australia japan china india brazil europe asia africa america portugal netherlands belgium
    switzerland austria sweden norway denmark finland poland greece turkey russia egypt argentina
    chile peru colombia alabama alaska arizona arkansas california colorado connecticut delaware
    florida georgia hawaii idaho illinois indiana iowa kansas kentucky louisiana maine maryland
    massachusetts michigan minnesota mississippi missouri montana nebraska nevada ohio oklahoma
    oregon pennsylvania tennessee texas utah vermont virginia washington wisconsin wyoming ontario
    quebec""".split()
) | {
    "united states",
    "united kingdom",
    "new zealand",
    "south africa",
    "new york",
    "new jersey",
    "new mexico",
    "new hampshire",
    "north carolina",
    "south carolina",
    "north dakota",
    "south dakota",
    "west virginia",
    "rhode island",
    "british columbia",
    "great britain",
}
"""Countries and states: a smaller place named elsewhere may lie in them."""

_KINDS = re.compile(rf"\b(?:the|of|{_KIND}|bay)s?\b", re.IGNORECASE)


class Place(NamedTuple):
    """A named place.

    Args:
        name: as written, with its kind where a letter or number is the name ("city A").
        start: first character in the text.
        end: one past the last.
        kind: "city", "county", ...; "" = not said.
    """

    name: str
    start: int
    end: int
    kind: str = ""


@lru_cache(maxsize=1024)
def places_in(text: str) -> tuple[Place, ...]:
    """Find the names of places in a text, in order.

    A name counts where a preposition or a kind of place stands beside it: "in Leeds", "the borough
    of Camden", "Finney County", "city B".
    """
    found: dict[int, Place] = {}
    for match in _LABELLED.finditer(text):
        kind = match["kind"].removesuffix("ies") + "y" * match["kind"].endswith("ies")
        for label in re.finditer(_LABEL, match["label"] + match["more"]):
            at = match.start("label") + label.start()
            found[at] = Place(f"{kind} {label[0]}", match.start(), match.end(), kind)
    for match in _AFTER.finditer(text):
        kind = match["kind"] or ""
        at = match.start("name")
        if any(one.start <= at < one.end for one in found.values()):
            continue
        _add(found, match["name"], at, kind)
        offset = match.start("more")
        for more in re.finditer(_NAME, match["more"]):
            _add(found, more[0], offset + more.start(), "")
    for match in _NAMED_KIND.finditer(text):
        at = match.start("name")
        if not any(one.start <= at < one.end for one in found.values()):
            _add(found, match["name"], at, match["kind"].lower())
    _bracketed(text, found)
    return tuple(found[at] for at in sorted(found))


def _bracketed(text: str, found: dict[int, Place]) -> None:
    """Add a name in brackets after a place: "Itasca County (Minnesota)"."""
    for match in re.finditer(rf"\((?:in )?(?P<name>{_NAME})\)", text):
        if any(one.end <= match.start() <= one.end + 12 for one in list(found.values())):
            _add(found, match["name"], match.start("name"), "")


def _add(found: dict[int, Place], name: str, at: int, kind: str) -> None:
    name = name.rstrip(".'’")
    if len(name) > 1 and not _NOT_PLACES.match(name) and not _ACRONYM.match(name):
        found[at] = Place(name, at, at + len(name), kind)


def plain(name: str) -> str:
    """Bring spellings of one place together: lower case, no kind, no article."""
    lowered = name.lower().replace("-", " ")
    shorter = " ".join(_KINDS.sub(" ", lowered).split())
    return lowered.strip() if len(shorter) < 2 else shorter


def same_place(one: str, other: str) -> bool:
    """Tell whether two names can mean the same place: one is part of the other."""
    first, second = plain(one), plain(other)
    if first == second:
        return True
    if min(len(first), len(second)) < 3:
        return False
    return f" {first} " in f" {second} " or f" {second} " in f" {first} "


def is_broad(name: str) -> bool:
    """Tell whether it is a country or a state, in which other places can lie."""
    return plain(name) in _BROAD or name.lower() in _BROAD


def elsewhere(mentioned: Sequence[Place], home: tuple[str, ...]) -> Place | None:
    """Return the place that is not one of the series' own; None where there is none.

    A country or state never excludes a smaller place, and places of different kinds (a city, a
    store) may hold each other, so only comparable ones count.
    """
    if not home or not mentioned:
        return None
    if any(same_place(one.name, own) for one in mentioned for own in home):
        return None
    narrow = [own for own in home if not is_broad(own)]
    for one in mentioned:
        if is_broad(one.name) != (not narrow):
            continue
        return one
    return None
