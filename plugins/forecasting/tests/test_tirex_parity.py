"""Through the public API: golden forecasts of the released code, from every checkpoint layout."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import icl_core as icl
from icl_core import Episode, InputError, Learner
from icl_forecasting.tirex.config import TirexConfig
from icl_forecasting.tirex.network import TirexNetwork
from icl_forecasting.tirex.rollout import Rollout

Arrays = Callable[[str], dict[str, np.ndarray]]
Tensors = dict[str, torch.Tensor]

LAYOUTS = ("lightning", "lightning older nesting", "safetensors", "bare with config.json")
CASES = (
    "short50",
    "short33_two",
    "len1",
    "aligned160",
    "full256",
    "long500",
    "nan_inside",
    "constant",
    "large_scale",
)
STEPS = [(1, 1), (32, 1), (70, 1), (70, 3)]
FORECASTS = [(case, *steps) for case in CASES for steps in STEPS] + [("short50", 130, 2)]
LONG = ("short50", 400, 1)
"""Beyond the context of 256: official and corrected forecasts differ here by design."""


@pytest.fixture(scope="module")
def checkpoints(
    tmp_path_factory: pytest.TempPathFactory, golden_config: TirexConfig, golden_tensors: Tensors
) -> dict[str, Path]:
    """The stand-in weights in every layout."""
    folder = tmp_path_factory.mktemp("layouts")
    official = golden_config.to_official()
    files = {layout: folder / layout.replace(" ", "_") for layout in LAYOUTS}
    for file in files.values():
        file.mkdir()
    nested = {
        (f"block_stack.{n}" if n.startswith(("blocks.", "out_norm.")) else n): t
        for n, t in golden_tensors.items()
    }
    for layout, tensors in zip(LAYOUTS[:2], (golden_tensors, nested), strict=True):
        files[layout] /= "model.ckpt"
        torch.save({"hyper_parameters": official, "state_dict": tensors}, files[layout])
    files["safetensors"] /= "small.safetensors"
    metadata = {"config": json.dumps(official)}
    save_file(golden_tensors, files["safetensors"], metadata=metadata)
    (files["bare with config.json"] / "config.json").write_text(json.dumps(official))
    files["bare with config.json"] /= "weights.pt"
    torch.save(dict(golden_tensors), files["bare with config.json"])
    return files


def load(path: Path, **options: Any) -> Learner:
    return icl.load("tirex", weights=path, device="cpu", **options)


def contexts_of(arrays: dict[str, np.ndarray], case: str) -> list[np.ndarray]:
    if case == "ragged":
        return [arrays[f"ragged__context{i}"] for i in range(4)]
    return list(arrays[f"{case}__context"])


def forecast(learner: Learner, contexts: list[np.ndarray], steps: int, limit: int) -> np.ndarray:
    """[B, P, Q], as the golden arrays are laid out."""
    predictions = [
        icl.predict(learner, context, steps, max_accelerated_rollout_steps=limit)
        for context in contexts
    ]
    assert all(p.levels == learner.network.config.quantile_levels for p in predictions)
    assert all(np.array_equal(p.mean, p.quantiles[4]) for p in predictions)
    return np.stack([p.quantiles.T for p in predictions])


def test_every_array_of_the_golden_file_is_compared_here(golden_arrays: Arrays) -> None:
    compared = {f"{case}__context" for case in (*CASES, "all_nan")}
    compared |= {f"ragged__context{i}" for i in range(4)}
    everything = [*FORECASTS, LONG, *(("all_nan", *steps) for steps in STEPS)]
    for form in ("fp32", "bf16"):
        compared |= {f"{case}__{form}__p{p}_acc{k}__quantiles" for case, p, k in everything}
        compared |= {f"ragged__{form}__p70_acc1{end}__quantiles" for end in ("", "_bs3")}
    assert set(golden_arrays("forecast")) == compared


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_network(
    checkpoints: dict[str, Path],
    layout: str,
    golden_arrays: Arrays,
    golden_config: TirexConfig,
    golden_tensors: Tensors,
) -> None:
    learner = load(checkpoints[layout], dtype="float32")
    assert learner.network.config == golden_config
    own = learner.network.state_dict()
    assert own.keys() == golden_tensors.keys()
    assert all(torch.equal(own[name], golden_tensors[name]) for name in own)
    arrays = golden_arrays("forecast")
    got = forecast(learner, contexts_of(arrays, "nan_inside"), 70, 3)
    want = arrays["nan_inside__fp32__p70_acc3__quantiles"]
    assert np.abs(got - want).max() <= 1e-5 * max(1.0, np.abs(want).max())


@pytest.mark.parametrize("behaviour", ["official", "corrected"])
def test_float32_forecasts_equal_the_golden_arrays(
    checkpoints: dict[str, Path], golden_arrays: Arrays, behaviour: str
) -> None:
    arrays = golden_arrays("forecast")
    learner = load(checkpoints["lightning older nesting"], dtype="float32", behaviour=behaviour)
    for case, steps, limit in [*FORECASTS, *([LONG] if behaviour == "official" else [])]:
        got = forecast(learner, contexts_of(arrays, case), steps, limit)
        want = arrays[f"{case}__fp32__p{steps}_acc{limit}__quantiles"]
        assert got.shape == want.shape, case
        tolerance = 2e-5 if case == "large_scale" or steps == 400 else 1e-5
        gap = np.abs(got - want).max() / max(1.0, np.abs(want).max())
        assert gap <= tolerance, (case, steps, limit)


def spreads(contexts: list[np.ndarray], case: str) -> np.ndarray:
    """The unit of the bfloat16 tolerance for each series."""
    found = np.array([np.nanstd(context) for context in contexts])
    return np.where((found == 0) | (case == "constant"), 1.0, found)[:, None, None]


def test_bfloat16_cell_follows_the_golden_arrays(
    checkpoints: dict[str, Path], golden_arrays: Arrays
) -> None:
    arrays = golden_arrays("forecast")
    learner = load(checkpoints["lightning"], dtype="bfloat16", behaviour="official")
    for case, steps, limit in [*FORECASTS, LONG, ("ragged", 70, 1)]:
        contexts = contexts_of(arrays, case)
        want = arrays[f"{case}__bf16__p{steps}_acc{limit}__quantiles"]
        gap = np.abs(forecast(learner, contexts, steps, limit) - want) / spreads(contexts, case)
        assert gap.max() <= 2e-2 and gap.mean() <= 2e-3, (case, steps, limit)


def test_bfloat16_differs_from_float32(checkpoints: dict[str, Path], golden_arrays: Arrays) -> None:
    context = golden_arrays("forecast")["full256__context"][0]
    rounded = load(checkpoints["lightning"], dtype="bfloat16", behaviour="official")
    full = load(checkpoints["lightning"], dtype="float32", behaviour="official")
    gap = np.abs(
        icl.predict(rounded, context, 32).quantiles - icl.predict(full, context, 32).quantiles
    )
    assert gap.max() > 1e-4


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 32])
@pytest.mark.parametrize("behaviour", ["official", "corrected"])
def test_ragged_batches_equal_the_golden_arrays(
    checkpoints: dict[str, Path], golden_arrays: Arrays, batch_size: int, behaviour: str
) -> None:
    arrays = golden_arrays("forecast")
    learner = load(checkpoints["safetensors"], dtype="float32", behaviour=behaviour)
    episodes = [
        Episode(icl.Context(history=icl.Series(c)), icl.Horizon(70))
        for c in contexts_of(arrays, "ragged")
    ]
    answers = learner.predict_episodes(iter(episodes), batch_size=batch_size)
    got = np.stack([answer.quantiles.T for answer in answers])
    for end in ("", "_bs3"):
        want = arrays[f"ragged__fp32__p70_acc1{end}__quantiles"]
        assert np.abs(got - want).max() <= 1e-5 * max(1.0, np.abs(want).max())


def test_ragged_batches_in_bfloat16_follow_the_golden_arrays(
    checkpoints: dict[str, Path], golden_arrays: Arrays
) -> None:
    arrays = golden_arrays("forecast")
    learner = load(checkpoints["safetensors"], dtype="bfloat16", behaviour="official")
    contexts = contexts_of(arrays, "ragged")
    answers = learner.predict_episodes([Episode(c, 70) for c in contexts], batch_size=3)
    got = np.stack([answer.quantiles.T for answer in answers])
    gap = np.abs(got - arrays["ragged__bf16__p70_acc1_bs3__quantiles"]) / spreads(contexts, "")
    assert gap.max() <= 2e-2 and gap.mean() <= 2e-3


@pytest.mark.parametrize("form", ["fp32", "bf16"])
def test_a_series_without_values_is_refused_though_the_network_would_answer(
    checkpoints: dict[str, Path], golden_arrays: Arrays, golden_network: TirexNetwork, form: str
) -> None:
    arrays = golden_arrays("forecast")
    contexts = contexts_of(arrays, "all_nan")
    with pytest.raises(InputError, match="only missing values"):
        icl.predict(load(checkpoints["safetensors"]), contexts[0], 32)
    golden_network.set_cell_dtype(torch.float32 if form == "fp32" else torch.bfloat16)
    rollout = Rollout(golden_network)
    for steps, limit in STEPS:
        got = rollout(contexts, steps, limit).transpose(0, 2, 1)
        gap = np.abs(got - arrays[f"all_nan__{form}__p{steps}_acc{limit}__quantiles"])
        assert gap.max() <= (1e-5 if form == "fp32" else 2e-2)


def test_past_the_context_length_official_collapses_and_corrected_does_not(
    checkpoints: dict[str, Path], golden_arrays: Arrays
) -> None:
    context = golden_arrays("forecast")["short50__context"][0].astype(float) + 1000
    official = load(checkpoints["safetensors"], behaviour="official")
    corrected = load(checkpoints["safetensors"])
    collapsed = icl.predict(official, context, 400).mean
    kept = icl.predict(corrected, context, 400).mean
    assert np.abs(collapsed[300:]).max() < 100
    assert np.abs(kept - 1000).max() < 100
    assert np.abs(kept[128:] - kept[127]).max() > 0


def test_the_first_section_of_a_long_forecast_is_the_golden_one(
    checkpoints: dict[str, Path], golden_arrays: Arrays
) -> None:
    arrays = golden_arrays("forecast")
    got = forecast(load(checkpoints["safetensors"]), contexts_of(arrays, "short50"), 400, 1)
    want = arrays["short50__fp32__p400_acc1__quantiles"][:, :128]
    assert np.abs(got[:, :128] - want).max() <= 2e-5 * max(1.0, np.abs(want).max())


@pytest.mark.parametrize("steps", [64, 120, 200])
@pytest.mark.parametrize("behaviour", ["official", "corrected"])
def test_resampled_forecasts_equal_the_golden_arrays(
    checkpoints: dict[str, Path], golden_arrays: Arrays, steps: int, behaviour: str
) -> None:
    arrays = golden_arrays("resample")
    learner = load(checkpoints["lightning"], dtype="float32", behaviour=behaviour)
    episodes = [Episode(arrays[f"s{i}__context"], steps) for i in range(5)]
    answers = list(learner.predict_episodes(episodes, resample_strategy="frequency"))
    quantiles = np.stack([answer.quantiles.T for answer in answers])
    means = np.stack([answer.mean for answer in answers])
    # The released means come from float32 running sums, the corrected ones are exact.
    tolerance = 1e-3
    assert np.abs(quantiles - arrays[f"forecast__fp32__p{steps}__quantiles"]).max() <= tolerance
    assert np.abs(means - arrays[f"forecast__fp32__p{steps}__mean"]).max() <= tolerance


@pytest.mark.parametrize("steps", [64, 120, 200])
def test_resampled_forecasts_in_bfloat16_follow_the_golden_arrays(
    checkpoints: dict[str, Path], golden_arrays: Arrays, steps: int
) -> None:
    arrays = golden_arrays("resample")
    learner = load(checkpoints["lightning"], dtype="bfloat16", behaviour="official")
    contexts = [arrays[f"s{i}__context"] for i in range(5)]
    answers = learner.predict_episodes(
        [Episode(c, steps) for c in contexts], resample_strategy="frequency"
    )
    got = np.stack([answer.quantiles.T for answer in answers])
    gap = np.abs(got - arrays[f"forecast__bf16__p{steps}__quantiles"]) / spreads(contexts, "")
    assert gap.max() <= 2e-2 and gap.mean() <= 2e-3


def test_quantiles_of_a_bare_checkpoint_cross_and_monotone_sorts_them(
    checkpoints: dict[str, Path], golden_arrays: Arrays
) -> None:
    context = golden_arrays("forecast")["full256__context"][0]
    bare = icl.predict(load(checkpoints["safetensors"]), context, 70).quantiles
    ordered = icl.predict(load(checkpoints["safetensors"], monotone=True), context, 70).quantiles
    assert (np.diff(bare, axis=0) < 0).any()
    assert np.array_equal(ordered, np.sort(bare, axis=0))


def test_every_array_name_says_what_it_holds(golden_arrays: Arrays) -> None:
    pattern = re.compile(r"\w+?__(context\d?|(fp32|bf16)__p\d+_acc\d(_bs3)?__quantiles)")
    assert all(pattern.fullmatch(name) for name in golden_arrays("forecast"))
