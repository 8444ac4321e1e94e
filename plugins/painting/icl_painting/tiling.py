"""Pictures larger than a network's square, painted tile by tile at their own scale.

A large picture that is squeezed into one square loses its detail for good, and the network has to
invent it again. Cut into tiles of about the square's size it keeps it. The prompt has to be seen
at the same scale, so its two pictures are cut to one tile as well: the one where they differ most,
since that shows best what is to be done. What is smaller than a tile is continued by its mirror
image, so that a tile is always square.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from icl_core import InputError
from icl_core.runtime import Progress, batches
from icl_core.vision.tiles import Tile, blend, cut

Painter = Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]
"""From pictures uint8 [t, t, 3] to what is painted for each, float32 [3, t, t], 1 = white."""


def telling_tile(image: np.ndarray, output: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut an example to the tile in which its two pictures differ most.

    Tiles that overlap by half are compared by the mean absolute difference of their pixels.

    Args:
        image: uint8 [H, W, 3].
        output: uint8 [H, W, 3].
        side: of the tile in pixels.

    Returns:
        Both pictures there, uint8 [side, side, 3].

    Raises:
        InputError: the pictures differ in size.
    """
    if image.shape != output.shape:
        raise InputError(
            f"an example's pictures are {image.shape[0]}x{image.shape[1]} and {output.shape[0]}x"
            f"{output.shape[1]}, expected one size, so that both can be cut to a tile",
            hint="resize one of them first, or leave out tile",
        )
    tiles = cut(image.shape[0], image.shape[1], side, 0.5)
    changes = [_change(image[tile.place], output[tile.place]) for tile in tiles]
    place = tiles[int(np.argmax(changes))].place
    return continued(image[place], side), continued(output[place], side)


def _change(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())


def continued(picture: np.ndarray, side: int) -> np.ndarray:
    """Continue a picture to the right and below by its mirror image, to uint8 [side, side, 3]."""
    below, right = side - picture.shape[0], side - picture.shape[1]
    if below <= 0 and right <= 0:
        return picture
    return np.pad(picture, ((0, below), (0, right), (0, 0)), mode="symmetric")


def paint_tiles(
    picture: np.ndarray, side: int, overlap: float, paint: Painter, at_once: int
) -> tuple[np.ndarray, int]:
    """Paint a picture in tiles; memory grows with the picture, not with the number of tiles.

    Args:
        picture: uint8 [H, W, 3].
        side: of a tile in pixels.
        overlap: of two neighbours at least, as a share of the side, 0 to 0.9. There the answers
            are averaged with weights that fall towards a tile's edge, so that no seam shows.
        paint: paints tiles.
        at_once: how many tiles `paint` is given at a time.

    Returns:
        float32 [3, H, W], 1 = white, and the number of tiles.

    Raises:
        InputError: `side` or `overlap` is out of range.
    """
    size = (picture.shape[0], picture.shape[1])
    tiles = cut(*size, side, overlap)
    return blend(tiles, _painted(picture, side, tiles, paint, at_once), size, overlap), len(tiles)


def _painted(
    picture: np.ndarray, side: int, tiles: Sequence[Tile], paint: Painter, at_once: int
) -> Iterator[np.ndarray]:
    with Progress("painting tiles", len(tiles)) as bar:
        for some in batches(tiles, at_once):
            parts = paint([continued(picture[tile.place], side) for tile in some])
            for tile, part in zip(some, parts, strict=True):
                yield part[:, : tile.bottom - tile.top, : tile.right - tile.left]
                bar.advance()
