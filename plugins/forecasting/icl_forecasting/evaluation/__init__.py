"""What this plugin brings to evaluations: sources of episodes, and scores of forecasts.

| source | what |
|---|---|
| `time-series` | a folder of data sets with `index.csv`, as `icl_forecasting.scores` reads it |
| `bundled-series` | the three series of the demo, which need no folder |
| `cik` | Context is Key: history and text |

| metric | of what | main score |
|---|---|---|
| `forecast-accuracy` | the first two | MASE and WQL, geometric means over the sets |
| `rcrps` | `cik` | weighted RCRPS |
"""

from __future__ import annotations

from collections.abc import Mapping

_HERE = __name__

SOURCES: Mapping[str, str] = {
    "time-series": f"{_HERE}.series:time_series",
    "bundled-series": f"{_HERE}.series:bundled_series",
    "cik": "icl_forecasting.cik.sources:cik",
}
"""Source name -> "module:callable", as the hook `icl_episode_sources` returns it."""

METRICS: Mapping[str, str] = {
    "forecast-accuracy": f"{_HERE}.accuracy:forecast_accuracy",
    "rcrps": "icl_forecasting.cik.metric.evaluation:weighted_rcrps",
}
"""Metric name -> "module:object", as the hook `icl_metrics` returns it."""
