"""DC-SAM's DINOv2 class: its features against timm's, and the way to an answer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from icl_segmentation.dcsam.checkpoint import read_dcsam
from icl_segmentation.dcsam.dino import RegisterDino
from icl_segmentation.dcsam.generator import PromptGenerator
from icl_segmentation.dcsam.sizes import GeneratorSizes, generator_sizes

TINY = {"width": 24, "depth": 2, "heads": 4, "hidden": 96, "patch": 14, "grid": 5, "gated": False}
SIZES = GeneratorSizes(backbone="dino", prior_only=True, dino=(("registers", 4), *TINY.items()))


def seed_weights(module: torch.nn.Module) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(1)
    state = module.state_dict()
    for tensor in state.values():
        tensor.copy_(torch.randn(tensor.shape, generator=rng) / tensor.shape[-1] ** 0.5)
    return state


@pytest.mark.parametrize("side", [40, 64])  # a grid of 5 as in the table, and one of 8
@torch.inference_mode()
def test_features_are_those_of_timm(side: int) -> None:
    transformers = pytest.importorskip("timm.models.vision_transformer")
    ours = RegisterDino(registers=4, **TINY)
    state = seed_weights(ours)
    theirs = transformers.VisionTransformer(
        img_size=70,
        patch_size=14,
        embed_dim=24,
        depth=2,
        num_heads=4,
        num_classes=0,
        global_pool="",
        init_values=1.0,
        reg_tokens=4,
        no_embed_class=True,
        dynamic_img_size=True,
    ).eval()
    renamed = {n: t for n, t in state.items() if n != "mask_token"}
    renamed["reg_token"] = renamed.pop("register_tokens")
    # timm adds no position to the class token, so its position goes into the token itself.
    renamed["cls_token"] = renamed["cls_token"] + renamed["pos_embed"][:, :1]
    renamed["pos_embed"] = renamed["pos_embed"][:, 1:]
    theirs.load_state_dict(renamed)
    image = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(2))
    large = torch.nn.functional.interpolate(
        image, size=[side * 7 // 4] * 2, mode="bilinear", align_corners=True
    )
    wanted = theirs.forward_features(large)[:, 5:].transpose(1, 2)
    patches = ours.patches(image)
    assert patches.shape == (2, 24, side // 8, side // 8)
    assert float((ours.normed(patches).flatten(2) - wanted).abs().max()) < 2e-5


@torch.inference_mode()
def test_checkpoint_tells_its_sizes_and_answers(tmp_path: Path) -> None:
    state = seed_weights(PromptGenerator(SIZES))
    path = tmp_path / "best_model.pt"
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, path)
    assert generator_sizes(state) == SIZES
    generator = read_dcsam(path).generator
    rng = torch.Generator().manual_seed(3)
    images, sam = torch.randn(2, 3, 64, 64, generator=rng), torch.randn(2, 256, 8, 8, generator=rng)
    mask = torch.zeros(1, 64, 64)
    mask[:, :32, :40] = 1
    support = generator.read_support(images[:1], mask, sam[:1])
    assert support.sources[0].features.shape == (20, 24)
    query = generator.read_query(images[1:], sam[1:])
    prior, _ = generator.priors(query.last, support, [(0, 0)])
    itself = generator.read_query(images[:1], sam[:1])
    same, _ = generator.priors(itself.last, support, [(0, 0)])
    assert bool((same[0, 0, :4, :5] > 0.999).all()) and bool((prior <= 1 + 1e-5).all())
    merged = generator.merge_query(query, support.prototypes, (prior, None))
    assert merged.positive.shape == (1, 256, 8, 8)


def test_trained_parts_take_the_official_backbone(tmp_path: Path) -> None:
    state = seed_weights(PromptGenerator(SIZES))
    trained, backbone = tmp_path / "trained.pt", tmp_path / "dinov2_reg4.pth"
    torch.save({n: t for n, t in state.items() if not n.startswith("dinov2.")}, trained)
    own = {n.removeprefix("dinov2."): t for n, t in state.items() if n.startswith("dinov2.")}
    torch.save(own, backbone)
    found = read_dcsam(trained, backbone).generator.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())
