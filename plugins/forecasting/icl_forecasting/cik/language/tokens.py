"""Text to tokens: words, numbers, dates in digits, and signs, each with its characters."""

from __future__ import annotations

import re
from functools import lru_cache

from icl_forecasting.cik.language.model import Token

_ZONE = r"(?:\s?(?:Z|UTC|GMT)\b)?"
_OFFSET = r"(?:[+-]\d{2}:?\d{2}\b)?"
_TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
_STAMP = (
    rf"\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}(?:T{_TIME}{_ZONE}{_OFFSET}|(?:\s{{1,2}}|,\s?){_TIME}{_ZONE})?(?!\d|:\d)"
    r"|\d{4}[-/](?:0[1-9]|1[0-2])(?![-/.:\d]\d|\d)"
    rf"|\d{{1,2}}(?P<sep>[-/.])\d{{1,2}}(?P=sep)(?:\d{{4}}|\d{{2}})"
    rf"(?:(?:T|\s{{1,2}}|,\s?)(?:{_TIME}|(?:[01]\d|2[0-4])\.[0-5]\d\b))?(?![\d:.]\d)"
    rf"|\d{{1,2}}-[A-Z][a-z]{{2,8}}-(?:\d{{4}}|\d{{2}})(?:[T ]{_TIME})?\b"
    r"|(?:0[1-9]|1[0-2])/(?:19|20)\d\d\b"
    r"|(?:[01]?\d|2[0-4])[.:][0-5]\dh\b"
    rf"|{_TIME}(?:\s?[aApP]\.?[mM]\b\.?)?{_ZONE}(?!\d|:\d)"
    r"|\d{1,2}(?:\.[0-5]\d)?\s?[aApP]\.?[mM]\b(?:\.(?=\s[a-z(]|,|;))?"
    r"|(?:[01]?\d|2[0-4])h[0-5]\d\b"
)
_NUMBER = (
    r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,]*\d)"
    r"|\d{1,3}(?:[\u00a0\u2009\u202f]\d{3})+(?:[.,]\d+)?(?!\d)"
    r"|(?:\d+\.\d+|\.\d+|\d+,\d+(?!,?\d|\.\d)|\d+)(?:[eE][+-]?\d+)?(?:\s?[x×]\s?10\^?\{?[+-]?\d+\}?)?"
)
_LEXER = re.compile(
    r"(?P<word>[^\W\d_](?:\w|['’](?=[^\W\d_]))*)"
    rf"|(?P<stamp>(?=\d)(?<![\w:])(?<!\d\.)(?:{_STAMP}))"
    rf"|(?P<number>(?=[-+−.\d])(?:(?<![\w.)])[-+−](?=\.?\d)(?:{_NUMBER})|(?:{_NUMBER})))"
    r"|(?P<symbol><=|>=|==|->|=>|\.\.+|--+|\S)"
)
_TEN_POWER = re.compile(r"\s?[x×]\s?10\^?\{?([+-]?\d+)\}?")

