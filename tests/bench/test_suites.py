"""Suites and campaigns: what is refused, what is planned, and what is read again from a folder."""

import json
import math
import shutil
from pathlib import Path

import pytest

from icl_bench.campaign import Campaign
from icl_bench.planning import plan, plan_probes, probe_items
from icl_bench.sets import data_folder, place_of
from icl_bench.suite import LearnerItem, Suite, read_suite, suites
from icl_core import catalogue, plugins
from icl_core.errors import InputError, UnknownNameError
from icl_core.evaluation import RunOptions, Store, Watcher
from icl_core.types import Task

TOYS = Path(__file__).parents[1] / "plugin_package" / "icl_toys"
NAMES = [name for name, _ in suites()]
ENTRY = "[icl]\ntoys = icl_toys\n"


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """The plugin of toys, as if it was installed."""
    site = tmp_path / "site"
    shutil.copytree(TOYS, site / "icl_toys", ignore=shutil.ignore_patterns("__pycache__"))
    info = site / "icl_toys-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: icl-toys\nVersion: 1\n")
    (info / "entry_points.txt").write_text(ENTRY)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("ICL_OFFLINE", "1")
    monkeypatch.delenv("ICL_DATA", raising=False)
    plugins.discover(refresh=True)
    yield site
    monkeypatch.undo()
    plugins.discover(refresh=True)


def described(**parts):
    value = {
        "name": "toys",
        "version": 1,
        "summary": "Toys.",
        "learners": {"linking": ["toy-nearest"]},
        "defaults": {
            "linking": {
                "metric": "toy-right",
                "number": "right",
                "perfect": 1,
                "baseline": "toy-first",
            }
        },
        "sets": [
            {"name": "colours", "task": "linking", "source": "toy-colours"},
            {"name": "files", "task": "linking", "source": "toy-folder", "folder": "toys"},
        ],
    }
    return {**value, **parts}


def suite(**parts):
    return Suite.model_validate(described(**parts))


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
def test_bad_suites_are_refused_with_a_sentence(tmp_path, change, sentence):
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
    ],
    ids=str,
)
def test_bad_sets_are_refused_with_a_sentence(tmp_path, change, sentence):
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


def test_defaults_fill_what_a_set_does_not_say():
    item = suite(sets=[{"name": "a", "task": "linking", "source": "s", "number": "other"}]).sets[0]
    assert (item.metric, item.number, item.baseline.name) == ("toy-right", "other", "toy-first")


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


def test_a_set_without_its_data_is_skipped_with_the_reason(tmp_path):
    colours, files = suite().sets
    assert place_of(colours, None) == (None, "")
    assert "--data" in place_of(files, None)[1]
    assert str(tmp_path / "toys") in place_of(files, tmp_path)[1]
    (tmp_path / "toys").mkdir()
    assert place_of(files, tmp_path) == (tmp_path / "toys", "")


# What is planned.


def test_the_baseline_is_run_first_and_each_learner_is_loaded_once():
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


def test_a_probe_has_no_more_shots_than_there_are_and_the_unchanged_set_once(toys):
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


def test_a_task_without_probes_gets_all_of_them():
    assert [item.set for item in probe_items(suite(), Task.LINKING, None)] == ["colours", "files"]
    assert [item.set for item in probe_items(suite(), Task.LINKING, ["files"])] == ["files"]
    assert probe_items(suite(), Task.PAINTING, None) == ()


def test_learners_are_added_once():
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


# Campaigns.


def test_a_campaign_is_read_again_from_its_folder_alone(toys, tmp_path):
    published = {"source": "a paper", "toy-nearest": 0.9, "theirs": 0.5}
    value = described()
    value["sets"][0]["published"] = published
    campaign = Campaign.create(Suite.model_validate(value), tmp_path / "out")
    outcome = campaign.run()
    assert campaign.exit_code(outcome) == 0
    again = Campaign.open(tmp_path / "out")
    assert repr(again.table()) == repr(campaign.table())
    first, nearest, *skipped = again.table()
    assert first.baseline and not nearest.baseline
    assert nearest.score.value == 1.0 and nearest.skill.value == 1.0
    assert first.skill.value == 0.0 and 0 < first.score.value < 1
    assert (nearest.episodes, nearest.failures, nearest.expected) == (12, 0, 12)
    assert nearest.seconds > 0 and math.isnan(nearest.numbers["missing"])
    assert (nearest.published, nearest.source) == (0.9, "a paper")
    assert [(one.learner, one.value) for one in again.published()] == [
        ("toy-nearest", 0.9),
        ("theirs", 0.5),
    ]
    assert [one.skipped for one in skipped] == [True, True]
    assert "--data" in skipped[0].missing
    facts = json.loads((tmp_path / "out" / "campaign.json").read_text())
    assert facts["versions"]["icl-toys"] == "1" and facts["data"] is None
    assert str(tmp_path) not in json.dumps(facts)


