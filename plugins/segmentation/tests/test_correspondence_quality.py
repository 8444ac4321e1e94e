"""What `correspondence` reaches on real pictures without any weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import icl_core as icl
from icl_core import catalogue
from icl_segmentation.metrics import class_mean_iou

VISION = Path(__file__).resolve().parents[4] / "shared" / "data" / "vision"


@pytest.mark.parametrize("name", ["eth80", "wbc", "neu-steel", "davis2016-val"])
def test_real_pictures_beat_copying_the_mask(name: str) -> None:
    folder = VISION / name.replace("-", "_")
    if not folder.is_dir():
        pytest.skip(f"the set {name} (../shared/data/vision) is not here")
    options: dict[str, Any] = {"as_video": False} if name.startswith("davis") else {}
    episodes = catalogue.resolve("icl_episode_sources", name)(folder, episodes=5, **options)
    learner = icl.load("correspondence", image_size=128)
    found, copied = [], []
    for episode, answer in zip(episodes, learner.predict_episodes(episodes, 2), strict=True):
        shown = Image.fromarray(episode.context.examples[0].output)
        copy = np.array(shown.resize(episode.target.shape[::-1], Image.Resampling.NEAREST))
        found.append((class_mean_iou(answer, episode.target, episode.meta), episode.meta))
        copied.append((class_mean_iou(copy, episode.target, episode.meta), episode.meta))
    reached, trivial = (class_mean_iou.aggregate(rows)["miou"] for rows in (found, copied))
    assert reached > trivial + 5
