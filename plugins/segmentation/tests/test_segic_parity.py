"""SEGIC against the golden arrays of the official code, every step and the whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import icl_core as icl
from icl_core.results.label_map import LabelMap
from icl_segmentation.segic.checkpoint import Wanted, read_network
from icl_segmentation.segic.network import OTHER, OWN, SegicNetwork
from icl_segmentation.segic.preprocess import (
    Frame,
    crop_logits,
    mask_tensor,
    mean_certainty,
    normalise,
    original_logits,
    picture_tensor,
)
from icl_segmentation.segic.prior import VIDEO_EPS, best_points, prepare_target, prior_mask
from icl_segmentation.segic.prior import similarity as cosine_maps
from icl_segmentation.segic.references import References, masked_mean, patch_weights
from icl_segmentation.segic.text import INSTANCES, prompt_of, tokenize
from icl_segmentation.segic.video import Tracker

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden"
SIDE = 224
LIMIT, PADDED_LIMIT, FLIPS = 1e-5, 1e-3, 1e-4  # README of golden/segic

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    if not (GOLDEN / "segic").is_dir():
        pytest.skip("the golden arrays (../shared/golden/segic) are not here")
    content: dict[str, Any] = json.loads((GOLDEN / "segic" / "manifest.json").read_text())
    return content


@pytest.fixture(scope="module")
def checkpoint(
    manifest: dict[str, Any],
    seeded: Callable[[Any, int], dict[str, Tensor]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The stand-in weights in one file, under the official names."""
    shapes = {n: tuple(s) for n, s in manifest["tensors"].items() if not n.startswith("pixel_")}
    path = tmp_path_factory.mktemp("segic") / "golden.pth"
    torch.save(seeded(shapes, manifest["seed"]), path)
    return path


@pytest.fixture(scope="module")
def network(checkpoint: Path) -> SegicNetwork:
    return read_network(checkpoint, Wanted(image_size=SIDE))[0]


@pytest.fixture(scope="module")
def load(checkpoint: Path) -> Callable[..., icl.Learner]:
    def loaded(**options: Any) -> icl.Learner:
        return icl.load(
            "segic",
            weights=checkpoint,
            device="cpu",
            dtype="float32",
            image_size=SIDE,
            **{"behaviour": "official", **options},
        )

    return loaded


@pytest.fixture(scope="module")
def arrays(manifest: dict[str, Any]) -> Callable[[str], Arrays]:
    def read(stem: str) -> Arrays:
        with np.load(GOLDEN / "segic" / f"{stem}.npz", allow_pickle=False) as file:
            return {name: file[name] for name in file.files}

    return read


def close(found: Any, wanted: np.ndarray, limit: float = LIMIT) -> None:
    array = found.numpy() if isinstance(found, Tensor) else np.asarray(found)
    assert array.shape == wanted.shape
    assert np.abs(array.astype(np.float64) - wanted).max() <= limit


def flips(found: np.ndarray, wanted: np.ndarray) -> float:
    assert found.shape == wanted.shape
    return float((found != wanted).mean())


def hwc(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture.transpose(1, 2, 0))


def encode(network: SegicNetwork, pictures: list[np.ndarray]) -> tuple[Tensor, list[Frame]]:
    squares = [picture_tensor(hwc(picture), SIDE) for picture in pictures]
    frames = [frame for _, frame in squares]
    stacked = torch.stack([square for square, _ in squares])
    return network.encode(normalise(stacked, frames, network.pixel_mean, network.pixel_std)), frames


def vectors_of(features: Tensor, masks: Tensor) -> Tensor:
    size = (features.shape[-2], features.shape[-1])
    return masked_mean(features, patch_weights(masks, size, soft=False))


def kinds_of(count: int) -> Tensor:
    return torch.where(torch.eye(count, dtype=torch.bool), OWN, OTHER)


def test_state_dict_has_the_official_names(network: SegicNetwork, manifest: dict[str, Any]) -> None:
    own = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert own == manifest["tensors"]
    assert len(manifest["saved"]) == 148


