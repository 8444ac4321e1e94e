"""The training loss against the released code's values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from icl_core.errors import InputError
from icl_painting.network.config import config_from_shapes
from icl_painting.network.loss import SEGGPT_EPS, painting_loss, without_black
from icl_painting.network.network import PainterNetwork

Arrays = Callable[[str], dict[str, np.ndarray]]
Shapes = Callable[[str], dict[str, list[int]]]
Seeded = Callable[[Mapping[str, Any], int], dict[str, Tensor]]


def network_and_arrays(
    name: str, seeded: Seeded, shapes: Shapes, golden: Arrays
) -> tuple[PainterNetwork, dict[str, Tensor]]:
    manifest = shapes(f"{name}/tiny_manifest.json")
    network = PainterNetwork(config_from_shapes(manifest))
    network.load_state_dict(seeded(manifest, 7))
    arrays = golden(f"{name}/tiny_forward.npz")
    return network.eval(), {key: torch.from_numpy(value) for key, value in arrays.items()}


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=2e-6, atol=0.0)


def test_painters_loss(seeded: Seeded, shapes: Shapes, golden: Arrays) -> None:
    network, of = network_and_arrays("painter", seeded, shapes, golden)
    imgs, tgts, masked = of["imgs"], of["tgts"], of["bool_masked_pos"]
    one = torch.ones_like(imgs)
    with torch.no_grad():
        close(painting_loss(network(imgs, tgts, masked), tgts, masked, one, patch=8), of["loss"])
        scattered = network(imgs, tgts, of["rand_mask"])
        given = tgts, of["rand_mask"], of["rand_valid"]
        close(painting_loss(scattered, *given, patch=8), of["rand_loss"])
        for kind, expected in zip(
            ("l1l2", "l1", "l2", "smoothl1"), of["loss_variants"], strict=True
        ):
            close(painting_loss(scattered, *given, patch=8, kind=kind), expected)


def test_black_targets_have_no_weight(seeded: Seeded, shapes: Shapes, golden: Arrays) -> None:
    network, of = network_and_arrays("painter", seeded, shapes, golden)
    tgts, masked, valid = of["black_tgts"], of["bool_masked_pos"], torch.ones_like(of["imgs"])
    weights = without_black(tgts, masked, valid, 8)
    assert torch.equal(weights.mean(dim=(1, 2, 3)), of["black_valid_after"].float())
    assert (valid == 1).all()  # the caller's tensor stays
    with torch.no_grad():
        answer = network(of["imgs"], tgts, masked)
    close(painting_loss(answer, tgts, masked, weights, patch=8), of["black_loss"])


@pytest.mark.parametrize(("seg_type", "kind"), [(0, "semantic"), (1, "instance")])
def test_seggpts_loss(
    seeded: Seeded, shapes: Shapes, golden: Arrays, seg_type: int, kind: str
) -> None:
    network, of = network_and_arrays("seggpt", seeded, shapes, golden)
    masked = of["bool_masked_pos"]
    with torch.no_grad():
        answer = network(of["imgs"], of["tgts"], masked, torch.full((2, 1), seg_type))
    one = torch.ones_like(answer)
    loss = painting_loss(answer, of["tgts"], masked, one, patch=8, eps=SEGGPT_EPS)
    close(loss, of[f"{kind}_loss"])


def test_one_mask_serves_all_samples() -> None:
    prediction, targets = torch.randn(2, 2, 3, 8, 4)
    masked = (torch.arange(2) == 1).float()[None]
    one = torch.ones_like(targets)
    both = painting_loss(prediction, targets, masked.expand(2, -1), one, patch=4)
    close(painting_loss(prediction, targets, masked, one, patch=4), both)
    lower = (prediction - targets)[:, :, 4:].abs()
    l1 = painting_loss(prediction, targets, masked, one, patch=4, kind="l1", eps=0.0)
    torch.testing.assert_close(l1, lower.mean())


def test_without_any_weight_the_loss_is_nothing() -> None:
    pictures = torch.randn(1, 3, 8, 4)
    loss = painting_loss(pictures, pictures + 1, torch.zeros(1, 2), pictures * 0, patch=4, eps=0.0)
    assert loss == 0


def test_half_precision_is_summed_in_float32() -> None:
    pictures = torch.randn(1, 3, 8, 4)
    one, masked = torch.ones_like(pictures), torch.ones(1, 2)
    loss = painting_loss(pictures.bfloat16(), pictures, masked, one, patch=4)
    assert loss.dtype == torch.float32


def test_what_does_not_fit_is_refused() -> None:
    pictures, masked = torch.zeros(1, 3, 8, 4), torch.zeros(1, 2)
    with pytest.raises(InputError, match="the loss is 'l3', expected one of smoothl1"):
        painting_loss(pictures, pictures, masked, pictures, patch=4, kind="l3")
    with pytest.raises(InputError, match="expected 8 patches"):
        painting_loss(pictures, pictures, masked, pictures, patch=2)
