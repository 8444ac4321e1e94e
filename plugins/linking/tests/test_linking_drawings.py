"""Invented glyphs: the same for a seed, unlike each other, and recognised when drawn again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from icl_linking.drawings import (
    KINDS,
    LARGE,
    SIDE,
    Kind,
    StrokeGlyphs,
    black_on_white,
    draw_strokes,
    example_files,
    invent,
    invented_name,
    look_alike,
    main,
    meetings,
    write_meetings,
)


def test_a_glyph_follows_from_its_number_and_a_drawing_from_its_hand() -> None:
    glyphs = StrokeGlyphs(seed=1)
    one = glyphs.draw(5, np.random.default_rng(0))
    assert one.shape == (SIDE, SIDE) and one.dtype == np.uint8
    assert 0.01 < (one > 127).mean() < 0.5
    assert np.array_equal(one, glyphs.draw(5, np.random.default_rng(0)))
    assert not np.array_equal(one, glyphs.draw(5, np.random.default_rng(1)))
    assert not np.array_equal(one, glyphs.draw(6, np.random.default_rng(0)))
    assert not np.array_equal(one, StrokeGlyphs(seed=2).draw(5, np.random.default_rng(0)))


def test_a_pool_says_how_many_glyphs_it_has() -> None:
    assert len(StrokeGlyphs(classes=7)) == 7


def test_a_look_alike_differs_in_its_last_stroke() -> None:
    rng = np.random.default_rng(4)
    strokes = invent(rng)
    while len(strokes) < 2:
        strokes = invent(rng)
    other = look_alike(strokes, rng)
    assert len(other) == len(strokes)
    assert all(np.array_equal(a, b) for a, b in zip(strokes[:-1], other[:-1], strict=True))
    assert strokes[-1].shape != other[-1].shape or not np.allclose(strokes[-1], other[-1])


def test_a_glyph_looks_alike_at_every_side() -> None:
    strokes = invent(np.random.default_rng(8))
    small = draw_strokes(strokes, np.random.default_rng(0), 64).astype(float)
    large = draw_strokes(strokes, np.random.default_rng(0), 128).astype(float)
    reduced = large.reshape(64, 2, 64, 2).mean((1, 3))
    assert np.abs(small - reduced).mean() < 0.25 * small.mean()


def test_ink_is_black_on_white() -> None:
    picture = black_on_white(np.array([[0, 255]], np.uint8))
    assert picture.tolist() == [[[255] * 3, [0] * 3]]


def test_names_are_words() -> None:
    names = {invented_name(np.random.default_rng(seed)) for seed in range(50)}
    assert len(names) > 45
    assert all(name.isalpha() and name.islower() and 5 <= len(name) <= 7 for name in names)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_meeting_shows_each_concept_and_asks_for_all_in_turn(kind: Kind) -> None:
    asked = []
    for number in range(kind.concepts):
        meeting = kind.meet(number)
        assert len(meeting.names) == kind.concepts
        assert len(meeting.examples) == kind.concepts * kind.shots
        for picture in (meeting.query, *(picture for picture, _ in meeting.examples)):
            assert picture.shape == (LARGE, LARGE, 3) and picture.dtype == np.uint8
        asked.append(meeting.names.index(meeting.truth))
    assert asked == list(range(kind.concepts))


def test_meetings_are_episodes() -> None:
    first, second = KINDS[1].episodes(2)
    assert [example.output for example in first.context.examples] == 2 * [*first.meta["labels"]]
    assert first.target in first.meta["labels"]
    assert first.query.shape == (SIDE, SIDE, 3)
    assert first.meta["id"] != second.meta["id"] and first.meta["pool"] != second.meta["pool"]


def test_meetings_are_the_same_on_every_run() -> None:
    for (kind, one), (_, other) in zip(meetings(), meetings(), strict=True):
        assert one.names == other.names and one.truth == other.truth, kind.name
        assert np.array_equal(one.query, other.query)


def test_pictures_are_written_and_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = write_meetings(tmp_path / "new")
    main([str(tmp_path / "new")])
    assert capsys.readouterr().out.split() == [str(file) for file in files]
    assert len(files) == sum(kind.concepts * kind.shots + 1 for kind in KINDS)
    kind, meeting = next(meetings())
    assert [file.name for file in files[:2]] == example_files(kind, meeting)
    with Image.open(tmp_path / "new" / f"{kind.name}_query.png") as picture:
        assert np.array_equal(np.asarray(picture), meeting.query)
