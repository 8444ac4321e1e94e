"""Why a claim has no effect: it is not asserted, or it is about something else."""

from __future__ import annotations

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
    if (remark.hypothetical or clause.conditional) and not _supposed(claim, remarks):
        return "hypothetical"
    if claim.strength == 1 and _in_general(claim):
        return "no claim about the forecast"
    if any(one.clause.conditional for one in before) and not _supposed(claim, remarks):
        return "hypothetical"
    if topic.away(remark, everywhere=True):
        return "another place"
    if _no_concern(claim, remarks):
        return "no effect, as the text says"
    if claim.about == "other":
        return "another variable"
    if any(_intends(one, remark) for one in before) and not remark.times:
        return "an intention, not a fact"
    if remark.has("eradicate") and claim.strength == 1:
        before_it = remark.tokens[claim.at - 1].lower if claim.at else ""
        if association or before_it == "to" or not (remark.times and clause.future):
            return "an intention, not a fact"
    if _only_claimed(remark, sentence, association):
        return "claimed, not a fact"
    if any(one.has("advice") for one in before) and not remark.times:
        return "general advice"
    if remark.has("association") and claim.strength == 1:
        return "an association, not a cause"
    if _tends_together(remark):
        return "an association, not a cause"
    if association and any(one.has("plan") for one in sentence) and claim.strength < 3:
        return "an intervention on another variable"
    if clause.negated and not _zero_by_denial(claim) and not _bracketed(remark):
        return "denied"
    if remark.has("cancel") and not clause.negated:
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
    return one is remark or not one.says("so", "such", "many")


def _no_concern(claim: Claim, remarks: Sequence[Remark]) -> bool:
    """Tell whether the text adds that it does not matter here: "which does not concern us"."""
    remark = claim.remark
    for one in remarks:
        after = (one.order, one.index) > (remark.order, remark.index)
        if not after or one.order - remark.order > 1:
            continue
        denied = one.clause.negated and one.has("affect") and not one.times
        denied = denied and not one.says("before", "after", "else", "other", "otherwise", "nothing")
        goes_on = one.order == remark.order or one.says("this", "it", "that", "which", "neither")
        if goes_on and (denied or one.says("irrelevant", "unrelated")):
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


def _only_claimed(remark: Remark, sentence: list[Remark], association: bool) -> bool:
    """Tell whether somebody only says so: a quotation or a belief about what will come."""
    quoted = remark.sentence.quoted or _in_quotes(remark)
    boast = any(one.has("claim") or one.says("promise", "vow", "pledge") for one in sentence)
    if quoted and (boast or association):
        return True
    rumour = any(
        one.says("rumour", "rumor", "unconfirmed", "gossip", "unverified") for one in sentence
    )
    return rumour or (association and boast and remark.clause.reported)


def _in_quotes(remark: Remark) -> bool:
    sentence = remark.sentence.span
    before = sentence.text[: max(0, remark.span.start - sentence.start)]
    opened = before.count('"') % 2 == 1 or before.count("“") > before.count("”")
    return opened or remark.text.lstrip().startswith(('"', "“"))


def _tends_together(remark: Remark) -> bool:
    """Tell whether a rise is only told to go with another one: "when A increases, B tends to"."""
    return remark.says("tend") and remark.says("also", "together", "likewise")


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
