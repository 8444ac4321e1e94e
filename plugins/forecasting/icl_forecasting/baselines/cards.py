"""The cards of the baselines."""

from __future__ import annotations

from icl_core.cards import LearnerCard
from icl_core.types import Task

_SEASONALITY = "steps in one season; default: from the frequency of the series (predict option too)"
_MAX_CONTEXT = "read only so many of the last values; default: 2000, None = all"
_STATS = "icl-forecasting[stats]"

BASELINE_CARDS: tuple[LearnerCard, ...] = (
    LearnerCard(
        name="seasonal-naive",
        task=Task.FORECASTING,
        summary="Repeats the last season; quantiles from its own past errors.",
        cls="icl_forecasting.baselines.seasonal_naive:SeasonalNaive",
        paper="Hyndman and Athanasopoulos, Forecasting: Principles and Practice, section 5.2",
        options={
            "seasonality": _SEASONALITY,
            "quantiles": "'errors' (default) or 'point', the benchmark's definition "
            "(predict option too)",
        },
    ),
    LearnerCard(
        name="auto-ets",
        task=Task.FORECASTING,
        summary="Exponential smoothing with error, trend and season chosen by AICc.",
        cls="icl_forecasting.baselines.statistical:AutoETS",
        paper="Hyndman, Koehler, Snyder and Grose (2002), doi:10.1016/S0169-2070(01)00110-8",
        options={"seasonality": _SEASONALITY, "max_context": _MAX_CONTEXT},
        extra=_STATS,
    ),
    LearnerCard(
        name="auto-arima",
        task=Task.FORECASTING,
        summary="Seasonal ARIMA by stepwise search over its orders.",
        cls="icl_forecasting.baselines.statistical:AutoARIMA",
        paper="Hyndman and Khandakar (2008), doi:10.18637/jss.v027.i03",
        options={"seasonality": _SEASONALITY, "max_context": _MAX_CONTEXT},
        extra=_STATS,
        takes_covariates=True,
    ),
    LearnerCard(
        name="auto-theta",
        task=Task.FORECASTING,
        summary="The best of four Theta models on the seasonally adjusted series.",
        cls="icl_forecasting.baselines.statistical:AutoTheta",
        paper="Fiorucci et al. (2016), doi:10.1016/j.ijforecast.2016.02.005",
        options={"seasonality": _SEASONALITY, "max_context": _MAX_CONTEXT},
        extra=_STATS,
    ),
)
