"""Units of measurement, and what they tell about a quantity."""

from __future__ import annotations

import re
from collections.abc import Sequence

from icl_forecasting.cik.reading.remarks import Remark

_UNITS: dict[str, str] = {
    "%": "percentage",
    "percent": "percentage",
    "percentage": "percentage",
    "kw": "power",
    "kilowatt": "power",
    "mw": "power",
    "megawatt": "power",
    "kwh": "energy",
    "mwh": "energy",
    "rpm": "speed",
    "pa": "pressure",
    "pascal": "pressure",
    "hpa": "pressure",
    "kpa": "pressure",
    "bar": "pressure",
    "w/m2": "irradiance",
    "watt": "power",
    "°c": "temperature",
    "celsius": "temperature",
}
_UNIT = re.compile(
    r"\(\s*(?:in\s+)?(?P<inner>%|[^()]{1,40}?)\s*\)"
    r"|\b(?:measured|expressed|given|recorded|reported|captured|logged)\s+in\s+"
    r"(?P<outer>(?:an?\s+)?[\w°/%²³]+(?:\s+(?:per|an?)\s+(?:squared?\s+|cubic\s+)?\w+)?)"
    r"|\bin\s+(?P<known>kW|MW|kWh|MWh|GWh|kilowatts?|megawatts?|watts?|percent|rpm|pascals?|Pa|kPa|hPa|bar"
    r"|degrees(?:\s+\w+)?|litres|liters|euros|dollars|pounds)\b",
    re.IGNORECASE,
)
_AREA = re.compile(r"w(?:atts?)?\s*(?:/|per)\s*(?:squared?\s+)?m(?:et(?:er|re)s?)?", re.IGNORECASE)


def unit_of(remarks: Sequence[Remark], text: str) -> tuple[str | None, frozenset[str]]:
    """Find a unit that is known, anywhere in the text outside of times and lists."""
    for remark in remarks:
        unit, concepts = unit_in(remark.text)
        if concepts:
            return unit, concepts
    bare = re.search(r"\b(?:kW|MW|rpm|kWh|W/m2|W/m²)\b", text[:4000])
    if bare:
        return bare[0], frozenset({_UNITS.get(bare[0].lower(), "irradiance")})
    return None, frozenset()


def unit_in(text: str) -> tuple[str | None, frozenset[str]]:
    """Find a unit in some words, and the concepts that it stands for."""
    for match in _UNIT.finditer(text):
        unit = (match["inner"] or match["outer"] or match["known"]).strip()
        if _AREA.search(unit):
            return unit, frozenset({"irradiance"})
        words = unit.lower().split()
        known = [_UNITS[w.rstrip("s")] for w in words if w.rstrip("s") in _UNITS]
        if known:
            return unit, frozenset(known[:1])
        if match["inner"] is None and words[0] not in ("the", "this", "order", "total"):
            return unit, frozenset()
    return None, frozenset()


def area_unit(text: str) -> tuple[frozenset[str], tuple[int, int] | None]:
    """Find watts per square metre, which only radiation is measured in, and where it stands."""
    found = _AREA.search(text)
    return (frozenset(), None) if found is None else (frozenset({"irradiance"}), found.span())


def is_unit_like(name: str) -> bool:
    """Tell whether a capitalised word is a unit or an abbreviation and no place."""
    return name.isupper() or name.lower().rstrip("s") in _UNITS or len(name) < 3


def same_unit(one: str | None, other: str | None) -> bool:
    """Tell whether two spellings can be the same unit: "kW" and "Kilowatt"."""
    first, second = _unit(one), _unit(other)
    return bool(first) and first == second


_SPELLINGS = {
    "kilowatt": "kw",
    "megawatt": "mw",
    "watt": "w",
    "pascal": "pa",
    "percent": "%",
    "celsius": "c",
    "revolution per minute": "rpm",
    "euro": "€",
    "dollar": "$",
    "litre": "l",
    "liter": "l",
}


def _unit(unit: str | None) -> str:
    plain = (unit or "").lower().strip().rstrip("s")
    return _SPELLINGS.get(plain, plain)
