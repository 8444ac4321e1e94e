"""The contract of a plugin, as one call that a plugin's own tests make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from icl_core.errors import MissingExtraError, PluginError
from icl_core.testing.contract import CHECKS, NEEDED, Contract, Skipped
from icl_core.testing.subject import subjects
from icl_core.types import Episode

PASSED = "PASSED"


def check_plugin(
    plugin: str | ModuleType,
    *,
    weights: str | Path | None = None,
    episodes: Sequence[Episode] | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, str | BaseException]:
    """Run the whole contract on one learner, or on all learners of a plugin.

    Example:
        ```python
        results = check_plugin("icl_my_learner")
        failed = {name: result for name, result in results.items()
                  if isinstance(result, BaseException)}
        assert not failed, failed
        ```

    Args:
        plugin: the name of an installed learner (or `distribution:name`), of an entry point, of a
            distribution, or of a module with hooks; or such a module.
        weights: what to load the learners with. None is the default, where that is bundled, else
            weights that the card calls "tiny"; without either the checks that need the learner
            are skipped.
        episodes: at least three, the second and third with the same query but contexts that
            disagree about it; `tiny_episodes` of the task when None.
        options: options to load the learners with.

    Returns:
        "learner: check" -> "PASSED", "SKIPPED: <reason>", or the exception. A plugin that brings
        no learner because it fails has the one entry "plugin: hooks".

    Raises:
        UnknownNameError: there is no such learner or plugin.
    """
    try:
        found = subjects(plugin)
    except PluginError as error:
        return {f"{getattr(plugin, '__name__', plugin)}: hooks": error}
    results: dict[str, str | BaseException] = {}
    for subject in found:
        contract = Contract(subject, weights, episodes, dict(options or {}))
        hindrance: str | None = None
        for check in CHECKS:
            name = check.__name__.strip("_").replace("_", " ")
            outcome = hindrance or _outcome(check, contract)
            results[f"{subject.card.name}: {name}"] = outcome
            if check in NEEDED and outcome != PASSED and hindrance is None:
                skipped = isinstance(outcome, str)
                hindrance = str(outcome) if skipped else f"SKIPPED: {name!r} did not pass"
    return results


def _outcome(check: Callable[[Contract], None], contract: Contract) -> str | BaseException:
    try:
        check(contract)
    except Skipped as reason:
        return f"SKIPPED: {reason}"
    except MissingExtraError as error:
        return f"SKIPPED: {error}"
    except (Exception, SystemExit) as error:
        return error
    return PASSED
