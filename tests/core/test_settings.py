from dataclasses import fields
from pathlib import Path

import pytest

from icl_core.errors import InputError
from icl_core.settings import Settings, settings


def test_an_empty_environment_gives_the_defaults():
    found = settings({})

    assert found.home.is_absolute()
    assert found.home.name == "icl"
    assert (found.offline, found.progress, found.device) == (False, True, None)
    assert found.load_plugins is None
    assert not (found.strict_plugins or found.trace_plugins or found.strict_weights)


def test_variables_are_read_when_asked_for(monkeypatch):
    monkeypatch.setenv("ICL_STRICT_PLUGINS", "1")
    assert settings().strict_plugins
    monkeypatch.setenv("ICL_STRICT_PLUGINS", "0")
    assert not settings().strict_plugins


@pytest.mark.parametrize("word", ["1", "true", "YES", " on "])
def test_a_switch_is_on(word):
    assert settings({"ICL_OFFLINE": word}).offline


@pytest.mark.parametrize("word", ["0", "false", "No", "off", ""])
def test_a_switch_is_off(word):
    assert not settings({"ICL_PROGRESS": word}).progress


def test_another_word_for_a_switch_is_refused():
    with pytest.raises(InputError, match="ICL_STRICT_WEIGHTS is 'perhaps', expected 1 or 0"):
        settings({"ICL_STRICT_WEIGHTS": "perhaps"})


def test_the_hub_s_own_variable_also_means_offline():
    assert settings({"HF_HUB_OFFLINE": "1"}).offline
    assert settings({"HF_HUB_OFFLINE": "1", "ICL_OFFLINE": "0"}).offline
    assert not settings({"HF_HUB_OFFLINE": "whatever"}).offline


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", ()), (" , ", ()), ("a", ("a",)), ("icl-a, b ,", ("icl-a", "b"))],
)
def test_plugins_are_a_list(value, expected):
    assert settings({"ICL_LOAD_PLUGINS": value}).load_plugins == expected


def test_home_is_expanded_and_absolute(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert settings({"ICL_HOME": "~/weights"}).home == tmp_path / "weights"
    assert settings({"ICL_HOME": "here"}).home == Path.cwd() / "here"
    assert settings({"ICL_HOME": " "}).home == settings({}).home


def test_each_setting_says_what_it_means():
    for field in fields(Settings):
        assert field.metadata["variable"].startswith("ICL_")
        assert field.metadata["default"]
        assert field.metadata["meaning"].endswith(".")
