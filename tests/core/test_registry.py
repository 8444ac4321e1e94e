import numpy as np
import pytest

import icl_core as icl
from icl_core import plugins, registry
from icl_core.cards import WeightCard
from icl_core.errors import InputError, MissingExtraError, PluginError, UnknownNameError


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


def test_learners_are_listed_by_name(echo):
    names = [card.name for card in icl.learners()]
    assert names == sorted(names)
    assert {"echo", "echo-mask", "echo-paint", "echo-label"} <= set(names)


def test_a_card_is_found_by_name(echo):
    assert registry.learner_card("echo").task is icl.Task.FORECASTING


def test_an_unknown_learner_gives_the_closest_names(echo):
    with pytest.raises(UnknownNameError, match=r"there is no learner 'Ecko'.*did you mean echo"):
        registry.learner_card("Ecko")


def test_an_unknown_learner_names_the_plugins_that_failed(echo):
    echo.install_broken("icl_raises")
    plugins.discover(refresh=True)
    with pytest.raises(UnknownNameError, match="flux capacitor"):
        icl.load("raises")


def test_a_name_is_a_string(echo):
    with pytest.raises(InputError, match="not a int"):
        registry.learner_card(3)


def test_load_passes_options_and_what_was_asked_for(echo):
    learner = icl.load("echo", device="cpu", dtype="float32", behaviour="official", shift=2)
    assert learner.shift == 2
    asked = learner.load_options
    assert (asked.device, asked.dtype, asked.behaviour) == ("cpu", "float32", "official")
    assert asked.weights is None
    assert learner.card == registry.learner_card("echo")


def test_an_unknown_option_is_refused_with_the_known_ones(echo):
    with pytest.raises(InputError, match="no option 'shfit'; its options are: shift"):
        icl.load("echo", shfit=2)


def test_predict_with_a_name_sends_each_option_where_it_belongs(echo):
    answer = icl.predict("echo", [1.0, 2.0, 3.0], 2, shift=1, scale=10.0, device="cpu")
    np.testing.assert_array_equal(answer.mean, np.float32([40, 40]))


def test_predict_with_a_learner_takes_predict_options_only(echo):
    learner = icl.load("echo")
    assert icl.predict(learner, [1.0, 2.0], 1, scale=3.0).mean[0] == 6
    with pytest.raises(InputError, match="no predict option 'shift'"):
        icl.predict(learner, [1.0, 2.0], 1, shift=3.0)


def test_a_list_of_queries_gives_a_list(echo):
    answers = icl.predict("echo", [1.0, 2.0], [1, 2, 3])
    assert [len(answer.mean) for answer in answers] == [1, 2, 3]


def test_predict_refuses_what_is_no_learner(echo):
    with pytest.raises(InputError, match="learner is a list, expected a name or a loaded learner"):
        icl.predict([], [1.0], 1)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no-module", "learner no-module of icl-badcards 0.9 .*ModuleNotFoundError during import"),
        ("no-class", "AttributeError during import"),
        ("no-learner", "which is no Learner class"),
    ],
)
def test_a_class_that_cannot_be_had_is_a_plugin_error(faulty, name, sentence):
    with pytest.raises(PluginError, match=sentence):
        icl.load(name)


def test_a_missing_library_says_what_installs_it(faulty):
    with pytest.raises(MissingExtraError) as caught:
        icl.load("imports-extra")
    assert "a_library_nobody_has" in caught.value.message
    assert caught.value.hint == "pip install 'icl-badcards[stats]'"


def test_a_library_that_is_missed_only_at_predict_says_the_same(faulty):
    with pytest.raises(MissingExtraError, match=r"pip install 'icl-badcards\[stats\]'"):
        icl.predict("needs-extra", [1.0], 1)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("raises", r"raises of icl-badcards 0.9 .*failed: ZeroDivisionError: dividing by nothing"),
        ("exits", r"failed: it called sys.exit\(5\)"),
        ("wrong-type", "wrong-type returned str, expected Forecast"),
        ("no-list", "no-list returned NoneType, expected a list of predictions"),
        ("too-short", "answered 1 queries with 0 predictions"),
    ],
)
def test_a_learner_that_fails_is_a_plugin_error_that_names_it(faulty, name, sentence):
    learner = icl.load(name)
    with pytest.raises(PluginError, match=sentence):
        learner.prepare([1.0, 2.0]).predict(2)
    with pytest.raises(PluginError, match=sentence):
        episode = icl.Episode(icl.Context(history=icl.Series(np.ones(3))), icl.Horizon(2))
        list(learner.predict_episodes([episode]))


def test_what_is_no_card_is_reported_and_the_rest_is_there(faulty):
    report = next(one for one in plugins.reports() if one.name == "badcards")
    assert report.error == "icl_learners: a str is no LearnerCard"


class Resolved:
    """Stands for `icl_core.weights.ResolvedWeights`."""

    name = "small"
    card = WeightCard("small", "small.safetensors", options={"shift": 5, "unused": None})


def test_options_of_the_weights_lie_below_those_of_the_caller(echo, monkeypatch):
    from icl_core import weights

    asked = []

    def resolve(card, spec):
        asked.append((card.name, spec))
        resolved = Resolved()
        resolved.card = WeightCard("small", "small.safetensors", options={"shift": 5})
        return resolved

    monkeypatch.setattr(weights, "resolve_weights", resolve, raising=False)
    assert icl.load("echo", weights="small").shift == 5
    assert icl.load("echo", weights="small", shift=1).shift == 1
    assert asked == [("echo", "small")] * 2


def test_a_learner_without_weights_never_looks_for_any(echo, monkeypatch):
    from icl_core import weights

    def resolve(card, spec):
        raise AssertionError("looked for weights")

    monkeypatch.setattr(weights, "resolve_weights", resolve, raising=False)
    assert icl.load("echo").load_options.weights is None


def test_a_card_that_is_not_installed_can_be_loaded(echo):
    card = icl.LearnerCard("mine", "forecasting", "Mine.", "icl_echo.learner:Echo")
    assert registry.load_card(card, options={"shift": 1}).shift == 1
    with pytest.raises(InputError, match="behaviour is 'odd'"):
        registry.load_card(card, behaviour="odd")
