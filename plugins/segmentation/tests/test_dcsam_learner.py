"""The learner `dcsam` through the public verbs, with small stand-in weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import icl_core as icl
from icl_core import Context, Episode, Example, InputError, Learner, WeightsError
from icl_core.results.label_map import LabelMap
from icl_core.testing import check_plugin
from icl_core.testing.check_plugin import PASSED
from icl_segmentation.confidence import expected_iou
from icl_segmentation.dcsam.preprocess import mask_to_tensor, to_tensor

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "vision"
BATCH_LIMIT = 1e-5

Pair = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def files(dcsam_stand_in: dict[str, Path]) -> dict[str, Path]:
    return dcsam_stand_in


@pytest.fixture(scope="module")
def load(files: dict[str, Path]) -> Callable[..., Any]:
    def loaded(**options: Any) -> Learner:
        return icl.load("dcsam", **{**files, "device": "cpu", **options})

    return loaded


@pytest.fixture(scope="module")
def learner(load: Callable[..., Any]) -> Any:
    return load()


@pytest.fixture(scope="module")
def pictures() -> list[Pair]:
    """Three drawn pictures of unlike sizes, each with its mask."""
    rng = np.random.default_rng(0)
    found = []
    for height, width, top, left in ((70, 90, 4, 3), (48, 64, 2, 8), (101, 53, 8, 2)):
        image = rng.integers(0, 60, (height, width, 3), dtype=np.uint8)
        mask = np.zeros((height, width), bool)
        mask[height // top : height // top + 20, width // left : width // left + 25] = True
        image[mask] += np.array([180, 90, 20], np.uint8)
        found.append((image, mask))
    return found


@pytest.fixture(scope="module")
def photographs() -> list[Pair]:
    """Three real photographs of one class."""
    if not (DATA / "pascal_voc" / "index.csv").is_file():
        pytest.skip("the shared pictures (../shared/data/vision) are not here")
    from icl_core.sources.packed import PackedFolder

    folder = PackedFolder(DATA / "pascal_voc", "pascal_voc")
    found = []
    for row in folder.rows:
        ids = folder.ids(folder.key(row))
        values, counts = np.unique(ids[(ids > 0) & (ids < 255)], return_counts=True)
        if len(values) == 1 and counts[0] > 0.1 * ids.size:
            found.append((folder.image(folder.key(row)), ids == values[0]))
        if len(found) == 3:
            return found
    raise AssertionError("no three photographs with one large object")


def same(found: Any, wanted: Any, limit: float = 0.0) -> None:
    assert found.logits.shape == wanted.logits.shape
    assert np.abs(found.logits - wanted.logits).max() <= limit
    assert np.abs(found.canvas - wanted.canvas).max() <= limit
    assert abs(found.score - wanted.score) <= limit


def test_answers_lie_at_the_size_of_the_query(learner: Any, pictures: list[Pair]) -> None:
    for image, _ in pictures:
        found = icl.predict(learner, context=[pictures[0]], query=image)
        assert found.mask.shape == found.logits.shape == image.shape[:2]
        assert np.array_equal(found.mask, found.logits > 0)
        assert found.canvas.shape == (64, 64) and found.canvas.dtype == np.float32
        assert 0 <= found.score <= 1
        honest = expected_iou(torch.from_numpy(found.canvas)[None]).item()
        assert found.score == pytest.approx(honest)


def test_real_pictures_are_answered_alike_alone_in_batches_and_again(
    learner: Any, photographs: list[Pair]
) -> None:
    context, queries = [photographs[0]], [image for image, _ in photographs]
    alone = [icl.predict(learner, context=context, query=query) for query in queries]
    prepared = learner.prepare(context)
    for found, wanted in zip(prepared.predict(queries), alone, strict=True):
        same(found, wanted, BATCH_LIMIT)
    for query, wanted in zip(queries, alone, strict=True):
        same(prepared.predict(query), wanted)
    episodes = [Episode(Context((Example(*photographs[n]),)), queries[n]) for n in range(3)]
    together = list(learner.predict_episodes(episodes))
    for episode, found in zip(episodes, together, strict=True):
        same(found, icl.predict(learner, episode.context, episode.query), BATCH_LIMIT)


def test_batches_on_the_device_answer_as_singles(
    load: Callable[..., Any], learner: Any, pictures: list[Pair]
) -> None:
    wide = load(batch_size=3)
    queries = [image for image, _ in pictures]
    singles = learner.prepare(pictures).predict(queries)
    for found, wanted in zip(wide.prepare(pictures).predict(queries), singles, strict=True):
        same(found, wanted, BATCH_LIMIT)
    episodes = [Episode(Context((Example(*pair),)), pictures[0][0]) for pair in pictures]
    for found, wanted in zip(
        wide.predict_episodes(episodes), learner.predict_episodes(episodes), strict=True
    ):
        same(found, wanted, BATCH_LIMIT)


def test_context_is_read_once(
    learner: Any, pictures: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    encode = learner.sam.encode
    monkeypatch.setattr(learner.sam, "encode", lambda x: seen.append(len(x)) or encode(x))
    prepared = learner.prepare(pictures)
    assert sum(seen) == len(pictures)
    seen.clear()
    prepared.predict([image for image, _ in pictures])
    assert sum(seen) == len(pictures)


def test_canvas_is_the_pipelines_own_output(learner: Any, pictures: list[Pair]) -> None:
    from icl_segmentation.dcsam.pipeline import Request

    (image, mask), (query, _) = pictures[:2]
    with torch.inference_mode():
        shape = mask_to_tensor(mask, 64, 8, keep_small=True)
        support = learner.pipeline.prepare(to_tensor(image, 64)[None], shape[None])
        reading = learner.pipeline.read(to_tensor(query, 64)[None])
        wanted = learner.pipeline.answer(reading, support, [Request(0, [0])])[0, 0].numpy()
    found = icl.predict(learner, context=[(image, mask)], query=query)
    assert np.array_equal(found.canvas, wanted)


def test_shots_change_the_answer_and_their_way_can_be_chosen(
    load: Callable[..., Any], learner: Any, pictures: list[Pair]
) -> None:
    query = pictures[2][0]
    one = icl.predict(learner, context=pictures[:1], query=query)
    two = icl.predict(learner, context=pictures[:2], query=query)
    assert two.meta["shots"] == 2
    assert np.abs(one.canvas - two.canvas).max() > 1e-3
    other = icl.predict(learner, context=pictures[1:2], query=query)
    average = icl.predict(load(shots="average"), context=pictures[:2], query=query)
    assert np.abs(average.canvas - (one.canvas + other.canvas) / 2).max() < 2e-5


def test_palette_masks_and_classes_give_one_answer_an_object(
    learner: Any, pictures: list[Pair]
) -> None:
    (image, mask), (query, _) = pictures[:2]
    ids = np.where(mask, 7, 0).astype(np.int32)
    ids[-20:, :20] = 3
    found = icl.predict(learner, context=[(image, ids)], query=query)
    assert isinstance(found, LabelMap)
    assert found.ids == (3, 7) and found.canvas.shape == (2, 64, 64)
    for place, number in enumerate(found.ids):
        alone = icl.predict(learner, context=[(image, ids == number)], query=query)
        assert np.abs(found.canvas[place] - alone.canvas).max() < BATCH_LIMIT
    named = [
        Example(image, mask, {"class_name": "cup"}),
        Example(*pictures[1], {"class_name": "pot"}),
    ]
    assert icl.predict(learner, named, query).names == ("cup", "pot")


def test_official_behaviour_takes_one_shot_and_leaks_in_batches(
    load: Callable[..., Any], learner: Any, pictures: list[Pair]
) -> None:
    official = load(behaviour="official")
    with pytest.raises(InputError, match="takes one example an object, and 2 were given"):
        official.prepare(pictures[:2])
    alone = icl.predict(official, context=pictures[:1], query=pictures[1][0])
    same(alone, icl.predict(learner, context=pictures[:1], query=pictures[1][0]))
    episodes = [Episode(Context((Example(*pair),)), pictures[0][0]) for pair in pictures[:2]]
    singles = list(learner.predict_episodes(episodes))
    leaky = list(official.predict_episodes(episodes, batch_size=2))
    assert (
        max(np.abs(a.canvas - b.canvas).max() for a, b in zip(leaky, singles, strict=True)) > 1e-3
    )
    fixed = load(behaviour="official", batch_leak=False).predict_episodes(episodes)
    for found, wanted in zip(fixed, singles, strict=True):
        same(found, wanted, BATCH_LIMIT)


def test_small_masks_are_kept_unless_official(
    load: Callable[..., Any], learner: Any, pictures: list[Pair]
) -> None:
    image = pictures[0][0]
    dot = np.zeros(image.shape[:2], bool)
    dot[33, 41] = True
    kept = mask_to_tensor(dot, 64, 8, keep_small=True)
    assert kept.sum() == 64
    assert mask_to_tensor(dot, 64, 8, keep_small=False)[::8, ::8].sum() == 0
    ours = icl.predict(learner, context=[(image, dot)], query=image)
    theirs = icl.predict(load(behaviour="official"), context=[(image, dot)], query=image)
    assert np.abs(ours.canvas - theirs.canvas).max() > 1e-3


def test_video_is_answered_frame_by_frame(learner: Any, pictures: list[Pair]) -> None:
    frames = np.stack([pictures[0][0], pictures[0][0][::-1], pictures[0][0][:, ::-1]])
    found = icl.predict(learner, context=pictures[1:2], query=icl.Video(frames))
    assert len(found) == 3
    for answer, frame in zip(found, frames, strict=True):
        same(answer, icl.predict(learner, context=pictures[1:2], query=frame), BATCH_LIMIT)


def test_large_pictures_are_cut_into_tiles(learner: Any, pictures: list[Pair]) -> None:
    image = np.tile(pictures[0][0], (2, 2, 1))
    prepared = learner.prepare(pictures[1:2])
    whole, tiled = prepared.predict(image), prepared.predict(image, tile=100)
    assert tiled.meta["tiles"] == 6 and tiled.mask.shape == image.shape[:2]
    assert np.abs(whole.logits - tiled.logits).max() > 1e-3
    corner = prepared.predict(image[:100, :100])
    assert np.abs(tiled.logits[:40, :20] - corner.logits[:40, :20]).max() < BATCH_LIMIT
    same(prepared.predict(image, tile=1000), whole)
    with pytest.raises(InputError, match="tile is for pictures"):
        prepared.predict(icl.Video(image[None]), tile=100)


def test_score_follows_the_calibration(
    load: Callable[..., Any],
    learner: Any,
    files: dict[str, Path],
    pictures: list[Pair],
    tmp_path: Path,
) -> None:
    plain = icl.predict(learner, context=pictures[:1], query=pictures[1][0])
    assert plain.score == plain.meta["expected_iou"]
    curve = {"raw": [0.0, 1.0], "iou": [0.2, 0.4]}
    asked = icl.predict(load(calibration=curve), context=pictures[:1], query=pictures[1][0])
    assert asked.score == pytest.approx(0.2 + 0.2 * plain.score)
    stored = tmp_path / "ours.pt"
    weights = torch.load(files["weights"], weights_only=True)
    torch.save({"model": weights, "config": {"calibration": curve}}, stored)
    beside = icl.predict(load(weights=stored), context=pictures[:1], query=pictures[1][0])
    assert beside.score == asked.score


def test_network_has_the_names_of_the_checkpoint(learner: Any, files: dict[str, Path]) -> None:
    saved = torch.load(files["weights"], weights_only=True)
    assert {f"module.{name}" for name in learner.network.state_dict()} == set(saved)


def test_bfloat16_keeps_most_of_the_mask(
    load: Callable[..., Any], learner: Any, pictures: list[Pair]
) -> None:
    small = load(dtype="bfloat16")
    assert small.sam.sam.image_encoder.pos_embed.dtype == torch.bfloat16
    found = icl.predict(small, context=pictures[:1], query=pictures[1][0])
    wanted = icl.predict(learner, context=pictures[:1], query=pictures[1][0])
    assert (found.mask == wanted.mask).mean() > 0.9


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"shots": "vote"}, "shots is 'vote', expected one of"),
        ({"batch_size": 0}, "batch_size is 0, expected a whole number from 1"),
        ({"batch_leak": "yes"}, "batch_leak is 'yes', expected True or False"),
        ({"dtype": "float16"}, "float32 or bfloat16, not in float16"),
        ({"sam_type": "vit_x"}, "sam_type is 'vit_x', expected one of vit_b"),
        ({"sam_type": "sam2.1_hiera_l"}, "prompt SAM 1.* and sam_type is 'sam2.1_hiera_l'"),
        ({"sam_weights": None}, "neither sam_weights nor sam_type is given"),
        ({"sam_size": 4}, "no option 'sam_size'"),
    ],
)
def test_bad_options_are_refused(
    load: Callable[..., Any], options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        load(**options)


def test_swapped_files_are_refused(load: Callable[..., Any], files: dict[str, Path]) -> None:
    with pytest.raises(WeightsError, match="holds no DC-SAM"):
        load(weights=files["sam_weights"])
    with pytest.raises(WeightsError, match="no SAM weights"):
        load(sam_weights=files["weights"])


def test_contexts_that_cannot_be_used_are_refused(learner: Any, pictures: list[Pair]) -> None:
    (image, mask), other = pictures[0], pictures[1]
    with pytest.raises(InputError, match="example 1: the mask is empty"):
        learner.prepare([(image, np.zeros_like(mask))])
    with pytest.raises(InputError, match="at least one example, and the context has only text"):
        learner.prepare(Context(text="a cup"))
    with pytest.raises(InputError, match="the mask is 48x64, expected the image's 70x90"):
        learner.prepare([(image, other[1])])


def test_what_a_negative_example_shows_is_set_against_the_object(
    load: Callable[..., Learner], pictures: list[Pair]
) -> None:
    learner = load()
    (image, mask), other, query = pictures[0], pictures[1], pictures[2][0]
    wanted = icl.predict(learner, [(image, mask)], query)
    unwanted = icl.predict(learner, [other], query)
    found = icl.predict(learner, [Example(image, mask), Example(*other, {"negative": True})], query)
    limit = wanted.canvas - np.maximum(unwanted.canvas, 0)
    assert np.abs(found.canvas - limit).max() <= BATCH_LIMIT
    same = icl.predict(
        learner, [Example(image, mask), Example(image, mask, {"negative": True})], query
    )
    assert wanted.mask.any() and not same.mask.any()
    assert found.meta["shots"] == 1
    with pytest.raises(InputError, match="example 2 is a negative one, and the released code"):
        load(behaviour="official").prepare([(image, mask), Example(*other, {"negative": True})])


@pytest.fixture(scope="module")
def video_file(
    video_tensors: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A small checkpoint with a SAM 2 inside, as the released video training writes it."""
    path = tmp_path_factory.mktemp("dcsam2") / "best_model.pt"
    torch.save({f"module.{n}": t for n, t in video_tensors.items()}, path)
    return path


