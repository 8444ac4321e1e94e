"""The trainer: rates, first weights, whole runs, export, the config."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

sys.path.append(str(Path(__file__).resolve().parents[1] / "training"))

from stitched.config import read_config
from stitched.feed import Batch, Canvas, Feed, Stitcher, collate
from stitched.pairs import Pair
from stitched.run import Run
from stitched.schedule import Recipe, Schedule, layer_of, parameter_groups
from stitched.sources import Drawn
from stitched.start import begin

from icl_core.errors import InputError, WeightsError
from icl_painting.network.checkpoint import read_network
from icl_painting.network.config import PainterConfig

TRAINING = Path(__file__).resolve().parents[1] / "training"
SIDE, PATCH = 32, 8
TINY = PainterConfig(
    width=24, heads=2, hidden=32, depth=3, patch=PATCH, grid=(8, 4), table=4,
    decoder_width=8, merge=0, taps=(1, 2),
)  # fmt: skip


def script(name: str) -> ModuleType:
    """Import a script under a name of its own: other plugins have a `train.py` too."""
    spec = importlib.util.spec_from_file_location(f"painting_{name}", TRAINING / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


train, export = script("train"), script("export")


def config_text(**changes: Any) -> str:
    given = {"updates": 2, "held_out": 2, "batch": 2, "accumulate": 2, "average": 0.5, **changes}
    return f"""
