"""The instances of Context is Key: a history, a text, a future, and how it is scored.

`read` takes the released file (one JSON object a line, plain or gzip) and the layout of the copy on
the Hugging Face hub (`ServiceNow/context-is-key`: Parquet files, alone or in a folder).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np

from icl_core.errors import InputError
from icl_core.types import Context, Episode, Horizon, Series
from icl_forecasting.cik.metric.target import RcrpsTarget

TEXT_FIELDS = (
    ("Background", "background"),
    ("Constraints", "constraints"),
    ("Scenario", "scenario"),
)
"""Heading and field of each part of the text, in the order of the official prompt."""


@dataclass(frozen=True, eq=False)
class Instance:
    """One forecasting problem.

    Args:
        name: the task's name.
        seed: number of the instance within its task, from 1.
        weight: what its task weighs; the weights of all 71 tasks add up to 21.
        context_sources: what kinds of text it has: "c_i", "c_h", "c_f", "c_cov", "c_causal".
        skills: what it asks of a forecaster, in words.
        background: what the series is; "" if there is none.
        scenario: what will happen.
        constraints: what has to hold.
        seasonal_period: steps in one season; -1 = none, or none that the history shows.
        history: float64 [T] with start and frequency; its name is the file's column.
        future: float64 [H], what came.
        history_stamps: `datetime64[ns]` [T].
        future_stamps: `datetime64[ns]` [H].
        target: the future and how a forecast of it is scored.
    """

    name: str
    seed: int
    weight: Fraction
    context_sources: tuple[str, ...]
    skills: tuple[str, ...]
    background: str
    scenario: str
    constraints: str
    seasonal_period: int
    history: Series
    future: np.ndarray
    history_stamps: np.ndarray
    future_stamps: np.ndarray
    target: RcrpsTarget

    @property
    def id(self) -> str:
        """What it is called: task and number."""
        return f"{self.name}/{self.seed}"

    @cached_property
    def text(self) -> str:
        """All of the text: a line `Heading: ...` for each field that is not empty."""
        parts = [(heading, getattr(self, field)) for heading, field in TEXT_FIELDS]
        return "\n".join(f"{heading}: {words}" for heading, words in parts if words)

    @property
    def context(self) -> Context:
        """History and text, as a learner is shown them."""
        return Context(history=self.history, text=self.text or None)

    def episode(self, text: bool | str = True) -> Episode:
        """Make the unit of evaluation; its meta is plain data, with the weight as text ("1/3").

        Args:
            text: False leaves the text out, to see what it is worth; other words take its place.
        """
        words = text if isinstance(text, str) else self.text if text else ""
        return Episode(
            Context(history=self.history, text=words or None),
            Horizon(len(self.future)),
            self.target,
            {
                "id": self.id,
                "name": self.name,
                "seed": self.seed,
                "weight": str(self.weight),
                "sources": self.context_sources,
                "skills": self.skills,
                "seasonality": max(self.seasonal_period, 1),
            },
        )

    def __repr__(self) -> str:
        return f"Instance({self.id}, {len(self.history)} steps, {len(self.future)} to forecast)"


def read(path: str | Path) -> list[Instance]:
    """Read instances, in the order of the file.

    Args:
        path: JSON lines (`.jsonl`, `.json`, with or without `.gz`), a `.parquet` file, or a folder
            with such files; in a folder Parquet files go before JSON lines, both by name.

    Raises:
        InputError: there is no file, or a row is not as described; the sentence names file and
            line (of a Parquet file: row, from 1).
    """
    from icl_forecasting.cik.rows import read_rows, to_instance

    seen: dict[tuple[str, int], str] = {}
    found = []
    for where, row in read_rows(Path(path)):
        instance = to_instance(row, where)
        key = (instance.name, instance.seed)
        if key in seen:
            raise InputError(f"{where} has {instance.id} once more; it was at {seen[key]} before")
        seen[key] = where
        found.append(instance)
    if not found:
        raise InputError(f"{path} has no instance, expected one JSON object a line")
    return found
