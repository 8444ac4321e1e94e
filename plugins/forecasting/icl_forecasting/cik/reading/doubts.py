"""Why a claim has no effect: it is not asserted, or it is about something else."""

from __future__ import annotations

import re
from collections.abc import Sequence

from icl_forecasting.cik.reading.claims import Claim, pronoun
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.topic import Topic
from icl_forecasting.cik.statements import Change


def doubt(claim: Claim, remarks: Sequence[Remark], topic: Topic, association: bool) -> str:
    """Return the reason why a claim has no effect, "" where it has one.

    Args:
        claim: what is said.
        remarks: all clauses.
        topic: what the series is about.
        association: the text says that variables go together, without saying that one causes the
            other.
    """
    remark = claim.remark
    clause = remark.clause
    sentence = [one for one in remarks if one.order == remark.order]
    before = [one for one in sentence if one.index <= remark.index]
    if claim.against:
        return "another place" if topic.away(remark, everywhere=True) else ""
    if (remark.hypothetical or clause.conditional) and not _supposed(claim, remarks):
        return "hypothetical"
    if claim.strength == 2 and clause.link in ("when", "whenever"):
        if not any(one.times for one in sentence) and not any(one.numbers for one in sentence):
            return "no claim about the forecast"
    if claim.strength == 1 and _in_general(claim):
        return "no claim about the forecast"
    if any(one.clause.conditional for one in before) and not _supposed(claim, remarks):
        return "hypothetical"
    away = topic.away(remark, everywhere=True) and not _goes_away(claim)
    if away or _theirs(remark, before):
        return "another place"
    if _no_concern(claim, remarks):
        return "no effect, as the text says"
    if claim.about == "other":
        return "another variable"
    if _of_former_years(claim):
        return "before the forecast"
    if any(_intends(one, remark) for one in before) and not remark.times:
        return "an intention, not a fact"
    if _aim(claim) or (association and claim.value == 0 and _wished(sentence)):
        return "an intention, not a fact"
    if _rejected(claim, sentence):
        return "denied"
    if remark.has("eradicate") and claim.strength == 1:
        before_it = remark.tokens[claim.at - 1].lower if claim.at else ""
        if association or before_it == "to" or not (remark.times and clause.future):
            return "an intention, not a fact"
    if _only_claimed(claim, sentence, remarks, association):
        return "claimed, not a fact"
    if any(one.has("advice") for one in before) and not remark.times:
        return "general advice"
    if remark.has("association") and claim.strength == 1:
        return "an association, not a cause"
    if _tends_together(remark):
        return "an association, not a cause"
    if association and any(one.has("plan") for one in sentence) and claim.strength < 3:
        return "an intervention on another variable"
    if clause.negated and not _zero_by_denial(claim) and not _beside(claim):
        return "denied"
    if remark.has("cancel") and not clause.negated and not _prevented(claim):
        return "cancelled"
    first = remark.tokens[0].lower
    if remark.has("former") or (clause.past and first in ("earlier", "previously", "initially")):
        return "superseded"
    if any(one.has("former") and one.index < remark.index for one in sentence):
        if clause.link in ("that", None, ","):
            return "superseded"
    if claim.about is None and claim.strength == 2 and not pronoun(remark):
        return "no claim about this series"
    return ""


def _supposed(claim: Claim, remarks: Sequence[Remark]) -> bool:
    """Tell whether "would" belongs to what the text asks to suppose, or to what is usual."""
    remark = claim.remark
    words = [t.lower for t in remark.tokens]
    if "if" in words or "unless" in words or remark.clause.conditional:
        return False
    nothing = claim.value == 0 and claim.strength == 3 and remark.clause.negated
    if nothing and "could" in words:
        return True
    if remark.clause.supposed or any(
        one.clause.supposed and 0 <= remark.order - one.order <= 3 for one in remarks
    ):
        return not any(word in words for word in ("might", "may", "could"))
    if "would" in words and claim.strength == 3:
        return words.index("would") > claim.at
    return False


def _intends(one: Remark, remark: Remark) -> bool:
    """Tell whether a clause governs another by a wish: "wants to double", "hopes that"."""
    if not one.has("intend") or remark.index - one.index > 1:
        return False
    last = one.tokens[-1]
    if one is not remark and last.text == ":" and len(one.tokens) <= 4:
        return False  # "Wanted: ..." is a heading
    return one is remark or not one.says("so", "such", "many")


