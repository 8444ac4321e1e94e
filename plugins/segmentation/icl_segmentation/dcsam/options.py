"""The options that `icl.load("dcsam", ...)` takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from icl_core import InputError
from icl_segmentation.confidence import Calibration
from icl_segmentation.dcsam.pipeline import SHOTS


@dataclass(frozen=True)
class Options:
    """The options of `icl.load`; the card says what each does."""

    sam_weights: str | Path | None = None
    sam_type: str | None = None
    backbone_weights: str | Path | None = None
    shots: str = "concatenate"
    paper_negative_branch: bool | None = None
    batch_leak: bool | None = None
    batch_size: int | None = None
    calibration: Calibration | Mapping[str, Any] | str | Path | bool | None = None

    def __post_init__(self) -> None:
        if self.shots not in SHOTS:
            raise InputError(f"shots is {self.shots!r}, expected one of {SHOTS}")
        for name in ("paper_negative_branch", "batch_leak"):
            if getattr(self, name) not in (True, False, None):
                raise InputError(f"{name} is {getattr(self, name)!r}, expected True or False")
        size = self.batch_size
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise InputError(f"batch_size is {size!r}, expected a whole number from 1")

    def curve(self, stored: Calibration | None) -> Calibration | None:
        """Return the calibration that was asked for, else the one beside the weights."""
        return stored if self.calibration is None else Calibration.read(self.calibration)
