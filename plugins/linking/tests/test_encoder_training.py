"""The bundled encoder's network, and what trains it."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from concepts.batches import Share, make_batch
from concepts.glyphs import OmniglotGlyphs, StrokeGlyphs
from concepts.loss import one_shot_loss
from PIL import Image
from safetensors.torch import save_file

import icl_core as icl
from icl_core.errors import InputError, WeightsError
from icl_linking.encoder.network import EncoderSizes, SmallEncoder, border_colour, to_input

TINY = EncoderSizes(side=16, channels=(6, 12), width=16)


def tiny(seed: int = 0) -> SmallEncoder:
    torch.manual_seed(seed)
    return SmallEncoder(TINY).eval()


def pictures(count: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 255, (20 + n, 30, 3), dtype=np.uint8) for n in range(count)]


# The network


@pytest.mark.parametrize(("height", "width"), [(10, 40), (40, 10)])
def test_pictures_are_padded_with_the_colour_of_their_border(height: int, width: int) -> None:
    picture = np.full((height, width, 3), (200, 100, 50), np.uint8)
    picture[3:-3, 3:-3] = 0
    assert border_colour(picture).tolist() == [200, 100, 50]
    found = to_input(picture, 20)
    assert found.shape == (3, 20, 20) and found.dtype == torch.float32
    corner = torch.tensor([200, 100, 50]) / 255
    torch.testing.assert_close(found[:, 0, 0], corner)
    torch.testing.assert_close(found[:, -1, -1], corner)
    assert found.min() == 0  # what is on it stays in the middle


def test_a_square_is_only_resized() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:, 4:] = 255
    torch.testing.assert_close(to_input(picture, 4)[0, 0], torch.tensor([0.0, 0.0, 1.0, 1.0]))


def test_embeddings_have_unit_length_and_do_not_depend_on_the_others() -> None:
    network, some = tiny(), pictures(5)
    found = network.images(some)
    assert found.shape == (5, 16) and found.dtype == torch.float32
    torch.testing.assert_close(found.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(network.images(some[2:3])[0], found[2], rtol=0, atol=1e-6)
    assert network.images([]).shape == (0, 16)
    assert network.texts(["a"]) is None


def test_a_file_gives_the_same_network(tmp_path: Path) -> None:
    network, path = tiny(), tmp_path / "encoder.safetensors"
    save_file(network.state_dict(), path, network.metadata())
    again = SmallEncoder.from_file(path)
    assert again.sizes == TINY
    assert not again.training
    torch.testing.assert_close(again.images(pictures(2)), network.images(pictures(2)))
    learner = icl.load("encoder", weights=path, device="cpu")
    black, white = (np.full((9, 9, 3), value, np.uint8) for value in (0, 255))
    answer = icl.predict(learner, [(black, "night"), (white, "day")], black)
    assert answer.label == "night" and answer.meta["encoder"] == "bundled"


def test_other_files_are_a_sentence(tmp_path: Path) -> None:
    network, path = tiny(), tmp_path / "other.safetensors"
    save_file(network.state_dict(), path)
    with pytest.raises(WeightsError, match="sizes of its network"):
        SmallEncoder.from_file(path)
    tensors = {**network.state_dict(), "head.weight": torch.zeros(2)}
    save_file(tensors, path, network.metadata())
    with pytest.raises(WeightsError, match=r"head\.weight"):
        SmallEncoder.from_file(path)
    path.write_bytes(b"no tensors")
    with pytest.raises(icl.IclError):
        SmallEncoder.from_file(path)


# Batches and the loss


def test_a_batch_follows_from_its_seed_and_its_number() -> None:
    shares = [Share(StrokeGlyphs(), 3), Share(StrokeGlyphs(classes=2, seed=1), 3, photograph=True)]
    one = make_batch(shares, views=2, side=16, seed=5, step=9)
    assert one.pictures.shape == (2 * (3 + 2), 3, 16, 16)
    assert one.groups == (3, 2) and one.views == 2
    assert 0 <= one.pictures.min() and one.pictures.max() <= 1
    torch.manual_seed(77)  # neither torch's generator nor numpy's matters
    np.random.seed(77)
    again = make_batch(shares, views=2, side=16, seed=5, step=9)
    assert torch.equal(one.pictures, again.pictures)
    for seed, step in ((5, 10), (6, 9)):
        assert not torch.equal(one.pictures, make_batch(shares, 2, 16, seed, step).pictures)


def test_the_loss_is_that_of_one_shot_episodes() -> None:
    scale = torch.tensor(10.0)
    apart = torch.eye(4).repeat_interleave(2, 0)
    # Both views of a class agree, so each names the other: cosine 1 against 0 for the rest.
    expected = -torch.log(torch.exp(scale) / (torch.exp(scale) + 3))
    torch.testing.assert_close(one_shot_loss(apart, (4,), 2, scale), expected)
    alike = torch.ones(8, 1)
    torch.testing.assert_close(one_shot_loss(alike, (4,), 2, scale), torch.log(torch.tensor(4.0)))
    # Groups do not meet: two of two classes each are easier than one of four.
    torch.testing.assert_close(one_shot_loss(alike, (2, 2), 2, scale), torch.log(torch.tensor(2.0)))


def test_characters_of_omniglot_are_classes_in_four_directions(tmp_path: Path) -> None:
    ink = np.zeros((4, 105, 105), np.uint8)
    ink[:, :50, :50] = 1
    np.savez(
        tmp_path / "characters.npz",
        bits=np.packbits(ink.reshape(4, -1), axis=1),
        alphabet=np.array([0, 0, 1, 1]),
        character=np.array([1, 2, 1, 1]),
        alphabet_names=np.array(["Latin", "Greek"]),
    )
    assert len(OmniglotGlyphs(tmp_path / "characters.npz")) == 4 * 3
    glyphs = OmniglotGlyphs(tmp_path / "characters.npz", without=["Greek"])
    assert len(glyphs) == 4 * 2
    upright, turned = (glyphs.draw(place, np.random.default_rng(0)) for place in (0, 2))
    assert upright[5, 5] == 255 and upright[-5, -5] == 0
    assert np.array_equal(turned, np.rot90(upright, 2))


# The trainer


@pytest.fixture
def options(train: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Options of a run with a tiny network, from the words of the command line."""
    monkeypatch.setattr(train, "EncoderSizes", lambda: TINY)

    def read(*words: str, out: str = "run") -> Namespace:
        return train.options_of(["--out", str(tmp_path / out), "--views", "2", *words])

    return read


