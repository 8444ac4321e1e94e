import json

import pytest

from icl_core import catalogue, plugins
from icl_core.errors import InputError, PluginError, UnknownNameError


def report(name):
    return next(one for one in plugins.reports() if one.name == name)


def refresh():
    plugins.discover(refresh=True)


def test_a_plugin_is_found_through_its_entry_point(site):
    site.install_echo()
    refresh()

    echo = report("echo")
    assert (echo.distribution, echo.version) == ("icl-echo", "1.2.3")
    assert echo.hooks == ("icl_learners", "icl_metrics")
    assert echo.error is None and echo.trace is None
    assert 0 <= echo.seconds < 60
    assert str(echo) == "icl-echo 1.2.3"


def test_what_was_found_is_kept_until_it_is_refreshed(site):
    first = plugins.discover()
    site.install_echo()
    assert plugins.discover() is first
    assert plugins.discover(refresh=True) is not first


def test_a_plugin_that_raises_hurts_nobody_else(site):
    site.install_broken("icl_raises")
    site.install_echo()
    refresh()

    broken = report("raises")
    assert broken.error == "RuntimeError during import: the flux capacitor is missing"
    assert "icl_raises.py" in broken.trace and "a second line" in broken.trace
    assert broken.hooks == ()
    assert report("echo").error is None


def test_a_plugin_that_exits_hurts_nobody_else(site):
    site.install_broken("icl_exits")
    site.install_echo()
    refresh()

    assert report("exits").error == "called sys.exit(3) during import"
    assert report("echo").error is None


def test_an_interrupt_during_an_import_is_not_swallowed(site):
    (site.folder / "icl_interrupted.py").write_text("raise KeyboardInterrupt\n")
    site.describe("icl-interrupted", "1", "[icl]\ninterrupted = icl_interrupted\n")
    with pytest.raises(KeyboardInterrupt):
        refresh()


def test_a_slow_plugin_is_seen(site, monkeypatch, capfd):
    site.install_echo()
    site.install_broken("icl_slow")
    monkeypatch.setattr(plugins, "SLOW_IMPORT", 0.04)
    refresh()

    slow = report("slow")
    assert slow.seconds >= 0.05
    assert slow.slow and slow.error is None
    written = capfd.readouterr()
    assert (written.out, "warming up" in written.err) == ("", True)


def test_a_misspelt_hook_is_reported_with_the_name_that_was_meant(site):
    site.install_broken("icl_misspelt")
    refresh()

    misspelt = report("misspelt")
    assert misspelt.error == "unknown hook 'icl_learner', did you mean icl_learners?"
    assert misspelt.hooks == ("icl_metrics",)
    assert catalogue.find("icl_metrics", "misspelt-metric").plugin.name == "misspelt"


def test_a_hook_with_an_unknown_argument_is_reported(site):
    site.install_broken("icl_badargument")
    refresh()

    bad = report("badargument")
    assert bad.error.startswith("PluginValidationError during registration")
    assert bad.hooks == ()
    assert not any(one.name == "badargument" for one, _ in plugins.call("icl_metrics"))


def test_a_plugin_without_hooks_is_reported(site):
    site.install_broken("icl_nohooks")
    refresh()
    assert "mark its hook functions with @icl_core.hookimpl" in report("nohooks").error


def test_hooks_that_raise_or_exit_leave_the_others_alone(site):
    site.install_broken("icl_badhooks")
    site.install_echo()
    refresh()

    assert "echo" in [entry.name for entry in catalogue.entries("icl_learners")]
    assert "half" not in [entry.name for entry in catalogue.entries("icl_learners")]
    assert "echo-error" in [entry.name for entry in catalogue.entries("icl_metrics")]
    problem = report("badhooks").error
    assert "ValueError during icl_learners: no more cards" in problem
    assert "called sys.exit(4) during icl_metrics" in problem
    assert "icl_selectors returned a list, expected a dict" in problem
    assert "'run:me' is no name" in problem
    assert "expected 'module:object'" in problem
    assert [e.name for e in catalogue.entries("icl_commands") if e.plugin.name == "badhooks"] == [
        "walk"
    ]


def test_a_broken_entry_points_file_is_reported(site):
    site.describe("icl-garbled", "1", "[icl]\nthis is not a line of the format\n")
    site.install_echo()
    refresh()

    garbled = next(one for one in plugins.reports() if one.distribution == "icl-garbled")
    assert "reading its metadata" in garbled.error
    assert report("echo").error is None


def test_the_first_of_two_copies_of_a_distribution_counts(site, tmp_path, monkeypatch):
    site.install_echo()
    site.describe("Icl_Echo", "0.1", "[icl]\nold = icl_old\n")
    refresh()
    mine = [one for one in plugins.reports() if plugins.normalised(one.distribution) == "icl-echo"]
    assert len(mine) == 1


def test_only_the_plugins_that_were_asked_for_are_loaded(site, monkeypatch):
    site.install_echo()
    site.install_broken("icl_slow", "icl_exits")
    for wanted, expected in [
        ("", []),
        ("icl-echo", ["echo"]),
        ("Icl.Echo", ["echo"]),
        ("slow,echo", ["echo", "slow"]),
    ]:
        monkeypatch.setenv("ICL_LOAD_PLUGINS", wanted)
        assert [one.name for one in plugins.reports()] == expected