def test_data_that_comes_later_is_run_then(toys, tmp_path):
    Campaign.create(suite(), tmp_path / "out").run()
    folder = tmp_path / "data" / "toys"
    folder.mkdir(parents=True)
    (folder / "toys.txt").write_text("toys")
    campaign = Campaign.create(suite(), tmp_path / "out", tmp_path / "data")

    class Told(Watcher):
        titles = ()

        def advanced(self, trial, rows, seconds):
            self.titles = (*self.titles, trial.title)

    told = Told()
    campaign.run(watcher=told)
    assert told.titles == ("toy-first on files", "toy-nearest on files")
    assert [one.skipped for one in campaign.table()] == [False] * 4


def test_probes_tell_a_learner_that_reads_its_context_from_one_that_does_not(toys, tmp_path):
    learners = {"linking": ["toy-nearest", {"name": "toy-first", "label": "blind"}]}
    probes = [{"set": "colours", "options": {"shots": 4}, "limit": 8}]
    campaign = Campaign.create(suite(learners=learners, probes=probes), tmp_path / "out")
    outcome = campaign.run()
    found = {(one.learner, one.probe): one for one in campaign.probe_results()}
    assert set(found) == {
        (learner, probe)
        for learner in ("toy-nearest", "blind")
        for probe in ("shots", "order", "wrong-context", "label-noise", "distractors")
    }
    wrong = found["toy-nearest", "wrong-context"]
    assert [(name, one.value) for _, name, one in wrong.points] == [("right", 1.0), ("wrong", 0.0)]
    assert wrong.unit == "skill" and wrong.number.value > 1 and wrong.episodes == 8
    assert wrong.number.low <= wrong.number.value <= wrong.number.high
    assert found["toy-nearest", "order"].number.value == 0.0
    shots = found["toy-nearest", "shots"]
    assert shots.curve and shots.number.value == 0.0
    assert [name for _, name, _ in shots.points] == ["1 shots", "2 shots", "4 shots"]
    assert "no example" in shots.unanswered["0 shots"]
    assert found["blind", "distractors"].number.value == 0.0
    # No examples at all is no failure of the run.
    assert outcome.failures > 0 and campaign.exit_code(outcome) == 0
    assert repr(Campaign.open(tmp_path / "out").probe_results()) == repr(campaign.probe_results())


def test_a_set_without_a_baseline_has_scores_and_no_skill(toys, tmp_path):
    value = described(probes=[{"set": "colours", "probes": ["wrong-context"]}])
    value["sets"] = [{**value["sets"][0], "baseline": None}]
    campaign = Campaign.create(Suite.model_validate(value), tmp_path / "out")
    campaign.run()
    (one,) = campaign.table()
    assert one.score.value == 1.0 and math.isnan(one.skill.value)
    (probe,) = campaign.probe_results()
    assert (probe.number.value, probe.unit) == (1.0, "right")


def test_failures_and_missing_learners_are_partly_failed(toys, tmp_path):
    learners = {"linking": ["toy-weighty", {"name": "toy-nearest", "options": {"fail": 3}}]}
    campaign = Campaign.create(suite(learners=learners), tmp_path / "out", sets=["colours"])
    outcome = campaign.run()
    assert campaign.exit_code(outcome) == 3
    by_name = {one.learner: one for one in campaign.table()}
    assert "toy.ckpt" in by_name["toy-weighty"].missing and not by_name["toy-weighty"].skipped
    assert by_name["toy-nearest"].failures == 1 and by_name["toy-nearest"].episodes == 11


def test_nothing_that_could_run_is_no_success(toys, tmp_path):
    campaign = Campaign.create(suite(), tmp_path / "out", sets=["files"])
    assert campaign.exit_code(campaign.run()) == 3


