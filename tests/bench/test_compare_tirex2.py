"""The TiRex-2 comparison: its stand-in, its report, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from icl_bench.compare import tirex2
from icl_bench.compare.tirex2 import OURS, RELEASED, Tirex2Report
from icl_bench.compare.tirex2_standin import (
    HORIZON,
    SCENARIOS,
    config,
    tensor_shapes,
    write_samples,
)
from icl_bench.compare.turns import Turns

FIRST = SCENARIOS[0]


def turns(cpu: float, value: float = 1.0, failure: str | None = None) -> Turns:
    return Turns("x", (cpu, 9.0, cpu), (cpu,), result=np.full((2, 1, 9, 3), value), failure=failure)


def report(ours: float, released: float) -> Tirex2Report:
    found = {
        (FIRST.name, OURS): turns(ours, 1.0),
        (FIRST.name, RELEASED): turns(released, 4.0),
    }
    return Tirex2Report({"threads": 1}, SCENARIOS[:1], found)


def test_the_stand_in_has_the_published_names_shapes_and_sizes() -> None:
    pytest.importorskip("torch")
    network = pytest.importorskip("icl_forecasting.tirex2.network")
    import torch

    from icl_forecasting.tirex2.config import Tirex2Config

    assert Tirex2Config.from_official(config()) == Tirex2Config()
    with torch.device("meta"):
        made = network.Tirex2Network(Tirex2Config())
    assert {n: tuple(t.shape) for n, t in made.state_dict().items()} == tensor_shapes()


def test_samples_have_the_rows_of_their_scenario(tmp_path) -> None:
    for number, scenario in enumerate(SCENARIOS):
        with np.load(write_samples(tmp_path, scenario, number)) as file:
            shapes = [file[name].shape for name in ("targets", "past", "future")]
        rows = (scenario.targets, scenario.past, scenario.future)
        steps = (scenario.context, scenario.context, scenario.context + HORIZON)
        expected = zip(rows, steps, strict=True)
        assert shapes == [(scenario.batch, count, length) for count, length in expected]


def test_targets_are_for_processor_time() -> None:
    found = {one.wanted.quantity: one for one in report(1.0, 5.0).ratios()}
    assert found["CPU time"].value == 5 and found["CPU time"].reached
    assert found["wall clock"].target is None
    assert report(1.0, 3.0).ratios()[1].reached is False
    text = report(1.0, 5.0).to_text()
    assert "at least 4x, reached" in text and "0.75" in text
    assert report(1.0, 5.0).differences() == {FIRST.name: 0.75}


def test_a_peer_that_failed_is_told() -> None:
    found = Tirex2Report({}, SCENARIOS[:1], {(FIRST.name, OURS): Turns("x", failure="no memory")})
    assert found.failed and not found.ratios() and "no memory" in found.to_text()
    assert found.to_dict()["times"][0]["failure"] == "no memory"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repeats", "0"], "--repeats is 0"),
        (["--scenario", "nothing"], "no scenario contains"),
        (["--device", "cuda"], "compared on the CPU"),
    ],
)
def test_wrong_usage_is_one_line(arguments, message, capsys) -> None:
    assert tirex2.main(arguments) == 2
    assert message in capsys.readouterr().err