def _no_concern(claim: Claim, remarks: Sequence[Remark]) -> bool:
    """Tell whether the text adds that it does not matter here: "which does not concern us"."""
    remark = claim.remark
    for one in remarks:
        after = (one.order, one.index) > (remark.order, remark.index)
        if not after or one.order - remark.order > 1:
            continue
        spared = one.says("untouched", "unaffected", "undisturbed", "unscathed", "unimpaired")
        if spared and not one.times and not one.says("other", "else", "rest", "otherwise"):
            return True
        denied = one.clause.negated and one.has("affect") and not one.times
        denied = denied and not one.says("before", "after", "else", "other", "otherwise", "nothing")
        if one.says("here") and _no_trace(one):
            return True
        goes_on = one.order == remark.order or one.says("this", "it", "that", "which", "neither")
        if goes_on and (denied or one.says("irrelevant", "unrelated")):
            return True
    return False


def _goes_away(claim: Claim) -> bool:
    """Tell whether "elsewhere" is where a share of what is measured goes."""
    remark = claim.remark
    sent = remark.says("go", "send", "divert", "move", "turn", "transfer", "redirect")
    marks = remark.marks.get("elsewhere", ())
    goals = [
        m
        for m in marks
        if remark.tokens[m.first].lower == "elsewhere"
        or (m.first and remark.tokens[m.first - 1].lower in ("to", "towards", "into"))
    ]
    return claim.change is Change.SCALE and sent and bool(marks) and len(goals) == len(marks)


def _theirs(remark: Remark, before: Sequence[Remark]) -> bool:
    """Tell whether a clause goes on about another place: "... next to ours and needed theirs"."""
    if remark.says("here", "our", "ours") or not remark.says("their", "theirs", "there"):
        return False
    near = {"nearby", "adjacent", "neighbouring", "neighboring"}
    for one in before:
        marks = one.marks.get("elsewhere", ())
        if any(one.tokens[m.first].lemma not in near for m in marks):
            return True
    return False


def _no_trace(remark: Remark) -> bool:
    """Tell whether a clause says that something did nothing: "it left no mark"."""
    words = ("mark", "trace", "effect", "impact", "affect", "influence", "change", "felt", "feel")
    return (remark.clause.negated or remark.says("no")) and remark.says(*words)


_FORMER_YEARS = re.compile(
    r"\b(?:last|past|previous|preceding|former|earlier|recent)\s+(?:\w+\s+)?"
    r"(?:years?|winters?|summers?|springs?|autumns?|seasons?|decades?)\b"
    r"|\b(?:for|over|through)\s+(?:\w+\s+)?\w+\s+years\b|\byears?\s+(?:running|in a row)\b"
    r"|\byears?\s+ago\b",
    re.IGNORECASE,
)
_BASES = frozenset("what than as usual average normal typical compared those".split())


def _of_former_years(claim: Claim) -> bool:
    """Tell whether a number is told of earlier years: "for three years it has doubled in May"."""
    remark = claim.remark
    clause = remark.clause
    if claim.strength < 3 or clause.future or clause.supposed:
        return False
    words = [t.lower for t in remark.tokens]
    told = clause.past or not {"has", "have", "had", "was", "were", "did"}.isdisjoint(words)
    if not told or (claim.change is Change.LEVEL and not remark.times):
        return False
    sentence = remark.sentence.span
    at = remark.tokens[min(claim.at, len(remark.tokens) - 1)].start - sentence.start
    for match in _FORMER_YEARS.finditer(sentence.text):
        between = sentence.text[at : match.start()].lower().split()
        if match.start() < at or _BASES.isdisjoint(between):
            return True
    return False


def _in_general(claim: Claim) -> bool:
    """Tell whether a rise or a fall is only told of in general, or of the past."""
    remark = claim.remark
    clause = remark.clause
    first = [t.lower for t in remark.tokens[:2]]
    if not remark.times and (
        "when" in first or "whenever" in first or clause.link in ("when", "as")
    ):
        return True
    ahead = clause.future or clause.supposed
    led = clause.link is not None and remark.has("cause")
    return not (ahead or led or remark.times)


def _campaign(remarks: Sequence[Remark]) -> bool:
    """Tell whether a text is about what somebody wants to reach by a plan."""
    plan = any(one.has("plan", "ban") for one in remarks)
    return plan and any(one.has("intend") or one.says("mind", *_WISHES) for one in remarks)


def _only_claimed(
    claim: Claim, sentence: list[Remark], remarks: Sequence[Remark], association: bool
) -> bool:
    """Tell whether somebody only says so: a quotation or a belief about what will come."""
    remark = claim.remark
    quoted = remark.sentence.quoted or _in_quotes(claim)
    boast = any(one.has("claim") or one.says("promise", "vow", "pledge") for one in sentence)
    if quoted and (boast or association):
        return True
    ahead = remark.clause.future or remark.says("will", "ll")
    if quoted and ahead and claim.value in (0, None) and _campaign(remarks):
        return True
    rumour = any(
        one.says("rumour", "rumor", "unconfirmed", "gossip", "unverified") for one in sentence
    )
    return rumour or (association and boast and remark.clause.reported)


