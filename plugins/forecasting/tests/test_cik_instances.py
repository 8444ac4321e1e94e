"""Instances of Context is Key: every layout and spelling, and sentences for broken rows."""

from __future__ import annotations

import gzip
import json
import math
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from icl_core.coerce.series import time_index
from icl_core.errors import InputError
from icl_forecasting.cik import instances
from icl_forecasting.cik.columns import step_alias
from icl_forecasting.cik.sources import cik

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "cik" / "cik_dev.jsonl.gz"
needs_data = pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is not here")


def row(**changes):
    """A made-up row of the released layout."""
    stamps = [f"2021-03-0{day}T00:00:00.000" for day in range(1, 9)]
    base = {
        "name": "WaterLevel",
        "seed": 1,
        "weight": "1/3",
        "context_sources": ["c_f", "c_cov"],
        "skills": ["forecasting", "instruction following"],
        "background": "Water level of a reservoir, in metres.",
        "scenario": "The gates stay open on 7 March.",
        "constraints": "",
        "seasonal_period": -1,
        "past_time": json.dumps({"level": dict(zip(stamps[:5], range(5), strict=True))}),
        "future_time": json.dumps({"level": dict(zip(stamps[5:], [1.5, 2, 3], strict=True))}),
        "metric_scaling": 0.5,
        "region_of_interest": [1],
        "constraint_min": 0.0,
        "constraint_max": None,
        "constraint_variable_max_index": [0, 2],
        "constraint_variable_max_values": [4, 5.5],
    }
    return {**base, **changes}


def written(folder, *rows, name="some.jsonl"):
    path = folder / name
    text = "\n".join(json.dumps(one) for one in rows) + "\n"
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def test_a_row_becomes_an_instance(tmp_path):
    (one,) = instances.read(written(tmp_path, row()))
    assert (one.name, one.seed, one.weight, one.id) == (
        "WaterLevel",
        1,
        Fraction(1, 3),
        "WaterLevel/1",
    )
    assert one.context_sources == ("c_f", "c_cov") and one.seasonal_period == -1
    assert one.history.name == "level" and one.history.freq == "D"
    assert (
        one.history.start == np.datetime64("2021-03-01") and one.history.values.dtype == np.float64
    )
    np.testing.assert_array_equal(one.future, [1.5, 2, 3])
    np.testing.assert_array_equal(time_index(one.history, 3), one.future_stamps)
    assert one.future_stamps.dtype == "datetime64[ns]" and len(one.history_stamps) == 5
    assert (one.target.lower, one.target.upper, one.target.scaling) == (0.0, math.inf, 0.5)
    assert one.target.region_steps == (1,)
    assert (one.target.upper_steps, one.target.upper_values) == ((0, 2), (4.0, 5.5))
    assert one.text == (
        "Background: Water level of a reservoir, in metres.\n"
        "Scenario: The gates stay open on 7 March."
    )


def test_an_episode_holds_what_learner_and_metric_need(tmp_path):
    (one,) = instances.read(written(tmp_path, row()))
    episode = one.episode()
    assert episode.context.text == one.text and episode.context.history is one.history
    assert episode.query.length == 3 and episode.target is one.target
    assert json.loads(json.dumps(dict(episode.meta)))["weight"] == "1/3"
    assert episode.meta["id"] == "WaterLevel/1" and episode.meta["seasonality"] == 1
    assert one.episode(text=False).context.text is None
    assert one.episode(text="other words").context.text == "other words"
    (silent,) = instances.read(written(tmp_path, row(background="", scenario=""), name="b.jsonl"))
    assert silent.text == "" and silent.context.text is None


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "gzip_without_suffix.jsonl"])
def test_plain_and_gzip_files_are_told_apart_by_content(tmp_path, name):
    path = written(tmp_path, row(), row(seed=2), name=name)
    if name.startswith("gzip"):
        path.write_bytes(gzip.compress(path.read_bytes()))
    assert [one.seed for one in instances.read(path)] == [1, 2]


def test_the_layout_of_the_hub_is_read(tmp_path):
    pytest.importorskip("pyarrow")
    import pyarrow
    import pyarrow.parquet

    rows = [
        row(constraint_min=-math.inf, constraint_max=math.inf),
        row(seed=2, constraint_max=9.0, region_of_interest=[]),
    ]
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "test-00000-of-00001.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    for path in (tmp_path, file):
        first, second = instances.read(path)
        assert (first.target.lower, first.target.upper) == (-math.inf, math.inf)
        assert (second.target.upper, second.target.region_steps) == (9.0, ())
        assert first.history.freq == "D" and first.weight == Fraction(1, 3)


