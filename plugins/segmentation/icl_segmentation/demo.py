"""The demo of this plugin: drawn scenes, one picture with its mask shown, the next one asked."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

import icl_core as icl
from icl_core.demo import DemoItem
from icl_core.results.draw import overlay, side_by_side
from icl_core.results.label_map import LabelMap, colour_of
from icl_segmentation.scenes import Scene, scenes

LEARNER, PEER = "segic", "correspondence"


def items() -> Iterator[DemoItem]:
    """Segment the drawn scenes, offline and with bundled weights, one item a scene."""
    learners = {name: icl.load(name, device="cpu") for name in (LEARNER, PEER)}
    for scene in scenes():
        masks = {name: _labels(learner, scene) for name, learner in learners.items()}
        found = masks[LEARNER]
        yield DemoItem(
            title=scene.title,
            text=(
                f"{scene.what} Left: the example with its mask. Middle: the query. Right: the "
                "query with the mask that was found. IoU is the overlap with the true mask, from "
                "0 to 1; copying the example's mask is the trivial answer."
            ),
            learner=LEARNER,
            command=_command(scene),
            svg_or_png=_picture(scene, found),
            mime="image/png",
            numbers={
                **{f"IoU of {n}": mean_iou(m, scene.query_labels) for n, m in masks.items()},
                "IoU of the copied mask": mean_iou(scene.example_labels, scene.query_labels),
            },
        )


def _labels(learner: icl.Learner, scene: Scene) -> np.ndarray:
    answer = icl.predict(learner, [icl.Example(scene.example, scene.example_labels)], scene.query)
    return answer.labels if isinstance(answer, LabelMap) else answer.mask.astype(np.int32)


def mean_iou(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean over the objects of the truth of intersection over union.

    Args:
        found: label map [H, W].
        truth: label map [H, W].
    """
    values = []
    for number in np.unique(truth[truth != 0]):
        one, other = found == number, truth == number
        values.append((one & other).sum() / (one | other).sum())
    return float(np.mean(values))


def _picture(scene: Scene, found: np.ndarray) -> bytes:
    """Return the row example, query, answer as PNG."""
    row = [
        _drawn(scene.example, scene.example_labels),
        scene.query,
        _drawn(scene.query, found),
    ]
    stream = io.BytesIO()
    Image.fromarray(side_by_side(row, height=scene.query.shape[0], gap=8)).save(stream, "PNG")
    return stream.getvalue()


def _drawn(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    for number in np.unique(labels[labels != 0]).tolist():
        image = overlay(image, labels == number, colour=colour_of(number + 2))
    return image


def _command(scene: Scene) -> str:
    """The command lines that draw the same pictures and segment them."""
    name = f"scenes/{scene.name}"
    return (
        "python -m icl_segmentation.scenes scenes\n"
        f"icl predict {LEARNER} --example {name}_example.png={name}_example_mask.png "
        f"--query {name}_query.png --out {scene.name}.png --overlay"
    )
