"""A video of any length is followed in the same memory."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import icl_core as icl
from icl_core.sources.episodes import LazyList

FULL = 20
"""Frames after which every memory is full; that of SAM 2 points back 16 frames."""
LENGTH = 28


@pytest.fixture(scope="module")
def options(
    segic_stand_in: Path,
    dcsam_stand_in: dict[str, Path],
    video_tensors: dict[str, Tensor],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, dict[str, Any]]:
    film = tmp_path_factory.mktemp("film") / "best_model.pt"
    torch.save({f"module.{name}": tensor for name, tensor in video_tensors.items()}, film)
    return {
        "correspondence": {"image_size": 64},
        "segic": {"weights": segic_stand_in, "batch_size": 2},
        "dcsam": dict(dcsam_stand_in),
        "dcsam, SAM 2": {"weights": film},
    }


def frame(number: int) -> np.ndarray:
    picture = np.random.default_rng(number).integers(90, 130, (48, 64, 3), dtype=np.uint8)
    picture[10:30, number % 40 : number % 40 + 20] = (200, 40, 40)
    return picture


@pytest.mark.parametrize("name", ["correspondence", "segic", "dcsam", "dcsam, SAM 2"])
def test_nothing_is_kept_of_earlier_frames(name: str, options: dict[str, dict[str, Any]]) -> None:
    learner = icl.load(name.split(",")[0], device="cpu", **options[name])
    mask = np.zeros((48, 64), bool)
    mask[10:30, :20] = True
    prepared = learner.prepare([(frame(0), mask)])
    arrays: list[weakref.ref[np.ndarray]] = []
    alive: list[int] = []
    tensors: list[int] = []

    def read(number: int) -> np.ndarray:
        shown = frame(number)
        arrays.append(weakref.ref(shown))
        return shown

    for answer in prepared.follow(icl.Video(LazyList(range(LENGTH), read))):
        arrays.append(weakref.ref(answer.logits))
        alive.append(sum(one() is not None for one in arrays))
        if len(alive) in (FULL, LENGTH - 2):
            gc.collect()
            tensors.append(sum(x.nbytes for x in gc.get_objects() if type(x) is Tensor))
    assert len(alive) == LENGTH and max(alive[3:]) <= 5
    assert tensors[0] == tensors[1]
