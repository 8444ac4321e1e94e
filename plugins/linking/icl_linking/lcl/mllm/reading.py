"""Read token ids with pictures into places of the LCL-MLLM.

The released forward pass rebuilds a text's embeddings from the plain ones for each of its
pictures, so that only the last picture of a text is in it: `merge="last"`. `merge="all"` puts
every picture in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from icl_core import InputError
from icl_linking.lcl.mllm.network import Cache, LclMllm


@dataclass(frozen=True)
class PictureTokens:
    """Token ids around pictures."""

    patch: int
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class MllmPlace:
    """A position in a text.

    Args:
        logits: [V], of the token that comes next.
        cache: keys and values of everything before.
    """

    logits: Tensor
    cache: Cache


class MllmReader:
    """The LCL-MLLM, one text at a time.

    Args:
        network: in eval mode.
        tokens: ids around pictures.
    """

    def __init__(self, network: LclMllm, tokens: PictureTokens) -> None:
        self.network = network
        self.tokens = tokens

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.lm_head.weight.device

    def embed(self, ids: Tensor, pictures: Sequence[Tensor | None]) -> Tensor:
        """Return the embeddings of a piece of text with its pictures in it.

        Args:
            ids: [L], with a span of patch ids for each picture.
            pictures: projected features [P, width] of each span; None leaves the span as it is.

        Returns:
            [1, L, width].

        Raises:
            InputError: there are more or fewer spans than pictures, or one is of another length.
        """
        ids = ids.to(self.device)
        embeddings = self.network.embed(ids[None])
        starts = (ids == self.tokens.start).nonzero()[:, 0].tolist()
        if len(starts) != len(pictures):
            raise InputError(f"the text has {len(starts)} places for {len(pictures)} pictures")
        for start, features in zip(starts, pictures, strict=True):
            if features is None:
                continue
            end = start + 1 + len(features)
            fits = end < len(ids) and int(ids[end]) == self.tokens.end
            if not fits or bool((ids[start + 1 : end] != self.tokens.patch).any()):
                raise InputError(
                    f"the text has no room for a picture of {len(features)} patches at {start}"
                )
            embeddings[0, start + 1 : end] = features
        return embeddings

    def logits(self, ids: Tensor, pictures: Sequence[Tensor | None]) -> Tensor:
        """Return the logits [L, V] after each token of a text."""
        states, _ = self.network(self.embed(ids, pictures))
        found: Tensor = self.network.lm_head(states[0])
        return found

    def read(
        self, ids: Tensor, pictures: Sequence[Tensor | None], after: MllmPlace | None = None
    ) -> MllmPlace:
        """Read a piece of text.

        Args:
            ids: [L].
            pictures: as in `embed`.
            after: where it continues; None = it is the beginning.
        """
        return self._read(self.embed(ids, pictures), after)

    def at_once(
        self, ids: Sequence[int], pictures: Sequence[Tensor | None], option: Sequence[int]
    ) -> Tensor:
        """Return the log-probability of each token of an option, by reading everything once more.

        Args:
            ids: of the whole prompt.
            pictures: as in `embed`.
            option: ids after it.
        """
        whole = torch.tensor([*ids, *option[:-1]])
        states, _ = self.network(self.embed(whole, pictures))
        logits = self.network.lm_head(states[0, -len(option) :]).float()
        chosen = torch.tensor(list(option), device=logits.device)[:, None]
        return torch.log_softmax(logits, dim=-1).gather(-1, chosen)[:, 0].cpu()

    def branch(self, place: MllmPlace, ids: Tensor) -> Tensor:
        """Read ids [K, L] after a place, each row by itself: logits [K, L, V]."""
        states, _ = self.network(self.network.embed(ids.to(self.device)), place.cache)
        found: Tensor = self.network.lm_head(states)
        return found

    def advance(self, place: MllmPlace, ids: Tensor) -> MllmPlace:
        """Read ids [L] after a place."""
        return self._read(self.network.embed(ids.to(self.device)[None]), place)

    def _read(self, embeddings: Tensor, after: MllmPlace | None) -> MllmPlace:
        states, cache = self.network(embeddings, None if after is None else after.cache)
        return MllmPlace(self.network.lm_head(states[0, -1]), cache)


def merged(features: Sequence[Tensor | None], merge: str) -> list[Tensor | None]:
    """Return which pictures of a text are put in: all, or the last alone."""
    if merge == "all":
        return list(features)
    return [*[None] * (len(features) - 1), *features[-1:]]
