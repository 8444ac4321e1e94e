"""DC-SAM in training, on pictures and on clips."""

from __future__ import annotations

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

from episodic.dcsam_start import DcSamStart, begin_dcsam
from episodic.run import Run
from episodic.schedule import Recipe, Schedule
from training_cases import batch_of, dcsam_trainee, equal, export, run, weights


def test_dcsam_runs_load_as_released(
    source: str, dcsam_files: dict[str, Any], tmp_path: Path
) -> None:
    out = run("dcsam", source, tmp_path / "run", dcsam_files, steps=1, batch=2)
    found = weights(out)
    assert all(name.startswith("module.") for name in found)
    assert any(name.endswith("num_batches_tracked") for name in found)
    sam = dcsam_files["sam_weights"]
    learner: Any = icl.load("dcsam", weights=out / "weights.pth", sam_weights=sam, device="cpu")
    state = learner.network.state_dict()
    assert all(torch.equal(state[name.removeprefix("module.")], found[name]) for name in found)
    frozen = torch.load(dcsam_files["backbone_weights"], weights_only=True)
    assert all(torch.equal(state[name], tensor) for name, tensor in frozen.items())
    image = np.full((40, 50, 3), 99, np.uint8)
    file = tmp_path / "trained.safetensors"
    export.export(out, file, "float32", trained_only=True)
    learner = icl.load("dcsam", weights=file, device="cpu", **dcsam_files)
    assert equal(learner.network.state_dict(), state)
    answer = learner.prepare([(image, np.ones((40, 50), bool))]).predict(image)
    assert np.isfinite(answer.logits).all()


def test_dcsam_trains_the_prompt_generator_and_nothing_else(
    source: str, dcsam_files: dict[str, Any]
) -> None:
    trainee = dcsam_trainee(dcsam_files)
    sam = trainee.pipeline.sam.sam
    before = {n: t.clone() for n, t in trainee.generator.state_dict().items()}
    frozen = {n: t.clone() for n, t in sam.state_dict().items()}
    own = Run(trainee, Recipe(1e-3, "cosine", 0.0, 2), Schedule(50, None, "cosine"), seed=0)
    batch = batch_of(source, "dcsam", trainee.samples)
    for _ in range(2):
        own.update([batch])
    after = trainee.generator.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    trained = {n for n, _ in trainee.generator.named_parameters() if not n.startswith("layer")}
    assert changed == trained == set(own.trained)
    assert all(torch.equal(frozen[n], t) for n, t in sam.state_dict().items())


def test_dcsam_learns_a_repeated_batch(source: str, dcsam_files: dict[str, Any]) -> None:
    trainee = dcsam_trainee(dcsam_files)
    own = Run(trainee, Recipe(1e-3, "cosine", 0.0, 2), Schedule(20, None, "cosine"), seed=0)
    batch = batch_of(source, "dcsam", trainee.samples, 1)
    found = [own.update([batch]) for _ in range(7)]
    assert found[-1] < 0.9 * found[0]


def test_dcsam_decodes_in_training_as_it_does_when_asked(
    dcsam_files: dict[str, Any], tmp_path: Path
) -> None:
    trainee = dcsam_trainee(dcsam_files)
    torch.save(trainee.released({}), tmp_path / "best_model.pt")
    trainee.generator.eval()  # without dropout
    sam = dcsam_files["sam_weights"]
    learner: Any = icl.load(
        "dcsam", weights=tmp_path / "best_model.pt", sam_weights=sam, device="cpu"
    )
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    mask = np.zeros((64, 64), bool)
    mask[10:44, 5:40] = True
    answer = learner.prepare([(images[0], mask)]).predict(images[1])
    episode = icl.Episode(icl.Context((icl.Example(images[0], mask),)), images[1], mask)
    sample = trainee.samples(episode, "pair", rng)
    assert sample is not None
    with torch.no_grad():
        found = trainee._pictures([sample])[0]
    assert np.abs(found.numpy() - answer.canvas).max() < 1e-4


@pytest.fixture(scope="module")
def sam2_files(
    video_tensors: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """A video model of DC-SAM with the sizes of the golden arrays."""
    path = tmp_path_factory.mktemp("sam2") / "best_model.pt"
    torch.save({f"module.{n}": t for n, t in video_tensors.items()}, path)
    return {"weights": path}


@pytest.mark.parametrize("clips", [True, False])
def test_the_video_model_trains_sam2s_decoder_but_not_its_scores(
    source: str, sam2_files: dict[str, Any], clips: bool, tmp_path: Path
) -> None:
    trainee = dcsam_trainee(sam2_files, parts=["decoder"], clips=clips)
    assert len(trainee.released({})) == len(torch.load(sam2_files["weights"], weights_only=True))
    own = Run(trainee, Recipe(1e-4, "cosine", 0.0, 1), Schedule(9, None, "cosine"), seed=0)
    names = set(own.trained)
    assert ("sam2.sam_mask_decoder.conv_s0.weight" in names) == clips
    assert not any("pred_obj_score_head" in n or "iou_prediction_head" in n for n in names)
    assert not any(n.startswith(("sam2.image_encoder", "sam2.memory")) for n in names)
    before = {n: t.clone() for n, t in trainee.network.state_dict().items()}
    text = f"{source},view=tube" if clips else source
    batch = batch_of(text, "dcsam", trainee.samples, 1)
    assert len(batch[0].queries) == (5 if clips else 1)
    if not clips:
        assert np.isfinite(float(trainee.loss(batch, np.random.default_rng(0)).detach()))
        return
    assert np.isfinite(own.update([batch]))
    after = trainee.network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed <= names
    assert "sam2.sam_mask_decoder.output_upscaling.0.weight" in changed
    assert any(name.startswith("prompt_encoder.merge_1") for name in changed)
    own.save(tmp_path, {})
    learner: Any = icl.load("dcsam", weights=tmp_path / "weights.pth", device="cpu")
    assert learner.network.state_dict().keys() == after.keys()


def test_pictures_with_sam2_train_the_generator_alone(
    source: str, sam2_files: dict[str, Any]
) -> None:
    trainee = dcsam_trainee(sam2_files)
    batch = batch_of(source, "dcsam", trainee.samples, 2)
    loss = trainee.loss(batch, np.random.default_rng(0))
    loss.backward()  # type: ignore[no-untyped-call]
    grads = {name for name, p in trainee.trained().items() if p.grad is not None}
    assert "sam_downscaling.0.weight" in grads and grads == set(trainee.trained())
    assert {n.removeprefix("module.") for n in trainee.released({})} == set(
        trainee.generator.state_dict()
    )


def test_clips_need_sam2(source: str, dcsam_files: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="need SAM 2"):
        run("dcsam", f"{source},view=tube", tmp_path, dcsam_files, steps=1)
    with pytest.raises(InputError, match="no backbone"):
        begin_dcsam(DcSamStart(sam_weights=dcsam_files["sam_weights"]), 0)
