"""DC-SAM on videos against golden arrays, and how it reads frames and objects."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from icl_core.errors import InputError
from icl_segmentation.dcsam.checkpoint import DcSamFile, read_dcsam
from icl_segmentation.dcsam.generator import PromptGenerator
from icl_segmentation.dcsam.parts import Support
from icl_segmentation.dcsam.pipeline import DcSam, Request
from icl_segmentation.dcsam.sam_path import Sam2Path
from icl_segmentation.dcsam.sizes import generator_sizes
from icl_segmentation.dcsam.video import VideoDcSam, VideoNetwork
from icl_segmentation.sam2.build import build_sam2
from icl_segmentation.sam2.config import infer_config
from icl_segmentation.sam2.image import Sam2ImageModel
from icl_segmentation.sam2.network import Sam2Network

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden"
LIMIT = 2e-5  # README of golden/dcsam
LATER_LIMIT = 2e-3  # the same, frames after the first: memories are rounded to bfloat16


@pytest.fixture(scope="module")
def loaded(video_tensors: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> DcSamFile:
    """The golden network, read from a file as the released training writes it."""
    path = tmp_path_factory.mktemp("dcsam") / "best_model.pt"
    torch.save({f"module.{n}": t for n, t in video_tensors.items()}, path)
    return read_dcsam(path)


@pytest.fixture(scope="module")
def video(loaded: DcSamFile) -> VideoDcSam:
    return VideoDcSam(loaded.generator, Sam2ImageModel(build_sam2(loaded.sam2)))


@pytest.fixture(scope="module")
def support(sam2_golden: dict[str, Tensor], video: VideoDcSam) -> Support:
    """Row 0 is the golden support, row 1 another one."""
    images = torch.cat([sam2_golden["support_img"], sam2_golden["support_img"].flip(-1)])
    masks = torch.cat([sam2_golden["support_mask"], sam2_golden["support_mask"].flip(-2)])
    with torch.inference_mode():
        return video.prepare(images, masks)


@pytest.fixture(scope="module")
def frames(sam2_golden: dict[str, Tensor]) -> list[Tensor]:
    return list(sam2_golden["frames"][:, None])


def apart(found: Tensor, wanted: Tensor) -> float:
    assert found.shape == wanted.shape
    return float((found - wanted).abs().max())


@torch.inference_mode()
def test_the_first_frame_equals_the_golden_arrays(
    sam2_golden: dict[str, Tensor], video: VideoDcSam
) -> None:
    support = video.prepare(sam2_golden["support_img"], sam2_golden["support_mask"])
    assert apart(support.prototypes.positive[..., None, None], sam2_golden["prototype"]) < LIMIT
    assert apart(support.merged, sam2_golden["merged_support_pos"]) < LIMIT
    assert apart(support.prompts.positive, sam2_golden["prompt1_pos"]) < LIMIT
    assert apart(support.prompts.negative, sam2_golden["prompt1_neg"]) < LIMIT
    reading = video.read(sam2_golden["frames"][:1])
    assert apart(reading.maps.embed, sam2_golden["image_embed"]) < LIMIT
    merged = video.merge(reading.query, support, [0])
    assert apart(merged.positive, sam2_golden["merged_query_pos"]) < LIMIT
    coarse = video.decode(reading.maps, support.prompts, (64, 64))
    assert torch.equal((coarse > 0).float(), sam2_golden["pre_mask"])
    refined = video.two_stages(reading.maps, support, merged, (64, 64))
    assert apart(refined.positive, sam2_golden["prompt2_pos"]) < LIMIT
    assert apart(refined.negative, sam2_golden["prompt2_neg"]) < LIMIT


@torch.inference_mode()
def test_every_frame_equals_the_golden_arrays(
    sam2_golden: dict[str, Tensor], video: VideoDcSam, support: Support, frames: list[Tensor]
) -> None:
    found = list(video.follow(frames, support, [[0]]))
    assert len(found) == 3
    for number, masks in enumerate(found):
        limit = LATER_LIMIT if number else LIMIT
        wanted = sam2_golden["frame_logits"][:, number]
        assert apart(masks.logits[0], wanted) < limit
        assert apart(masks.object_score, sam2_golden["object_score_logits"][number]) < limit
        differ = (masks.logits[0] > 0) != (sam2_golden["frame_masks"][:, number] > 0)
        assert bool((wanted[differ].abs() < 1e-4).all())
        assert 0 < float(masks.iou) < 1


@torch.inference_mode()
def test_objects_with_unlike_numbers_of_shots_are_followed_as_each_alone(
    video: VideoDcSam, support: Support, frames: list[Tensor]
) -> None:
    shots_of = [[0, 1], [1], [0]]
    together = list(video.follow(frames, support, shots_of))
    for place, rows in enumerate(shots_of):
        alone = video.follow(frames, support, [rows])
        for masks, single in zip(together, alone, strict=True):
            assert apart(masks.logits[place], single.logits[0]) < LATER_LIMIT
            assert apart(masks.object_score[place], single.object_score[0]) < LATER_LIMIT


@torch.inference_mode()
def test_average_is_the_mean_of_the_shots_alone(
    video: VideoDcSam, support: Support, frames: list[Tensor]
) -> None:
    both = video.follow(frames, support, [[0, 1], [1]], shots="average")
    first = video.follow(frames, support, [[0]])
    second = video.follow(frames, support, [[1]])
    for masks, one, other in zip(both, first, second, strict=True):
        mean = (one.logits[0] + other.logits[0]) / 2
        assert apart(masks.logits[0], mean) < LATER_LIMIT
        assert apart(masks.logits[1], other.logits[0]) < LATER_LIMIT


@torch.inference_mode()
def test_encoding_frames_in_batches_changes_nothing(
    video: VideoDcSam, support: Support, frames: list[Tensor]
) -> None:
    alone = video.follow(frames, support, [[0]])
    batched = video.follow(frames, support, [[0]], encode_batch=2)
    for masks, other in zip(alone, batched, strict=True):
        assert apart(masks.logits, other.logits) < LATER_LIMIT


@torch.inference_mode()
def test_frames_are_read_as_they_are_needed(
    video: VideoDcSam, support: Support, frames: list[Tensor]
) -> None:
    read = []

    def source() -> Iterator[Tensor]:
        for number in range(40):
            read.append(number)
            yield frames[number % 3]

    answers = video.follow(source(), support, [[0]])
    assert not read
    for number in range(20):
        next(answers)
        assert len(read) == max(16, number + 1)


@torch.inference_mode()
def test_a_clip_of_one_frame_is_answered(
    sam2_golden: dict[str, Tensor], video: VideoDcSam, support: Support, frames: list[Tensor]
) -> None:
    (only,) = video.follow(frames[:1], support, [[0]])
    assert apart(only.logits[0], sam2_golden["frame_logits"][:, 0]) < LIMIT


@torch.inference_mode()
def test_an_object_that_is_not_there_has_no_mask_in_any_frame(
    loaded: DcSamFile, support: Support, frames: list[Tensor]
) -> None:
    tensors = dict(loaded.sam2)
    name = "sam_mask_decoder.pred_obj_score_head.layers.2.bias"
    tensors[name] = torch.full_like(tensors[name], -100.0)
    absent = VideoDcSam(loaded.generator, Sam2ImageModel(build_sam2(tensors)))
    for masks in absent.follow(frames, support, [[0]]):
        assert not bool((masks.logits > 0).any())
        assert float(masks.object_score) < 0


@pytest.mark.parametrize(
    ("frame_count", "shots_of", "shots", "sentence"),
    [
        (0, [[0]], "concatenate", "has no frames"),
        (1, [], "concatenate", "has no example"),
        (1, [[0], []], "concatenate", "has no example"),
        (1, [[0]], "both", "shots is 'both'"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    video: VideoDcSam,
    support: Support,
    frames: list[Tensor],
    frame_count: int,
    shots_of: list[list[int]],
    shots: str,
    sentence: str,
) -> None:
    with torch.inference_mode(), pytest.raises(InputError, match=sentence):
        next(video.follow(frames[:frame_count], support, shots_of, shots))


def test_names_and_shapes_are_those_of_the_published_model(sam2_golden: dict[str, Tensor]) -> None:
    with gzip.open(GOLDEN / "dcsam" / "manifests_full.json.gz") as file:
        manifest = json.load(file)["dcsam2_video_sam2_hiera_l_resnet50"]
    with torch.device("meta"):
        given = {name: torch.empty(shape) for name, shape in manifest.items()}
        sam2, generator = (
            {n.removeprefix(part): t for n, t in given.items() if n.startswith(part)}
            for part in ("sam2.", "prompt_encoder.")
        )
        network = VideoNetwork(
            Sam2Network(infer_config(sam2)), PromptGenerator(generator_sizes(generator))
        )
    assert {n: list(t.shape) for n, t in network.state_dict().items()} == manifest


@torch.inference_mode()
def test_the_image_path_of_the_same_file_equals_its_golden_arrays(
    sam2_golden: dict[str, Tensor], video: VideoDcSam
) -> None:
    model = DcSam(video.generator, Sam2Path(Sam2ImageModel(video.network)))
    support = model.prepare(sam2_golden["support_img"], sam2_golden["support_mask"])
    reading = model.read(sam2_golden["frames"][:1])
    coarse = model.decode(reading.maps, support.prompts, (64, 64))
    assert apart(coarse, sam2_golden["imagemode_stage1_logits"]) < LIMIT
    merged = model.merge(reading.query, support, [0])
    refined = model.two_stages(reading.maps, support, merged, (64, 64))
    assert apart(refined.positive, sam2_golden["imagemode_prompt2_pos"]) < LIMIT
    assert apart(refined.negative, sam2_golden["imagemode_prompt2_neg"]) < LIMIT
    final = model.answer(reading, support, [Request(0, [0])])
    assert apart(final, sam2_golden["imagemode_final_logits"]) < LIMIT
