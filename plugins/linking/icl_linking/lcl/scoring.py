"""Score answers by their log-likelihood, or write one down greedily; the prompt is read once.

A back end reads a prompt into a `Place`: a position in a text with everything before it in its
cache. Options branch off that place as one batch, so that k options cost the prompt once and the
lengths of the options, not k prompts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor

OPTION_BATCH = 32
"""Options that are read in one pass."""


class Place(Protocol):
    """A position in a text; it never changes."""

    @property
    def logits(self) -> Tensor:
        """[V], of the token that comes next."""


P = TypeVar("P", bound=Place)


class Reader(Protocol[P]):
    """What a back end can do with places."""

    def branch(self, place: P, ids: Tensor) -> Tensor:
        """Read ids [K, L] after a place, each row by itself: logits [K, L, V]."""

    def advance(self, place: P, ids: Tensor) -> P:
        """Read ids [L] after a place."""


def option_logprobs(
    reader: Reader[P], place: P, options: Sequence[Sequence[int]], batch: int = OPTION_BATCH
) -> list[Tensor]:
    """Return the log-probability of each token of each option after a prompt.

    Args:
        reader: of the back end.
        place: the end of the prompt.
        options: token ids of each, at least one.
        batch: options in one pass.

    Returns:
        float32 [L_k] on the CPU for each option.
    """
    first = torch.log_softmax(place.logits.float(), dim=-1)
    found: list[Tensor] = []
    for start in range(0, len(options), batch):
        group = [list(option) for option in options[start : start + batch]]
        longest = max(map(len, group))
        heads = first[torch.tensor([option[0] for option in group], device=first.device)]
        columns = [heads[:, None]]
        if longest > 1:
            # Padded on the right: what stands there cannot reach what is before it.
            padded = torch.tensor([option + [0] * (longest - len(option)) for option in group])
            padded = padded.to(first.device)
            logits = reader.branch(place, padded[:, :-1]).float()
            chosen = torch.log_softmax(logits, dim=-1).gather(-1, padded[:, 1:, None])
            columns.append(chosen[..., 0])
        scores = torch.cat(columns, dim=1).cpu()
        found += [row[: len(option)] for row, option in zip(scores, group, strict=True)]
    return found


def greedy(reader: Reader[P], place: P, most: int, stops: Collection[int]) -> list[int]:
    """Write the most likely token, again and again.

    Args:
        reader: of the back end.
        place: the end of the prompt.
        most: tokens that are written at most.
        stops: tokens that end the answer; they are part of it.
    """
    written: list[int] = []
    while len(written) < most:
        token = place.logits.argmax()
        written.append(int(token))
        if written[-1] in stops or len(written) == most:
            break
        place = reader.advance(place, token[None])
    return written


def combine(logprobs: Sequence[Tensor], how: str) -> list[float]:
    """Turn the tokens' log-probabilities into a score an option: "sum" or "mean"."""
    if how == "mean":
        return [float(one.double().mean()) for one in logprobs]
    return [float(one.double().sum()) for one in logprobs]
