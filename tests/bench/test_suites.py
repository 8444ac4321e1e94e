"""Suites: those that come with icl, and what is refused."""

import json

import pytest

from icl_bench.suite import read_suite, suites
from icl_core import catalogue
from icl_core.errors import InputError, UnknownNameError
from icl_core.types import Task

NAMES = [name for name, _ in suites()]


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


# The suites that come with icl.


def test_there_are_four_suites_in_the_order_of_their_size():
    assert NAMES == ["smoke", "quick", "standard", "published"]
    assert all("\n" not in summary for _, summary in suites())


@pytest.mark.parametrize("name", NAMES)
def test_a_suite_names_what_there_is(name):
    found = read_suite(name)
    assert found.name == name
    names = {
        hook: {entry.name for entry in catalogue.entries(hook)}
        for hook in ("icl_learners", "icl_episode_sources", "icl_metrics")
    }
    for item in found.sets:
        assert item.source in names["icl_episode_sources"], item.source
        assert item.metric in names["icl_metrics"], item.metric
        base = [] if item.baseline is None else [item.baseline]
        assert found.learners_of(item)
        for one in (*base, *found.learners_of(item)):
            assert one.name in names["icl_learners"], one.name


@pytest.mark.parametrize("name", [n for n in NAMES if n != "published"])
def test_all_tasks_are_there_each_with_its_trivial_baseline(name):
    found = read_suite(name)
    assert {item.task for item in found.sets} == set(Task)
    trivial = {"copy-mask", "unchanged", "prior-label", "seasonal-naive"}
    assert {item.baseline.name for item in found.sets} == trivial
    assert {found.item(probe.set).task for probe in found.probes} >= set(Task) - {Task.SEGMENTATION}


def test_smoke_needs_no_data_for_any_task():
    found = read_suite("smoke")
    assert {item.task for item in found.sets if item.folder is None} == set(Task)


def test_published_numbers_stand_beside_ours_with_their_source():
    found = read_suite("published")
    assert all(item.published and item.published.source for item in found.sets)
    beside = {
        one.title
        for item in found.sets
        for one in found.learners_of(item)
        if one.title in item.published.values
    }
    assert {"segic", "seggpt", "painter", "tirex", "lcl, mix", "lcl, 2-way-weight"} <= beside


# What is refused.


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"lerners": {}}, "lerners is no known key, did you mean 'learners'"),
        ({"name": "Toys and more"}, "name is 'Toys and more'"),
        ({"version": 0}, "version is 0"),
        ({"sets": []}, "sets"),
        ({"learners": {"cooking": ["pan"]}}, "learners.cooking"),
        ({"defaults": {"cooking": {}}}, "defaults names the task 'cooking'"),
        ({"probes": [{"set": "colours", "probes": ["order", "taste"]}]}, "no probe 'taste'"),
        ({"probes": [{"set": "tastes"}]}, "names the set 'tastes'"),
        ({"probes": [{"set": "colours"}, {"set": "colours"}]}, "a probe is there twice"),
        ({"learners": {"linking": ["toy-nearest", "toy-nearest"]}}, "two learners of the set"),
        ({"learners": {"linking": [{"name": "toy-first", "weights": "x"}]}}, "two learners"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_bad_suites_are_refused_with_a_sentence(tmp_path, change, sentence, described):
    path = written(tmp_path / "bad.yaml", json.dumps(described(**change)))
    with pytest.raises(InputError) as found:
        read_suite(path)
    assert sentence in str(found.value) and str(path) in str(found.value)
    assert "pydantic" not in str(found.value) and "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"metrc": "x"}, "sets.0.metrc is no known key, did you mean 'metric'"),
        ({"folder": "/etc"}, "inside the data folder"),
        ({"folder": "../up"}, "inside the data folder"),
        ({"limit": 0}, "sets.0.limit is 0"),
        ({"published": {"toy-nearest": 1.0}}, "source is missing"),
        ({"published": {"source": "s", "toy-nearest": "much"}}, "toy-nearest is 'much'"),
        ({"name": "files"}, "two sets are called 'files'"),
        ({"task": None}, "sets.0.task"),
        ({"selectors": ["nearest"]}, "selectors need a budget"),
        ({"budget": 2}, "budget is for selectors"),
        ({"pool": {"limit": 2}}, "pool is for selectors"),
        ({"selectors": ["neerest"], "budget": 1}, "sets.0.selectors.0.name is 'neerest': there is"),
        ({"selectors": [{"name": "mfl", "k": 3}], "budget": 1}, "mfl takes no k"),
        ({"selectors": [{"nam": "mfl"}], "budget": 1}, "nam is no known key, did you mean 'name'"),
        ({"selectors": ["mfl", "MFL"], "budget": 1}, "the selector 'mfl' is there twice"),
        ({"selectors": ["mfl"], "budget": 0}, "sets.0.budget is 0"),
        ({"selectors": ["mfl"], "budget": 1, "pool": {"shots": 2}}, "pool.shots is no known key"),
        (
            {
                "selectors": ["mfl"],
                "budget": 1,
                "task": "forecasting",
                "metric": "m",
                "number": "n",
                "perfect": 1,
            },
            "no examples to select from",
        ),
    ],
    ids=str,
)
def test_bad_sets_are_refused_with_a_sentence(tmp_path, change, sentence, described):
    value = described()
    value["sets"][0] |= change
    path = written(tmp_path / "bad.yaml", json.dumps(value))
    with pytest.raises(InputError) as found:
        read_suite(path)
    assert sentence in str(found.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name: [", "cannot be read as YAML"),
        ("- a\n- b\n", "holds a list"),
        ("name: toys\nname: toys\n", "the key 'name' is there twice"),
        ("!!python/object/apply:os.system ['true']", "cannot be read as YAML"),
    ],
)
def test_files_that_are_no_suite_are_refused(tmp_path, text, sentence):
    with pytest.raises(InputError, match=sentence):
        read_suite(written(tmp_path / "bad.yaml", text))


def test_an_unknown_suite_is_named_with_the_closest_one(tmp_path):
    with pytest.raises(UnknownNameError) as found:
        read_suite("quik")
    assert "did you mean quick?" in found.value.hint
    with pytest.raises(InputError, match="is not there"):
        read_suite(tmp_path / "none.yaml")


def test_defaults_fill_what_a_set_does_not_say(suite):
    item = suite(sets=[{"name": "a", "task": "linking", "source": "s", "number": "other"}]).sets[0]
    assert (item.metric, item.number, item.baseline.name) == ("toy-right", "other", "toy-first")
