"""Campaigns: what they run, and what is read again from a folder."""

import json
import math

import pytest

from icl_bench.campaign import Campaign
from icl_bench.suite import Suite
from icl_core import plugins
from icl_core.errors import InputError, UnknownNameError
from icl_core.evaluation import RunOptions, Store, Watcher


def test_a_campaign_is_read_again_from_its_folder_alone(toy_plugin, tmp_path, described):
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


def test_data_that_comes_later_is_run_then(toy_plugin, tmp_path, suite):
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


def test_probes_tell_a_learner_that_reads_its_context_from_one_that_does_not(
    toy_plugin, tmp_path, suite
):
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


def test_a_set_without_a_baseline_has_scores_and_no_skill(toy_plugin, tmp_path, described):
    value = described(probes=[{"set": "colours", "probes": ["wrong-context"]}])
    value["sets"] = [{**value["sets"][0], "baseline": None}]
    campaign = Campaign.create(Suite.model_validate(value), tmp_path / "out")
    campaign.run()
    (one,) = campaign.table()
    assert one.score.value == 1.0 and math.isnan(one.skill.value)
    (probe,) = campaign.probe_results()
    assert (probe.number.value, probe.unit) == (1.0, "right")


def test_failures_and_missing_learners_are_partly_failed(toy_plugin, tmp_path, suite):
    learners = {"linking": ["toy-weighty", {"name": "toy-nearest", "options": {"fail": 3}}]}
    campaign = Campaign.create(suite(learners=learners), tmp_path / "out", sets=["colours"])
    outcome = campaign.run()
    assert campaign.exit_code(outcome) == 3
    by_name = {one.learner: one for one in campaign.table()}
    assert "toy.ckpt" in by_name["toy-weighty"].missing and not by_name["toy-weighty"].skipped
    assert by_name["toy-nearest"].failures == 1 and by_name["toy-nearest"].episodes == 11


def test_nothing_that_could_run_is_no_success(toy_plugin, tmp_path, suite):
    campaign = Campaign.create(suite(), tmp_path / "out", sets=["files"])
    assert campaign.exit_code(campaign.run()) == 3


def test_too_many_failures_stop_a_campaign(toy_plugin, tmp_path, suite):
    learners = {"linking": [{"name": "toy-nearest", "options": {"fail": 3}}]}
    probes = [{"set": "colours"}]
    campaign = Campaign.create(suite(learners=learners, probes=probes), tmp_path / "out")
    outcome = campaign.run(RunOptions(batch_size=4, max_failures=0))
    assert outcome.stopped and campaign.exit_code(outcome) == 3
    assert campaign.probe_results() == []


def test_a_folder_of_something_else_is_refused(toy_plugin, tmp_path, described, suite):
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
        Campaign.create(suite(), toy_plugin)
    more = suite(learners={"linking": ["toy-weighty"]})
    kept = Campaign.create(more, out).suite
    assert kept.titles() == ["toy-first", "toy-weighty", "toy-nearest"]
    anew = Campaign.create(suite(version=2), out, overwrite=True)
    assert anew.table() == [] and not anew.store.exists()


def test_overwrite_leaves_other_files_alone(toy_plugin, tmp_path, suite):
    out = tmp_path / "out"
    out.mkdir()
    (out / "results.sqlite").write_text("mine")
    with pytest.raises(InputError, match="holds files"):
        Campaign.create(suite(), out, overwrite=True)
    assert (out / "results.sqlite").read_text() == "mine"


def test_unknown_sets_and_engines_are_refused(toy_plugin, tmp_path, suite):
    with pytest.raises(UnknownNameError, match="no set of the suite toys 'colour'"):
        Campaign.create(suite(), tmp_path / "out", sets=["colour"])
    with pytest.raises(InputError, match="engine is 'rai'"):
        Campaign.create(suite(), tmp_path / "out").run(engine="rai")


def test_a_metric_that_is_gone_is_said_and_no_traceback(toy_plugin, tmp_path, suite):
    campaign = Campaign.create(suite(), tmp_path / "out", sets=["colours"])
    campaign.run()
    (toy_plugin / "icl_toys-1.dist-info" / "entry_points.txt").write_text("")
    plugins.discover(refresh=True)
    found = Campaign.open(tmp_path / "out").table()[1]
    assert "toy-right" in found.missing and math.isnan(found.score.value)


def test_the_same_run_gives_the_same_results(toy_plugin, tmp_path, suite):
    dumps = []
    sets = [SELECTING, {"name": "files", "task": "linking", "source": "toy-folder", "folder": "f"}]
    for name, size in (("a", 16), ("b", 5)):
        Campaign.create(suite(sets=sets), tmp_path / name).run(RunOptions(batch_size=size))
        with Store(tmp_path / name / "results.sqlite") as store:
            dumps.append(store.dump())
    assert dumps[0] == dumps[1] and len(dumps[0].splitlines()) == 12 * 7


