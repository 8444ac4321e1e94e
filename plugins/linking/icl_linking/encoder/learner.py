"""The learner `encoder`: pictures to points, and a head that is fitted to the examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from icl_core import (
    Classification,
    Context,
    InputError,
    Learner,
    LearnerCard,
    LoadOptions,
    Video,
)
from icl_core.coerce import to_image, to_label
from icl_core.runtime import batches, resolve_device, resolve_dtype
from icl_linking.encoder.adapter import tip_adapter_f
from icl_linking.encoder.calibration import (
    BUNDLED_CONSTANTS,
    GENERAL,
    Standing,
    prior_temperature,
    temperature,
)
from icl_linking.encoder.crops import crops
from icl_linking.encoder.features import BUNDLED, PIXELS, build_encoder, encode, encode_labels
from icl_linking.encoder.heads import Head, Shots, fit_head, zero_shot
from icl_linking.encoder.options import EncoderOptions

FRAMES = 32


@dataclass(frozen=True)
class Prepared:
    """A context after its share of the work.

    Args:
        labels: of the classes, in the order in which they appear.
        head: from queries to logits; None where there are no examples.
        temperature: divides the logits.
        standing: tells known from unknown; None where nothing is rejected.
        meta: what every answer says about how it came about.
    """

    labels: tuple[str, ...]
    head: Head | None
    temperature: float = 1.0
    standing: Standing | None = None
    meta: tuple[tuple[str, Any], ...] = ()


class EncoderLearner(Learner):
    """Labels from a frozen encoder and a few-shot head.

    Encoders: the plugin's own small network ("bundled"), a fixed descriptor ("pixels"), or any
    model of open_clip. Heads and their sources: `icl_linking.encoder.heads`. Where the encoder has
    a text tower, text prototypes of the labels are mixed in: by default in the heads whose
    published form has them (Tip-Adapter, GDA), with `text=` in all. For invented names `text=0` is
    the honest choice. Without examples `predict(..., labels=[...])` asks the text alone.

    Probabilities are a softmax of the logits over a temperature. It is found by holding back
    supports where each class has two or more, else a constant stands in
    (`icl_linking.encoder.calibration`).

    With `reject` a query that is probably of none of the classes is called "unknown", which is
    then the last of the labels; its probability is 1 minus that of being known. The threshold comes
    from the supports: how alike the classes shown are to each other tells how alike a stranger
    would be, and held-back supports tell how alike a member is (`Standing`).

    `behaviour="official"` makes all answers of GDA alike where every class has one example and
    `augment` is 0, as the released formula does.

    Options of `icl.load`: see `CARD.options`. The network computes in float32 unless an open_clip
    model is asked for another `dtype`; heads compute in float64 on the CPU.
    """

    predict_options: ClassVar[frozenset[str]] = frozenset({"labels"})

    def __init__(self, card: LearnerCard, load: LoadOptions, **options: Any) -> None:
        name = options.pop("encoder", None)
        weights = options.pop("encoder_weights", None)
        self._options = EncoderOptions.take(options, load.behaviour == "official")
        super().__init__(card, load, **options)
        device = resolve_device(load.device)
        bundled = None if load.weights is None else load.weights.path
        if name is None:
            name = PIXELS if bundled is None else BUNDLED
        if not isinstance(name, str):
            raise InputError(f"encoder is {type(name).__name__}, expected its name")
        dtype = resolve_dtype(load.dtype, device, bfloat16_ok=False)
        self._name = name
        self._constants = BUNDLED_CONSTANTS if name == BUNDLED else GENERAL
        self._encoder = build_encoder(
            name, bundled=bundled, weights=weights, device=device, dtype=dtype
        )
        if isinstance(self._encoder, torch.nn.Module):
            self.network = self._encoder
        else:
            self.network = getattr(self._encoder, "network", None)
        if load.compile and self.network is not None:
            getattr(self.network, "visual", self.network).compile()
        self._has_text = self._encoder.texts(["a"]) is not None
        if self._options.fit.text and not self._has_text:
            raise InputError(f"text is {self._options.fit.text:g}, but {name} has no text tower")

    def embed(self, inputs: Sequence[Any]) -> np.ndarray:
        """Describe pictures by the encoder, as the heads see them.

        Args:
            inputs: pictures of any size and form that `icl_core.coerce.to_image` reads.

        Returns:
            float32 [n, d], rows of unit length.

        Raises:
            InputError: one cannot be read.
        """
        found = encode(self._encoder, [to_image(picture) for picture in inputs])
        return np.asarray(found.numpy(), np.float32)

    @classmethod
    def needs_weights(cls, options: Mapping[str, Any]) -> bool:
        """Whether the bundled encoder is wanted; the others have weights of their own or none."""
        return bool(options.get("encoder", BUNDLED) == BUNDLED)

    def _prepare(self, context: Context) -> Prepared:
        _check(context, self._has_text)
        pictures = [example.input for example in context.examples]
        return self._fitted(context, encode(self._encoder, pictures), self._crops(context))

    def _predict(
        self, prepared: Any, queries: Sequence[Any], **options: Any
    ) -> list[Classification]:
        ready = self._ready(prepared, options.get("labels"))
        pictures = [query for query in queries if not isinstance(query, Video)]
        found = iter(self._answers(ready, encode(self._encoder, pictures)))
        answers: list[Any] = [
            list(self._frames(ready, query)) if isinstance(query, Video) else next(found)
            for query in queries
        ]
        return answers

    def _predict_episodes(
        self, pairs: Sequence[tuple[Context, Any]], **options: Any
    ) -> list[Classification]:
        """Encode every different picture of the batch once, and fit every context once."""
        if any(isinstance(query, Video) for _, query in pairs):
            alone = [(self._prepare(context), query) for context, query in pairs]
            return [self._predict(ready, [query], **options)[0] for ready, query in alone]
        pictures: list[np.ndarray] = []
        for context, query in pairs:
            _check(context, self._has_text)
            pictures += [*(example.input for example in context.examples), query]
        features = encode(self._encoder, pictures)
        known: dict[Any, Prepared] = {}
        answers = []
        place = 0
        for context, _ in pairs:
            key = tuple((id(example.input), example.output) for example in context.examples)
            end = place + len(context.examples)
            if key not in known:
                known[key] = self._fitted(context, features[place:end], self._crops(context))
            ready = self._ready(known[key], options.get("labels"))
            answers += self._answers(ready, features[end : end + 1])
            place = end + 1
        return answers

    def follow(self, prepared: Any, video: Video) -> Iterator[Classification]:
        """Answer a video frame by frame, each for itself."""
        yield from self._frames(self._ready(prepared, None), video)

    def _frames(self, prepared: Prepared, video: Video) -> Iterator[Classification]:
        for group in batches(video.frames, FRAMES):
            yield from self._answers(prepared, encode(self._encoder, group))

    def _crops(self, context: Context) -> list[Tensor]:
        """Encode the crops of the supports: float64 [N, d], one a pass."""
        passes = crops([example.input for example in context.examples], self._options.augment)
        return [encode(self._encoder, cut) for cut in passes]

    def _fitted(self, context: Context, features: Tensor, cut: Sequence[Tensor]) -> Prepared:
        labels = tuple(dict.fromkeys(str(example.output) for example in context.examples))
        if not labels:
            return Prepared((), None)
        options = self._options
        if options.reject is not None and options.unknown in labels:
            raise InputError(
                f"a class of the context is called {options.unknown!r}, like rejected queries",
                "give rejected queries another name with unknown=...",
            )
        places = {label: number for number, label in enumerate(labels)}
        classes = torch.tensor([places[str(example.output)] for example in context.examples])
        weight = options.fit.text_weight(options.head) if self._has_text else 0.0
        text = encode_labels(self._encoder, labels, options.templates) if weight else None
        shots = Shots(features, classes, len(labels), text)
        if cut and options.head == "gda":
            # Stacked as published; elsewhere crops are averaged.
            shots = Shots(torch.cat(list(cut)), classes.repeat(len(cut)), len(labels), text)
        elif cut:
            shots = Shots(
                normalize(torch.stack(list(cut)).mean(0), dim=-1), classes, len(labels), text
            )
        # Held-back crops of a picture that stayed would not be held back: only pictures count.
        whole = Shots(features, classes, len(labels), text)
        head = self._fit(shots)
        with_text = text is not None and options.head in ("tip-adapter", "tip-adapter-f", "gda")
        prior = prior_temperature(options.head, head, shots, with_text, self._constants)
        found = options.temperature
        if found is None:
            found = prior * self._sharpness(whole, with_text)
        meta = (
            ("encoder", self._name),
            ("head", options.head),
            ("text", weight if text is not None else 0.0),
            ("shots", whole.fewest),
            ("temperature", found),
        )
        standing = None if options.reject is None else Standing.of(whole, self._constants)
        return Prepared(labels, head, found, standing, meta)

    def _sharpness(self, shots: Shots, with_text: bool) -> float:
        """Return what held-back supports make of the prior temperature, as a factor of it."""

        def fit(some: Shots) -> Head:
            return fit_head(self._options.head, some, self._options.fit)

        prior = prior_temperature(self._options.head, fit(shots), shots, with_text, self._constants)
        return temperature(fit, shots, prior) / prior

    def _fit(self, shots: Shots) -> Head:
        if self._options.head == "tip-adapter-f":
            return tip_adapter_f(shots, self._options.fit)
        return fit_head(self._options.head, shots, self._options.fit)

    def _ready(self, prepared: Prepared, asked: Any) -> Prepared:
        """Bring in the labels that were asked for; without examples they are all there is."""
        if asked is None:
            if prepared.head is None:
                raise InputError(
                    "the context has no examples, so there are no labels to choose from",
                    "labels=['cat', 'dog'] names them",
                )
            return prepared
        labels = _named(asked)
        if prepared.head is not None:
            if set(labels) != set(prepared.labels):
                odd = next(iter(set(labels) ^ set(prepared.labels)))
                raise InputError(f"labels and the examples disagree about {odd!r}")
            return prepared
        text = encode_labels(self._encoder, labels, self._options.templates)
        if text is None:
            raise InputError(f"{self._name} has no text tower, so it needs examples")
        meta = (("encoder", self._name), ("head", "zero-shot"), ("shots", 0))
        return Prepared(labels, zero_shot(text), self._options.temperature or 1.0, None, meta)

    def _answers(self, prepared: Prepared, queries: Tensor) -> list[Classification]:
        if not len(queries) or prepared.head is None:
            return []
        chances = torch.softmax(prepared.head(queries) / prepared.temperature, -1)
        standing = prepared.standing
        if standing is None:
            rows = chances.to(torch.float32).numpy()
            return [_answer(prepared.labels, row, dict(prepared.meta)) for row in rows]
        known = standing.probability(queries)
        similar = standing.similarity(queries)
        whole = torch.cat([chances * known[:, None], 1 - known[:, None]], 1)
        rows = whole.to(torch.float32).numpy()
        labels = (*prepared.labels, self._options.unknown)
        answers = []
        for row, chance, cosine in zip(rows, known.tolist(), similar.tolist(), strict=True):
            meta = {**dict(prepared.meta), "known": chance, "similarity": cosine}
            rejected = chance < (self._options.reject or 0.0)
            answers.append(_answer(labels, row, meta, len(labels) - 1 if rejected else None))
        return answers


def _answer(
    labels: tuple[str, ...], chances: np.ndarray, meta: dict[str, Any], best: int | None = None
) -> Classification:
    """Name the most probable label; where a query may be unknown, `best` says that it is."""
    if best is None:
        best = int(chances[: len(labels) - ("known" in meta)].argmax())
    return Classification(labels[best], labels, np.ascontiguousarray(chances), None, meta)


def _check(context: Context, has_text: bool) -> None:
    labels = dict.fromkeys(str(example.output) for example in context.examples)
    if len(labels) == 1:
        raise InputError(
            f"all examples are called {next(iter(labels))!r}, expected at least two classes",
            "show something else as well, under another name",
        )
    if not labels and not has_text:
        raise InputError("the context has no examples, expected at least one of each class")


def _named(asked: Any) -> tuple[str, ...]:
    if isinstance(asked, str) or not isinstance(asked, Sequence):
        raise InputError(f"labels is {asked!r:.80}, expected a list of names")
    labels = tuple(to_label(label) for label in asked)
    if len(set(labels)) != len(labels) or len(labels) < 2:
        raise InputError(f"labels is {list(labels)!r:.80}, expected two or more different names")
    return labels
