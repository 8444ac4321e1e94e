import random
import types

import numpy as np
import pytest

import icl_core as icl
from icl_core import plugins
from icl_core.cards import WeightCard
from icl_core.coerce import coerce_context, coerce_query
from icl_core.errors import IclError, PluginError, UnknownNameError, WeightsError
from icl_core.testing import CheckFailed, bad_inputs, check_plugin, tiny_episodes
from icl_core.testing.compare import difference, global_state
from icl_core.types import Task


@pytest.fixture
def echo(site):
    site.install_echo()
    plugins.discover(refresh=True)
    return site


@pytest.fixture
def faulty(echo):
    echo.install_broken("icl_badcards")
    plugins.discover(refresh=True)
    return echo


def failures(results):
    return {name: one for name, one in results.items() if isinstance(one, BaseException)}


def test_a_sound_plugin_passes_everything(echo):
    results = check_plugin("icl-echo")
    assert set(results.values()) == {"PASSED"}
    assert {name.partition(":")[0] for name in results} == {
        "echo",
        "echo-mask",
        "echo-paint",
        "echo-label",
    }


def test_one_learner_is_checked_by_its_name(echo):
    assert all(name.startswith("echo-mask: ") for name in check_plugin("echo-mask"))
    assert all(name.startswith("echo: ") for name in check_plugin("icl-echo:echo"))


def test_a_module_need_not_be_installed(site):
    site.install_echo()
    for info in site.folder.glob("*.dist-info"):
        info.rename(info.with_suffix(".away"))
    plugins.discover(refresh=True)

    import icl_echo

    assert not failures(check_plugin(icl_echo))
    assert not failures(check_plugin("icl_echo"))


def test_a_module_made_on_the_spot_is_checked_too(echo):
    module = types.ModuleType("made_here")
    card = icl.LearnerCard("made-here", "forecasting", "Made here.", "icl_echo.learner:Echo")
    module.icl_learners = icl.hookimpl(lambda: [card])
    results = check_plugin(module)
    assert not failures(results)
    assert results["made-here: light import"].startswith("SKIPPED: ")


def test_nobody_of_that_name(echo):
    with pytest.raises(UnknownNameError, match="there is no learner 'icl_nobody'"):
        check_plugin("icl_nobody")


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        ("icl_raises", "flux capacitor"),
        ("icl_exits", r"sys.exit\(3\)"),
        ("icl_nohooks", "has no hook"),
        ("icl_misspelt", "unknown hook 'icl_learner'"),
        ("icl_badargument", "PluginValidationError"),
    ],
)
def test_a_plugin_without_learners_has_one_failure(site, module, sentence):
    site.install_broken(module)
    plugins.discover(refresh=True)
    for name in (module.replace("_", "-"), module.removeprefix("icl_")):
        ((key, error),) = check_plugin(name).items()
        assert key == f"{name}: hooks"
        assert isinstance(error, PluginError)
        with pytest.raises(PluginError, match=sentence):
            raise error


def test_a_problem_of_the_plugin_fails_the_check_of_its_learners(site):
    site.install_echo()
    site.install_broken("icl_duplicate")
    plugins.discover(refresh=True)
    assert "there twice" in str(check_plugin("echo-two")["echo-two: hooks"])


@pytest.mark.parametrize(
    ("name", "check", "sentence"),
    [
        ("no-module", "class", "ModuleNotFoundError"),
        ("no-class", "class", "AttributeError"),
        ("no-learner", "class", "no Learner class"),
        ("raises", "predict", "dividing by nothing"),
        ("exits", "predict", "sys.exit"),
        ("wrong-type", "predict", "expected Forecast"),
        ("no-list", "predict", "expected a list"),
        ("deaf", "context is used", "have the same answer"),
        ("random", "repeated predict", "another one the second time: quantiles"),
        ("random", "global state", "random number generator of NumPy"),
        ("takes-anything", "unknown options", "load with an unknown option is accepted"),
    ],
)
def test_each_fault_is_found(faulty, name, check, sentence):
    found = check_plugin(name)[f"{name}: {check}"]
    assert isinstance(found, Exception)
    assert sentence in str(found)


def test_what_needs_a_loaded_learner_is_skipped_without_one(faulty):
    results = check_plugin("no-class")
    assert results["no-class: predict"] == "SKIPPED: 'class' did not pass"
    assert list(failures(results)) == ["no-class: hooks", "no-class: class"]


def test_a_missing_extra_skips_with_the_command(faulty):
    found = check_plugin("imports-extra")["imports-extra: class"]
    assert found.startswith("SKIPPED: ") and "pip install 'icl-badcards[stats]'" in found