SELECTING = {
    "name": "colours",
    "task": "linking",
    "source": "toy-colours",
    "selectors": ["nearest", "k-centre", "toy-brightest"],
    "budget": 1,
    "pool": {"options": {"shots": 5}},
}


def test_selectors_have_a_score_and_a_paired_gain_over_random(toy_plugin, tmp_path, suite):
    learners = {"linking": ["toy-nearest", {"name": "toy-first", "label": "blind"}]}
    campaign = Campaign.create(suite(learners=learners, sets=[SELECTING]), tmp_path / "out")
    outcome = campaign.run()
    assert campaign.exit_code(outcome) == 0 and outcome.failures == 0
    found = {one.learner: one for one in campaign.selection_results()}
    assert list(found) == ["toy-nearest", "blind"]
    one = found["toy-nearest"]
    assert [name for _, name, _ in one.points] == ["random", *SELECTING["selectors"]]
    assert list(one.gains) == SELECTING["selectors"]
    assert (one.set, one.budget, one.unit, one.episodes) == ("colours (shots=5)", 1, "skill", 12)
    assert one.points[1][2].value == 1.0 and one.gains["nearest"].value == 0.0
    gain = found["blind"].gains["nearest"]
    assert gain.low <= gain.value <= gain.high and gain.value != 0
    assert repr(Campaign.open(tmp_path / "out").selection_results()) == repr(list(found.values()))


def test_selectors_may_be_added_to_a_run_and_its_tables_stay(toy_plugin, tmp_path, suite):
    plain = {key: SELECTING[key] for key in ("name", "task", "source")}
    Campaign.create(suite(sets=[plain]), tmp_path / "out").run()
    with Store(tmp_path / "out" / "results.sqlite") as store:
        before = store.trials(), {key: repr(store.rows(key)) for key in store.trials()}
    table = repr(Campaign.open(tmp_path / "out").table())
    campaign = Campaign.create(suite(sets=[SELECTING]), tmp_path / "out")
    campaign.run()
    assert repr(campaign.table()) == table and len(campaign.selection_results()) == 1
    with Store(tmp_path / "out" / "results.sqlite") as store:
        assert before[0].items() <= store.trials().items()
        assert {key: repr(store.rows(key)) for key in before[0]} == before[1]
        assert len(store.trials()) > len(before[0])


def test_a_pool_without_a_choice_is_said_and_the_set_itself_is_scored(toy_plugin, tmp_path, suite):
    campaign = Campaign.create(
        suite(sets=[{**SELECTING, "pool": {"options": {"shots": 1}}}]), tmp_path / "out"
    )
    outcome = campaign.run()
    (one,) = campaign.selection_results()
    assert "the budget is 1, so there is nothing to select" in one.missing and not one.points
    assert campaign.exit_code(outcome) == 0 and campaign.table()[1].episodes == 12
    assert campaign.run(selections=False).missing == {}


def test_what_was_skipped_is_no_failure_when_data_comes_later(toy_plugin, tmp_path, suite):
    Campaign.create(suite(), tmp_path / "out").run()
    folder = tmp_path / "data" / "toys"
    folder.mkdir(parents=True)
    campaign = Campaign.open(tmp_path / "out", tmp_path / "data")
    assert [one.skipped for one in campaign.table()] == [False, False, True, True]
    assert campaign.exit_code() == 0
    # The folder is there and does not hold what the source wants: that is a failure.
    campaign = Campaign.create(suite(), tmp_path / "out", tmp_path / "data")
    assert campaign.exit_code(campaign.run()) == 3
    assert not any(one.skipped for one in campaign.table())


def test_the_date_is_that_of_the_first_run_and_the_device_the_one_that_was_used(
    toy_plugin, tmp_path, suite
):
    def began():
        return json.loads((tmp_path / "out" / "campaign.json").read_text())["began"]

    Campaign.create(suite(), tmp_path / "out").run()
    first = began()
    assert first.endswith("Z") and first[:2] == "20"
    path = tmp_path / "out" / "campaign.json"
    path.write_text(path.read_text().replace(first, "2001-02-03T04:05:06Z"))
    Campaign.create(suite(), tmp_path / "out").run()
    assert began() == "2001-02-03T04:05:06Z"
    with Store(tmp_path / "out" / "results.sqlite") as store:
        assert {one["device"] for one in store.environments()} == {"cpu"}
        assert "2001" not in store.dump() and first[:10] not in store.dump()
