"""SEGIC in training: what it reads, what it draws and what it learns."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import icl_core as icl
from icl_core.errors import InputError

sys.path.append(str(Path(__file__).resolve().parents[1] / "training"))
sys.path.append(str(Path(__file__).parent))

from episodic import augment, segic
from episodic.run import Run
from episodic.samples import Sample, View, scene_of
from episodic.schedule import Recipe, Schedule
from episodic.segic import boxes_of
from episodic.segic_start import SegicStart, begin_segic
from training_cases import SIDE, batch_of, equal, export, run, segic_trainee, weights


def test_segic_runs_load_as_released_and_differ_by_their_seed(
    source: str, segic_files: dict[str, Any], tmp_path: Path
) -> None:
    both = f"{source},view=instance"
    one, other = (
        run("segic", both, tmp_path / f"{seed}", segic_files, steps=2 - seed, batch=1, seed=seed)
        for seed in (0, 1)
    )
    found = weights(one)
    assert not equal(found, weights(other))
    assert len(found) == 148 and not any(name.startswith("encoder.") for name in found)
    lines = [json.loads(line) for line in (one / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2] and lines[1]["episodes"] == 2
    assert all(np.isfinite(line["loss"]) for line in lines)
    learner: Any = icl.load(
        "segic", weights=one / "weights.pth", image_size=SIDE, device="cpu", **segic_files
    )
    state = learner.network.state_dict()
    assert all(torch.equal(state[name], found[name]) for name in found)
    frozen = torch.load(segic_files["backbone_weights"], weights_only=True)
    assert all(torch.equal(state[f"encoder.dinov2.{n}"], t) for n, t in frozen.items())
    whole = tmp_path / "whole.safetensors"
    files = {name: segic_files[name] for name in ("backbone_weights", "text_weights")}
    export.export(one, whole, "float16", **files)
    learner = icl.load("segic", weights=whole, device="cpu")  # its sizes are in the file
    state = learner.network.state_dict()
    assert all(torch.equal(state[name], found[name].half().float()) for name in found)


def test_segic_trains_its_148_tensors_and_nothing_else(
    source: str, segic_files: dict[str, Any]
) -> None:
    trainee = segic_trainee(segic_files)
    before = {n: t.clone() for n, t in trainee.network.state_dict().items()}
    own = Run(trainee, Recipe(1e-3, "step", 0.0, 2), Schedule(50, None, "step"), seed=0)
    batch = batch_of(source, "segic", trainee.samples)
    for _ in range(8):
        own.update([batch])
    after = trainee.network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert not any(name.startswith(("encoder.", "pixel_", "prompt_encoder.pe")) for name in changed)
    trained = set(own.trained)
    assert changed <= trained and len(trained) == 147  # and the buffer of positions
    parts = ("neck.0", "mask_decoder.mask_tokens", "prompt_encoder.mask_downscaling.0")
    for part in (*parts, "inst_type_embed", "prompt_proj", "inst_proj", "mask_decoder.transformer"):
        assert any(name.startswith(part) for name in changed), part
    # Neither of them has a part in the loss, as published.
    for part in ("mask_decoder.iou_prediction_head", "mask_decoder.output_hypernetworks_mlps.1"):
        assert not any(name.startswith(part) for name in changed), part


def test_segic_learns_a_repeated_batch(source: str, segic_files: dict[str, Any]) -> None:
    trainee = segic_trainee(segic_files)
    own = Run(trainee, Recipe(1e-3, "step", 0.0, 2), Schedule(40, None, "step"), seed=0)
    batch = batch_of(source, "segic", trainee.samples, 1)
    found = [own.update([batch]) for _ in range(14)]
    assert np.mean(found[-3:]) < 0.8 * np.mean(found[:2])


def test_segic_decodes_in_training_as_it_does_when_asked(
    source: str, segic_files: dict[str, Any], tmp_path: Path
) -> None:
    trainee = segic_trainee(segic_files)
    torch.save(trainee.released({}), tmp_path / "segic.pth")
    learner: Any = icl.load(
        "segic", weights=tmp_path / "segic.pth", image_size=SIDE, device="cpu", **segic_files
    )
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    mask = np.zeros((SIDE, SIDE), bool)
    mask[10:44, 5:40] = True
    example = icl.Example(images[0], mask, {"class_name": "dog"})
    answer = learner.prepare([example]).predict(images[1])
    views = [scene_of(image, mask) for image in images]
    support, query = (segic_view(view) for view in views)
    with torch.no_grad():
        features = trainee._encode(torch.stack([support.image, query.image]))
        low = trainee._decode(
            features[1],
            trainee.network.neck(features)[1],
            trainee._vectors(features[0], support.masks.float()),
            trainee.network.prompt_proj(trainee._text("a photo of a dog")),
            True,
            None,
        )
    full = torch.nn.functional.interpolate(low[:, None], (SIDE, SIDE), mode="bilinear")[0, 0]
    assert np.abs(full.numpy() - answer.logits).max() < 1e-4


def segic_view(scene: augment.Scene) -> View:
    from episodic.samples import to_view

    return to_view(scene, SIDE)


def test_segic_prompts_are_drawn_as_published_and_the_answer_becomes_the_reference(
    source: str, segic_files: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainee = segic_trainee(segic_files)
    batch = batch_of(f"{source},view=instance", "segic", trainee.samples, 1)
    two = [
        Sample(*(double(part) for part in (sample.support,)), (double(sample.queries[0]),), "words")
        for sample in batch
    ]
    tokens, texts, references = [], [], []
    decoder, vectors, text = trainee.network.mask_decoder, trainee._vectors, trainee._text

    def watch(module: Any, given: tuple[Any, ...], out: Any) -> None:
        tokens.append(given[2].shape[1])

    def keep(features: Tensor, masks: Tensor) -> Tensor:
        references.append(masks)
        return vectors(features, masks)

    def read(words: str) -> Tensor:
        texts.append(words)
        return text(words)

    monkeypatch.setattr(trainee, "_vectors", keep)
    monkeypatch.setattr(trainee, "_text", read)
    decoder.register_forward_hook(watch)
    found = trainee._found
    answers = []
    monkeypatch.setattr(trainee, "_found", lambda z: answers.append(found(z)) or answers[-1])
    for seed in range(24):
        trainee.loss(two, np.random.default_rng(seed))
    # Two masks: point, padding or two corners, text, and one instance token or those of both.
    assert set(tokens) == {4, 5, 6} and tokens[0::2] == tokens[1::2]
    assert (segic.NO_TEXT, segic.OTHERS, segic.BOXES) == (0.25, 0.5, 0.5)
    assert set(texts) == {"", "words"} and 2 <= texts.count("") <= 12
    assert all(torch.equal(m, two[0].support.masks.float()) for m in references[0::2])
    assert all(a is b for a, b in zip(references[1::2], answers[0::2], strict=True))


def double(view: View) -> View:
    """The same mask twice, which makes two objects of one."""
    return view._replace(masks=view.masks[:1].repeat(2, 1, 1))


def test_boxes_are_the_corners_of_masks() -> None:
    masks = torch.zeros(3, 10, 10, dtype=torch.bool)
    masks[0, 2:5, 3:9] = True
    masks[1, 9, 0] = True
    assert boxes_of(masks).tolist() == [[3, 2, 8, 4], [0, 9, 0, 9], [0, 0, 0, 0]]


def test_segic_from_nothing_trains_its_encoders_and_loads_by_itself(
    source: str, tmp_path: Path
) -> None:
    sizes = {
        "backbone_sizes": "width=24,depth=1,heads=2,patch=8",
        "text_sizes": "width=8,depth=1,heads=2",
        "train": "backbone",
        "side": 64,
        "average": 0.9,
        "clip": 1.0,
    }
    out = run("segic", source, tmp_path / "run", sizes, steps=2, batch=1)
    first = run("segic", source, tmp_path / "one", sizes, steps=1, batch=1)
    one, two = weights(first), weights(out)
    names = {name for name in one if not torch.equal(one[name], two[name])}
    assert any(name.startswith("encoder.dinov2.blocks") for name in names)
    assert not any(name.startswith("encoder.text_model") for name in names)
    file = tmp_path / "small.safetensors"
    assert export.main(["--run", str(out), "--out", str(file), "--dtype", "float32"]) == 0
    learner: Any = icl.load("segic", weights=file, device="cpu")
    assert learner.network.config.side == 64
    assert all(torch.equal(learner.network.state_dict()[n], t) for n, t in two.items())
    image = np.full((40, 50, 3), 99, np.uint8)
    answer = learner.prepare([(image, np.ones((40, 50), bool))]).predict(image)
    assert answer.logits.shape == (40, 50) and np.isfinite(answer.logits).all()


def test_segic_needs_encoders() -> None:
    with pytest.raises(InputError, match="no backbone"):
        begin_segic(SegicStart(), 0)
    with pytest.raises(InputError, match="no text tower"):
        begin_segic(SegicStart(side=56, backbone_sizes={"width": 8, "depth": 1, "heads": 1}), 0)
