"""Splits a sentence into clauses, with their links, negation and mood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from icl_forecasting.cik.language.model import Clause, Quantity, TimePhrase, Token
from icl_forecasting.cik.language.verbs import AUXILIARIES, is_finite, is_past_form, mood, reports
from icl_forecasting.cik.statements import Span

_SUBORDINATORS = frozenset(
    "because although though whereas while if unless whenever when wherever provided so which who "
    "whose whom where lest except thus hence therefore however nevertheless otherwise".split()
)
_PAIRS = {
    ("rather", "than"): "rather than",
    ("instead", "of"): "instead of",
    ("apart", "from"): "except",
    ("other", "than"): "except",
    ("aside", "from"): "except",
    ("as", "if"): "as if",
    ("even", "if"): "if",
    ("even", "though"): "although",
    ("only", "if"): "if",
    ("as", "though"): "as if",
    ("in", "case"): "if",
    ("so", "that"): "so",
    ("such", "that"): "so",
    ("due", "to"): "because",
    ("owing", "to"): "because",
    ("because", "of"): "because",
    ("in", "contrast"): "but",
    ("provided", "that"): "if",
    ("despite", "the"): "although",
}
_COORDINATORS = frozenset({"and", "but", "or", "nor", "yet", "then"})
_DENYING_LINKS = frozenset({"rather than", "instead of", "without"})
_UNREAL_LINKS = frozenset({"if", "unless", "as if", "lest", "otherwise"})
_SUBJECTS = frozenset(
    "it they we you he she there this these those that i the a an its their such all no each every "
    "both most some our".split()
)
_PRESENT = frozenset(
    "be have do go rise fall grow drop increase decrease remain stay become begin start "
    "stop end last "
    "double triple quadruple halve run take reach return resume continue close open shut "
    "keep cause "
    "lead result mean make reduce raise lower cut affect depend follow show hold turn come "
    "happen occur "
    "cease climb decline surge jump shrink spike plunge swell tend expect scale vary behave apply "
    "disappear vanish recover repeat operate work break need require see experience record report "
    "account hit peak equal exceed".split()
)


@dataclass(frozen=True)
class _Cut:
    at: int
    link: str | None


def clauses(
    tokens: Sequence[Token],
    text: str,
    quantities: Sequence[Quantity],
    times: Sequence[TimePhrase],
    quoted: bool,
    inside: Sequence[bool],
) -> tuple[Clause, ...]:
    """Split the tokens of one sentence into clauses.

    Args:
        tokens: of the sentence.
        text: the whole text.
        quantities: of the sentence.
        times: of the sentence.
        quoted: the sentence is a quotation.
        inside: for each token, whether it belongs to a phrase of time or a quantity, so that no
            clause may begin there.
    """
    if not tokens:
        return ()
    cuts = _cuts(tokens, inside)
    bounds = [*cuts, _Cut(len(tokens), None)]
    found: list[Clause] = []
    supposed = reported = False
    sentence_reports = False
    for cut, following in pairwise(bounds):
        part = tokens[cut.at : following.at]
        link = cut.link
        state = mood(part)
        start, end = part[0].start, part[-1].end
        new_supposed = state.supposed or (supposed and link not in ("but",))
        conditional = link in _UNREAL_LINKS or (
            bool(found) and found[-1].conditional and link in (None, ",", "then", "and", "or")
        )
        hypothetical = (conditional or state.unreal) and not new_supposed
        told = sentence_reports or state.reporting
        would = any(t.lower == "would" for t in part)
        if would and told and not conditional:
            hypothetical = False  # "said it would close" is a future seen from the past
        denied = state.negation is not None or link in _DENYING_LINKS
        negation = None
        if state.negation is not None:
            word = part[state.negation]
            negation = Span(word.start, word.end, word.text)
        elif link in _DENYING_LINKS:
            negation = Span(part[0].start, part[0].end, part[0].text)
        elif link == "that" and found and _denies_content(found[-1]):
            denied, negation = True, found[-1].negation
        found.append(
            Clause(
                span=Span(start, end, text[start:end]),
                tokens=tuple(part),
                quantities=tuple(q for q in quantities if start <= q.span.start < end),
                times=tuple(t for t in times if start <= t.span.start < end),
                negated=denied,
                hypothetical=hypothetical,
                past=state.past and not (would and told),
                future=state.future or (would and told and not conditional),
                reported=quoted or state.reporting or reported,
                link=link,
                supposed=new_supposed,
                exception=link == "except",
                conditional=conditional,
                usual=state.usual,
                negation=negation,
            )
        )
        supposed = new_supposed
        sentence_reports = sentence_reports or state.reporting
        reported = reported or state.reporting
    return tuple(found)


def _denies_content(clause: Clause) -> bool:
    """Tell whether a denial is meant for what follows: "it is unlikely that"."""
    if clause.negation is None:
        return False
    if clause.negation.text.lower() in ("unlikely", "improbable"):
        return True
    lemmas = {token.lemma for token in clause.tokens}
    if clause.negation.text.lower() == "no" and lemmas & {
        "sign",
        "evidence",
        "indication",
        "reason",
    }:
        return True
    return bool(lemmas & {"expect", "think", "believe", "anticipate", "foresee", "likely", "true"})


def _cuts(tokens: Sequence[Token], inside: Sequence[bool]) -> list[_Cut]:
    """Find where clauses begin, and by which word they are linked."""
    words = [token.lower for token in tokens]
    n = len(words)
    finite = [is_finite(tokens, i) or _present_verb(tokens, i) for i in range(n)]
    first_link: str | None = None
    if words[0] in _SUBORDINATORS or words[0] in _COORDINATORS or words[0] == "without":
        first_link = words[0]
    elif n > 1 and (words[0], words[1]) in _PAIRS:
        first_link = _PAIRS[words[0], words[1]]
    cuts = [_Cut(0, first_link)]
    if first_link in ("when", "whenever"):
        cuts = [_Cut(0, "when")]
    has_verb = False
    i = 1
    while i < n:
        word = words[i]
        if finite[i - 1]:
            has_verb = True
        if inside[i]:
            i += 1
            continue
        link = _link_at(tokens, words, finite, inside, i, cuts[-1], has_verb)
        if link is not None and i > cuts[-1].at:
            at, name = link
            if at < n and at > cuts[-1].at:
                cuts.append(_Cut(at, name))
                has_verb = False
                i = max(at + 1, i + 1)
                continue
        i += 1
        del word
    return cuts


def _present_verb(tokens: Sequence[Token], i: int) -> bool:
    token = tokens[i]
    if token.kind != "word" or token.lemma not in _PRESENT or token.lower.endswith("ing"):
        return False
    before = tokens[i - 1].lower if i else ""
    if before in (
        "the",
        "a",
        "an",
        "of",
        "in",
        "by",
        "this",
        "to",
        "no",
        "sharp",
        "with",
        "for",
        "%",
    ):
        return False
    return token.lower != token.lemma or before in (
        "they",
        "we",
        "you",
        "it",
        "which",
        "who",
        "also",
    )


def _verb_ahead(words: Sequence[str], finite: Sequence[bool], i: int, limit: int = 14) -> bool:
    """Tell whether a finite verb comes before the next punctuation."""
    for k in range(i, min(len(words), i + limit)):
        if finite[k]:
            return True
        if words[k] in (",", ";", ".", ":"):
            return False
    return False


def _link_at(
    tokens: Sequence[Token],
    words: Sequence[str],
    finite: Sequence[bool],
    inside: Sequence[bool],
    i: int,
    current: _Cut,
    has_verb: bool,
) -> tuple[int, str] | None:
    """Return where a new clause begins at or after token `i` and its link, None where none does."""
    word = words[i]
    following = words[i + 1] if i + 1 < len(words) else ""
    before = words[i - 1]
    if word in (";", "—", "--", ":"):
        if word == ":" and i < 2:
            return None
        after = following if following in _COORDINATORS | _SUBORDINATORS else word
        return i + 1, after
    pair = _PAIRS.get((word, following))
    if pair and not any(inside[i : i + 2]):
        planned = (word, following) == ("due", "to") and before in AUXILIARIES
        return None if planned else (i, pair)
    if word == "without" or word == "except":
        return i, word
    if word in ("with", "as") and before == ",":
        return i, word
    if word in _SUBORDINATORS:
        if word in (
            "so",
            "where",
            "thus",
            "hence",
            "therefore",
            "however",
            "otherwise",
        ) and before not in (
            ",",
            ";",
            "and",
            "—",
        ):
            return None
        if word in ("which", "whom", "who", "whose") and before in (
            "in",
            "of",
            "during",
            "for",
            "to",
            "at",
            "on",
            "after",
        ):
            return i, word
        return i, word
    if word in ("since", "as") and before == "," and _verb_ahead(words, finite, i + 1):
        return i, "because"
    if reports(tokens, i - 1) and _verb_ahead(words, finite, i + 1):
        if word == "that" or (word in _SUBJECTS and word not in ("a", "an")):
            return i, "that"
    if (
        word == "that"
        and has_verb
        and _takes_that(tokens, i - 1)
        and _verb_ahead(words, finite, i + 1)
    ):
        return i, "that"
    if word in _COORDINATORS:
        if _verb_ahead(words, finite, i + 1, 12) or following in AUXILIARIES:
            return (i, word) if has_verb or before == "," else None
        return None
    if before == "," and word.endswith("ing") and len(word) > 4 and tokens[i].kind == "word":
        return i, word
    if (
        before != ","
        and word in ("leading", "resulting", "causing", "meaning", "making")
        and has_verb
    ):
        return i, word
    if before == "," and _new_subject(tokens, words, finite, i, current, has_verb):
        return i, ","
    return None


def _takes_that(tokens: Sequence[Token], i: int) -> bool:
    return tokens[i].kind == "word" and tokens[i].lower not in (
        "the",
        "a",
        "of",
        "in",
        "on",
        "at",
        "to",
    )


def _new_subject(
    tokens: Sequence[Token],
    words: Sequence[str],
    finite: Sequence[bool],
    i: int,
    current: _Cut,
    has_verb: bool,
) -> bool:
    """Tell whether a comma ends one clause and token `i` begins the next."""
    if not has_verb and current.link is None:
        return False
    if tokens[i].kind != "word":
        return current.link in _UNREAL_LINKS | {"when", "because", "although"} and _verb_ahead(
            words, finite, i
        )
    if words[i] in AUXILIARIES or is_past_form(tokens, i):
        return has_verb
    opens = current.link in _UNREAL_LINKS or current.link in (
        "when",
        "because",
        "although",
        "though",
        "while",
        "whereas",
        "whenever",
    )
    if opens:
        return _verb_ahead(words, finite, i) or True
    return words[i] in _SUBJECTS and _verb_ahead(words, finite, i)
