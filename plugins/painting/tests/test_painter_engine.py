"""The engine paints what the whole network paints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from icl_core.errors import InputError
from icl_painting.network.config import PainterConfig, config_from_shapes
from icl_painting.network.inference import Engine
from icl_painting.network.network import PainterNetwork

Arrays = Callable[[str], dict[str, np.ndarray]]
Shapes = Callable[[str], dict[str, list[int]]]
Seeded = Callable[[Mapping[str, Any], int], dict[str, Tensor]]
TINY = PainterConfig(16, 2, 32, depth=4, patch=4, grid=(8, 4), table=3, merge=1, taps=(2, 3))


@pytest.fixture(scope="module")
def networks(seeded: Seeded, shapes: Shapes) -> dict[str, PainterNetwork]:
    found = {}
    for name in ("painter", "seggpt"):
        manifest = shapes(f"{name}/tiny_manifest.json")
        found[name] = PainterNetwork(config_from_shapes(manifest))
        found[name].load_state_dict(seeded(manifest, 7))
        found[name].eval()
    return found


def small(config: PainterConfig = TINY) -> PainterNetwork:
    generator = torch.Generator().manual_seed(0)
    network = PainterNetwork(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def pictures(side: int, prompts: int, queries: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(side)
    images, targets = torch.randn(2, prompts, 3, side, side, generator=generator)
    return images, targets, torch.randn(queries, 3, side, side, generator=generator)


def whole(
    network: PainterNetwork, images: Tensor, targets: Tensor, queries: Tensor, seg_type: int | None
) -> Tensor:
    """The released way: every prompt with the query below it, the answer from the first."""
    count, side = len(images), images.shape[-1]
    tokens = 2 * (side // network.config.patch) ** 2
    masked = (torch.arange(tokens) >= tokens // 2).float()[None]
    kind = None if seg_type is None else torch.full((count, 1), float(seg_type))
    answers = []
    with torch.no_grad():
        for query in queries:
            canvas = torch.cat([images, query.expand(count, -1, -1, -1)], dim=2)
            target = torch.cat([targets, targets], dim=2)
            answer = network(canvas, target, masked, kind, ensemble=count > 1)
            answers.append(answer[0, :, side:])
    return torch.stack(answers)


def test_painters_golden_answers(networks: dict[str, PainterNetwork], golden: Arrays) -> None:
    for name, side in (("tiny_forward", 32), ("tiny_other_size", 40)):
        arrays = golden(f"painter/{name}.npz")
        engine = Engine(networks["painter"])
        images, targets = (torch.from_numpy(arrays[n]) for n in ("imgs", "tgts"))
        expected = picture(arrays["pred_patches"], side)
        for sample in range(len(images)):
            one = slice(sample, sample + 1)
            prompts = engine.prepare(images[one, :, :side], targets[one, :, :side])
            answer = engine.paint(prompts, images[one, :, side:])
            torch.testing.assert_close(answer, expected[one, :, side:], atol=1e-5, rtol=0.0)


@pytest.mark.parametrize("count", [2, 3])
def test_seggpts_golden_ensembles(
    networks: dict[str, PainterNetwork], golden: Arrays, count: int
) -> None:
    arrays = golden("seggpt/tiny_ensemble.npz")
    images, targets = (torch.from_numpy(arrays[f"n{count}_{n}"]) for n in ("imgs", "tgts"))
    engine = Engine(networks["seggpt"])
    prompts = engine.prepare(images[:, :, :32], targets[:, :, :32], seg_type=1)
    answer = engine.paint(prompts, images[:1, :, 32:])
    expected = picture(arrays[f"n{count}_pred_patches"], 32)[:1, :, 32:]
    torch.testing.assert_close(answer, expected, atol=1e-5, rtol=0.0)


def picture(patches: np.ndarray, side: int, patch: int = 8) -> Tensor:
    """[N, L, p*p*3] of the golden arrays as canvases [N, 3, 2s, s]."""
    cut = torch.from_numpy(patches).view(-1, 2 * side // patch, side // patch, patch, patch, 3)
    return cut.permute(0, 5, 1, 3, 2, 4).reshape(-1, 3, 2 * side, side)


@pytest.mark.parametrize("side", [32, 24, 48])
@pytest.mark.parametrize("queries", [1, 3])
@pytest.mark.parametrize("prompts", [1, 2, 3])
@pytest.mark.parametrize(("name", "seg_type"), [("painter", None), ("seggpt", 0), ("seggpt", 1)])
def test_any_prompts_queries_and_sizes(
    networks: dict[str, PainterNetwork],
    name: str,
    seg_type: int | None,
    prompts: int,
    queries: int,
    side: int,
) -> None:
    images, targets, asked = pictures(side, prompts, queries)
    network = networks[name]
    prepared = Engine(network).prepare(images, targets, seg_type)
    assert (prepared.count, prepared.side) == (prompts, side)
    answer = Engine(network).paint(prepared, asked)
    expected = whole(network, images, targets, asked, seg_type)
    torch.testing.assert_close(answer, expected, atol=1e-5, rtol=0.0)
    assert torch.equal(Engine(network).paint(prepared, asked), answer)  # nothing was overwritten


@pytest.mark.parametrize("prompts", [1, 2])
def test_each_query_may_have_prompts_of_its_own(prompts: int) -> None:
    network = small()
    engine = Engine(network)
    several = [engine.prepare(*torch.randn(2, prompts, 3, 16, 16)) for _ in range(3)]
    asked = torch.randn(3, 3, 16, 16)
    answers = engine.paint_each(several, asked)
    for number, one in enumerate(several):
        alone = engine.paint(one, asked[number : number + 1])
        torch.testing.assert_close(answers[number : number + 1], alone, atol=1e-5, rtol=0.0)
    with pytest.raises(InputError, match="2 queries and 3 prepared prompts"):
        engine.paint_each(several, asked[:2])
    other = engine.prepare(*torch.randn(2, prompts + 1, 3, 16, 16))
    with pytest.raises(InputError, match="all of one size and number"):
        engine.paint_each([*several[:2], other], asked)


def test_other_merges_and_taps_and_a_tap_at_the_merge() -> None:
    for merge, taps in ((0, (1, 2, 3)), (2, (3,)), (1, (2, 3))):
        network = small(replace(TINY, merge=merge, taps=taps))
        images, targets, asked = pictures(16, 2, 2)
        answer = Engine(network).paint(Engine(network).prepare(images, targets), asked)
        expected = whole(network, images, targets, asked, None)
        torch.testing.assert_close(answer, expected, atol=1e-5, rtol=1e-5)


def test_work_in_small_parts_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from icl_painting.network import decoder, inference

    network = small()
    images, targets, asked = pictures(16, 2, 2)
    engine = Engine(network)
    expected = engine.paint(engine.prepare(images, targets), asked)
    monkeypatch.setattr(decoder, "STRIP", 3)
    monkeypatch.setattr(decoder, "TOKENS", 9)
    monkeypatch.setattr(inference, "HIDDEN_ELEMENTS", 5 * 32)
    answer = engine.paint(engine.prepare(images, targets), asked)
    torch.testing.assert_close(answer, expected, atol=1e-5, rtol=0.0)


def test_gradients_and_training_mode_do_not_matter() -> None:
    network = small()
    images, targets, asked = pictures(16, 1, 1)
    engine = Engine(network)
    with torch.inference_mode():
        expected = engine.paint(engine.prepare(images, targets), asked)
        prepared = engine.prepare(images, targets)
    answer = engine.paint(prepared, asked.requires_grad_())
    assert not answer.requires_grad and torch.equal(answer, expected)


@pytest.mark.parametrize("cast", [True, False])
@pytest.mark.parametrize("prompts", [1, 2])
def test_bfloat16_is_near_float32(cast: bool, prompts: int) -> None:
    network = small()
    engine = Engine(network)
    images, targets, asked = pictures(16, prompts, 2)
    exact = engine.paint(engine.prepare(images, targets), asked)
    if cast:
        network.bfloat16()
        half = engine.paint(engine.prepare(images, targets), asked)
    else:
        with torch.autocast("cpu", torch.bfloat16):
            half = engine.paint(engine.prepare(images, targets), asked)
    assert half.dtype == torch.float32
    assert (half - exact).abs().mean() < 0.1 * exact.std()


def test_what_does_not_fit_is_refused_with_a_sentence() -> None:
    engine = Engine(small())
    square, prompts = torch.zeros(1, 3, 16, 16), torch.zeros(2, 3, 8, 8)
    for bad in (torch.zeros(1, 3, 16, 8), torch.zeros(0, 3, 16, 16), torch.zeros(1, 3, 10, 10)):
        with pytest.raises(InputError, match=r"expected \[N, 3, s, s\] with s a multiple of 4"):
            engine.prepare(bad, bad)
    with pytest.raises(InputError, match="targets are"):
        engine.prepare(prompts, prompts[:1])
    with pytest.raises(InputError, match="16 pixels wide, and the prompts 8"):
        engine.paint(engine.prepare(prompts, prompts), square)
    with pytest.raises(InputError, match="knows no seg_type"):
        engine.prepare(square, square, 1)
