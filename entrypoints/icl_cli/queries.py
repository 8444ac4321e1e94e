"""What `icl predict` is shown and asked: files, folders and patterns become pictures."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Any

from icl_core.coerce.video import VIDEOS, picture_files
from icl_core.errors import InputError
from icl_core.types import Example, Task


def example_of(typed: str, task: Task, option: str = "--example", **meta: Any) -> Example:
    """Read IN=OUT.

    Args:
        typed: what stands behind the option.
        task: OUT is a label for linking, else a file; a `.json` file holds a mask as COCO
            writes it.
        option: its name, for errors.
        **meta: goes to the example.

    Raises:
        InputError: there is no "=", no such file, or the JSON cannot be read.
    """
    # A path may hold "=" itself: the image is the shortest left part that is a file.
    cuts = [index for index, letter in enumerate(typed) if letter == "="]
    if not cuts:
        raise InputError(f"{option} is {typed!r}, expected IN=OUT, such as a.jpg=a_mask.png")
    cut = next((index for index in cuts if Path(typed[:index]).is_file()), cuts[0])
    image, output = Path(typed[:cut]), typed[cut + 1 :]
    if not image.is_file():
        raise InputError(f"{option} {typed}: there is no file {image}")
    if task is Task.LINKING:
        return Example(image, output, meta)
    if not Path(output).is_file():
        raise InputError(f"{option} {typed}: there is no file {output}")
    if task is Task.SEGMENTATION and output.lower().endswith(".json"):
        return Example(image, _mask_in_json(Path(output)), meta)
    return Example(image, Path(output), meta)


def _mask_in_json(path: Path) -> Any:
    import json

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"the mask {path} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise InputError(
            f"the mask {path} holds a {type(found).__name__}, expected COCO run lengths or one "
            "annotation"
        )
    # An answer that was saved as JSON holds its mask in "rle".
    return found.get("rle", found)


def expand(typed: tuple[str, ...]) -> tuple[list[Path], bool]:
    """Turn what stands behind --query into pictures.

    Args:
        typed: files, folders (all their pictures) and patterns such as "photos/*.jpg".

    Returns:
        The pictures, and whether one file was named and nothing else.

    Raises:
        InputError: there is no such file, no picture in a folder, or a video is among them.
    """
    found: list[Path] = []
    named = 0
    for words in typed:
        path = Path(words)
        if path.is_dir():
            found += picture_files(path)
        elif path.is_file():
            found.append(path)
            named += 1
        elif glob.has_magic(words):
            files = [Path(name) for name in sorted(glob.glob(words, recursive=True))]
            found += _matching(words, files)
        else:
            raise InputError(f"--query {words}: there is no such file")
    for path in found:
        if path.suffix.lower() in VIDEOS:
            raise InputError(f"--query {path} is a video, expected pictures", f"--video {path}")
    return found, named == len(typed) == 1


def _matching(pattern: str, files: list[Path]) -> list[Path]:
    files = [path for path in files if path.is_file()]
    if not files:
        raise InputError(f"--query {pattern}: no file matches")
    return files
