"""Outputs of examples in JSON files: joints and segments, which no picture file holds.

On the command line an example is two files. What `Keypoints.save` and `PanopticMap.save` write as
`.json` can be such a file, and so can an annotation of COCO's keypoint or panoptic format.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from icl_core import InputError

LARGEST = 64 * 2**20
"""Bytes of a JSON file that is read."""


def read_json(value: Any) -> Any:
    """Read what a path to a `.json` file holds; anything else is returned as it is.

    Args:
        value: the output of an example.

    Returns:
        Points [17, 3], or a panoptic map with `ids` and `segments`, as
        `icl_painting.painter.examples` takes them.

    Raises:
        InputError: the file cannot be read, or holds neither.
    """
    if not isinstance(value, str | os.PathLike) or Path(value).suffix.lower() != ".json":
        return value
    path = Path(value)
    content = _content(path)
    if isinstance(content, list):
        return content
    if isinstance(content, Mapping):
        if "keypoints" in content:
            return [_joint(item) for item in content["keypoints"]]
        segments = content.get("segments", content.get("segments_info"))
        if segments is not None:
            return {"ids": _ids(content, path), "segments": segments}
    raise InputError(f"{path.name!r} holds neither keypoints nor the segments of a panoptic map")


def _content(path: Path) -> Any:
    try:
        if not path.is_file():
            raise InputError(f"no such file: {str(path)!r}")
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path.name!r} is larger than {LARGEST} bytes")
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path.name!r} cannot be read as JSON: {error}") from error


def _joint(item: Any) -> Any:
    """Return the row of a saved joint; a plain number is returned as it is."""
    if isinstance(item, Mapping) and {"x", "y", "score"} <= item.keys():
        seen = isinstance(item["score"], int | float) and item["score"] > 0.2
        return [item["x"], item["y"], float(seen)]
    return item


def _ids(content: Mapping[str, Any], path: Path) -> Any:
    """Return the picture of ids, as bytes or as a file beside the JSON file."""
    coded, name = content.get("png_base64"), content.get("ids", content.get("file_name"))
    if isinstance(coded, str):
        try:
            return base64.b64decode(coded, validate=True)
        except binascii.Error as error:
            raise InputError(f"{path.name!r} has a damaged picture of ids: {error}") from error
    if not isinstance(name, str):
        raise InputError(f"{path.name!r} does not say which picture holds the ids of its segments")
    return path.parent / name
