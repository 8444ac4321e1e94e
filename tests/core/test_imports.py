"""Who may import whom, what an import may cost, and how long a file may be."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import icl_core

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "icl_core": ROOT / "icl_core",
    "icl_cli": ROOT / "entrypoints" / "icl_cli",
    "icl_server": ROOT / "entrypoints" / "icl_server",
    "icl_bench": ROOT / "benchmarks" / "icl_bench",
    **{path.name: path for path in ROOT.glob("plugins/*/icl_*")},
}
PLUGINS = {path.name for path in ROOT.glob("plugins/*/icl_*")}
HOST = {"icl_core", "icl_bench", "icl_cli", "icl_server"}
MAY_IMPORT = {
    "icl_core": set(),
    "icl_bench": {"icl_core"},
    "icl_cli": {"icl_core", "icl_bench"},
    "icl_server": {"icl_core", "icl_bench"},
    **{name: {"icl_core"} for name in PLUGINS},
}
HEAVY = {"torch", "pandas", "matplotlib", "scipy", "gluonts", "safetensors"}
# Measured 185 with Python 3.11, and a fifth more.
MOST_MODULES = 222
LONGEST, LONGEST_NETWORK = 400, 500


def python_files(folder):
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def imported(nodes):
    """Top-level names that these statements import, without relative imports."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def at_import(body):
    """Statements that run when a module is imported."""
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from at_import(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            for part in ("body", "orelse", "finalbody", "handlers"):
                yield from at_import(getattr(node, part, []))


def fresh(code):
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("package", [name for name, path in PACKAGES.items() if path.is_dir()])
def test_packages_import_only_what_they_may(package):
    forbidden = (HOST | PLUGINS) - MAY_IMPORT[package] - {package} | {"entrypoints", "benchmarks"}
    for file in python_files(PACKAGES[package]):
        found = set(imported(ast.walk(ast.parse(file.read_text(encoding="utf-8")))))
        assert not found & forbidden, f"{file} imports {found & forbidden}"
        foreign = {name for name in found if name.startswith("icl_")} - HOST - PLUGINS
        assert not foreign, f"{file} imports {foreign}"


def test_the_core_imports_nothing_heavy_at_module_level():
    for file in python_files(ROOT / "icl_core"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        found = set(imported(at_import(tree.body))) & HEAVY
        assert not found, f"{file} imports {found} at module level"


def test_folders_that_hold_packages_are_none_themselves():
    for folder in ("entrypoints", "benchmarks", "plugins", "tests"):
        assert not (ROOT / folder / "__init__.py").exists()
    assert not [path for path in (ROOT / "tests").rglob("__init__.py") if "icl_" not in str(path)]
    for folder in ROOT.glob("plugins/*"):
        assert not (folder / "__init__.py").exists()
        assert not (folder / "tests" / "__init__.py").exists()


def test_nobody_imports_a_folder_that_holds_packages():
    for folder in ("icl_core", "entrypoints", "benchmarks", "plugins", "tests"):
        for file in python_files(ROOT / folder):
            found = set(imported(ast.walk(ast.parse(file.read_text(encoding="utf-8")))))
            assert not found & {"entrypoints", "benchmarks", "plugins", "tests"}, file


def test_importing_the_core_imports_almost_nothing():
    loaded = fresh("import icl_core, json, sys; print(json.dumps(sorted(sys.modules)))")
    assert not set(loaded) & (HEAVY | {"numpy", "PIL", "pluggy"})
    assert [name for name in loaded if name.startswith("icl_core")] == ["icl_core"]


def test_listing_learners_stays_light():
    loaded = fresh(
        "import icl_core, json, sys; icl_core.learners(); print(json.dumps(sorted(sys.modules)))"
    )
    assert not set(loaded) & HEAVY
    assert len(loaded) <= MOST_MODULES, f"{len(loaded)} modules"


@pytest.mark.parametrize("name", icl_core.__all__)
def test_each_public_name_is_there(name):
    assert getattr(icl_core, name) is not None
    assert name in dir(icl_core)


def test_the_lazy_table_and_the_public_names_agree():
    assert set(icl_core._HOME) | {"__version__"} == set(icl_core.__all__)
    tree = ast.parse(Path(icl_core.__file__).read_text(encoding="utf-8"))
    (typed,) = (node for node in tree.body if isinstance(node, ast.If))
    shown = {
        (alias.name, node.module.removeprefix("icl_core."))
        for node in typed.body
        for alias in node.names
    }
    assert shown == set(icl_core._HOME.items())


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'learnerz'"):
        icl_core.learnerz  # noqa: B018


@pytest.mark.parametrize("folder", ["icl_core", "entrypoints", "benchmarks", "plugins"])
def test_files_are_short(folder):
    for file in python_files(ROOT / folder):
        lines = len(file.read_text(encoding="utf-8").splitlines())
        most = LONGEST_NETWORK if "network" in file.stem else LONGEST
        assert lines <= most, f"{file} has {lines} lines, at most {most} are allowed"


def test_typed_packages_say_so():
    for path in PACKAGES.values():
        assert not path.is_dir() or (path / "py.typed").exists(), f"{path} has no py.typed"
