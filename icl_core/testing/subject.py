"""Which learners are meant when somebody says which plugin to check."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from icl_core import catalogue, plugins
from icl_core.cards import LearnerCard
from icl_core.errors import PluginError, UnknownNameError
from icl_core.plugins import PluginReport
from icl_core.registry import HOOK

HEAVY = ("torch", "tensorflow", "jax", "transformers", "pandas", "matplotlib", "scipy", "cv2")
"""Libraries that reading cards may not import."""

# The cards are read as well: a hook may import what its module does not.
_SCRIPT = """
import importlib, json, sys
path, module, hook, heavy = json.loads(sys.argv[1])
sys.path[:] = path
list(getattr(importlib.import_module(module), hook, list)())
sys.stderr.write("\\n" + json.dumps([name for name in heavy if name in sys.modules]))
"""


@dataclass(frozen=True)
class Subject:
    """A learner to check.

    Args:
        card: its card.
        plugin: what is known of the plugin that brings it.
        module: the module whose hooks bring it, if it can be imported by name.
    """

    card: LearnerCard
    plugin: PluginReport
    module: str | None


def subjects(plugin: str | ModuleType) -> list[Subject]:
    """Return the learner of that name, or all learners of a distribution, entry point or module.

    Raises:
        UnknownNameError: there is none of that name.
        PluginError: it cannot be imported, its hook fails, or it brings no learner.
    """
    if isinstance(plugin, ModuleType):
        return _of_module(plugin)
    try:
        return [_installed(catalogue.find(HOOK, plugin))]
    except UnknownNameError:
        reports = [report for report in plugins.discover().reports.values() if _is(report, plugin)]
        if not reports and _can_import(plugin):
            return _of_module(_imported(plugin))
        if not reports:
            raise
    keys = {report.key for report in reports}
    found = [_installed(e) for e in catalogue.entries(HOOK) if e.plugin.key in keys]
    if not found:
        problem = next((report.error for report in reports if report.error), None)
        raise PluginError(f"plugin {plugin}: {problem or 'it brings no learner'}")
    return found


def heavy_imports(module: str) -> list[str]:
    """Return which `HEAVY` libraries a fresh process holds after reading the cards of a module.

    Raises:
        PluginError: the module cannot be imported in a fresh process.
    """
    arguments = json.dumps([[str(folder) for folder in sys.path], module, HOOK, HEAVY])
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
        check=False,
    )
    last = done.stderr.strip().rpartition("\n")[2]
    if done.returncode != 0:
        raise PluginError(f"{module} cannot be imported in a fresh process: {last}")
    names: list[str] = json.loads(last)
    return names


def _installed(entry: catalogue.Entry) -> Subject:
    found, key = plugins.discover(), entry.plugin.key
    return Subject(entry.value, found.reports[key], _module_of(found.plugins[key]))


def _of_module(module: ModuleType) -> list[Subject]:
    name = module.__name__
    report = plugins.examine(module, name)
    if HOOK not in report.hooks:
        raise PluginError(f"plugin {name}: {report.error or 'it brings no learner'}")
    try:
        cards = list(getattr(module, HOOK)())
    except (Exception, SystemExit) as error:
        raise PluginError(f"plugin {name}: {plugins.reason(error, HOOK)}") from error
    for card in cards:
        if not isinstance(card, LearnerCard):
            raise PluginError(f"plugin {name}: a {type(card).__name__} is no LearnerCard")
    if not cards:
        raise PluginError(f"plugin {name}: it brings no learner")
    return [Subject(card, report, _module_of(module)) for card in cards]


def _is(report: PluginReport, name: str) -> bool:
    return name == report.name or (
        plugins.normalised(name) == plugins.normalised(report.distribution)
    )


def _imported(name: str) -> ModuleType:
    try:
        return import_module(name)
    except (Exception, SystemExit) as error:
        raise PluginError(f"plugin {name}: {plugins.reason(error, 'import')}") from error


def _can_import(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _module_of(plugin: Any) -> str | None:
    name = plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__module__
    return name if _can_import(name) else None
