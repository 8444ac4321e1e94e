"""SEGIC's files: every published layout loads, and what does not fit is said precisely."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import icl_core as icl
from icl_core.errors import InputError, OfflineError, WeightsError
from icl_segmentation.segic.backbone import DinoVisionTransformer, dino_from_shapes
from icl_segmentation.segic.card import CARD
from icl_segmentation.segic.checkpoint import Wanted, read_network
from icl_segmentation.segic.network import SegicConfig, SegicNetwork
from icl_segmentation.segic.text import TextTransformer, official_text, tokenize

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden"
DINO, TEXT = "encoder.dinov2.", "encoder.text_model.text_model."
SIZES = Wanted(image_size=112, backbone_heads=4, text_heads=2)

Tensors = dict[str, Tensor]


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    vision = {"width": 32, "depth": 2, "heads": 4, "hidden": 64, "grid": 5}
    text = {"width": 16, "depth": 2, "heads": 2, "hidden": 32}
    network = SegicNetwork(SegicConfig(vision=vision, text=text, side=112))
    generator = torch.Generator().manual_seed(8)
    return {
        name: torch.randn(tensor.shape, generator=generator) * 0.2
        for name, tensor in network.state_dict().items()
        if not name.startswith("pixel_")
    }


@pytest.fixture(scope="module")
def parts(tensors: Tensors) -> tuple[Tensors, Tensors, Tensors]:
    """The trained part, the backbone and the text tower, each without prefix."""
    vision = {n.removeprefix(DINO): t for n, t in tensors.items() if n.startswith(DINO)}
    text = {n.removeprefix(TEXT): t for n, t in tensors.items() if n.startswith(TEXT)}
    head = {n: t for n, t in tensors.items() if not n.startswith("encoder.")}
    return head, vision, text


def saved(folder: Path, name: str, tensors: Tensors) -> Path:
    path = folder / f"{name}.pth"
    torch.save(tensors, path)
    return path


def openai(text: Tensors) -> Tensors:
    """The layout in which OpenAI and open_clip store a text tower."""
    found = {
        "token_embedding.weight": text["embeddings.token_embedding.weight"],
        "positional_embedding": text["embeddings.position_embedding.weight"],
        "ln_final.weight": text["final_layer_norm.weight"],
        "ln_final.bias": text["final_layer_norm.bias"],
        "text_projection": torch.zeros(16, 8),
        "logit_scale": torch.zeros(()),
        "visual.proj": torch.zeros(4, 4),
    }
    names = {
        "layer_norm1": "ln_1",
        "layer_norm2": "ln_2",
        "mlp.fc1": "mlp.c_fc",
        "mlp.fc2": "mlp.c_proj",
        "self_attn.out_proj": "attn.out_proj",
    }
    for number in range(2):
        old, new = f"encoder.layers.{number}.", f"transformer.resblocks.{number}."
        for kind in ("weight", "bias"):
            for one, other in names.items():
                found[f"{new}{other}.{kind}"] = text[f"{old}{one}.{kind}"]
            third = [text[f"{old}self_attn.{letter}_proj.{kind}"] for letter in "qkv"]
            found[f"{new}attn.in_proj_{kind}"] = torch.cat(third)
    return found


def with_prefix(tensors: Tensors, prefix: str) -> Tensors:
    return {prefix + name: tensor for name, tensor in tensors.items()}


def test_three_files_make_the_network_of_one(
    parts: tuple[Tensors, Tensors, Tensors], tensors: Tensors, tmp_path: Path
) -> None:
    head, vision, text = parts
    assert len(head) == 148
    wanted = Wanted(
        backbone_weights=saved(tmp_path, "dinov2", vision),
        text_weights=saved(tmp_path, "clip", with_prefix(text, "text_model.")),
        **{k: getattr(SIZES, k) for k in ("image_size", "backbone_heads", "text_heads")},
    )
    network, beside = read_network(saved(tmp_path, "segic", head), wanted)
    assert beside["unused"] == []
    whole, _ = read_network(saved(tmp_path, "whole", tensors), SIZES)
    own, other = network.state_dict(), whole.state_dict()
    assert own.keys() == other.keys()
    assert all(torch.equal(own[name], other[name]) for name in own)
    assert not network.training and not any(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize(
    "prefix", ["", "text_model.", "text_model.text_model.", "encoder.text_model.text_model."]
)
def test_transformers_layouts_of_the_text_tower_are_read(
    parts: tuple[Tensors, Tensors, Tensors], prefix: str
) -> None:
    text = parts[2]
    whole = with_prefix(text, prefix)
    whole |= {
        "vision_model.embeddings.class_embedding": torch.zeros(4),
        prefix + "embeddings.position_ids": torch.arange(77)[None],
    }
    found = official_text(whole)
    assert found.keys() == text.keys()
    assert all(torch.equal(found[name], text[name]) for name in text)


@pytest.mark.parametrize("prefix", ["", "text."])
def test_openai_layouts_of_the_text_tower_are_read_in_half_precision(
    parts: tuple[Tensors, Tensors, Tensors], prefix: str
) -> None:
    text = {name: tensor.half() for name, tensor in parts[2].items()}
    found = official_text(with_prefix(openai(text), prefix))
    assert found.keys() == text.keys()
    assert all(found[name].dtype == torch.float32 for name in found)
    assert all(torch.equal(found[name], text[name].float()) for name in text)


@torch.inference_mode()
def test_the_text_tower_is_that_of_open_clip(parts: tuple[Tensors, Tensors, Tensors]) -> None:
    from open_clip.transformer import TextTransformer as Peer

    from open_clip.model import QuickGELU  # isort: skip

    peer = Peer(77, 49408, 16, heads=2, layers=2, mlp_ratio=2.0, output_dim=8, act_layer=QuickGELU)
    peer.load_state_dict(openai(parts[2]), strict=False)
    own = TextTransformer(width=16, depth=2, heads=2, hidden=32)
    own.load_state_dict(parts[2])
    ids = tokenize(["a photo of a dog", "", "word " * 100])
    states = []
    peer.ln_final.register_forward_hook(lambda module, given, out: states.append(out))
    peer.eval()(ids)
    place = (ids == 49407).int().argmax(1)
    assert (own(ids) - states[0][torch.arange(3), place]).abs().max() < 1e-5


def test_token_ids_are_those_of_clip() -> None:
    ids = tokenize(["a photo of a dog", "", "word " * 100])
    assert ids.shape == (3, 77) and ids.dtype == torch.int64
    assert ids[0, :8].tolist() == [49406, 320, 1125, 539, 320, 1929, 49407, 49407]
    assert ids[1].tolist() == [49406] + [49407] * 76
    assert ids[2, 0] == 49406 and ids[2, 76] == 49407 and ids[2, 75] != 49407


def test_the_published_sizes_have_the_official_names() -> None:
    if not (GOLDEN / "segic").is_dir():
        pytest.skip("the golden arrays (../shared/golden/segic) are not here")
    manifest = json.loads((GOLDEN / "segic" / "manifest_full.json").read_text())
    with torch.device("meta"):
        network = SegicNetwork(SegicConfig())
    own = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert own == manifest["tensors"]
    assert {n for n in own if not n.startswith(("encoder.", "pixel_"))} == set(manifest["saved"])


@pytest.mark.parametrize(
    ("width", "depth", "hidden", "gated", "heads"),
    [(768, 12, 3072, False, 12), (1024, 24, 4096, False, 16), (1536, 40, 4096, True, 24)],
)
def test_the_sizes_of_official_backbones_are_seen_in_their_shapes(
    width: int, depth: int, hidden: int, gated: bool, heads: int
) -> None:
    with torch.device("meta"):
        model = DinoVisionTransformer(width, depth, heads, hidden, gated=gated)
    found = dino_from_shapes(model.state_dict())
    assert found == {
        "width": width,
        "depth": depth,
        "heads": heads,
        "hidden": hidden,
        "patch": 14,
        "grid": 37,
        "gated": gated,
    }
    if gated:
        assert model.state_dict()["blocks.0.mlp.w12.weight"].shape == (8192, 1536)


@pytest.mark.parametrize("gated", [False, True])
@torch.inference_mode()
def test_the_backbone_is_that_of_timm_on_its_own_grid(gated: bool) -> None:
    from timm.layers import SwiGLUPacked
    from timm.models.vision_transformer import VisionTransformer

    options: dict[str, Any] = {"mlp_layer": SwiGLUPacked, "act_layer": torch.nn.SiLU}
    peer = VisionTransformer(
        img_size=70,
        patch_size=14,
        embed_dim=48,
        depth=2,
        num_heads=4,
        mlp_ratio=2.0,
        init_values=1.0,
        num_classes=0,
        global_pool="token",
        **(options if gated else {}),
    )
    own = DinoVisionTransformer(48, 2, 4, 48 if gated else 96, grid=5, gated=gated)
    generator = torch.Generator().manual_seed(1)
    state = {
        name: 0.2 * torch.randn(t.shape, generator=generator)
        for name, t in own.state_dict().items()
    }
    own.load_state_dict(state)
    names = {"w12": "fc1", "w3": "fc2"} if gated else {}
    renamed = {}
    for name, tensor in state.items():
        for one, other in names.items():
            name = name.replace(f".{one}.", f".{other}.")
        renamed[name] = tensor
    del renamed["mask_token"]
    peer.load_state_dict(renamed)
    pictures = torch.randn(2, 3, 70, 70, generator=generator)
    wanted = peer.eval().forward_features(pictures)[:, 1:].transpose(1, 2)
    assert (own(pictures).flatten(2) - wanted).abs().max() < 2e-5


def test_a_missing_tensor_is_named(tensors: Tensors, tmp_path: Path) -> None:
    name = "mask_decoder.iou_token.weight"
    less = {n: t for n, t in tensors.items() if n != name}
    with pytest.raises(WeightsError, match=rf"1 missing \({name}\)"):
        read_network(saved(tmp_path, "less", less), SIZES)


def test_a_misshapen_tensor_is_named(tensors: Tensors, tmp_path: Path) -> None:
    odd = {**tensors, "inst_type_embed.weight": torch.zeros(3, 256)}
    with pytest.raises(WeightsError, match=r"1 misshapen \(inst_type_embed.weight is \[3, 256\]"):
        read_network(saved(tmp_path, "odd", odd), SIZES)


def test_extra_names_are_reported_and_do_not_stop(
    tensors: Tensors, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    more = {**tensors, "task_indicator.weight": torch.zeros(1)}
    with caplog.at_level(logging.WARNING, logger="icl.segic"):
        network, beside = read_network(saved(tmp_path, "more", more), SIZES)
    assert beside["unused"] == ["task_indicator.weight"]
    assert "task_indicator.weight" in caplog.text
    assert "task_indicator.weight" not in network.state_dict()


def test_another_file_is_refused_in_one_sentence(
    parts: tuple[Tensors, Tensors, Tensors], tmp_path: Path
) -> None:
    head, vision, text = parts
    with pytest.raises(WeightsError, match="is no SEGIC checkpoint"):
        read_network(saved(tmp_path, "vision", vision), SIZES)
    path, clip = saved(tmp_path, "head", head), saved(tmp_path, "text", text)
    with pytest.raises(WeightsError, match="names of an official DINOv2 file"):
        read_network(path, Wanted(backbone_weights=clip, text_weights=clip))
    backbone = saved(tmp_path, "backbone", vision)
    with pytest.raises(WeightsError, match="holds no CLIP text tower"):
        read_network(path, Wanted(backbone_weights=backbone, text_weights=backbone))
    with pytest.raises(InputError, match="backbone_weights is missing"):
        read_network(path, Wanted(text_weights=clip))
    wide = {**head, "neck.0.weight": torch.zeros(256, 48, 1, 1)}
    with pytest.raises(WeightsError, match="the backbone has 32 channels"):
        read_network(
            saved(tmp_path, "wide", wide), Wanted(backbone_weights=backbone, text_weights=clip)
        )


def test_missing_files_of_the_published_sizes_are_asked_for_by_name(
    parts: tuple[Tensors, Tensors, Tensors],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ICL_OFFLINE", "1")
    monkeypatch.setenv("ICL_HOME", str(tmp_path / "home"))
    head = dict(parts[0])
    head["neck.0.weight"] = torch.zeros(256, 1024, 1, 1)
    head["prompt_proj.weight"] = torch.zeros(256, 768)
    with pytest.raises(OfflineError, match=r"dinov2_vitl14_pretrain\.pth"):
        read_network(saved(tmp_path, "head", head))


def test_a_backbone_of_timm_takes_the_place_of_dinov2(
    parts: tuple[Tensors, Tensors, Tensors], tmp_path: Path
) -> None:
    import timm

    head, _, text = parts
    name = "vit_tiny_patch16_224"
    peer = timm.create_model(name, num_classes=3)
    head = {**head, "neck.0.weight": torch.randn(256, 192, 1, 1) / 14}
    head["inst_proj.weight"] = torch.randn(256, 192) / 14
    head["prompt_encoder.mask_downscaling.0.weight"] = torch.randn(4, 1, 8, 8) / 8
    learner = icl.load(
        "segic",
        weights=saved(tmp_path, "head", head),
        backbone=f"timm:{name}",
        backbone_weights=saved(tmp_path, "timm", peer.state_dict()),
        text_weights=saved(tmp_path, "text", text),
        image_size=128,
        text_heads=2,
        device="cpu",
    )
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 50, 60, 3), dtype=np.uint8)
    mask = np.zeros((50, 60), bool)
    mask[10:40, 10:40] = True
    assert learner.prepare([(images[0], mask)]).predict(images[1]).mask.shape == (50, 60)
    own = learner.network.state_dict()
    key = "blocks.3.attn.qkv.weight"
    assert torch.equal(own[f"encoder.timm.model.{key}"], peer.state_dict()[key])
    with pytest.raises(InputError, match="timm has no model 'vit_nothing'"):
        read_network(
            tmp_path / "head.pth",
            Wanted(
                backbone="timm:vit_nothing",
                backbone_weights=tmp_path / "timm.pth",
                text_weights=tmp_path / "text.pth",
            ),
        )


def test_every_option_on_the_card_is_one_of_the_learner() -> None:
    own = {"batch_size", "shots", "instances", "calibration"} | set(Wanted.__dataclass_fields__)
    assert set(CARD.options) == own
