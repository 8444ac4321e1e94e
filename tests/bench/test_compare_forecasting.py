"""The speed comparison: what it asks of its peers, and what it makes of their times."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from icl_bench.compare import forecasting, gpu, standin
from icl_bench.compare.forecasting_bench import OFFICIAL as PACKAGE
from icl_bench.compare.forecasting_bench import ForecastingBench
from icl_bench.compare.peers import find_official, run_once, serving
from icl_bench.compare.report import Report
from icl_bench.compare.scenarios import (
    COMPILED,
    COMPILED_COLD,
    OFFICIAL,
    OURS,
    SCENARIOS,
    Measurement,
    Peer,
    chosen,
    compare,
)
from icl_bench.compare.timing import differences, process_peers
from icl_core.errors import InputError, MissingExtraError, PluginError


@pytest.fixture
def small_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ForecastingBench:
    """A bench with a network that loads and runs in no time; no official package."""
    for name, value in {
        "WIDTH": 32, "BLOCKS": 2, "HEADS": 2, "HIDDEN": 16, "UP": 128, "CONTEXT": 128
    }.items():  # fmt: skip
        monkeypatch.setattr(standin, name, value)
    return ForecastingBench(tmp_path, None, 1, standin.write_checkpoint(tmp_path))


def _contexts(folder: Path, count: int = 3, length: int = 80) -> Path:
    path = folder / "contexts.npy"
    np.save(path, standin.contexts(count, length))
    return path


def test_the_stand_in_has_the_tensors_of_the_published_model() -> None:
    torch = pytest.importorskip("torch")
    from icl_forecasting.tirex.config import TirexConfig
    from icl_forecasting.tirex.network import TirexNetwork

    with torch.device("meta"):
        network = TirexNetwork(TirexConfig())
    ours = {n: tuple(t.shape) for n, t in network.state_dict().items()}
    named = {n.removeprefix("block_stack."): s for n, s in standin.tensor_shapes().items()}
    assert named == ours


def test_a_published_call_is_about_one_teraflop() -> None:
    # 256 series of 64 tokens through 35 million weights, two operations each
    assert 1.0e12 < standin.operations(256, 64, 1) < 1.3e12


def test_a_small_network_runs_as_a_peer_once_and_warm(small_bench: ForecastingBench) -> None:
    source = _contexts(small_bench.folder)
    request = small_bench.ask(Peer(OURS), source, 3, 40, serve=True)
    with serving(small_bench, request, small_bench.folder / "cache") as server:
        wall, cpu = server.time()
        alone, _ = server.time("network")
        forecasts = np.load(request.out)
    assert wall > 0 and cpu >= 0 and alone > 0
    assert server.versions["threads"] == 1 and "torch" in server.versions
    assert forecasts.shape == (3, 40, 9) and np.isfinite(forecasts).all()


def test_a_peer_that_fails_is_reported_with_its_last_line(small_bench: ForecastingBench) -> None:
    small_bench.official = sys.executable
    source = small_bench.folder / "not_there.npy"
    with pytest.raises(PluginError, match=r"^official failed: .*(tirex|not_there)"):
        request = small_bench.ask(Peer(OFFICIAL), source, 3, 40, serve=False)
        run_once(small_bench, request, small_bench.folder / "cache")


def test_ratios_are_medians_over_ours_and_only_the_compiled_default_has_a_target() -> None:
    scenario = SCENARIOS[1]
    times = {
        scenario.ours: (2.0, 1.0, 9.0),
        Peer(COMPILED): (10.0,),
        Peer(COMPILED, 4): (4.0,),
        Peer(OFFICIAL): (),
    }
    measured = [Measurement(scenario.name, p, t) for p, t in times.items()]
    measured.append(Measurement("another", Peer(COMPILED), (1.0,)))
    found = {c.measured.peer: c for c in compare(scenario, measured)}
    assert len(found) == 4
    assert found[scenario.ours].ratio is None
    assert found[Peer(COMPILED)].ratio == 5.0 and found[Peer(COMPILED)].reached is True
    assert found[Peer(COMPILED, 4)].ratio == 2.0 and found[Peer(COMPILED, 4)].reached is None
    assert found[Peer(OFFICIAL)].ratio is None and found[Peer(OFFICIAL)].reached is None


def test_the_run_that_fills_the_compilers_cache_comes_before_the_one_that_finds_it() -> None:
    peers = process_peers(SCENARIOS[0])
    assert peers[0].ours
    assert peers.index(Peer(COMPILED_COLD)) + 1 == peers.index(Peer(COMPILED))
    assert not any(p.compiled for p in process_peers(SCENARIOS[0], compile=False))


def test_differences_are_in_standard_deviations_of_each_series() -> None:
    series = np.array([[0.0, 2.0], [0.0, 20.0]])
    ours, theirs = np.zeros((2, 4, 9)), np.zeros((2, 4, 9))
    theirs[0], theirs[1] = 0.5, 0.5
    found = differences(SCENARIOS[0], {Peer(OURS): ours, Peer(OFFICIAL): theirs}, series)
    assert [(d.largest, d.mean) for d in found] == [(0.5, pytest.approx(0.275))]


def test_the_report_says_reached_missed_and_why_a_peer_has_no_times() -> None:
    scenario = SCENARIOS[0]
    report = Report(
        {"threads": 1},
        (scenario,),
        [
            Measurement(scenario.name, scenario.ours, (1.0,), (1.0,)),
            Measurement(scenario.name, Peer(COMPILED_COLD), (20.0,), (30.0,)),
            Measurement(scenario.name, Peer(COMPILED), (2.0,), (3.0,)),
            Measurement(scenario.name, Peer(OFFICIAL), failure="official failed: no luck"),
        ],
    )
    text = report.to_text()
    assert "12x, reached" in text and "12x, missed" in text and "no luck" in text
    plain = json.loads(json.dumps(report.to_dict()))["processes"]
    assert [row["ratio"] for row in plain] == [None, 20.0, 2.0, None]


def test_gpu_cases_name_both_floors() -> None:
    one_by_one = gpu.Case(256, 128, 1)
    accelerated = gpu.Case(256, 128, 4)
    assert (one_by_one.passes, accelerated.passes) == (4, 1)
    assert one_by_one.dependent_steps == 12 * 64 and accelerated.dependent_steps == 12 * 67
    timed = gpu.Timed(gpu.Case(256, 32, 1), "call", 256 / 5318 / 4)
    assert timed.ratio == pytest.approx(4.0)
    assert "4.00x" in gpu.to_text({}, [timed])
    assert gpu.to_dict({}, [timed])["gpu"][0]["ratio"] == pytest.approx(4.0)


def test_scenarios_are_chosen_by_a_part_of_their_name() -> None:
    assert chosen(None) == SCENARIOS
    assert [s.context for s in chosen(["144"])] == [144]
    with pytest.raises(InputError, match=r"no scenario contains \['daily'\], the names are"):
        forecasting.parse(["--scenario", "daily"])


@pytest.mark.parametrize("option", ["--threads", "--repeats", "--process-repeats"])
def test_counts_below_one_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert forecasting.main([option, "0"]) == 2
    assert f"error: {option} is 0, expected a number from 1" in capsys.readouterr().err


def test_an_interpreter_without_the_official_package_is_named(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    with pytest.raises(MissingExtraError, match="tirex-ts is not installed for"):
        find_official(str(bare), PACKAGE)
    with pytest.raises(InputError, match="cannot be run"):
        find_official(str(tmp_path / "nothing"), PACKAGE)
