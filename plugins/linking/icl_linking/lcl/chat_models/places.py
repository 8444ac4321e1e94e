"""Read prompts with pictures into places of a transformers model, and go on from there."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

PER_TOKEN = ("input_ids", "token_type_ids", "mm_token_type_ids")
"""Inputs with one value a token."""


@dataclass(frozen=True, eq=False)
class ModelPlace:
    """A position in a text.

    Args:
        logits: [V], of the token that comes next.
        cache: keys and values of everything before; shared, so never written to.
        inputs: tokens, kinds and picture grids so far, which positions in three dimensions need.
        next_position: position of the token that comes next; None = the model counts itself.
    """

    logits: Tensor
    cache: Any
    inputs: Mapping[str, Tensor]
    next_position: int | None

    @property
    def length(self) -> int:
        """Tokens so far."""
        return int(self.inputs["input_ids"].shape[1])


class ModelReader:
    """A transformers model with pictures, one text at a time.

    Args:
        model: of an `AutoModelForImageTextToText` class, in eval mode.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.device = next(model.parameters()).device
        taken = inspect.signature(model.forward).parameters
        # transformers 5.24 calls the cache `cache`, older ones `past_key_values`.
        self._cache_name = "cache" if "cache" in taken else "past_key_values"
        self._takes_kept = "logits_to_keep" in taken
        self._index = getattr(getattr(model, "model", None), "get_rope_index", None)

    def read(self, inputs: Mapping[str, Tensor], after: ModelPlace | None = None) -> ModelPlace:
        """Read a piece of prompt.

        Args:
            inputs: what the processor gives for it: `input_ids` [1, L] and its pictures.
            after: where it continues; None = it is the beginning.
        """
        arguments = self._given(inputs)
        empty = {"input_ids": arguments["input_ids"][:, :0]}
        whole = joined(empty if after is None else after.inputs, arguments)
        length = arguments["input_ids"].shape[1]
        positions = self._positions(whole)
        next_position = None
        if positions is not None:
            next_position = int(positions.max()) + 1
            arguments["position_ids"] = positions[..., -length:]
        cache = self._new_cache() if after is None else fork(after.cache)
        logits = self._forward(arguments, cache, whole["input_ids"].shape[1], keep=1)
        return ModelPlace(logits[0, -1], cache, whole, next_position)

    def at_once(self, inputs: Mapping[str, Tensor], option: Sequence[int]) -> Tensor:
        """Return the log-probability of each token of an option, by reading everything once more.

        Nothing is shared with other options: this is what `read` and `branch` are compared with.

        Args:
            inputs: what the processor gives for the whole prompt.
            option: token ids after it.
        """
        more = torch.tensor([list(option)], device=self.device)
        arguments = self._given(inputs)
        for name in PER_TOKEN:
            if name in arguments:
                added = more if name == "input_ids" else torch.zeros_like(more)
                arguments[name] = torch.cat([arguments[name], added[:, :-1]], dim=1)
        positions = self._positions(arguments)
        if positions is not None:
            arguments["position_ids"] = positions
        length = arguments["input_ids"].shape[1]
        logits = self._forward(arguments, None, length, keep=len(option))[0, -len(option) :]
        chosen = torch.log_softmax(logits.float(), dim=-1).gather(-1, more[0][:, None])
        return chosen[:, 0].cpu()

    def _given(self, inputs: Mapping[str, Tensor]) -> dict[str, Any]:
        """Bring inputs to the model's device and number type."""
        found: dict[str, Any] = {}
        for name, tensor in inputs.items():
            if name != "attention_mask":
                dtype = self.model.dtype if tensor.is_floating_point() else None
                found[name] = tensor.to(self.device, dtype)
        return found

    def branch(self, place: ModelPlace, ids: Tensor) -> Tensor:
        """Read ids [K, L] after a place, each row by itself: logits [K, L, V]."""
        arguments = self._text(place, ids)
        cache = fork(place.cache, len(ids))
        return self._forward(arguments, cache, place.length + ids.shape[1])

    def advance(self, place: ModelPlace, ids: Tensor) -> ModelPlace:
        """Read ids [L] after a place."""
        cache = fork(place.cache)
        given = self._text(place, ids[None])
        logits = self._forward(given, cache, place.length + len(ids), keep=1)
        later = None if place.next_position is None else place.next_position + len(ids)
        plain = {"input_ids": given["input_ids"]}
        return ModelPlace(logits[0, -1], cache, joined(place.inputs, plain), later)

    def _text(self, place: ModelPlace, ids: Tensor) -> dict[str, Any]:
        ids = ids.to(self.device)
        arguments: dict[str, Any] = {"input_ids": ids}
        for name in ("token_type_ids", "mm_token_type_ids"):
            if name in place.inputs:
                arguments[name] = torch.zeros_like(ids)
        if place.next_position is not None:
            steps = torch.arange(ids.shape[1], device=self.device) + place.next_position
            arguments["position_ids"] = steps.expand(3, *ids.shape)
        return arguments

    def _forward(
        self, arguments: Mapping[str, Any], cache: Any, total: int, keep: int = 0
    ) -> Tensor:
        ids = arguments["input_ids"]
        mask = torch.ones(len(ids), total, dtype=torch.long, device=self.device)
        more: dict[str, Any] = {"attention_mask": mask, "use_cache": cache is not None}
        if cache is not None:
            more[self._cache_name] = cache
        if self._takes_kept:
            more["logits_to_keep"] = keep
        found: Tensor = self.model(**arguments, **more, return_dict=True).logits
        return found

    def _new_cache(self) -> Any:
        from transformers import DynamicCache

        return DynamicCache(config=self.model.config)

    def _positions(self, whole: Mapping[str, Tensor]) -> Tensor | None:
        """Positions [3, 1, L] of a text with pictures, for models that count in three dimensions.

        Such a model remembers an offset from call to call, so that it is told each time.
        """
        if self._index is None:
            return None
        taken = inspect.signature(self._index).parameters
        ids = whole["input_ids"]
        given = {name: tensor for name, tensor in whole.items() if name in taken}
        given["attention_mask"] = torch.ones_like(ids)
        if "mm_token_type_ids" in taken and "mm_token_type_ids" not in given:
            given["mm_token_type_ids"] = torch.zeros_like(ids)
        positions: Tensor = self._index(**given)[0]
        return positions


