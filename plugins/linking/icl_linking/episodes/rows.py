"""Evaluation lists: one row a query, in the released format, written and read.

A list is JSON Lines with the released keys (two of them are misspelt there, and so here):
`image_name`, `positive_list`, `negative_list`, `positive_promt`, `negative_promt`, `label_name`.
Paths are relative to the folder of the pictures. Rows of an older release (`Support`, `Query`,
`Folder`, `Name`, each a list over classes) are read as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from icl_core.coerce import to_label
from icl_core.errors import InputError
from icl_core.results.save import atomic_path, write_json

KEYS = (
    "image_name",
    "positive_list",
    "negative_list",
    "positive_promt",
    "negative_promt",
    "label_name",
)
_LEGACY = ("Support", "Query", "Name")


@dataclass(frozen=True)
class Row:
    """One query and the pictures that may be shown with it.

    Args:
        image: path of the query.
        positives: paths of pictures of the positive class, in the order in which they are taken.
        negatives: paths of the negative class.
        positive: name of the positive class.
        negative: name of the negative class.
        label: name of the query's class, one of the two.

    Raises:
        InputError: a name is empty, both names are the same, or the label is neither.
    """

    image: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    positive: str
    negative: str
    label: str

    def __post_init__(self) -> None:
        for field in ("positive", "negative", "label"):
            object.__setattr__(self, field, to_label(getattr(self, field)))
        if self.positive == self.negative:
            raise InputError(f"both classes are called {self.positive!r}, expected two names")
        if self.label not in (self.positive, self.negative):
            raise InputError(
                f"the query is called {self.label!r}, expected {self.positive!r} "
                f"or {self.negative!r}"
            )

    @property
    def is_positive(self) -> bool:
        """Whether the query is of the positive class."""
        return self.label == self.positive

    def paths(self) -> tuple[str, ...]:
        """All paths of the row."""
        return (self.image, *self.positives, *self.negatives)

    def to_json(self) -> dict[str, Any]:
        """Return the row under the released keys."""
        values = (
            self.image,
            list(self.positives),
            list(self.negatives),
            self.positive,
            self.negative,
            self.label,
        )
        return dict(zip(KEYS, values, strict=True))


def read_rows(path: str | Path) -> list[Row]:
    """Read a list.

    Args:
        path: JSON Lines, or one JSON array, whatever its suffix.

    Raises:
        InputError: no such file, no row, or a row that cannot be used; the line is named.
    """
    rows: list[Row] = []
    for number, value in json_lines(path):
        try:
            rows += _rows_of(value)
        except InputError as error:
            raise InputError(f"{path}, row {number}: {error.message}", error.hint) from error
    if not rows:
        raise InputError(f"{path} has no row")
    return rows


def write_rows(
    path: str | Path,
    rows: Sequence[Row],
    about: Mapping[str, Any] | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Write a list, and beside it `<name>.about.json` with how it was made and its sha256.

    The released loader asks for an even number of rows; `draw_rows` gives one.

    Args:
        path: the list, usually `.json` as in the release, or `.jsonl`.
        rows: in order.
        about: seed, numbers and whatever else tells how the rows were made.
        overwrite: whether an existing list may be replaced.

    Raises:
        InputError: there is one already, or the place cannot be written.
    """
    lines = [json.dumps(row.to_json(), ensure_ascii=False) for row in rows]
    text = "\n".join([*lines, ""]).encode()
    with atomic_path(path, overwrite) as temporary:
        temporary.write_bytes(text)
    facts = {"rows": len(rows), "sha256": hashlib.sha256(text).hexdigest(), **(about or {})}
    write_json(Path(path).with_suffix(".about.json"), facts, overwrite=True)
    return Path(path)


def json_lines(path: str | Path) -> Iterable[tuple[int, Mapping[str, Any]]]:
    """Read the objects of a JSON Lines file, or of one JSON array, numbered from 1.

    Raises:
        InputError: no such file, or a line that is no JSON object.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 at byte {error.start}") from error
    whole = text.lstrip().startswith("[")
    try:
        found = json.loads(text) if whole else None
    except ValueError as error:
        raise InputError(f"{file} is no JSON array: {error}") from error
    parts: list[tuple[int, Any]]
    if found is not None:
        parts = list(enumerate(found, 1))
    else:
        lines = enumerate(text.splitlines(), 1)
        parts = [(number, _json(file, number, line)) for number, line in lines if line.strip()]
    for number, value in parts:
        if not isinstance(value, dict):
            raise InputError(f"{file}, row {number} is {type(value).__name__}, expected an object")
    return parts


def inside(path: Any) -> str:
    """Return a path that lies inside its folder, with forward slashes.

    Lists are shared, so a path must not lead out of the folder that a user names.

    Raises:
        InputError: it is no text, empty, absolute, or has `..` in it.
    """
    if not isinstance(path, str) or not path.strip():
        raise InputError(f"a path is {path!r:.80}, expected the name of a picture")
    pure = PurePosixPath(path.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or ":" in pure.parts[0]:
        raise InputError(f"the path {path!r} leads out of the folder of the pictures")
    return str(pure)


def _json(file: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise InputError(f"{file}, line {number} is no JSON: {error}") from error


def _rows_of(value: Mapping[str, Any]) -> list[Row]:
    if all(key in value for key in _LEGACY):
        return _legacy_rows(value)
    missing = [key for key in KEYS if key not in value]
    if missing:
        raise InputError(f"the key {missing[0]!r} is missing", f"expected the keys {KEYS}")
    names = (value["positive_promt"], value["negative_promt"], value["label_name"])
    positives = _paths(value["positive_list"], "positive_list")
    negatives = _paths(value["negative_list"], "negative_list")
    return [Row(inside(value["image_name"]), positives, negatives, *names)]


def _legacy_rows(value: Mapping[str, Any]) -> list[Row]:
    """Turn a row of the older release into one row a query; the first class is the positive one."""
    names, supports, queries = (value[key] for key in ("Name", "Support", "Query"))
    folders = value.get("Folder") or ["", ""]
    for key, found in (("Name", names), ("Support", supports), ("Query", queries)):
        if not isinstance(found, list) or len(found) != 2:
            raise InputError(f"{key} is {found!r:.60}, expected a list with one entry a class of 2")
    if not isinstance(folders, list) or len(folders) != 2:
        raise InputError(f"Folder is {folders!r:.60}, expected a list with one entry a class of 2")
    shown = [_under(folders[n], _paths(supports[n], "Support")) for n in (0, 1)]
    return [
        Row(image, shown[0], shown[1], names[0], names[1], names[n])
        for n in (0, 1)
        for image in _under(folders[n], _paths(queries[n], "Query"))
    ]


def _under(folder: str, paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(inside(f"{folder}/{path}" if folder else path) for path in paths)


def _paths(value: Any, key: str) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        raise InputError(f"{key} is {type(value).__name__}, expected a list of paths")
    return tuple(inside(path) for path in value)
