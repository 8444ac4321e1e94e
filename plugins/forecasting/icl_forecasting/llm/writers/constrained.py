"""Constrained decoding: a model may only choose tokens that keep its answer in form.

A tokenizer's tokens are read as characters once; at each step those stay possible whose
characters the grammar's automaton accepts. No library beside transformers is needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from icl_core import InputError
from icl_forecasting.llm.writers.grammar import AnswerGrammar, Place

_KNOWN = "a"
"""A token's own characters are what it adds behind this one."""


class Vocabulary:
    """The characters of each token.

    Args:
        tokenizer: of transformers.
    """

    def __init__(self, tokenizer: Any) -> None:
        special = set(tokenizer.all_special_ids)
        count = len(tokenizer)
        before: list[int] = tokenizer.encode(_KNOWN, add_special_tokens=False)
        alone = tokenizer.decode(before)
        self.words: dict[int, str] = {}
        plain = [token for token in range(count) if token not in special]
        found = tokenizer.batch_decode(
            [[*before, token] for token in plain], clean_up_tokenization_spaces=False
        )
        for token, text in zip(plain, found, strict=True):
            added = text[len(alone) :] if text.startswith(alone) else ""
            if added and added.isascii():
                self.words[token] = added
        ends = tokenizer.eos_token_id
        self.ends: list[int] = [] if ends is None else [ends]

    def within(self, characters: frozenset[str]) -> list[tuple[int, str]]:
        """Return the tokens that have no other characters."""
        return [(t, word) for t, word in self.words.items() if characters.issuperset(word)]


class Constrained:
    """A logits processor that follows a grammar, one place a row.

    Args:
        grammar: the form of the answers.
        vocabulary: of the model's tokenizer.
        read: tokens of the prompt, which are not part of the answers.

    Raises:
        InputError: the tokenizer cannot write such an answer at all.
    """

    def __init__(self, grammar: AnswerGrammar, vocabulary: Vocabulary, read: int) -> None:
        self._grammar = grammar
        self._tokens = vocabulary.within(grammar.characters)
        self._words = vocabulary.words
        self._ends = vocabulary.ends
        self._read = read
        self._places: list[Place | None] = []
        self._known: dict[Place, list[int]] = {}
        missing = grammar.characters - set("".join(word for _, word in self._tokens))
        if missing:
            raise InputError(
                f"constrained is True, and the model's tokenizer cannot write {sorted(missing)}"
            )

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Take away what cannot follow: scores [B, V] -> [B, V]."""
        if input_ids.shape[1] == self._read:
            self._places = [self._grammar.start] * len(input_ids)
        else:
            for row, token in enumerate(input_ids[:, -1].tolist()):
                place = self._places[row]
                words = self._words.get(token, "")
                done = place is None or self._grammar.ended(place)
                self._places[row] = place if done else self._grammar.after(place, words)
        kept = torch.full_like(scores, -math.inf)
        for row, place in enumerate(self._places):
            allowed = self._allowed(place)
            kept[row, allowed] = scores[row, allowed]
        return kept

    def _allowed(self, place: Place | None) -> Sequence[int]:
        if place is None or self._grammar.ended(place):
            return self._ends or [0]
        if place not in self._known:
            after = self._grammar.after
            self._known[place] = [t for t, w in self._tokens if after(place, w) is not None]
        return self._known[place]
