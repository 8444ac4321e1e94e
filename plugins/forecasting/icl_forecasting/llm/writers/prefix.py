"""Prompts that begin alike are read once: their common start stays in a cache of keys and values.

All samples of a forecast share their prompt, and the values of a path are written behind the same
history, so that most of the reading would be done again and again.
"""

from __future__ import annotations

import copy
import inspect
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch

SHORTEST = 32
"""Tokens; a shorter start is not worth a cache."""

KEPT = 4
"""Caches of the last starts."""

WORTH = 0.8
"""Share of a common start that a kept cache has to cover to be used for it."""


class CommonStart:
    """Keeps what a model computed for the starts of prompts.

    Args:
        model: of transformers.
        pad: token that fills shorter rows.
    """

    def __init__(self, model: Any, pad: int) -> None:
        self._model = model
        self._pad = pad
        self._kept: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self.reads = 0
        taken = inspect.signature(model.forward).parameters
        # transformers 5.24 calls the cache `cache`, older ones `past_key_values`.
        self._cache_name = "cache" if "cache" in taken else "past_key_values"
        self._last = {"logits_to_keep": 1} if "logits_to_keep" in taken else {}
        config = model.config
        kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
        # a window that slides may have left the start behind
        self._usable = kinds == {"full_attention"} and not getattr(config, "sliding_window", None)

    def inputs(self, rows: Sequence[Sequence[int]]) -> dict[str, Any]:
        """Lay rows of tokens out for `generate`: int64 [B, T], with a cache where it helps.

        Without a common start, shorter rows are filled on the left. With one they are filled
        behind it, so that it stands at the same places in all rows.
        """
        shared = _common(rows)
        if not self._usable or shared < SHORTEST:
            return self._padded(rows, 0)
        start = self._known(rows[0][:shared])
        found = self._padded(rows, len(start))
        cache = copy.deepcopy(self._kept[start])
        cache.batch_repeat_interleave(len(rows))
        return {**found, self._cache_name: cache}

    def _padded(self, rows: Sequence[Sequence[int]], fixed: int) -> dict[str, Any]:
        longest = max(map(len, rows))
        ids, mask = [], []
        for row in rows:
            fill = longest - len(row)
            ids.append([*row[:fixed], *[self._pad] * fill, *row[fixed:]])
            mask.append([1] * fixed + [0] * fill + [1] * (len(row) - fixed))
        device = self._model.device
        return {
            "input_ids": torch.tensor(ids, device=device),
            "attention_mask": torch.tensor(mask, device=device),
        }

    def _known(self, start: Sequence[int]) -> tuple[int, ...]:
        """Return the start whose cache is used, and see to it that it is there."""
        wanted = tuple(start)
        for known in reversed(self._kept):
            if len(known) >= WORTH * len(wanted) and wanted[: len(known)] == known:
                self._kept.move_to_end(known)
                return known
        from transformers import DynamicCache

        cache = DynamicCache(config=self._model.config)
        with torch.inference_mode():
            self._model(
                input_ids=torch.tensor([wanted], device=self._model.device),
                use_cache=True,
                **{self._cache_name: cache},
                **self._last,
            )
        self.reads += 1
        self._kept[wanted] = cache
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return wanted


def _common(rows: Sequence[Sequence[int]]) -> int:
    """Count the tokens that all rows begin with; at least one is left of each row."""
    least = min(map(len, rows)) - 1
    first = rows[0]
    return next(
        (place for place in range(least) if any(row[place] != first[place] for row in rows)), least
    )
