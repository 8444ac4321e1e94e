"""SAM 2's image path against golden arrays and timm's trunk, and its files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from icl_core.errors import UntrustedFileError, WeightsError
from icl_segmentation.sam2.build import build_sam2, load_sam2
from icl_segmentation.sam2.config import TRUNKS, HieraConfig, infer_config
from icl_segmentation.sam2.hiera import Hiera, join_windows, split_windows
from icl_segmentation.sam2.image import Sam2ImageModel
from icl_segmentation.sam2.mask_decoder import Decoded, Sam2MaskDecoder, stability
from icl_segmentation.sam2.network import Sam2Network

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden"
LIMIT = 2e-5  # README of golden/dcsam
SUFFIXES = {"t": "tiny", "s": "small", "b+": "base_plus", "l": "large"}

Manifest = dict[str, list[int]]


@pytest.fixture(scope="module")
def tensors(video_tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix("sam2."): t for n, t in video_tensors.items() if n.startswith("sam2.")}


@pytest.fixture(scope="module")
def full_manifests(sam2_golden: dict[str, Tensor]) -> dict[str, Manifest]:
    with gzip.open(GOLDEN / "dcsam" / "manifests_full.json.gz") as file:
        manifests: dict[str, Manifest] = json.load(file)
    return manifests


@pytest.fixture(scope="module")
def model(tensors: dict[str, Tensor]) -> Sam2ImageModel:
    return Sam2ImageModel(build_sam2(tensors))


def apart(found: Tensor, wanted: Tensor) -> float:
    assert found.shape == wanted.shape
    return float((found - wanted).abs().max())


def upscaled(pictures: Tensor) -> Tensor:
    return F.interpolate(pictures, (128, 128), mode="bilinear", align_corners=True)


def tokens(model: Sam2ImageModel, positive: Tensor, negative: Tensor) -> Tensor:
    encoder = model.sam2.sam_prompt_encoder
    return torch.cat([positive + encoder.point_type(1), negative + encoder.point_type(0)], dim=1)


@torch.inference_mode()
def test_the_image_path_equals_the_golden_arrays(
    sam2_golden: dict[str, Tensor], model: Sam2ImageModel
) -> None:
    embed, high_res = model.encode(upscaled(sam2_golden["frames"][:1]))
    assert apart(embed, sam2_golden["image_embed"]) < LIMIT
    assert apart(high_res[0][:, :8], sam2_golden["high_res_0"]) < LIMIT
    assert apart(high_res[1][:, :8], sam2_golden["high_res_1"]) < LIMIT
    stages = {
        "imagemode_stage1_logits": ("prompt1_pos", "prompt1_neg"),
        "imagemode_final_logits": ("imagemode_prompt2_pos", "imagemode_prompt2_neg"),
    }
    for name, (positive, negative) in stages.items():
        sparse = tokens(model, sam2_golden[positive], sam2_golden[negative])
        logits = model.decode(embed, high_res, sparse)
        found = F.interpolate(logits, (64, 64), mode="bilinear", align_corners=True)
        assert apart(found, sam2_golden[name]) < LIMIT


@torch.inference_mode()
def test_a_batch_gives_what_its_pictures_give_alone(
    sam2_golden: dict[str, Tensor], model: Sam2ImageModel
) -> None:
    pictures = upscaled(sam2_golden["frames"][:2])
    sparse = tokens(model, sam2_golden["prompt1_pos"], sam2_golden["prompt1_neg"])
    both = model.decode(*model.encode(pictures), sparse.expand(2, -1, -1))
    alone = [model.decode(*model.encode(picture[None]), sparse) for picture in pictures]
    assert apart(both, torch.cat(alone)) < LIMIT


@torch.inference_mode()
def test_one_picture_serves_many_prompt_sets(
    sam2_golden: dict[str, Tensor], model: Sam2ImageModel
) -> None:
    embed, high_res = model.encode(upscaled(sam2_golden["frames"][:1]))
    one = tokens(model, sam2_golden["prompt1_pos"], sam2_golden["prompt1_neg"])
    other = one.flip(-1)
    both = model.decode(embed, high_res, torch.cat([one, other]))
    alone = [model.decode(embed, high_res, sparse) for sparse in (one, other)]
    assert apart(both, torch.cat(alone)) < LIMIT


def test_no_mask_prompt_is_the_embedding_of_no_mask(
    sam2_golden: dict[str, Tensor], model: Sam2ImageModel
) -> None:
    with torch.inference_mode():
        embed, high_res = model.encode(upscaled(sam2_golden["frames"][:1]))
        sparse = tokens(model, sam2_golden["prompt1_pos"], sam2_golden["prompt1_neg"])
        dense = model.sam2.sam_prompt_encoder.embed_no_mask(1)
        assert torch.equal(
            model.decode(embed, high_res, sparse, dense), model.decode(embed, high_res, sparse)
        )


def test_the_decoder_passes_gradients_to_the_prompts(
    sam2_golden: dict[str, Tensor], model: Sam2ImageModel
) -> None:
    with torch.no_grad():
        embed, high_res = model.encode(upscaled(sam2_golden["frames"][:1]))
    sparse = tokens(model, sam2_golden["prompt1_pos"], sam2_golden["prompt1_neg"]).requires_grad_()
    model.decode(embed, high_res, sparse).sum().backward()
    assert sparse.grad is not None and bool((sparse.grad != 0).any())


def test_stability_is_the_share_that_survives_both_thresholds() -> None:
    logits = torch.tensor([[1.0, 0.04, -0.04, -1.0], [-1, -1, -1, -1], [1, 1, -1, -1]])
    found = stability(logits.view(3, 1, 2, 2))
    assert found.flatten().tolist() == pytest.approx([1 / 3, 1, 1])


def test_an_unstable_mask_gives_way_to_the_best_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    masks = torch.stack([torch.full((2, 2), float(value)) for value in (0, 1, 2, 3)])
    masks = torch.stack([masks, masks + 1])  # mask 0 of the second prompt set is stable
    iou = torch.tensor([[0.9, 0.1, 0.8, 0.3], [0.1, 0.2, 0.3, 0.4]])
    every = Decoded(masks, iou, torch.zeros(2, 8), torch.zeros(2, 1))
    decoder = Sam2MaskDecoder(8)
    monkeypatch.setattr(decoder, "decode", lambda *_: every)
    nothing = torch.zeros(0)
    found = decoder.decode_single(nothing, nothing, nothing, nothing, (nothing, nothing))
    assert torch.equal(found.masks[:, 0], torch.stack([masks[0, 2], masks[1, 0]]))
    assert found.iou.flatten().tolist() == pytest.approx([0.8, 0.1])


@pytest.mark.parametrize("version", ["sam2", "sam2.1"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_names_and_shapes_are_those_of_the_published_files(
    full_manifests: dict[str, Manifest], version: str, suffix: str
) -> None:
    manifest = full_manifests[f"{version}_hiera_{suffix}"]
    with torch.device("meta"):
        given = {name: torch.empty(shape) for name, shape in manifest.items()}
        network = Sam2Network(infer_config(given))
    assert {n: list(t.shape) for n, t in network.state_dict().items()} == manifest
    assert network.config.trunk == TRUNKS[SUFFIXES[suffix]]
    assert network.config.image_size == 1024
    assert network.config.pointer_times is (version == "sam2.1")


@pytest.mark.parametrize("size", TRUNKS)
def test_windows_and_global_blocks_are_those_of_timm(size: str) -> None:
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        theirs = timm.create_model(f"sam2_hiera_{size}", pretrained=False)
        ours = Hiera(TRUNKS[size])
    table = theirs.pos_embed
    assert ours.pos_embed.shape == table.shape
    assert ours.pos_embed_window.shape == theirs.pos_embed_window.shape
    assert len(ours.blocks) == len(theirs.blocks)
    for own, other in zip(ours.blocks, theirs.blocks, strict=True):
        side = other.window_size[0]
        assert (own.window, own.pool) == (side, other.pool is not None)  # type: ignore[union-attr]
        assert own.attn.heads == other.attn.num_heads  # type: ignore[union-attr]


@torch.inference_mode()
def test_the_trunk_computes_what_timm_computes() -> None:
    timm = pytest.importorskip("timm")
    theirs = timm.create_model("sam2_hiera_tiny", pretrained=False).eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in theirs.parameters():
        scale = 0.5 / parameter[0].numel() ** 0.5 if parameter.ndim > 1 else 0.5
        parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    state = {
        name.replace("mlp.fc1.", "mlp.layers.0.").replace("mlp.fc2.", "mlp.layers.1."): tensor
        for name, tensor in theirs.state_dict().items()
        if not name.startswith("head.")
    }
    ours = Hiera(TRUNKS["tiny"]).eval()
    ours.load_state_dict(state)
    # 288 / 16 = 18 cells are no multiple of the window of 14: padding shows.
    picture = torch.randn(1, 3, 288, 288, generator=generator)
    wanted = theirs.forward_intermediates(picture, intermediates_only=True)
    for found, level in zip(ours(picture), wanted, strict=True):
        assert apart(found, level) < 1e-4


def test_windows_come_back_together() -> None:
    x = torch.arange(2 * 5 * 7 * 3.0).view(2, 5, 7, 3)
    windows = split_windows(x, 4)
    assert windows.shape == (8, 4, 4, 3)
    assert torch.equal(join_windows(windows, (5, 7)), x)


def test_a_file_as_released_loads_unchanged(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    path = tmp_path / "sam2.1_hiera_test.pt"
    torch.save({"model": tensors}, path)
    network = load_sam2(path)
    assert not network.training
    state = network.state_dict()
    assert list(state.keys() ^ tensors.keys()) == []
    assert all(torch.equal(state[name], tensors[name]) for name in state)


def test_a_file_that_runs_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.pt"
    torch.save({"model": Path("x")}, path)
    with pytest.raises(UntrustedFileError):
        load_sam2(path)


def test_version_2_0_has_no_times_of_pointers(tensors: dict[str, Tensor]) -> None:
    newer = ("no_obj_embed_spatial", "obj_ptr_tpos_proj.weight", "obj_ptr_tpos_proj.bias")
    older = {name: tensor for name, tensor in tensors.items() if name not in newer}
    network = build_sam2(older)
    assert not network.config.pointer_times and not network.config.absent_embedding


def test_other_tensors_are_no_sam2_file() -> None:
    with pytest.raises(WeightsError, match="no SAM 2 file"):
        build_sam2({"image_encoder.pos_embed": torch.zeros(1)})


def test_an_unknown_trunk_needs_its_sizes(tensors: dict[str, Tensor]) -> None:
    fewer = {n: t for n, t in tensors.items() if "trunk.blocks.4." not in n}
    with pytest.raises(WeightsError, match=r"16 channels and the stages \[1, 1, 2\]"):
        infer_config(fewer)
    given = HieraConfig(16, 1, (1, 1, 2), (3,), (8, 4, 8))
    config = infer_config(fewer, trunk=given, image_size=64)
    assert (config.trunk, config.grid) == (given, 4)
