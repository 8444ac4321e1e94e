"""The card of the learner `cik`."""

from __future__ import annotations

from icl_core import LearnerCard, Task, WeightCard


def cik_card(weights: tuple[WeightCard, ...]) -> LearnerCard:
    """Make the card.

    Args:
        weights: those of the default forecaster.
    """
    return LearnerCard(
        name="cik",
        task=Task.FORECASTING,
        summary="A forecaster that obeys a text: what it says is compiled, then conditioned on.",
        cls="icl_forecasting.cik.learner:CikLearner",
        paper="arXiv 2410.18959",
        weights=weights,
        options={
            "forecaster": "name of the learner that forecasts without text; default 'tirex'",
            "reader": "'rules' (default), or 'llm': a language model reads the text",
            "reader_options": "of that model: model, base_url and the others of direct-prompt",
            "...": "all other options go to that learner",
        },
        preprocessing={"samples": 25, "sampling": "independent"},
        takes_file=True,
        takes_text=True,
    )
