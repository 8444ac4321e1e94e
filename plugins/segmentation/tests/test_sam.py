"""SAM against golden arrays, against the published code, and its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from icl_core.errors import InputError, OfflineError, WeightsError
from icl_segmentation.sam import relative_attention
from icl_segmentation.sam.build import SAM_TYPES, Sam, read_sam, sam_from_tensors
from icl_segmentation.sam.files import SAM_NAMES, sam_file
from icl_segmentation.sam.image_encoder import EncoderSizes
from icl_segmentation.sam.prompt_encoder import PromptEncoder
from icl_segmentation.sam.relative_attention import RelativeAttention

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden"
LIMIT = 2e-5  # README of golden/dcsam


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    if not (GOLDEN / "dcsam").is_dir():
        pytest.skip("the golden arrays (../shared/golden/dcsam) are not here")
    with np.load(GOLDEN / "dcsam" / "sam_tiny.npz", allow_pickle=False) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


@pytest.fixture(scope="module")
def tensors(
    golden: dict[str, Tensor], seeded: Callable[[Any, int], dict[str, Tensor]]
) -> dict[str, Tensor]:
    return seeded(json.loads((GOLDEN / "dcsam" / "manifest_tiny_sam.json").read_text()), 1)


@pytest.fixture(scope="module")
def sam(tensors: dict[str, Tensor]) -> Sam:
    return sam_from_tensors(tensors)


def apart(found: Tensor, wanted: Tensor) -> float:
    assert found.shape == wanted.shape
    return float((found - wanted).abs().max())


@pytest.mark.parametrize("form", relative_attention.FORMS)
@torch.inference_mode()
def test_encoder_equals_the_golden_arrays_in_every_form_of_attention(
    golden: dict[str, Tensor],
    tensors: dict[str, Tensor],
    form: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relative_attention, "CHUNK_ELEMENTS", 1)  # one query row a chunk
    encoder = sam_from_tensors(tensors).image_encoder
    for module in encoder.modules():
        if isinstance(module, RelativeAttention):
            module.form = form
    x = encoder.patch_embed(golden["input"]) + encoder.pos_embed
    for number, block in enumerate(encoder.blocks):
        attn: Any = block.attn
        found = attn(golden[f"block{number}_attn_in"])
        assert apart(found, golden[f"block{number}_attn_out"]) < LIMIT
        x = block(x)
        assert apart(x, golden[f"block{number}_out"]) < LIMIT
    assert apart(encoder(golden["input"]), golden["embedding"]) < LIMIT


@pytest.mark.parametrize("form", relative_attention.FORMS)
@torch.inference_mode()
def test_tables_of_another_grid_are_interpolated(
    golden: dict[str, Tensor], seeded: Callable[[Any, int], dict[str, Tensor]], form: str
) -> None:
    manifest = json.loads((GOLDEN / "dcsam" / "manifest_attention_unit.json").read_text())
    attention = RelativeAttention(32, 2, (7, 7), form)
    attention.load_state_dict(seeded(manifest["attention_7x7_dim32_heads2"], 1))
    found = attention(golden["dec_attn_interp_in"])
    assert apart(found, golden["dec_attn_interp_out"]) < LIMIT


@torch.inference_mode()
def test_decoder_equals_the_golden_arrays(golden: dict[str, Tensor], sam: Sam) -> None:
    prompts, decoder = sam.prompt_encoder, sam.mask_decoder
    pe = prompts.get_dense_pe()
    assert apart(pe, golden["dec_dense_pe"]) < LIMIT
    points = golden["dec_points"], golden["dec_labels"]
    sparse, dense = prompts(points=points)
    assert apart(sparse, golden["dec_sparse_points"]) < LIMIT
    masks, iou = decoder(golden["embedding"], pe, sparse, dense)
    assert apart(masks[:, 1:], golden["dec_low_res_points_multimask"]) < LIMIT
    assert apart(iou[:, 1:], golden["dec_iou_points_multimask"]) < LIMIT
    sparse, dense = prompts(points, golden["dec_box"], golden["dec_mask_prompt"])
    assert apart(sparse, golden["dec_sparse_points_box"]) < LIMIT
    assert apart(dense, golden["dec_dense_mask"]) < LIMIT
    masks, iou = decoder(golden["embedding"], pe, sparse, dense, keep=(0,))
    assert apart(masks, golden["dec_low_res_all_single"]) < LIMIT
    assert apart(iou[:, :1], golden["dec_iou_all_single"]) < LIMIT


@torch.inference_mode()
def test_decoder_computes_what_is_asked_and_shares_one_picture(
    golden: dict[str, Tensor], sam: Sam
) -> None:
    decoder, pe = sam.mask_decoder, sam.prompt_encoder.get_dense_pe()
    sparse = torch.randn(3, 4, 256, generator=torch.Generator().manual_seed(0))
    one, dense = golden["embedding"], sam.prompt_encoder.embed_no_mask()
    masks, iou = decoder(one, pe, sparse, dense)
    repeated, _ = decoder(one.repeat(3, 1, 1, 1), pe, sparse, dense.repeat(3, 1, 1, 1))
    assert apart(masks, repeated) < LIMIT
    alone = [decoder(one, pe, row[None], dense)[0] for row in sparse]
    assert apart(masks, torch.cat(alone)) < LIMIT
    some, none = decoder(one, pe, sparse, dense, keep=(2, 0), iou=False)
    assert none is None and apart(some, masks[:, [2, 0]]) < LIMIT
    nothing, scores = decoder(one, pe, sparse, dense, keep=())
    assert nothing.shape == (3, 0, 32, 32) and apart(scores, iou) == 0


@torch.inference_mode()
def test_prompt_encoder_takes_other_strides() -> None:
    encoder = PromptEncoder(embedding_size=(4, 6), input_size=(56, 84), mask_kernels=(7, 2))
    assert encoder.mask_downscaling[0].weight.shape == (4, 1, 7, 7)
    sparse, dense = encoder(masks=torch.zeros(2, 1, 56, 84))
    assert sparse.shape == (2, 0, 256) and dense.shape == (2, 256, 4, 6)
    assert encoder.get_dense_pe().shape == (1, 256, 4, 6)
    padding = encoder.embed_points(torch.tensor([[[3.0, 4.0]]]), torch.tensor([[-1]]), pad=True)
    assert torch.equal(padding[0, 0], padding[0, 1])


@pytest.mark.parametrize("made_in_inference", [False, True])
def test_gathered_tables_follow_the_weights(made_in_inference: bool) -> None:
    rng = torch.Generator().manual_seed(3)
    with torch.inference_mode(made_in_inference):
        attention = RelativeAttention(16, 2, (4, 4)).requires_grad_(False)
    x = torch.randn(1, 4, 4, 16, generator=rng)
    with torch.inference_mode():
        before = attention(x)
        attention.rel_pos_h.copy_(torch.randn(7, 8, generator=rng))
        assert apart(attention(x), before) > 1e-3


def test_gradients_flow_after_inference() -> None:
    attention = RelativeAttention(16, 2, (4, 4)).requires_grad_(False)
    x = torch.randn(1, 4, 4, 16, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        wanted = attention(x).clone()
    attention.qkv.requires_grad_(True)
    found = attention(x)
    found.sum().backward()
    assert apart(found.detach(), wanted) < LIMIT and attention.qkv.weight.grad is not None


def test_published_code_agrees_on_a_tiny_network() -> None:
    official = pytest.importorskip(
        "segment_anything.modeling", reason="the test oracle segment-anything is not installed"
    )
    encoder = official.ImageEncoderViT(
        img_size=96,
        embed_dim=24,
        depth=3,
        num_heads=3,
        use_rel_pos=True,
        window_size=4,
        global_attn_indexes=(1,),
        norm_layer=lambda width: torch.nn.LayerNorm(width, eps=1e-6),
    )
    prompts = official.PromptEncoder(256, (6, 6), (96, 96), 16)
    decoder = official.MaskDecoder(
        transformer_dim=256, transformer=official.TwoWayTransformer(2, 256, 8, 2048)
    )
    whole = official.Sam(encoder, prompts, decoder).eval()
    rng = torch.Generator().manual_seed(7)
    for name, tensor in whole.state_dict().items():
        fan_in = tensor[0].numel() if tensor.ndim > 1 else 4
        tensor.copy_(torch.randn(tensor.shape, generator=rng) / fan_in**0.5)
        if tensor.ndim == 1 and name.endswith("weight"):
            tensor.add_(1)
    ours = sam_from_tensors(whole.state_dict())
    assert ours.image_encoder.sizes == EncoderSizes(24, 3, 3, (1,), window=4, image_size=96)
    x = torch.randn(2, 3, 96, 96, generator=rng)
    points = torch.rand(1, 2, 2, generator=rng) * 96, torch.tensor([[1, 0]])
    with torch.inference_mode():
        embedding = ours.image_encoder(x)
        assert apart(embedding, whole.image_encoder(x)) < LIMIT
        sparse, dense = ours.prompt_encoder(points=points)
        wanted = prompts(points=points, boxes=None, masks=None)
        assert apart(sparse, wanted[0]) < LIMIT and apart(dense, wanted[1]) < LIMIT
        pe = prompts.get_dense_pe()
        args = {"sparse_prompt_embeddings": sparse, "dense_prompt_embeddings": dense}
        masks, iou = ours.mask_decoder(embedding[:1], pe, sparse, dense)
        for multi, kept in ((True, slice(1, 4)), (False, slice(0, 1))):
            low, scores = decoder(
                image_embeddings=embedding[:1], image_pe=pe, multimask_output=multi, **args
            )
            assert apart(masks[:, kept], low) < LIMIT * float(low.abs().max().clamp(min=1))
            assert apart(iou[:, kept], scores) < LIMIT


@pytest.mark.parametrize(("name", "entries"), [("vit_b", 314), ("vit_l", 482), ("vit_h", 594)])
def test_published_sizes_have_the_published_names(name: str, entries: int) -> None:
    with torch.device("meta"):
        state = Sam(SAM_TYPES[name]).state_dict()
    assert len(state) == entries
    path = GOLDEN / "dcsam" / "manifests_full.json.gz"
    if path.is_file():
        import gzip

        manifest = json.loads(gzip.decompress(path.read_bytes()))[f"sam_{name}"]
        assert {key: list(value.shape) for key, value in state.items()} == manifest


def test_file_loads_unchanged_and_says_what_is_wrong(sam: Sam, tmp_path: Path) -> None:
    path = tmp_path / "sam.pth"
    torch.save({**sam.state_dict(), "pixel_mean": torch.zeros(3, 1, 1)}, path)
    again = read_sam(path, "vit_b")
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), sam.parameters(), strict=True))
    with pytest.raises(InputError, match="sam_type is 'vit_x', expected one of vit_b"):
        read_sam(path, "vit_x")
    torch.save({"blocks.0.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match=r"no SAM weights: image_encoder\.patch_embed"):
        read_sam(path)
    broken = dict(sam.state_dict())
    del broken["mask_decoder.iou_token.weight"]
    torch.save(broken, path)
    with pytest.raises(WeightsError, match=r"1 missing \(mask_decoder\.iou_token\.weight\)"):
        read_sam(path)


def test_file_of_another_type_is_named() -> None:
    with torch.device("meta"):
        state = Sam(EncoderSizes.vit_l()).state_dict()
    with pytest.raises(WeightsError, match=r"sam_type is 'vit_b', but .* those of vit_l"):
        sam_from_tensors(state, "vit_b")


def test_released_files_are_asked_for_by_type(
    sam: Sam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(SAM_TYPES) < set(SAM_NAMES) and "sam2.1_hiera_l" in SAM_NAMES
    monkeypatch.setenv("ICL_OFFLINE", "1")
    monkeypatch.setenv("ICL_HOME", str(tmp_path))
    with pytest.raises(OfflineError, match=r"sam_vit_b_01ec64\.pth"):
        sam_file(None, "vit_b")
    with pytest.raises(InputError, match="sam_type is 'vit_x', expected one of vit_b"):
        sam_file(None, "vit_x")
    with pytest.raises(InputError, match="neither sam_weights nor sam_type"):
        sam_file(None, None)
    path = tmp_path / "own.pth"
    torch.save(sam.state_dict(), path)
    assert sam_file(path, "vit_b").path == path
