"""The small SEGIC: its file and its answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_cases import write
from training_cases import export

import icl_core as icl
from icl_core import InputError, Learner, WeightsError
from icl_segmentation.scenes import scenes


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


def test_an_export_is_the_same_file_each_time_and_answers(tmp_path: Path) -> None:
    write(tmp_path / "small.safetensors")
    for name in ("a", "b"):
        export.export(tmp_path, tmp_path / f"{name}.safetensors")
    files = [(tmp_path / f"{name}.safetensors").read_bytes() for name in ("a", "b")]
    assert files[0] == files[1]
    plain, shipped = (
        icl.predict(icl.load("segic", weights=tmp_path / name), [scene(0)], scene(5)[0])
        for name in ("small.safetensors", "a.safetensors")
    )
    # half floats
    np.testing.assert_allclose(shipped.logits, plain.logits, atol=0.05)


def test_the_bundled_weights_find_what_is_shown_without_a_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ICL_OFFLINE", "1")
    balls = next(iter(scenes()))
    context = [(balls.example, balls.example_labels == 1)]
    answer = icl.predict(icl.load("segic", device="cpu"), context, balls.query)
    truth = balls.query_labels == 1
    assert (answer.mask & truth).sum() / (answer.mask | truth).sum() > 0.8
