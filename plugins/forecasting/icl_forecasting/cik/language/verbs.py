"""Tense, negation, mood and report of a stretch of words, by closed classes of English."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from icl_forecasting.cik.language.model import Token
from icl_forecasting.cik.language.vocabulary import WEEKDAYS

BE = frozenset(
    "is are was were be been being am isn't aren't wasn't weren't it's that's there's".split()
)
AUXILIARIES = BE | frozenset(
    "will would shall should can could may might must has have had do does did won't wouldn't "
    "shouldn't can't cannot couldn't mightn't mustn't hasn't haven't hadn't don't doesn't didn't "
    "we'll it'll they'll there'll ought".split()
)
_PAST_WORDS = frozenset(
    "was were had did became began went came fell rose grew took saw hit led left lost shut struck "
    "broke brought drove shrank sank kept held stood ran gave got made said thought felt met "
    "wasn't weren't hadn't didn't happened occurred".split()
)
_FUTURE_WORDS = frozenset("will shall won't we'll it'll they'll there'll gonna".split())
_PLANNED = frozenset(
    "expect expected plan planned schedule scheduled due set likely forecast project projected "
    "predict predicted anticipate anticipated going about bound slated intend intended "
    "poised".split()
)
_SUPPOSING = frozenset(
    "suppose supposing assume assuming imagine imagining consider considering envisage presume say "
    "pretend picture".split()
)
_REPORTING = frozenset(
    "say claim believe think argue announce report suggest insist predict warn allege note state "
    "declare assert tell promise hope fear speculate expect estimate conclude guess reckon mention "
    "add explain feel".split()
)
_WEAK = frozenset(
    "report state note suggest add explain mention estimate expect predict feel hope fear".split()
)
_CONTENT = frozenset(
    "that the a an it this these there they we he she his her its our their all no "
    ', " . : ”'.split()
)
_CERTAIN = frozenset("certain convinced confident sure opinion".split())
_FORESEEING = frozenset("expect predict estimate hope forecast".split())
_REPORT_WORDS = frozenset(
    "reportedly allegedly supposedly apparently rumour rumor rumoured rumored".split()
)
_UNREAL = frozenset(
    "would could might may perhaps possibly maybe couldn't wouldn't mightn't".split()
)
USUAL = frozenset(
    "usually typically normally generally often always commonly regularly ordinarily customarily "
    "routinely mostly habitually frequently traditionally".split()
)
_NEGATIONS = frozenset(
    "not never cannot neither nor nobody nothing none nowhere hardly scarcely without "
    "unlikely improbable".split()
)
_NOT_DENIED = frozenset(
    "only necessarily least less more later fewer doubt matter just higher lower greater".split()
)
_DETERMINERS = frozenset(
    "the a an this that these those its their his her our my your some any no each every".split()
)
_STATIVE = frozenset("need used united indeed speed seed feed breed fixed limited detailed".split())


@dataclass(frozen=True)
class Mood:
    """What the verbs of a clause tell.

    Args:
        negation: index of the word that denies, relative to the tokens; None = none.
        past: its finite verb is in a past tense.
        future: it looks ahead.
        unreal: a modal of possibility.
        supposed: a verb of supposing stands first.
        reporting: a verb of saying or believing.
        usual: a word of habit.
        finite: it has a verb that can make a clause.
    """

    negation: int | None
    past: bool
    future: bool
    unreal: bool
    supposed: bool
    reporting: bool
    usual: bool
    finite: bool


def is_past_form(tokens: Sequence[Token], i: int) -> bool:
    """Tell whether a word is a verb in the past tense and not a participle or adjective."""
    token = tokens[i]
    word = token.lower
    if word in _PAST_WORDS:
        earlier = tokens[i - 1].lower if i else ""
        return word in ("was", "were", "had", "did") or not (
            earlier in BE
            or earlier in _DETERMINERS
            or earlier in ("to", "will", "have", "has", "of")
        )
    if not word.endswith("ed") or len(word) < 4 or word in _STATIVE or token.kind != "word":
        return False
    before = tokens[i - 1] if i else None
    if before is not None and before.lower in WEEKDAYS:
        return False  # "Saturday closed"
    if before is None or before.kind != "word":
        return before is None or before.text in (",", '"', ")")
    if before.lower in BE or before.lower in _DETERMINERS:
        return False
    if before.lower in (
        "not",
        "never",
        "also",
        "being",
        "be",
        "been",
        "by",
        "of",
        "in",
        "to",
        "for",
        "as",
    ):
        return before.lower in ("never", "also")
    return before.lower not in ("has", "have", "having", "will", "get", "gets")


def is_finite(tokens: Sequence[Token], i: int) -> bool:
    """Tell whether a word can be the finite verb of a clause."""
    return tokens[i].lower in AUXILIARIES or is_past_form(tokens, i)


def reports(tokens: Sequence[Token], i: int) -> bool:
    """Tell whether a word is a verb that a statement of somebody can follow."""
    before = tokens[i - 1].lower if i else ""
    return (
        tokens[i].kind == "word"
        and tokens[i].lemma in _REPORTING
        and before not in _DETERMINERS
        and tokens[i].lower != "states"
    )


def _base_verb(tokens: Sequence[Token], i: int) -> bool:
    """Tell whether a word after "to" can be an infinitive and not the end of a noun phrase."""
    if i >= len(tokens) or tokens[i].kind != "word":
        return False
    word = tokens[i].lower
    return word not in _DETERMINERS and word == tokens[i].lemma and not word.endswith("tion")


_PASSIVE_ADVERBS = frozenset({"not", "also", "widely"})
_MARKED = (
    AUXILIARIES
    | _PAST_WORDS
    | _FUTURE_WORDS
    | _SUPPOSING
    | _REPORT_WORDS
    | _UNREAL
    | USUAL
    | _NEGATIONS
    | _CERTAIN
    | frozenset("no 's tomorrow upcoming future tend tends average general".split())
)
"""Words that say something about the mood; all others but past forms are passed over."""


def mood(tokens: Sequence[Token]) -> Mood:
    """Read tense, negation and mood of a clause."""
    negation: int | None = None
    past = future = unreal = supposed = reporting = usual = finite = False
    present = perfect = participle = False
    n = len(tokens)
    for i, token in enumerate(tokens):
        word = token.lower
        if word not in _MARKED:
            if token.kind != "word":
                continue
            if token.lemma in _REPORTING and _reports_here(tokens, i):
                reporting = True
            if word.endswith("ed"):
                participle = True
                if is_past_form(tokens, i):
                    past = finite = True
            elif word.endswith(("n't", "n’t")) and negation is None:
                negation = i
            continue
        following = tokens[i + 1].lower if i + 1 < n else ""
        before = tokens[i - 1].lower if i else ""
        if negation is None and (
            word in _NEGATIONS or word == "no" or word.endswith(("n't", "n’t"))
        ):
            if following not in _NOT_DENIED or (word == "no" and following == "longer"):
                negation = i
        if word in AUXILIARIES:
            finite = True
            perfect = perfect or word in ("has", "have")
            participle = participle or word == "been"
        if word in _FUTURE_WORDS:
            future = True
        elif word in ("is", "are", "be", "'s"):
            future = future or _planned(tokens, i)
            present = True
        elif word in ("tomorrow", "upcoming") or (word == "future" and before == "the"):
            future = True
        elif word in _UNREAL:
            denied = word in ("could", "couldn't") and (following == "not" or word != "could")
            unreal = unreal or (not denied and (word != "may" or token.text.islower()))
        elif word in USUAL or (word in ("tend", "tends") and following == "to"):
            usual = True
        elif (word, before) in (("average", "on"), ("general", "in")):
            usual = True
        elif word in _SUPPOSING and not supposed and i <= 3:
            asserts = word not in ("say", "considering") or following in (
                "that",
                "there",
                "the",
                "a",
            )
            supposed = asserts and not any(t.lower in AUXILIARIES for t in tokens[:i])
        if word in _REPORT_WORDS or (token.lemma in _REPORTING and _reports_here(tokens, i)):
            reporting = True
        elif word in _CERTAIN and word != "opinion" and following in _CONTENT and before in BE:
            reporting = True
        if is_past_form(tokens, i):
            past = finite = True
    if n > 2:
        first = tokens[0].lower
        if first == "according" and tokens[1].lower == "to":
            reporting = True
        unreal = unreal or first in ("had", "should", "were")
    past = past or (perfect and participle and not future)
    past = past and not future and not (present and not past)
    return Mood(negation, past, future, unreal, supposed, reporting, usual, finite)


def _planned(tokens: Sequence[Token], i: int) -> bool:
    """Tell whether a form of "be" looks ahead: "is to close", "is expected to", "are due to"."""
    ahead = [token.lower for token in tokens[i + 1 : i + 4]]
    if ahead[:1] == ["to"]:
        return True
    planned = next((k for k, word in enumerate(ahead) if word in _PLANNED), None)
    if planned is None:
        return False
    if ahead[planned] not in ("set", "due", "going", "about", "bound"):
        return True
    # "is due to close", but not "is set to 0.5" or "is due to rain"
    k = i + 2 + planned
    return k < len(tokens) and tokens[k].lower == "to" and _base_verb(tokens, k + 1)


def _reports_here(tokens: Sequence[Token], i: int) -> bool:
    """Tell whether a verb of saying reports something and is not a noun or a plan."""
    token = tokens[i]
    after = tokens[i + 1].lower if i + 1 < len(tokens) else ""
    if token.lemma in _WEAK and after and after not in _CONTENT:
        return False  # "the sensor reports zeros"
    if (token.lemma == "note" and i == 0) or token.lower == "states":
        return False  # "note that" asserts
    before = tokens[i - 1].lower if i else ""
    if before in _DETERMINERS:
        return False
    passive = before in BE or (before in _PASSIVE_ADVERBS and i > 1 and tokens[i - 2].lower in BE)
    return not (passive and token.lemma in _FORESEEING)