def test_the_loss_falls(train: ModuleType, options: Any) -> None:
    # The rate is high, since it rises over 200 steps and there are 40.
    asked = options("--steps", "40", "--lr", "0.05")
    training = train.Training(asked)
    shares = [Share(StrokeGlyphs(classes=12), 12)]
    losses = [training.update(shares) for _ in range(40)]
    assert np.mean(losses[-8:]) < 0.75 * np.mean(losses[:4])


def test_a_run_that_was_interrupted_gives_the_same_weights(
    train: ModuleType, options: Any, tmp_path: Path
) -> None:
    whole = train.Training(options("--steps", "6"))
    shares = train.shares_of(whole.options)
    for _ in range(6):
        whole.update(shares)

    first = train.Training(options("--steps", "6"))
    for _ in range(3):
        first.update(shares)
    (tmp_path / "run").mkdir()
    train.save(first, tmp_path / "run")
    train.run(options("--steps", "6"))

    found = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert found["step"] == 6
    for part in ("network", "mean"):
        for name, tensor in whole.state()[part].items():
            assert torch.equal(found[part][name], tensor), name


def test_a_run_leaves_a_file_that_loads(train: ModuleType, options: Any, tmp_path: Path) -> None:
    train.run(options("--steps", "1", "--checkpoint-seconds", "1e9"))
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"last.pt", "encoder.safetensors", "log.jsonl"}
    network = SmallEncoder.from_file(tmp_path / "run" / "encoder.safetensors")
    assert network.sizes == TINY


def test_pools_come_from_folders(train: ModuleType, options: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "signs" / name).mkdir(parents=True)
        Image.new("RGB", (12, 8), "red").save(tmp_path / "signs" / name / "1.jpg")
    asked = options("--signs", str(tmp_path / "signs"), "--without", "b")
    shares = train.shares_of(asked)
    assert [len(share.pool) for share in shares] == [100_000, 1]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="DejaVuSans"):
        train.shares_of(options("--fonts", str(tmp_path / "empty")))
