"""The learner `encoder`: its contract, its options, open sets, and open_clip models."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from icl_core import (
    Classification,
    Context,
    Episode,
    Example,
    InputError,
    MissingExtraError,
    Video,
    WeightsError,
    hookimpl,
    registry,
)
from icl_core.testing import check_plugin
from icl_core.testing.tiny import tiny_episodes
from icl_linking.encoder.card import CARD
from icl_linking.encoder.crops import crops
from icl_linking.encoder.features import encode, encode_labels
from icl_linking.encoder.heads import HEADS
from icl_linking.encoder.pixels import PixelEncoder, cut_to_content
from icl_linking.episodes.class_folders import sign_digits
from icl_linking.episodes.omniglot import omniglot_runs

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def load(**options: Any) -> Any:
    options.setdefault("encoder", "pixels")
    weights = options.pop("weights", None)
    behaviour = options.pop("behaviour", "corrected")
    return registry.load_card(
        CARD, weights, device="cpu", dtype="float32", behaviour=behaviour, options=options
    )


def disc(size: int = 40, radius: int = 12, centre: tuple[int, int] = (20, 20)) -> np.ndarray:
    rows, columns = np.ogrid[:size, :size]
    inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
    return np.repeat(np.where(inside, 20, 240).astype(np.uint8)[..., None], 3, axis=-1)


def bars(size: int = 40, step: int = 8, shift: int = 0) -> np.ndarray:
    plane = np.full((size, size), 240, np.uint8)
    for left in range(8 + shift, size - 8, step):
        plane[8:-8, left : left + 3] = 20
    return np.repeat(plane[..., None], 3, axis=-1)


def frame(size: int = 40, inner: int = 12) -> np.ndarray:
    plane = np.full((size, size), 240, np.uint8)
    plane[6:-6, 6:-6] = 20
    plane[inner:-inner, inner:-inner] = 240
    return np.repeat(plane[..., None], 3, axis=-1)


CONTEXT = [(disc(), "disc"), (bars(), "bars"), (disc(radius=9), "disc"), (bars(shift=1), "bars")]


@pytest.mark.parametrize("head", HEADS)
def test_contract(head: str) -> None:
    module: Any = ModuleType(f"encoder_with_{head.replace('-', '_')}")
    card = replace(CARD, weights=())
    module.icl_learners = hookimpl(lambda: [card])
    results = check_plugin(module, options={"encoder": "pixels", "head": head})
    failed = {n: r for n, r in results.items() if isinstance(r, BaseException)}
    assert not failed, failed


def test_answers_tiny_episodes() -> None:
    learner = load()
    answers = list(learner.predict_episodes(tiny_episodes("linking")))
    assert [a.label for a in answers] == ["dax", "wug", "dax"]
    for answer in answers:
        assert isinstance(answer, Classification)
        assert answer.probabilities is not None
        assert answer.probabilities.sum() == pytest.approx(1)
        assert answer.meta["head"] == "ncm" and answer.meta["shots"] == 2


@pytest.mark.parametrize(
    "labels",
    [('the "old" one', "St. Bernard"), ("carpenter's kit", "a.b.c"), ("Cat", "cat"), ("1", "2")],
)
def test_any_label_will_do(labels: tuple[str, str]) -> None:
    shown = [(image, labels[name == "bars"]) for image, name in CONTEXT]
    answer = load().prepare(shown).predict(disc(radius=10))
    assert answer.label == labels[0] and answer.labels == labels
    json.dumps(answer.to_dict())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"head": "svm"}, "head is 'svm', expected one of ncm"),
        ({"encoder": "vgg"}, "encoder is 'vgg'"),
        ({"encoder": 3}, "encoder is int"),
        ({"encoder_weights": "x.pt"}, "belong to an open_clip model"),
        ({"text": 1.0}, "has no text tower"),
        ({"text": -1}, "text is -1, expected a number from 0"),
        ({"beta": 0}, "beta is 0, expected a number above 0"),
        ({"alpha": float("nan")}, "alpha is nan"),
        ({"temperature": "hot"}, "temperature is 'hot'"),
        ({"augment": 1.5}, "augment is 1.5"),
        ({"reject": 2}, "reject is 2"),
        ({"templates": "a photo"}, "has no {} in the place"),
        ({"odd": 1}, "encoder has no option 'odd'"),
        ({"encoder": "open_clip:ViT-Z-99/openai"}, "no architecture 'ViT-Z-99'"),
        ({"encoder": "open_clip:ViT-B-32/nobody"}, "no weights 'nobody' of ViT-B-32; it has:"),
        ({"encoder": "open_clip:ViT-B-32"}, "names no weights"),
    ],
)
def test_bad_options(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        load(**options)


def test_bad_contexts() -> None:
    learner = load()
    with pytest.raises(InputError, match="all examples are called 'disc'"):
        learner.prepare([(disc(), "disc"), (disc(radius=5), "disc")])
    with pytest.raises(InputError, match="no examples"):
        learner.prepare([])
    with pytest.raises(InputError, match=r"example 1: .*none\.jpg"):
        learner.prepare([("none.jpg", "disc"), (bars(), "bars")])
    with pytest.raises(InputError, match=r"none\.jpg"):
        learner.prepare(CONTEXT).predict("none.jpg")
    with pytest.raises(InputError, match="disagree about"):
        learner.prepare(CONTEXT).predict(disc(), labels=["disc", "odd"])
    with pytest.raises(InputError, match="two or more different names"):
        learner.prepare(CONTEXT).predict(disc(), labels=["disc", "disc"])
    prepared = load(reject=True).prepare
    with pytest.raises(InputError, match="is called 'unknown'"):
        prepared([(disc(), "unknown"), (bars(), "bars")])


def test_rejects_what_was_not_shown() -> None:
    learner = load(reject=True, unknown="none of these")
    prepared = learner.prepare(CONTEXT)
    known = prepared.predict(disc(radius=10))
    assert known.label == "disc" and known.labels == ("disc", "bars", "none of these")
    stranger = prepared.predict(frame())
    assert stranger.label == "none of these" and stranger.meta["known"] < 0.5
    assert stranger.probabilities[-1] == pytest.approx(1 - stranger.meta["known"], abs=1e-6)
    lenient = load(reject=1e-6).prepare(CONTEXT).predict(frame())
    assert lenient.label in ("disc", "bars")
    assert load().prepare(CONTEXT).predict(frame()).label in ("disc", "bars")


def test_official_gda_with_one_shot_says_nothing() -> None:
    shown = CONTEXT[:2]
    for behaviour, sure in (("official", False), ("corrected", True)):
        answer = load(head="gda", behaviour=behaviour).prepare(shown).predict(bars(shift=1))
        assert bool(answer.probabilities.max() > 0.6) is sure


def test_given_temperature_flattens() -> None:
    cold, hot = (load(temperature=t).prepare(CONTEXT).predict(disc(radius=8)) for t in (0.01, 10))
    assert cold.label == hot.label == "disc"
    assert cold.probabilities.max() > 0.9 > 0.6 > hot.probabilities.max()
    assert cold.meta["temperature"] == 0.01


@pytest.mark.parametrize("head", HEADS)
def test_crops(head: str) -> None:
    learner = load(head=head, augment=3)
    first, again = (learner.prepare(CONTEXT).predict(disc(radius=10)) for _ in range(2))
    assert first.label == "disc" and np.array_equal(first.probabilities, again.probabilities)
    cut = crops([disc(), bars()], 2)
    assert len(cut) == 2 and cut[0][0].shape == disc().shape
    assert not np.array_equal(cut[0][0], cut[1][0])


def test_a_video_is_answered_frame_by_frame() -> None:
    frames = [disc(radius=10), bars(shift=2), disc(radius=11)]
    prepared = load().prepare(CONTEXT)
    found = prepared.predict(Video(frames))
    assert [answer.label for answer in found] == ["disc", "bars", "disc"]
    assert [answer.label for answer in prepared.follow(frames)] == ["disc", "bars", "disc"]
    episodes = [Episode(Context(tuple(Example(*pair) for pair in CONTEXT)), Video(frames))]
    assert [a.label for a in next(iter(load().predict_episodes(episodes)))][1] == "bars"


def test_pictures_are_encoded_once() -> None:
    class Counts(PixelEncoder):
        seen = 0

        def images(self, pictures: Any) -> Any:
            self.seen += len(pictures)
            return super().images(pictures)

    encoder, image = Counts(), disc()
    found = encode(encoder, [image, bars(), image, image.copy()])
    assert encoder.seen == 2 and torch.equal(found[0], found[3])
    assert encode(encoder, []).shape == (0, encoder.width)
    assert encode_labels(encoder, ["a"], ["{}"]) is None


def test_pixels_do_not_care_where_a_glyph_stands() -> None:
    places = [disc(centre=(20, 20)), disc(centre=(14, 26)), disc(80, 24, (40, 40))]
    found = PixelEncoder().images(places)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))
    assert (found @ found.T).min() > 0.9
    noise = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    assert cut_to_content(noise) is noise
    grey = np.full((9, 7, 3), 128, np.uint8)
    assert torch.isfinite(PixelEncoder().images([grey, noise[:1, :1]])).all()


@pytest.mark.parametrize(
    ("source", "least"), [("omniglot", 0.6125), ("sign_digits", 0.432)], ids=["glyphs", "hands"]
)
def test_pixels_beat_the_published_baselines(source: str, least: float) -> None:
    if not (DATA / source).is_dir():
        pytest.skip(f"the data (../shared/data/{source}) are not here")
    hands = source == "sign_digits"
    episodes: Any = sign_digits(DATA / source, tasks=8) if hands else omniglot_runs(DATA / source)
    learner = load(head="ridge")
    answers = learner.predict_episodes(episodes, batch_size=240)
    right = [a.label == e.target for a, e in zip(answers, episodes, strict=True)]
    assert np.mean(right) > least


@pytest.mark.parametrize("head", ["ncm", "gda", "ridge", "tip-adapter"])
def test_probabilities_mean_what_they_say(head: str) -> None:
    if not (DATA / "sign_digits").is_dir():
        pytest.skip("the data (../shared/data/sign_digits) are not here")
    episodes = sign_digits(DATA / "sign_digits", shots=4, tasks=10)
    answers = list(load(head=head).predict_episodes(episodes, batch_size=600))
    chance = np.array([answer.probabilities.max() for answer in answers])
    right = np.array([a.label == e.target for a, e in zip(answers, episodes, strict=True)])
    bins = np.minimum((chance * 10).astype(int), 9)
    gaps = [
        abs(chance[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean()
        for b in set(bins.tolist())
    ]
    assert sum(gaps) < 0.15


def test_the_small_network_is_an_encoder(tmp_path: Path) -> None:
    network = pytest.importorskip("icl_linking.encoder.network")
    from safetensors.torch import save_file

    sizes = network.EncoderSizes(side=16, channels=(4, 8), width=12)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = network.SmallEncoder(sizes)
    file = tmp_path / "small.safetensors"
    save_file(made.state_dict(), file, made.metadata())
    learner = registry.load_card(CARD, file, device="cpu", options={"head": "tip-adapter-f"})
    answers = list(learner.predict_episodes(tiny_episodes("linking")))
    assert answers[0].meta["encoder"] == "bundled" and answers[0].meta["text"] == 0.0
    assert isinstance(learner.network, network.SmallEncoder)
    with pytest.raises(InputError, match="no examples"):
        learner.prepare([]).predict(disc(), labels=["cat", "dog"])


TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16},
    "text_cfg": {
        "context_length": 16,
        "vocab_size": 49408,
        "width": 16,
        "heads": 2,
        "layers": 1,
    },
}


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A model of open_clip with random weights: its name, and a file of its weights."""
    open_clip = pytest.importorskip("open_clip")
    folder = tmp_path_factory.mktemp("clip")
    name = "icl-tiny-clip"
    (folder / f"{name}.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.create_model(name)
    file = folder / "tiny.pt"
    torch.save({"state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}, file)
    return name, file


def test_open_clip_from_a_local_file(tiny_clip: tuple[str, Path]) -> None:
    name, file = tiny_clip
    learner = load(encoder=f"open_clip:{name}", encoder_weights=file, head="tip-adapter")
    answers = list(learner.predict_episodes(tiny_episodes("linking")))
    assert answers[0].meta["text"] == 1.0 and answers[0].meta["temperature"] > 0
    assert learner.network.visual is not None
    text = encode_labels(learner._encoder, ["cat", "dog"], ["a {}.", "one {}"])
    assert text is not None and text.shape == (16, 2)
    torch.testing.assert_close(text.norm(dim=0), torch.ones(2).double())
    without = load(encoder=f"open_clip:{name}", encoder_weights=file)
    assert without.prepare(CONTEXT).predict(disc()).meta["text"] == 0.0
    picture = np.ascontiguousarray(disc()[:, :20])
    alone = learner._encoder.images([picture])
    torch.testing.assert_close(learner._encoder.images([bars(), picture])[1:], alone)


def test_zero_shot_asks_the_text_alone(tiny_clip: tuple[str, Path]) -> None:
    name, file = tiny_clip
    learner = load(encoder=f"open_clip:{name}", encoder_weights=file)
    answer = learner.prepare([]).predict(disc(), labels=["cat", "dog", "cow"])
    assert answer.labels == ("cat", "dog", "cow") and answer.meta["head"] == "zero-shot"
    with pytest.raises(InputError, match="no labels to choose from"):
        learner.prepare([]).predict(disc())


def test_open_clip_files_that_do_not_fit(
    tiny_clip: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _ = tiny_clip
    other = tmp_path / "other.pt"
    torch.save({"weight": torch.zeros(2)}, other)
    with pytest.raises(WeightsError, match="do not fit open_clip"):
        load(encoder=f"open_clip:{name}", encoder_weights=other)
    with pytest.raises(WeightsError):
        load(encoder=f"open_clip:{name}", encoder_weights=tmp_path / "none.pt")
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MissingExtraError, match="open_clip"):
        load(encoder=f"open_clip:{name}", encoder_weights=other)


def test_offline_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("open_clip")
    monkeypatch.setenv("ICL_OFFLINE", "1")
    monkeypatch.setenv("ICL_HOME", str(tmp_path))
    with pytest.raises(Exception, match="ViT-B-32") as caught:
        load(encoder="open_clip:ViT-B-32/laion2b_s34b_b79k")
    assert type(caught.value).__name__ == "OfflineError"
