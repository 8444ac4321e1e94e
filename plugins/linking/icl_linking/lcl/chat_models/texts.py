"""Conversations as the text and the tensors of a transformers processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
import torch
from torch import Tensor

from icl_core import InputError
from icl_linking.lcl.chat import Turn
from icl_linking.lcl.chat_models.places import PER_TOKEN


@dataclass(frozen=True, eq=False)
class Text:
    """A conversation as a text with a mark for each picture.

    Args:
        words: the text, up to where the answer begins.
        pictures: of the marks, in order; the last one is the query.
        cut: where what depends on the query begins.
    """

    words: str
    pictures: tuple[np.ndarray, ...]
    cut: int


class Texts:
    """The texts of one processor.

    Args:
        processor: of `AutoProcessor`.
        name: of the model, for messages.
    """

    def __init__(self, processor: Any, name: str) -> None:
        self.processor = processor
        self.tokenizer = processor.tokenizer
        if not getattr(processor, "chat_template", None):
            processor.chat_template = getattr(self.tokenizer, "chat_template", None)
        mark = getattr(processor, "image_token", None)
        self._mark = mark if isinstance(mark, str) else ""
        listed = {*self.tokenizer.all_special_tokens, *self.tokenizer.get_added_vocab(), self._mark}
        # Added tokens may be plain words or runs of spaces; those in brackets steer the model.
        self._marks = sorted(
            one for one in listed if one.strip()[:1] in ("<", "[") and len(one) > 2
        )
        if not processor.chat_template:
            raise InputError(
                f"{name} has no chat template, so that it is unknown how it is talked to",
                "use the 'instruct' or 'chat' variant of the model",
            )

    def check(self, words: str, what: str) -> None:
        """Refuse words that would be read as a token of the model itself.

        Raises:
            InputError: they hold one.
        """
        for mark in self._marks:
            if mark in words:
                raise InputError(f"{what} {words!r:.80} holds {mark!r}, a word of the model itself")

    def render(self, turns: Sequence[Turn], answer: bool) -> str:
        """Return the text of a conversation.

        Args:
            turns: of it.
            answer: whether the head of the assistant's next turn is added.
        """
        messages = [
            {
                "role": turn.role,
                "content": [
                    {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"}
                    for part in turn.parts
                ],
            }
            for turn in turns
        ]
        words = self.processor.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=answer
        )
        return str(words)

    def lay_out(self, turns: Sequence[Turn]) -> Text:
        """Lay a conversation out and find where what depends on the query begins.

        That is before the mark of the last picture, so between two special tokens, where texts
        can be cut without changing their tokens; else where the last turn begins.
        """
        words = self.render(turns, answer=True)
        pictures = tuple(p for turn in turns for p in turn.parts if not isinstance(p, str))
        cut = words.rfind(self._mark) if self._mark else -1
        if cut < 0:
            before = self.render(turns[:-1], answer=False) if len(turns) > 1 else ""
            pairs = zip(before, words, strict=False)
            cut = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        return Text(words, pictures, cut)

    def options(self, turns: Sequence[Turn], text: Text, labels: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each label as the assistant's turn, with the end of the turn.

        The end belongs to it: without it "fox" could never be less likely than "fox terrier".
        """
        head = self._ids(text.words[text.cut :])
        found = []
        for label in labels:
            answered = self.render([*turns, Turn("assistant", (label,))], answer=False).rstrip()
            said = answered.removeprefix(text.words)
            if said == answered or not said.strip():
                said = label
            if not said.endswith(tuple(self._marks)):
                said += self.tokenizer.eos_token or ""
            ids = self._ids(text.words[text.cut :] + said)
            found.append(ids[len(head) :] if ids[: len(head)] == head else self._ids(said))
        return found

    def whole(self, text: Text) -> dict[str, Tensor]:
        """Return the inputs of the whole text."""
        return self._process(text.words, text.pictures, self._opens(text))

    def before(self, text: Text) -> dict[str, Tensor] | None:
        """Return the inputs of what does not depend on the query; None where that is nothing."""
        if text.cut == 0:
            return None
        return self._process(text.words[: text.cut], text.pictures[:-1], self._opens(text))

    def after(self, text: Text) -> dict[str, Tensor]:
        """Return the inputs of what depends on the query."""
        first = text.cut == 0 and self._opens(text)
        return self._process(text.words[text.cut :], text.pictures[-1:], first)

    def _opens(self, text: Text) -> bool:
        """Whether the tokenizer has to add its opening token: templates often write it."""
        opening = self.tokenizer.bos_token
        return not (opening and text.words.startswith(opening))

    def _ids(self, words: str) -> list[int]:
        return list(self.tokenizer(words, add_special_tokens=False)["input_ids"])

    def _process(
        self, words: str, pictures: Sequence[np.ndarray], opening: bool
    ) -> dict[str, Tensor]:
        from PIL import Image

        images = [[Image.fromarray(np.ascontiguousarray(one)) for one in pictures]]
        found = self.processor(
            text=[words],
            images=images if pictures else None,
            add_special_tokens=opening,
            return_tensors="pt",
        )
        return {name: value for name, value in found.items() if isinstance(value, Tensor)}


def same(
    whole: Mapping[str, Tensor], before: Mapping[str, Tensor], after: Mapping[str, Tensor]
) -> bool:
    """Whether two pieces hold what the whole holds: the same tokens and the same pictures.

    A processor may treat one picture otherwise than several, or cut a text differently.
    """
    for name, expected in whole.items():
        if name == "attention_mask":
            continue
        pieces = [piece[name] for piece in (before, after) if name in piece]
        axes = (1,) if name in PER_TOKEN else (0, 1)
        if not any(_equal(pieces, axis, expected) for axis in axes):
            return False
    return True


def _equal(pieces: Sequence[Tensor], axis: int, expected: Tensor) -> bool:
    try:
        return torch.equal(torch.cat(list(pieces), dim=axis), expected)
    except (RuntimeError, IndexError):  # shapes that do not fit together
        return False
