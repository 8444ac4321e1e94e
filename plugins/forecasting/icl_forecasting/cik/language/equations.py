"""Lagged linear equations, in LaTeX, plain signs or words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from icl_forecasting.cik.language.model import Equation, EquationSystem, Sentence
from icl_forecasting.cik.language.parents import parents_in_words
from icl_forecasting.cik.language.variables import Names, plain
from icl_forecasting.cik.statements import Span, Term

_LAG = r"t\s*(?:[-−–]\s*(\d{1,3}))?"
_FRONT = r"([A-Za-z]+(?:_?\{?\d+\}?)?(?:_[A-Za-z0-9]+)*?)"
_VARIABLE = re.compile(
    rf"([A-Za-z]+)_\{{(\d+)\s*,\s*{_LAG}\}}"  # X_{1,t-1}
    rf"|\\?{_FRONT}\s?(?:[_^]?\s?[\[({{]\s*\(?{_LAG}\)?\s*[\])}}]|\^{_LAG}|_\{{?{_LAG}\}}?(?![A-Za-z0-9]))"
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+")
_NOISE_NAME = re.compile(
    r"^(?:e|eps|epsilon|varepsilon|eta|noise|error|err|nu|xi|omega)(?:_?\d+)?$", re.I
)
_NOISE_LETTER = re.compile(r"^[uwvz](?:_?\d+)?$")
_PROSE = re.compile(r"[A-Za-z]{4,}|[,;:]|\b(?:and|for|are|is)\b")
_TAIL = re.compile(
    r"(?:\s*[+-]\s*(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\s*\*?\s*[A-Za-z\\])|\\?[a-z]+))*"
)
_ABOUT = re.compile(
    r"\b(?:lags?|lagged|parents?|autoregressi\w+|S?VAR|steps?\s+(?:before|earlier|ago|back)|coefficients?)\b"
    r"|t\s*[-−–]\s*\d|\blinear\w*\s+(?:function|combination|process|model|in)\b|\bsum\s+of\b"
    r"|\bdelay|\bdepends?\s+(?:\w+ly\s+)?on\b",
    re.IGNORECASE,
)
"""Words without which a text holds no equations."""
_GREEK = str.maketrans(
    {"ε": "epsilon", "ϵ": "epsilon", "η": "eta", "ξ": "xi", "ω": "omega", "σ": "sigma"}
)
_LATEX = (
    (re.compile(r"\\(?:cdot|times|ast)\b|[·×⋅∗]"), "*"),
    (re.compile(r"\\(?:left|right|,|;|!|quad|mathrm|mathbf|text)\b|\$|\\,|&"), " "),
    (re.compile(r"[−–](?=\s*[\d.A-Za-z\\])"), "-"),
)
_SCALE = re.compile(
    r"(?:noise|error|innovation|disturbance|shock|residual)s?\b[^.;\n]{0,80}?"
    r"\b(scale|standard deviation|std(?:\.| dev)?|sigma|deviation|sd|variance|amplitude|"
    r"magnitude)\b"
    r"\s*(?:\([^)]{0,30}\)\s*)?(?:of|is|=|:|equal to|equals|being|at)*\s*(?:about |around )?"
    r"(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)",
    re.I,
)
_SCALE_FIRST = re.compile(
    r"\b(scale|standard deviation|std|sigma|variance)\b\s*(?:of|for)\s+(?:the\s+|each\s+)?"
    r"(?:\w+\s+){0,2}(?:noise|error|innovation|shock)s?(?:\s+terms?)?\s*(?:is|=|:|equals|of)\s*"
    r"(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)",
    re.I,
)
_BARE = re.compile(r"\bnoise\s*\(\s*(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*\)")
_SIZE = re.compile(
    r"\b(?:[Gg]aussian|normal|[Nn]oise|[Ee]rrors?)\b[^.;\n]{0,50}?\b(?:scale|size|sd|spread|deviation)\b\s*"
    r"(?:of|is|=|:)?\s*(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
)
_NORMAL = re.compile(
    r"(?:\\mathcal\{N\}|\bN)\s?\(\s*0(?:\.0)?\s*,\s*(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(\^\s?\{?2\}?|²)?\s*\)"
)
_SIGMA = re.compile(
    r"(?:\\?\bsigma|σ)\s*(\^\s?\{?2\}?|²)?\s*(?:=|is)\s*(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
)
_LAGS = re.compile(
    r"\b(?:max(?:imum|imal)?\s+)?lags?(?:\s+order)?\s*(?:=|:|of|is|up to|order of)\s*"
    r"(?:at most\s+|up to\s+)?(\d{1,3})\b"
    r"|\b(?:S?VAR|AR)\s?\((\d{1,3})\)"
    r"|\border\s+(\d{1,3})\b",
    re.I,
)


def equation_systems(text: str, found: Sequence[Sentence]) -> tuple[EquationSystem, ...]:
    """Find the lagged equations of a text, as one system.

    Args:
        text: the text.
        found: its sentences.

    Returns:
        One system, or none. Equations in signs win over parents in words for the same variable.
    """
    signs = _in_signs(text) if "=" in text or "~" in text or "←" in text else []
    children = {one.child for one in signs}
    if not signs and not _ABOUT.search(text):
        return ()
    names = Names(text)
    words = parents_in_words(found, names)
    equations = signs + [one for one in words if one.child not in children]
    if not any(one.terms for one in equations):
        return ()
    start = min(one.span.start for one in equations)
    end = max(one.span.end for one in equations)
    lags = _LAGS.search(text)
    given = [term.coefficient is not None for one in equations for term in one.terms]
    return (
        EquationSystem(
            equations=tuple(equations),
            noise=noise_scale(text),
            lags=int(next(g for g in lags.groups() if g)) if lags else None,
            known=all(given),
            target=names.target,
            span=Span(start, end, text[start:end]),
        ),
    )


def noise_scale(text: str) -> float | None:
    """Read the standard deviation of the noise."""
    for pattern in (_SCALE, _SCALE_FIRST):
        match = pattern.search(text)
        if match:
            value = float(match[2])
            return value**0.5 if match[1].lower() == "variance" else value
    match = _NORMAL.search(text)
    if match:
        value = float(match[1])
        return value if match[2] else value**0.5
    match = _SIGMA.search(text)
    if match:
        value = float(match[2])
        return value**0.5 if match[1] else value
    for pattern in (_BARE, _SIZE):
        match = pattern.search(text)
        if match:
            return float(match[1])
    return None


def _in_signs(text: str) -> list[Equation]:
    """Read lines such as "X_1^{t} = 0.5 * X_0^{t-1} - 0.3 X_1^{t-2} + e"."""
    found: list[Equation] = []
    offset = 0
    for line in re.split(r"(\n|;\s)", text):
        if "=" in line or "~" in line or "←" in line:
            found += _line(line, offset)
        offset += len(line)
    return found


def _line(line: str, offset: int) -> list[Equation]:
    found: list[Equation] = []
    clean = line.translate(_GREEK)
    for pattern, sign in _LATEX:
        # the length is kept, so that characters stay where they are in the text
        clean = pattern.sub(lambda m, sign=sign: sign.ljust(len(m.group())), clean)  # type: ignore[misc]
    heads = []
    for match in _VARIABLE.finditer(clean):
        after = re.match(r"\s*(?::?=|~|←)\s*", clean[match.end() :])
        if after:
            heads.append((match, match.end() + after.end()))
    for k, (head, begin) in enumerate(heads):
        stop = heads[k + 1][0].start() if k + 1 < len(heads) else len(clean)
        sentence = re.search(r"\.(?:\s|$)(?!\d)", clean[begin:stop])
        stop = begin + sentence.start() if sentence else stop
        child, lag = _name(head)
        if lag or _NOISE_NAME.match(child):
            continue
        terms, intercept = _right(clean[begin:stop])
        span_end = begin + len(clean[begin:stop].rstrip(" ,;"))
        span = Span(offset + head.start(), offset + span_end, line[head.start() : span_end])
        found.append(Equation(child, tuple(terms), intercept, span))
    return found


def _name(match: re.Match[str]) -> tuple[str, int]:
    """Return the name and lag of a variable."""
    if match[1]:
        return f"{match[1]}_{match[2]}", int(match[3] or 0)
    lag = match[5] or match[6] or match[7] or 0
    return plain(match[4]), int(lag)


def _right(side: str) -> tuple[list[Term], float]:
    """Read the terms of a right side and its constant."""
    terms: list[Term] = []
    intercept = 0.0
    position = 0
    for match in _VARIABLE.finditer(side):
        before = side[position : match.start()]
        if position and _PROSE.search(before):
            break
        position = match.end()
        name, lag = _name(match)
        pieces = _split(before)
        for piece in pieces[:-1]:
            intercept += piece[0] if piece[0] is not None else 0.0
        factor, negative = pieces[-1] if pieces else (None, False)
        if not lag and (_NOISE_NAME.match(name) or (factor is None and _NOISE_LETTER.match(name))):
            continue
        after = re.match(r"\s*\*\s*(\(?-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\)?)", side[position:])
        if factor is None and after:
            factor = float(after[1].strip("()"))
            factor = -factor if negative else factor
            position += after.end()
        elif factor is None:
            factor = -1.0 if negative else 1.0
        symbol = re.search(r"(?:\\?[a-z]+_?\{?\w*\}?|[a-z])\s*\*?\s*$", before)
        known: float | None = factor
        if symbol and not re.search(r"\d\s*\*?\s*$", before) and re.search(r"[a-zA-Z]", before):
            known = None  # "a * X[t-1]": a coefficient that is only named
        terms.append(Term(name, lag, known))
    tail = _TAIL.match(side[position:])
    for value, _ in _split(tail.group()) if tail else ():
        intercept += value or 0.0
    return terms, intercept


def _split(words: str) -> list[tuple[float | None, bool]]:
    """Split "+ 0.3 - 0.5 *" into signed numbers; the last one may lack its number."""
    found: list[tuple[float | None, bool]] = []
    negative = False
    open_sign = False
    for match in re.finditer(rf"[+-]|{_NUMBER.pattern}", words):
        sign = match.group()
        if sign in "+-":
            if open_sign is False:
                negative = False
            negative = negative != (sign == "-")
            open_sign = True
        else:
            value = float(sign)
            found.append((-value if negative else value, negative))
            negative, open_sign = False, False
    if open_sign or not found:
        found.append((None, negative))
    return found
