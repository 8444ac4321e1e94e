"""The learner `lcl`: pictures with names in, the name of another picture out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from icl_core import Context, InputError, LearnerCard, LoadOptions, Video
from icl_core.learner import Learner
from icl_linking.lcl import card as cards
from icl_linking.lcl.endpoint.answers import Asked, EndpointModel
from icl_linking.lcl.labels import Shown, choices
from icl_linking.lcl.options import (
    CHAT,
    ENDPOINT,
    LOCAL,
    PUBLISHED,
    REMOTE,
    Options,
)

TOKENS, OFFICIAL_TOKENS = 32, 1024


class LclLearner(Learner):
    """Link-context learning (arXiv 2308.07891) with any multimodal language model.

    The model is one of three:

    - `model="owner/name"` or a folder: an image-text-to-text model of transformers. Its code
      comes from transformers alone.
    - `weights=`: the published LCL-MLLM, by its name on the card, or the index of the parts of a
      checkpoint in its layout. `model=FOLDER` with such a checkpoint does the same.
    - `model="api:NAME"`, or `base_url=` beside `model="NAME"`: an OpenAI-compatible endpoint. Its
      key is read from the environment variable `OPENAI_API_KEY`, or the one that `key_variable`
      names, and is neither logged nor stored.

    `answers` says how an answer is found. "sum" compares the log-likelihood of each label as the
    next answer, its end included; "mean" divides it by the number of tokens; "calibrated"
    subtracts that after a grey picture. They read the examples once for all queries and labels.
    "generate" lets the model write, and reads which label that is: an answer that names none, or
    several, has the label "" and no `labels`, and its words are in `answer`. Endpoints generate,
    or with "first-token" weigh the labels by the log-probabilities of the first token, where they
    are offered.

    Every reply of an endpoint is kept unchanged in a log, so that a run that broke off sends what
    is missing only. A request that fails is kept as failed and is no answer: with
    `failures="raise"` an error ends the call after all others were asked, with "record" it is an
    answer without a label, whose `meta["failed"]` says why.

    The published weights were trained, and are run by the released code, with the query's picture
    alone in the text: `image_merge="last"`, where the examples' pictures are not even encoded.
    `image_merge="all"` puts all of them in. `meta["support_images_used"]` says it in each answer.

    `behaviour="official"` makes "generate" the default, of up to 1024 tokens.

    Options of `icl.load`: see `CARD.options`. Options of `predict`: `labels`, all labels to choose
    from, where the context does not show each of them.
    """

    predict_options: ClassVar[frozenset[str]] = frozenset({"labels"})

    def __init__(self, card: LearnerCard, load: LoadOptions, **options: Any) -> None:
        known = Options.__dataclass_fields__
        self._given = [name for name in options if name in known]
        self.options = Options(**{name: options.pop(name) for name in self._given})
        super().__init__(card, load, **options)
        asked = self.options
        if asked.model is not None and load.weights is not None:
            raise InputError(
                f"model is {str(asked.model)!r} and weights are given, expected one of the two"
            )
        self._official = load.behaviour == "official"
        self._most = asked.max_new_tokens or (OFFICIAL_TOKENS if self._official else TOKENS)
        self.back_end: Any = self._find()

    @classmethod
    def needs_weights(cls, options: Mapping[str, Any]) -> bool:
        """Whether the default weights are wanted where none are named."""
        return options.get("model") is None and options.get("base_url") is None

    def _find(self) -> Any:
        name = self.options.endpoint
        if name is not None:
            return self._endpoint(name)
        if self.options.model is None:
            return self._published()
        from icl_linking.lcl.mllm.checkpoint import is_mllm

        folder = Path(str(self.options.model)).expanduser()
        if folder.is_dir() and is_mllm(folder):
            return self._mllm(folder, None, folder.name)
        return self._chat_model(str(self.options.model))

    def _only(self, known: frozenset[str], who: str) -> None:
        """Refuse options that would be ignored."""
        other = next((name for name in self._given if name not in known), None)
        if other is not None:
            raise InputError(
                f"{other} is given, which is nothing for {who}",
                f"its options are {', '.join(sorted(known))}",
            )

    def _local_answers(self, who: str) -> str:
        default = "generate" if self._official else "sum"
        return self.options.answers_of(LOCAL, default, who)

    def _chat_model(self, name: str) -> Any:
        from icl_core.runtime import resolve_device, resolve_dtype
        from icl_linking.lcl.chat_models.answers import ChatModel
        from icl_linking.lcl.chat_models.load import load_model

        asked = self.options
        self._only(CHAT, "a transformers model")
        answers = self._local_answers("a local model")
        device = resolve_device(self.load_options.device)
        dtype = resolve_dtype(self.load_options.dtype, device, bfloat16_ok=True)
        model, processor = load_model(name, device, dtype)
        self.network = model
        if self.load_options.compile:
            model.compile(dynamic=True)
        return ChatModel(
            model, processor, name, asked.style, answers, self._most, reuse=asked.reuse
        )

    def _published(self) -> Any:
        """The weights that were asked for, else the first that were published."""
        weights = self.load_options.weights
        if weights is not None:
            return self._mllm(weights.path, weights.card, weights.name)
        from icl_core.weights import fetch

        first = cards.PUBLISHED[0]
        return self._mllm(fetch(first, "lcl"), first, first.name)

    def _mllm(self, path: Path, card: Any, name: str) -> Any:
        from icl_core.runtime import resolve_device, resolve_dtype
        from icl_linking.lcl.mllm.answers import LclModel
        from icl_linking.lcl.mllm.checkpoint import Mllm, read_mllm

        asked = self.options
        self._only(PUBLISHED, "the published model")
        answers = self._local_answers("the published model")
        device = resolve_device(self.load_options.device)
        dtype = resolve_dtype(self.load_options.dtype, device, bfloat16_ok=True)
        files = read_mllm(path, card, asked.vision_weights, dtype)
        placed = Mllm(files.network.to(device), files.vision.to(device), files.tokenizer)
        self.network = placed.network
        if self.load_options.compile:
            placed.network.compile(dynamic=True)
        merge, prompt = asked.image_merge, asked.prompt
        return LclModel(placed, name, merge, prompt, answers, self._most, reuse=asked.reuse)

    def _endpoint(self, name: str) -> EndpointModel:
        from icl_core.endpoints import connect
        from icl_linking.lcl.endpoint.pictures import DataUrls

        asked = self.options
        self._only(ENDPOINT, "an endpoint")
        if self.load_options.compile:
            raise InputError("compile is for local models, and this one is behind an endpoint")
        answers = asked.answers_of(REMOTE, "generate", "an endpoint")
        return EndpointModel(
            connect(asked, name, extra="icl-linking[api]"),
            name,
            asked.style,
            answers,
            self._most,
            params=asked.params,
            record_failures=asked.failures == "record",
            urls=DataUrls(asked.image_format),
        )

    def _choices(self, shown: Shown, labels: Any) -> tuple[str, ...]:
        """Return the labels to choose from, before anything is asked."""
        words = self.back_end.answers not in LOCAL[:-1]
        known = choices(shown, labels, self.card.name, free=words)
        if words and known:
            from icl_linking.scoring import decide

            decide("", known)  # refuses labels that no answer in words could tell apart
        return known

    def _prepare(self, context: Context) -> Any:
        shown = Shown.of(context)
        return shown, self.back_end.prepare(shown)

    def _predict(
        self, prepared: Any, queries: Sequence[Any], *, labels: Any = None, **options: Any
    ) -> list[Any]:
        shown, state = prepared
        known = self._choices(shown, labels)
        pictures, counts = _pictures(queries)
        return _grouped(queries, counts, self.back_end.answer(state, pictures, known))

    def _predict_episodes(
        self, pairs: Sequence[tuple[Context, Any]], *, labels: Any = None, **options: Any
    ) -> list[Any]:
        """Answer queries with their own contexts; equal contexts that follow are read once."""
        contexts = [Shown.of(context) for context, _ in pairs]
        known = [self._choices(shown, labels) for shown in contexts]
        if isinstance(self.back_end, EndpointModel):
            asked, counts = [], []
            for shown, own, (_, query) in zip(contexts, known, pairs, strict=True):
                pictures, (count,) = _pictures([query])
                asked += [Asked(shown, picture, own) for picture in pictures]
                counts.append(count)
            return _grouped([q for _, q in pairs], counts, self.back_end.answer_all(asked))
        groups: dict[bytes, list[int]] = {}
        for place, shown in enumerate(contexts):
            groups.setdefault(_digest(shown), []).append(place)
        found: list[Any] = [None] * len(pairs)
        for places in groups.values():
            first = places[0]
            state = self.back_end.prepare(contexts[first])
            queries = [pairs[place][1] for place in places]
            pictures, counts = _pictures(queries)
            answers = self.back_end.answer(state, pictures, known[first])
            for place, answer in zip(places, _grouped(queries, counts, answers), strict=True):
                found[place] = answer
        return found


def _digest(shown: Shown) -> bytes:
    """Tell contexts apart by what they show."""
    found = hashlib.sha256(repr((shown.text, [label for _, label in shown.examples])).encode())
    for picture, _ in shown.examples:
        found.update(repr(picture.shape).encode() + np.ascontiguousarray(picture).tobytes())
    return found.digest()


def _pictures(queries: Sequence[Any]) -> tuple[list[np.ndarray], list[int]]:
    """Return the pictures of queries, those of videos in order, and how many each has."""
    found: list[np.ndarray] = []
    counts = []
    for query in queries:
        own = list(query.frames) if isinstance(query, Video) else [query]
        found += own
        counts.append(len(own))
    return found, counts


def _grouped(queries: Sequence[Any], counts: Sequence[int], answers: Sequence[Any]) -> list[Any]:
    """Give each query its answers: a list for a video."""
    found, start = [], 0
    for query, count in zip(queries, counts, strict=True):
        own = list(answers[start : start + count])
        found.append(own if isinstance(query, Video) else own[0])
        start += count
    return found
