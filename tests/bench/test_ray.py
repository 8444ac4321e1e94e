"""The engine `ray` on a cluster of two workers gives what the local engine gives."""

import os
import shutil
import sqlite3
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from icl_bench import ray_engine, ray_predict
from icl_bench.ray_cluster import Resources, connected, without_native_log
from icl_core import Context, Episode, Example, Horizon, InputError, MissingExtraError, plugins
from icl_core.errors import PluginError
from icl_core.evaluation import (
    LearnerChoice,
    RunOptions,
    Score,
    Selector,
    SourceChoice,
    Store,
    Trial,
    Watcher,
    run,
)
from icl_core.evaluation.probes import PROBES, changed
from icl_core.types import Series

PLUGINS = Path(__file__).parents[1] / "plugin_package"
TWO = Resources(workers=2, cpus=1, gpus=0, retries=1)
ONE = Resources(workers=1, cpus=1, gpus=0, retries=1)

MORTAL = '''
import os
import signal
from pathlib import Path

import icl_core
from icl_echo.learner import Echo
from icl_echo.vision import EchoMask
from icl_toys.learners import Nearest


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class MortalMask(EchoMask):
    """Its process is killed once, by a picture of `kills` rows."""

    def __init__(self, card, load, kills=None, mark=None, **options):
        super().__init__(card, load, **options)
        self.kills, self.mark = kills, mark

    def _predict(self, prepared, queries, **options):
        if any(len(query) == self.kills for query in queries) and not Path(self.mark).exists():
            Path(self.mark).touch()
            die()
        return super()._predict(prepared, queries, **options)


class MortalEcho(Echo):
    """Its process is killed each time by a series that ends with `kills`."""

    def __init__(self, card, load, kills=None, **options):
        super().__init__(card, load, **options)
        self.kills = kills

    def _prepare(self, context):
        if context.history.values[-1] == self.kills:
            die()
        return super()._prepare(context)


class Mortal(Nearest):
    """Its process is killed by the query of brightness `kills`; once, where `mark` is a file."""

    def __init__(self, card, load, kills=None, mark=None, **options):
        super().__init__(card, load, **options)
        self.kills, self.mark = kills, mark

    def _predict(self, context, queries, **options):
        if any(int(query[0, 0, 0]) == self.kills for query in queries):
            if self.mark is None or not Path(self.mark).exists():
                self.mark and Path(self.mark).touch()
                die()
        return super()._predict(context, queries, **options)


@icl_core.hookimpl
def icl_learners():
    options = {"kills": "brightness", "mark": "file", "log": "file"}
    cls = "icl_mortal:Mortal"
    shift = {"kills": "value", "shift": "added"}
    return [
        icl_core.LearnerCard("mortal", "linking", "May die.", cls, options=options),
        icl_core.LearnerCard(
            "mortal-mask", "segmentation", "May die.", "icl_mortal:MortalMask", options=options
        ),
        icl_core.LearnerCard(
            "mortal-echo", "forecasting", "May die.", "icl_mortal:MortalEcho", options=shift
        ),
    ]


def loaded(name, **options):
    return icl_core.load(name, device="cpu", **options), {}
'''


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ray") / "site"
    for name in ("icl_toys", "icl_echo"):
        hidden = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PLUGINS / name, folder / name, ignore=hidden)
    (folder / "icl_mortal.py").write_text(MORTAL)
    for name in ("icl_toys", "icl_echo", "icl_mortal"):
        info = folder / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[icl]\n{name} = {name}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)  # of the workers
        patch.setenv("ICL_OFFLINE", "1")
        patch.setenv("HOME", str(folder.parent / "home"))
        (folder.parent / "home").mkdir()
        plugins.discover(refresh=True)
        yield folder
    plugins.discover(refresh=True)
    for name in [name for name in sys.modules if name.startswith(("icl_mortal", "icl_toys"))]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def cluster(site):
    pytest.importorskip("ray", reason="Ray is not installed")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
            patch.delenv(name, raising=False)
        with connected(None, TWO) as ray:
            place = Path(ray._private.worker._global_node.get_temp_dir_path())
            assert place.is_dir()
            yield ray
        assert not place.exists()
        assert "RAY_AUTH_TOKEN" not in os.environ
    assert list((site.parent / "home").iterdir()) == [], "nothing is written into the home folder"


def trial(learner="toy-nearest", count=12, change=None, source="toy-colours", **options):
    broken = options.pop("broken", None)
    more = {} if broken is None else {"broken": broken}
    more |= {"shots": options.pop("shots")} if "shots" in options else {}
    return Trial(
        "toys@1",
        LearnerChoice(learner, options=options),
        SourceChoice(source, None, {"count": count, **more}),
        Score("toy-right", "right", 1.0),
        change or {},
    )


