"""Folders of tar files with an `index.csv`: images and masks are read straight from the tar."""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from icl_core.coerce import to_image
from icl_core.errors import InputError
from icl_core.sources.episodes import need_file, need_folder

LAYOUT = "expected ROOT/index.csv and ROOT/data-NNN.tar with images/<id>.jpg and masks/<id>.png"


class PackedFolder:
    """One packed data set. Nothing of a tar is unpacked to disk.

    Args:
        root: folder with `index.csv` and `data-*.tar`.
        source: name for errors.
        sub: column of `index.csv` whose value is the sub-folder of a member, if any.

    Raises:
        InputError: the folder, its index or all of its tar files are missing.
    """

    def __init__(self, root: str | Path, source: str, sub: str | None = None) -> None:
        self.root = need_folder(Path(root), source, LAYOUT)
        self.source = source
        self._sub = sub
        self._names: tuple[str, ...] | None = None
        file = need_file(self.root / "index.csv", source, LAYOUT)
        with file.open(newline="", encoding="utf-8") as stream:
            self.rows: list[dict[str, str]] = list(csv.DictReader(stream))
        if not self.rows:
            raise InputError(f"{file} has no row")

    def table(self, name: str) -> list[dict[str, str]]:
        """Read another CSV file of the folder."""
        file = need_file(self.root / name, self.source, LAYOUT)
        with file.open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))

    def key(self, row: dict[str, str]) -> str:
        """Return the name of a row's members, without `images/` and suffix."""
        stem = row.get("id") or row["frame"]
        return f"{row[self._sub]}/{stem}" if self._sub else stem

    def holds(self, member: str) -> bool:
        """Say whether a tar has a member, such as `images/<id>`, without its suffix."""
        return member in self._members

    def read(self, member: str) -> bytes:
        """Read a member, such as `images/<id>`, without its suffix.

        Raises:
            InputError: no tar has it.
        """
        if not self.holds(member):
            raise InputError(f"{self.source} finds no {member} in {self.root}/data-*.tar", LAYOUT)
        file, offset, size = self._members[member]
        with file.open("rb") as stream:
            stream.seek(offset, io.SEEK_SET)
            return stream.read(size)

    def image(self, key: str) -> np.ndarray:
        """Read an image: uint8 [H, W, 3]."""
        return to_image(self.read(f"images/{key}"))

    def ids(self, key: str) -> np.ndarray:
        """Read a mask as it is stored: integer [H, W]."""
        from icl_core.coerce.decode import Limits, decode

        values = np.array(decode(self.read(f"masks/{key}"), Limits()).image)
        return values.astype(np.uint8) if values.dtype == bool else values

    def lines(self) -> Sequence[str]:
        """Return what says which data these are."""
        return [f"{file.name} {file.stat().st_size}" for file in self._tars] + [
            self.key(row) for row in self.rows
        ]

    @cached_property
    def _tars(self) -> list[Path]:
        files = sorted(self.root.glob("data-*.tar"))
        if not files:
            raise InputError(f"{self.source} finds no data-*.tar in {self.root}", LAYOUT)
        return files

    @cached_property
    def _members(self) -> dict[str, tuple[Path, int, int]]:
        """Member without its suffix -> file, offset, size; headers are read once."""
        members = {}
        for file in self._tars:
            try:
                with tarfile.open(file) as archive:
                    for member in archive:
                        if member.isfile():
                            stem = member.name.removeprefix("./").rsplit(".", 1)[0]
                            members[stem] = (file, member.offset_data, member.size)
            except tarfile.TarError as error:
                raise InputError(f"{file} is not a complete tar file: {error}") from error
        return members
