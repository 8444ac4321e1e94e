"""Two runs compared: paired differences, regressions, and what cannot be compared."""

import json
import math
import subprocess
import sys

import pytest

from icl_bench.campaign import Campaign
from icl_bench.comparison import compare
from icl_core.errors import InputError
from icl_core.evaluation import Row, Store, difference

ONE = {"name": "toy-nearest", "label": "one"}
WORSE = {"name": "toy-first", "label": "one"}
SOME_FAIL = {"name": "toy-nearest", "label": "one", "options": {"fail": 3}}
HOSTILE = "<script>alert(1)</script>|x"


def by_place(found):
    return {(one.learner, one.set): one for one in found.changes}


def icl(*arguments):
    code = "from icl_cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True
    )


def test_a_run_is_no_worse_than_itself(ran):
    folder = ran("out", [ONE]).folder
    found = compare(folder, folder)
    assert found.regressions == [] and found.apart == ()
    change = by_place(found)["one", "colours"]
    assert change.difference.value == change.difference.low == change.difference.high == 0.0
    assert (change.unit, change.episodes, change.worse) == ("skill", 12, "")
    assert "No regression of more than 0.01." in found.to_markdown()


def test_a_learner_that_got_worse_is_a_regression_with_a_paired_interval(ran):
    old, new = ran("old", [ONE]), ran("new", [WORSE])
    found = compare(old.folder, new.folder)
    (worse,) = found.regressions
    assert worse.learner == "one" and worse.skill.value == pytest.approx(-1.0)
    rows = {}
    for name, campaign in (("old", old), ("new", new)):
        with Store(campaign.store) as store:
            rows[name] = store.rows(store.named()["one on colours"].key)
    item = new.suite.item("colours")
    measure, score = item.score().measure(), item.score()
    assert worse.difference == difference(measure, score, rows["new"], rows["old"])
    assert worse.difference.high < 0 and worse.old == 1.0
    assert worse.new == pytest.approx(1.0 + worse.difference.value)
    assert "one on colours (skill -1" in str(worse)
    assert found.changes[0] is worse
    better = compare(new.folder, old.folder)
    assert better.regressions == [] and by_place(better)["one", "colours"].skill.value > 0.9
    assert "+1" in better.to_markdown()


def test_a_loss_within_the_threshold_is_none(ran):
    old, new = ran("old", [ONE]), ran("new", [ONE])
    with Store(new.store) as store:
        key = store.named()["one on colours"].key
        row = store.rows(key)[0]
        store.write(key, [Row(0, row.episode, {**row.numbers, "right": 0.0}, row.meta)], 1.0, {})
    lost = -by_place(compare(old.folder, new.folder, 10.0))["one", "colours"].skill.value
    assert 0 < lost < 1
    assert compare(old.folder, new.folder, lost + 1e-9).regressions == []
    (worse,) = compare(old.folder, new.folder, lost - 1e-9).regressions
    assert "an interval that holds 0" in worse.worse


@pytest.mark.parametrize("threshold", [-0.1, math.nan, math.inf])
def test_a_threshold_that_makes_no_sense_is_refused(ran, threshold):
    folder = ran("out").folder
    with pytest.raises(InputError, match="threshold"):
        compare(folder, folder, threshold)


def test_episodes_that_fail_now_are_a_regression(ran):
    old, new = ran("old", [ONE]), ran("new", [SOME_FAIL])
    (worse,) = compare(old.folder, new.folder).regressions
    assert (worse.lost, worse.gained, worse.episodes) == (1, 0, 11)
    assert worse.worse == "1 episode fails that did not"
    back = by_place(compare(new.folder, old.folder))["one", "colours"]
    assert (back.lost, back.gained, back.worse) == (0, 1, "")


def test_a_learner_that_cannot_run_any_more_is_a_regression(ran):
    old, new = ran("old", [ONE]), ran("new", [{"name": "toy-weighty", "label": "one"}])
    (gone,) = compare(old.folder, new.folder).regressions
    assert "toy.ckpt" in gone.reason
    back = compare(new.folder, old.folder)
    assert back.regressions == []
    assert [one.reason for one in back.apart] == ["the old run answered nothing"]


def test_what_only_one_run_has_is_said_and_no_regression(ran):
    old, new = ran("old", [ONE, "toy-nearest"]), ran("new", [ONE, {**WORSE, "label": "two"}])
    found = compare(old.folder, new.folder)
    assert found.regressions == []
    assert {(one.learner, one.reason) for one in found.apart} == {
        ("two", "it is not in the old run"),
        ("toy-nearest", "it is not in the new run"),
    }


