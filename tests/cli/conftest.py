"""A folder of installed-looking plugins, and two ways to run `icl` with them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from icl_core import plugins

FAKE = """
import icl_core
from icl_core.cards import LearnerCard, WeightCard


@icl_core.hookimpl
def icl_learners():
    return [
        LearnerCard(
            "last-value", "forecasting", "Repeats the last value.", "fake_learners:LastValue",
            options={"shift": "added to the forecast", "scale": "factor, at load"},
        ),
        LearnerCard("first-label", "linking", "The first label.", "fake_learners:FirstLabel"),
        LearnerCard(
            "invert",
            "painting",
            "Inverts the query.",
            "fake_learners:Invert",
            options={"task": "'invert' or 'keep'"},
        ),
        LearnerCard("alike", "segmentation", "Equal brightness.", "fake_learners:Alike"),
        LearnerCard("crash", "forecasting", "Always fails.", "fake_learners:Crash"),
        LearnerCard("interrupt", "forecasting", "Ctrl-C.", "fake_learners:Interrupt"),
        LearnerCard(
            "weighty", "forecasting", "Has weights.", "fake_learners:LastValue",
            weights=(
                WeightCard("bundled", "tiny.safetensors", package="fake_learners", licence="MIT"),
                WeightCard("official", "big.ckpt", url="https://example.invalid/big.ckpt",
                           size=2_000_000, sha256="0" * 64),
            ),
        ),
    ]


@icl_core.hookimpl
def icl_demos():
    return {"hostile": "fake_extras:hostile_demo"}


@icl_core.hookimpl
def icl_commands():
    return {"hello": "fake_extras:hello", "list": "fake_extras:hello"}
"""

LEARNERS = """
import numpy as np

from icl_core import Classification, Forecast, Learner, Picture, Segmentation, Video
from icl_core.coerce.timeline import time_index


class LastValue(Learner):
    predict_options = frozenset({"shift"})

    def __init__(self, card, load, scale=1.0, **options):
        super().__init__(card, load, **options)
        self.scale = scale

    def _prepare(self, context):
        return context.history

    def _predict(self, history, queries, shift=0.0):
        answers = []
        for horizon in queries:
            levels = horizon.quantile_levels or (0.1, 0.5, 0.9)
            last = history.values[~np.isnan(history.values)][-1] * self.scale + shift
            mean = np.full(horizon.length, last, dtype=np.float32)
            answers.append(
                Forecast(
                    quantiles=np.tile(mean, (len(levels), 1)),
                    levels=tuple(levels),
                    mean=mean,
                    index=time_index(history, horizon.length),
                    name=history.name,
                    history=history,
                    meta={},
                )
            )
        return answers


class Crash(LastValue):
    def _predict(self, history, queries, **options):
        raise ZeroDivisionError("by design")


class Interrupt(LastValue):
    def _predict(self, history, queries, **options):
        raise KeyboardInterrupt


class FirstLabel(Learner):
    def _prepare(self, context):
        return context

    def _predict(self, context, queries, **options):
        labels = tuple(dict.fromkeys(str(e.output) for e in context.examples))
        odds = np.zeros(len(labels), dtype=np.float32)
        odds[0] = 1
        return [Classification(labels[0], labels, odds, labels[0]) for _ in queries]


class Alike(Learner):
    # Pixels as bright as the object, but for those as bright as a negative example.
    predict_options = frozenset({"margin"})

    def _prepare(self, context):
        shown = [(e.input[e.output].mean(), e.meta.get("negative")) for e in context.examples]
        return [level for level, no in shown if not no], [level for level, no in shown if no]

    def _predict(self, prepared, queries, margin=5.0):
        return [
            [self._one(prepared, f, margin) for f in query.frames]
            if isinstance(query, Video)
            else self._one(prepared, query, margin)
            for query in queries
        ]

    def follow(self, prepared, video):
        for frame in video.frames:
            yield self._one(prepared, frame, 5.0)

    def _one(self, prepared, image, margin):
        grey = image.astype(np.float32).mean(-1)
        near = lambda levels: np.max([margin - abs(grey - v) for v in levels], axis=0)
        logits = near(prepared[0])
        if prepared[1]:
            logits = np.minimum(logits, -near(prepared[1]))
        return Segmentation(logits > 0, logits.astype(np.float32), 0.5)


class Invert(Learner):
    def __init__(self, card, load, task="invert", **options):
        super().__init__(card, load, **options)
        self.task = task

    def _prepare(self, context):
        return context

    def _predict(self, context, queries, **options):
        images = [q if self.task == "keep" else 255 - q for q in queries]
        return [Picture(image, np.zeros((3, 4, 4), dtype=np.float32)) for image in images]
"""

EXTRAS = '''
import typer

from icl_core.demo import DemoItem

hello = typer.Typer()


@hello.command()
def greet():
    """Say hello."""
    print("hello from a plugin")


def hostile_demo():
    yield DemoItem(
        title="<script>alert(1)</script>",
        text="a & b < c",
        learner="last-value",
        command="icl predict last-value --series 'x.csv'",
        svg_or_png=b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        numbers={"MASE": 0.8123456},
    )
'''

BROKEN = "raise RuntimeError('no luck today')\n"


def install(site: Path, distribution: str, entry: str, version: str = "1.2") -> None:
    """Write the metadata that makes a module in `site` look installed."""
    info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    )
    info.joinpath("entry_points.txt").write_text(f"[icl]\n{entry}\n")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    folder.joinpath("fake_plugin.py").write_text(FAKE)
    package = folder / "fake_learners"
    package.mkdir()
    package.joinpath("__init__.py").write_text(LEARNERS)
    folder.joinpath("fake_extras.py").write_text(EXTRAS)
    folder.joinpath("broken_plugin.py").write_text(BROKEN)
    install(folder, "icl-fake", "fake = fake_plugin")
    install(folder, "icl-broken", "broken = broken_plugin")
    return folder


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ICL_HOME", str(tmp_path / "icl-home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("ICL_LOAD_PLUGINS", "icl-fake")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def icl(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., object]]:
    """Run `icl` in this process: quick; returns click's result with stdout, stderr, exit_code."""
    monkeypatch.syspath_prepend(str(site))
    plugins.discover(refresh=True)

    def run(*args: object, input: str | bytes | None = None) -> object:
        from icl_cli.app import app

        return CliRunner().invoke(app, [str(a) for a in args], input=input, prog_name="icl")

    yield run
    monkeypatch.undo()
    plugins.discover(refresh=True)


@pytest.fixture
def icl_process(site: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `icl` in a process of its own: the whole truth, half a second each."""

    def run(
        *args: object, code: str = "from icl_cli import main; main()", **env: str
    ) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
        return subprocess.run(
            [sys.executable, "-c", f"import sys; sys.argv[0] = 'icl'\n{code}", *map(str, args)],
            env={**os.environ, "PYTHONPATH": path, **env},
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )

    return run
