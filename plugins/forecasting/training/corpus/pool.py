"""Pools of generated series on disk: written shard by shard, read through memory maps.

Run as a script to fill a folder::

    python pool.py --out DIR --length 2304 --series 40000 --families compose,ets --workers 2
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import zlib
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from corpus.families import COUNTS, FAMILIES, draw_family

SHARD = 4000


def shard_path(folder: str | Path, family: str, length: int, seed: int) -> Path:
    """Path of one shard."""
    return Path(folder) / f"{family}-{length}-{seed:04d}.npy"


def write_shard(
    folder: str | Path, family: str, series: int, length: int, seed: int
) -> tuple[Path, float]:
    """Write one shard unless it exists.

    Series that are z-scored fit float16; counts are stored as float32, so that they stay exact.

    Args:
        folder: Folder of the pool, created when missing.
        family: A key of `FAMILIES`.
        series: Number of series.
        length: Number of steps.
        seed: Seed of the shard; the same arguments give the same file.

    Returns:
        The path, and the series written per second (0 when the shard existed).
    """
    path = shard_path(folder, family, length, seed)
    if path.exists():
        return path, 0.0
    path.parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    rng = np.random.default_rng([seed, zlib.crc32(family.encode())])
    values = draw_family(rng, family, series, length)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        np.save(file, values if family in COUNTS else values.astype(np.float16))
    os.replace(temporary, path)
    return path, series / (time.perf_counter() - start)


def write_pool(
    folder: str | Path, family: str, series: int, length: int, seed: int = 0, workers: int = 1
) -> list[Path]:
    """Write the shards of one family; shards that exist are kept.

    The shards carry the seeds `seed`, `seed + 1`, ...; continue a pool with a higher seed.

    Args:
        folder: Folder of the pool.
        family: A key of `FAMILIES`.
        series: Number of series over all shards.
        length: Number of steps.
        seed: Seed of the first shard.
        workers: Number of processes.

    Returns:
        Paths of the shards in order of their seeds.
    """
    if family not in FAMILIES:
        raise ValueError(f"unknown family {family!r}; known: {', '.join(FAMILIES)}")
    sizes = [min(SHARD, series - first) for first in range(0, series, SHARD)]
    jobs = [(folder, family, size, length, seed + index) for index, size in enumerate(sizes)]
    if workers <= 1 or len(jobs) <= 1:
        return [_report(write_shard(*job), job[2]) for job in jobs]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as executor:
        futures = [executor.submit(write_shard, *job) for job in jobs]
        return [_report(future.result(), job[2]) for future, job in zip(futures, jobs, strict=True)]


def _report(outcome: tuple[Path, float], series: int) -> Path:
    path, rate = outcome
    note = f"{series} series, {rate:.0f} series/s" if rate else "exists"
    print(f"{path.name}: {note}", file=sys.stderr, flush=True)
    return path


class Pool:
    """Memory-mapped shards of one length, sampled by family weights.

    Families without shards are left out and the other weights are scaled up.
    """

    def __init__(
        self, folder: str | Path, weights: Mapping[str, float], length: int | None = None
    ) -> None:
        """Open a pool.

        Args:
            folder: Folder written by `write_pool`.
            weights: Weight per family.
            length: Length of the series; may be left out when the folder holds one length only.
        """
        self.folder = Path(folder)
        self.weights = dict(weights)
        lengths = {int(path.stem.split("-")[1]) for path in self._paths()}
        if length is None:
            if len(lengths) != 1:
                raise ValueError(f"{folder} holds series of lengths {sorted(lengths)}; name one")
            length = lengths.pop()
        self.length = length
        self._shards: dict[str, list[np.ndarray]] = {}
        self._ends: dict[str, np.ndarray] = {}
        self._known: set[Path] = set()
        self.refresh()
        if not self._shards:
            raise FileNotFoundError(
                f"no shards of length {length} for {', '.join(self.weights)} in {folder}"
            )

    def _paths(self) -> list[Path]:
        return sorted(
            p for p in self.folder.glob("*-*-*.npy") if p.stem.split("-")[0] in self.weights
        )

    def refresh(self) -> int:
        """Open shards that were added to the folder; returns the number of series in the pool."""
        for path in self._paths():
            family, length = path.stem.split("-")[:2]
            if path not in self._known and int(length) == self.length:
                self._shards.setdefault(family, []).append(np.load(path, mmap_mode="r"))
                self._known.add(path)
        self._ends = {
            family: np.cumsum([len(s) for s in shards]) for family, shards in self._shards.items()
        }
        return sum(self.sizes().values())

    def sizes(self) -> dict[str, int]:
        """Number of series per family."""
        return {family: int(ends[-1]) for family, ends in self._ends.items()}

    def set_weights(self, weights: Mapping[str, float]) -> None:
        """Change the mixture, opening shards of families that were not in use."""
        self.weights = dict(weights)
        self.refresh()

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw series with replacement.

        Args:
            rng: Source of randomness.
            n: Number of series.

        Returns:
            float32 of shape [n, length], in random order of families.
        """
        names = [name for name in self._shards if self.weights.get(name, 0) > 0]
        if not names:
            raise ValueError("no family of the pool has a positive weight")
        shares = np.array([self.weights[name] for name in names], dtype=float)
        chosen = rng.choice(len(names), size=n, p=shares / shares.sum())
        places = rng.random(n)
        result = np.empty((n, self.length), dtype=np.float32)
        for row in range(n):
            name = names[chosen[row]]
            ends = self._ends[name]
            index = int(places[row] * ends[-1])
            shard = int(np.searchsorted(ends, index, side="right"))
            result[row] = self._shards[name][shard][index - ends[shard]]
        return result


def main(arguments: list[str] | None = None) -> int:
    """Command line: fill a pool."""
    parser = argparse.ArgumentParser(description="Generate pools of training series.")
    parser.add_argument("--out", required=True, type=Path, help="folder of the pool")
    parser.add_argument("--length", type=int, default=576, help="steps per series")
    parser.add_argument("--series", type=int, default=40000, help="series per family")
    parser.add_argument("--families", default=",".join(FAMILIES), help="names joined by commas")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first shard")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    options = parser.parse_args(arguments)
    for family in options.families.split(","):
        write_pool(
            options.out,
            family.strip(),
            options.series,
            options.length,
            options.seed,
            options.workers,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
