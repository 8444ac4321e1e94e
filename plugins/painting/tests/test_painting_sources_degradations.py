"""Every degradation keeps size and type, changes nothing it is given, and does what it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_core.errors import InputError
from icl_painting.sources.degradations import (
    DEGRADATIONS,
    blur,
    coarse,
    gaussian_noise,
    grey,
    holes,
    low_light,
    rain,
)


def drawn(seed: int, height: int, width: int) -> np.ndarray:
    """Soft blobs, as most photographs have."""
    random = np.random.default_rng(seed)
    return blur(random.integers(0, 256, (height, width, 3), dtype=np.uint8), sigma=1.0)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(DEGRADATIONS)),
    st.integers(0, 2**32 - 1),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_a_seed_means_the_same_picture_of_the_same_size(
    name: str, seed: int, height: int, width: int
) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    before = picture.copy()
    spoilt = DEGRADATIONS[name](picture, np.random.default_rng(seed))
    again = DEGRADATIONS[name](picture, np.random.default_rng(seed))
    assert spoilt.dtype == np.uint8 and spoilt.shape == picture.shape
    np.testing.assert_array_equal(spoilt, again)
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("name", sorted(DEGRADATIONS))
def test_a_degradation_does_damage_and_needs_a_picture(name: str) -> None:
    picture = drawn(1, 48, 64)
    assert not np.array_equal(DEGRADATIONS[name](picture, np.random.default_rng(0)), picture)
    for odd in (picture.astype(np.float32), picture[..., 0]):
        with pytest.raises(InputError, match=r"expected uint8 \[H, W, 3\]"):
            DEGRADATIONS[name](odd, np.random.default_rng(0))


@settings(max_examples=10, deadline=None)
@given(st.sampled_from([15.0, 25.0, 50.0]), st.integers(0, 1000))
def test_noise_has_its_sigma_and_no_offset(sigma: float, seed: int) -> None:
    picture = np.full((64, 64, 3), 128, np.uint8)
    noise = gaussian_noise(picture, np.random.default_rng(seed), sigma=sigma).astype(float) - 128
    # Cut at 0 and 255, which takes a little off where sigma is 50.
    assert 0.94 * sigma < noise.std() < 1.05 * sigma
    assert abs(noise.mean()) < 5 * sigma / np.sqrt(noise.size)
    shared = np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]
    assert abs(shared) < 0.1


def test_low_light_is_dark_and_keeps_the_order_of_values() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=-1)
    dark = low_light(ramp, np.random.default_rng(0), noise=0)
    assert (np.diff(dark[0, :, 0].astype(int)) >= 0).all()
    assert dark[0, 0, 0] == 0 and dark[0, 255, 0] == round(0.35 * 255)
    assert (dark <= ramp).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_rain_only_adds_light_the_same_to_all_colours(seed: int) -> None:
    picture = np.full((60, 80, 3), 60, np.uint8)
    wet = rain(picture, np.random.default_rng(seed))
    assert (wet >= picture).all() and (wet > picture).any(axis=2).mean() < 0.5
    np.testing.assert_array_equal(wet[..., 0], wet[..., 2])
    white = np.full_like(picture, 255)
    np.testing.assert_array_equal(rain(white, np.random.default_rng(seed)), white)


def test_rain_falls_steeply() -> None:
    wet = rain(np.zeros((80, 80, 3), np.uint8), np.random.default_rng(3), density=0.002)
    light = wet[..., 0].astype(float)
    down = np.abs(np.diff(light, axis=0)).sum()
    across = np.abs(np.diff(light, axis=1)).sum()
    assert down < across  # a streak changes slowly along itself


def test_blur_keeps_flat_ground_and_the_mean_and_softens_the_rest() -> None:
    flat = np.full((9, 30, 3), 77, np.uint8)
    np.testing.assert_array_equal(blur(flat), flat)
    picture = drawn(2, 40, 40)
    soft = blur(picture)
    assert soft.std() < picture.std() and abs(soft.mean() - picture.mean()) < 0.5
    np.testing.assert_array_equal(blur(picture[:, ::-1]), soft[:, ::-1])
    np.testing.assert_array_equal(blur(picture.swapaxes(0, 1)), soft.swapaxes(0, 1))


def test_coarse_pictures_lose_what_is_fine() -> None:
    flat = np.full((21, 30, 3), 9, np.uint8)
    np.testing.assert_array_equal(coarse(flat), flat)
    fine = np.zeros((32, 32, 3), np.uint8)
    fine[:, ::2] = 255
    assert np.ptp(coarse(fine)[4:-4, 4:-4].astype(int)) < 40
    assert coarse(flat, factor=100).shape == flat.shape


def test_grey_has_equal_colours_and_keeps_what_is_grey() -> None:
    picture = drawn(3, 20, 20)
    found = grey(picture)
    assert (found == found[..., :1]).all()
    np.testing.assert_array_equal(grey(found), found)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.02, 0.5))
def test_holes_are_black_and_the_rest_is_as_it_was(seed: int, share: float) -> None:
    picture = np.full((50, 70, 3), 200, np.uint8)
    spoilt = holes(picture, np.random.default_rng(seed), share=share)
    gone = (spoilt == 0).all(axis=2)
    assert (spoilt[~gone] == 200).all()
    assert 0 < gone.mean() <= 1.2 * share + 0.02
