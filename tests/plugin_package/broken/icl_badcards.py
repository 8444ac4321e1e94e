"""Cards with a fault that shows when their learner is loaded."""

import icl_core
from icl_core.cards import LearnerCard


@icl_core.hookimpl
def icl_learners():
    def card(name, cls, **more):
        return LearnerCard(name, "forecasting", "Faulty.", f"icl_badlearners:{cls}", **more)

    return [
        LearnerCard("no-module", "forecasting", "Faulty.", "icl_nowhere.learner:Nobody"),
        card("no-class", "Nobody"),
        card("no-learner", "NotALearner"),
        card("needs-extra", "Raises", extra="icl-badcards[stats]"),
        LearnerCard(
            "imports-extra",
            "forecasting",
            "Faulty.",
            "icl_needsmodule:Nobody",
            extra="icl-badcards[stats]",
        ),
        card("raises", "Raises"),
        card("exits", "Exits"),
        card("wrong-type", "WrongType"),
        card("no-list", "NoList"),
        card("too-short", "TooShort"),
        card("deaf", "Deaf"),
        card("random", "Random"),
        card("takes-anything", "TakesAnything"),
        "not a card",
    ]
