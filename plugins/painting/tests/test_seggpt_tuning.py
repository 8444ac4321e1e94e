"""Prompts that are learned: the loss falls, a run can be interrupted, and a key is used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from seggpt_cases import Load, box, loader, near, picture, stand_in

import icl_core as icl
from icl_painting.network.checkpoint import read_network
from icl_painting.network.inference import Engine
from icl_painting.network.network import PainterNetwork
from icl_painting.seggpt.answers import PaintedSegmentation
from icl_painting.seggpt.targets import white_on_black
from icl_painting.seggpt.task_key import TaskKey
from icl_painting.seggpt.tuning import Recipe, Tuning, main, tune
from icl_painting.seggpt.tuning_pairs import order, pairs_in, pairs_of, varied

SHORT = Recipe(steps=6, rate=0.05)


def bright_box(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 90, (40, 56, 3), dtype=np.uint8)
    mask = box(int(rng.integers(0, 24)), int(rng.integers(0, 40)))
    image[mask] += 160
    return image, mask


EXAMPLES = [bright_box(seed) for seed in range(5)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stand_in(tmp_path_factory.mktemp("seggpt") / "stand_in.safetensors")


@pytest.fixture(scope="module")
def load(weights: Path) -> Load:
    return loader(weights)


@pytest.fixture(scope="module")
def network(weights: Path) -> PainterNetwork:
    return read_network(weights, "seggpt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for kind in ("images", "masks"):
        (root / kind).mkdir()
    for number, (image, mask) in enumerate(EXAMPLES):
        Image.fromarray(image).save(root / "images" / f"{number}.png")
        Image.fromarray(white_on_black(mask)).save(root / "masks" / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def key_file(network: PainterNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = tune(Tuning(network, pairs_of(EXAMPLES), SHORT), log_every=0)
    return key.save(tmp_path_factory.mktemp("key") / "key.safetensors")


@pytest.mark.parametrize("start", ["example", "noise"])
def test_tuning_lowers_the_loss_and_leaves_the_network(
    network: PainterNetwork, start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prompt is to be found by which the network painted the targets."""
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    recipe = Recipe(steps=12, rate=0.05, augment=False, start=start)
    tuning = Tuning(network, pairs_of(EXAMPLES), recipe)
    hidden = Tuning(network, pairs_of(EXAMPLES), replace(recipe, start="noise", seed=5))
    images, _ = tuning.batch(0)
    engine = Engine(network)
    with torch.no_grad():
        prompts = engine.prepare(hidden.image[None], hidden.target[None], 1)
        targets = engine.paint(prompts, images)
    monkeypatch.setattr(tuning, "batch", lambda step: (images, targets))
    first = tuning.update()
    tune(tuning, log_every=0)
    assert float(tuning.loss(images, targets).detach()) < 0.6 * first
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_going_on_equals_not_stopping(network: PainterNetwork, tmp_path: Path) -> None:
    pairs, state = pairs_of(EXAMPLES), tmp_path / "run.state"
    whole = tune(Tuning(network, pairs, SHORT), log_every=0)
    half = Tuning(network, pairs, SHORT)
    for _ in range(3):
        half.update()
    half.save(state)
    resumed = Tuning(network, pairs, SHORT)
    resumed.restore(state)
    assert resumed.step == 3
    key = tune(Tuning(network, pairs, SHORT), state, log_every=0)
    assert torch.equal(key.image, whole.image) and torch.equal(key.target, whole.target)
    assert not torch.equal(key.image, half.image)
    again = tune(Tuning(network, pairs, SHORT), state, log_every=0)  # it is at its end
    assert torch.equal(again.image, key.image)
    assert list(tmp_path.iterdir()) == [state]


def test_a_state_of_another_run_or_damaged_is_refused(
    network: PainterNetwork, tmp_path: Path
) -> None:
    state = tmp_path / "run.state"
    tuning = Tuning(network, pairs_of(EXAMPLES), SHORT)
    tuning.save(state)
    others = (
        Tuning(network, pairs_of(EXAMPLES[:4]), SHORT),
        Tuning(network, pairs_of(EXAMPLES), replace(SHORT, seed=1)),
    )
    for other in others:
        with pytest.raises(icl.InputError, match="other options or other data"):
            other.restore(state)
    state.write_bytes(state.read_bytes()[:200])
    with pytest.raises(icl.WeightsError, match="no state of a tuning run"):
        tuning.restore(state)


