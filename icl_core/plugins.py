"""Find the plugins and call their hooks, so that a broken one hurts nobody else.

A plugin is a module behind an entry point of the group `icl`. Its import, its registration and
each of its hook calls are isolated: what goes wrong there (also `sys.exit`) is kept as a reason in
its `PluginReport`, and the others go on. Finding plugins never installs or downloads anything.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib import metadata
from typing import Any

import pluggy

from icl_core import hookspecs
from icl_core.errors import InputError, PluginError
from icl_core.settings import Settings, settings

GROUP = "icl"
SLOW_IMPORT = 1.0
"""Seconds of import above which a plugin counts as slow."""


@dataclass(frozen=True)
class PluginReport:
    """What is known of one plugin.

    Args:
        name: its entry point.
        distribution: the installed distribution that declares it.
        version: of the distribution.
        hooks: the hooks it implements.
        seconds: how long its import took.
        error: what is wrong with it, one line; None if nothing is.
        trace: the traceback behind the first problem, if there was an exception.
    """

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...] = ()
    seconds: float = 0.0
    error: str | None = None
    trace: str | None = None

    @property
    def slow(self) -> bool:
        """Whether its import took longer than `SLOW_IMPORT` seconds."""
        return self.seconds > SLOW_IMPORT

    @property
    def key(self) -> str:
        """`distribution:entry point`, which is unique."""
        return f"{self.distribution}:{self.name}"

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".strip()


@dataclass
class Discovery:
    """The plugins as they were found, what is known of each, and what their hooks returned."""

    manager: pluggy.PluginManager
    strict: bool = False
    trace: bool = False
    plugins: dict[str, Any] = field(default_factory=dict)
    reports: dict[str, PluginReport] = field(default_factory=dict)
    results: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)
    derived: dict[str, Any] = field(default_factory=dict)
    """What other modules worked out from this discovery; forgotten together with it."""

    def note(self, key: str, problem: str, error: BaseException | None = None) -> None:
        """Keep a problem of a plugin; with `ICL_STRICT_PLUGINS=1`, raise it instead."""
        report = self.reports[key]
        if self.strict:
            raise PluginError(f"plugin {report.name} of {report}: {problem}") from error
        if report.error is not None:
            problem = f"{report.error}; {problem}"
        trace = report.trace
        if trace is None and error is not None:
            trace = "".join(traceback.format_exception(error))
        self.reports[key] = replace(report, error=problem, trace=trace)


_found: tuple[object, Discovery] | None = None


def discover(refresh: bool = False) -> Discovery:
    """Find and import the plugins; the answer is kept until the plugin settings change.

    Args:
        refresh: look again, for instance after something was installed. A module that is imported
            already is not imported a second time.

    Raises:
        PluginError: a plugin failed and `ICL_STRICT_PLUGINS=1` is set.
    """
    global _found
    now = settings()
    wanted = (now.load_plugins, now.strict_plugins, now.trace_plugins)
    if refresh or _found is None or _found[0] != wanted:
        _found = (wanted, _discover(now))
    return _found[1]


def reports() -> list[PluginReport]:
    """Return a report of each plugin, after calling all its hooks, sorted by entry point."""
    # The catalogue checks what the hooks return; it is built on this module, hence the late import.
    from icl_core import catalogue

    found = discover()
    for hook in hook_names():
        catalogue.entries(hook)
    return sorted(found.reports.values(), key=lambda report: (report.name, report.distribution))


def hook_names() -> list[str]:
    """Return the names of all hooks, in the order in which they are specified."""
    return [name for name in vars(hookspecs) if name.startswith("icl_")]


def call(hook: str) -> list[tuple[PluginReport, Any]]:
    """Call a hook of every plugin and return what each returned.

    The results are in alphabetical order of distribution, then of entry point. A plugin that
    raises is left out and its report keeps the reason. Each hook is called once a discovery.

    Args:
        hook: name of the hook, such as "icl_learners".

    Raises:
        InputError: there is no such hook.
        PluginError: a plugin failed and `ICL_STRICT_PLUGINS=1` is set.
    """
    if hook not in hook_names():
        raise InputError(f"there is no hook {hook!r}, expected one of {', '.join(hook_names())}")
    found = discover()
    if hook not in found.results:
        found.results[hook] = [
            (key, value)
            for key in sorted(found.plugins, key=lambda key: _order(found.reports[key]))
            for value in _call_one(found, key, hook)
        ]
    return [(found.reports[key], value) for key, value in found.results[hook]]


def examine(plugin: Any, name: str) -> PluginReport:
    """Return the report of a plugin that is not installed, such as a module under test.

    Args:
        plugin: a module, or another object with hooks.
        name: what to call it.
    """
    found = Discovery(_manager())
    report = PluginReport(name, name, "")
    found.reports[report.key] = report
    _register(found, report.key, plugin)
    return found.reports[report.key]


def normalised(distribution: str) -> str:
    """Return a distribution's name as packaging tools compare it: `Icl_Echo` is `icl-echo`."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def reason(error: BaseException, during: str) -> str:
    """Return one line that says what an exception was."""
    if isinstance(error, SystemExit):
        return f"called sys.exit({error.code!r}) during {during}"
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__} during {during}: {first}"


