"""Answers of a transformers model: the context is read once, each query goes on from there."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from icl_core import Classification
from icl_linking.lcl.chat import Style, Turn, conversation
from icl_linking.lcl.chat_models.places import ModelPlace, ModelReader
from icl_linking.lcl.chat_models.texts import Text, Texts, same
from icl_linking.lcl.labels import Shown, from_scores, from_text
from icl_linking.lcl.scoring import combine, greedy, option_logprobs

_log = logging.getLogger("icl.lcl")

GREY = 128
"""Of a picture without content. Some models leave out pictures of zeros."""

TESTED = frozenset({"llava", "idefics3", "qwen2_5_vl"})
"""Kinds of models whose answers are the same in one and in two pieces. Others are tried once."""

TOLERANCE = {torch.float32: 2e-3, torch.bfloat16: 0.1, torch.float16: 0.03}
"""Largest difference of logits between a text read at once and one read in two pieces."""


@dataclass(eq=False)
class ReadContext:
    """A context, and what was read of it.

    Args:
        shown: the context.
        start: the place where a query begins, by the text before it; read when first needed.
        options: tokens of the labels, by the text before them and the labels.
        baseline: scores of the labels after a picture without content, by its size and labels.
    """

    shown: Shown
    start: dict[str, ModelPlace | None] = field(default_factory=dict)
    options: dict[tuple[str, ...], list[list[int]]] = field(default_factory=dict)
    baseline: dict[tuple[Any, ...], list[float]] = field(default_factory=dict)


class ChatModel:
    """Answers queries with a model of transformers.

    Args:
        model: in eval mode.
        processor: its own.
        name: of the model.
        style: how conversations are laid out.
        answers: "sum", "mean", "calibrated" or "generate".
        most: tokens of a generated answer at most.
        reuse: whether what queries share is read once.
    """

    def __init__(
        self,
        model: Any,
        processor: Any,
        name: str,
        style: Style,
        answers: str,
        most: int,
        reuse: bool = True,
    ) -> None:
        self.name = name
        self.style = style
        self.reader = ModelReader(model)
        self.texts = Texts(processor, name)
        self.answers = answers
        self._most = most
        self._reuse = reuse
        self._tried: bool | None = True if model.config.model_type in TESTED else None
        words = model.config.get_text_config()
        self._longest: int | None = getattr(words, "max_position_embeddings", None)
        stops = model.generation_config.eos_token_id if model.can_generate() else None
        listed = stops if isinstance(stops, list | tuple) else [stops]
        self._stops = {i for i in (*listed, self.texts.tokenizer.eos_token_id) if i is not None}

    def prepare(self, shown: Shown) -> ReadContext:
        """Keep a context; it is read with the first query, whose text it stands in."""
        for label in shown.labels:
            self.texts.check(label, "the label")
        self.texts.check(shown.text or "", "the context's text")
        return ReadContext(shown)

    @torch.inference_mode()
    def answer(
        self, read: ReadContext, queries: Sequence[np.ndarray], labels: Sequence[str]
    ) -> list[Classification]:
        """Answer queries of one context, choosing among labels."""
        for label in labels:
            self.texts.check(label, "the label")
        return [self._answer(read, query, labels) for query in queries]

    def _answer(
        self, read: ReadContext, query: np.ndarray, labels: Sequence[str]
    ) -> Classification:
        turns = self._turns(read, query, labels)
        text = self.texts.lay_out(turns)
        meta: dict[str, Any] = {
            "back_end": "transformers",
            "model": self.name,
            "layout": self.style.layout,
            "answers": self.answers,
        }
        if self.answers == "generate":
            place = self._read(read, text)
            meta["context_reused"] = self._was_reused(read, text)
            ids = greedy(self.reader, place, self._most, self._stops)
            said = self.texts.tokenizer.decode(ids, skip_special_tokens=True).strip()
            return from_text(labels, said, {**meta, "tokens": len(ids)})
        scores = self._scores(read, turns, text, labels)
        meta["context_reused"] = self._was_reused(read, text)
        if self.answers == "calibrated":
            beside = self._baseline(read, query.shape[:2], labels)
            scores = [a - b for a, b in zip(scores, beside, strict=True)]
        return from_scores(labels, scores, meta)

    def _turns(self, read: ReadContext, query: np.ndarray, labels: Sequence[str]) -> list[Turn]:
        return conversation(read.shown.examples, query, self.style, labels, read.shown.text)

    def _was_reused(self, read: ReadContext, text: Text) -> bool:
        return read.start.get(text.words[: text.cut]) is not None

    def _scores(
        self, read: ReadContext, turns: Sequence[Turn], text: Text, labels: Sequence[str]
    ) -> list[float]:
        # The words are the same for all queries: pictures are marks in them.
        key = (text.words, *labels)
        if key not in read.options:
            read.options[key] = self.texts.options(turns, text, labels)
        options = read.options[key]
        if self._reuse:
            found = option_logprobs(self.reader, self._read(read, text), options)
        else:
            whole = self.texts.whole(text)
            found = [self.reader.at_once(whole, option) for option in options]
        return combine(found, "mean" if self.answers == "mean" else "sum")

    def _baseline(
        self, read: ReadContext, size: tuple[int, ...], labels: Sequence[str]
    ) -> list[float]:
        """Scores of the labels where the query shows nothing, which are the labels' own."""
        key = (*size, *labels)
        if key not in read.baseline:
            turns = self._turns(read, np.full((*size, 3), GREY, np.uint8), labels)
            text = self.texts.lay_out(turns)
            read.baseline[key] = self._scores(read, turns, text, labels)
        return read.baseline[key]

    def _read(self, read: ReadContext, text: Text) -> ModelPlace:
        """Read a text to its end, and say so once where it is longer than the model knows."""
        place = self._to_end(read, text)
        if self._longest is not None and place.length > self._longest:
            _log.warning(
                "%s: a text has %d tokens, and the model was made for %d: show fewer examples",
                self.name,
                place.length,
                self._longest,
            )
            self._longest = None
        return place

    def _to_end(self, read: ReadContext, text: Text) -> ModelPlace:
        """Read a text, from where its context ends if that was read before."""
        if not self._reuse or self._tried is False:
            return self.reader.read(self.texts.whole(text))
        shared = text.words[: text.cut]
        if shared not in read.start:
            return self._first(read, text, shared)
        start = read.start[shared]
        if start is None:
            return self.reader.read(self.texts.whole(text))
        return self.reader.read(self.texts.after(text), start)

    def _first(self, read: ReadContext, text: Text, shared: str) -> ModelPlace:
        """Read the context, after a look at whether this model's texts can be cut."""
        before, after = self.texts.before(text), self.texts.after(text)
        whole = self.texts.whole(text)
        if before is None or not same(whole, before, after):
            if before is not None:
                _log.info("%s: the processor reads a text in two pieces differently", self.name)
            read.start[shared] = None
            return self.reader.read(whole)
        start = self.reader.read(before)
        place = self.reader.read(after, start)
        if self._tried is None:
            self._tried = self._agrees(whole, place)
            if not self._tried:
                _log.warning("%s answers differently in two pieces; nothing is reused", self.name)
        if not self._tried:
            read.start[shared] = None
            return self.reader.read(whole)
        read.start[shared] = start
        return place

    def _agrees(self, whole: Mapping[str, Tensor], place: ModelPlace) -> bool:
        """Whether the model gives the same logits when it reads the text at once."""
        expected = self.reader.read(whole).logits.float()
        apart = float((expected - place.logits.float()).abs().max())
        scale = max(1.0, float(expected.abs().max()) / 10)
        return apart <= TOLERANCE.get(self.reader.model.dtype, 0.1) * scale
