"""Stand-in weights of the published TiRex-2 sizes, and series with covariates."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from icl_bench.compare.standin import contexts, stand_in

WIDTH, HEADS, HIDDEN, UP, PATCH, LEVELS, EXPANSION = 512, 4, 2048, 1408, 32, 9, 4
KINDS = ("mlstm", "slstm") * 6


@dataclass(frozen=True)
class Scenario:
    """Samples of one make-up.

    Args:
        name: for the tables and for `--scenario`.
        batch: samples.
        context: values of the history.
        targets: variates that are forecast.
        past: past-only covariates.
        future: covariates known into the future.
        target: how many times faster than the released code we want to be; None for none.
    """

    name: str
    batch: int
    context: int
    targets: int = 1
    past: int = 0
    future: int = 0
    target: float | None = None


HORIZON = 64
SCENARIOS = (
    Scenario("context 144", 16, 144, target=4.0),
    Scenario("context 2048", 16, 2048, target=1.2),
    Scenario("context 2048, 2 targets, 2 past-only", 4, 2048, 2, 2),
    Scenario("context 2048, 2 targets, 2 past-only, 2 known", 4, 2048, 2, 2, 2),
)


def tensor_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published checkpoint, each tensor under one name."""
    shapes: dict[str, tuple[int, ...]] = {"stack_out_norm.weight": (WIDTH,)}

    def residual(name: str, d_in: int, hidden: int, d_out: int) -> None:
        for part, shape in (
            ("hidden_layer", (hidden, d_in)),
            ("output_layer", (d_out, hidden)),
            ("residual_layer", (d_out, d_in)),
        ):
            shapes[f"{name}.{part}.weight"] = shape
            shapes[f"{name}.{part}.bias"] = shape[:1]

    residual("input_patch_embedding", 2 * PATCH, HIDDEN, WIDTH)
    head = WIDTH // HEADS
    for number, kind in enumerate(KINDS):
        mixer = f"stack.{number}.time_mixer"
        cell: dict[str, tuple[int, ...]] = {
            "multihead_norm.weight": (WIDTH,),
            **{f"{part}.weight": (WIDTH // 2, WIDTH) for part in ("q", "k")},
            **{f"{part}.weight": (WIDTH, WIDTH) for part in ("v", "ogate_preact", "out_proj")},
            **{f"{part}.weight": (HEADS, WIDTH) for part in ("igate_preact", "fgate_preact")},
            **{f"{part}.bias": (HEADS,) for part in ("igate_preact", "fgate_preact")},
        }
        if kind == "slstm":
            cell = {
                "group_norm.weight": (WIDTH,),
                "_recurrent_kernel_": (HEADS, head, 4, head),
                "_bias_": (HEADS, 4, head),
                **{f"{g}gate.weight": (HEADS, head, head) for g in "fizo"},
            }
        shapes |= {f"{mixer}.fwd_cell.{part}": shape for part, shape in cell.items()}
        for norm in ("norm_lstm", "norm_ffn"):
            shapes[f"{mixer}.{norm}.weight"] = (WIDTH,)
        shapes[f"{mixer}.combination.weight"] = (WIDTH, 2 * WIDTH)
        shapes[f"{mixer}.ffn.proj_up_gate.weight"] = (UP, WIDTH)
        shapes[f"{mixer}.ffn.proj_up.weight"] = (UP, WIDTH)
        shapes[f"{mixer}.ffn.proj_down.weight"] = (WIDTH, UP)
        mixer = f"stack.{number}.variate_mixer"
        for norm in ("norm_attn", "norm_ffn"):
            shapes[f"{mixer}.{norm}.weight"] = (WIDTH,)
        for part in ("WQ", "WK", "WV", "WO"):
            shapes[f"{mixer}.attn.{part}.weight"] = (WIDTH, WIDTH)
        shapes[f"{mixer}.ffn.wi.weight"] = (4 * WIDTH, WIDTH)
        shapes[f"{mixer}.ffn.wo.weight"] = (WIDTH, 4 * WIDTH)
    residual("output_patch_embedding", WIDTH, EXPANSION * WIDTH, LEVELS * PATCH)
    return shapes


def config() -> dict[str, object]:
    """The published configuration, in the form of the released `config.json`."""
    templates = {
        f"{kind}_attn": {
            "time_mixer": {
                "model_type": f"bi-{kind}",
                "embedding_dim": WIDTH,
                "num_heads": HEADS,
                "num_slstm_heads": HEADS,
            },
            "variate_mixer": {"embedding_dim": WIDTH, "num_heads": HEADS},
            "dropout": 0.0,
            "eps": 1e-7,
        }
        for kind in KINDS[:2]
    }
    sizes = {"input_patch_size": PATCH, "output_patch_size": PATCH}
    return {
        "stack_config": {"templates": templates, "recipe": [f"{kind}_attn" for kind in KINDS]},
        "num_blocks": len(KINDS),
        "embedding_dim": WIDTH,
        **sizes,
        "quantiles": [round(0.1 * q, 1) for q in range(1, LEVELS + 1)],
        "tokenizer_cfg": {**sizes, "input_patch_stride": PATCH},
        "scaler_cfg": {"use_arcsinh": True, "binaryaware": True},
        "h_expand": EXPANSION,
        "context_len": 2048,
        "future_len": 320,
        "input_ff_dim": HIDDEN,
        "act_func": "SiLU",
        "dropout": 0.0,
        "use_qk_norm": True,
        "tta_sign_flip": False,
        "tta_diff": True,
        "stack_out_norm_config": {"eps": 1e-7},
    }


def write_checkpoint(folder: Path) -> Path:
    """Write `config.json` and `model.safetensors` to a new folder; return the folder."""
    import torch
    from safetensors.torch import save_file

    place = folder / "TiRex-2"
    place.mkdir()
    tensors = {n: torch.from_numpy(stand_in(n, s)) for n, s in tensor_shapes().items()}
    save_file(tensors, place / "model.safetensors")
    (place / "config.json").write_text(json.dumps(config()), encoding="utf-8")
    return place


def write_samples(folder: Path, scenario: Scenario, number: int) -> Path:
    """Write the rows of a scenario: targets, past and future, [batch, variates, steps] each."""
    rows = scenario.targets + scenario.past + scenario.future
    whole = contexts(scenario.batch * rows, scenario.context + HORIZON)
    whole = whole.reshape(scenario.batch, rows, -1).astype(np.float32)
    targets, past, future = np.split(whole, np.cumsum([scenario.targets, scenario.past]), axis=1)
    path = folder / f"samples_{number}.npz"
    steps = scenario.context
    np.savez(path, targets=targets[..., :steps], past=past[..., :steps], future=future)
    return path
