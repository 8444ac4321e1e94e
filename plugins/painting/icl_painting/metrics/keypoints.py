"""Object keypoint similarity (OKS) of people, and the average precision that COCO takes from it.

With d the distance of a found from a true keypoint in pixels, A the area of the person and k twice
the spread of that keypoint among annotators:

    OKS = mean over labelled keypoints of exp(-d^2 / (2 A k^2))

OKS itself is computed here. The precision of a set (AP, AP50, AP75, AR) is that of pycocotools,
which the extra `icl-painting[keypoints]` brings. Before it, as in the released evaluation: the
score of a person is that of its box times the mean score of the keypoints above 0.2, and of people
in a picture who are nearly the same the best one is kept.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from icl_core.errors import InputError, MissingExtraError
from icl_painting.tasks.keypoints import JOINTS, SPREADS, Crop, suppress_poses

SEEN = 0.2
"""Keypoints with a higher score count in the score of a person."""

Row = tuple[Mapping[str, float], Mapping[str, Any]]
"""The numbers of one episode, and the episode's meta."""

_NAMES = ("ap", "ap50", "ap75", "ap_medium", "ap_large", "ar", "ar50", "ar75")


def oks(found: Any, truth: Any, area: float, sigmas: np.ndarray = SPREADS) -> float:
    """Object keypoint similarity of one person.

    Args:
        found: float [K, 2 or 3], x and y in pixels.
        truth: float [K, 3], x, y and 0 = not labelled, 1 = hidden, 2 = seen; with [K, 2] all count.
        area: of the person in pixels.
        sigmas: float [K].

    Returns:
        OKS in [0, 1]; NaN where no keypoint is labelled.

    Raises:
        InputError: the sizes do not fit, or the area is not above 0.
    """
    points, true = np.asarray(found, np.float64), np.asarray(truth, np.float64)
    count = len(sigmas)
    for name, values in (("keypoints", points), ("true keypoints", true)):
        if values.ndim != 2 or len(values) != count or values.shape[1] not in (2, 3):
            raise InputError(f"the {name} are {list(values.shape)}, expected [{count}, 3]")
    if not area > 0:
        raise InputError(f"the area of the person is {area}, expected above 0")
    labelled = true[:, 2] > 0 if true.shape[1] == 3 else np.ones(count, bool)
    if not labelled.any():
        return math.nan
    apart = ((points[:, :2] - true[:, :2]) ** 2).sum(axis=1)
    near = np.exp(-apart / (2 * area * (2 * sigmas) ** 2))
    return float(near[labelled].mean())


class KeypointOks:
    """OKS of single people, and AP of a set of crops.

    Meta of an episode: `crop`, the part (left, top, width, height) of the picture that the query
    shows, and `crop_size`, the query's height and width; `area` of the person where the target is
    known. For AP: `annotations`, the COCO file; `image_id`; `score` of the box; `image_ids`, the
    pictures that are evaluated, without it those that occur.
    """

    def __call__(
        self, prediction: Any, target: Any = None, meta: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Note the keypoints of one answer, and compare them where the truth is known.

        Args:
            prediction: `Keypoints`, or float [17, 3]: x and y in pixels of the query and a score.
            target: float [17, 3] in pixels of the whole picture, with visibility; or None.
            meta: the episode's meta.

        Returns:
            `x_k`, `y_k` and `score_k` of keypoint k in the picture, and `oks` with a target.

        Raises:
            InputError: the keypoints have another form.
        """
        known = meta or {}
        points = prediction
        if hasattr(prediction, "points"):
            points = np.column_stack([prediction.points, prediction.scores])
        points = np.asarray(points, np.float64)
        if points.shape != (JOINTS, 3):
            raise InputError(f"the keypoints are {list(points.shape)}, expected [{JOINTS}, 3]")
        if "crop" in known:
            places = Crop(*known["crop"]).to_picture(points[:, :2], known["crop_size"])
            points = np.concatenate([places, points[:, 2:]], axis=1)
        numbers: dict[str, float] = {}
        for place, (x, y, score) in enumerate(points.tolist()):
            numbers |= {f"x_{place}": x, f"y_{place}": y, f"score_{place}": score}
        if target is not None:
            value = oks(points, target, float(known["area"]))
            if not math.isnan(value):
                numbers["oks"] = value
        return numbers

    def aggregate(self, rows: Iterable[Row]) -> dict[str, float]:
        """Score a set from its rows: AP and AR, per cent, and the mean `oks` of known people.

        Raises:
            MissingExtraError: the rows name an annotation file and pycocotools is not installed.
        """
        found: list[dict[str, Any]] = []
        values: list[float] = []
        file, pictures = None, None
        for numbers, meta in rows:
            if "oks" in numbers:
                values.append(numbers["oks"])
            if "annotations" in meta:
                file, pictures = meta["annotations"], meta.get("image_ids")
                found.append(_answer(numbers, meta))
        scores = {"oks": 100 * sum(values) / len(values)} if values else {}
        if file is not None:
            results = _results(found)
            scores |= _average_precision(str(file), results, pictures)
        return scores


def _answer(numbers: Mapping[str, float], meta: Mapping[str, Any]) -> dict[str, Any]:
    kinds = ("x", "y", "score")
    points = np.array([[numbers[f"{kind}_{k}"] for kind in kinds] for k in range(JOINTS)])
    seen = points[points[:, 2] > SEEN, 2]
    _, _, width, height = meta["crop"]
    return {
        "image_id": meta["image_id"],
        "points": points,
        "area": width * height,
        "score": float(meta.get("score", 1.0)) * (float(seen.mean()) if len(seen) else 0.0),
    }


def _results(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what is left of the answers as results in COCO's form."""
    by_image: dict[Any, list[dict[str, Any]]] = {}
    for answer in found:
        by_image.setdefault(answer["image_id"], []).append(answer)
    results = []
    for image_id, people in by_image.items():
        # All keypoints count here; those that are hardly seen only lower the score above.
        kept = suppress_poses(
            np.stack([one["points"] for one in people]),
            np.array([one["score"] for one in people]),
            np.array([one["area"] for one in people]),
            visibility=-math.inf,
        )
        results += [
            {
                "image_id": image_id,
                "category_id": 1,
                "keypoints": people[place]["points"].ravel().tolist(),
                "score": people[place]["score"],
            }
            for place in kept.tolist()
        ]
    return results


def _average_precision(
    file: str, results: list[dict[str, Any]], pictures: Iterable[Any] | None
) -> dict[str, float]:
    try:
        from pycocotools.coco import COCO  # type: ignore[import-untyped]
        from pycocotools.cocoeval import COCOeval  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError(
            "the average precision of keypoints needs pycocotools",
            "pip install 'icl-painting[keypoints]'",
        ) from error
    # pycocotools tells its progress on standard output, where the answers of a program belong.
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(file)
        evaluation = COCOeval(truth, truth.loadRes(results), "keypoints")
        chosen = {one["image_id"] for one in results} if pictures is None else pictures
        evaluation.params.imgIds = sorted(chosen)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {n: 100 * float(v) for n, v in zip(_NAMES, evaluation.stats[:8], strict=True)}


keypoint_oks = KeypointOks()
