"""From a name to a loaded learner."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_core import catalogue
from icl_core.errors import IclError, InputError, MissingExtraError, PluginError

if TYPE_CHECKING:
    from icl_core.cards import LearnerCard
    from icl_core.learner import Learner
    from icl_core.weights import ResolvedWeights

HOOK = "icl_learners"


def learners() -> list[LearnerCard]:
    """Return the cards of all learners that are installed, sorted by name.

    Only cards are read: no learner, no weights and no heavy library is imported.
    """
    cards = (entry.value for entry in catalogue.entries(HOOK) if entry.first)
    return sorted(cards, key=lambda card: card.name)


def learner_card(name: str) -> LearnerCard:
    """Return the card of one learner.

    Args:
        name: the learner's name, or `distribution:name` where two plugins share one.

    Raises:
        UnknownNameError: there is none; the sentence has the closest names.
    """
    if not isinstance(name, str):
        raise InputError(f"a learner's name is a string, not a {type(name).__name__}")
    card: LearnerCard = catalogue.find(HOOK, name).value
    return card


def learner_class(card: LearnerCard) -> type[Learner]:
    """Import the class behind a card.

    Raises:
        MissingExtraError: an optional library is not installed; the hint installs it.
        PluginError: the import failed, or what is there is no `Learner`.
    """
    from icl_core.learner import Learner

    try:
        cls = catalogue.import_object(card.cls, _called(card))
    except PluginError as error:
        missing = _missing_extra(card, error.__cause__)
        if missing is None:
            raise
        raise missing from error.__cause__
    if not isinstance(cls, type) or not issubclass(cls, Learner):
        raise PluginError(f"{_called(card)}: {card.cls} is {cls!r}, which is no Learner class")
    return cls


def load(
    name: str,
    weights: str | Path | None = None,
    device: str = "auto",
    dtype: str = "auto",
    compile: bool = False,
    behaviour: str = "corrected",
    **options: Any,
) -> Learner:
    """Load a learner.

    Args:
        name: its name, as in `icl list`; `distribution:name` where two plugins share one.
        weights: None for the learner's default, "bundled", "official", a name from its card, a
            local file or folder, or `hf:owner/name[@revision]`.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        dtype: "auto", "float32", "bfloat16", "float16".
        compile: whether to run the network through `torch.compile`.
        behaviour: "corrected", or "official" for the released code with its defects.
        **options: the learner's own options, listed in its card.

    Raises:
        UnknownNameError: no learner or no weights of that name.
        InputError: an option is unknown or has a bad value.
        MissingExtraError: an optional library is not installed.
        WeightsError: the weights cannot be had or do not fit.
        PluginError: the plugin failed.
    """
    return load_card(
        learner_card(name), weights, device, dtype, compile, behaviour, options=options
    )


def load_card(
    card: LearnerCard,
    weights: str | Path | None = None,
    device: str = "auto",
    dtype: str = "auto",
    compile: bool = False,
    behaviour: str = "corrected",
    options: dict[str, Any] | None = None,
) -> Learner:
    """Load the learner of a card, which need not be installed. Arguments as in `load`."""
    from icl_core.learner import LoadOptions

    cls = learner_class(card)
    needed = weights is not None or cls.needs_weights(options or {})
    resolved = _resolve(card, weights) if needed else None
    asked = LoadOptions(resolved, device, dtype, compile, behaviour)
    theirs = {} if resolved is None or resolved.card is None else resolved.card.options
    try:
        return cls(card, asked, **{**theirs, **(options or {})})
    except IclError:
        raise
    except (Exception, SystemExit) as error:
        raise failure(card, error) from error


def predict(learner: str | Learner, context: Any, query: Any, **options: Any) -> Any:
    """Show a context, ask a query, in one call.

    To ask many queries about one context use `learner.prepare(context)` once; to use a learner
    many times `load` it once.

    Args:
        learner: a loaded learner, or a name, which is loaded for this call.
        context: a `Context`, or a shorthand for the learner's task.
        query: one query (one prediction comes back), or a list of them (a list comes back).
        **options: the learner's predict options; with a name also the arguments of `load`.

    Raises:
        InputError: the context, the query or an option cannot be used.
        PluginError: the learner failed.
    """
    from icl_core.learner import Learner

    if isinstance(learner, str):
        known = learner_class(learner_card(learner)).predict_options
        for_load = {key: value for key, value in options.items() if key not in known}
        options = {key: value for key, value in options.items() if key in known}
        learner = load(learner, **for_load)
    elif not isinstance(learner, Learner):
        raise InputError(
            f"learner is a {type(learner).__name__}, expected a name or a loaded learner"
        )
    return learner.prepare(context).predict(query, **options)


def failure(card: LearnerCard, error: BaseException) -> IclError:
    """Return the error that names the learner, and who brings it, for a foreign exception of it.

    Args:
        card: the learner that raised.
        error: what it raised.
    """
    missing = _missing_extra(card, error)
    if missing is not None:
        return missing
    what = f"{type(error).__name__}: {error}"
    if isinstance(error, SystemExit):
        what = f"it called sys.exit({error.code!r})"
    return PluginError(f"{_called(card)} ({card.cls}) failed: {what}")


def _resolve(card: LearnerCard, weights: str | Path | None) -> ResolvedWeights | None:
    if weights is None and not card.weights:
        return None
    from icl_core.weights import resolve_weights

    return resolve_weights(card, weights)


def _missing_extra(card: LearnerCard, error: BaseException | None) -> MissingExtraError | None:
    if card.extra is None or not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    module = card.cls.partition(":")[0]
    if f"{module}.".startswith(f"{error.name}."):  # the plugin's own module: a typo in `cls`
        return None
    return MissingExtraError(
        f"{card.name} needs the Python package {error.name!r}, which is not installed",
        f"pip install '{card.extra}'",
    )


def _called(card: LearnerCard) -> str:
    owner = catalogue.owner(card)
    return f"learner {card.name}" + (f" of {owner}" if owner else "")