def joined(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Join what positions depend on in two pieces of one text: tokens, kinds, picture grids.

    Args:
        one: inputs of the first piece; what has one value a token is [1, L].
        other: inputs of the second piece. Values a token that one of them lacks are 0.
    """
    found: dict[str, Tensor] = {}
    for name in {*one, *other}:
        pieces = [piece[name] for piece in (one, other) if name in piece]
        if name in PER_TOKEN:
            rows = [piece.get(name, torch.zeros_like(piece["input_ids"])) for piece in (one, other)]
            found[name] = torch.cat(rows, dim=1)
        elif name.endswith("_grid_thw"):
            found[name] = torch.cat(pieces, dim=0)
    return found


def fork(cache: Any, copies: int = 1) -> Any:
    """Return a cache that can be written to while the given one stays as it is.

    Layers that grow by joining tensors share what they hold; others are copied.
    """
    from transformers import cache_utils

    growing = {
        getattr(cache_utils, name, None) for name in ("DynamicLayer", "DynamicSlidingWindowLayer")
    }
    new = copy.copy(cache)
    new.layers = []
    for layer in cache.layers:
        if type(layer) in growing:
            own = copy.copy(layer)
            if copies > 1 and own.get_seq_length():
                own.keys = own.keys.expand(copies, *own.keys.shape[1:])
                own.values = own.values.expand(copies, *own.values.shape[1:])
        else:
            own = copy.deepcopy(layer)
            if copies > 1:
                own.batch_repeat_interleave(copies)
        new.layers.append(own)
    return new