def _discover(now: Settings) -> Discovery:
    found = Discovery(_manager(), strict=now.strict_plugins, trace=now.trace_plugins)
    points = list(_entry_points(found))
    for point, report in sorted(points, key=lambda pair: (pair[1].name, pair[1].distribution)):
        if _is_wanted(report, now.load_plugins):
            _load(found, point, report)
    for name in now.load_plugins or ():
        if not any(_is_wanted(report, (name,)) for _, report in points):
            absent = PluginReport(name, "", "")
            found.reports[absent.key] = absent
            found.note(absent.key, "ICL_LOAD_PLUGINS names it, but it is not installed")
    return found


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("icl")
    manager.add_hookspecs(hookspecs)
    return manager


def _entry_points(found: Discovery) -> Iterator[tuple[metadata.EntryPoint, PluginReport]]:
    # `metadata.entry_points()` fails as a whole when one installed distribution has a broken
    # entry_points.txt, so each distribution is read by itself.
    seen = set()
    for distribution in metadata.distributions():
        name, version = "unknown", ""
        try:
            text = distribution.read_text("entry_points.txt") or ""
            if not re.search(rf"^\s*\[\s*{GROUP}\s*\]", text, re.MULTILINE):
                continue
            name, version = distribution.name, distribution.version
            if normalised(name) in seen:  # the same distribution again, later on the path
                continue
            seen.add(normalised(name))
            for point in distribution.entry_points:
                if point.group == GROUP:
                    yield point, PluginReport(point.name, name, version or "")
        except Exception as error:
            broken = PluginReport("entry_points.txt", name or "unknown", version or "")
            found.reports[broken.key] = broken
            found.note(broken.key, reason(error, "reading its metadata"), error)


def _is_wanted(report: PluginReport, wanted: tuple[str, ...] | None) -> bool:
    if wanted is None:
        return True
    names = {normalised(name) for name in wanted}
    return report.name in wanted or normalised(report.distribution) in names


def _order(report: PluginReport) -> tuple[str, str]:
    return normalised(report.distribution), report.name


def _load(found: Discovery, point: metadata.EntryPoint, report: PluginReport) -> None:
    key = report.key
    found.reports[key] = report
    began = time.perf_counter()
    try:
        # A plugin that prints while it is imported must not spoil what the command line prints.
        with contextlib.redirect_stdout(sys.stderr):
            plugin = point.load()
    except (Exception, SystemExit) as error:
        found.note(key, reason(error, "import"), error)
        return
    finally:
        seconds = time.perf_counter() - began
        found.reports[key] = replace(found.reports[key], seconds=seconds)
        _say(found, f"{report} import {point.value}: {seconds * 1000:.1f} ms")
    _register(found, key, plugin)


def _register(found: Discovery, key: str, plugin: Any) -> None:
    manager = found.manager
    try:
        manager.register(plugin, name=key)
    except (Exception, SystemExit) as error:
        if manager.has_plugin(key):  # pluggy keeps the hooks it met before the bad one
            manager.unregister(name=key)
        found.note(key, reason(error, "registration"), error)
        return
    found.plugins[key] = plugin
    callers = manager.get_hookcallers(plugin) or []
    hooks = tuple(sorted(caller.name for caller in callers if caller.has_spec()))
    found.reports[key] = replace(found.reports[key], hooks=hooks)
    unknown = [caller.name for caller in callers if not _is_known(caller, plugin)]
    for name in sorted(unknown):
        close = get_close_matches(name, hook_names(), n=1)
        found.note(key, f"unknown hook {name!r}" + (f", did you mean {close[0]}?" if close else ""))
    if not hooks and not unknown:
        found.note(key, "it has no hook; mark its hook functions with @icl_core.hookimpl")


def _is_known(caller: pluggy.HookCaller, plugin: Any) -> bool:
    # As `PluginManager.check_pending`, which stops at the first unknown hook of all plugins.
    return caller.has_spec() or all(
        one.optionalhook for one in caller.get_hookimpls() if one.plugin is plugin
    )


def _call_one(found: Discovery, key: str, hook: str) -> list[Any]:
    if hook not in found.reports[key].hooks:
        return []
    others = [plugin for name, plugin in found.plugins.items() if name != key]
    began = time.perf_counter()
    outcome = "failed"
    try:
        with contextlib.redirect_stdout(sys.stderr):
            values = found.manager.subset_hook_caller(hook, others)()
            # A hook that yields does its work here, so it must happen inside the fence.
            values = [list(value) if isinstance(value, Iterator) else value for value in values]
        outcome = ", ".join(type(value).__name__ for value in values) or "None"
    except (Exception, SystemExit) as error:
        found.note(key, reason(error, hook), error)
        return []
    finally:
        milliseconds = (time.perf_counter() - began) * 1000
        _say(found, f"{found.reports[key]} {hook} -> {outcome}: {milliseconds:.1f} ms")
    return list(values)


def _say(found: Discovery, line: str) -> None:
    if found.trace:
        sys.stderr.write(f"icl: {line}\n")