def test_other_data_or_options_are_not_compared(ran):
    old = ran("old", [ONE])
    other = [
        {"name": "colours", "source": "toy-colours", "options": {"seed": 1}},
        {"name": "more", "source": "toy-colours"},
    ]
    new = ran("new", [ONE], other)
    with pytest.raises(InputError, match=r"nothing that can be compared: .* changed"):
        compare(old.folder, new.folder)


def test_runs_of_different_lengths_are_compared_on_what_both_have(ran):
    old, new = ran("old", [ONE], limit=7), ran("new", [ONE])
    assert by_place(compare(old.folder, new.folder))["one", "colours"].episodes == 7


def test_a_set_without_a_baseline_is_compared_in_its_own_number(ran):
    sets = [{"name": "colours", "source": "toy-colours", "baseline": None}]
    old, new = ran("old", [ONE], sets), ran("new", [WORSE], sets)
    (worse,) = compare(old.folder, new.folder).regressions
    assert worse.unit == "right" and worse.skill == worse.difference
    assert worse.worse.startswith("right -")


def test_json_is_strict_and_markdown_holds_no_markup(ran):
    sets = [{"name": HOSTILE, "source": "toy-colours"}]
    hostile = {"name": "toy-nearest", "label": HOSTILE}
    folder = ran("out", [hostile], sets).folder
    new = ran("new", [{**hostile, "name": "toy-first"}], sets).folder
    found = compare(folder, new)
    text = json.dumps(found.to_json(), allow_nan=False)
    assert json.loads(text)["regressions"] == [str(found.regressions[0])]
    assert "<script" not in found.to_markdown()
    widths = {line.replace("\\|", "").count("|") for line in found.to_markdown().splitlines()}
    assert widths == {0, 10}


def test_a_folder_without_results_is_refused(ran, tmp_path):
    folder = ran("out").folder
    with pytest.raises(InputError, match="holds no campaign"):
        compare(tmp_path, folder)
    for path in folder.glob("results.sqlite*"):
        path.unlink()
    with pytest.raises(InputError, match="nothing that can be compared"):
        compare(folder, folder)
    assert not Campaign.open(folder).store.exists()


def test_exit_codes_of_the_command(ran, toy_plugin, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(toy_plugin))
    old, new = ran("old", [ONE]).folder, ran("new", [WORSE]).folder
    same = icl("bench", "compare", old, old)
    assert same.returncode == 0 and same.stdout.startswith("# toys@1 to toys@1")
    worse = icl("bench", "compare", old, new)
    assert worse.returncode == 1 and "Worse by more than 0.01: one on colours" in worse.stderr
    assert icl("bench", "compare", old, new, "--threshold", "5").returncode == 0
    value = json.loads(icl("bench", "compare", old, new, "--json").stdout)
    assert value["changes"][0]["unit"] == "skill"
    none = icl("bench", "compare", old, tmp_path / "none")
    assert none.returncode == 2 and "Traceback" not in none.stderr


def test_probes_and_selectors_of_both_runs_are_compared_in_pairs(ran):
    pool = {"options": {"shots": 4}}
    selecting = {"name": "colours", "source": "toy-colours", "budget": 1, "pool": pool,
                 "selectors": ["nearest", "k-centre"]}  # fmt: skip
    probes = [{"set": "colours", "options": {"shots": 2}, "probes": ["wrong-context", "shots"]}]
    learners = [{"name": "toy-nearest", "label": "it"}]
    old = ran("old", learners, [selecting], probes)
    new = ran("new", [{"name": "toy-first", "label": "it"}], [selecting], probes)
    found = {one.what: one for one in compare(old.folder, new.folder, 2.0).contexts}
    assert list(found) == [
        "probe shots", "probe wrong-context", "selector nearest", "selector k-centre",
    ]  # fmt: skip
    wrong = found["probe wrong-context"]
    assert wrong.kind == "loss" and wrong.unit == "skill" and wrong.episodes == 12
    assert wrong.old > 1 and wrong.new < wrong.old
    assert wrong.difference.value == pytest.approx(wrong.new - wrong.old)
    assert wrong.difference.low <= wrong.difference.value <= wrong.difference.high
    (probe,) = [one for one in old.probe_results() if one.probe == "wrong-context"]
    assert wrong.old == pytest.approx(probe.number.value)
    nearest = found["selector nearest"]
    assert nearest.old == 0.0 and nearest.kind == "gain" and nearest.new != 0.0
    text = compare(old.folder, new.folder, 2.0).to_markdown()
    assert "How contexts are used" in text and "selector nearest" in text
    same = compare(old.folder, old.folder)
    assert all(one.difference.value == 0 for one in same.contexts) and not same.regressions
    other = [{**probes[0], "options": {"shots": 2, "seed": 1}}]
    apart = ran("apart", learners, [{**selecting, "options": {}}], other)
    left = [one.what for one in compare(old.folder, apart.folder).contexts]
    assert left == ["selector nearest", "selector k-centre"]
