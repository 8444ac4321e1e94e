"""Result folders, the published table, and the command that makes them."""

from __future__ import annotations

import ast
import csv
import json
import math

import numpy as np
import pytest

from icl_core.errors import InputError
from icl_core.learner import Learner, LoadOptions
from icl_core.registry import load_card
from icl_core.results import Forecast
from icl_forecasting.baselines.cards import BASELINE_CARDS
from icl_forecasting.cik import instances, results
from icl_forecasting.cik.metric import RECORD_NAMES, rcrps
from icl_forecasting.cik.scores import command
from icl_forecasting.cik.scores.run import Sampling, run_learner
from icl_forecasting.cik.scores.wordings import compare, read_wordings

CARDS = {card.name: card for card in BASELINE_CARDS}


def made_up(name, seed, sources, words):
    """A made-up instance whose future is what its text says: a number for all steps."""
    stamps = [f"2021-03-{day:02d}" for day in range(1, 18)]
    rng = np.random.default_rng(seed)
    return {
        "name": name, "seed": seed, "weight": "1/2", "context_sources": sources,
        "skills": ["forecasting"], "background": "", "scenario": words, "constraints": "",
        "seasonal_period": 7,
        "past_time": json.dumps({"y": dict(zip(stamps[:14], rng.normal(3, 1, 14), strict=True))}),
        "future_time": json.dumps({"y": dict.fromkeys(stamps[14:], 9.0)}),
        "metric_scaling": 0.1, "region_of_interest": [], "constraint_min": None,
        "constraint_max": 9.5, "constraint_variable_max_index": [],
        "constraint_variable_max_values": [],
    }  # fmt: skip


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "few.jsonl"
    rows = [
        made_up("Level", 1, ["c_f"], "It will be 9."),
        made_up("Level", 2, ["c_f"], "It will be 9."),
        made_up("Other", 1, ["c_f", "c_new"], "It will be nine."),
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


class Listener(Learner):
    """Believes a number in the text; without one it says 3."""

    predict_options = frozenset({"samples", "seed"})

    def _prepare(self, context):
        words = (context.text or "").replace(".", " ").split()
        if "crash" in words:
            raise InputError("these words cannot be read")
        return float(next((word for word in words if word.isdigit()), 3))

    def _predict(self, prepared, queries, **options):
        rng = np.random.default_rng(options["seed"])
        answers = []
        for query in queries:
            paths = prepared + 0.1 * rng.normal(size=(options["samples"], query.length))
            middle = np.full(query.length, prepared, np.float32)
            found = Forecast(middle[None], (0.5,), middle, samples=paths.astype(np.float32))
            answers.append(found)
        return answers


@pytest.fixture
def local_cards(monkeypatch):
    def load(name, weights=None, device="auto", dtype="auto", **options):
        if name == "listener":
            return Listener(CARDS["seasonal-naive"], LoadOptions())
        return load_card(CARDS[name], weights, device, dtype, options=options)

    monkeypatch.setattr(command, "load", load)


def test_folders_are_written_and_read_as_the_official_ones(tmp_path, file):
    one, other, _ = instances.read(file)
    record = rcrps(np.random.default_rng(0).normal(9, 1, (25, 3)), one)
    folder = results.write(
        tmp_path / "out", "icl", "mine", one, record, extra_info={"t": np.float64(1)}
    )
    results.write(tmp_path / "out", "icl", "mine", other, None, "it went wrong")
    assert folder == tmp_path / "out" / "icl" / "mine" / "Level" / "1"
    text = (folder / "evaluation").read_text()
    assert "np." not in text
    assert ast.literal_eval(text) == {name: record[name] for name in RECORD_NAMES}
    assert (folder / "context").read_text() == one.text
    assert ast.literal_eval((folder / "extra_info").read_text()) == {"t": 1.0}
    assert sorted(path.name for path in folder.iterdir()) == ["context", "evaluation", "extra_info"]
    good, bad = results.read(tmp_path / "out")
    assert (good.family, good.model, good.task, good.seed) == ("icl", "mine", "Level", 1)
    assert good.record == pytest.approx({name: record[name] for name in RECORD_NAMES})
    assert good.outcome.metric == record["metric"]
    assert (bad.record, bad.error) == (None, "it went wrong") and math.isnan(bad.outcome.metric)


def test_a_later_result_replaces_the_earlier_one(tmp_path, file):
    one = instances.read(file)[0]
    results.write(tmp_path, "icl", "mine", one, None, "it went wrong")
    results.write(tmp_path, "icl", "mine", one, {"metric": math.nan, "variance": np.float32(-1)})
    (found,) = results.read(tmp_path)
    assert math.isnan(found.record["metric"]) and found.record["variance"] == -1
    results.write(tmp_path, "icl", "mine", one, None, "again")
    assert [stored.error for stored in results.read(tmp_path)] == ["again"]


def test_records_that_the_official_readers_skip_are_read(tmp_path):
    folder = tmp_path / "f" / "m" / "Task" / "3"
    folder.mkdir(parents=True)
    (folder / "evaluation").write_text(
        "{'metric': np.float64(-0.25), 'scaling': numpy.float32(1e-05), 'variance': nan, "
        "'num_roi_timesteps': 4, 'crps': -inf}"
    )
    (found,) = results.read(tmp_path)
    assert found.record["metric"] == -0.25 and found.record["num_roi_timesteps"] == 4
    assert math.isnan(found.record["variance"]) and found.record["crps"] == -math.inf


@pytest.mark.parametrize(
    "text", ["", "[1]", "{'metric': what}", "{'metric': f(1, 2)}", "{'metric': 'a'}", "(" * 9999]
)
def test_records_that_are_none_are_refused_and_nothing_is_run(tmp_path, text):
    folder = tmp_path / "f" / "m" / "Task" / "3"
    folder.mkdir(parents=True)
    (folder / "evaluation").write_text(text)
    with pytest.raises(InputError, match="is no record of the metric"):
        list(results.read(tmp_path))


def test_names_that_leave_the_folder_are_refused(tmp_path, file):
    one = instances.read(file)[0]
    for part in ("..", "a/b", "", "c\\d"):
        with pytest.raises(InputError, match="a single part of a path"):
            results.write(tmp_path, "icl", part, one, None)
    with pytest.raises(InputError, match="no folder of results"):
        list(results.read(tmp_path / "none"))


def test_the_table_of_instances(tmp_path, file):
    one, other, _ = instances.read(file)
    record = rcrps(np.full((25, 3), 11.0), one)
    rows = [("=mine", True, one, record), ("=mine", True, other, None)]
    path = results.write_table(tmp_path / "t.csv", rows)
    head, first, second = list(csv.reader(path.read_text().splitlines()))
    assert tuple(head) == results.TABLE_COLUMNS
    assert first[:5] == ["'=mine", "True", "Level", "1", "1/2"]
    assert float(first[5]) == pytest.approx(0.2 + 10 * 0.15) and second[5:] == [""] * 7
    with pytest.raises(InputError, match="exists already"):
        results.write_table(path, [])


def test_the_command_prints_tables_and_writes_numbers(tmp_path, file, local_cards, capsys):
    out = tmp_path / "scores.json"
    arguments = [str(file), "--learner", "seasonal-naive", "--json", str(out), "--by-task"]
    assert command.main([*arguments, "--no-text", "--results", str(tmp_path / "r")]) == 0
    printed = capsys.readouterr().out
    assert "| all |" in printed and "| future |" in printed and "| c_new |" in printed
    assert "| Level | 1/2 |" in printed
    data = json.loads(out.read_text())
    assert data["overall"]["instances"] == 3 and data["overall"]["missing"] == 0
    assert data["notes"]["text"] is False and data["seconds_per_instance"] > 0
    assert len(list(results.read(tmp_path / "r"))) == 3
    assert (
        tmp_path / "r" / "icl" / "seasonal-naive-no-text" / "Level" / "1" / "context"
    ).read_text() == ""
    scores = [one["metric"] for one in data["instances"]]
    assert data["overall"]["rcrps"] == pytest.approx((np.mean(scores[:2]) + scores[2]) / 2)
    assert command.main([*arguments, "--no-text"]) == 1
    assert "is there already" in capsys.readouterr().err
    assert command.main([*arguments, "--no-text", "--overwrite"]) == 0
    assert json.loads(out.read_text())["instances"][0]["metric"] == scores[0]
    assert command.main([str(file), "--learner", "seasonal-naive", "--task", "None"]) == 1
    assert "no task of this file" in capsys.readouterr().err


def test_text_helps_who_listens_and_wordings_are_compared(tmp_path, file, local_cards, capsys):
    folder = tmp_path / "wordings"
    folder.mkdir()
    rows = [
        {"name": "Level", "seed": 1, "text": "Expect 9 throughout.", "family": "any"},
        {"name": "Level", "seed": 1, "text": "Expect nothing."},
        {"name": "Level", "seed": 2, "text": "It comes to 9."},
    ]
    (folder / "mine.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = tmp_path / "scores.json"
    arguments = [str(file), "--learner", "listener", "--rewordings", str(folder)]
    assert command.main([*arguments, "--json", str(out)]) == 0
    assert "| mine | 3 | 2 | 0.5" in capsys.readouterr().out
    (found,) = json.loads(out.read_text())["wordings"]
    assert found["without_text"] == pytest.approx(0.6, abs=0.02)
    assert found["original"] == pytest.approx(0, abs=0.01)
    assert found["gain_kept"] == pytest.approx(0.75, abs=0.02)


def test_a_failing_instance_counts_as_five_and_the_others_go_on(file):
    few = instances.read(file)
    learner = Listener(CARDS["seasonal-naive"], LoadOptions())
    found = run_learner(learner, few, texts=[True, "crash", False])
    assert [one.record is None for one in found] == [False, True, False]
    assert found[1].error == "these words cannot be read"
    assert math.isnan(found[1].outcome.metric)
    kept = compare("w", found[1:2], found[:2], found[:2])
    assert (kept.reworded.mean, kept.reworded.missing) == (5.0, 1) and math.isnan(kept.kept)


def test_samples_of_the_asked_kind_are_drawn_and_seasons_told(file):
    few = instances.read(file)
    learner = load_card(CARDS["seasonal-naive"])
    scores = {
        kind: [one.record["metric"] for one in run_learner(learner, few, sampling=Sampling(kind))]
        for kind in ("independent", "stratified")
    }
    assert scores["independent"] != scores["stratified"]
    again = run_learner(learner, few, batch_size=1)
    assert [one.record["metric"] for one in again] == pytest.approx(scores["independent"])
    listener = Listener(CARDS["seasonal-naive"], LoadOptions())
    (one,) = run_learner(listener, few[:1], sampling=Sampling("stratified", 9))
    assert one.record["crps"] == 0  # from its one quantile, not from its samples


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"name": "Level", "seed": 9, "text": "x"},
            "Level/9, which is no instance",
        ),
        ({"name": "Level", "seed": 1, "text": " "}, "line 1 has the text ' '"),
        ({"name": "Level", "seed": [1], "text": "x"}, "line 1 is about"),
    ],
)
def test_wordings_of_nothing_are_refused(tmp_path, file, row, words):
    folder = tmp_path / "wordings"
    folder.mkdir()
    with pytest.raises(InputError, match="has no wordings"):
        read_wordings(folder, instances.read(file))
    (folder / "a.jsonl").write_text(json.dumps(row))
    with pytest.raises(InputError, match=words):
        read_wordings(folder, instances.read(file))
