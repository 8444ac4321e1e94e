"""The checks of a plugin's contract, in the order in which they are run."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from icl_core import registry
from icl_core.cards import LearnerCard
from icl_core.errors import IclError, InputError
from icl_core.learner import Learner
from icl_core.results import check_prediction
from icl_core.testing.compare import difference, global_state
from icl_core.testing.subject import Subject, heavy_imports
from icl_core.testing.tiny import bad_inputs, tiny_episodes
from icl_core.types import Episode

BATCH_TOLERANCE = 1e-5
"""How far a batched answer may be from a single one, relative to scale 1, in float32."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class CheckFailed(AssertionError):  # noqa: N818
    """A plugin breaks its contract; the message says how."""


class Skipped(Exception):  # noqa: N818
    """Why a check was left out; not a failure."""


class Contract:
    """One learner under test; the parts that several checks share are made once."""

    def __init__(
        self,
        subject: Subject,
        weights: str | Path | None,
        episodes: Sequence[Episode] | None,
        options: dict[str, Any],
    ) -> None:
        self.subject = subject
        self.card: LearnerCard = subject.card
        self.options = options
        self._weights = weights
        self._episodes = episodes

    @cached_property
    def episodes(self) -> list[Episode]:
        """At least three; the second and the third ask the same of other contexts."""
        return list(self._episodes or tiny_episodes(self.card.task))

    @cached_property
    def weights(self) -> str | Path | None:
        """What was asked for, else weights that need no download."""
        cards = self.card.weights
        if self._weights is not None or not cards:
            return self._weights
        if not registry.learner_class(self.card).needs_weights(self.options):
            return None
        # By name, since the default may turn to a download where a bundled file is missing.
        for one in cards:
            if one.package is not None or one.name == "tiny":
                return one.name
        raise Skipped(f"the default weights {cards[0].name!r} are a download")

    @cached_property
    def learner(self) -> Learner:
        """Loaded once."""
        return self.load()

    @cached_property
    def single(self) -> list[Any]:
        """The answer to each episode, asked one at a time."""
        return [self.answer(episode) for episode in self.episodes]

    def load(self, **options: Any) -> Learner:
        """Load the learner once more."""
        return registry.load_card(
            self.card,
            self.weights,
            device="cpu",
            dtype="float32",
            options={**self.options, **options},
        )

    def answer(self, episode: Episode) -> Any:
        """Show the context and ask the query."""
        return self.learner.prepare(episode.context).predict(episode.query)


def _hooks(contract: Contract) -> None:
    error = contract.subject.plugin.error
    _demand(error is None, f"the plugin has a problem: {error}")


def _card(contract: Contract) -> None:
    card = contract.card
    _demand(_NAME.fullmatch(card.name), f"the name {card.name!r} is not lower case with dashes")
    _demand(card.summary and "\n" not in card.summary, "the summary is not one line")
    _demand(card.licence, "the licence is missing")
    for option, line in card.options.items():
        _demand(
            isinstance(option, str) and isinstance(line, str) and line and "\n" not in line,
            f"option {option!r} has no one-line description",
        )
    for weights in card.weights:
        what = f"weights {weights.name!r}"
        _demand(weights.file, f"{what} name no file")
        _demand(weights.package or weights.url, f"{what} are neither bundled nor have a URL")
        url_ok = weights.url is None or weights.url.startswith(("https://", "hf:"))
        _demand(url_ok, f"{what} have the URL {weights.url!r}, expected https://... or hf:...")
        _demand(
            weights.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", weights.sha256),
            f"{what} have the sha256 {weights.sha256!r}, expected 64 hex digits",
        )
        _demand(weights.size is None or weights.size > 0, f"{what} have the size {weights.size}")
        _demand(weights.licence, f"{what} have no licence")
    json.dumps({"options": dict(card.options), "preprocessing": dict(card.preprocessing)})


def _light_import(contract: Contract) -> None:
    module = contract.subject.module
    if module is None:
        raise Skipped("the plugin is no module that can be imported again")
    heavy = heavy_imports(module)
    _demand(not heavy, f"importing the cards of {module} imports {', '.join(heavy)}")


