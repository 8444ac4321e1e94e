"""The engine: what is stored, what is gone on with, and what stops nobody else."""

import math
import os
import random
import subprocess
import sys
import time

import pytest

from icl_core import plugins
from icl_core.errors import InputError
from icl_core.evaluation import (
    LearnerChoice,
    RunOptions,
    Score,
    SourceChoice,
    Store,
    Trial,
    Watcher,
    run,
)

SCORE = Score("toy-right", "right", 1.0)
CODE = """
import sys
from icl_core.evaluation import LearnerChoice, RunOptions, Score, SourceChoice, Store, Trial, run
store, log = sys.argv[1:3]
trials = [
    Trial("toys@1", LearnerChoice(name, options={{"sleep": {sleep}, "log": log}}),
          SourceChoice("toy-colours", options={{"count": {count}}}), Score("toy-right", "right", 1))
    for name in ("toy-first", "toy-nearest")
]
print("ready", flush=True)
with Store(store) as results:
    outcome = run(trials, results, RunOptions(batch_size=4))
assert not outcome.missing, outcome.missing
"""


def trial(learner="toy-nearest", count=12, metric=SCORE, source="toy-colours", **options):
    chosen = {"count": count, **options.pop("of_source", {})}
    return Trial(
        "toys@1",
        LearnerChoice(learner, options=options),
        SourceChoice(source, options=chosen),
        metric,
    )


@pytest.fixture
def toys(site):
    site.install("icl_toys", "icl-toys")
    plugins.discover(refresh=True)
    return site


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "results.sqlite") as opened:
        yield opened


class Told(Watcher):
    def __init__(self):
        self.plans, self.shards, self.reasons = [], [], []

    def planned(self, trial, episodes, done):
        self.plans.append((trial.title, episodes, done))

    def advanced(self, trial, rows, seconds):
        self.shards.append([row.number for row in rows])

    def missing(self, trial, reason):
        self.reasons.append(reason)


def test_every_episode_has_one_row_with_its_numbers(toys, store):
    one = trial()
    told = Told()
    outcome = run([one], store, RunOptions(batch_size=5), watcher=told)
    rows = store.rows(outcome.keys[one.title])
    assert [row.number for row in rows] == list(range(12))
    assert rows[3].episode == "colour 3"
    assert all(row.numbers["right"] == 1.0 for row in rows)
    assert all(math.isnan(row.numbers["missing"]) for row in rows)
    assert "even" in rows[2].numbers and "even" not in rows[3].numbers
    assert math.isnan(rows[0].meta["nothing"])
    assert told.plans == [(one.title, 12, 0)]
    assert told.shards == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]
    assert outcome.failures == 0 and not outcome.stopped


def test_what_is_stored_is_not_run_again(toys, store, tmp_path):
    log = tmp_path / "log"
    one = trial(log=str(log))
    run([one], store, RunOptions(limit=6))
    run([one], store)
    told = Told()
    run([one], store, RunOptions(batch_size=3), watcher=told)
    assert len(log.read_text().splitlines()) == 12
    assert told.plans == [(one.title, 12, 12)] and told.shards == []


def test_the_key_knows_what_decides_a_number_and_nothing_else(toys, store, tmp_path):
    plain = run([trial()], store).keys
    assert len(plain) == 1
    assert run([trial()], store, RunOptions(batch_size=1, limit=3, device="cpu")).keys == plain
    for other in (
        trial(sleep=0.0),
        trial("toy-first"),
        trial(of_source={"seed": 1}),
        trial(metric=Score("toy-odd", "right", 1.0)),
    ):
        found = run([other], store, RunOptions(limit=1)).keys
        assert found and not set(found.values()) & set(plain.values())
    labelled = Trial(
        "toys@1",
        LearnerChoice("toy-nearest", label="called otherwise"),
        SourceChoice("toy-colours", options={"count": 12}, label="so", limit=2),
        SCORE,
    )
    assert list(run([labelled], store).keys.values()) == list(plain.values())


def test_a_folder_that_moved_has_the_same_key(toys, store, tmp_path):
    keys = set()
    for name in ("here", "there"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "toys.txt").write_text("toys")
        source = SourceChoice("toy-folder", folder)
        one = Trial("toys@1", LearnerChoice("toy-first"), source, SCORE)
        keys.add(run([one], store).keys[one.title])
    assert len(keys) == 1


def test_a_failed_episode_is_a_row_and_its_batch_goes_on(toys, store):
    one = trial(fail=5)
    outcome = run([one], store, RunOptions(batch_size=4))
    rows = store.rows(outcome.keys[one.title])
    assert [row.failed for row in rows] == [n == 5 for n in range(12)]
    assert "brightness 5" in rows[5].error and rows[5].episode == "colour 5"
    assert rows[5].numbers == {} and rows[4].numbers["right"] == 1.0
    assert outcome.failures == 1


def test_an_episode_that_cannot_be_made_is_a_row(toys, store):
    one = trial(of_source={"broken": [2, 7]})
    outcome = run([one], store, RunOptions(batch_size=4))
    rows = store.rows(outcome.keys[one.title])
    assert [row.number for row in rows if row.failed] == [2, 7]
    assert "damaged" in rows[2].error
    assert outcome.failures == 2


def test_a_metric_that_fails_is_a_row_with_its_trace(toys, store):
    one = trial(metric=Score("toy-odd", "right", 1.0))
    rows = store.rows(run([one], store).keys[one.title])
    assert [row.failed for row in rows] == [bool(n % 2) for n in range(12)]
    assert rows[1].error == "ZeroDivisionError: an odd episode"
    assert "Traceback" in rows[1].trace and "metrics.py" in rows[1].trace
    assert rows[0].numbers["huge"] == math.inf