FRACTION_SIGNS = {"½": 0.5, "¼": 0.25, "¾": 0.75, "⅓": 1 / 3, "⅔": 2 / 3}
_IRREGULAR: dict[str, str] = {
    form: base
    for base, forms in {
        "be": "is are was were been being am 's 're",
        "have": "has had having",
        "do": "does did done doing",
        "go": "goes went gone going",
        "begin": "began begun beginning begins",
        "become": "became becoming becomes",
        "rise": "rose risen rising rises",
        "fall": "fell fallen falling falls",
        "grow": "grew grown",
        "see": "saw seen",
        "take": "took taken taking",
        "keep": "kept",
        "hold": "held",
        "stand": "stood",
        "lie": "lay lain lying",
        "run": "ran running",
        "come": "came coming",
        "give": "gave given giving",
        "get": "got gotten getting",
        "make": "made making",
        "say": "said",
        "think": "thought",
        "mean": "meant",
        "lead": "led",
        "leave": "left leaving",
        "lose": "lost losing",
        "shut": "shutting",
        "cut": "cutting",
        "set": "setting",
        "put": "putting",
        "hit": "hitting",
        "drop": "dropped dropping",
        "stop": "stopped stopping",
        "plan": "planned planning",
        "strike": "struck stricken striking",
        "break": "broke broken breaking",
        "bring": "brought",
        "know": "knew known",
        "find": "found",
        "show": "shown",
        "draw": "drew drawn",
        "drive": "drove driven driving",
        "swell": "swollen",
        "shrink": "shrank shrunk",
        "sink": "sank sunk",
        "spring": "sprang sprung",
        "speak": "spoke spoken",
        "sell": "sold",
        "spend": "spent",
        "send": "sent",
        "meet": "met",
        "feel": "felt",
        "tell": "told",
        "build": "built",
        "wear": "wore worn",
        "freeze": "froze frozen freezing",
        "double": "doubled doubling",
        "triple": "tripled tripling",
        "quadruple": "quadrupled quadrupling",
        "halve": "halved halving",
        "close": "closed closing",
        "reopen": "reopened",
        "child": "children",
        "person": "people persons",
        "man": "men",
        "woman": "women",
        "foot": "feet",
        "good": "better best",
        "bad": "worse worst",
        "many": "",
        "not": "n't",
        "use": "used using uses",
        "increase": "increased increasing",
        "decrease": "decreased decreasing",
        "reduce": "reduced reducing",
        "cause": "caused causing",
        "rescue": "rescued rescuing",
        "restore": "restored restoring",
        "ignore": "ignored ignoring",
        "store": "stored storing",
        "leaf": "leaves",
        "series": "series",
        "gas": "gas gases",
        "bus": "bus buses",
        "news": "news",
        "basis": "bases",
        "this": "",
        "his": "",
        "its": "",
        "always": "",
        "during": "",
    }.items()
    for form in [*forms.split(), base]
}
_KEPT_S = ("ss", "us", "is", "as", "os")
_SILENT_E = re.compile(
    r"(?:[aeiouy][bcdgklmnprstvz]|[^aeiou]l|[rn][cgsv]|[lr]v|u|[ei]v|yp|ang|enc|anc)$"
)
_DOUBLED = re.compile(r"([bdgmnprt])\1$")
_ALWAYS_E = re.compile(r"(?:[aeiou]s|[^aeo]ir)$")
_NO_E = re.compile(
    r"(?:[aeiou]{2}[bcdgklmnprst]|(?:er|en|on|or|it|et|op|ow|ew|ar|al|el|ain|in)|[^aeiou]w)$"
)


@lru_cache(maxsize=8192)
def lemma(word: str) -> str:
    """Return the base form of a word in lower case, by a table and rules for endings.

    It is meant to bring the forms of one word together ("lasts", "lasted", "lasting"), not to be
    a dictionary: rare words may lose or gain a final "e".
    """
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for ending in ("'s", "’s"):
        if word.endswith(ending):
            word = word[: -len(ending)]
    if len(word) <= 3:
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(_KEPT_S):
        return word[:-1]
    if word.endswith("ied") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("ed") and len(word) > 4 and not word.endswith("eed"):
        return _stem(word[:-2])
    if word.endswith("ing") and len(word) > 5:
        return _stem(word[:-3])
    return word


def _stem(stem: str) -> str:
    if not any(letter in "aeiouy" for letter in stem):
        return stem + "ed" if len(stem) < 3 else stem
    if _DOUBLED.search(stem) and len(stem) > 3:
        return stem[:-1]
    if _ALWAYS_E.search(stem):
        return stem + "e"
    if _NO_E.search(stem):
        # Short stems such as "us" and "not" take an e ("use", "note"), longer ones seldom do.
        return stem if len(stem) > 3 or stem[-1] in "wl" else stem + "e"
    return stem + "e" if _SILENT_E.search(stem) else stem


def number(text: str) -> float:
    """Return the value of digits with thousands separators, a decimal comma or a power of ten."""
    text = text.replace("−", "-").lstrip("+")
    power = _TEN_POWER.search(text)
    scale = 1.0
    if power:
        scale = 10.0 ** max(-300, min(300, int(power.group(1)))) if power.group(1) else 1.0
        text = text[: power.start()]
    for space in "\u00a0\u2009\u202f":
        text = text.replace(space, "")
    body = text.lstrip("-")
    if "," in body:
        whole, _, rest = body.partition(",")
        grouped = len(rest.split(".")[0].split(",")[0]) == 3 and whole != "0"
        text = text.replace(",", "" if grouped else ".")
    try:
        return float(text) * scale
    except ValueError:
        return float("nan")


def tokens(text: str) -> list[Token]:
    """Split a text into tokens. Every character that is no space is in exactly one."""
    found: list[Token] = []
    for match in _LEXER.finditer(text):
        kind = str(match.lastgroup)
        words = match.group()
        start, end = match.span()
        lower = words.lower()
        if words in FRACTION_SIGNS:
            found.append(Token(words, lower, lower, start, end, "number", FRACTION_SIGNS[words]))
        elif kind == "word":
            found.append(Token(words, lower, lemma(lower), start, end, kind))
        elif kind == "number":
            found.append(Token(words, lower, lower, start, end, kind, number(words)))
        else:
            found.append(Token(words, lower, lower, start, end, kind))
    return found
