"""The answer of a linking learner."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from icl_core.errors import PluginError
from icl_core.results.prediction import Prediction, check_array
from icl_core.results.save import atomic_path, check_suffix, csv_cell, strict_json, write_json

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, eq=False, repr=False)
class Classification(Prediction):
    """Which of the context's labels the query has.

    Args:
        label: the answer.
        labels: [K], all labels there were to choose from, without repetition; may be empty for a
            learner that answers freely, else `label` is one of them.
        probabilities: float32 [K], in the order of `labels`, adding up to 1; None for a learner
            that gives none.
        answer: the learner's own words, unchanged.
        meta: how the answer came about.

    Raises:
        PluginError: a field has another type or shape, or the fields contradict each other.
    """

    label: str
    labels: tuple[str, ...] = ()
    probabilities: np.ndarray | None = None
    answer: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    suffixes: ClassVar[tuple[str, ...]] = (".json", ".csv")

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(self.labels))
        object.__setattr__(self, "meta", dict(self.meta))
        for name, words in (("label", (self.label,)), ("labels", self.labels)):
            for word in words:
                if not isinstance(word, str):
                    raise PluginError(
                        f"Classification.{name} holds {type(word).__name__}, expected str"
                    )
        if self.labels and self.label not in self.labels:
            raise PluginError(
                f"Classification.label is {self.label!r:.80}, expected one of "
                f"{len(self.labels)} labels: {', '.join(self.labels)[:200]}"
            )
        if len(set(self.labels)) != len(self.labels):
            raise PluginError(f"Classification.labels repeat: {', '.join(self.labels)[:200]}")
        if self.probabilities is not None:
            self._check_probabilities(self.probabilities)

    def _check_probabilities(self, values: np.ndarray) -> None:
        check_array("Classification", "probabilities", values, np.float32, (len(self.labels),))
        total = float(values.sum(dtype=np.float64))
        # Values that are not finite fail this as well.
        if not (values >= 0).all() or not abs(total - 1) <= 1e-3:
            raise PluginError(
                f"Classification.probabilities add up to {total:g} from {values.min():g}, "
                "expected values of at least 0 that add up to 1"
            )

    def __repr__(self) -> str:
        chance = ""
        if self.probabilities is not None:
            chance = f", p={self.probabilities[self.labels.index(self.label)]:.3g}"
        return f"Classification({self.label!r:.60} of {len(self.labels)} labels{chance})"

    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write a `.json`, or a `.csv` with one row a label. See `Prediction.save`."""
        if check_suffix(path, self.suffixes) == ".json":
            return write_json(path, self.to_dict(), overwrite)
        with atomic_path(path, overwrite) as temporary:
            with temporary.open("w", newline="", encoding="utf-8") as file:
                table = csv.writer(file, lineterminator="\n")
                table.writerow(["label", "probability", "predicted"])
                for label, probability in self._rows():
                    shown = "" if probability is None else repr(round(probability, 7))
                    table.writerow([csv_cell(label), shown, int(label == self.label)])
        return Path(path)

    def plot(self, path: str | Path | None = None, *, overwrite: bool = False) -> Image.Image:
        """Draw one bar a label, the most probable first; write it to `path` where one is given."""
        from icl_core.results.draw import bars, finish

        rows = sorted(self._rows(), key=lambda row: -(row[1] or 0.0))
        return finish(bars(rows, chosen=self.label), path, overwrite)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as strict JSON data."""
        return {
            "type": "classification",
            "label": self.label,
            "labels": list(self.labels),
            "probabilities": strict_json(self.probabilities),
            "answer": self.answer,
            "meta": strict_json(self.meta),
        }

    def _rows(self) -> list[tuple[str, float | None]]:
        if self.probabilities is None:
            return [(label, None) for label in self.labels or (self.label,)]
        return list(zip(self.labels, self.probabilities.tolist(), strict=True))
