"""The verbs: a learner prepares a context once, then predicts for any number of queries.

A plugin subclasses `Learner` and writes `_prepare` and `_predict`; `_predict_episodes` as well
where many contexts can share one forward pass. Coercion of inputs, checks of outputs and the
naming of errors happen here, once, for every learner.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from icl_core.cards import LearnerCard
from icl_core.coerce import coerce_context, coerce_query
from icl_core.errors import IclError, InputError, PluginError
from icl_core.results import check_prediction, note_orientation
from icl_core.types import Context, Episode, Video

if TYPE_CHECKING:
    from icl_core.results import Prediction
    from icl_core.weights import ResolvedWeights

BEHAVIOURS = ("corrected", "official")


@dataclass(frozen=True)
class LoadOptions:
    """What `icl.load` was asked for, apart from the learner's own options.

    Args:
        weights: the resolved file, or None for a learner without weights.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        dtype: "auto", "float32", "bfloat16", "float16".
        compile: whether to run the network through `torch.compile`.
        behaviour: "corrected", or "official" for the released code with its defects.
    """

    weights: ResolvedWeights | None = None
    device: str = "auto"
    dtype: str = "auto"
    compile: bool = False
    behaviour: str = "corrected"

    def __post_init__(self) -> None:
        if self.behaviour not in BEHAVIOURS:
            raise InputError(f"behaviour is {self.behaviour!r}, expected one of {BEHAVIOURS}")


class Learner(ABC):
    """An in-context learner. Instances are cheap to call and keep no state between calls.

    Args:
        card: the learner's card.
        load: how it was asked to be loaded.
        options: the learner's own options; a subclass names them and refuses unknown ones.
    """

    network: Any = None
    """The `torch.nn.Module`, where there is one; its state dict has the official names."""

    predict_options: ClassVar[frozenset[str]] = frozenset()
    """Names of the keyword options that `predict` understands."""

    def __init__(self, card: LearnerCard, load: LoadOptions, **options: Any) -> None:
        self.card = card
        self.load_options = load
        if options:
            known = ", ".join(sorted(card.options)) or "none"
            raise InputError(
                f"{card.name} has no option {sorted(options)[0]!r}; its options are: {known}"
            )

    @classmethod
    def needs_weights(cls, options: Mapping[str, Any]) -> bool:
        """Whether the card's default weights are wanted where none are named.

        Args:
            options: the learner's own options; some name another model.
        """
        return True

    @abstractmethod
    def _prepare(self, context: Context) -> Any:
        """Do the context's share of the work; return whatever `_predict` needs."""

    @abstractmethod
    def _predict(
        self, prepared: Any, queries: Sequence[Any], **options: Any
    ) -> Sequence[Prediction]:
        """Answer coerced queries that share one prepared context, in order.

        A `Video` query is answered with one `list` of predictions, one a frame.
        """

    def _predict_episodes(
        self, pairs: Sequence[tuple[Context, Any]], **options: Any
    ) -> Sequence[Prediction]:
        """Answer one query for each of many contexts; override it to batch them."""
        answers = []
        for context, query in pairs:
            found = self._predict(self._prepare(context), [query], **options)
            self._check_count([query], found)
            answers.append(found[0])
        return answers

    def follow(self, prepared: Any, video: Video) -> Iterator[Prediction]:
        """Answer a coerced video frame by frame; users call `PreparedContext.follow`.

        A learner that overrides it reads `video.frames` as it goes and yields each answer before
        it reads much further, so that its memory does not grow with the video.

        Args:
            prepared: of `_prepare`.
            video: its `frames` is a `Frames`.
        """
        found = self._predict(prepared, [video])
        self._check_outputs([video], found)
        answers: Any = found[0]
        yield from answers

    def prepare(self, context: Any) -> PreparedContext:
        """Encode a context once.

        Args:
            context: a `Context`, or a shorthand for the learner's task.

        Raises:
            InputError: the context cannot be used; the sentence says why.
        """
        coerced = coerce_context(self.card.task, context)
        with naming_errors(self.card):
            return PreparedContext(self, coerced, self._prepare(coerced))

    def predict_episodes(
        self, episodes: Iterable[Episode], batch_size: int = 32, **options: Any
    ) -> Iterator[Prediction]:
        """Answer many episodes, each with its own context: batched, streaming, in order.

        Args:
            episodes: any iterable; it is read `batch_size` episodes at a time.
            batch_size: how many episodes share one forward pass.
            **options: as in `PreparedContext.predict`.
        """
        if batch_size < 1:
            raise InputError(f"batch_size is {batch_size}, expected at least 1")
        self._check_options(options)
        source = iter(episodes)
        while batch := list(islice(source, batch_size)):
            task = self.card.task
            pairs = [(coerce_context(task, e.context), coerce_query(task, e.query)) for e in batch]
            for context, query in pairs:
                self._check_pair(context, query)
            with naming_errors(self.card):
                predictions = self._predict_episodes(pairs, **options)
            queries = [query for _, query in pairs]
            self._check_outputs(queries, predictions, [context for context, _ in pairs])
            yield from predictions

    def _check_options(self, options: Mapping[str, Any]) -> None:
        for name in options:
            if name not in self.predict_options:
                known = ", ".join(sorted(self.predict_options)) or "none"
                raise InputError(
                    f"{self.card.name} has no predict option {name!r}; it knows: {known}"
                )

    def _check_count(self, queries: Sequence[Any], predictions: Any) -> None:
        if not isinstance(predictions, list | tuple):
            raise PluginError(
                f"{self.card.name} returned {type(predictions).__name__}, "
                "expected a list of predictions"
            )
        if len(queries) != len(predictions):
            raise PluginError(
                f"{self.card.name} answered {len(queries)} queries "
                f"with {len(predictions)} predictions"
            )

    def _check_pair(self, context: Context, query: Any) -> None:
        """Refuse a query that does not go with the context."""
        if self.card.takes_covariates and context.history is not None:
            from icl_core.coerce.covariates import check_names

            check_names(context.history, query)

    def _check_outputs(
        self,
        queries: Sequence[Any],
        predictions: Sequence[Any],
        contexts: Sequence[Context] | None = None,
    ) -> None:
        self._check_count(queries, predictions)
        asked = [None] * len(queries) if contexts is None else [_variates(c) for c in contexts]
        for query, prediction, variates in zip(queries, predictions, asked, strict=True):
            answers = prediction if isinstance(query, Video) else [prediction]
            if not isinstance(answers, list | tuple):
                raise PluginError(
                    f"{self.card.name} answered a video with {type(answers).__name__}, "
                    "expected a list with one prediction a frame"
                )
            for answer in answers:
                check_prediction(self.card, query, answer, variates)
                note_orientation(query, answer)

    def __repr__(self) -> str:
        weights = self.load_options.weights
        return f"{type(self).__name__}({self.card.name}, weights={weights and weights.name})"


