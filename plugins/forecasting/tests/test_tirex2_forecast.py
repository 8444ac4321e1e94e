"""Golden forecasts of the released TiRex-2 code, and what may not change a forecast."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from icl_core.errors import InputError
from icl_forecasting.tirex2.config import Tirex2Config
from icl_forecasting.tirex2.network import Tirex2Network
from icl_forecasting.tirex2.rollout import Rollout, Sample
from icl_forecasting.tirex2.sections import in_sections
from icl_forecasting.tirex2.trends import differences, has_trend, last_level

CASES = (
    "uni50 uni50_p7 uni50_nopad uni288 uni288_overlong uni400 len1 len3 constant all_nan "
    "binary_target trend trend_nodiff trend_flip trend_nan uni_nan multi multi_p9 multi_flip "
    "multi_nodiff targets_only past_only future_only future_nan_tail future_partly_nan mixed_batch"
).split()
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def network(golden: Path) -> Tirex2Network:
    spec = importlib.util.spec_from_file_location("seeded_weights", golden / "seeded_weights.py")
    assert spec is not None and spec.loader is not None
    seeded: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(seeded)
    folder = golden / "tirex2"
    manifest = json.loads((folder / "manifest.json").read_text())
    made = Tirex2Network(
        Tirex2Config.from_official(json.loads((folder / "config.json").read_text()))
    )
    made.load_state_dict(seeded.seeded_state_dict(manifest["canonical"], seed=0))
    return made.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def arrays(golden: Path) -> dict[str, np.ndarray]:
    with np.load(golden / "tirex2" / "forecast.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def samples_of(arrays: dict[str, np.ndarray], case: str) -> list[Sample]:
    found: list[Sample] = []
    while (key := f"{case}__{len(found)}__") + "target" in arrays:
        parts = [arrays.get(key + part) for part in ("target", "past", "future")]
        found.append(Sample.of(*(None if p is None else p.astype(float) for p in parts)))
    return found


def close(got: np.ndarray, want: np.ndarray, tolerance: float = TOLERANCE) -> None:
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= tolerance * max(1.0, float(np.abs(want).max()))


@pytest.mark.parametrize("precise", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_golden_forecasts(
    case: str, precise: bool, network: Tirex2Network, arrays: dict[str, np.ndarray]
) -> None:
    steps, difference, flip, pad = map(int, arrays[f"{case}__args"])
    steps = min(steps, network.config.future_length)  # the released code cuts longer requests
    found = Rollout(network, precise=precise)(
        samples_of(arrays, case),
        steps,
        difference=bool(difference),
        sign_flip=bool(flip),
        pad_context=bool(pad),
    )
    for number, got in enumerate(found):
        close(got, arrays[f"{case}__{number}__forecast"])


def random_samples() -> list[Sample]:
    rng = np.random.default_rng(4)
    walk = lambda v, t: rng.standard_normal((v, t)).cumsum(axis=1)  # noqa: E731
    gappy = walk(1, 90)
    gappy[:, 30:47] = np.nan
    return [
        Sample.of(walk(1, 50)),
        Sample.of(gappy),
        Sample.of(walk(2, 70), walk(1, 70)),
        Sample.of(walk(1, 60), None, walk(2, 60 + 20)),
        Sample.of(walk(1, 300), walk(2, 300), walk(1, 300 + 20)),
    ]


def test_what_shares_a_call_changes_nothing(network: Tirex2Network) -> None:
    samples = random_samples()
    together = Rollout(network)(samples, 20)
    for sample, got in zip(samples, together, strict=True):
        close(got, Rollout(network)([sample], 20)[0], 1e-5)


def test_portions_change_nothing(network: Tirex2Network, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = random_samples() * 3
    whole = Rollout(network)(samples, 20)
    monkeypatch.setattr("icl_forecasting.tirex2.rollout.TOKENS_AT_ONCE", 100)
    for got, want in zip(Rollout(network)(samples, 20), whole, strict=True):
        close(got, want, 1e-5)


def test_covariates_change_a_forecast_and_targets_do_not_leak(network: Tirex2Network) -> None:
    rng = np.random.default_rng(1)
    target, other = rng.standard_normal((1, 80)), rng.standard_normal((2, 100))
    run = Rollout(network)
    plain = run([Sample.of(target)], 20)[0]
    past = run([Sample.of(target, other[:, :80])], 20)[0]
    future = run([Sample.of(target, None, other)], 20)[0]
    assert np.abs(plain - past).max() > 1e-3
    assert np.abs(past - future).max() > 1e-3
    changed = other.copy()
    changed[:, 95:] += 5.0
    assert np.abs(run([Sample.of(target, None, changed)], 20)[0] - future).max() > 1e-3


def test_horizons_beyond_the_future_length(network: Tirex2Network) -> None:
    rng = np.random.default_rng(2)
    sample = Sample.of(rng.standard_normal((2, 120)), None, rng.standard_normal((1, 120 + 60)))
    run = Rollout(network)
    wide = run([sample], 60)[0]
    assert wide.shape == (2, 9, 60) and np.isfinite(wide).all()
    parts = in_sections([sample], 60, 24, lambda some, steps: run(some, steps), 4)[0]
    assert parts.shape == (2, 9, 60) and np.isfinite(parts).all()
    first = run([Sample.of(sample.targets, None, sample.future[:, :144])], 24)[0]
    close(parts[:, :, :24], first, 1e-5)


def test_the_sign_needs_mirrored_levels() -> None:
    config = Tirex2Config(
        embedding_dim=16, blocks=("slstm",), quantile_levels=(0.1, 0.5), input_ff_dim=4
    )
    run = Rollout(Tirex2Network(config).eval())
    with pytest.raises(InputError, match=r"0\.1 has no partner"):
        run([Sample.of(np.arange(5.0))], 3, sign_flip=True)


def test_trends_are_found_and_differenced() -> None:
    time = np.arange(60.0)
    noise = np.random.default_rng(0).standard_normal(60)
    assert has_trend(2 * time + noise) and has_trend(-time)
    assert not has_trend(noise) and not has_trend(np.ones(60)) and not has_trend(time[:3])
    gaps = np.array([1.0, 3.0, np.nan, 4.0, 6.0])
    assert np.array_equal(differences(gaps), [0, 2, np.nan, np.nan, 2], equal_nan=True)
    assert last_level(np.array([1.0, 4.0, np.nan])) == 4.0
    assert last_level(np.array([np.nan])) == 0.0


def test_random_state_and_threads_are_left_alone(network: Tirex2Network) -> None:
    before = torch.get_rng_state(), torch.get_num_threads()
    Rollout(network)(random_samples(), 5)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.get_num_threads() == before[1]
