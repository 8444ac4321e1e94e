"""What `icl demo` shows of this plugin, with a tiny random network in place of the bundled one."""

from __future__ import annotations

import csv
import io
import json
import shlex
import sys
from datetime import date
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import icl_core as icl
from icl_core import catalogue
from icl_core.demo import DemoItem, render_page
from icl_forecasting import demo
from icl_forecasting.demo import SERIES, Shown, held_out
from icl_forecasting.tirex.config import TirexConfig
from icl_forecasting.tirex.network import TirexNetwork


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = TirexConfig(
        embedding_dim=32, num_blocks=2, num_heads=2, input_ff_dim=32, context_length=256
    )
    state = TirexNetwork(config).state_dict()
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(
        {name: 0.1 * torch.randn(tensor.shape) for name, tensor in state.items()},
        path,
        metadata={"config": json.dumps(config.to_official())},
    )
    return path


@pytest.fixture(scope="module")
def items(weights: Path) -> list[DemoItem]:
    return list(demo._items(weights))


def test_the_hook_points_to_the_demo() -> None:
    entry = catalogue.find("icl_demos", "forecasting")
    assert catalogue.import_object(entry.value, "the demo") is demo.items


@pytest.mark.parametrize("shown", SERIES, ids=lambda shown: shown.file)
def test_a_bundled_series_is_complete_and_its_end_is_held_out(shown: Shown) -> None:
    with files("icl_forecasting").joinpath("data", shown.file).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["timestamp", "value"]
    days = [date.fromisoformat(row["timestamp"]) for row in rows]
    assert all(a < b for a, b in pairwise(days))

    history, truth = held_out(shown)

    assert len(history) + len(truth) == len(rows)
    assert history.freq == ("MS" if shown.unit == "months" else "D")
    np.testing.assert_array_equal([*history.values, *truth], [float(row["value"]) for row in rows])


def test_the_bundled_daily_births_add_up_to_the_monthly_ones() -> None:
    def read(name: str) -> dict[str, int]:
        with files("icl_forecasting").joinpath("data", name).open(encoding="utf-8") as file:
            return {row["timestamp"]: int(row["value"]) for row in csv.DictReader(file)}

    monthly, daily = read("us_births_monthly.csv"), read("us_births_daily.csv")
    for month in {day[:7] for day in daily}:
        total = sum(value for day, value in daily.items() if day.startswith(month))
        assert total == monthly[f"{month}-01"]


def test_every_bundled_file_has_its_source_named() -> None:
    folder = files("icl_forecasting").joinpath("data")
    sources = folder.joinpath("SOURCES.md").read_text(encoding="utf-8")
    for shown in SERIES:
        assert f"`{shown.file}`" in sources


def test_each_series_is_one_item_with_the_scores_of_both_learners(items: list[DemoItem]) -> None:
    assert [item.title for item in items] == [shown.title for shown in SERIES]
    for item in items:
        assert item.learner == "tirex"
        assert set(item.numbers) == {
            f"{metric} of {name}"
            for metric in ("MASE", "WQL")
            for name in ("tirex", "seasonal-naive")
        }
        assert all(0 < number < np.inf for number in item.numbers.values())


def test_the_picture_is_an_svg_with_the_truth_and_the_page_takes_it(items: list[DemoItem]) -> None:
    for item in items:
        assert item.mime == "image/svg+xml"
        assert b"<svg" in item.svg_or_png and b"<script" not in item.svg_or_png
    assert render_page(items).count("data:image/svg+xml;base64,") == len(SERIES)


def test_the_command_makes_the_same_forecast_again(
    items: list[DemoItem], weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, item = SERIES[0], items[0]
    head, predict = item.command.split(" | ")
    _, _, lines, path = shlex.split(head)
    text = Path(path).read_text(encoding="utf-8").splitlines(keepends=True)[: int(lines)]
    words = shlex.split(predict)
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert words[:3] == ["icl", "predict", "tirex"]
    assert options["--weights"] == str(weights)

    from icl_core.coerce.tables import read_table, series_from_frame

    class Stdin:
        buffer = io.BytesIO("".join(text).encode())

    monkeypatch.setattr(sys, "stdin", Stdin)
    (series,) = series_from_frame(
        read_table(options["--series"]),
        column=options["--column"],
        time_column=options["--time-column"],
    )
    history, _ = held_out(shown)

    assert int(options["--horizon"]) == shown.horizon
    np.testing.assert_array_equal(series.values, history.values)
    assert (series.start, series.freq) == (history.start, history.freq)


def test_without_weights_the_demo_says_so_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(icl.WeightsError, match="there is no weights file"):
        next(demo._items(tmp_path / "absent.safetensors"))