def test_a_key_answers_without_examples(load: Load, key_file: Path) -> None:
    learner, key = load(prompt=key_file), TaskKey.load(key_file)
    query = bright_box(9)[0]
    answers = [
        learner.prepare(context).predict(query)
        for context in ([], (), icl.Context(), icl.Context(examples=()), icl.Context(text=None))
    ]
    answers += list(learner.predict_episodes([icl.Episode(icl.Context(), query)]))
    answers.append(icl.predict(learner, [], [query])[0])
    squares = torch.from_numpy(answers[0].canvas)
    assert squares.shape == (3, 32, 32) and key.side == 32 and key.type == "instance"
    for answer in answers:
        near(answer, answers[0], 0.0)
    with torch.inference_mode():
        prompts = learner.ensemble.engine.prepare(key.image[None], key.target[None], 1)
        painted = learner.ensemble.engine.paint(prompts, learner.ensemble.squares([query]))[0]
    assert torch.allclose(squares, painted, atol=1e-6)
    assert len(learner.prepare([]).predict(icl.Video([query, query]))) == 2


def test_a_key_joins_the_examples_of_one_object(load: Load, key_file: Path) -> None:
    learner = load(prompt=key_file)
    assert learner.prepare(EXAMPLES[:2]).predict(picture(1)).meta["prompts"] == 3
    two = [icl.Example(*EXAMPLES[n], {"object": n + 1}) for n in range(2)]
    with pytest.raises(icl.InputError, match="the tuned prompt shows one object"):
        learner.prepare(two)
    red = np.where(EXAMPLES[0][1][..., None], np.array([250, 200, 60], np.uint8), np.uint8(0))
    with pytest.raises(icl.InputError, match="the prompt was tuned on masks"):
        learner.prepare([(EXAMPLES[0][0], red)])
    with pytest.raises(icl.InputError, match="tuned for image_size 32, and it is 48"):
        load(prompt=key_file, image_size=48)


def test_without_a_key_an_empty_context_stays_refused(load: Load) -> None:
    with pytest.raises(icl.InputError, match="no examples"):
        load().prepare([])


def test_a_key_of_pictures_in_colour_paints(
    load: Load, network: PainterNetwork, tmp_path: Path
) -> None:
    shown = [
        (image, np.where(mask[..., None], np.array([250, 200, 60], np.uint8), np.uint8(0)))
        for image, mask in EXAMPLES
    ]
    with pytest.raises(icl.InputError, match=r"pair 1: the target is in colour"):
        Tuning(network, pairs_of(shown), SHORT)
    recipe = replace(SHORT, painted=True, type="semantic", image_size=48)
    key = tune(Tuning(network, pairs_of(shown), recipe), log_every=0)
    file = key.save(tmp_path / "key.safetensors")
    learner = load(prompt=file)
    answer = learner.prepare([]).predict(picture(1))
    assert isinstance(answer, PaintedSegmentation) and answer.canvas.shape == (3, 48, 48)
    near(load(prompt=file, type="semantic").prepare([]).predict(picture(1)), answer, 0.0)
    other = load(prompt=file, type="instance").prepare([]).predict(picture(1))
    assert not np.allclose(other.canvas, answer.canvas)


def test_a_key_is_small_and_says_how_it_was_made(key_file: Path) -> None:
    key = TaskKey.load(key_file)
    assert key_file.stat().st_size < 2 * 3 * 32 * 32 * 4 + 1000
    assert key.notes["steps"] == 6 and key.notes["recipe"]["rate"] == 0.05


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"image": torch.zeros(3, 8, 8)}, "is no tuned prompt"),
        ({"image": torch.zeros(3, 8, 8), "target": torch.zeros(3, 8, 9)}, "expected float32"),
        ({"image": torch.zeros(3, 8, 8), "target": torch.zeros(3, 9, 9)}, "expected float32"),
        ({"image": torch.zeros(3, 8, 8), "target": torch.full((3, 8, 8), torch.nan)}, "has NaN"),
    ],
)
def test_a_file_that_is_no_key_is_refused(
    load: Load, tmp_path: Path, tensors: dict[str, torch.Tensor], words: str
) -> None:
    about = '{"kind": "seggpt-prompt", "type": "instance", "painted": false}'
    save_file(tensors, tmp_path / "key.safetensors", metadata={"icl_painting": about})
    with pytest.raises(icl.WeightsError, match=words):
        load(prompt=tmp_path / "key.safetensors")
    save_file(tensors, tmp_path / "bare.safetensors")
    with pytest.raises(icl.WeightsError, match="is no tuned prompt"):
        load(prompt=tmp_path / "bare.safetensors")


