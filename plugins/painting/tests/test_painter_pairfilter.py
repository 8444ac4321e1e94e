"""The filter that is read off a pair: what it learns from one pair holds for other pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from icl_painting.drawings import draw
from icl_painting.network import pairfilter
from icl_painting.network.pairfilter import SUMMARY, read_pairs

Change = Callable[[Tensor], Tensor]


def _picture(seed: int, side: int = 96) -> Tensor:
    """A drawing as float32 [1, 3, side, side], 1 = white."""
    picture = draw(np.random.default_rng(seed), side).picture
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255


def _noisy(seed: int, sigma: float) -> Change:
    def change(picture: Tensor) -> Tensor:
        random = torch.Generator().manual_seed(seed)
        return (picture + sigma * torch.randn(picture.shape, generator=random)).clamp(0, 1)

    return change


def _soft(picture: Tensor) -> Tensor:
    return torch.nn.functional.avg_pool2d(picture, 3, 1, 1, count_include_pad=False)


def _psnr(found: Tensor, truth: Tensor) -> float:
    return float(-10 * (found - truth).square().mean().log10())


def _answer(before: Tensor, after: Tensor, query: Tensor) -> Tensor:
    pair = read_pairs(before, after)
    return pair.filtered(pair.recoloured(query))


def test_a_pair_that_changes_nothing_leaves_the_query_alone() -> None:
    picture, query = _picture(1), _picture(2)
    assert (_answer(picture, picture, query) - query).abs().max() < 2e-3


@pytest.mark.parametrize("sigma", [0.06, 0.1, 0.2])
def test_noise_is_taken_from_another_picture(sigma: float) -> None:
    clean, truth = _picture(1), _picture(2)
    query = _noisy(4, sigma)(truth)
    found = _answer(_noisy(3, sigma)(clean), clean, query)
    assert _psnr(found, truth) > _psnr(query, truth) + 5


def test_blur_is_sharpened() -> None:
    clean, truth = _picture(1), _picture(2)
    found = _answer(_soft(clean), clean, _soft(truth))
    assert _psnr(found, truth) > _psnr(_soft(truth), truth) + 2


@pytest.mark.parametrize(
    "change",
    [
        lambda t: 1 - t,
        lambda t: t.flip(1),
        lambda t: 0.3 * t**2,
        lambda t: t.mean(dim=1, keepdim=True).expand_as(t),
    ],
    ids=["negative", "swapped", "dark", "grey"],
)
def test_colours_follow_the_pair(change: Change) -> None:
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    picture = torch.nn.functional.interpolate(picture[..., ::8, ::8], size=64, mode="bilinear")
    query = picture.flip(2)
    assert _psnr(_answer(picture, change(picture), query), change(query)) > 28


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_pair_of_one_colour_is_answered(level: float) -> None:
    flat = torch.full((1, 3, 24, 24), level)
    found = _answer(flat, flat, _picture(2, 64)[..., :24, :24])
    assert found.isfinite().all()
    assert read_pairs(flat, flat).summary.isfinite().all()


def test_what_rounding_puts_below_black_is_black() -> None:
    pair = read_pairs(_picture(1), _picture(1))
    black = torch.full((1, 3, 16, 16), -1e-8)
    assert pair.recoloured(black).isfinite().all()


@pytest.mark.parametrize("size", [(8, 8), (9, 31), (40, 24)])
def test_blocks_become_the_picture_again(size: tuple[int, int]) -> None:
    picture = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    back = pairfilter._pictures(pairfilter._coefficients(picture), picture.shape[-2:])
    torch.testing.assert_close(back, picture, atol=1e-5, rtol=0)


def test_the_transform_keeps_lengths() -> None:
    cosines = pairfilter._cosines(torch.device("cpu"))
    torch.testing.assert_close(cosines @ cosines.T, torch.eye(64), atol=1e-6, rtol=0)


def test_curves_are_straight_between_points_and_flat_beyond() -> None:
    random = np.random.default_rng(0)
    points = np.sort(random.random((3, 5)), axis=1)
    points[1, 2] = points[1, 1]  # two points at one place
    values = random.random((3, 5))
    asked = random.random((3, 40)) * 1.4 - 0.2
    found = pairfilter._on_curves(*(torch.from_numpy(t) for t in (points, values, asked)))
    for row in (0, 2):
        expected = np.interp(asked[row], points[row], values[row])
        np.testing.assert_allclose(found[row], expected, atol=1e-9)
    assert found[1].isfinite().all()


def test_ranks_hold_all_coefficients() -> None:
    random = torch.Generator().manual_seed(0)
    u, v = torch.randn(2, 4, 1000, generator=random)
    strong = u.abs().round(decimals=1)  # with many of equal strength
    strength, count, product, square = pairfilter._in_ranks(strong, u, v)
    assert (count.sum(dim=1) == 1000).all()
    assert (strength.diff(dim=1) >= 0).all()
    torch.testing.assert_close(product.sum(dim=1), (u * v).sum(dim=1), atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(square.sum(dim=1), (u * u).sum(dim=1), atol=1e-3, rtol=1e-4)


def test_pairs_of_one_task_are_read_together() -> None:
    clean = torch.cat([_picture(1), _picture(5)])
    truth = _picture(2)
    noisy, query = _noisy(3, 0.1)(clean), _noisy(4, 0.1)(truth)
    alone = _psnr(_answer(noisy[:1], clean[:1], query), truth)
    assert _psnr(_answer(noisy, clean, query), truth) > alone - 0.2


def test_queries_are_filtered_together_as_alone() -> None:
    pair = read_pairs(_noisy(3, 0.1)(_picture(1)), _picture(1))
    queries = torch.cat([_picture(2), _picture(5)])
    together = pair.filtered(queries)
    for number in range(2):
        alone = pair.filtered(queries[number : number + 1])
        torch.testing.assert_close(together[number : number + 1], alone, atol=1e-5, rtol=0)


def test_the_summary_tells_noise_from_none() -> None:
    clean = _picture(1)
    quiet, loud = (read_pairs(_noisy(3, s)(clean), clean).summary for s in (0.02, 0.2))
    assert quiet.shape == (SUMMARY,)
    assert (loud - quiet).max() > 0.3
    assert max(quiet.abs().max(), loud.abs().max()) < 2