def test_too_many_failures_stop_a_campaign(toys, tmp_path):
    learners = {"linking": [{"name": "toy-nearest", "options": {"fail": 3}}]}
    probes = [{"set": "colours"}]
    campaign = Campaign.create(suite(learners=learners, probes=probes), tmp_path / "out")
    outcome = campaign.run(RunOptions(batch_size=4, max_failures=0))
    assert outcome.stopped and campaign.exit_code(outcome) == 3
    assert campaign.probe_results() == []


def test_a_folder_of_something_else_is_refused(toys, tmp_path):
    out = tmp_path / "out"
    Campaign.create(suite(), out).run(RunOptions(limit=2))
    with pytest.raises(InputError, match="holds results of toys@1, and toys@2"):
        Campaign.create(suite(version=2), out)
    changed = described()
    changed["sets"][0]["options"] = {"count": 3}
    with pytest.raises(InputError, match="is not what it was"):
        Campaign.create(Suite.model_validate(changed), out)
    with pytest.raises(InputError, match="holds no campaign"):
        Campaign.open(tmp_path)
    with pytest.raises(InputError, match="holds files, and no campaign"):
        Campaign.create(suite(), toys)
    more = suite(learners={"linking": ["toy-weighty"]})
    kept = Campaign.create(more, out).suite
    assert kept.titles() == ["toy-first", "toy-weighty", "toy-nearest"]
    anew = Campaign.create(suite(version=2), out, overwrite=True)
    assert anew.table() == [] and not anew.store.exists()


def test_overwrite_leaves_other_files_alone(toys, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "results.sqlite").write_text("mine")
    with pytest.raises(InputError, match="holds files"):
        Campaign.create(suite(), out, overwrite=True)
    assert (out / "results.sqlite").read_text() == "mine"


def test_unknown_sets_and_engines_are_refused(toys, tmp_path):
    with pytest.raises(UnknownNameError, match="no set of the suite toys 'colour'"):
        Campaign.create(suite(), tmp_path / "out", sets=["colour"])
    with pytest.raises(InputError, match="engine is 'rai'"):
        Campaign.create(suite(), tmp_path / "out").run(engine="rai")


def test_a_metric_that_is_gone_is_said_and_no_traceback(toys, tmp_path):
    campaign = Campaign.create(suite(), tmp_path / "out", sets=["colours"])
    campaign.run()
    (toys / "icl_toys-1.dist-info" / "entry_points.txt").write_text("")
    plugins.discover(refresh=True)
    found = Campaign.open(tmp_path / "out").table()[1]
    assert "toy-right" in found.missing and math.isnan(found.score.value)


def test_the_same_run_gives_the_same_results(toys, tmp_path):
    dumps = []
    for name, size in (("a", 16), ("b", 5)):
        Campaign.create(suite(), tmp_path / name).run(RunOptions(batch_size=size))
        with Store(tmp_path / name / "results.sqlite") as store:
            dumps.append(store.dump())
    assert dumps[0] == dumps[1]


def test_the_page_of_results_has_scores_probes_and_speed(toys, tmp_path, capsys):
    from icl_bench.results_page import main

    learners = {"linking": ["toy-nearest", {"name": "toy-first", "label": "a|<b>"}]}
    probes = [{"set": "colours", "probes": ["wrong-context"]}]
    Campaign.create(suite(learners=learners, probes=probes), tmp_path / "all" / "quick").run()
    (tmp_path / "all" / "forecasting.md").write_text("# Warm calls\n\n| a | 3.1x |\n")
    (tmp_path / "all" / "linking.md").write_text("")
    out = tmp_path / "RESULTS.md"
    assert main([str(tmp_path / "all"), "--out", str(out)]) == 0
    text = out.read_text()
    assert "| colours | toy-nearest | right | 1 [1, 1] | 1 [1, 1] | 12 |" in text
    assert "not run: needs toys in a data folder" in text and "a\\|&lt;b>" in text
    assert "right: 1, wrong: 0" in text
    assert "### forecasting" in text and "### Warm calls" in text and "Failed" in text
    assert " cores, " in text and "numpy" in text
    assert main([str(tmp_path), "--out", str(out)]) == 2
    assert "holds no campaign" in capsys.readouterr().err
