"""Drawings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl_core.errors import InputError
from icl_core.results.draw import ORANGE, bars, mask_picture, overlay, side_by_side

GREY = np.full((20, 30, 3), 100, np.uint8)
BOX = np.zeros((20, 30), bool)
BOX[5:15, 10:20] = True


def test_overlay_blends_inside_and_draws_the_edge() -> None:
    drawn = overlay(GREY, BOX, opacity=0.5, outline=2)
    assert (drawn[~BOX] == 100).all()
    assert (drawn[5, 10:20] == ORANGE).all() and (drawn[6, 10:20] == ORANGE).all()
    assert np.abs(drawn[10, 15] - (np.array(ORANGE) + 100) / 2).max() <= 0.5
    assert (GREY == 100).all()


def test_the_border_of_the_image_is_no_edge() -> None:
    drawn = overlay(GREY, np.ones((20, 30), bool), opacity=0, outline=3)
    assert np.array_equal(drawn, GREY)


@given(st.floats(0, 1), st.integers(0, 4))
def test_overlay_never_touches_the_background(opacity: float, outline: int) -> None:
    drawn = overlay(GREY, BOX, opacity=opacity, outline=outline)
    assert drawn.dtype == np.uint8 and (drawn[~BOX] == 100).all()


def test_empty_mask_changes_nothing() -> None:
    assert np.array_equal(overlay(GREY, np.zeros((20, 30), bool)), GREY)


def test_overlay_refuses_other_sizes_and_settings() -> None:
    with pytest.raises(InputError, match=r"bool \[20, 29\], expected bool \[20, 30\]"):
        overlay(GREY, BOX[:, 1:])
    with pytest.raises(InputError, match="expected bool"):
        overlay(GREY, BOX.astype(int))
    with pytest.raises(InputError, match="opacity is 2"):
        overlay(GREY, BOX, opacity=2)
    with pytest.raises(InputError, match="outline is -1"):
        overlay(GREY, BOX, outline=-1)


def test_side_by_side_keeps_proportions() -> None:
    row = side_by_side([GREY, GREY[:, :10]], height=40, gap=4)
    assert row.shape == (40, 60 + 4 + 20, 3)
    assert (row[:, 60:64] == 255).all()
    with pytest.raises(InputError, match="no images"):
        side_by_side([])
    with pytest.raises(InputError, match="height is 0"):
        side_by_side([GREY], height=0)


def test_mask_picture_is_black_and_white() -> None:
    assert np.array_equal(mask_picture(BOX)[..., 1], BOX * 255)


def test_bars_without_rows_are_an_empty_sheet() -> None:
    assert (bars([]) == 255).all()
