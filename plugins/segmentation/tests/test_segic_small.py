"""The small SEGIC: its file, its answers, and the tableaux that it is trained on."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import icl_core as icl
from icl_core import InputError, Learner, WeightsError
from icl_segmentation.segic.small import SmallSegic, SmallSizes

sys.path.append(str(Path(__file__).resolve().parents[1] / "training"))
from tableaux.mixture import Mixture, pairs_of, scenes_of
from tableaux.pools import CutOuts, Labelled, LabelledSet
from tableaux.scenes import Scenes
from tableaux.shapes import Shapes
from tableaux.trainee import task_logits, task_loss

SIZES = SmallSizes(
    side=64,
    channels=(8, 12, 16, 24),
    blocks=(1, 1, 1),
    features=16,
    width=32,
    decoder={"depth": 1, "heads": 2, "mlp_width": 32},
    heads=2,
    head_size=8,
)


def write(path: Path, config: dict[str, object] | None = None) -> Path:
    torch.manual_seed(0)
    network = SmallSegic(SIZES)
    found = {"backbone": "compact", "small": asdict(SIZES)} if config is None else config
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, path, {"config": json.dumps(found)})
    return path


@pytest.fixture(scope="module")
def learner(tmp_path_factory: pytest.TempPathFactory) -> Learner:
    return icl.load("segic", weights=write(tmp_path_factory.mktemp("w") / "s.safetensors"))


def scene(seed: int, height: int = 40, width: int = 56) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
    mask = np.zeros((height, width), bool)
    mask[8:24, 10:30] = True
    return image, mask


def test_its_file_holds_everything_and_answers_at_the_querys_size(learner: Learner) -> None:
    answer = icl.predict(learner, [scene(0)], scene(1, 30, 44)[0])
    assert answer.mask.shape == (30, 44) and np.isfinite(answer.logits).all()


def test_an_answer_does_not_depend_on_the_batch(learner: Learner) -> None:
    queries = [scene(n)[0] for n in range(1, 5)]
    prepared = learner.prepare([scene(0)])
    together = prepared.predict(queries)
    for query, answer in zip(queries, together, strict=True):
        np.testing.assert_allclose(answer.logits, prepared.predict(query).logits, atol=1e-4)


def test_the_order_of_the_examples_means_nothing(learner: Learner) -> None:
    examples = [scene(n) for n in range(3)]
    there = icl.predict(learner, examples, scene(5)[0])
    back = icl.predict(learner, examples[::-1], scene(5)[0])
    np.testing.assert_allclose(there.logits, back.logits, atol=1e-4)


def test_it_reads_its_examples(learner: Learner) -> None:
    one = icl.predict(learner, [scene(0)], scene(5)[0])
    image, mask = scene(0)
    other = icl.predict(learner, [(image, ~mask)], scene(5)[0])
    assert not np.allclose(one.logits, other.logits, atol=1e-3)


def test_it_follows_videos(learner: Learner) -> None:
    frames = [scene(n)[0] for n in range(4)]
    answers = icl.predict(learner, [scene(0)], icl.Video(frames))
    assert len(answers) == 4
    np.testing.assert_array_equal(answers[0].mask, scene(0)[1])  # the frame that was given


def test_options_of_other_encoders_are_refused(learner: Learner, tmp_path: Path) -> None:
    file = write(tmp_path / "s.safetensors")
    with pytest.raises(InputError, match="holds a network with its own encoder"):
        icl.load("segic", weights=file, backbone_weights="dino.pth")
    bare = write(tmp_path / "b.safetensors", {"backbone": "compact"})
    with pytest.raises(WeightsError, match="does not say the sizes"):
        icl.load("segic", weights=bare)


def labelled(seed: int) -> Labelled:
    image, mask = scene(seed, 48, 64)
    labels = mask.astype(np.uint8)
    labels[30:44, 40:60] = 2
    return Labelled(image, labels)


def mixture(seed: int = 0) -> Mixture:
    pictures = LabelledSet([labelled(n) for n in range(3)])
    things = [(Shapes(50), 0.7), (CutOuts(pictures), 0.3)]
    scenes = scenes_of(lambda side: Scenes(things, [pictures], side))
    return Mixture([(scenes, 0.6), (pairs_of(pictures), 0.4)], tableaux=3, seed=seed)


def test_a_batch_depends_on_the_seed_and_its_number_alone() -> None:
    first, again, other = (mixture(s).batch(4, 64) for s in (1, 1, 2))
    for name in ("pictures", "labels", "target", "reference", "kind"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert not torch.equal(first.pictures, other.pictures)


def test_tasks_ask_for_a_class_that_the_reference_shows() -> None:
    batch = mixture().batch(0, 64)
    masks, _ = batch.masks(batch.reference)
    assert masks.any((1, 2)).all()
    assert (batch.target // 2 == batch.reference // 2).all()  # of the same tableau
    assert (batch.target != batch.reference).all()


def test_one_step_lowers_the_loss_of_its_batch() -> None:
    torch.manual_seed(0)
    network, batch = SmallSegic(SIZES), mixture().batch(0, 64)
    network.train()
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    losses = []
    for _ in range(8):
        loss = task_loss(task_logits(network, batch), batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.05
