"""Rollout: passes, the padding cache, batching; sections beyond the context length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor

from icl_forecasting.tirex import rollout as rollout_module
from icl_forecasting.tirex.cell import CellState
from icl_forecasting.tirex.network import TirexNetwork
from icl_forecasting.tirex.rollout import MERGE_TOKENS, Rollout, _groups, plan_passes
from icl_forecasting.tirex.scaling import leading_missing, standardise
from icl_forecasting.tirex.sections import forecast_in_sections

LENGTHS = (1, 5, 31, 32, 33, 64, 90, 127, 128, 129, 300)


def ragged(seed: int = 0) -> list[np.ndarray]:
    """One series of every length, some of them with gaps."""
    rng = np.random.default_rng(seed)
    contexts = [10 * rng.normal(size=n).cumsum() + 50 for n in LENGTHS]
    for context in contexts[4::2]:
        context[3:9] = np.nan
    return contexts


@given(patches=st.integers(1, 300), limit=st.integers(1, 40))
def test_passes_cover_every_patch_once(patches: int, limit: int) -> None:
    passes = plan_passes(patches, limit)
    assert sum(passes) == patches
    assert all(size == limit for size in passes[:-1]) and 1 <= passes[-1] <= limit


def test_passes_shrink_only_at_the_end() -> None:
    assert plan_passes(5, 2) == [2, 2, 1]


@given(
    rows=st.lists(st.tuples(st.integers(0, 63), st.integers(1, 4)), min_size=1, max_size=60),
)
def test_groups_hold_every_row_once_and_start_early_enough(rows: list[tuple[int, int]]) -> None:
    starts, wanted = [s for s, _ in rows], [k for _, k in rows]
    groups = _groups(starts, wanted)
    assert sorted(row for _, _, members in groups for row in members) == list(range(len(rows)))
    for k, start, members in groups:
        assert all(wanted[row] == k for row in members)
        assert min(starts[row] for row in members) == start
        assert all(starts[row] - start <= MERGE_TOKENS for row in members)


def test_rows_with_near_starts_share_a_forward(tiny_network: TirexNetwork) -> None:
    sizes: list[tuple[int, int]] = []

    def forward(tokens: Tensor, states: list[CellState] | None, last: int) -> Tensor:
        sizes.append((len(tokens), tokens.shape[1]))
        return tiny_network(tokens, states, last=last)

    contexts = [np.arange(n, dtype=float) for n in (128, 100, 20, 128)]
    Rollout(tiny_network, forward=forward)(contexts, 32, 1)
    assert sizes == [(4, 4)]


@pytest.mark.parametrize("limit", [1, 3])
def test_the_padding_cache_equals_the_full_padded_forward(
    tiny_network: TirexNetwork, limit: int
) -> None:
    config = tiny_network.config
    for context in ragged():
        got = Rollout(tiny_network)([context], limit * 32, limit)[0]
        window = np.full((1, config.context_length), np.nan)
        tail = context[-config.context_length :]
        window[0, -len(tail) :] = tail
        scaled = standardise(torch.from_numpy(window), config.patch)
        empty = torch.zeros(1, limit - 1, 2 * config.patch)
        with torch.inference_mode():
            whole = tiny_network(torch.cat([scaled.tokens, empty], dim=1))[0, -limit:]
        expected = whole.double() * scaled.scale + scaled.loc
        expected = expected.permute(1, 0, 2).reshape(9, -1)
        gap = np.abs(got - expected.numpy()) / float(scaled.scale)
        assert gap.max() <= 5e-6, len(context)


def test_the_padding_is_read_once_a_network(
    tiny_network: TirexNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    original = tiny_network.missing_states

    def counted(count: int) -> list[CellState]:
        calls.append(count)
        return original(count)

    monkeypatch.setattr(tiny_network, "missing_states", counted)
    rollout = Rollout(tiny_network)
    rollout([np.arange(128.0)], 32, 1)
    assert calls == []
    for length in (20, 30, 40):
        rollout([np.arange(float(length))], 64, 1)
    assert calls == [4]


@pytest.mark.parametrize(("horizon", "limit"), [(1, 1), (70, 1), (70, 3), (130, 2)])
@pytest.mark.parametrize("sign_flip", [False, True])
def test_a_batch_equals_its_members(
    tiny_network: TirexNetwork, horizon: int, limit: int, sign_flip: bool
) -> None:
    rollout = Rollout(tiny_network, sign_flip=sign_flip)
    contexts = ragged()
    together = rollout(contexts, horizon, limit)
    alone = np.concatenate([rollout([context], horizon, limit) for context in contexts])
    assert together.shape == (len(LENGTHS), 9, horizon) and together.dtype == np.float32
    # a single value is its own scale
    spread = np.array([np.nanstd(c) or np.abs(c).max() for c in contexts])[:, None, None]
    assert (np.abs(together - alone) / spread).max() <= 1e-5


@pytest.mark.parametrize("tokens", [1, 7, 40])
@pytest.mark.parametrize("sign_flip", [False, True])
def test_forwards_are_cut_to_the_token_limit(
    tiny_network: TirexNetwork, monkeypatch: pytest.MonkeyPatch, tokens: int, sign_flip: bool
) -> None:
    sizes: list[int] = []

    def forward(part: Tensor, states: list[CellState] | None, last: int) -> Tensor:
        sizes.append(part.shape[0] * part.shape[1])
        return tiny_network(part, states, last=last)

    whole = Rollout(tiny_network, sign_flip=sign_flip)(ragged(), 96, 2)
    monkeypatch.setattr(rollout_module, "TOKENS_AT_ONCE", tokens)
    cut = Rollout(tiny_network, sign_flip=sign_flip, forward=forward)(ragged(), 96, 2)
    assert np.allclose(cut, whole, rtol=0, atol=1e-3)
    one_row = (4 + 2 - 1) * (2 if sign_flip else 1)
    assert max(sizes) <= max(tokens, one_row)


def test_the_sign_flip_is_symmetrical(tiny_network: TirexNetwork) -> None:
    rollout = Rollout(tiny_network, sign_flip=True)
    contexts = ragged()
    straight = rollout(contexts, 70, 1)
    mirrored = rollout([-context for context in contexts], 70, 1)
    assert np.allclose(mirrored, -straight[:, ::-1], rtol=1e-5, atol=1e-4)
    plain = Rollout(tiny_network)
    both = plain(contexts, 70, 1) - plain([-context for context in contexts], 70, 1)[:, ::-1]
    assert np.allclose(straight, both / 2, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("limit", [1, 2])
def test_a_shorter_horizon_is_the_beginning_of_a_longer_one(
    tiny_network: TirexNetwork, limit: int
) -> None:
    rollout = Rollout(tiny_network)
    long = rollout(ragged(), 128, limit)
    for horizon in (1, 31, 32, 33, 64):
        short = rollout(ragged(), horizon, limit)
        # Odd numbers of patches end on a smaller pass, which starts from the same window.
        assert np.allclose(short, long[:, :, :horizon], rtol=1e-5, atol=1e-4)


def test_values_before_the_context_change_nothing(tiny_network: TirexNetwork) -> None:
    context = ragged()[-1]
    other = np.concatenate([np.full(500, 1e6), context[-128:]])
    rollout = Rollout(tiny_network)
    assert np.array_equal(rollout([context], 96, 3), rollout([other], 96, 3))


@hypothesis_settings(deadline=None, max_examples=25)
@given(
    length=st.integers(2, 140),
    scale=st.floats(1e-12, 1e12),
    shift=st.floats(-1e3, 1e3),
    seed=st.integers(0, 1000),
)
def test_forecasts_follow_scale_and_shift_in_float64(
    length: int, scale: float, shift: float, seed: int
) -> None:
    network = _network()
    rng = np.random.default_rng(seed)
    context = rng.normal(size=length).cumsum()
    spread = context.std() + 1e-9
    moved = scale * (context + shift * spread)
    plain = Rollout(network)([context], 40, 1)
    got = Rollout(network)([moved], 40, 1) / scale - shift * spread
    # float32 results of values around `shift` cannot be finer than this
    tolerance = spread * (1e-4 + 4e-7 * abs(shift))
    assert np.abs(got - plain).max() <= tolerance * 4


_CACHED: list[TirexNetwork] = []


@pytest.fixture(autouse=True)
def _share(tiny_network: TirexNetwork) -> None:
    """Hypothesis runs outlive function fixtures; they share the session's weights instead."""
    if not _CACHED:
        _CACHED.append(tiny_network)