class Noted(Watcher):
    def __init__(self):
        self.plans, self.rows, self.reasons = {}, {}, {}

    def planned(self, trial, episodes, done):
        self.plans[trial.title] = (episodes, done)

    def advanced(self, trial, rows, seconds):
        self.rows[trial.title] = self.rows.get(trial.title, 0) + len(rows)

    def missing(self, trial, reason):
        self.reasons[trial.title] = reason


def on_ray(trials, path, options=None, resources=TWO, **more):
    watcher = Noted()
    with Store(path) as store:
        found = ray_engine.run(trials, store, options, watcher=watcher, resources=resources, **more)
        return found, watcher, store.dump(), store.named()


def here(trials, path, options=None, **more):
    watcher = Noted()
    with Store(path) as store:
        found = run(trials, store, options, watcher=watcher, **more)
        return found, watcher, store.dump(), store.named()


def test_tables_are_those_of_the_local_engine(cluster, tmp_path):
    level = next(p for p in PROBES if p.name == "label-noise").levels[-1]
    probe = trial(change={"probe": "label-noise", "level": 1})
    selector = Selector("nearest", 1)
    selected = trial(change=selector.change(), shots=3)
    nothing = trial(change=selector.change(), shots=1)
    changes = {
        str(dict(probe.change)): partial(changed, level=level),
        str(dict(selected.change)): selector,
    }
    trials = [
        trial(fail=7, broken=[3]),
        trial("toy-weighty"),
        trial(count=0),
        trial(source="toy-nothing"),
        probe,
        selected,
        replace(nothing, source=replace(nothing.source, label="one shot")),
    ]
    options = RunOptions(batch_size=4)
    first = on_ray(trials, tmp_path / "a.sqlite", options, changes=changes)
    second = here(trials, tmp_path / "b.sqlite", options, changes=changes)
    assert first[0] == second[0] and first[0].failures == 2 and len(first[0].missing) == 4
    assert list(first[0].keys) == list(second[0].keys)
    assert vars(first[1]) == vars(second[1])
    assert first[2] == second[2] and first[2]
    assert first[3] == second[3]
    with sqlite3.connect(tmp_path / "a.sqlite") as db:
        assert db.execute("SELECT COUNT(*) FROM claims").fetchone() == (0,)


def test_killed_workers_cost_time_and_at_most_the_episode_that_killed_each(
    cluster, tmp_path, capsys
):
    mark = tmp_path / "mark"
    once = trial("mortal", kills=5, mark=str(mark))
    each = trial("mortal", count=4, kills=2)
    options = RunOptions(batch_size=4)
    outcome, watcher, _, _ = on_ray([once, each], tmp_path / "a.sqlite", options)
    assert capsys.readouterr().out == "", "Ray does not write among results"
    assert mark.exists() and outcome.failures == 1 and not outcome.missing
    assert sum(watcher.rows.values()) == 16
    found = run_keys(tmp_path / "a.sqlite")
    outcome = here([once, trial(count=4)], tmp_path / "b.sqlite", options)[0]
    expected = run_keys(tmp_path / "b.sqlite")
    same = expected[outcome.keys[once.title]]
    assert found.pop(outcome.keys[once.title]) == same and len(same) == 12
    (rows,) = found.values()
    good = expected[outcome.keys[trial().title]]
    assert "the worker died 2 times while it predicted this episode" in rows[2]
    assert [*rows[:2], *rows[3:]] == [*good[:2], *good[3:]]


def run_keys(path):
    with Store(path) as store:
        return {key: [repr(row) for row in store.rows(key)] for key in store.trials()}


def test_it_goes_on_where_the_local_engine_stopped(cluster, tmp_path):
    log, path = tmp_path / "log", tmp_path / "a.sqlite"
    one = trial(log=str(log))
    here([one], path, RunOptions(batch_size=4, limit=6))
    options = RunOptions(batch_size=4)
    outcome, watcher, rows, _ = on_ray([one], path, options, ONE)
    assert watcher.plans == {one.title: (12, 6)} and watcher.rows == {one.title: 6}
    assert len(log.read_text().splitlines()) == 12 and len(rows.splitlines()) == 12
    outcome, watcher, again, _ = on_ray([one, one], path, options, ONE)
    assert again == rows and not watcher.rows and len(outcome.keys) == 1


