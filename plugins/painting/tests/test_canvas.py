"""Squares, tensors and colours: against the released engine's canvases, and there and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from icl_core import InputError
from icl_painting.canvas import colours, resize, small_square, square, to_tensor, to_unit

Golden = Callable[[str], dict[str, np.ndarray]]
RNG = np.random.default_rng(3)
PICTURE = RNG.integers(0, 256, (20, 28, 3), dtype=np.uint8)


@pytest.mark.parametrize("prompts", [1, 2])
def test_canvases_are_those_of_the_released_engine(golden: Golden, prompts: int) -> None:
    stored = golden("seggpt/thin_pipeline_image.npz")
    query = to_tensor(square(stored["query"], 448))
    for number in range(prompts):
        image = to_tensor(square(stored[f"prompt{number}"], 448))
        target = to_tensor(square(stored[f"target{number}"], 448, "nearest"))
        for name, halves in (("img", (image, query)), ("tgt", (target, target))):
            canvas = torch.cat(halves, dim=1).permute(1, 2, 0)[::16, ::16].numpy()
            expected = stored[f"n{prompts}_canvas_{name}_stride16"][number]
            assert np.abs(canvas - expected).max() <= 1e-6


def test_opencv_resizing_is_that_of_the_published_evaluation(golden: Golden) -> None:
    stored = golden("painter/thin_pipeline_tasks.npz")
    found = square(stored["query"], 448, "opencv")[::16, ::16]
    assert np.abs(found - stored["sidd_query_cv2_resized_stride16"]).max() <= 1e-6


def test_a_square_of_the_pictures_size_keeps_its_pixels() -> None:
    picture = PICTURE[:, :20]
    for how in ("bicubic", "bilinear", "nearest", "opencv"):
        assert np.allclose(square(picture, 20, how), picture / 255, atol=1e-7)
    assert np.array_equal(small_square(picture, 20), picture)


def test_normalising_can_be_undone() -> None:
    values = square(PICTURE, 16)
    tensor = to_tensor(values)
    assert tensor.dtype == torch.float32 and tensor.shape == (3, 16, 16)
    unit = to_unit(tensor)
    assert unit.dtype == torch.float64
    assert np.abs(unit.permute(1, 2, 0).numpy() - values).max() < 1e-6
    assert np.allclose(colours(tensor.numpy(), (16, 16), "nearest"), values, atol=1e-6)
    assert to_unit(tensor[None].bfloat16()).shape == (1, 3, 16, 16)


def test_values_outside_black_and_white_are_kept() -> None:
    assert to_unit(torch.full((3, 2, 2), 9.0)).min() > 1
    unit = torch.zeros(3, 4, 4, dtype=torch.float64)
    unit[:, 1, 1] = 1
    assert resize(unit, (9, 9), "bicubic").min() < 0
    assert resize(unit, (9, 9), "bilinear").min() >= 0


def test_what_cannot_be_resized_is_refused() -> None:
    with pytest.raises(InputError, match=r"float64 \[4, 4, 3\], expected uint8"):
        square(np.zeros((4, 4, 3)), 8)
    with pytest.raises(InputError, match="how is 'cubic'"):
        square(PICTURE, 8, "cubic")
    with pytest.raises(InputError, match="mode is 'area'"):
        resize(torch.zeros(3, 2, 2), (4, 4), "area")