def test_sam2_answers_pictures_and_follows_videos(video_file: Path, pictures: list[Pair]) -> None:
    learner: Any = icl.load("dcsam", weights=video_file, device="cpu")
    names = set(learner.network.state_dict())
    assert {n.partition(".")[0] for n in names} == {"sam2", "prompt_encoder"}
    image = pictures[0][0]
    found = icl.predict(learner, context=pictures[1:2], query=image)
    assert found.mask.shape == image.shape[:2] and found.canvas.shape == (64, 64)
    frames = icl.Video(np.stack([image, image[::-1]]))
    answers = icl.predict(learner, context=pictures[1:2], query=frames)
    assert [answer.mask.shape for answer in answers] == [image.shape[:2]] * 2
    again = icl.predict(learner, context=pictures[1:2], query=frames)
    for one, other in zip(answers, again, strict=True):
        same(one, other)
    small: Any = icl.load("dcsam", weights=video_file, device="cpu", dtype="bfloat16")
    rounded = icl.predict(small, context=pictures[1:2], query=image)
    assert 0 < np.abs(rounded.canvas - found.canvas).max()
    assert (rounded.mask == found.mask).mean() > 0.9
    with pytest.raises(InputError, match=r"prompt SAM 2.* and sam_type is 'vit_b'"):
        icl.load("dcsam", weights=video_file, sam_type="vit_b", device="cpu")


def test_contract_of_learners_holds(files: dict[str, Path]) -> None:
    results = check_plugin(
        "dcsam", weights=files["weights"], options={"sam_weights": files["sam_weights"]}
    )
    assert not {name: found for name, found in results.items() if found != PASSED}
