import pytest

COMMANDS = ("list", "info", "predict", "demo", "select", "weights", "bench", "plugins", "plugin")


def test_help_has_a_quick_start_block(icl):
    result = icl("--help")
    assert result.exit_code == 0
    block = result.stdout.split("Quick start:")[1].split("Data goes to stdout")[0]
    assert "icl demo" in block
    assert "icl predict tirex --series" in block
    assert len(block.strip().splitlines()) == 6  # not wrapped into a paragraph


def test_help_lists_every_command_and_those_of_plugins_without_importing_them(icl_process):
    code = "from icl_cli import main\ntry: main()\nfinally: print('fake_extras' in sys.modules)"
    result = icl_process("--help", code=code)
    assert result.returncode == 0
    for command in (*COMMANDS, "hello"):
        assert f"\n  {command} " in result.stdout
    assert "From the plugin fake." in result.stdout
    assert result.stdout.rstrip().endswith("False")


def test_without_arguments_help_is_shown(icl):
    result = icl()
    assert "Quick start:" in result.stdout + result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_that_fits_a_terminal(icl, command):
    result = icl(command, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: icl {command}")
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_version(icl):
    import icl_core

    assert icl("--version").stdout == f"icl {icl_core.__version__}\n"


def test_a_plugins_command_runs_and_cannot_replace_our_own(icl):
    assert icl("hello").stdout == "hello from a plugin\n"
    assert "NAME" in icl("list").stdout


def test_a_command_that_cannot_be_imported_is_a_sentence(icl, site, monkeypatch):
    import fake_plugin

    from icl_core import hookimpl, plugins

    broken = hookimpl(lambda: {"hello": "fake_extras:absent"})
    monkeypatch.setattr(fake_plugin, "icl_commands", broken)
    plugins.discover(refresh=True)
    result = icl("hello")
    assert result.exit_code == 2
    assert "command hello" in result.stderr and "absent" in result.stderr