def test_the_command_makes_a_key(
    weights: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "key.safetensors"
    arguments = ["--weights", weights, "--data", folder, "--out", out, "--steps", 4]
    arguments += ["--device", "cpu", "--log-every", 2, "--rate", 0.05]
    assert main([str(one) for one in arguments]) == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(out) and "step 2/4" in told.err and "step 4/4" in told.err
    first = TaskKey.load(out)
    assert main([str(one) for one in arguments]) == 0  # at its end already
    assert torch.equal(TaskKey.load(out).image, first.image)
    assert main([str(one) for one in [*arguments, "--seed", 3]]) == 1
    assert "error: " in capsys.readouterr().err


def test_a_folder_is_read_by_its_names(folder: Path, tmp_path: Path) -> None:
    pairs = pairs_in(folder)
    assert [pair.name for pair in pairs] == ["'0'", "'1'", "'2'", "'3'", "'4'"]
    image, target = pairs[2].read(painted=False)
    assert np.array_equal(image, EXAMPLES[2][0])
    assert np.array_equal(target, white_on_black(EXAMPLES[2][1]))
    with pytest.raises(icl.InputError, match="expected images/ and masks/"):
        pairs_in(tmp_path)
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    Image.fromarray(image).save(tmp_path / "images" / "a.png")
    Image.fromarray(image).save(tmp_path / "images" / "b.png")
    Image.fromarray(target[:30]).save(tmp_path / "masks" / "a.png")
    with pytest.raises(icl.InputError, match=r"1 pictures in .* have no mask, such as 'b'"):
        pairs_in(tmp_path)
    Image.fromarray(target).save(tmp_path / "masks" / "b.png")
    with pytest.raises(icl.InputError, match="'a': the target is 30x56, expected the image's 40"):
        pairs_in(tmp_path)[0].read(painted=False)


def test_pairs_come_once_a_round_whatever_the_batch() -> None:
    drawn = order(5, 0, 15, seed=3)
    assert all(sorted(drawn[n : n + 5]) == list(range(5)) for n in (0, 5, 10))
    assert order(5, 7, 4, seed=3) == drawn[7:11] and order(5, 0, 15, seed=4) != drawn


def test_picture_and_target_are_cropped_alike() -> None:
    image, mask = bright_box(3)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        cut, target = varied(image, white_on_black(mask), rng)
        assert cut.shape == target.shape
        assert np.array_equal(cut.min(axis=-1) >= 160, target[..., 0] > 0)
    thin = np.zeros((1, 300, 3), np.uint8)
    assert varied(thin, thin, np.random.default_rng(0))[0].shape == (1, 300, 3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"rate": -1.0}, "rate is -1.0"),
        ({"seed": -1}, "seed is -1"),
        ({"type": "thing"}, "type is 'thing'"),
        ({"start": "zero"}, "start is 'zero'"),
    ],
)
def test_bad_recipes_are_refused_in_one_sentence(given: dict[str, Any], words: str) -> None:
    with pytest.raises(icl.InputError) as caught:
        Recipe(**given)
    assert words in caught.value.message


def test_bad_pairs_are_refused_in_one_sentence(network: PainterNetwork) -> None:
    with pytest.raises(icl.InputError, match="pair 1 is int"):
        pairs_of([3])
    with pytest.raises(icl.InputError, match="nothing to tune on"):
        pairs_of([])
    with pytest.raises(icl.InputError, match="nothing to tune on"):
        Tuning(network, [], SHORT)
    with pytest.raises(icl.InputError, match="image_size is 30, expected a multiple of 8"):
        Tuning(network, pairs_of(EXAMPLES), replace(SHORT, image_size=30))
