"""SAM 2's memory against golden video frames, and its bounds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from icl_core.errors import InputError
from icl_segmentation.sam2.build import build_sam2
from icl_segmentation.sam2.memory_attention import MemoryAttention
from icl_segmentation.sam2.network import NO_OBJECT, ObjectMasks, Sam2Network
from icl_segmentation.sam2.positions import axial_angles, rotate
from icl_segmentation.sam2.tracking import Tracker

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden"
LIMIT = 2e-5  # README of golden/dcsam
LATER_LIMIT = 2e-3  # the same, frames after the first: memories are rounded to bfloat16


@pytest.fixture(scope="module")
def tensors(video_tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix("sam2."): t for n, t in video_tensors.items() if n.startswith("sam2.")}


@pytest.fixture(scope="module")
def network(tensors: dict[str, Tensor]) -> Sam2Network:
    return build_sam2(tensors)


@pytest.fixture(scope="module")
def frames(sam2_golden: dict[str, Tensor]) -> Tensor:
    return F.interpolate(sam2_golden["frames"], (128, 128), mode="bilinear", align_corners=True)


@pytest.fixture(scope="module")
def sparse(sam2_golden: dict[str, Tensor], network: Sam2Network) -> Tensor:
    types = network.sam_prompt_encoder
    parts = [
        sam2_golden["prompt2_pos"] + types.point_type(1),
        sam2_golden["prompt2_neg"] + types.point_type(0),
    ]
    return torch.cat(parts, dim=1)


def followed(
    network: Sam2Network, frames: Tensor, sparse: Tensor, length: int | None = 3
) -> list[ObjectMasks]:
    tracker = Tracker(network, length)
    found = [tracker.prompt(network.encode(frames[:1]), sparse)]
    found += [tracker.track(network.encode(frame[None])) for frame in frames[1:]]
    return found


def at_64(masks: ObjectMasks) -> Tensor:
    return F.interpolate(masks.logits, (64, 64), mode="bilinear", align_corners=False)


def apart(found: Tensor, wanted: Tensor) -> float:
    assert found.shape == wanted.shape
    return float((found - wanted).abs().max())


@torch.inference_mode()
def test_frames_equal_the_golden_arrays(
    sam2_golden: dict[str, Tensor], network: Sam2Network, frames: Tensor, sparse: Tensor
) -> None:
    found = followed(network, frames, sparse)
    for number, (masks, limit) in enumerate(
        zip(found, (LIMIT, LATER_LIMIT, LATER_LIMIT), strict=True)
    ):
        logits = at_64(masks)
        assert apart(logits[0], sam2_golden["frame_logits"][:, number]) < limit
        assert apart(masks.object_score[0], sam2_golden["object_score_logits"][number]) < limit
        wanted = sam2_golden["frame_masks"][0, number] > 0
        differ = (logits[0, 0] > 0) != wanted
        assert bool((sam2_golden["frame_logits"][0, number][differ].abs() < 1e-4).all())


@torch.inference_mode()
def test_many_objects_are_followed_as_each_alone(
    network: Sam2Network, frames: Tensor, sparse: Tensor
) -> None:
    other = sparse.flip(-1)
    both = followed(network, frames, torch.cat([sparse, other]))
    for row, alone in enumerate((sparse, other)):
        for together, single in zip(both, followed(network, frames, alone), strict=True):
            assert apart(together.logits[row], single.logits[0]) < LATER_LIMIT


@torch.inference_mode()
def test_the_length_of_the_clip_matters_below_16_frames_only(
    network: Sam2Network, frames: Tensor, sparse: Tensor
) -> None:
    short, long, unknown, sixteen = (
        followed(network, frames, sparse, length)[-1].logits for length in (3, 500, None, 16)
    )
    assert torch.equal(long, unknown) and torch.equal(long, sixteen)
    assert apart(short, long) > 1e-4


@torch.inference_mode()
def test_memory_does_not_grow_with_the_video(
    network: Sam2Network, frames: Tensor, sparse: Tensor
) -> None:
    tracker = Tracker(network)
    features = network.encode(frames[:1])
    tracker.prompt(features, sparse)
    sizes = []
    for _ in range(20):
        tracker.track(features)
        memory, positions, pointer_tokens = tracker._bank()
        assert memory.shape[1:] == positions.shape[1:]
        sizes.append((memory.shape[1] - pointer_tokens, pointer_tokens))
    cells, parts = 8 * 8, 4
    assert sizes[0] == (2 * cells, 2 * parts)
    assert sizes[-1] == (7 * cells, 16 * parts)
    assert len(tracker._recent) == 15
    assert sum(memory.features is not None for memory in tracker._recent) == 6


@torch.inference_mode()
def test_an_absent_object_has_no_mask_and_the_pointer_of_none(
    tensors: dict[str, Tensor], frames: Tensor, sparse: Tensor
) -> None:
    absent = dict(tensors)
    name = "sam_mask_decoder.pred_obj_score_head.layers.2.bias"
    absent[name] = torch.full_like(tensors[name], -100.0)
    network = build_sam2(absent)
    features = network.encode(frames[:1])
    masks = network.segment(network.without_memory(features.embed), features.high_res, sparse)
    assert bool((masks.logits == NO_OBJECT).all())
    assert torch.equal(masks.pointer, network.no_obj_ptr)
    marked = network.remember(features, masks, prompted=False).float()
    there = masks._replace(object_score=-masks.object_score)
    plain = network.remember(features, there, prompted=False).float()
    offset = network.no_obj_embed_spatial[..., None, None].expand_as(plain)
    assert apart(marked - plain, offset) < 0.05  # bfloat16


@torch.inference_mode()
def test_a_prompted_mask_is_cut_before_it_is_remembered(
    network: Sam2Network, frames: Tensor, sparse: Tensor
) -> None:
    features = network.encode(frames[:1])
    masks = network.segment(network.without_memory(features.embed), features.high_res, sparse)
    louder = masks._replace(logits=masks.logits * 2)
    cut = [network.remember(features, m, prompted=True) for m in (masks, louder)]
    soft = [network.remember(features, m, prompted=False) for m in (masks, louder)]
    assert cut[0].dtype == torch.bfloat16
    assert torch.equal(*cut) and not torch.equal(*soft)


def test_following_needs_a_prompted_frame(network: Sam2Network, frames: Tensor) -> None:
    with torch.inference_mode(), pytest.raises(InputError, match="no prompted frame"):
        Tracker(network).track(network.encode(frames[:1]))


def test_rotary_scores_depend_on_the_distance_of_the_cells() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 16, generator=generator)
    turned = axial_angles((3, 4), 16, torch.device("cpu"))
    queries, keys = (rotate(x.expand(12, 16), turned) for x in (q, k))
    scores = (queries @ keys.T).view(3, 4, 3, 4)
    assert apart(scores[0, 1, 1, 3], scores[1, 0, 2, 2]) < 1e-4
    assert apart(scores[0, 0, 0, 0], scores[0, 0, 2, 2]) > 1e-2


@torch.inference_mode()
def test_the_order_of_memories_does_not_matter() -> None:
    attention = MemoryAttention(1).eval()
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 256, 2, 2, generator=generator)
    maps = torch.randn(2, 1, 4, 64, generator=generator)
    pointer = torch.randn(1, 4, 64, generator=generator)
    orders = [torch.cat([*maps, pointer], 1), torch.cat([*maps.flip(0), pointer], 1)]
    found = [attention(image, memory, torch.zeros(1, 12, 64), 4) for memory in orders]
    assert apart(*found) < 1e-5


@torch.inference_mode()
def test_encoder_and_memory_attention_may_compute_in_bfloat16(
    tensors: dict[str, Tensor], network: Sam2Network, frames: Tensor, sparse: Tensor
) -> None:
    mixed = build_sam2(tensors)
    mixed.image_encoder.to(torch.bfloat16)
    mixed.memory_attention.to(torch.bfloat16)
    exact = followed(network, frames, sparse)
    for masks, other in zip(exact, followed(mixed, frames, sparse), strict=True):
        assert other.logits.dtype == torch.float32
        alike = (masks.logits > 0) == (other.logits > 0)
        assert float(alike.float().mean()) > 0.99
