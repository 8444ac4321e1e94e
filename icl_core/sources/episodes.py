"""What all sources share: lazy lists of episodes and masks, seeded draws, and checks of folders."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np

from icl_core.errors import InputError
from icl_core.types import Context, Episode, Example

T = TypeVar("T")


class EpisodeList(Sequence[Episode]):
    """Episodes that are made when they are asked for, each time anew.

    Args:
        name: name of the source, with what was chosen, such as "coco-20i fold 2".
        length: how many there are.
        make: gives episode number n.
        data: lines that say which data these are, such as file names in order; for `digest`.
    """

    def __init__(
        self,
        name: str,
        length: int,
        make: Callable[[int], Episode],
        data: Callable[[], Iterable[str]],
    ) -> None:
        self.name = name
        self._length = length
        self._make = make
        self._data = data

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Episode: ...

    @overload
    def __getitem__(self, index: slice) -> EpisodeList: ...

    def __getitem__(self, index: int | slice) -> Episode | EpisodeList:
        if isinstance(index, slice):
            chosen = range(self._length)[index]
            return EpisodeList(self.name, len(chosen), lambda n: self._make(chosen[n]), self._data)
        if not -self._length <= index < self._length:
            raise IndexError(f"{self.name} has {self._length} episodes, asked for number {index}")
        return self._make(index % self._length)

    def digest(self) -> str:
        """Return a sha256 of what the data are, for the key under which results are kept."""
        sha = hashlib.sha256(self.name.encode())
        for line in self._data():
            sha.update(b"\n" + line.encode())
        return sha.hexdigest()

    def __repr__(self) -> str:
        return f"EpisodeList({self.name}, {self._length} episodes)"


class LazyList(Sequence[T]):
    """Items that are read when they are asked for, and not kept.

    Args:
        keys: what each item is made from.
        read: makes an item from its key.
    """

    def __init__(self, keys: Sequence[Any], read: Callable[[Any], T]) -> None:
        self._keys = keys
        self._read = read

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> LazyList[T]: ...

    def __getitem__(self, index: int | slice) -> T | LazyList[T]:
        if isinstance(index, slice):
            return LazyList(self._keys[index], self._read)
        return self._read(self._keys[index])


def episode_rng(seed: int, number: int) -> np.random.Generator:
    """Return the generator of one episode; episodes do not depend on how many are drawn."""
    return np.random.default_rng(np.random.SeedSequence([seed, number]))


def image_episode(
    supports: Sequence[tuple[np.ndarray, np.ndarray]],
    query: tuple[np.ndarray, np.ndarray],
    meta: Mapping[str, Any],
) -> Episode:
    """Make an episode of pictures.

    Args:
        supports: pairs of uint8 [H, W, 3] and bool [H, W].
        query: such a pair; its mask is the target.
        meta: the episode's meta; its `class_name` is given to the examples too.
    """
    shown = {"class_name": meta["class_name"]} if "class_name" in meta else {}
    examples = tuple(Example(image, mask, shown) for image, mask in supports)
    return Episode(Context(examples), query[0], query[1], dict(meta))


def checked_counts(shots: int, episodes: int | None, seed: int) -> None:
    """Refuse numbers of shots, episodes and seeds that make no sense."""
    for name, value, least in (("shots", shots, 1), ("episodes", episodes, 1), ("seed", seed, 0)):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(f"{name} is {value!r}, expected a whole number from {least}")


def checked_fold(fold: int, folds: int) -> None:
    """Refuse a fold that does not exist."""
    if isinstance(fold, bool) or not isinstance(fold, int) or not 0 <= fold < folds:
        raise InputError(f"fold is {fold!r}, expected a whole number from 0 to {folds - 1}")


def need_folder(path: Path, source: str, layout: str) -> Path:
    """Return a folder that has to be there.

    Raises:
        InputError: it is not; the hint shows the layout.
    """
    if not path.is_dir():
        raise InputError(f"{source} needs the folder {path}, which is not there", f"{layout}")
    return path


def need_file(path: Path, source: str, layout: str) -> Path:
    """Return a file that has to be there.

    Raises:
        InputError: it is not; the hint shows the layout.
    """
    if not path.is_file():
        raise InputError(f"{source} needs the file {path}, which is not there", f"{layout}")
    return path


def read_ids(path: Path) -> np.ndarray:
    """Read a mask file as it is stored: palette indices or grey values, integer [H, W].

    Args:
        path: a palette, grey, 16-bit or 1-bit picture. A colour one counts as its largest channel.

    Raises:
        InputError: no such file, or no complete picture.
    """
    from icl_core.coerce.decode import Limits, decode

    image = decode(path, Limits()).image
    values = np.array(image)
    if values.ndim == 3:
        values = values[..., :3].max(axis=-1)
    return values.astype(np.uint8) if values.dtype == bool else values


def same_size(image: np.ndarray, mask: np.ndarray, what: str) -> None:
    """Refuse a mask of another size than its image."""
    if image.shape[:2] != mask.shape:
        raise InputError(
            f"the mask of {what} is {mask.shape[0]}x{mask.shape[1]}, expected the image's "
            f"{image.shape[0]}x{image.shape[1]} (height x width)"
        )