updates = {given["updates"]}
held_out = {given["held_out"]}
seed = {given.get("seed", 0)}
[network]
width = 24
heads = 2
hidden = 32
depth = 3
patch = {PATCH}
grid = [8, 4]
table = 4
decoder_width = 8
merge = 0
taps = [1, 2]
types = {given.get("types", "false")}
[recipe]
batch = {given["batch"]}
accumulate = {given["accumulate"]}
average = {given["average"]}
amp = "{given.get("amp", "none")}"
[[sources]]
kind = "drawn"
task = "noise"
weight = 2
[[sources]]
kind = "drawn"
task = "mask-by-colour"
"""


def run(folder: Path, *extra: str, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "config.toml"
    file.write_text(config_text(**changes))
    out = folder / "run"
    options = [f"--config={file}", f"--out={out}", "--log-every=1", *extra]
    options.append(f"--threads={torch.get_num_threads()}")
    train.work(train.parser().parse_args(options))
    return out


def state(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(folder / "last.pt", weights_only=True)
    return found


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def picture(seed: int, height: int = 40, width: int = 60) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(1, 256, (height, width, 3), dtype=np.uint8)


# Rates


def test_rates_follow_the_published_schedule_and_layers() -> None:
    schedule = Schedule(100, None, warmup=10)
    assert schedule.factor(0, 0) == pytest.approx(0.1)
    assert schedule.factor(50, 0) == pytest.approx(0.5) and schedule.factor(100, 0) == 0
    assert Schedule(None, 10).progress(3, 300) == 0.5
    assert [layer_of(n, 24) for n in ("pos_embed", "blocks.0.norm1.bias", "blocks.23.x", "norm")] \
        == [0, 1, 24, 25]  # fmt: skip
    network = begin(TINY, 0.0, seed=0)
    parameters = dict(network.named_parameters())
    groups = parameter_groups(parameters, TINY.depth, Recipe(layer_decay=0.5, weight_decay=0.1))
    assert sum(len(group["params"]) for group in groups) == len(parameters)

    def group_of(name: str) -> dict[str, Any]:
        return next(g for g in groups if any(p is parameters[name] for p in g["params"]))

    assert group_of("patch_embed.proj.weight")["scale"] == 0.5**4
    assert group_of("blocks.2.mlp.fc1.weight")["scale"] == 0.5
    assert group_of("mask_token")["scale"] == group_of("decoder_embed.bias")["scale"] == 1
    assert group_of("pos_embed")["weight_decay"] == group_of("norm.weight")["weight_decay"] == 0
    assert group_of("blocks.0.attn.qkv.weight")["weight_decay"] == 0.1


# Where a run begins


def test_new_weights_can_paint_the_query_as_it_is() -> None:
    config = PainterConfig(
        width=96, heads=2, hidden=64, depth=3, patch=PATCH, grid=(8, 4), table=4,
        decoder_width=10, merge=0, taps=(1, 2),
    )  # fmt: skip
    batch = collate(Feed([Drawn("fill", SIDE)], [1], Stitcher(SIDE, PATCH), 4, 0).held_out(0, 4))
    answers = []
    for identity in (False, True):
        network = begin(config, 0.0, seed=0, identity=identity).eval()
        with torch.no_grad():
            answers.append(network(batch.images, batch.targets, batch.masked)[:, :, SIDE:])
    truth = batch.images[:, :, SIDE:]
    plain, own = (float((a - truth).pow(2).mean() / truth.pow(2).mean()) for a in answers)
    assert own < 0.15 < 0.5 < plain
    with pytest.raises(InputError, match="at least 8"):
        begin(PainterConfig(**{**vars(TINY), "decoder_width": 4}), 0.0, 0, identity=True)


def test_new_weights_keep_the_target_apart_and_look_it_up() -> None:
    config = PainterConfig(
        width=128, heads=4, hidden=256, depth=3, patch=PATCH, grid=(8, 4), table=4,
        decoder_width=8, merge=0, taps=(1, 2),
    )  # fmt: skip
    network = begin(config, 0.0, seed=0, identity=True).eval()
    feed = Feed([Drawn("mask-by-colour", SIDE, (0.18, 0.32))], [1], Stitcher(SIDE, PATCH), 4, 0)
    batch = collate(feed.held_out(0, 24))
    seen: list[tuple[Tensor, Tensor]] = []
    for block in network.blocks[:2]:
        block.register_forward_hook(lambda _, given, made: seen.append((given[0], made)))
    with torch.no_grad():
        network(batch.images, batch.targets, batch.masked)
        wanted = network.patch_embed(batch.targets)[..., :48]
    (before, after), (_, recalled) = seen
    images, targets = before[:24], before[24:, :4]  # the prompt's half: the rest is hidden
    assert torch.allclose(after[:24], images, atol=0.15)
    moved = after[24:, :4, :, 72:120]
    assert torch.corrcoef(torch.stack([moved.ravel(), targets[..., :48].ravel()]))[0, 1] > 0.98
    assert after[24:, :4, :, :48].pow(2).mean() < 0.02 * targets[..., :48].pow(2).mean()
    # What the query's tokens recall has to do with the mask that is wanted there.
    pair = torch.stack([recalled[:, 4:, :, 72].ravel(), wanted[:, 4:, :, 0].ravel()])
    assert torch.corrcoef(pair)[0, 1] > 0.4


def test_weights_of_a_file_are_taken_where_they_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = begin(TINY, 0.0, seed=1).state_dict()
    mae = {n: t for n, t in other.items() if n.startswith(("blocks", "pos_embed", "patch_embed"))}
    mae |= {"cls_token": torch.zeros(1, 1, 24), "mask_token": torch.zeros(1, 1, 16)}
    torch.save({"model": mae}, tmp_path / "mae.pth")
    network = begin(TINY, 0.0, seed=0, start=tmp_path / "mae.pth")
    own, new = network.state_dict(), begin(TINY, 0.0, seed=0).state_dict()
    assert torch.equal(own["blocks.1.mlp.fc1.weight"], other["blocks.1.mlp.fc1.weight"])
    assert torch.equal(own["mask_token"], new["mask_token"])
    assert "tensors are from" in capsys.readouterr().err
    torch.save({"model": {"foreign": torch.zeros(3)}}, tmp_path / "none.pth")
    with pytest.raises(WeightsError, match="none of them fits"):
        begin(TINY, 0.0, seed=0, start=tmp_path / "none.pth")


# Runs


def test_a_resumed_run_ends_like_one_that_was_not_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tmp_path / "whole", updates=3)
    original = Run.update

    def stop(self: Run, batches: Sequence[Batch]) -> float:
        if self.step == 2:
            raise KeyboardInterrupt
        return original(self, batches)

    monkeypatch.setattr(Run, "update", stop)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", "--checkpoint-seconds=0", updates=3)
    monkeypatch.setattr(Run, "update", original)
    cut = tmp_path / "cut" / "run"
    assert state(cut)["clock"][0] == 2
    with pytest.raises(InputError, match="holds a run already"):
        run(tmp_path / "cut", updates=3)
    with pytest.raises(InputError, match="of a run with another seed: 0"):
        run(tmp_path / "cut", "--resume", updates=3, seed=5)
    resumed = run(tmp_path / "cut", "--resume", updates=3)
    one, other = state(whole), state(resumed)
    assert one["clock"][:3] == other["clock"][:3] == [3, 12, 0]
    assert equal(one["trained"], other["trained"]) and equal(one["average"], other["average"])
    assert not equal(one["trained"], one["average"])
    files = sorted(p.name for p in resumed.iterdir())
    assert files == ["last.pt", "log.jsonl", "weights.safetensors"]
    lines = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines[:3]] == [1, 2, 3] and lines[-1]["samples"] == 12
    assert set(lines[-1]["psnr"]) == {"noise", "mask-by-colour"}


def test_the_shipped_file_holds_the_average_and_is_read_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(tmp_path / "a")
    out = tmp_path / "small.safetensors"
    assert export.main(["--run", str(folder), "--out", str(out), "--licence", "MIT"]) == 0
    assert f"size={out.stat().st_size} sha256=" in capsys.readouterr().out
    network = read_network(out, "painter")
    assert network.config == TINY
    assert network.notes["licence"] == "MIT" and network.notes["training"]["updates"] == 2
    average = state(folder)["average"]
    for name, tensor in network.state_dict().items():
        assert torch.allclose(tensor, average[name], atol=1e-3)
    exact = read_network(folder / "weights.safetensors", "painter").state_dict()
    assert equal(exact, {name: average[name] for name in exact})
    assert export.main(["--run", str(tmp_path), "--out", str(out)]) == 1
    assert "holds no checkpoint" in capsys.readouterr().err
    assert export.main(["--run", str(folder), "--out", str(tmp_path / "x.pth")]) == 1
    assert "expected a name in .safetensors" in capsys.readouterr().err


def test_seggpt_is_trained_with_its_type_tokens(tmp_path: Path) -> None:
    folder = run(tmp_path / "a", types="true", updates=1)
    assert read_network(folder / "weights.safetensors", "seggpt").config.types


def test_half_floats_are_close_to_float32() -> None:
    batch = Feed([Drawn("noise", SIDE)], [1], Stitcher(SIDE, PATCH, 1.0), 2, 0)[0]
    losses, weights = [], []
    for amp in ("none", "bfloat16", "float16"):
        network = begin(TINY, 0.0, seed=0)
        own = Run(network, Recipe(amp=amp), Schedule(5, None), 0, torch.device("cpu"))
        losses.append(own.update([batch]))
        weights.append(own.trained["decoder_embed.weight"].detach().clone())
    assert losses[0] not in losses[1:] and losses == pytest.approx([losses[0]] * 3, rel=0.05)
    assert all(torch.allclose(weights[0], other, atol=3e-3) for other in weights[1:])


def test_an_update_without_finite_loss_is_skipped() -> None:
    own = Run(begin(TINY, 0.1, 0), Recipe(), Schedule(9, None), 0, torch.device("cpu"))
    batch = Feed([Drawn("noise", SIDE)], [1], Stitcher(SIDE, PATCH), 2, 0)[0]
    before = {name: p.detach().clone() for name, p in own.trained.items()}
    assert np.isnan(own.update([batch._replace(images=batch.images * torch.nan)]))
    assert own.skipped == 1 and equal({n: p.detach() for n, p in own.trained.items()}, before)
    assert np.isfinite(own.update([batch])) and own.step == 2


def test_a_black_prompt_teaches_painter_nothing() -> None:
    black = np.zeros((SIDE, SIDE, 3), np.uint8)
    pair = Pair(picture(0, SIDE, SIDE), black, "drawn-any")
    query = Pair(picture(1, SIDE, SIDE), picture(2, SIDE, SIDE), "drawn-any")
    canvas: Canvas = Stitcher(SIDE, PATCH).plain(pair, query)
    network = begin(TINY, 0.0, 0)
    losses = [
        float(Run(network, Recipe(black_rule=rule), Schedule(1, None), 0, torch.device("cpu"))
              .loss(collate([canvas])).detach())
        for rule in (True, False)
    ]  # fmt: skip
    assert losses[0] == 0 < losses[1]


# The config


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("updates = 2", "epochs = 2", "has 'epochs', expected some of"),
        ("updates = 2", "", "needs one of updates and minutes"),
        ("batch = 2", "batch = 0", "batch is 0, expected at least 1"),
        ("average = 0.5", "ema = 0.5", "recipe has 'ema'"),
        ("merge = 0", "merge = 7", "network: merge is 7"),
        ("weight = 2", "weight = -1", "weight -1, expected one above 0"),
        ("width = 24", "width = ", "cannot be read"),
    ],
)
def test_a_bad_config_is_refused(
    old: str, new: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    text = config_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    assert train.main([f"--config={file}", f"--out={tmp_path / 'run'}"]) == 1
    assert words in capsys.readouterr().err


def test_minutes_of_the_command_line_come_first_and_the_shipped_configs_are_sound() -> None:
    for file in sorted(TRAINING.glob("*.toml")):
        config = read_config(file, minutes=3)
        assert config.minutes == 3 and config.updates is None
        for source in config.sources:
            assert source["kind"] in {"drawn", "photographs", "list", "episodes"}
