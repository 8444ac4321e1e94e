"""Tiles cover a picture, and what is put together from them has no seams."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import icl_core as icl
from icl_core import InputError
from icl_core.results.label_map import LabelMap, resolve
from icl_core.vision.tiles import Tile, blend, cut, join, predict_in_tiles


class Bright(icl.Learner):
    """Says that what is bright is the object; with two objects, what is bright and what is dark."""

    def _prepare(self, context: icl.Context) -> int:
        return len(context.examples)

    def _predict(self, prepared: int, queries: Sequence[Any], **options: Any) -> list[Any]:
        answers: list[Any] = []
        for query in queries:
            logits = query[..., 0].astype(np.float32) - 128
            if prepared == 1:
                answers.append(icl.Segmentation(logits > 0, logits, 0.75))
            else:
                both = np.stack([logits, -logits])
                answers.append(resolve(both, [1, 2], ["bright", "dark"], [0.5, 1.0]))
        return answers


@pytest.fixture
def learner() -> icl.Learner:
    card = icl.LearnerCard("bright", icl.Task.SEGMENTATION, "one line", "nowhere:Bright")
    return Bright(card, icl.LoadOptions())


PICTURE = np.random.default_rng(1).integers(0, 256, (90, 131, 3), dtype=np.uint8)
MASK = np.ones((90, 131), bool)


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.9])
@pytest.mark.parametrize(("height", "width"), [(90, 131), (32, 33), (10, 500), (32, 32)])
def test_tiles_cover_every_pixel_and_overlap_as_asked(
    height: int, width: int, overlap: float
) -> None:
    seen = np.zeros((height, width), int)
    tiles = cut(height, width, 32, overlap)
    for tile in tiles:
        assert seen[tile.place].shape == (min(32, height), min(32, width))
        seen[tile.place] += 1
    assert seen.min() >= 1
    columns = sorted({tile.left for tile in tiles})
    assert all(left + 32 - right >= overlap * 32 - 1 for left, right in pairwise(columns))


def test_a_small_picture_is_one_tile() -> None:
    assert cut(20, 31, 32) == [Tile(0, 0, 20, 31)]


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_parts_of_a_map_blend_to_the_map(overlap: float) -> None:
    values = np.random.default_rng(2).normal(size=(2, 90, 131)).astype(np.float32)
    tiles = cut(90, 131, 40, overlap)
    whole = blend(tiles, [values[(slice(None), *tile.place)] for tile in tiles], (90, 131), overlap)
    assert np.abs(whole - values).max() < 1e-5


def test_no_seam_shows_where_neighbours_disagree() -> None:
    tiles = cut(40, 70, 40, 0.25)
    maps = [np.full((1, 40, 40), float(number)) for number in range(len(tiles))]
    steps = np.abs(np.diff(blend(tiles, maps, (40, 70), 0.25)[0], axis=1))
    assert steps.max() < 0.2


def test_a_learner_answers_in_tiles_as_on_the_whole(learner: icl.Learner) -> None:
    for context in ([(PICTURE, MASK)], [(PICTURE, MASK), (PICTURE, MASK)]):
        prepared = learner.prepare(context)
        whole = prepared.predict(PICTURE)
        tiled = predict_in_tiles(prepared, PICTURE, side=40)
        assert type(tiled) is type(whole)
        assert np.abs(tiled.logits - whole.logits).max() < 1e-4
        assert tiled.score == pytest.approx(whole.score)
        assert tiled.meta["tiles"] == 15
        if isinstance(tiled, LabelMap) and isinstance(whole, LabelMap):
            assert np.array_equal(tiled.labels, whole.labels)
            assert tiled.names == whole.names


def test_a_picture_that_fits_is_asked_as_it_is(learner: icl.Learner) -> None:
    answer = predict_in_tiles(learner.prepare([(PICTURE, MASK)]), PICTURE, side=200)
    assert "tiles" not in answer.meta


def test_an_answer_without_score_stays_without() -> None:
    tiles = cut(8, 16, 8, 0.0)
    parts = [icl.Segmentation(np.ones((8, 8), bool), np.ones((8, 8), np.float32))] * 2
    assert join(tiles, parts, (8, 16), 0.0).score is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"side": 0}, "the tile's side is 0"),
        ({"side": 2.5}, "the tile's side is 2.5"),
        ({"side": 32, "overlap": 1.0}, "overlap is 1.0"),
    ],
)
def test_bad_tiles_are_refused_in_one_sentence(
    learner: icl.Learner, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        predict_in_tiles(learner.prepare([(PICTURE, MASK)]), PICTURE, **options)