def _class(contract: Contract) -> None:
    cls = registry.learner_class(contract.card)
    names = cls.predict_options
    _demand(
        isinstance(names, frozenset | set) and all(isinstance(name, str) for name in names),
        f"{cls.__name__}.predict_options is {names!r}, expected a frozenset of names",
    )


def _load(contract: Contract) -> None:
    _demand(contract.learner.card == contract.card, "the learner has another card")


def _predict(contract: Contract) -> None:
    for episode, answer in zip(contract.episodes, contract.single, strict=True):
        check_prediction(contract.card, episode.query, answer)


def _repeated_predict(contract: Contract) -> None:
    for episode, answer in zip(contract.episodes, contract.single, strict=True):
        _same(contract.answer(episode), answer, "the second time")
    prepared = contract.learner.prepare(contract.episodes[1].context)
    for _ in range(2):
        _same(prepared.predict(contract.episodes[1].query), contract.single[1], "prepared once")


def _batch(contract: Contract) -> None:
    batched = list(contract.learner.predict_episodes(contract.episodes, batch_size=8))
    _demand(len(batched) == len(contract.single), f"{len(batched)} answers in a batch")
    for answer, single in zip(batched, contract.single, strict=True):
        _same(answer, single, "in a batch of episodes", BATCH_TOLERANCE)
    prepared = contract.learner.prepare(contract.episodes[1].context)
    query = contract.episodes[1].query
    for answer in prepared.predict([query, query]):
        _same(answer, contract.single[1], "in a list of queries", BATCH_TOLERANCE)


def _context_is_used(contract: Contract) -> None:
    _demand(
        difference(contract.single[1], contract.single[2]) is not None,
        "two contexts that disagree about one query have the same answer",
    )


def _unknown_options(contract: Contract) -> None:
    unknown: dict[str, Any] = {"an_option_that_nobody_has": 1}
    episode = contract.episodes[0]
    prepared = contract.learner.prepare(episode.context)
    _refused("load with an unknown option", InputError, contract.load, **unknown)
    _refused(
        "predict with an unknown option", InputError, prepared.predict, episode.query, **unknown
    )


def _bad_input(contract: Contract) -> None:
    for what, context, query in bad_inputs(contract.card.task):
        _refused(what, IclError, contract.answer, Episode(context, query))


def _global_state(contract: Contract) -> None:
    episode = contract.episodes[0]
    contract.answer(episode)  # what is imported late is imported now
    before = global_state()
    contract.answer(episode)
    after = global_state()
    changed = [name for name in before if before[name] != after[name]]
    _demand(not changed, f"a prediction changes the {', '.join(changed)}")


def _save(contract: Contract) -> None:
    answer = contract.single[0]
    as_json = json.dumps(answer.to_dict(), allow_nan=False)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answer.json"
        answer.save(file)
        saved = json.loads(file.read_text(encoding="utf-8"), parse_constant=_no_constant)
        _demand(saved == json.loads(as_json), "the saved JSON is not what to_dict gives")
        other = Path(folder) / f"answer{answer.suffixes[0]}"
        answer.save(other, overwrite=True)
        _demand(other.stat().st_size, f"the saved {other.suffix} file is empty")


def _demand(condition: object, problem: str) -> None:
    if not condition:
        raise CheckFailed(problem)


def _same(answer: Any, expected: Any, when: str, tolerance: float = 0.0) -> None:
    found = difference(answer, expected, tolerance)
    _demand(found is None, f"the answer is another one {when}: {found}")


def _refused(
    what: str, error: type[IclError], attempt: Callable[..., Any], *args: Any, **options: Any
) -> None:
    try:
        attempt(*args, **options)
    except error:
        return
    except Exception as other:
        raise CheckFailed(
            f"{what} raises {type(other).__name__}, expected {error.__name__}: {other}"
        ) from other
    raise CheckFailed(f"{what} is accepted, expected {error.__name__}")


def _no_constant(name: str) -> None:
    raise CheckFailed(f"the saved JSON holds {name}")


CHECKS: tuple[Callable[[Contract], None], ...] = (
    _hooks,
    _card,
    _light_import,
    _class,
    _load,
    _predict,
    _repeated_predict,
    _batch,
    _context_is_used,
    _unknown_options,
    _bad_input,
    _global_state,
    _save,
)
NEEDED = (_class, _load, _predict)
"""Without these the checks that follow say nothing."""
