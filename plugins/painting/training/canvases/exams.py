"""Held-out pictures on which the small network is measured, as prompts and queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count as count_up
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from canvases import packed
from canvases.lessons import edge_picture
from canvases.packed import SETS, Labelled
from canvases.splits import held_out, noise_group
from icl_core.sources.packed import PackedFolder
from icl_painting.drawings import draw
from icl_painting.sources.degradations import DEGRADATIONS, Degradation
from icl_painting.sources.packed_pairs import PackedPictures

PROMPTS = 4
"""Prompts of a repair; the queries are shared among them."""

TRANSFER = ("derain", "negative")
"""Tasks that are not trained."""

Pair = tuple[np.ndarray, np.ndarray]
"""Input and output, uint8 [H, W, 3]."""


@dataclass(frozen=True, eq=False)
class Exam:
    """Queries of one task.

    Args:
        name: of the task.
        prompts: shown pairs; query n gets number n modulo their count, or, where `own`, its own.
        queries: inputs and right answers.
        kind: "repair", scored by PSNR of all colours; "y", by that of the brightness; "mask", by
            intersection over union.
        groups: of each query, what its score is averaged with first.
        valid: of each query, which pixels count, bool [H, W]; None = all.
    """

    name: str
    prompts: list[Pair]
    queries: list[Pair]
    kind: str = "repair"
    groups: list[str] | None = None
    valid: list[np.ndarray] | None = None


def exams(root: Path, count: int) -> list[Exam]:
    """Read all exams.

    Args:
        root: folder of the packed sets.
        count: queries of each.
    """
    found = [*_photographs(root, count), *_real_noise(root, count), *_coarse(root, count)]
    return [*found, *_voc(root, count), *_masks(root, count), _drawn(count)]


def _photographs(root: Path, count: int) -> list[Exam]:
    photographs = PackedFolder(root / "bsds500_edges", "bsds500_edges")

    def read(split: str, most: int) -> list[np.ndarray]:
        keys = [row["id"] for row in photographs.rows if row["official_split"] == split][:most]
        return [photographs.image(key) for key in keys]

    shown, asked = read("train", PROMPTS), read("val", count)
    tasks: dict[str, Callable[[np.ndarray, np.random.Generator], Pair]] = {}
    for name, spoil in DEGRADATIONS.items():
        # The packed pictures of super-resolution have the name without the bracket.
        tasks[name + " (photographs)" * (name == "upscale-x4")] = partial(_spoilt, spoil)
    tasks["edges"] = lambda clean, _: (clean, _edges(clean))
    tasks["swap"] = lambda clean, _: (clean, np.ascontiguousarray(clean[..., ::-1]))
    tasks["negative"] = lambda clean, _: (clean, 255 - clean)
    found = []
    for name, make in tasks.items():
        pairs = [
            make(clean, np.random.default_rng([number, 7]))
            for number, clean in enumerate([*shown, *asked])
        ]
        found.append(Exam(name, pairs[: len(shown)], pairs[len(shown) :]))
    return found


def _spoilt(spoil: Degradation, clean: np.ndarray, random: np.random.Generator) -> Pair:
    return spoil(clean, random), clean


def _edges(clean: np.ndarray) -> np.ndarray:
    values = torch.from_numpy(clean).permute(2, 0, 1)[None].float()
    return edge_picture(values)[0].permute(1, 2, 0).numpy().astype(np.uint8)


def _real_noise(root: Path, count: int) -> list[Exam]:
    name = "restore_realnoise"
    pairs = PackedPictures(root / name, name)
    keys = [row["id"] for row in pairs.rows if held_out(name, row["id"])]

    def read(key: str) -> Pair:
        return pairs.picture("noisy", key), pairs.picture("clean", key)

    # The first of each scene is shown; none of them is asked.
    firsts = [k for n, k in enumerate(keys) if noise_group(k) not in map(noise_group, keys[:n])]
    asked = [key for key in keys if key not in firsts][:count]
    return [Exam("real noise", [read(k) for k in firsts], [read(k) for k in asked])]


def _coarse(root: Path, count: int) -> list[Exam]:
    pairs = PackedPictures(root / "restore_sr_x4", "restore_sr_x4")

    def read(key: str) -> Pair:
        large = pairs.picture("hr", key)
        small = Image.fromarray(pairs.picture("lr", key))
        size = (large.shape[1], large.shape[0])
        return np.array(small.resize(size, Image.Resampling.BICUBIC)), large

    keys = [row["id"] for row in pairs.rows]
    shown = [key for key in keys if key.startswith("BSD")][-PROMPTS:]
    asked = [key for key in keys if key not in shown][:count]
    return [Exam("upscale-x4", [read(k) for k in shown], [read(k) for k in asked], "y")]


def _mask(labels: np.ndarray, value: int) -> np.ndarray:
    return np.repeat(np.where(labels == value, 255, 0).astype(np.uint8)[..., None], 3, axis=-1)


def _voc(root: Path, count: int) -> list[Exam]:
    """Take the fixed development episodes, as many of each class."""
    voc = PackedFolder(root / "pascal_voc", "pascal_voc")
    lines = [list(row.values()) for row in voc.table("episodes_dev.csv")]
    by_class: dict[str, list[list[str]]] = {}
    for line in lines:
        by_class.setdefault(line[2], []).append(line)
    each = max(1, count // len(by_class))
    chosen = [line for some in by_class.values() for line in some[:each]]

    def read(key: str, value: int) -> tuple[Pair, np.ndarray]:
        labels = packed.labels(voc.read(f"masks/{key}"))
        return (voc.image(key), _mask(labels, value)), labels != 255

    prompts, queries, valid = [], [], []
    for _, value, _, query, supports in chosen:
        prompts.append(read(supports.split()[0], int(value))[0])
        pair, counted = read(query, int(value))
        queries.append(pair)
        valid.append(counted)
    return [Exam("voc dev", prompts, queries, "mask", [line[2] for line in chosen], valid)]


def _masks(root: Path, count: int) -> list[Exam]:
    """Pair held-out pictures that show one class."""
    found = []
    for of in SETS:
        if of.folder in ("pascal_voc", "magnetic_tile"):
            continue
        read = packed.read_labelled(root, of, False)
        shown: dict[str, list[tuple[Labelled, int]]] = {}
        for one in read:
            areas = np.bincount(one.labels.reshape(-1), minlength=256)
            for value in range(1, 255):
                if areas[value] >= max(50, 2 * of.least * one.labels.size):
                    shown.setdefault(f"{one.group}{value}", []).append((one, value))
        random = np.random.default_rng(11)
        classes = sorted(name for name, some in shown.items() if len(some) > 1)
        exam = Exam(of.folder, [], [], "mask", [], [])
        for number in range(count if classes else 0):
            name = classes[number % len(classes)]
            one, other = random.choice(len(shown[name]), 2, replace=False)
            (first, value), (second, _) = shown[name][one], shown[name][other]
            exam.prompts.append((first.picture, _mask(first.labels, value)))
            exam.queries.append((second.picture, _mask(second.labels, value)))
            assert exam.groups is not None
            assert exam.valid is not None
            exam.groups.append(name)
            exam.valid.append(second.labels != 255)
        if exam.queries:
            found.append(exam)
    return found


def _drawn(count: int) -> Exam:
    """Mark the shapes of one colour in drawings that were not trained on."""
    prompts, queries = [], []
    for number in range(count):
        drawings = (draw(np.random.default_rng([number, seed, 99]), 128) for seed in count_up())
        pairs: list[Pair] = []
        colour = ""
        while len(pairs) < 2:
            drawing = next(drawings)
            colour = colour or drawing.things[0].colour
            wanted = [n for n, thing in enumerate(drawing.things, 1) if thing.colour == colour]
            mask = np.isin(drawing.labels, wanted).astype(np.uint8)
            if mask.sum() >= 50:
                pairs.append((drawing.picture, _mask(mask, 1)))
        prompts.append(pairs[0])
        queries.append(pairs[1])
    return Exam("drawn, by colour", prompts, queries, "mask")