def _network() -> TirexNetwork:
    return _CACHED[0]


def test_leading_missing_counts_whole_tokens() -> None:
    windows = torch.full((4, 128), torch.nan)
    windows[0, 0] = 1.0
    windows[1, 63] = 1.0
    windows[2, 127] = 1.0
    tokens = standardise(windows.double(), 32).tokens
    assert leading_missing(tokens).tolist() == [0, 1, 3, 4]


def test_normalisation_in_float64_keeps_small_differences_of_large_values() -> None:
    windows = 1e9 + torch.arange(64, dtype=torch.float64)[None]
    values = standardise(windows, 32).tokens[..., :32].flatten()
    assert torch.allclose(values.diff(), torch.full((63,), 1 / windows.std(correction=0)))
    rounded = standardise(windows.float(), 32).tokens[..., :32].flatten()
    assert not torch.allclose(values, rounded, atol=0.1)


Forecast = Sequence[np.ndarray]


def walk(histories: Forecast, steps: int) -> np.ndarray:
    """Quantiles of a random walk from the last value on, levels at -1, 0 and 1 deviation."""
    reach = np.sqrt(np.arange(1, steps + 1))
    last = np.array([history[-1] for history in histories])[:, None, None]
    return (last + np.array([-1.0, 0, 1])[:, None] * reach).astype(np.float32)


