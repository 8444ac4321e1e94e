"""Many masks of many pictures through the decoder, a bounded number in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from icl_segmentation.segic.network import SegicNetwork
from icl_segmentation.segic.prior import PICTURE_EPS, prepare_target
from icl_segmentation.segic.references import References


@dataclass(frozen=True)
class Piece:
    """Some masks of one picture: its place in the batch, the rows of its objects."""

    picture: int
    rows: tuple[int, ...]
    tokens: int


def decode(
    network: SegicNetwork,
    features: Tensor,
    references: Sequence[References],
    *,
    units: Sequence[Tensor] | None = None,
    eps: float = PICTURE_EPS,
    negatives: bool = False,
    most: int = 32,
) -> list[Tensor]:
    """Decode the objects of each picture.

    Args:
        network: the network.
        features: [B, C, g, g].
        references: of each picture.
        units: what the priors of each picture compare with, where it is not `References.units`.
        eps: see `SegicNetwork.prompts`.
        negatives: see `SegicNetwork.prompts`; all objects of a picture then go in one pass.
        most: masks in one pass of the decoder.

    Returns:
        For each picture the logits of mask 0, float32 [N, 4g, 4g].
    """
    image = network.neck(features)
    targets = [prepare_target(one, network.similarity_side) for one in features]
    compared = units or [one.units for one in references]
    found: list[list[Tensor]] = [[] for _ in references]
    for group in _passes(references, most, whole=negatives):
        sparse, dense = [], []
        for piece in group:
            own, rows = references[piece.picture], list(piece.rows)
            prompts = network.prompts(
                targets[piece.picture],
                compared[piece.picture][rows],
                own.text[rows],
                own.vectors,
                own.kinds(rows),
                eps,
                negatives,
            )
            sparse.append(network.sparse(prompts))
            prompt = network.prompt_encoder.embed_masks(prompts.prior[:, None])
            if own.cells is not None:
                prompt = prompt + network.compare(features[piece.picture], own.cells.rows(rows))
            dense.append(prompt)
        # A single picture is given once, so that the decoder does its share of the work once.
        places = [piece.picture for piece in group for _ in piece.rows]
        shown = places if len(set(places)) > 1 else places[:1]
        masks, _ = network.decode(
            image[shown], torch.cat(sparse), torch.cat(dense), features=features[shown]
        )
        parts = torch.split(masks[:, 0], [len(piece.rows) for piece in group])
        for piece, part in zip(group, parts, strict=True):
            found[piece.picture].append(part)
    return [torch.cat(parts) for parts in found]


def _passes(references: Sequence[References], most: int, whole: bool) -> Iterator[list[Piece]]:
    """Cut the objects into passes of at most `most` masks with one number of tokens each."""
    group: list[Piece] = []
    for picture, one in enumerate(references):
        count = len(one.text)
        step = count if whole else most
        for start in range(0, count, max(step, 1)):
            rows = tuple(range(start, min(start + step, count)))
            # The points of a video's objects are tokens too.
            piece = Piece(picture, rows, len(one.owner) + (count if whole else 0))
            total = sum(len(other.rows) for other in group) + len(rows)
            if group and (total > most or group[0].tokens != piece.tokens):
                yield group
                group = []
            group.append(piece)
    if group:
        yield group