def test_a_shard_of_another_process_is_waited_for(cluster, tmp_path):
    one = trial(count=8)
    with Store(tmp_path / "a.sqlite") as other:
        key = here([one], tmp_path / "b.sqlite")[0].keys[one.title]
        assert other.claim(key, 4)

        class Freed(Noted):
            def advanced(self, trial, rows, seconds):
                super().advanced(trial, rows, seconds)
                other.release()

        watcher = Freed()
        with Store(tmp_path / "a.sqlite") as store:
            options = RunOptions(batch_size=4)
            ray_engine.run([one], store, options, watcher=watcher, resources=ONE)
            assert store.done(key) == set(range(8)) and watcher.rows == {one.title: 8}


def test_too_many_failures_stop_it(cluster, tmp_path):
    options = RunOptions(batch_size=1, max_failures=0)
    one = trial(fail=9, count=250)
    outcome, _, rows, _ = on_ray([one], tmp_path / "a.sqlite", options, ONE)
    assert outcome.stopped and outcome.failures == 1 and len(rows.splitlines()) == 10


def test_resources_that_nobody_has_are_refused(cluster, tmp_path):
    with Store(tmp_path / "a.sqlite") as store:
        with pytest.raises(InputError, match=r"0 GPUs, too few for a worker with 1 and 0\.5"):
            ray_engine.run([trial()], store, resources=Resources(gpus=0.5))
        with pytest.raises(InputError, match="Ray chooses the GPU"):
            ray_engine.run([trial()], store, RunOptions(device="cuda:1"))
    for wrong in ({"workers": 0}, {"cpus": float("nan")}, {"gpus": -1}, {"retries": True}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            Resources(**wrong)


def test_a_folder_of_pictures_is_answered_as_in_one_process(cluster, tmp_path, monkeypatch):
    from icl_mortal import loaded

    rng = np.random.default_rng(0)
    sizes = [(8 + n, 9) for n in range(7)]
    for n, size in enumerate(sizes):
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{n}.png")
    monkeypatch.chdir(tmp_path)
    queries = [Path(f"{n}.png") for n in range(7)]  # relative to where one is
    context = Context((Example(queries[0], rng.integers(0, 2, (8, 9)).astype(bool)),))
    mark = tmp_path / "mark"
    load = partial(loaded, "mortal-mask", kills=10, mark=str(mark))
    batches = [*ray_predict.cut(queries, 2), [Path("no.png")]]
    answers = ray_predict.predict(load, batches, context, resources=TWO)
    found = [answer for _ in range(4) for answer in next(answers)]
    with pytest.raises(InputError, match=r"no\.png"):
        next(answers)
    assert mark.exists(), "a worker was killed, and its batch given to another one"
    expected = load()[0].prepare(context).predict(queries)
    for one, other, size in zip(found, expected, sizes, strict=True):
        assert one.mask.shape == size and np.array_equal(one.mask, other.mask)
        assert one.to_dict() == other.to_dict()
    found[0].save(tmp_path / "out.png")


def test_series_are_answered_as_in_one_process_until_one_kills_each_worker(cluster, capfd):
    from icl_mortal import loaded

    load = partial(loaded, "mortal-echo", shift=2, kills=6.0)
    episodes = [
        Episode(Context(history=Series(np.arange(n + 3.0))), Horizon(4), meta={"id": f"s{n}"})
        for n in range(5)
    ]
    once = replace(ONE, retries=0)
    answers = ray_predict.answers(load, episodes, batch_size=2, resources=once)
    found = [next(answers) for _ in range(4)]
    with pytest.raises(PluginError, match="the worker died once while it predicted s4"):
        next(answers)
    expected = list(load()[0].predict_episodes(episodes[:4], batch_size=2))
    assert [one.to_dict() for one in found] == [one.to_dict() for one in expected]
    assert capfd.readouterr().out == "", "Ray Data does not write among results"


def test_lines_of_the_native_log_are_kept_off_stderr_and_others_are_not(capfd):
    with without_native_log():
        os.write(2, b"[2026-01-02 03:04:05,678 E 12 34] core_worker.cc:5: Actor\nmine\n")
    assert capfd.readouterr().err == "mine\n"


def test_nothing_is_answered_without_a_cluster():
    assert list(ray_predict.answers(None, [])) == []


def test_an_address_where_nothing_listens_is_refused_at_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False))
    for address in ("127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999"):
        with pytest.raises(InputError, match=f"no Ray cluster answers at {address}"):
            with connected(address, TWO):
                pass


def test_without_ray_a_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    with Store(tmp_path / "a.sqlite") as store, pytest.raises(MissingExtraError) as error:
        ray_engine.run([trial()], store)
    assert error.value.hint == "pip install 'icl-suite[ray]'"