@pytest.mark.parametrize(
    ("stamps", "freq", "start"),
    [
        (["2020-11", "2020-12", "2021-01", "2021-02"], "MS", "2020-11-01"),
        (["2020-01-01T10:00", "2020-01-01T10:10", "2020-01-01T10:20", "2020-01-01T10:30"],
         "10min", "2020-01-01T10:00"),
        (["1970-01-01T05:00:01.000", "1970-01-01T05:00:02.000", "1970-01-01T05:00:03.000",
          "1970-01-01T05:00:04.000"], "s", "1970-01-01T05:00:01"),
        (["2020-02-01T00:00:00.000", "2020-03-01T00:00:00.000", "2020-04-01T00:00:00.000",
          "2020-05-01T00:00:00.000"], "MS", "2020-02-01"),
        (["2020-02-01 00:00:00", "2020-02-01 03:00:00", "2020-02-01 06:00:00",
          "2020-02-01 09:00:00"], "3h", "2020-02-01"),
        (["2020-02-01", "2020-02-02", "2020-02-03", "2020-02-05"], None, "2020-02-01"),
    ],
)  # fmt: skip
def test_every_spelling_of_time_is_read(tmp_path, stamps, freq, start):
    past, future = dict.fromkeys(stamps[:2], 1), dict.fromkeys(stamps[2:], 2)
    one = row(
        past_time=json.dumps({"0": past}), future_time=json.dumps({"0": future}),
        region_of_interest=[], constraint_variable_max_index=[], constraint_variable_max_values=[],
    )  # fmt: skip
    (found,) = instances.read(written(tmp_path, one))
    assert (found.history.freq, found.history.start) == (freq, np.datetime64(start))
    if freq is not None:
        np.testing.assert_array_equal(time_index(found.history, 2), found.future_stamps)


def test_steps_of_all_lengths_have_a_name():
    def alias(start, *steps):
        stamps = [np.datetime64(start, "ns")]
        for step in steps:
            stamps.append(stamps[-1] + step)
        return step_alias(np.array(stamps))

    assert alias("2021-01-05") is None
    assert alias("2021-01-05", np.timedelta64(7, "D"), np.timedelta64(7, "D")) == "7D"
    assert alias("2021-01-05", np.timedelta64(30, "D")) == "30D"
    assert alias("2021-04-01", np.timedelta64(30, "D")) == "MS"
    assert alias("2021-01-01", np.timedelta64(365, "D"), np.timedelta64(365, "D")) == "YS"
    assert alias("2021-01-01", np.timedelta64(250, "ms")) == "250ms"


def test_the_last_column_counts_and_gaps_in_the_past_are_missing_values(tmp_path):
    past = {"other": {"2021-01": 7}, "mine": {"2021-01": None, "2021-02": 2.5}}
    future = {"other": {"2021-03": 7}, "mine": {"2021-03": 1.0, "2021-04": 2.0, "2021-05": 0.5}}
    (one,) = instances.read(
        written(tmp_path, row(past_time=json.dumps(past), future_time=json.dumps(future)))
    )
    assert one.history.name == "mine"
    np.testing.assert_array_equal(one.history.values, [np.nan, 2.5])


LATE = json.dumps({"level": {"2021-03-02T00:00": 1.0}})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weight": "one third"}, "weight is 'one third', expected a fraction such as '1/3'"),
        ({"weight": "1/0"}, "weight is '1/0'"),
        ({"weight": "1e99999999"}, "weight is '1e99999999'"),
        ({"weight": "0"}, "expected more than 0"),
        ({"seed": "1"}, "seed is '1', expected a whole number"),
        ({"seasonal_period": 0}, "seasonal_period is 0"),
        ({"background": 3}, "background is 3, expected text"),
        ({"name": ""}, "name is empty"),
        ({"skills": "maths"}, "skills is 'maths', expected a list of text"),
        ({"past_time": "{"}, "past_time is text that is no JSON"),
        ({"past_time": "[]"}, "past_time is []"),
        ({"past_time": '{"a": {}}'}, "past_time has nothing in its column 'a'"),
        ({"past_time": '{"a": {"May 2021": 1}}'}, "time stamp 'May 2021'"),
        ({"past_time": '{"a": {"2021-02-31": 1}}'}, "a time stamp that is no moment"),
        ({"past_time": '{"a": {"0999-02": 1}}'}, "expected a year from 1700"),
        ({"past_time": '{"a": {"2021-02": 1, "2021-02": 2}}'}, "'2021-02' is there twice"),
        ({"past_time": '{"a": {"2021-02": "high"}}'}, "past_time has 'high' at 2021-02"),
        ({"past_time": '{"a": {"2021-02": 1e999}}'}, "past_time has inf at 2021-02"),
        ({"past_time": '{"a": {"2021-02": null}}'}, "past_time has no number at all"),
        ({"future_time": '{"a": {"2022-02": null}}'}, "future_time has no number at 2022-02"),
        ({"future_time": LATE}, "expected history and future in order of time"),
        ({"metric_scaling": 0}, "scaling is 0.0, expected a number above 0"),
        ({"metric_scaling": None}, "metric_scaling is None"),
        ({"constraint_min": math.nan}, "constraint_min is nan"),
        ({"constraint_min": math.inf}, "constraint_min is inf, which no value can keep to"),
        ({"constraint_max": -1.0}, "the limits are 0.0 to -1.0"),
        ({"region_of_interest": [3]}, "region has the step 3, expected 0 to 2"),
        ({"region_of_interest": [0, 1, 2]}, "the region of interest is all 3 steps"),
        ({"region_of_interest": [1.5]}, "region_of_interest is [1.5]"),
        ({"constraint_variable_max_values": [4]}, "2 steps with a limit of their own and 1 limits"),
    ],
)  # fmt: skip
def test_a_broken_row_is_one_sentence_with_its_line(tmp_path, changes, words):
    path = written(tmp_path, row(seed=7), row(**changes))
    with pytest.raises(InputError) as caught:
        instances.read(path)
    assert words in caught.value.message
    assert caught.value.message.startswith("some.jsonl, line 2: ")
    assert "\n" not in caught.value.message and len(caught.value.message) < 300


