"""Tests of the generated training corpus."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training"))

from corpus import EARLY, FAMILIES, LATE, Pool, augment, draw, holes, write_pool
from corpus import augment as augment_function
from corpus.families import draw_family
from corpus.periods import draw_periods, further_periods, profiles
from corpus.trends import POSITIVE_SHARE, drifts, lean_upwards

LENGTH = 192
augment_module = sys.modules[augment_function.__module__]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("length", [64, 576])
def test_families_give_finite_float32(family: str, length: int, rng: np.random.Generator) -> None:
    values = FAMILIES[family](rng, 40, length)
    assert values.shape == (40, length)
    assert values.dtype == np.float32
    assert np.isfinite(values).mean() > 0.99


@pytest.mark.parametrize("family", FAMILIES)
def test_same_seed_gives_the_same_series(family: str) -> None:
    first, second, other = (
        FAMILIES[family](np.random.default_rng(s), 12, LENGTH) for s in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "count"])
def test_series_are_z_scored(family: str, rng: np.random.Generator) -> None:
    values = draw_family(rng, family, 60, LENGTH)
    assert np.isfinite(values).all()
    np.testing.assert_allclose(values.mean(axis=1), 0, atol=1e-3)
    np.testing.assert_allclose(values.std(axis=1), 1, atol=1e-3)


def test_counts_are_whole_numbers_with_exact_zeros(rng: np.random.Generator) -> None:
    values = draw_family(rng, "count", 200, LENGTH)
    np.testing.assert_array_equal(values, np.round(values))
    assert values.min() == 0
    assert 0.05 < (values == 0).mean() < 0.9


def test_unusable_rows_are_replaced(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(source: np.random.Generator, n: int, length: int) -> np.ndarray:
        values = source.standard_normal((n, length)).astype(np.float32)
        fate = source.random(n)
        values[fate < 0.3] = 5.0
        values[fate > 0.7, 0] = np.nan
        return values

    monkeypatch.setitem(FAMILIES, "step", broken)
    values = draw_family(rng, "step", 50, LENGTH)
    assert values.shape == (50, LENGTH)
    assert np.isfinite(values).all()
    assert (values.std(axis=1) > 0.9).all()


def test_a_family_without_usable_rows_is_an_error(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        FAMILIES, "step", lambda source, n, length: np.ones((n, length), dtype=np.float32)
    )
    with pytest.raises(RuntimeError, match="step"):
        draw_family(rng, "step", 3, LENGTH)


@pytest.mark.parametrize("weights", [EARLY, LATE, {"count": 1.0, "gp": 0.0}])
def test_draw_mixes_families(weights: dict[str, float], rng: np.random.Generator) -> None:
    values = draw(rng, 50, LENGTH, weights)
    assert values.shape == (50, LENGTH)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert sum(EARLY.values()) == pytest.approx(1)
    assert sum(LATE.values()) == pytest.approx(1)


def test_periods_respect_caps(rng: np.random.Generator) -> None:
    periods = draw_periods(rng, 4000, 576)
    assert periods.min() >= 3
    assert periods.max() <= 384
    assert 0.6 < (periods == np.round(periods)).mean() < 0.9
    assert further_periods(rng, periods, 576).max() <= 400
    assert (draw_periods(rng, 4000, 2304) >= 672).any()
    assert draw_periods(rng, 500, 64, cap=12).max() <= 12


def test_profiles_repeat_exactly_and_have_unit_variance(rng: np.random.Generator) -> None:
    values = profiles(rng, np.full(50, 24.0), 480)
    np.testing.assert_allclose(values[:, :24], values[:, 240:264], atol=1e-3)
    np.testing.assert_allclose(values.std(axis=1), 1, atol=1e-3)


def test_drifts_point_upwards_more_often(rng: np.random.Generator) -> None:
    assert (drifts(rng, 20000) > 0).mean() == pytest.approx(POSITIVE_SHARE, abs=0.02)
    leaning = lean_upwards(
        rng, np.cumsum(rng.standard_normal((4000, 64)), axis=1).astype(np.float32)
    )
    assert (leaning[:, -8:].mean(axis=1) > leaning[:, :8].mean(axis=1)).mean() == pytest.approx(
        POSITIVE_SHARE, abs=0.03
    )


def test_augment_leaves_input_and_global_state_alone(rng: np.random.Generator) -> None:
    batch = draw(rng, 64, LENGTH, EARLY)
    before, state = batch.copy(), np.random.get_state()[1].copy()
    first = augment(np.random.default_rng(1), batch)
    second = augment(np.random.default_rng(1), batch)
    np.testing.assert_array_equal(batch, before)
    np.testing.assert_array_equal(state, np.random.get_state()[1])
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.float32
    assert first.shape == batch.shape
    assert not np.array_equal(first, batch)


@pytest.mark.parametrize("value", [0.0, 3.0, -1e6])
def test_augment_keeps_constants_finite(value: float) -> None:
    batch = np.full((256, 48), value, dtype=np.float32)
    for seed in range(5):
        assert np.isfinite(augment(np.random.default_rng(seed), batch)).all()


def test_quantise_leaves_constant_rows(rng: np.random.Generator) -> None:
    values = np.full((4, 32), 2.5, dtype=np.float32)
    augment_module._quantise(rng, values, np.arange(4))
    assert (values == 2.5).all()


def test_censor_keeps_counts_exact(rng: np.random.Generator) -> None:
    values = draw_family(rng, "count", 30, LENGTH)
    augment_module._censor(rng, values, np.arange(30))
    np.testing.assert_array_equal(values, np.round(values))


def test_holes_are_missing_values_in_some_rows(rng: np.random.Generator) -> None:
    batch = rng.standard_normal((2000, 100)).astype(np.float32)
    before = batch.copy()
    result = holes(rng, batch)
    np.testing.assert_array_equal(batch, before)
    missing = np.isnan(result)
    assert 0.12 < missing.any(axis=1).mean() < 0.25
    assert not missing.all(axis=1).any()
    np.testing.assert_array_equal(result[~missing], batch[~missing])


def test_pool_round_trip_and_resume(tmp_path: Path, rng: np.random.Generator) -> None:
    (path,) = write_pool(tmp_path, "ets", 20, LENGTH, seed=5)
    assert path.name == f"ets-{LENGTH}-0005.npy"
    assert np.load(path).dtype == np.float16
    (counts,) = write_pool(tmp_path, "count", 20, LENGTH, seed=5)
    stamp = path.stat().st_mtime_ns
    assert write_pool(tmp_path, "ets", 20, LENGTH, seed=5) == [path]
    assert path.stat().st_mtime_ns == stamp
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, counts.name])

    pool = Pool(tmp_path, EARLY)
    assert pool.sizes() == {"ets": 20, "count": 20}
    sample = pool.sample(rng, 30)
    assert sample.shape == (30, LENGTH)
    assert sample.dtype == np.float32
    assert np.isfinite(sample).all()
    only = Pool(tmp_path, {"count": 1.0}).sample(rng, 10)
    np.testing.assert_array_equal(only, np.round(only))
    write_pool(tmp_path, "ets", 8, LENGTH, seed=6)
    assert pool.refresh() == 48


def test_pool_files_depend_on_the_seed_only(tmp_path: Path) -> None:
    (first,) = write_pool(tmp_path / "a", "arima", 10, LENGTH, seed=2)
    (second,) = write_pool(tmp_path / "b", "arima", 10, LENGTH, seed=2)
    assert first.read_bytes() == second.read_bytes()


def test_pool_refuses_what_it_cannot_serve(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown family"):
        write_pool(tmp_path, "nothing", 1, LENGTH)
    write_pool(tmp_path, "step", 4, 64)
    write_pool(tmp_path, "step", 4, 96)
    with pytest.raises(ValueError, match="lengths"):
        Pool(tmp_path, {"step": 1.0})
    with pytest.raises(FileNotFoundError):
        Pool(tmp_path, {"gp": 1.0}, 64)
    assert Pool(tmp_path, {"step": 1.0}, 96).length == 96