def test_failed_episodes_run_again_only_when_asked(toys, store, tmp_path):
    log = tmp_path / "log"
    one = trial(fail=5, log=str(log))
    run([one], store)
    before = log.read_text()
    run([one], store)
    assert log.read_text() == before
    told = Told()
    outcome = run([one], store, RunOptions(retry_failed=True), watcher=told)
    assert told.shards == [[5]]
    assert outcome.failures == 1


@pytest.mark.parametrize(("most", "rows"), [(0, 8), (1, 16), (0.05, 8), (0.1, 24), (None, 24)])
def test_too_many_failures_stop_the_run(toys, store, most, rows):
    # One of twelve fails in the second batch of the first trial, and in the first of the second.
    trials = [trial(fail=5), trial("toy-first", fail=1)]
    outcome = run(trials, store, RunOptions(batch_size=4, max_failures=most))
    assert sum(len(store.rows(key)) for key in outcome.keys.values()) == rows
    assert outcome.stopped == (rows < 24)


def test_what_is_missing_stops_nobody_else(toys, store, tmp_path, monkeypatch):
    monkeypatch.setenv("ICL_OFFLINE", "1")
    monkeypatch.setenv("ICL_HOME", str(tmp_path / "home"))
    gone = Trial(
        "toys@1",
        LearnerChoice("toy-first"),
        SourceChoice("toy-folder", tmp_path / "nowhere"),
        SCORE,
    )
    trials = [
        gone,
        trial("toy-weighty"),
        trial("toy-absent"),
        trial(source="toy-absent"),
        trial(metric=Score("toy-absent", "right", 1.0), count=3),
        trial(of_source={"colour": "red"}),
        trial(sleeep=1),
        trial("toy-first"),
    ]
    told = Told()
    outcome = run(trials, store, watcher=told)
    assert list(outcome.keys) == [trials[-1].title]
    assert len(told.reasons) == 7
    for reason, word in zip(
        told.reasons,
        ("nowhere", "toy.ckpt", "toy-absent", "toy-absent", "toy-absent", "colour", "sleeep"),
        strict=True,
    ):
        assert word in reason
    named = store.named()
    assert "nowhere" in named[gone.title].missing and not named[gone.title].key


def test_a_trial_that_goes_missing_keeps_its_results(toys, store):
    one = trial()
    key = run([one], store).keys[one.title]
    store.name_trial(one.title, missing="the disk is gone")
    found = store.named()[one.title]
    assert (found.key, found.episodes, found.missing) == (key, 12, "the disk is gone")


@pytest.mark.parametrize(
    "options",
    [{"batch_size": 0}, {"limit": 0}, {"max_failures": -1}, {"batch_size": True}],
    ids=str,
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(InputError, match=next(iter(options))):
        RunOptions(**options)


def test_episodes_may_wish_for_predict_options(toys, store):
    from icl_core.evaluation.shards import evaluate_shard
    from icl_core.types import Episode

    class Asked:
        predict_options = frozenset({"season"})

        def __init__(self):
            self.calls = []

        def predict_episodes(self, episodes, batch_size, **options):
            self.calls.append(([e.query for e in episodes], options))
            return [e.query for e in episodes]

    wishes = [{"season": 7}, {"season": 7}, {"season": 12, "unknown": 1}, None]
    source = [
        Episode(None, n, meta={} if wish is None else {"predict_options": wish})
        for n, wish in enumerate(wishes)
    ]
    learner = Asked()
    rows = evaluate_shard(learner, source, range(4), lambda p, t, m: {"x": p}, {})
    assert learner.calls == [([0, 1], {"season": 7}), ([2], {"season": 12}), ([3], {})]
    assert [row.numbers["x"] for row in rows] == [0, 1, 2, 3]


def started(site, store, log, count=32, sleep=0.02):
    code = CODE.format(sleep=sleep, count=count)
    path = os.pathsep.join([str(site.folder), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, "-c", code, str(store), str(log)],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def dumped(path):
    with Store(path) as opened:
        return opened.dump()


def test_killed_at_random_points_the_results_are_the_same(toys, tmp_path):
    log = tmp_path / "log"  # the same file for both: an option is part of the key
    whole, cut = tmp_path / "whole.sqlite", tmp_path / "cut.sqlite"
    assert started(toys, whole, log, sleep=0.02).wait(60) == 0
    rng = random.Random(5)
    log.unlink()
    kills = 0
    for _ in range(20):
        process = started(toys, cut, log)
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        if kills < 5:
            time.sleep(rng.uniform(0.0, 0.5))
            process.kill()
            process.wait(60)
            kills += process.returncode == -9
        else:
            assert process.wait(120) == 0, process.stderr.read()
            break
    assert kills == 5
    assert dumped(cut) == dumped(whole)
    assert dumped(cut).count("\n") == 63
    # A kill loses the running batch of four at most.
    assert len(log.read_text().splitlines()) <= 64 + 4 * kills


def test_two_processes_share_a_store(toys, tmp_path):
    log, alone, shared = tmp_path / "log", tmp_path / "alone.sqlite", tmp_path / "shared.sqlite"
    assert started(toys, alone, log).wait(60) == 0
    log.unlink()
    both = [started(toys, shared, log) for _ in range(2)]
    for process in both:
        assert process.wait(120) == 0, process.stderr.read()
    assert dumped(shared) == dumped(alone)
    assert len(log.read_text().splitlines()) == 64  # nothing was done twice
