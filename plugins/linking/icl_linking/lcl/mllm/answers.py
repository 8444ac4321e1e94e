"""Answers of the published LCL-MLLM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from icl_core import Classification
from icl_linking.lcl.labels import Shown, from_scores, from_text
from icl_linking.lcl.mllm.checkpoint import Mllm
from icl_linking.lcl.mllm.pictures import pixels
from icl_linking.lcl.mllm.prompts import expand, segments, target
from icl_linking.lcl.mllm.reading import MllmPlace, MllmReader, merged
from icl_linking.lcl.mllm.tokenizer import STOP, check_label
from icl_linking.lcl.scoring import combine, greedy, option_logprobs

GREY = 128


@dataclass(eq=False)
class ReadSupports:
    """A context, and the place where its supports end.

    Args:
        shown: the context.
        query: segment of the query, its picture written out.
        start: None where there are no supports, or where nothing is reused.
        baseline: scores of the labels after a picture without content, by labels.
    """

    shown: Shown
    query: str
    start: MllmPlace | None
    baseline: dict[tuple[str, ...], list[float]] = field(default_factory=dict)


class LclModel:
    """Answers queries with the LCL-MLLM.

    Args:
        files: the networks and the tokenizer, in place.
        name: of the weights.
        merge: "last" = the query's picture alone is put into the text, as released; "all".
        prompt: "evaluation" or "demo".
        answers: "sum", "mean", "calibrated" or "generate".
        most: tokens of a generated answer at most.
        reuse: whether the supports are read once for all queries.
    """

    def __init__(
        self,
        files: Mllm,
        name: str,
        merge: str,
        prompt: str,
        answers: str,
        most: int,
        reuse: bool = True,
    ) -> None:
        self.files = files
        self.name = name
        self.reader = MllmReader(files.network, files.tokenizer.pictures)
        self._merge = merge
        self._prompt = prompt
        self.answers = answers
        self._most = most
        self._reuse = reuse

    @torch.inference_mode()
    def prepare(self, shown: Shown) -> ReadSupports:
        """Read the supports once."""
        labels = [label for _, label in shown.examples]
        for label in labels:
            check_label(label)
        query = expand(segments(labels, self._prompt)[-1], self._patches)
        start = None
        if self._reuse and shown.examples:
            ids, pictures = self._supports(shown)
            start = self.reader.read(torch.tensor(ids), pictures)
        return ReadSupports(shown, query, start)

    @torch.inference_mode()
    def answer(
        self, read: ReadSupports, queries: Sequence[np.ndarray], labels: Sequence[str]
    ) -> list[Classification]:
        """Answer queries of one context, choosing among labels."""
        for label in labels:
            check_label(label)
        return [self._answer(read, query, labels) for query in queries]

    def features(self, pictures: Sequence[np.ndarray]) -> Tensor:
        """Encode pictures: [N, patches, width of the language model]."""
        vision = self.files.vision
        side = vision.config.side
        stacked = torch.stack([pixels(picture, side) for picture in pictures])
        dtype = vision.vision_model.pre_layrnorm.weight.dtype
        found: Tensor = vision(stacked.to(self.reader.device, dtype))
        return self.files.network.project(found)

    @property
    def _patches(self) -> int:
        return self.files.vision.config.tokens - 1

    def _supports(self, shown: Shown) -> tuple[list[int], list[Tensor | None]]:
        """The tokens and pictures of the supports.

        With "last" their pictures are not even encoded: nobody sees them.
        """
        pictures: list[Tensor | None] = [None] * len(shown.examples)
        if self._merge == "all" and shown.examples:
            pictures = list(self.features([picture for picture, _ in shown.examples]))
        ids: list[int] = []
        labels = [label for _, label in shown.examples]
        for number, words in enumerate(segments(labels, self._prompt)[:-1]):
            own = self.files.tokenizer.segment(expand(words, self._patches))
            # The released evaluation keeps the end of the first support and drops all later ones.
            ids += own[:-1] if number and own[-1] == STOP else own
        return ids, pictures

    def _answer(
        self, read: ReadSupports, query: np.ndarray, labels: Sequence[str]
    ) -> Classification:
        meta: dict[str, Any] = {
            "back_end": "lcl-mllm",
            "model": self.name,
            "prompt": self._prompt,
            "answers": self.answers,
            "image_merge": self._merge,
            "support_images_used": bool(read.shown.examples) and self._merge == "all",
            "context_reused": read.start is not None,
        }
        if self.answers == "generate":
            place = self._read(read, query)
            ids = greedy(self.reader, place, self._most, (STOP,))
            said = self.files.tokenizer.decode(ids)
            return from_text(labels, said, {**meta, "tokens": len(ids)})
        scores = self._scores(read, query, labels)
        if self.answers == "calibrated":
            key = tuple(labels)
            if key not in read.baseline:
                side = self.files.vision.config.side
                grey = np.full((side, side, 3), GREY, np.uint8)
                read.baseline[key] = self._scores(read, grey, labels)
            scores = [a - b for a, b in zip(scores, read.baseline[key], strict=True)]
        return from_scores(labels, scores, meta)

    def _read(self, read: ReadSupports, query: np.ndarray) -> MllmPlace:
        ids, pictures = self._query(read, query)
        if read.start is None:
            before, shown = self._supports(read.shown)
            return self.reader.read(torch.tensor(before + ids), [*shown, *pictures])
        return self.reader.read(torch.tensor(ids), pictures, read.start)

    def _query(
        self, read: ReadSupports, query: np.ndarray
    ) -> tuple[list[int], list[Tensor | None]]:
        """The tokens of the query's segment, and its picture."""
        ids = self.files.tokenizer.segment(read.query)
        return ids, merged([self.features([query])[0]], self._merge)

    def _scores(self, read: ReadSupports, query: np.ndarray, labels: Sequence[str]) -> list[float]:
        supported = bool(read.shown.examples)
        options = [
            self.files.tokenizer.answer(read.query, target(label, supported, self._prompt))
            for label in labels
        ]
        if self._reuse:
            found = option_logprobs(self.reader, self._read(read, query), options)
        else:
            before, shown = self._supports(read.shown)
            ids, pictures = self._query(read, query)
            put = [*shown, *pictures]
            found = [self.reader.at_once(before + ids, put, option) for option in options]
        return combine(found, "mean" if self.answers == "mean" else "sum")
