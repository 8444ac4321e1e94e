"""Commands that only read cards must stay light: what they import is counted, not timed."""

import json

import pytest

HEAVY = ("torch", "pandas", "matplotlib", "scipy", "gluonts", "safetensors", "rich", "numpy", "PIL")
BUDGET = 450
"""Modules in sys.modules at the end: the interpreter, typer and our own; 340 when this was set."""

CODE = """
import json
from icl_cli import main
try:
    main()
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["list"],
        ["list", "--json"],
        ["plugins"],
        ["info", "last-value"],
        ["bench", "list"],
        ["predict", "--help"],
    ],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(icl_process, args):
    result = icl_process(*args, code=CODE)
    assert result.returncode == 0, result.stderr
    modules = json.loads(result.stderr.splitlines()[-1])
    assert [name for name in HEAVY if name in modules] == []
    assert len(modules) < BUDGET


def test_with_the_shipped_plugins_listing_stays_light_too(icl_process, monkeypatch):
    monkeypatch.delenv("ICL_LOAD_PLUGINS")
    result = icl_process("list", code=CODE)
    modules = json.loads(result.stderr.splitlines()[-1])
    assert [name for name in HEAVY[:6] if name in modules] == []