class PreparedContext:
    """A context after its share of the work is done. Made by `Learner.prepare`."""

    def __init__(self, learner: Learner, context: Context, state: Any) -> None:
        self.learner = learner
        self.context = context
        self._state = state

    def predict(self, query: Any, **options: Any) -> Any:
        """Answer one query with one prediction, or a list of queries with a list.

        Args:
            query: one query, or a list of independent ones. A `Video` is one query and is
                answered with a list of predictions, one a frame.
            **options: the learner's predict options.

        Raises:
            InputError: a query or an option cannot be used.
            PluginError: the learner failed, or returned something that is not an answer.
        """
        learner = self.learner
        learner._check_options(options)
        many = isinstance(query, list)
        queries = [coerce_query(learner.card.task, q) for q in (query if many else [query])]
        for one in queries:
            learner._check_pair(self.context, one)
        with naming_errors(learner.card):
            predictions = learner._predict(self._state, queries, **options)
        learner._check_outputs(queries, predictions, [self.context] * len(queries))
        return predictions if many else predictions[0]

    def follow(self, video: Any, **options: Any) -> Iterator[Any]:
        """Answer a video frame by frame, each as soon as it is known.

        Memory does not grow with the video where the learner follows videos itself, as all
        learners of this repository that remember earlier frames do. Predict options are for
        pictures; with any of them all answers are made before the first is handed over.

        Args:
            video: a `Video`, or what it may hold: a folder, a video file, an array, a list.
            **options: the learner's predict options.

        Yields:
            One prediction a frame, in order.

        Raises:
            InputError: the video or an option cannot be used; here, or at the frame.
            PluginError: the learner failed, or returned something that is not an answer.
        """
        learner = self.learner
        learner._check_options(options)
        asked = video if isinstance(video, Video) else Video(video)
        query = coerce_query(learner.card.task, asked)
        return self._followed(query, options)

    def _followed(self, query: Video, options: Mapping[str, Any]) -> Iterator[Any]:
        learner = self.learner
        if options:
            yield from self.predict(query, **options)
            return
        with naming_errors(learner.card):
            for answer in learner.follow(self._state, query):
                check_prediction(learner.card, query, answer)
                note_orientation(query, answer)
                yield answer


def _variates(context: Context) -> int | None:
    """How many variates a history has; None where there is none."""
    if context.history is None:
        return None
    from icl_core.coerce.variates import variate_count

    return variate_count(context.history)


class naming_errors:  # noqa: N801 - reads as a statement: `with naming_errors(card):`
    """Turn a foreign exception of a learner into a `PluginError` that names the learner."""

    def __init__(self, card: LearnerCard) -> None:
        self.card = card

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PluginError):
            if self.card.name not in error.message:
                raise PluginError(f"{self.card.name}: {error.message}", error.hint) from error
        elif isinstance(error, Exception | SystemExit) and not isinstance(error, IclError):
            from icl_core.registry import failure

            raise failure(self.card, error) from error
