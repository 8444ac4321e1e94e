"""A `Forecast` as the object that GluonTS evaluates."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from icl_core.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from icl_core.results.forecast import Forecast

_NO_TIME_START = "2000-01-01"


def quantile_forecast(
    forecast: Forecast, start_date: Any = None, item_id: str | None = None
) -> Any:
    """See `Forecast.to_gluonts`."""
    try:
        from gluonts.model.forecast import QuantileForecast
    except ImportError as error:
        raise MissingExtraError(
            "Forecast.to_gluonts needs GluonTS", "pip install 'icl-forecasting[gluonts]'"
        ) from error
    arrays = np.concatenate([forecast.quantiles, forecast.mean[None]])
    return QuantileForecast(
        forecast_arrays=arrays,
        forecast_keys=[*forecast.level_names(), "mean"],
        start_date=_start(forecast) if start_date is None else start_date,
        item_id=forecast.name if item_id is None else item_id,
    )


def period(stamp: np.datetime64, freq: str) -> Any:
    """Return the `pandas.Period` of a stamp: "MS" and "ME" both lie in a month.

    Raises:
        InputError: this frequency has no periods, such as "SMS" (twice a month).
    """
    import pandas

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # business-day periods are deprecated, and still used
        try:
            offset = pandas.tseries.frequencies.to_offset(freq)
            # to_period knows "MS", but neither "2MS" nor "3QS".
            single = pandas.date_range(stamp, periods=1, freq=offset.base).to_period()[0]
            return pandas.Period(pandas.Timestamp(stamp), freq=f"{offset.n}{single.freqstr}")
        except (ValueError, IndexError, AttributeError) as error:
            raise InputError(
                f"freq {freq!r} has no pandas periods, which GluonTS needs",
                "give to_gluonts a start_date",
            ) from error


def _start(forecast: Forecast) -> Any:
    from icl_core.coerce.infer import infer_frequency

    history = forecast.history
    if forecast.index is None:
        import pandas

        past = 0 if history is None else len(history)
        return pandas.Period(_NO_TIME_START, freq="h") + past
    freq = None if history is None else history.freq
    return period(forecast.index[0], freq or infer_frequency([forecast.index]))
