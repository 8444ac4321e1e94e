"""Published restoration benchmarks: SIDD, the rain sets and LoL, each with its published prompt.

| source | what | queries | prompt | SSIM |
|---|---|---|---|---|
| `sidd` | noise of telephones (Abdelhamed et al., CVPR 2018) | 1280 blocks | `9_9` | `rgb` |
| `rain` | Rain100L, Rain100H, Test100, Test1200, Test2800 | 4300 | `100` | `y` |
| `lol` | low light (Wei et al., arXiv 1808.04560) | 15 | `100` | `skimage` |

The prompts are those of the released evaluation of Painter (arXiv 2212.02499).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from icl_core.errors import InputError, MissingExtraError
from icl_core.sources.episodes import EpisodeList, checked_counts, need_file, need_folder
from icl_core.types import Episode
from icl_painting.sources.pairs import PairFolder, listed_pairs, prompt_names

SIDD_LAYOUT = (
    "expected ROOT/ValidationNoisyBlocksSrgb.mat and ROOT/ValidationGtBlocksSrgb.mat, or "
    "ROOT/val/{input,groundtruth}/*.png, and the prompt ROOT/train/{input,groundtruth}/9_9.png, a "
    "patch of SIDD-Medium"
)
RAIN_SETS = ("Rain100L", "Rain100H", "Test100", "Test1200", "Test2800")
RAIN_LAYOUT = (
    "expected ROOT/test/{Rain100L,Rain100H,Test100,Test1200,Test2800}/{input,target}/*.png or .jpg "
    "and the prompt ROOT/train/{input,target}/100.* (Rain13K)"
)
LOL_LAYOUT = "expected ROOT/eval15/{low,high}/*.png and ROOT/our485/{low,high}/*.png (LoL)"


def sidd(
    root: str | Path, *, prompt: str | Sequence[str] = "9_9", episodes: int | None = None
) -> EpisodeList:
    """SIDD validation: 40 scenes of 32 blocks of 256x256; .mat files are held in memory, 0.5 GB.

    Args:
        root: folder with the two .mat files, or with `val`; and with `train`.
        prompt: name of the patch in `train` that is shown, or several.
        episodes: how many, from the first; None = all.

    Raises:
        InputError: a folder or file is missing.
        MissingExtraError: the blocks are .mat files and scipy is not installed.
    """
    base, source = Path(root), "sidd"
    names = prompt_names(prompt)
    need_folder(base, source, SIDD_LAYOUT)
    checked_counts(1, episodes, 0)
    patches = PairFolder(base / "train", ("input", "groundtruth"), source, SIDD_LAYOUT)
    prompts = patches.prompts(names)
    meta = {"task": "denoise", "protocol": "rgb", "unrounded": True, "supports": names}
    name = f"sidd, prompt {'+'.join(names)}"
    files = [base / f"Validation{kind}BlocksSrgb.mat" for kind in ("Noisy", "Gt")]
    if not any(file.is_file() for file in files):
        queries = PairFolder(base / "val", ("input", "groundtruth"), source, SIDD_LAYOUT)
        return listed_pairs(name, {"": queries}, prompts, meta, episodes)
    noisy, clean = (_blocks(need_file(file, source, SIDD_LAYOUT)) for file in files)
    if noisy.shape != clean.shape:
        raise InputError(
            f"the noisy blocks of sidd are {list(noisy.shape)} and the clean ones "
            f"{list(clean.shape)}, expected the same"
        )

    def make(number: int) -> Episode:
        scene, block = divmod(number, noisy.shape[1])
        own = {"id": f"{scene + 1}_{block + 1}", **meta}
        return Episode(prompts(), noisy[scene, block], clean[scene, block], own)

    count = noisy.shape[0] * noisy.shape[1]
    length = count if episodes is None else min(episodes, count)
    lines = [f"{file.name} {file.stat().st_size}" for file in files]
    return EpisodeList(name, length, make, lambda: lines)


def rain(
    root: str | Path,
    *,
    sets: Sequence[str] = RAIN_SETS,
    prompt: str | Sequence[str] = "100",
    episodes: int | None = None,
) -> EpisodeList:
    """The five test sets of rain; their scores are averaged by set first.

    Args:
        root: folder with `train` and `test`.
        sets: some of `RAIN_SETS`, in the order that they are asked for.
        prompt: name of the picture in `train` that is shown, or several.
        episodes: how many of each set, from the first; None = all.

    Raises:
        InputError: a folder or file is missing, or there is no such set.
    """
    base, source = Path(root), "rain"
    names = prompt_names(prompt)
    chosen = (sets,) if isinstance(sets, str) else tuple(sets)
    for part in chosen:
        if part not in RAIN_SETS:
            raise InputError(f"sets has {part!r}, expected some of {RAIN_SETS}")
    need_folder(base, source, RAIN_LAYOUT)
    shown = PairFolder(base / "train", ("input", "target"), source, RAIN_LAYOUT)
    folders = {
        part: PairFolder(base / "test" / part, ("input", "target"), source, RAIN_LAYOUT)
        for part in chosen
    }
    meta = {"task": "derain", "protocol": "y", "supports": names}
    name = f"rain {'+'.join(chosen)}, prompt {'+'.join(names)}"
    return listed_pairs(name, folders, shown.prompts(names), meta, episodes)


def lol(
    root: str | Path, *, prompt: str | Sequence[str] = "100", episodes: int | None = None
) -> EpisodeList:
    """LoL: 15 photographs taken in low light.

    Args:
        root: folder with `our485` and `eval15`.
        prompt: name of the picture in `our485` that is shown, or several.
        episodes: how many, from the first; None = all.

    Raises:
        InputError: a folder or file is missing.
    """
    base, source = Path(root), "lol"
    names = prompt_names(prompt)
    need_folder(base, source, LOL_LAYOUT)
    shown = PairFolder(base / "our485", ("low", "high"), source, LOL_LAYOUT)
    queries = PairFolder(base / "eval15", ("low", "high"), source, LOL_LAYOUT)
    meta = {"task": "low-light", "protocol": "skimage", "unrounded": True, "supports": names}
    name = f"lol, prompt {'+'.join(names)}"
    return listed_pairs(name, {"": queries}, shown.prompts(names), meta, episodes)


def _blocks(file: Path) -> np.ndarray:
    """Read the blocks of a .mat file: uint8 [scenes, blocks, H, W, 3]."""
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise MissingExtraError(
            f"reading {file.name} needs scipy", "pip install scipy, or unpack it into val/"
        ) from error
    variable = file.stem
    try:
        found = loadmat(file, variable_names=[variable]).get(variable)
    except Exception as error:
        # scipy raises whatever the broken place of a file leads to.
        raise InputError(f"{file} is not a complete .mat file: {error}", SIDD_LAYOUT) from error
    blocks = np.asarray(found)
    if blocks.dtype != np.uint8 or blocks.ndim != 5 or blocks.shape[-1] != 3 or not blocks.size:
        raise InputError(
            f"{variable} in {file} is {blocks.dtype} {list(blocks.shape)}, "
            "expected uint8 [40, 32, 256, 256, 3]",
            SIDD_LAYOUT,
        )
    return blocks