def test_weights_that_are_a_download_skip(echo):
    card = icl.LearnerCard(
        "far-away",
        "forecasting",
        "Far.",
        "icl_echo.learner:Echo",
        weights=(WeightCard("official", "a.bin", url="https://example.org/a.bin", licence="MIT"),),
    )
    module = types.ModuleType("far_away")
    module.icl_learners = icl.hookimpl(lambda: [card])
    results = check_plugin(module)
    assert results["far-away: load"] == "SKIPPED: the default weights 'official' are a download"
    assert not failures(results)


def test_bundled_weights_are_asked_for_by_name_so_that_nothing_is_downloaded(echo, monkeypatch):
    from icl_core import weights

    asked = []

    def resolve(card, spec):
        asked.append(spec)
        raise WeightsError("not here")

    monkeypatch.setattr(weights, "resolve_weights", resolve, raising=False)
    card = icl.LearnerCard(
        "packed",
        "forecasting",
        "Packed.",
        "icl_echo.learner:Echo",
        weights=(
            WeightCard("official", "a.bin", url="https://example.org/a.bin", licence="MIT"),
            WeightCard("bundled", "b.bin", package="icl_echo", licence="MIT"),
        ),
    )
    module = types.ModuleType("packed")
    module.icl_learners = icl.hookimpl(lambda: [card])
    assert isinstance(check_plugin(module)["packed: load"], WeightsError)
    assert set(asked) == {"bundled"}


def test_a_card_module_that_imports_pandas_fails(echo):
    (echo.folder / "icl_heavy.py").write_text(
        "import json, pandas\nimport icl_core as icl\n"
        "@icl.hookimpl\ndef icl_learners():\n"
        "    return [icl.LearnerCard('heavy', 'forecasting', 'x', 'icl_echo.learner:Echo')]\n"
    )
    error = check_plugin("icl_heavy")["heavy: light import"]
    assert "imports pandas" in str(error)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ({"file": ""}, "name no file"),
        ({"url": None}, "neither bundled nor have a URL"),
        ({"url": "http://example.org/a"}, "expected https"),
        ({"sha256": "abc"}, "expected 64 hex digits"),
        ({"size": 0}, "have the size 0"),
        ({"licence": ""}, "have no licence"),
    ],
)
def test_faults_of_a_weight_card_are_found(echo, weights, sentence):
    sound = {"file": "a.bin", "url": "hf:me/it/a.bin", "licence": "MIT"}
    card = icl.LearnerCard(
        "carded",
        "forecasting",
        "Carded.",
        "icl_echo.learner:Echo",
        weights=(WeightCard("official", **{**sound, **weights}),),
    )
    module = types.ModuleType("carded")
    module.icl_learners = icl.hookimpl(lambda: [card])
    assert sentence in str(check_plugin(module)["carded: card"])


@pytest.mark.parametrize("task", list(Task))
def test_tiny_episodes_can_be_coerced_and_are_always_the_same(task):
    for episode, again in zip(tiny_episodes(task), tiny_episodes(task), strict=True):
        coerce_context(task, episode.context)
        coerce_query(task, episode.query)
        assert difference(episode, again) is None


@pytest.mark.parametrize("task", list(Task))
def test_bad_inputs_are_refused_by_the_host(task):
    for _, context, query in bad_inputs(task):
        with pytest.raises(IclError):
            coerce_context(task, context)
            coerce_query(task, query)


def test_differences_name_the_field():
    one = icl.Segmentation(np.zeros((2, 3), bool), np.zeros((2, 3), np.float32))
    other = icl.Segmentation(np.zeros((2, 3), bool), np.full((2, 3), 1e-6, np.float32))
    assert difference(one, one) is None
    assert difference(one, other) == "logits: the values are not the same"
    assert difference(one, other, 1e-5) is None
    assert difference(one, other, 1e-7).startswith("logits: the largest difference is 1e-06")
    wider = icl.Segmentation(np.zeros((2, 4), bool), np.zeros((2, 4), np.float32))
    assert difference(one, wider) == "mask: bool [2, 3] and bool [2, 4]"
    assert "types" in difference(one, 3)


def test_whole_numbers_may_round_to_the_neighbour_but_no_further():
    def picture(value):
        return icl.Picture(np.full((2, 2, 3), value, np.uint8))

    assert difference(picture(200), picture(201), 1e-5) is None
    assert difference(picture(200), picture(202), 1e-5) is not None


def test_missing_values_have_to_be_in_the_same_places():
    def series(*values):
        return icl.Series(np.array(values))

    assert difference(series(1, np.nan), series(1, np.nan), 1e-5) is None
    assert difference(series(1, np.nan), series(np.nan, 1), 1e-5) is not None


def test_the_global_state_notices_both_generators():
    before = global_state()
    random.random()
    np.random.rand()
    after = global_state()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {
        "random number generator of Python",
        "random number generator of NumPy",
    }
    assert issubclass(CheckFailed, AssertionError)
