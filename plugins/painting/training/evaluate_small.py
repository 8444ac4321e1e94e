"""Measure the small Painter on held-out pictures, with intervals and controls.

    python evaluate_small.py --data DATA/vision --weights RUN/weights.safetensors --out scores.json

For each task: the query as it is (repairs, PSNR in dB) or the prompt's mask copied (masks, IoU in
percent), the answer to the right prompt, to a grey prompt and to a prompt of another task, and
answers without learning. Intervals are 95 % bootstraps over pictures. Controls are asked of half of
the pictures; the difference is of the same pictures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from canvases.baselines import (
    curves_applied,
    dct_denoised,
    filtered_by_pair,
    holes_filled,
    means_denoised,
)
from canvases.exams import TRANSFER, Exam, Pair, exams
from PIL import Image

import icl_core as icl
from icl_painting.metrics.restoration import psnr

Scores = dict[str, Any]

METHODS = (
    "filter of the pair",
    "DCT",
    "non-local means",
    "curves of the pair",
    "mean of neighbours",
)
"""Answers without learning, as they are called in the scores."""


def score(exam: Exam, number: int, answer: np.ndarray) -> float:
    """Return the PSNR of an answer, or its IoU in percent."""
    truth = exam.queries[number][1]
    if exam.kind != "mask":
        return psnr(answer, truth, "y" if exam.kind == "y" else "rgb")
    if answer.shape != truth.shape:
        answer = np.array(Image.fromarray(answer).resize(truth.shape[1::-1]))
    found, right = answer.mean(-1) > 127, truth[..., 0] > 127
    if exam.valid is not None:
        found, right = (mask[exam.valid[number]] for mask in (found, right))
    union = float((found | right).sum())
    return 100 * float((found & right).sum()) / union if union else 100.0


def interval(values: Sequence[float]) -> list[float]:
    """Return mean and 95 % bootstrap interval over pictures."""
    array = np.asarray(values)
    draws = np.random.default_rng(0).integers(len(array), size=(2000, len(array)))
    low, high = np.percentile(array[draws].mean(axis=1), [2.5, 97.5])
    return [round(float(value), 2) for value in (array.mean(), low, high)]


def answers(learner: Any, exam: Exam, prompts: Sequence[Pair], every: int = 1) -> dict[int, float]:
    """Answer queries with prompts, each prepared once; return the scores by number of query."""
    found = {}
    # Drawn, since prompts and classes take turns.
    order = np.random.default_rng(3).permutation(len(exam.queries)).tolist()
    asked = sorted(order[:: max(1, every)])
    for place, prompt in enumerate(prompts):
        numbers = [n for n in asked if n % len(prompts) == place]
        if numbers:
            prepared = learner.prepare([icl.Example(*prompt)])
            queries = [exam.queries[n][0] for n in numbers]
            for number, answer in zip(numbers, prepared.predict(queries), strict=True):
                found[number] = score(exam, number, answer.image)
    return found


def measure(learner: Any, exam: Exam, other: Exam, every: int) -> Scores:
    """Measure one task."""
    grey = np.full((128, 128, 3), 128, np.uint8)
    right = answers(learner, exam, exam.prompts)
    row: Scores = {
        "task": exam.name,
        "pictures": len(exam.queries),
        "scale": "IoU" if exam.kind == "mask" else "dB",
        "trained": exam.name not in TRANSFER,
        "answer": interval([right[n] for n in sorted(right)]),
    }
    copied = [
        score(exam, n, exam.prompts[n % len(exam.prompts)][1] if exam.kind == "mask" else query[0])
        for n, query in enumerate(exam.queries)
    ]
    row["copy" if exam.kind == "mask" else "input"] = interval(copied)
    row["gain"] = interval([right[n] - copied[n] for n in sorted(right)])
    for name, prompts in {"grey": [(grey, grey)], "other": other.prompts[:1]}.items():
        wrong = answers(learner, exam, prompts, every)
        row[f"{name} prompt"] = interval(list(wrong.values()))
        row[f"right minus {name}"] = interval([right[n] - wrong[n] for n in wrong])
    for name, method in _methods(exam).items():
        found = [
            score(exam, n, method(exam.prompts[n % len(exam.prompts)], query[0]))
            for n, query in enumerate(exam.queries)
        ]
        row[name] = interval(found)
        row[f"answer minus {name}"] = interval([right[n] - found[n] for n in sorted(right)])
    return row


def _methods(exam: Exam) -> dict[str, Callable[[Pair, np.ndarray], np.ndarray]]:
    """Return answers without learning, by name, from the prompt and the query."""
    if exam.kind == "mask":
        return {}
    methods: dict[str, Callable[[Pair, np.ndarray], np.ndarray]] = {
        "filter of the pair": filtered_by_pair
    }
    if exam.name == "low-light":
        methods["curves of the pair"] = curves_applied
    if exam.name == "inpaint":
        methods["mean of neighbours"] = lambda _, picture: holes_filled(picture)
    if exam.name.startswith("denoise-"):
        sigma = float(exam.name.split("-")[1])
        methods["DCT"] = lambda _, picture: dct_denoised(picture, sigma)
        methods["non-local means"] = lambda _, picture: means_denoised(picture, sigma)
    return methods


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure the small Painter.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", default="bundled")
    parser.add_argument("--out", type=Path, help="JSON file")
    parser.add_argument("--pictures", type=int, default=40, help="of each task")
    parser.add_argument("--every", type=int, default=2, help="controls: of one in so many")
    parser.add_argument("--task", action="append", help="only these; once for each")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args(arguments)
    learner = icl.load("painter", weights=options.weights, device=options.device)
    listed = exams(options.data, options.pictures)
    by_name = {exam.name: exam for exam in listed}
    rows = []
    for exam in listed:
        if options.task and exam.name not in options.task:
            continue
        other = by_name["edges" if exam.name != "edges" else "denoise-50"]
        row = measure(learner, exam, other, options.every)
        rows.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
        if options.out:
            options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows))
    return 0


def table(rows: Sequence[Scores]) -> str:
    """Return the scores as a table in Markdown."""
    lines = [
        "| task | scale | input or copy | answer | gain | right minus grey | right minus other "
        "| without learning |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            f"{row['task']}{'' if row['trained'] else ' (not trained)'}",
            row["scale"],
            _cell(row.get("input", row.get("copy"))),
            _cell(row["answer"]),
            _cell(row["gain"]),
            _cell(row["right minus grey"]),
            _cell(row["right minus other"]),
            "; ".join(f"{name} {_cell(row[name])}" for name in METHODS if name in row),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(values: Sequence[float]) -> str:
    return f"{values[0]:.1f} [{values[1]:.1f}, {values[2]:.1f}]"


if __name__ == "__main__":
    raise SystemExit(main())
