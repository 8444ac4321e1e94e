"""ImageNet-100 and ImageNet-900: the official lists over a folder with ILSVRC pictures."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from icl_core.errors import InputError
from icl_core.sources.episodes import checked_counts, need_file, need_folder
from icl_linking.episodes.isekai import two_way_episodes
from icl_linking.episodes.pictures import LinkEpisodes, pictures_in, planned
from icl_linking.episodes.rows import json_lines
from icl_linking.episodes.training_policies import Draw, TrainingClass, training_policy
from icl_linking.episodes.two_way import SEED, TestClass, imagenet_rows

TEST_LIST, TRAIN_LIST, CLASS_MAP = "test100_pairs.jsonl", "train900_pairs.jsonl", "map_clsloc.txt"
CLASSES, CONTEXT = 100, 32
TEST_LAYOUT = (
    f"expected ROOT/{TEST_LIST} of the release, or ROOT/{CLASS_MAP} (one `wnid number name` a "
    "line) to draw such a list, and the pictures in ROOT/{train,val}/<wnid>/"
)
TRAIN_LAYOUT = f"expected ROOT/{TRAIN_LIST} of the release and the pictures in ROOT/{{train,val}}/"

_Class = TypeVar("_Class", TestClass, TrainingClass)


def imagenet_100(
    root: str | Path,
    pairs: str | Path | None = None,
    *,
    shots: int = 1,
    order: str = "shuffled",
    names: str = "real",
    seed: int = SEED,
    queries: int = 50,
    list_seed: int = 0,
) -> LinkEpisodes:
    """ImageNet-100: test classes in pairs, 2-way; both members of a pair are asked for in turn.

    Args:
        root: folder of the pictures.
        pairs: the official list; None = `test100_pairs.jsonl` in `root`, else drawn from folders.
        shots: pictures a class, 0 to 8. The paper's n is twice that.
        order: as in `isekai-10`.
        names: as in `isekai-10`.
        seed: of the order.
        queries: pictures a class that are asked for; 0 = all.
        list_seed: of the classes and pictures of a drawn list.

    Raises:
        InputError: a list or picture is missing, or an argument makes no sense.
    """
    base = need_folder(Path(root), "imagenet-100", TEST_LAYOUT)
    if isinstance(queries, bool) or not isinstance(queries, int) or queries < 0:
        raise InputError(f"queries is {queries!r}, expected a whole number from 0")
    file = base / TEST_LIST if pairs is None else Path(pairs)
    if pairs is None and not file.is_file():
        classes = _drawn_classes(base, list_seed)
    else:
        classes = _read(need_file(file, "imagenet-100", TEST_LAYOUT), TestClass)
    rows = imagenet_rows(classes, queries)
    chosen: dict[str, Any] = {"shots": shots, "order": order, "names": names, "seed": seed}
    return two_way_episodes("imagenet-100", base, rows, **chosen)


def imagenet_900(
    root: str | Path,
    pairs: str | Path | None = None,
    *,
    policy: str = "2-way",
    shots: int = 8,
    episodes: int | None = None,
    seed: int = SEED,
) -> LinkEpisodes:
    """ImageNet-900: the episodes that the released model was trained on.

    Args:
        root: folder of the pictures.
        pairs: the official list; None = `train900_pairs.jsonl` in `root`.
        policy: "2-way", "2-way-random" or "2-way-weight".
        shots: pictures a class, or at most so many.
        episodes: how many; None = one a class. Episode n is of class n, then from the start again.
        seed: of all draws.

    Raises:
        InputError: a list or picture is missing, or an argument makes no sense.
    """
    base = need_folder(Path(root), "imagenet-900", TRAIN_LAYOUT)
    checked_counts(shots, episodes, seed)
    if "reference" in policy or "ref" in policy.split("_"):
        raise InputError(f"the answers of the policy {policy!r} are lists, which no label can be")
    rule = training_policy(policy)
    file = base / TRAIN_LIST if pairs is None else Path(pairs)
    classes = _read(need_file(file, "imagenet-900", TRAIN_LAYOUT), TrainingClass)
    draw = Draw(classes, random.Random(seed))
    count = len(classes) if episodes is None else episodes
    plans = [rule(classes[n % len(classes)], shots, draw) for n in range(count)]

    def facts(number: int) -> dict[str, Any]:
        plan = plans[number]
        shown = len(plan.supports) // 2
        positive = plan.query.label == plan.options[0]
        return {"positive": positive, "shots": shown, "n": 2 * shown}

    return planned(f"imagenet-900 {policy}, {shots} shots, seed {seed}", base, plans, facts)


def _read(file: Path, kind: type[_Class]) -> list[_Class]:
    classes: list[_Class] = []
    for number, value in json_lines(file):
        try:
            classes.append(kind.from_json(value))
        except InputError as error:
            raise InputError(f"{file}, row {number}: {error.message}", error.hint) from error
        except (TypeError, IndexError, KeyError) as error:
            raise InputError(f"{file}, row {number} is damaged: {error}") from error
    if not classes:
        raise InputError(f"{file} has no row")
    return classes


def _drawn_classes(base: Path, seed: int) -> list[TestClass]:
    """Draw 100 of the classes. The authors drew theirs as well, but not with this seed."""
    names = _class_map(need_file(base / CLASS_MAP, "imagenet-100", TEST_LAYOUT))
    here = [wnid for wnid in names if _folders(base, wnid)]
    if len(here) < CLASSES:
        raise InputError(f"{base} has pictures of {len(here)} classes, expected {CLASSES}")
    rng = np.random.default_rng(seed)
    classes = []
    for place in sorted(rng.choice(len(here), CLASSES, replace=False).tolist()):
        wnid = here[place]
        number, name = names[wnid]
        found = [path for folder in _folders(base, wnid) for path in pictures_in(folder, base)]
        order = [found[n] for n in rng.permutation(len(found))]
        classes.append(TestClass(number, name, tuple(order[:CONTEXT]), tuple(order[CONTEXT:])))
    rng.shuffle(classes)  # type: ignore[arg-type]  # else pairs would be neighbours in the hierarchy
    return classes


def _folders(base: Path, wnid: str) -> Sequence[Path]:
    return [folder for part in ("train", "val") if (folder := base / part / wnid).is_dir()]


def _class_map(file: Path) -> dict[str, tuple[str, str]]:
    names = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        parts = line.split()
        if not parts:
            continue
        if len(parts) < 3 or not parts[1].isdigit():
            raise InputError(f"{file}, line {number} is {line!r:.60}, expected `wnid number name`")
        names[parts[0]] = (parts[1], " ".join(parts[2:]).replace("_", " "))
    return names
