"""Results in the folders of the official repository: `family/model/task/seed/`.

Each folder holds text files: `evaluation`, a Python dict literal with the record of the metric;
`context`, the text that was shown; `extra_info`, what else the forecaster tells; and `error` where
it failed. Numbers are written as plain floats, which the official readers understand.
"""

from __future__ import annotations

import ast
import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_core.results.save import atomic_path, csv_cell
from icl_forecasting.cik.aggregate import Outcome
from icl_forecasting.cik.instances import Instance
from icl_forecasting.cik.metric import RECORD_NAMES

TABLE_COLUMNS = (
    "model",
    "use_context",
    "task",
    "instance",
    "task_weight",
    "rcrps",
    "rcrps_variance",
    "scaling",
    "crps",
    "crps_in_region",
    "crps_outside_region",
    "constraint_penalty",
)
"""Columns of the published table of instances; scores are before the cap."""

_RECORD_COLUMNS = (
    "metric",
    "variance",
    "scaling",
    "crps",
    "roi_crps",
    "non_roi_crps",
    "violation_crps",
)


@dataclass(frozen=True)
class Stored:
    """One result folder.

    Args:
        family: kind of model.
        model: name of the model.
        task: name of the task.
        seed: number of the instance.
        record: of the metric; None where the forecaster failed.
        error: what it said then.
    """

    family: str
    model: str
    task: str
    seed: int
    record: dict[str, float] | None
    error: str | None = None

    @property
    def outcome(self) -> Outcome:
        """The score alone, as `aggregate` takes it."""
        record = self.record or {}
        metric = record.get("metric", math.nan)
        return Outcome(self.task, self.seed, metric, record.get("variance", -1.0))


def write(
    root: str | Path,
    family: str,
    model: str,
    instance: Instance,
    record: Mapping[str, float] | None,
    error: str | None = None,
    *,
    context: str | None = None,
    extra_info: Mapping[str, Any] | None = None,
) -> Path:
    """Write the result of one instance; an earlier one is replaced.

    Each file is written whole or not at all, `evaluation` last: a folder that has it is complete.

    Args:
        root: folder of all results; it is made if need be.
        family: kind of model, one part of a path.
        model: name of the model, one part of a path.
        instance: which.
        record: of `rcrps`; None = it failed.
        error: what went wrong then.
        context: the text that was shown, as the forecaster got it; None = the instance's text.
        extra_info: plain data, such as times and counts.

    Returns:
        The folder.

    Raises:
        InputError: a name is no single part of a path, or the place cannot be written.
    """
    folder = Path(root)
    for part in (family, model, instance.name, str(instance.seed)):
        folder /= _one_part(part)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in ("error", "evaluation"):
            (folder / stale).unlink(missing_ok=True)
    except OSError as failure:
        raise InputError(f"cannot write to {folder}: {failure.strerror}") from failure
    _write_text(folder / "context", instance.text if context is None else context)
    _write_text(folder / "extra_info", repr(_plain(dict(extra_info or {}))))
    if record is None:
        _write_text(folder / "error", error or "no usable answer")
    else:
        known = {name: record[name] for name in RECORD_NAMES if name in record}
        _write_text(folder / "evaluation", repr(_plain(known)))
    return folder


def read(root: str | Path) -> Iterator[Stored]:
    """Read all results below a folder, sorted by path.

    Records with `np.float64(...)` and other wrapped numbers, as the official writer emits under
    NumPy 2, are read too; the official readers skip them silently.

    Raises:
        InputError: there is no such folder, or a file is damaged.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(
            f"{root} is no folder of results, expected family/model/task/seed below it"
        )
    for folder in sorted(path for path in root.glob("*/*/*/*") if path.is_dir()):
        family, model, task, seed = folder.relative_to(root).parts
        if not seed.isdigit():
            continue
        evaluation, error = folder / "evaluation", folder / "error"
        if evaluation.is_file():
            yield Stored(family, model, task, int(seed), _read_record(evaluation))
        elif error.is_file():
            message = error.read_text(encoding="utf-8", errors="replace")
            yield Stored(family, model, task, int(seed), None, message)


def write_table(
    path: str | Path,
    rows: Iterable[tuple[str, bool, Instance, Mapping[str, float] | None]],
    overwrite: bool = False,
) -> Path:
    """Write the published table of instances as CSV; see `TABLE_COLUMNS`.

    Args:
        path: ends in `.csv`.
        rows: model, whether it saw the text, instance, record; without a record cells are empty.
        overwrite: whether an existing file may be replaced.
    """
    with (
        atomic_path(path, overwrite, suffixes=(".csv",)) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(TABLE_COLUMNS)
        for model, with_text, one, record in rows:
            numbers: Sequence[Any] = [(record or {}).get(name) for name in _RECORD_COLUMNS]
            known: list[Any] = [model, with_text, one.name, one.seed, str(one.weight)]
            table.writerow(csv_cell(_plain(value)) for value in [*known, *numbers])
    return Path(path)


def _one_part(part: str) -> str:
    if not part or part in (".", "..") or any(mark in part for mark in "/\\\0:"):
        raise InputError(f"{part!r} cannot name a folder, expected a single part of a path")
    return part


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    """Turn NumPy numbers into Python's, also inside of containers."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _read_record(path: Path) -> dict[str, float]:
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        if not isinstance(tree, ast.Dict):
            raise ValueError("no dict")
        return {
            str(ast.literal_eval(key)): _number(value)
            for key, value in zip(tree.keys, tree.values, strict=True)
            if key is not None
        }
    except (ValueError, KeyError, SyntaxError, RecursionError, MemoryError) as error:
        raise InputError(f"{path} is no record of the metric: {str(error)[:120]}") from error


def _number(node: ast.expr) -> float:
    """Read a number, `nan`, `inf` or one of these inside of a call such as `np.float64(...)`."""
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        return _number(node.args[0])
    if isinstance(node, ast.Name | ast.Attribute):
        name = node.id if isinstance(node, ast.Name) else node.attr
        return float({"nan": "nan", "inf": "inf", "Infinity": "inf", "NaN": "nan"}[name])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(node.operand)
    value = ast.literal_eval(node)
    if isinstance(value, str):
        return float(value)
    if not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number")
    return value