@torch.inference_mode()
def test_one_shot_equals_the_golden_arrays_at_every_step(
    network: SegicNetwork, arrays: Callable[[str], Arrays]
) -> None:
    golden = arrays("oneshot")
    target_square, target_frame = picture_tensor(hwc(golden["tgt_image"]), SIDE)
    close(target_square, golden["tgt_image_padded"], PADDED_LIMIT)
    masks = mask_tensor(golden["ref_mask"][None] > 0, SIDE)
    close(masks, golden["ref_mask_padded"], PADDED_LIMIT)
    features, frames = encode(network, [golden["tgt_image"], golden["ref_image"]])
    assert [frames[1].height, frames[1].width] == golden["ref_size"].tolist()
    assert [target_frame.height, target_frame.width] == golden["tgt_size"].tolist()
    close(features, golden["image_features"])

    ids = tokenize([prompt_of("dog")] * 2)
    assert np.array_equal(ids.numpy(), golden["token_ids"])
    close(network.encoder.text_model(ids), golden["text_pooled"])

    vectors = vectors_of(features[1], (masks / 255 > 0.5).float())
    close(vectors, golden["inst_feat"])
    target = prepare_target(features[0], network.similarity_side)
    close(cosine_maps(target, vectors)[:, None], golden["similarity"])
    text = network.encode_texts(ids[:1])
    prompts = network.prompts(target, vectors, text, vectors, kinds_of(1))
    close(prompts.prior[:, None], golden["prior_mask"])
    assert np.array_equal(prompts.points.numpy(), golden["point_xy"])
    assert np.array_equal(prompts.labels.numpy(), golden["point_label"])
    close(torch.cat([prompts.text[:, None], prompts.instances], 1), golden["text_tokens"])
    sparse = network.sparse(prompts)
    close(sparse, golden["sparse"])
    dense = network.prompt_encoder.embed_masks(prompts.prior[:, None])
    close(dense, golden["dense"])
    image = network.neck(features[:1])
    close(image, golden["neck"])
    close(network.prompt_encoder.get_dense_pe()[..., :4, :4], golden["image_pe_corner"])

    masks4, iou = network.decode(image, sparse, dense, range(4), iou=True)
    assert iou is not None
    close(masks4, golden["masks4"])
    close(iou, golden["iou4"])
    close(iou[:, :1], golden["iou"])
    alone, nothing = network.decode(image, sparse, dense)
    assert nothing is None
    close(alone[:, 0], golden["masks4"][:, 0])
    cropped = crop_logits(alone[:, 0], target_frame, SIDE)
    close(cropped[:, None], golden["logits"])
    full = original_logits(cropped, target_frame)
    close(full[:, None], golden["logits_full"])
    assert flips((full > 0).numpy(), golden["mask"][0]) <= FLIPS


@torch.inference_mode()
def test_two_instances_equal_the_golden_arrays_at_every_step(
    network: SegicNetwork, arrays: Callable[[str], Arrays]
) -> None:
    golden = arrays("oneshot_instances")
    features, frames = encode(network, [golden["tgt_image"], golden["ref_image"]])
    ids = tokenize([INSTANCES])
    assert np.array_equal(ids.numpy(), golden["token_ids"])
    close(network.encoder.text_model(ids), golden["text_pooled"])
    masks = (mask_tensor(golden["ref_masks"] > 0, SIDE) / 255 > 0.5).float()
    vectors = vectors_of(features[1], masks)
    close(vectors, golden["inst_feat"])
    target = prepare_target(features[0], network.similarity_side)
    close(cosine_maps(target, vectors)[:, None], golden["similarity"])
    text = network.encode_texts(ids).expand(2, -1)
    prompts = network.prompts(target, vectors, text, vectors, kinds_of(2))
    assert np.array_equal(prompts.points.numpy(), golden["point_xy"])
    close(torch.cat([prompts.text[:, None], prompts.instances], 1), golden["text_tokens"])
    sparse = network.sparse(prompts)
    close(sparse, golden["sparse"])
    dense = network.prompt_encoder.embed_masks(prompts.prior[:, None])
    masks4, iou = network.decode(network.neck(features[:1]), sparse, dense, range(4), iou=True)
    assert iou is not None
    close(masks4, golden["masks4"])
    close(iou, golden["iou4"])
    close(crop_logits(masks4[:, 0], frames[0], SIDE)[:, None], golden["logits"])


