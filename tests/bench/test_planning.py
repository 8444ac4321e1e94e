"""What of a suite is run: where its data is, which learner meets which set, what is probed."""

import pytest

from icl_bench.planning import plan, plan_probes, plan_selections, probe_items
from icl_bench.sets import data_folder, place_of
from icl_bench.suite import LearnerItem, Suite
from icl_core.errors import InputError
from icl_core.types import Task

# Where the data is.


def test_the_data_folder_is_given_or_that_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("ICL_DATA", raising=False)
    assert data_folder() is None
    monkeypatch.setenv("ICL_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    (tmp_path / "own").mkdir()
    assert data_folder(tmp_path / "own") == tmp_path / "own"
    with pytest.raises(InputError, match="is not there"):
        data_folder(tmp_path / "none")


def test_a_set_without_its_data_is_skipped_with_the_reason(tmp_path, suite):
    colours, files = suite().sets
    assert place_of(colours, None) == (None, "")
    assert "--data" in place_of(files, None)[1]
    assert str(tmp_path / "toys") in place_of(files, tmp_path)[1]
    (tmp_path / "toys").mkdir()
    assert place_of(files, tmp_path) == (tmp_path / "toys", "")


# What is planned.


def test_the_baseline_is_run_first_and_each_learner_is_loaded_once(suite):
    learners = {"linking": ["toy-nearest", {"name": "toy-nearest", "label": "again"}]}
    found = plan(suite(learners=learners))
    titles = [(one.learner.title, one.item.name) for one in found]
    assert titles == [
        (learner, name)
        for learner in ("toy-first", "toy-nearest", "again")
        for name in ("colours", "files")
    ]
    assert [one.is_baseline for one in found] == [True, True, False, False, False, False]
    chosen = plan(suite(learners=learners), learners=["again"], sets=["colours"])
    assert [one.learner.title for one in chosen] == ["toy-first", "again"]


def test_a_probe_has_no_more_shots_than_there_are_and_the_unchanged_set_once(toy_plugin, suite):
    probes = [{"set": "colours", "options": {"shots": 2}, "limit": 5}]
    found = plan_probes(suite(probes=probes))
    names = [one.probe.name for one in found]
    assert names == ["shots", "order", "wrong-context", "label-noise", "distractors"]
    assert [level.name for level in found[0].levels] == ["0 shots", "1 shots", "2 shots"]
    assert all(trial.change for trial in found[0].trials)
    unchanged = {repr(one.trials[0]) for one in found[1:]}
    assert len(unchanged) == 1 and not found[1].trials[0].change
    assert found[1].trials[0].source.title == "colours (shots=2)"
    assert found[1].trials[0].source.limit == 5
    named = [{"set": "colours", "probes": ["order", "wrong-text"]}]
    assert [one.probe.name for one in plan_probes(suite(probes=named))] == ["order"]


def test_a_task_without_probes_gets_all_of_them(suite):
    assert [item.set for item in probe_items(suite(), Task.LINKING, None)] == ["colours", "files"]
    assert [item.set for item in probe_items(suite(), Task.LINKING, ["files"])] == ["files"]
    assert probe_items(suite(), Task.PAINTING, None) == ()


def test_learners_are_added_once(described, suite):
    more = suite().with_learners(
        [(Task.LINKING, LearnerItem(name=name)) for name in ("toy-nearest", "toy-weighty")]
    )
    assert more.titles() == ["toy-first", "toy-nearest", "toy-weighty"]
    value = described()
    value["sets"][0]["learners"] = [{"name": "toy-nearest", "label": "own"}]
    own = Suite.model_validate(value).with_learners(
        [(Task.LINKING, LearnerItem(name="toy-weighty"))]
    )
    assert [one.title for one in own.learners_of(own.sets[0])] == ["own", "toy-weighty"]
    both = Suite.model_validate(value).merged(own)
    assert [one.title for one in both.learners_of(both.sets[0])] == ["own", "toy-weighty"]
    assert [one.title for one in both.learners_of(both.sets[1])] == ["toy-nearest", "toy-weighty"]


def test_random_is_always_among_the_selectors_and_a_set_without_any_stays_as_it_was(suite):
    sets = [{"name": "colours", "task": "linking", "source": "toy-colours"}]
    assert plan_selections(suite(sets=sets)) == []
    selectors = ["nearest", {"name": "ideal", "k": 3, "label": "influence"}]
    pool = {"options": {"shots": 4}, "limit": 5}
    more = [{**sets[0], "selectors": selectors, "budget": 2, "pool": pool}]
    (one,) = plan_selections(suite(sets=more))
    assert [s.title for s in one.selectors] == ["random", "nearest", "influence"]
    assert [dict(trial.change) for trial in one.trials] == [
        {"selector": "random", "budget": 2},
        {"selector": "nearest", "budget": 2},
        {"selector": "ideal", "budget": 2, "k": 3},
    ]
    source = one.trials[0].source
    assert (source.title, source.limit) == ("colours (shots=4)", 5)
    assert one.asked.baseline.source == source and not one.asked.baseline.change
    before, after = plan(suite(sets=sets)), plan(suite(sets=more))
    assert [one.trial for one in before] == [one.trial for one in after]
    assert plan_selections(suite(sets=more), learners=["toy-first"]) == []
    nobody = [{**more[0], "pool": {"learners": ["somebody"]}}]
    assert plan_selections(suite(sets=nobody)) == []
