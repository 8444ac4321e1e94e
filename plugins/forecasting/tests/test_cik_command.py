"""`icl predict` with a text: what it changed, on stderr and on the plot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from icl_cli.app import app

TEXT = "Demand will be twice the usual level from 2024-03-05 10:00 to 2024-03-05 13:00."


@pytest.fixture
def table(tmp_path: Path) -> Path:
    hours = np.arange(96)
    stamps = np.datetime64("2024-03-01T00") + hours
    values = 50 + 20 * np.sin(2 * np.pi * hours / 24) + np.random.default_rng(0).normal(size=96)
    rows = [f"{stamp}:00,{value:.3f}" for stamp, value in zip(stamps, values, strict=True)]
    path = tmp_path / "f.csv"
    path.write_text("time,demand\n" + "\n".join(rows) + "\n")
    return path


def run(table: Path, learner: str, *more: str) -> tuple[int, str, str]:
    asked = ["predict", learner, "--series", str(table), "--column", "demand", "--horizon", "24"]
    found = CliRunner().invoke(app, [*asked, "--text", TEXT, "--explain", *more])
    return found.exit_code, found.stdout, found.stderr


def test_explain_names_the_words_and_the_steps(table: Path, tmp_path: Path) -> None:
    plot = tmp_path / "out.png"
    options = ("--option", "forecaster=seasonal-naive", "--plot", str(plot))
    code, out, err = run(table, "cik", *options)
    assert code == 0, err
    assert out.startswith("item_id,timestamp") or out.startswith("timestamp")
    assert "steps 11 to 1" in err and "twice the usual" in err and "median" in err
    assert plot.stat().st_size > 10_000


def test_a_learner_that_reads_no_text_says_so(table: Path) -> None:
    code, _, err = run(table, "seasonal-naive")
    assert code == 0, err
    assert "seasonal-naive does not say what a text changes" in err
