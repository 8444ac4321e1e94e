"""Names of variables in a text about a system of equations, and which one is to be forecast."""

from __future__ import annotations

import re

IDENTIFIER = r"[A-Za-z]+_\{?\d+\}?|[A-Za-z]{1,3}\d+"
_CAPITAL = r"\b[B-HJ-Z]\b(?![-'’.]\w)|\bA\b(?=\s+(?:and|at|has|is|was|with)\b|\s?[,_\[(:.])"
_ROLES = (
    "driver|response|input|output|target|covariate|regressor|predictor|outcome|cause|effect|"
    "exogenous variable|endogenous variable"
)
_ALIAS = re.compile(
    rf"\b({_ROLES})(?:\s+(?:variable|series))?\s+\(?({IDENTIFIER}|\b[b-df-hj-rt-zB-HJ-Z]\b)\)?"
)
_LETTER = re.compile(
    r"\b(?:variables?|series|of|and|by|on|in|that|will|which)\s+([b-df-hj-rt-z])\b(?=\s|[,.;:\[(])"
    r"|\b([b-df-hj-rt-z])(?=\s?[\[(]\s?t\b|_\{?t\b|\^\{?t\b|\s+(?:depends|is|at|follows)\b)"
)
_SINGLE = r"|\b[b-df-hj-rt-z]\b(?![-'’]\w)"
"""Small letters, in texts that use some as names. There are two patterns, each compiled once."""
_WANTED = (
    r"(?:to\s+(?:be\s+)?(?:forecast|predict(?:ed)?|model(?:led)?)|forecast|predict(?:ed)?|wanted|"
    r"asked\s+for|of\s+interest|the\s+target|the\s+child|the\s+response|go\s+on)"
)


class Names:
    """The variables that a text speaks of.

    Args:
        text: the text.
    """

    def __init__(self, text: str) -> None:
        self.aliases = {match[1].lower(): plain(match[2]) for match in _ALIAS.finditer(text)}
        letters = {group for match in _LETTER.finditer(text) for group in match.groups() if group}
        lagged = re.search(r"\blags?\b|t\s*[-−–]\s*\d|autoregress|\bVAR\b", text)
        letters = letters if lagged else set()
        single = _SINGLE if letters else ""
        self.pattern = rf"(?:{IDENTIFIER}|{_CAPITAL}|\b(?:{_ROLES})\b{single})"
        self.all: list[str] = []
        for match in re.finditer(self.pattern, text):
            name = self.of(match.group())
            if len(name) == 1 and name.islower() and name not in letters:
                continue
            if name not in self.all:
                self.all.append(name)
        self.target = self._target(text)

    def of(self, words: str) -> str:
        """Return the name that words stand for."""
        return self.aliases.get(words.lower(), plain(words))

    def _target(self, text: str) -> str | None:
        """Find the variable that is to be forecast."""
        after = re.search(
            rf"(?P<name>{self.pattern})[^.;\n]{{0,45}}?\b(?:is|as|which|that|will|\()[^.;\n]{{0,30}}?\b{_WANTED}\b",
            text,
        )
        before = re.search(
            r"\b(?:[Ff]orecast|[Pp]redict)(?:ing)?\s+(?:the\s+)?(?:(?:future\s+)?values?\s+of\s+)?(?:the\s+)?"
            rf"(?:variable\s+|series\s+)?(?P<name>{self.pattern})",
            text,
        )
        stated = re.search(
            rf"\b[Tt]arget(?:\s+(?:variable|series))?\s*(?:is|:|=)\s*(?P<name>{self.pattern})", text
        )
        for match in (stated, before, after):
            if match:
                return self.of(match["name"])
        return self.aliases.get("target") or self.aliases.get("response")


def plain(name: str) -> str:
    """Return a name without the braces and backslashes of LaTeX."""
    return name.replace("{", "").replace("}", "").replace("\\", "")
