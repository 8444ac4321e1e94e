"""What a text changed: lines for people, and marks on the plot."""

from __future__ import annotations

import numpy as np
import pytest

from icl_core.results import Forecast
from icl_core.results.explanation import explanation

pytest.importorskip("matplotlib")


def forecast(**meta: object) -> Forecast:
    values = np.arange(6, dtype=np.float32)
    return Forecast(np.stack([values - 1, values, values + 1]), (0.1, 0.5, 0.9), values, meta=meta)


TOUCHED = [
    {"text": "twice the usual", "did": "times 2", "steps": [1, 2, 4], "before": [1, 2, 4],
     "after": [2, 4, 8]},
    {"text": "", "kind": "Bound", "did": "at most 9", "steps": [0, 1, 2, 3, 4, 5], "upper": 9.0},
]  # fmt: skip


def test_lines_name_words_steps_and_medians() -> None:
    unused = [{"text": "it was cold", "reason": "no claim about this series"}]
    assert explanation(forecast(touched=TOUCHED, unused=unused)) == [
        '"twice the usual": times 2; steps 2 to 3, 5; median 2.333 -> 4.667',
        "Bound: at most 9; all steps",
        '"it was cold": not used, no claim about this series',
    ]


def test_a_learner_that_says_nothing_has_no_explanation() -> None:
    assert explanation(forecast()) is None
    assert explanation(forecast(touched=[])) == ["nothing in the text changed the forecast"]


def test_the_plot_shades_windows_and_draws_limits() -> None:
    axes = forecast(touched=TOUCHED).plot().axes[0]
    plain = forecast().plot().axes[0]
    assert len(axes.patches) == len(plain.patches) + 2
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert '"twice the usual"' in labels and "Bound" in labels
    assert any(list(line.get_ydata()) == [9.0, 9.0] for line in axes.lines)
