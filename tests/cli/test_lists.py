import json


def test_list_shows_a_table_and_says_nothing_else(icl):
    result = icl("list")
    assert result.exit_code == 0
    header, *rows = result.stdout.splitlines()
    assert header.split() == ["NAME", "TASK", "WEIGHTS", "SUMMARY"]
    assert "last-value   forecasting   -                  Repeats the last value." in rows
    assert result.stderr == ""


def test_list_filters_by_task_and_writes_json(icl):
    cards = json.loads(icl("list", "--task", "linking", "--json").stdout)
    assert [card["name"] for card in cards] == ["first-label"]
    assert cards[0].keys() == {"name", "task", "summary", "weights", "licence"}


def test_list_refuses_an_unknown_task(icl):
    result = icl("list", "--task", "cooking")
    assert result.exit_code == 2
    assert "'cooking'" in result.stderr and "forecasting" in result.stderr


def test_a_broken_plugin_costs_one_line_on_stderr(icl, monkeypatch):
    monkeypatch.setenv("ICL_LOAD_PLUGINS", "icl-fake,icl-broken")
    result = icl("list")
    assert result.exit_code == 0
    assert "last-value" in result.stdout
    assert result.stderr == "Not loaded: broken. `icl plugins` says why.\n"


def test_plugins_shows_name_distribution_version_hooks_and_reason(icl, monkeypatch):
    monkeypatch.setenv("ICL_LOAD_PLUGINS", "icl-fake,icl-broken")
    result = icl("plugins")
    assert result.exit_code == 0
    broken, fake = sorted(result.stdout.splitlines()[1:])
    assert broken.split()[:3] == ["broken", "icl-broken", "1.2"]
    assert "RuntimeError" in broken and "no luck today" in broken
    assert fake.split()[:3] == ["fake", "icl-fake", "1.2"]
    assert "icl_learners" in fake and "icl_demos" in fake
    assert "Traceback" not in result.stdout + result.stderr


def test_plugins_debug_shows_the_traceback(icl, monkeypatch):
    monkeypatch.setenv("ICL_LOAD_PLUGINS", "icl-broken")
    result = icl("plugins", "--debug")
    assert "Traceback" in result.stderr and "broken_plugin.py" in result.stderr


def test_plugins_check_fails_when_one_has_a_problem(icl, monkeypatch):
    assert icl("plugins", "--check").exit_code == 0
    monkeypatch.setenv("ICL_LOAD_PLUGINS", "icl-fake,icl-broken")
    result = icl("plugins", "--check")
    assert result.exit_code == 1
    assert "1 of 2 plugins have a problem." in result.stderr


def test_plugins_json_and_timings(icl, monkeypatch):
    monkeypatch.setenv("ICL_LOAD_PLUGINS", "icl-fake,icl-broken")
    reports = {r["name"]: r for r in json.loads(icl("plugins", "--json", "--timings").stdout)}
    assert reports["fake"]["error"] is None
    assert "icl_learners" in reports["fake"]["hooks"]
    assert "no luck" in reports["broken"]["error"]
    assert reports["fake"]["seconds"] >= 0
    assert "SECONDS" in icl("plugins", "--timings").stdout


def test_info_shows_options_and_weights(icl):
    text = icl("info", "last-value").stdout
    assert "Repeats the last value." in text
    assert "shift  added to the forecast" in text
    weighty = icl("info", "weighty").stdout
    assert "2.0 MB" in weighty and "https://example.invalid/big.ckpt" in weighty


def test_info_json_is_the_whole_card(icl):
    card = json.loads(icl("info", "weighty", "--json").stdout)
    assert card["task"] == "forecasting"
    assert [w["name"] for w in card["weights"]] == ["bundled", "official"]


def test_info_of_an_unknown_name_gives_the_closest(icl):
    result = icl("info", "last-valeu")
    assert result.exit_code == 2
    assert "last-value" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