def test_a_missing_field_a_double_instance_and_a_broken_line_are_named(tmp_path):
    short = row()
    del short["skills"]
    with pytest.raises(InputError, match=r"line 1: the field 'skills' is missing"):
        instances.read(written(tmp_path, short))
    with pytest.raises(InputError, match=r"line 2 has WaterLevel/1 once more; .*line 1"):
        instances.read(written(tmp_path, row(), row()))
    path = tmp_path / "bad.jsonl"
    for content, words in (
        (b"\n\n[1]\n", "bad.jsonl, line 3 is a list"),
        (b"{\n", "bad.jsonl, line 1 is no JSON"),
        (b'{"a": "\xff"}\n', "bad.jsonl, line 1 is no UTF-8: byte 7"),
        (b"\n", "has no instance"),
        (b"[" * 100_000, "bad.jsonl, line 1 is no JSON"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=words):
            instances.read(path)


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        instances.read(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="neither Parquet files nor JSON lines"):
        instances.read(tmp_path)
    packed = tmp_path / "half.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(row()).encode())[:-20])
    with pytest.raises(InputError, match="damaged gzip"):
        instances.read(packed)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        instances.read(tmp_path / "x.parquet")


def test_the_source_lists_episodes_and_knows_its_data(tmp_path):
    path = written(
        tmp_path, row(), row(seed=2), row(name="Other", past_time=LATE.replace("02T", "01T"))
    )
    episodes = cik(path)
    assert [one.meta["id"] for one in episodes] == ["WaterLevel/1", "WaterLevel/2", "Other/1"]
    assert [one.meta["id"] for one in cik(path, per_task=1)] == ["WaterLevel/1", "Other/1"]
    assert len(cik(path, tasks=["Other"])) == 1
    assert cik(path, text=False)[0].context.text is None
    assert episodes.digest() == cik(path).digest() != cik(path, per_task=1).digest()
    assert episodes.digest() != cik(path, text=False).digest()
    changed = written(tmp_path, row(scenario="All gates stay shut."), name="changed.jsonl")
    assert cik(changed).digest() != cik(path, per_task=1, tasks=["WaterLevel"]).digest()
    with pytest.raises(InputError, match="no task 'Third'"):
        cik(path, tasks=["Third"])
    with pytest.raises(InputError, match="per_task is 0"):
        cik(path, per_task=0)


def test_the_package_is_light():
    code = (
        "import sys, icl_forecasting.cik as cik; cik.instances.read; cik.rcrps; "
        "print(sorted({'torch', 'pandas', 'pyarrow', 'scipy'} & set(sys.modules)), "
        "type(cik.instances).__name__, callable(cik.rcrps))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[0] == "[] module True"


@needs_data
def test_the_development_file_is_read_whole():
    found = instances.read(DATA)
    assert len(found) == 195 and len({one.name for one in found}) == 39
    weights = {one.name: one.weight for one in found}
    assert sum(weights.values()) == Fraction(491, 48)
    for one in found:
        np.testing.assert_array_equal(time_index(one.history, len(one.future)), one.future_stamps)
        assert one.text and np.isfinite(one.history.values).all()
    assert len(cik(DATA.parent)) == 195