@torch.inference_mode()
def test_two_references_equal_the_golden_arrays_at_every_step(
    network: SegicNetwork, arrays: Callable[[str], Arrays]
) -> None:
    golden = arrays("two_references")
    ids = tokenize([prompt_of("dog"), prompt_of(None)])
    assert np.array_equal(ids.numpy(), golden["token_ids"])
    close(network.encoder.text_model(ids), golden["text_pooled"])
    text = network.encode_texts(ids)
    close(text[:, None], golden["prompt_feats"])
    features, frames = encode(network, [golden["tgt_image"], *golden["ref_images"]])
    # Stored references keep their masks soft until the patch grid.
    masks = mask_tensor(golden["ref_masks"] > 0, SIDE) / 255
    vectors = torch.cat([vectors_of(features[1 + n], masks[n : n + 1]) for n in range(2)])
    close(vectors[:, None], golden["inst_feats"])
    target = prepare_target(features[0], network.similarity_side)
    close(cosine_maps(target, vectors)[:, None], golden["similarity"])
    prompts = network.prompts(target, vectors, text, vectors, kinds_of(2))
    assert np.array_equal(prompts.points.numpy(), golden["point_xy"])
    close(torch.cat([prompts.text[:, None], prompts.instances], 1), golden["text_tokens"])
    sparse = network.sparse(prompts)
    close(sparse, golden["sparse"])
    dense = network.prompt_encoder.embed_masks(prompts.prior[:, None])
    masks4, iou = network.decode(network.neck(features[:1]), sparse, dense, range(4), iou=True)
    assert iou is not None
    close(masks4, golden["masks4"])
    close(iou, golden["iou4"])
    cropped = crop_logits(masks4[:, 0], frames[0], SIDE)
    close(cropped[:, None], golden["logits"])
    close(mean_certainty(cropped), golden["mask_score"])


@torch.inference_mode()
def test_video_equals_the_golden_arrays_at_every_step(
    network: SegicNetwork, arrays: Callable[[str], Arrays]
) -> None:
    golden = arrays("video")
    features, frames = encode(network, list(golden["frames"]))
    close(features[1:2], golden["image_features"])
    given = np.stack([golden["first_mask"] == n for n in (1, 2)])
    first = vectors_of(features[0], (mask_tensor(given, SIDE) / 255 > 0.5).float())
    close(first, golden["inst_feats"][0])
    text = network.encode_texts(tokenize([INSTANCES]))
    stored = References(first, (0, 1), (0, 0), text.expand(2, -1))
    # The released code builds the prompts of the first frame too, and does not use them.
    target = prepare_target(features[0], network.similarity_side)
    prior = prior_mask(cosine_maps(target, first, VIDEO_EPS), SIDE)
    assert np.array_equal(best_points(prior).numpy(), golden["point_xy"][0, 0])
    tracker = Tracker(network, stored, text, official=True)
    for number in range(1, 4):
        before = tracker.references()
        target = prepare_target(features[number], network.similarity_side)
        prompts = network.prompts(
            target,
            stored.units,
            before.text,
            before.vectors,
            before.kinds([0, 1]),
            eps=VIDEO_EPS,
            negatives=True,
        )
        assert np.array_equal(prompts.points.numpy(), golden["point_xy"][number])
        assert np.array_equal(prompts.labels.numpy(), golden["point_label"][number])
        sparse = network.sparse(prompts)
        if number == 3:
            close(sparse, golden["sparse_last"])
            maps = cosine_maps(target, before.vectors, VIDEO_EPS)
            close(maps.view(2, 2, *maps.shape[1:]), golden["similarity_last"])
        dense = network.prompt_encoder.embed_masks(prompts.prior[:, None])
        image = network.neck(features[number : number + 1])
        _, iou = network.decode(image, sparse, dense, (), iou=True)
        assert iou is not None
        close(iou[:, 0], golden["iou"][number - 1])
        close(tracker.step(features[number], frames[number]), golden["low_res_logits"][number - 1])
        after = tracker.references()
        newest = after.vectors[[t for t, image in enumerate(after.image) if image == -1]]
        close(newest, golden["inst_feats"][number])


