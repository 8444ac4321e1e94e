"""Folders with one folder a class, as N-way tasks."""

from __future__ import annotations

from pathlib import Path

from icl_core.errors import InputError
from icl_core.sources.episodes import need_folder
from icl_linking.episodes.n_way import Pool, n_way
from icl_linking.episodes.pictures import LinkEpisodes, Pictures, pictures_in

LAYOUT = "expected ROOT/<class>/*.jpg, one folder a class"


def image_folders(
    root: str | Path,
    *,
    ways: int = 5,
    shots: int = 1,
    queries: int = 15,
    tasks: int = 200,
    seed: int = 0,
) -> LinkEpisodes:
    """Any folder with one folder of pictures a class; the folder's name is the label.

    Args:
        root: the folder.
        ways: classes of a task.
        shots: pictures a class that are shown.
        queries: pictures a class that are asked for; each is one episode.
        tasks: how many.
        seed: of the draws.

    Raises:
        InputError: no such folder, or not enough classes or pictures.
    """
    return _class_folders("image-folders", root, ways, shots, queries, tasks, seed)


def sign_digits(
    root: str | Path,
    *,
    ways: int = 4,
    shots: int = 1,
    queries: int = 15,
    tasks: int = 200,
    seed: int = 0,
) -> LinkEpisodes:
    """Photographs of hands that sign digits (arXiv 2011.08927), with the protocol of the subset.

    200 tasks with 15 queries a class. Arguments as in `image_folders`.
    """
    return _class_folders("sign-digits", root, ways, shots, queries, tasks, seed)


def _class_folders(
    source: str, root: str | Path, ways: int, shots: int, queries: int, tasks: int, seed: int
) -> LinkEpisodes:
    base = need_folder(Path(root), source, LAYOUT)
    folders = [p for p in sorted(base.iterdir()) if p.is_dir() and p.name[0] != "."]
    classes = {p.name: found for p in folders if (found := pictures_in(p, base))}
    if not classes:
        raise InputError(f"{source} finds no pictures in the folders of {base}", LAYOUT)
    return n_way(
        source,
        [Pool(source, classes)],
        Pictures(base),
        ways=ways,
        shots=shots,
        queries=queries,
        tasks=tasks,
        seed=seed,
    )
