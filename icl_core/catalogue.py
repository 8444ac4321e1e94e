"""What the plugins bring, by name: checked, and with every name used once.

A name that two plugins bring belongs to the first of them in alphabetical order of distribution.
The second is reported, and `distribution:name` still reaches it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from icl_core import plugins
from icl_core.cards import LearnerCard
from icl_core.errors import PluginError, UnknownNameError
from icl_core.plugins import PluginReport, normalised
from icl_core.settings import settings


@dataclass(frozen=True)
class Entry:
    """One named thing of one plugin.

    Args:
        name: as users ask for it.
        value: a `LearnerCard`, or the "module:object" string of the other hooks.
        plugin: who brings it.
        first: whether the bare name means this one.
    """

    name: str
    value: Any
    plugin: PluginReport
    first: bool = True


def entries(hook: str) -> list[Entry]:
    """Return everything that a hook of all plugins brings, in order of distribution.

    Args:
        hook: "icl_learners", "icl_metrics", ...

    Raises:
        PluginError: a plugin failed and `ICL_STRICT_PLUGINS=1` is set.
    """
    found = plugins.discover()
    if hook not in found.derived:
        found.derived[hook] = list(_collect(found, hook))
    return list(found.derived[hook])


def find(hook: str, name: str) -> Entry:
    """Return the entry of that name, or of `distribution:name`.

    Args:
        hook: where to look.
        name: bare, or with its distribution in front of a colon.

    Raises:
        UnknownNameError: nobody brings it; the sentence has the closest names, and the plugins
            that failed with their reasons, since one of them may have brought it.
    """
    known = entries(hook)
    owner, _, bare = name.rpartition(":")
    for entry in known:
        if entry.name != bare:
            continue
        if entry.first if not owner else normalised(entry.plugin.distribution) == normalised(owner):
            return entry
    raise _unknown(hook, name, sorted(entry.name for entry in known if entry.first))


def resolve(hook: str, name: str) -> Any:
    """Import and return the object behind a metric, an episode source, a selector or a command.

    Raises:
        UnknownNameError: nobody brings it.
        PluginError: importing it failed.
    """
    entry = find(hook, name)
    return import_object(entry.value, f"{name} of {entry.plugin}")


def import_object(reference: str, what: str) -> Any:
    """Import "module:object".

    Args:
        reference: where it lives.
        what: what it is, for the sentence of an error.

    Raises:
        PluginError: the module cannot be imported, or does not have the object.
    """
    module, _, attribute = reference.partition(":")
    try:
        value: Any = import_module(module)
        for part in attribute.split("."):
            value = getattr(value, part)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{what} ({reference}): {plugins.reason(error, 'import')}") from error
    return value


def owner(card: LearnerCard) -> PluginReport | None:
    """Return the plugin that brings this card, if an installed one does."""
    try:
        return next((e.plugin for e in entries("icl_learners") if e.value == card), None)
    except PluginError:  # strict mode, and another plugin is broken: this is about naming only
        return None


def _collect(found: plugins.Discovery, hook: str) -> Iterator[Entry]:
    owners: dict[str, PluginReport] = {}
    for report, returned in plugins.call(hook):
        for name, value in _named(found, report, hook, returned):
            earlier = owners.setdefault(name, report)
            yield Entry(name, value, report, first=earlier is report)
            if earlier is not report:
                select = f"{report.distribution}:{name}"
                if earlier.distribution == report.distribution:
                    select = "nothing: one of the two must be renamed"
                found.note(
                    report.key,
                    f"{name!r} of {report} is already brought by {earlier}, which keeps the name; "
                    f"this one is reached as {select}",
                )


def _named(
    found: plugins.Discovery, report: PluginReport, hook: str, returned: Any
) -> Iterator[tuple[str, Any]]:
    pairs: list[tuple[Any, Any]]
    if hook == "icl_learners":
        if not isinstance(returned, list | tuple):
            found.note(report.key, f"{hook} returned {_kind(returned)}, expected a list of cards")
            return
        pairs = [(getattr(card, "name", None), card) for card in returned]
    elif isinstance(returned, Mapping):
        pairs = list(returned.items())
    else:
        found.note(report.key, f"{hook} returned {_kind(returned)}, expected a dict of names")
        return
    seen = set()
    for name, value in pairs:
        if problem := _problem(hook, name, value):
            found.note(report.key, f"{hook}: {problem}")
        elif name in seen:
            found.note(report.key, f"{hook}: {name!r} is there twice; the first one is used")
        else:
            seen.add(name)
            yield name, value


def _problem(hook: str, name: Any, value: Any) -> str | None:
    if hook == "icl_learners":
        return None if isinstance(value, LearnerCard) else f"{_kind(value)} is no LearnerCard"
    if not isinstance(name, str) or not name or ":" in name:
        return f"{name!r} is no name"
    if not isinstance(value, str) or value.count(":") != 1:
        return f"{name!r} is {value!r}, expected 'module:object'"
    return None


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"


def _unknown(hook: str, name: str, names: list[str]) -> UnknownNameError:
    noun = hook.removeprefix("icl_").removesuffix("s").replace("_", " ")
    close = get_close_matches(name.rpartition(":")[2].lower(), names, n=3, cutoff=0.5)
    parts = [f"there is no {noun} {name!r}"]
    if not close:
        parts.append(f"there are: {', '.join(names)}" if names else "no plugin brings one")
    broken = [r for r in plugins.discover().reports.values() if r.error is not None]
    if broken:
        reasons = "; ".join(f"{r.name} of {r}: {r.error}" for r in broken[:5])
        parts.append(f"a plugin with a problem may have brought it: {reasons}")
    limited = settings().load_plugins
    if limited is not None:
        parts.append(f"ICL_LOAD_PLUGINS allows only: {', '.join(limited) or 'none'}")
    hint = f"did you mean {' or '.join(close)}?" if close else None
    return UnknownNameError("; ".join(parts), hint)
