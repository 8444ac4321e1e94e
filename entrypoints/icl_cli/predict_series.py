"""`icl predict` for forecasting: a table in, forecasts out."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from icl_cli.guard import say
from icl_cli.output import one_line, print_json
from icl_core.errors import InputError

if TYPE_CHECKING:
    from icl_cli.request import Request
    from icl_core.coerce.frame_series import FrameSeries
    from icl_core.results import Forecast
    from icl_core.types import Episode, Series

SUFFIXES = (".csv", ".json", ".parquet")
PLOTS = (".png", ".svg", ".pdf")


def predict_series(request: Request) -> None:
    """Read the series, forecast each, and write one table.

    Raises:
        IclError: the table, an option, the weights or the place of the output cannot be used.
    """
    from icl_core.types import Context, Episode, Horizon

    _check_places(request)
    length, levels = request.horizon or 0, request.levels()
    found = _read(request)
    series = [one.series for one in found]
    known = _future(request, found)
    plots = _plot_places(request, series)
    episodes = [
        Episode(
            Context(history=one, text=request.text),
            Horizon(length, levels, ahead),
            meta={"id": one.name},
        )
        for one, ahead in zip(series, known, strict=True)
    ]
    forecasts = list(_answers(request, episodes))
    _write(request, forecasts)
    if request.explain:
        _explain(request, forecasts)
    for place, forecast in zip(plots, forecasts, strict=False):  # no places: no plots
        forecast.plot(place, overwrite=request.overwrite)
    if request.out != "-":
        say(f"Wrote {request.out}" + (f" and {len(plots)} plot(s)" if plots else ""))


def _answers(request: Request, episodes: Sequence[Episode]) -> Iterator[Any]:
    if request.engine == "ray":
        from icl_bench.ray_predict import answers

        size, device, address = request.batch_size, request.device, request.address
        return answers(request.load, episodes, batch_size=size, device=device, address=address)
    learner, options = request.load()
    return learner.predict_episodes(episodes, batch_size=request.batch_size, **options)


def _explain(request: Request, forecasts: Sequence[Forecast]) -> None:
    """Say on stderr which words changed which steps, so that stdout stays a table."""
    from icl_core.results.explanation import explanation

    for forecast in forecasts:
        lines = explanation(forecast)
        if lines is None:
            say(f"{request.card.name} does not say what a text changes; cik does.")
            return
        name = f"{one_line(forecast.name)}: " if forecast.name and len(forecasts) > 1 else ""
        for line in lines:
            say(f"{name}{one_line(line)}")


def _read(request: Request) -> list[FrameSeries]:
    from icl_core.coerce.frame_series import frame_series

    if request.series == "-" and sys.stdin.isatty():
        say("Reading the series from standard input; Ctrl-D ends it.")
    columns = list(request.columns)
    return frame_series(
        _table(request, request.series or "-"),
        column=columns[0] if len(columns) == 1 else columns or None,
        time_column=request.time_column,
        item_column=request.item_column,
        freq=request.freq,
        covariates=request.covariates,
        together=bool(columns) and request.card.takes_variates,
    )


def _future(request: Request, found: Sequence[FrameSeries]) -> list[dict[str, Any] | None]:
    """The covariates of each series that are known into the future."""
    if request.future is None:
        return [None] * len(found)
    from icl_core.coerce.frame_future import future_from_frame

    return list(
        future_from_frame(
            _table(request, request.future),
            found,
            request.covariates,
            request.horizon or 0,
            request.time_column,
            request.item_column,
        )
    )


def _table(request: Request, place: str) -> Any:
    from icl_core.coerce.tables import read_table

    return read_table(place, encoding=request.encoding or "utf-8", decimal=request.decimal or ".")


def _check_places(request: Request) -> None:
    """Refuse an output that cannot be written before any work is done."""
    wanted: list[tuple[str, Path, tuple[str, ...]]] = []
    if request.out != "-":
        wanted.append(("--out", Path(request.out), SUFFIXES))
    if request.plot is not None:
        wanted.append(("--plot", request.plot, PLOTS))
    for option, path, suffixes in wanted:
        if path.suffix.lower() not in suffixes:
            raise InputError(
                f"{option} is {str(path)!r}, expected a name that ends in {', '.join(suffixes)}"
            )
        if not path.absolute().parent.is_dir():
            raise InputError(f"{option} {path}: the folder {path.parent} does not exist")
        _refuse_existing(path, request)


def _refuse_existing(path: Path, request: Request) -> None:
    if path.exists() and not request.overwrite:
        raise InputError(
            f"{path} exists already and was left as it is", hint="--overwrite replaces it"
        )


def _plot_places(request: Request, series: Sequence[Series]) -> list[Path]:
    """One file a series: the name that was given, or with the item's name before the suffix."""
    plot = request.plot
    if plot is None:
        return []
    if len(series) == 1:
        return [plot]
    places: list[Path] = []
    for number, one in enumerate(series, 1):
        # An item's name is data and may hold anything; only its harmless part names a file.
        safe = re.sub(r"[^\w.-]+", "-", one.name or "").strip("-.")[:60] or str(number)
        place = plot.with_name(f"{plot.stem}-{safe}{plot.suffix}")
        if place in places:
            place = plot.with_name(f"{plot.stem}-{safe}-{number}{plot.suffix}")
        _refuse_existing(place, request)
        places.append(place)
    return places


def _write(request: Request, forecasts: Sequence[Forecast]) -> None:
    data = forecasts[0].to_dict() if len(forecasts) == 1 else [f.to_dict() for f in forecasts]
    if request.out == "-":
        if request.as_json:
            print_json(data)
        else:
            _write_csv(forecasts, sys.stdout)
        return
    _write_file(Path(request.out), forecasts, data, request.overwrite)
    if request.as_json:
        print_json(data)


def _write_file(path: Path, forecasts: Sequence[Forecast], data: Any, overwrite: bool) -> None:
    from icl_core.results.save import atomic_path, write_json, write_parquet

    if len(forecasts) == 1:
        forecasts[0].save(path, overwrite=overwrite)
    elif path.suffix.lower() == ".json":
        write_json(path, data, overwrite)
    elif path.suffix.lower() == ".csv":
        with (
            atomic_path(path, overwrite) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            _write_csv(forecasts, file)
    else:
        import pandas

        frame = pandas.concat([f.to_pandas() for f in forecasts], ignore_index=True)
        with atomic_path(path, overwrite) as temporary:
            write_parquet(frame, temporary)


def _write_csv(forecasts: Sequence[Forecast], file: TextIO) -> None:
    for number, forecast in enumerate(forecasts):
        forecast.write_csv(file, header=number == 0)