@pytest.mark.parametrize("behaviour", ["official", "corrected"])
def test_learner_answers_one_shot_as_released(
    load: Callable[..., icl.Learner], arrays: Callable[[str], Arrays], behaviour: str
) -> None:
    golden = arrays("oneshot")
    example = icl.Example(hwc(golden["ref_image"]), golden["ref_mask"], {"class_name": "dog"})
    answer = load(behaviour=behaviour).prepare([example]).predict(hwc(golden["tgt_image"]))
    close(answer.logits, golden["logits_full"][0, 0])
    assert flips(answer.mask, golden["mask"][0, 0]) <= FLIPS


def test_learner_answers_instances_as_released(
    load: Callable[..., icl.Learner], arrays: Callable[[str], Arrays]
) -> None:
    golden = arrays("oneshot_instances")
    ids = golden["ref_masks"][0] + 2 * golden["ref_masks"][1]
    answer = load(instances=True).prepare([(hwc(golden["ref_image"]), ids)])
    found = answer.predict(hwc(golden["tgt_image"]))
    assert isinstance(found, LabelMap)
    for one, wanted in zip(found.objects, golden["mask"][:, 0], strict=True):
        assert flips(one.mask, wanted) <= FLIPS


def test_learner_answers_two_references_as_released(
    load: Callable[..., icl.Learner], arrays: Callable[[str], Arrays]
) -> None:
    golden = arrays("two_references")
    metas: list[dict[str, Any]] = [{"object": 1, "class_name": "dog"}, {"object": 2}]
    parts = zip(golden["ref_images"], golden["ref_masks"], metas, strict=True)
    examples = [icl.Example(hwc(image), mask, meta) for image, mask, meta in parts]
    found = load().prepare(examples).predict(hwc(golden["tgt_image"]))
    assert isinstance(found, LabelMap)
    for one, wanted in zip(found.objects, golden["mask"][:, 0], strict=True):
        assert flips(one.mask, wanted) <= FLIPS
    close(np.array(found.object_scores), golden["mask_score"])


def test_learner_follows_a_video_as_released(
    load: Callable[..., icl.Learner], arrays: Callable[[str], Arrays]
) -> None:
    golden = arrays("video")
    frames = [hwc(frame) for frame in golden["frames"]]
    found = load().prepare([(frames[0], golden["first_mask"])]).predict(icl.Video(frames))
    ids = np.stack([answer.labels for answer in found])
    assert flips(ids, golden["ids"]) <= FLIPS


@torch.inference_mode()
def test_a_box_takes_the_place_of_the_padding(
    network: SegicNetwork, arrays: Callable[[str], Arrays]
) -> None:
    golden = arrays("oneshot")
    features = torch.from_numpy(golden["image_features"][0])
    vectors = torch.from_numpy(golden["inst_feat"])
    text = network.encode_texts(tokenize([prompt_of("dog")]))
    target = prepare_target(features, network.similarity_side)
    prompts = network.prompts(target, vectors, text, vectors, kinds_of(1))
    boxed = network.sparse(prompts, torch.tensor([[10.0, 20.0, 90.0, 120.0]]))
    close(boxed[:, [0, 3, 4]], golden["sparse"][:, [0, 2, 3]])
    assert boxed.shape == (1, 5, 256)


def test_prior_equals_the_direct_form() -> None:
    generator = torch.Generator().manual_seed(3)
    features = torch.randn(48, 9, 9, generator=generator)
    vectors = torch.randn(3, 48, generator=generator)
    size = (31, 31)
    direct = torch.nn.functional.interpolate(features[None], size, mode="bilinear")[0]
    wanted = torch.einsum(
        "chw,nc->nhw",
        torch.nn.functional.normalize(direct, dim=0),
        torch.nn.functional.normalize(vectors, dim=1),
    )
    close(cosine_maps(prepare_target(features, 31), vectors), wanted.numpy(), 2e-6)


def test_a_zero_vector_gives_a_zero_prior() -> None:
    features = torch.randn(8, 4, 4, generator=torch.Generator().manual_seed(1))
    assert not cosine_maps(prepare_target(features, 14), torch.zeros(1, 8)).any()