def _in_quotes(claim: Claim) -> bool:
    remark = claim.remark
    sentence = remark.sentence.span
    at = remark.tokens[claim.at].start if claim.at < len(remark.tokens) else remark.span.start
    before = sentence.text[: max(0, at - sentence.start)]
    opened = before.count('"') % 2 == 1 or before.count("“") > before.count("”")
    return opened or remark.text.lstrip().startswith(('"', "“"))


def _tends_together(remark: Remark) -> bool:
    """Tell whether a rise is only told to go with another one: "when A increases, B tends to"."""
    return remark.says("tend") and remark.says("also", "together", "likewise")


_AIMS = frozenset(
    """sake aim goal purpose vision plan wish target promise pledge end view hope slogan motto dream
    object objective ambition idea prospect""".split()
)
_WISHES = frozenset("want wish dream promise pledge vow aim goal sake hope slogan motto".split())


def _aim(claim: Claim) -> bool:
    """Tell whether a "none" is only what is aimed at: "for the sake of no visits"."""
    if claim.value != 0:
        return False
    tokens = claim.remark.tokens[max(0, claim.at - 6) : claim.at]
    last = tokens[-1].lower if tokens else ""
    return last in ("for", "of", "at", "towards", "toward", "to") and any(
        t.lemma in _AIMS for t in tokens
    )


def _wished(sentence: Sequence[Remark]) -> bool:
    """Tell whether a sentence speaks of wishes, aims or promises."""
    return any(one.says(*_WISHES) for one in sentence)


_REJECTING = frozenset(
    """reject deny dismiss discard refute disprove exaggerate rebut contradict retract disown
    renounce overrule""".split()
)


def _rejected(claim: Claim, sentence: Sequence[Remark]) -> bool:
    """Tell whether its sentence rejects what is claimed: "..., which was denied"."""
    for one in sentence:
        if one.clause.negated or one.lemmas.isdisjoint(_REJECTING):
            continue
        if one is claim.remark or one.index > claim.remark.index:
            if not one.says("but", "other", "others", "another"):
                return not (one.index > claim.remark.index + 1 and one.clause.link == "and")
    return False


def _prevented(claim: Claim) -> bool:
    """Tell whether the word that seems to cancel says that nothing happens: "prevents visits"."""
    return claim.value == 0 and claim.remark.says("prevent", "avoid", "stop")


def _beside(claim: Claim) -> bool:
    """Tell whether a denial in the clause does not concern the claim."""
    remark = claim.remark
    negation = remark.clause.negation
    if negation is None:
        return False
    if _bracketed(remark):
        return True
    words = [t.lower for t in remark.tokens]
    at = remark.token_at(negation.start)
    following = words[at + 1 : at + 3]
    if (
        following[:1]
        and following[0] in ("longer", "later", "sooner", "earlier")
        and (following[1:] == ["than"])
    ):
        return True  # "for no longer than two hours"
    if following[:1] in (["including"], ["counting"], ["only"]):
        return True
    if words[at] == "without" and at > claim.at:
        return True  # "four times what it would be without it"
    after = words[at:]
    if "but" in after:
        return claim.at > at + after.index("but")  # "not six times but four times"
    return False


def _bracketed(remark: Remark) -> bool:
    """Tell whether the denial stands in brackets beside the claim: "(end not included)"."""
    negation = remark.clause.negation
    if negation is None:
        return False
    before = remark.text[: max(0, negation.start - remark.span.start)]
    return before.count("(") > before.count(")")


def _zero_by_denial(claim: Claim) -> bool:
    """Tell whether the denial itself is the claim: "no visits", "does not work", "cannot"."""
    if claim.change is not Change.LEVEL or claim.value != 0:
        return False
    remark = claim.remark
    negation = remark.clause.negation
    if claim.strength == 3:
        word = negation.text.lower().split()[0] if negation is not None and negation.text else ""
        if word in ("no", "nothing", "nobody", "none", "without", "neither", "zero", "nil", "any"):
            return True
        words = [t.lower for t in remark.tokens]
        return negation is None or "single" in words or "any" in words
    tokens = remark.tokens[claim.at : claim.at + 1]
    functions = {m.first for m in remark.marks.get("function", ())}
    stops = {m.first for m in (*remark.marks.get("stop", ()), *remark.marks.get("close", ()))}
    if claim.at in functions and claim.at not in stops:
        return True
    return bool(tokens) and remark.says("unable", "impossible", "cannot", "prevent")