def test_a_plugin_that_was_asked_for_and_is_not_there_is_reported(site, monkeypatch):
    monkeypatch.setenv("ICL_LOAD_PLUGINS", "icl-ekho")
    assert report("icl-ekho").error == "ICL_LOAD_PLUGINS names it, but it is not installed"


def test_strict_mode_raises_with_the_name_of_the_plugin(site, monkeypatch):
    site.install_broken("icl_raises")
    monkeypatch.setenv("ICL_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match=r"plugin raises of icl-raises 0\.9: RuntimeError"):
        plugins.discover(refresh=True)


def test_strict_mode_raises_when_a_hook_fails(site, monkeypatch):
    site.install_broken("icl_badhooks")
    monkeypatch.setenv("ICL_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match=r"called sys\.exit"):
        plugins.call("icl_metrics")


def test_tracing_writes_imports_and_hook_calls_to_stderr(site, monkeypatch, capsys):
    site.install_echo()
    monkeypatch.setenv("ICL_TRACE_PLUGINS", "1")
    plugins.reports()

    written = capsys.readouterr()
    assert "icl: icl-echo 1.2.3 import icl_echo: " in written.err
    assert "icl: icl-echo 1.2.3 icl_learners -> list: " in written.err
    assert written.out == ""


def test_a_hook_is_called_once_a_discovery(site, monkeypatch, capsys):
    site.install_echo()
    monkeypatch.setenv("ICL_TRACE_PLUGINS", "1")
    plugins.call("icl_metrics")
    plugins.call("icl_metrics")
    assert capsys.readouterr().err.count("1.2.3 icl_metrics") == 1


def test_there_is_no_hook_of_another_name(site):
    with pytest.raises(InputError, match="there is no hook 'icl_widgets', expected one of"):
        plugins.call("icl_widgets")


def test_a_name_belongs_to_the_first_distribution_and_the_second_is_told(site):
    site.install_broken("icl_duplicate")
    site.install_echo()
    refresh()

    bare = catalogue.find("icl_learners", "echo")
    assert bare.plugin.distribution == "icl-duplicate"  # before icl-echo in the alphabet
    assert catalogue.find("icl_learners", "icl-echo:echo").plugin.distribution == "icl-echo"
    assert (
        catalogue.find("icl_learners", "ICL_Echo:echo").value.summary == "Repeats the last value."
    )
    problem = report("echo").error
    assert "'echo' of icl-echo 1.2.3 is already brought by icl-duplicate 0.9" in problem
    assert "icl-echo:echo" in problem
    assert (
        report("duplicate").error
        == "icl_learners: 'echo-two' is there twice; the first one is used"
    )


def test_the_alphabet_of_distributions_ignores_what_follows_the_name(site):
    for name in ("icl-a-b", "icl-a"):
        module = name.replace("-", "_")
        (site.folder / f"{module}.py").write_text(
            "import icl_core\n"
            "@icl_core.hookimpl\n"
            f"def icl_metrics():\n    return {{'same': '{module}:metric'}}\n"
        )
        site.describe(name, "1", f"[icl]\nx = {module}\n")
    refresh()
    assert catalogue.find("icl_metrics", "same").plugin.distribution == "icl-a"


def test_an_unknown_name_says_which_are_close_and_what_failed(site):
    site.install_echo()
    site.install_broken("icl_raises")
    refresh()

    with pytest.raises(UnknownNameError) as caught:
        catalogue.find("icl_metrics", "ekho-error")
    assert caught.value.message.startswith("there is no metric 'ekho-error'")
    assert caught.value.hint == "did you mean echo-error?"
    assert "raises of icl-raises 0.9: RuntimeError during import" in caught.value.message


def test_an_unknown_name_says_that_plugins_are_limited(site, monkeypatch):
    monkeypatch.setenv("ICL_LOAD_PLUGINS", "")
    with pytest.raises(
        UnknownNameError, match="no plugin brings one; ICL_LOAD_PLUGINS allows only"
    ):
        catalogue.find("icl_selectors", "anything")


def test_a_metric_is_imported_when_it_is_asked_for(site):
    site.install_echo()
    refresh()
    assert catalogue.resolve("icl_metrics", "echo-error").__name__ == "error"


def test_what_cannot_be_imported_is_a_plugin_error(site):
    site.install_broken("icl_badhooks")
    refresh()
    assert catalogue.resolve("icl_commands", "walk")() is None
    with pytest.raises(PluginError, match=r"it \(icl_badhooks:nothing\): AttributeError"):
        catalogue.import_object("icl_badhooks:nothing", "it")
    site.install_broken("icl_exits")
    with pytest.raises(PluginError, match=r"called sys.exit\(3\)"):
        catalogue.import_object("icl_exits:anything", "it")


def test_all_of_it_works_in_a_fresh_process(site):
    site.install_echo()
    site.install_broken("icl_raises", "icl_exits", "icl_slow", "icl_misspelt", "icl_badhooks")
    done = site.run(
        "import json\n"
        "from icl_core import plugins, learners\n"
        "names = [card.name for card in learners()]\n"
        "bad = sorted(one.name for one in plugins.reports() if one.error)\n"
        "print(json.dumps([names, bad]))"
    )
    assert done.returncode == 0, done.stderr
    names, bad = json.loads(done.stdout)
    assert {"echo", "echo-mask", "snail"} <= set(names)
    assert {"raises", "exits", "misspelt", "badhooks"} <= set(bad)
    assert not {"echo", "slow"} & set(bad)