def test_sections_widen_a_random_walk_as_independent_errors_add() -> None:
    got = forecast_in_sections([np.array([5.0]), np.array([9.0])], 250, 64, 256, walk, median=1)
    assert got.shape == (2, 3, 250) and got.dtype == np.float32
    assert np.allclose(got, walk([np.array([5.0]), np.array([9.0])], 250), rtol=1e-5, atol=1e-4)


def test_sections_read_their_own_median_and_are_cut_to_the_horizon() -> None:
    seen: list[tuple[int, int]] = []

    def forecast(histories: Forecast, steps: int) -> np.ndarray:
        seen.append((len(histories[0]), steps))
        return walk(histories, steps)

    forecast_in_sections([np.zeros(10)], 150, 64, 100, forecast, median=1)
    assert seen == [(10, 64), (74, 64), (100, 22)]


def test_a_single_section_is_the_forecast_itself() -> None:
    contexts = [np.array([5.0])]
    got = forecast_in_sections(contexts, 50, 64, 256, walk, 1)
    assert np.allclose(got, walk(contexts, 50), rtol=1e-6, atol=1e-5)


def test_sections_neither_collapse_nor_narrow(tiny_network: TirexNetwork) -> None:
    rollout = Rollout(tiny_network, sign_flip=True)
    context = 1e4 + 5 * np.sin(np.arange(128) / 3)

    def forecast(histories: Forecast, steps: int) -> np.ndarray:
        return np.sort(rollout(histories, steps, 2), axis=1)

    got = forecast_in_sections([context], 600, 64, 128, forecast, median=4)[0]
    assert np.abs(got[4] - 1e4).max() < 1e3
    assert (np.diff(got, axis=0) >= 0).all()
    width = got[8] - got[0]
    edges = np.arange(64, 600, 64)
    # after an edge the distance from the median is at least the one reached before it
    assert (width[edges] >= width[edges - 1] * 0.999).all()
    collapsed = rollout([context], 600, 1)[0, 4]
    assert np.abs(collapsed[-1]) < 1e3
