"""The released engines' arrays, through the public API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import icl_core as icl
from icl_painting.seggpt.answers import colours_of, shaded

Golden = Callable[[str], dict[str, np.ndarray]]


def write(path: Path, tensors: Any) -> Path:
    torch.save({"model": tensors, "epoch": 3}, path)
    return path


@pytest.fixture(scope="module")
def thin(seeded: Any, shapes: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    tensors = seeded(shapes("seggpt/thin_manifest.json"), 7)
    return write(tmp_path_factory.mktemp("thin") / "seggpt.pth", tensors)


def rgb(answer: Any) -> np.ndarray:
    return colours_of(torch.from_numpy(answer.canvas)).permute(1, 2, 0).numpy()


def same_picture(found: np.ndarray, expected: np.ndarray, levels: int, share: float) -> None:
    apart = np.abs(found.astype(int) - expected)
    assert apart.max() <= levels and (apart > 0).mean() <= share


def test_the_released_image_engine(golden: Golden, thin: Path) -> None:
    arrays = golden("seggpt/thin_pipeline_image.npz")
    learner = icl.load("seggpt", weights=thin, device="cpu")
    query = arrays["query"]
    for count in (1, 2):
        context = [(arrays[f"prompt{n}"], arrays[f"target{n}"]) for n in range(count)]
        prepared = learner.prepare(context)
        one = prepared._state.passes[0]
        for kind, tensor in (("img", one.images), ("tgt", one.targets)):
            expected = arrays[f"n{count}_canvas_{kind}_stride16"][:, :28]
            found = tensor.permute(0, 2, 3, 1)[:, ::16, ::16].numpy()
            assert np.abs(found - expected).max() <= 1e-6
        answer = prepared.predict(query)
        assert answer.canvas.shape == (3, 448, 448)
        apart = rgb(answer)[::8, ::8] - arrays[f"n{count}_output_rgb255_stride8"]
        assert np.abs(apart).max() <= 1e-3
        same_picture(shaded(query, answer.canvas), arrays[f"n{count}_overlay"], 1, 0.005)


@pytest.mark.parametrize("memory", [0, 2])
def test_the_released_video_engine(golden: Golden, thin: Path, memory: int) -> None:
    arrays = golden("seggpt/thin_pipeline_video.npz")
    learner = icl.load("seggpt", weights=thin, device="cpu", behaviour="official", memory=memory)
    frames, name = arrays["frames"], f"num_frames{memory}"
    answers = learner.prepare([(frames[0], arrays["target"])]).predict(icl.Video(frames))
    assert [a.meta["prompts"] for a in answers] == arrays[f"{name}_batch_sizes"].tolist()
    for number, answer in enumerate(answers):
        painted = rgb(answer)
        apart = painted[::16, ::16] - arrays[f"{name}_output_rgb255_stride16"][number]
        assert np.abs(apart).max() <= 1e-3
        fraction = (painted.mean(-1) > 128).mean()
        assert fraction == pytest.approx(arrays[f"{name}_mask_fraction"][number], abs=1e-5)
        overlay = shaded(frames[1 + number], answer.canvas)
        strict = (1, 0.005) if number == 0 else (2, 0.01)
        same_picture(overlay, arrays[f"{name}_overlay"][number], *strict)


def test_every_layout_of_the_weights_gives_the_same_canvas(
    seeded: Any, shapes: Any, tmp_path: Path
) -> None:
    from safetensors.torch import save_file

    from icl_painting.network.checkpoint import read_network, save_network

    tensors = seeded(shapes("seggpt/tiny_manifest.json"), 7)
    files = {"official": write(tmp_path / "official.pth", tensors)}
    torch.save(tensors, tmp_path / "plain.pth")
    files["plain"] = tmp_path / "plain.pth"
    files["transformers"] = tmp_path / "transformers.safetensors"
    save_file({renamed(name): tensor for name, tensor in tensors.items()}, files["transformers"])
    files["own"] = tmp_path / "own.safetensors"
    save_network(read_network(files["official"], "seggpt"), files["own"], half=False)
    rng = np.random.default_rng(0)
    picture, query = rng.integers(0, 256, (2, 40, 56, 3), dtype=np.uint8)
    mask = np.zeros((40, 56), bool)
    mask[5:25, 10:30] = True
    answers = {
        name: icl.load("seggpt", weights=file, device="cpu")
        .prepare([(picture, mask)])
        .predict(query)
        for name, file in files.items()
    }
    for answer in answers.values():
        assert np.array_equal(answer.canvas, answers["official"].canvas)


def renamed(name: str) -> str:
    """The name of a tensor in transformers' `SegGptForImageSegmentation`."""
    first, _, rest = name.partition(".")
    embeddings = {
        "mask_token": "mask_token",
        "segment_token_x": "segment_token_input",
        "segment_token_y": "segment_token_prompt",
        "type_token_cls": "type_token_semantic",
        "type_token_ins": "type_token_instance",
        "pos_embed": "position_embeddings",
    }
    if name in embeddings:
        return f"model.embeddings.{embeddings[name]}"
    if first == "patch_embed":
        return name.replace("patch_embed.proj", "model.embeddings.patch_embeddings.projection")
    if first == "blocks":
        for old, new in (
            ("norm1", "layernorm_before"),
            ("norm2", "layernorm_after"),
            ("attn", "attention"),
            ("mlp.fc", "mlp.lin"),
        ):
            rest = rest.replace(old, new)
        return f"model.encoder.layers.{rest}"
    if first == "norm":
        return f"model.encoder.layernorm.{rest}"
    if first == "decoder_pred":
        number, _, last = rest.partition(".")
        part = {"0": "conv", "1": "layernorm", "3": "head"}[number]
        return f"decoder.decoder_pred.{part}.{last}"
    return f"decoder.{name}"
