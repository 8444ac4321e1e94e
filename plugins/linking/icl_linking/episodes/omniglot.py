"""Omniglot (Lake, Salakhutdinov, Tenenbaum, Science 2015): characters that nobody has seen.

Two protocols. `omniglot-runs`: the published 20-way one-shot runs; a run shows one drawing of each
of 20 characters by one drawer and asks for 20 by another. `omniglot`: tasks drawn within an
alphabet. Both read the packed arrays (one bit a pixel, 105 x 105, 1 = ink).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np

from icl_core.errors import InputError
from icl_core.sources.episodes import need_file
from icl_core.types import Context, Episode, Example
from icl_linking.episodes.n_way import Pool, n_way
from icl_linking.episodes.pictures import LinkEpisodes

SIDE, WAYS = 105, 20
RUNS_FILE, CHARACTERS_FILE = "one_shot_runs.npz", "characters.npz"
RUNS_LAYOUT = f"expected ROOT/{RUNS_FILE} with support, query and query_label"
CHARACTERS_LAYOUT = f"expected ROOT/{CHARACTERS_FILE} with bits, alphabet and character"


def omniglot_runs(root: str | Path) -> LinkEpisodes:
    """The published 20-way one-shot runs: 20 episodes a run, chance 5 %.

    Args:
        root: folder with `one_shot_runs.npz`.

    Raises:
        InputError: the file is missing or damaged.
    """
    file = need_file(Path(root) / RUNS_FILE, "omniglot-runs", RUNS_LAYOUT)
    arrays = _arrays(file, ("support", "query", "query_label"), RUNS_LAYOUT)
    support, query, truth = arrays["support"], arrays["query"], arrays["query_label"]
    runs = len(support)
    numbers = arrays.get("run", np.arange(1, runs + 1))
    labels = tuple(f"character {n}" for n in range(1, WAYS + 1))

    @lru_cache(maxsize=4)
    def context(run: int) -> Context:
        shown = zip(support[run], labels, strict=True)
        return Context(tuple(Example(glyph(bits), label) for bits, label in shown))

    def pool(number: int) -> str:
        # Runs come in pairs: 1 and 2 ask for the same characters, with other drawers.
        first = (int(numbers[number // WAYS]) - 1) // 2 * 2 + 1
        return f"runs {first} and {first + 1}"

    def make(number: int) -> Episode:
        run, place = divmod(number, WAYS)
        meta = {
            "id": f"{int(numbers[run])}/{place + 1}",
            "labels": labels,
            "shots": 1,
            "task": int(numbers[run]),
            "pool": pool(number),
        }
        return Episode(context(run), glyph(query[run, place]), labels[int(truth[run, place])], meta)

    def data() -> Iterable[str]:
        return (bits.tobytes().hex() for bits in support.reshape(-1, support.shape[-1]))

    return LinkEpisodes("omniglot-runs", runs * WAYS, make, data, lambda n: labels, pool)


def omniglot(
    root: str | Path,
    *,
    ways: int = 5,
    shots: int = 1,
    queries: int = 5,
    tasks: int = 200,
    seed: int = 0,
) -> LinkEpisodes:
    """Tasks within one alphabet, drawn: 200 tasks with 5 queries a class.

    Args:
        root: folder with `characters.npz`.
        ways: characters of a task.
        shots: drawings of each that are shown.
        queries: drawings of each that are asked for.
        tasks: how many.
        seed: of the draws.

    Raises:
        InputError: the file is missing or damaged, or has too few drawings.
    """
    file = need_file(Path(root) / CHARACTERS_FILE, "omniglot", CHARACTERS_LAYOUT)
    arrays = _arrays(file, ("bits", "alphabet", "character"), CHARACTERS_LAYOUT)
    names = [str(name) for name in arrays.get("alphabet_names", ())]
    drawings: dict[int, dict[str, list[int]]] = {}
    places = zip(arrays["alphabet"].tolist(), arrays["character"].tolist(), strict=True)
    for number, (alphabet, character) in enumerate(places):
        drawings.setdefault(alphabet, {}).setdefault(f"character {character}", []).append(number)
    pools = [
        Pool(names[alphabet] if alphabet < len(names) else str(alphabet), classes)
        for alphabet, classes in sorted(drawings.items())
    ]

    @lru_cache(maxsize=4096)
    def read(number: int) -> np.ndarray:
        return glyph(arrays["bits"][number])

    return n_way(
        "omniglot", pools, read, ways=ways, shots=shots, queries=queries, tasks=tasks, seed=seed
    )


def glyph(bits: np.ndarray) -> np.ndarray:
    """Draw a packed character in black on white: uint8 [1379] to uint8 [105, 105, 3]."""
    ink = np.unpackbits(bits)[: SIDE * SIDE].reshape(SIDE, SIDE, 1)
    return np.repeat(np.where(ink, 0, 255).astype(np.uint8), 3, axis=-1)


def _arrays(file: Path, needed: tuple[str, ...], layout: str) -> dict[str, np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read: {error}", layout) from error
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise InputError(f"{file} has no array {missing[0]!r}", layout)
    return arrays
