"""Painting queries with prompts that are prepared once.

```python
engine = Engine(network)
prompts = engine.prepare(images, targets)  # [N, 3, s, s] each: N prompts that answer together
answer = engine.paint(prompts, queries)  # [B, 3, s, s]
```

The numbers are those of `PainterNetwork.forward` up to rounding, with less work:

- The target stream up to the merge depends on the prompts alone: it is computed with them.
- With feature ensemble the query's tokens are the same beside every prompt in every block, so there
  is one copy of them. Only their attention is done for each prompt, and its output averaged before
  the projection, which is linear; on a CPU what it says about the query's own keys, once.
- The decoder sees the query and one row of patches of the first prompt above it, and the last block
  computes only what the decoder sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_core.errors import InputError
from icl_painting.network.attention import attend
from icl_painting.network.blend import blended, pair_filter
from icl_painting.network.blocks import Block, Mlp
from icl_painting.network.decoder import colours_below, maps_below
from icl_painting.network.network import PainterNetwork
from icl_painting.network.pairfilter import PairFilter

HIDDEN_ELEMENTS = 4_000_000
"""Elements of the feed-forward parts' inner values that exist at once on a CPU."""


@dataclass(frozen=True, eq=False)
class Prompts:
    """What depends on the prompts alone. T is the number of tokens of a picture.

    Args:
        side: s of the pictures, in pixels.
        images: [N, T, D], tokens of the prompts' pictures.
        targets: [N + 1, T, D], the target stream after the merge block: of each prompt, and of the
            masked query.
        query: [1, h, w, D], what is added to the patches of a query.
        filter: what the prompts' pictures teach at full resolution, where the network blends it in.
    """

    side: int
    images: Tensor = field(repr=False)
    targets: Tensor = field(repr=False)
    query: Tensor = field(repr=False)
    filter: PairFilter | None = field(default=None, repr=False)

    @property
    def count(self) -> int:
        """N."""
        return len(self.images)


class Engine:
    """Answers of a network, without gradients.

    Args:
        network: what answers; drop path is never on here. Prompts hold for the weights that they
            were prepared with.
    """

    def __init__(self, network: PainterNetwork) -> None:
        self.network = network

    @torch.no_grad()
    def prepare(self, images: Tensor, targets: Tensor, seg_type: int | None = None) -> Prompts:
        """Do the prompts' work.

        Args:
            images: [N, 3, s, s], normalised; s a multiple of the patch. More than one prompt answer
                together, by feature ensemble (arXiv 2304.03284, 3.3).
            targets: the same shape.
            seg_type: SegGPT's 0 = semantic, 1 = instance; None adds no type token.

        Raises:
            InputError: the pictures do not fit, or the network has no type tokens.
        """
        network = self.network
        side = self._side(images, "prompts' pictures")
        if targets.shape != images.shape:
            raise InputError(
                f"the prompts' targets are {list(targets.shape)}, expected {list(images.shape)}"
            )
        images, targets = self._own(images), self._own(targets)
        rows = side // network.config.patch
        upper, lower = network.positions((2 * rows, rows)).tensor_split(2, dim=1)
        kind = None
        if seg_type is not None:
            kind = network.type_token(torch.tensor([[float(seg_type)]]))
        pictures = network.embed_images(images, upper, kind).flatten(1, 2)
        shown = network.embed_targets(targets, None, upper, kind).flatten(1, 2)
        asked = network.mask_token + (network.segment_token_y + lower)
        query = network.segment_token_x + lower
        if kind is not None:
            asked, query = asked + kind, query + kind
        stream = torch.cat([shown, asked.flatten(1, 2).to(shown.dtype)])[None]
        for block in self._blocks()[: network.config.merge + 1]:
            stream = _through(block, stream, rows)
        shown_filter = None if network.blend is None else pair_filter(images, targets)
        return Prompts(side, pictures, stream[0], query, shown_filter)

    @torch.no_grad()
    def paint(self, prompts: Prompts, queries: Tensor) -> Tensor:
        """Paint the answers to queries.

        Args:
            prompts: of `prepare`, with this network.
            queries: [B, 3, s, s], normalised, of the prompts' side.

        Returns:
            [B, 3, s, s] float32 in normalised colour space: the lower half of the first prompt's
            canvas.

        Raises:
            InputError: the queries do not fit.
        """
        return self._paint([prompts], prompts.images, prompts.targets, queries)

    @torch.no_grad()
    def paint_each(self, several: Sequence[Prompts], queries: Tensor) -> Tensor:
        """Paint the answer to each query with prompts of its own, in one pass.

        Args:
            several: one for each query, all of the same side, count and type.
            queries: [B, 3, s, s], normalised.

        Returns:
            [B, 3, s, s] float32, as `paint`.

        Raises:
            InputError: the queries or the prompts do not fit.
        """
        if len(several) != len(queries) or len({(one.count, one.side) for one in several}) != 1:
            raise InputError(
                f"{len(queries)} queries and {len(several)} prepared prompts, expected as many, "
                "all of one size and number"
            )
        images = torch.stack([one.images for one in several])
        targets = torch.stack([one.targets for one in several])
        return self._paint(several, images, targets, queries)

    def _paint(
        self, several: Sequence[Prompts], images: Tensor, targets: Tensor, queries: Tensor
    ) -> Tensor:
        """Paint with images [N, T, D] and targets [N + 1, T, D] for all queries, or for each."""
        network, config, prompts = self.network, self.network.config, several[0]
        if self._side(queries, "queries") != prompts.side:
            raise InputError(
                f"the queries are {queries.shape[-1]} pixels wide, and the prompts {prompts.side}"
            )
        rows = prompts.side // config.patch
        asked = (network.patch_embed(self._own(queries)) + prompts.query).flatten(1, 2)
        shown = images.expand(len(asked), -1, -1, -1)
        stream = torch.cat([shown, asked[:, None].to(shown.dtype)], dim=1)
        taps = []
        blocks = self._blocks()
        for number, block in enumerate(blocks[:-1]):
            stream = _through(block, stream, rows)
            if number == config.merge:
                stream = stream.add_(targets).mul_(0.5)
            if number in config.taps:
                taps.append(network.norm(_seen(stream, rows)))
        taps.append(network.norm(_last(blocks[-1], stream, rows)))
        del stream
        seen = torch.cat(taps, dim=-1).view(len(asked), 1 + rows, rows, -1)
        maps = maps_below(network.decoder_embed, seen, config.patch)
        colours = colours_below(network.decoder_pred, maps)
        if network.detail is not None:
            features, token = maps[:, 1:-1].permute(0, 3, 1, 2), network.task_token(seen[:, 1:])
            colours = network.detail(self._own(queries), features, token, colours)
        filters = [one.filter for one in several if one.filter is not None]
        if network.blend is not None:
            colours = blended(network.blend, colours, queries.to(colours.device), filters)
        return colours.float()

    def _blocks(self) -> list[Block]:
        return [block for block in self.network.blocks if isinstance(block, Block)]

    def _own(self, pictures: Tensor) -> Tensor:
        """Bring pictures to the network's device and number type."""
        weight = self.network.mask_token
        return pictures.to(weight.device, weight.dtype)

    def _side(self, pictures: Tensor, what: str) -> int:
        """Return s of [N, 3, s, s]."""
        patch = self.network.config.patch
        good = pictures.dim() == 4 and len(pictures) > 0 and pictures.shape[1] == 3
        side = pictures.shape[-1]
        if not good or pictures.shape[2] != side or side == 0 or side % patch:
            raise InputError(
                f"the {what} are {list(pictures.shape)}, expected [N, 3, s, s] with s a multiple "
                f"of {patch}"
            )
        return side


def _through(block: Block, stream: Tensor, rows: int) -> Tensor:
    """Run a block.

    Args:
        block: a block.
        stream: [B, N + 1, T, D]: each prompt's tokens, then the query's. Overwritten.
        rows: rows, and columns, of a picture's tokens.

    Returns:
        `stream`.
    """
    attention = block.attn
    qkv = attention.qkv(block.norm1(stream)).view(*stream.shape[:3], 3, attention.heads, -1)
    q, k, v = qkv.permute(3, 0, 1, 4, 2, 5)
    k, v = _beside(k), _beside(v)
    table, columns = attention.tables(2 * rows, rows)
    each_k, each_v = (t.flatten(0, 1)[:, None] for t in (k, v))
    shown = attend(q[:, :-1].flatten(0, 1), each_k, each_v, table[:rows], columns)
    asked = attend(q[:, -1], k, v, table[rows:], columns, rows * rows)
    del q, k, v, each_k, each_v, qkv
    mixed = torch.cat([shown.view(len(stream), -1, *shown.shape[1:]), asked[:, None]], dim=1)
    stream += attention.proj(mixed)
    del shown, asked, mixed
    _feed(block.norm2, block.mlp, stream)
    return stream


def _last(block: Block, stream: Tensor, rows: int) -> Tensor:
    """Run the last block for what the decoder sees; see `_seen` for the result's shape."""
    attention, width = block.attn, stream.shape[-1]
    weight, bias = attention.qkv.weight, attention.qkv.bias
    normed = block.norm1(stream)
    k, v = (
        F.linear(normed, weight[part], bias[part]).view(*normed.shape[:3], attention.heads, -1)
        for part in (slice(width, 2 * width), slice(2 * width, None))
    )
    k, v = (_beside(t.transpose(2, 3)) for t in (k, v))
    q = F.linear(_seen(normed, rows), weight[:width], bias[:width])
    q = q.view(*q.shape[:2], attention.heads, -1).transpose(1, 2)
    table, columns = attention.tables(2 * rows, rows)
    edge = attend(q[:, :, :rows], k[:, :1], v[:, :1], table[rows - 1 : rows], columns)
    asked = attend(q[:, :, rows:], k, v, table[rows:], columns, rows * rows)
    seen = _seen(stream, rows)
    seen += attention.proj(torch.cat([edge, asked], dim=1))
    _feed(block.norm2, block.mlp, seen)
    return seen


def _beside(x: Tensor) -> Tensor:
    """Put the query's T tokens behind each prompt's.

    Args:
        x: [B, N + 1, heads, T, d].

    Returns:
        [B, N, heads, 2T, d].
    """
    shown, asked = x[:, :-1], x[:, -1:]
    return torch.cat([shown, asked.expand_as(shown)], dim=3)


def _seen(stream: Tensor, rows: int) -> Tensor:
    """Pick what the decoder sees: the first prompt's last row and the query, [B, rows + T, D]."""
    return torch.cat([stream[:, 0, -rows:], stream[:, -1]], dim=1)


def _feed(norm: nn.LayerNorm, mlp: Mlp, x: Tensor) -> None:
    """Add the feed-forward part to `x`, on a CPU some tokens at a time to need little memory."""
    tokens = x.view(-1, x.shape[-1])
    step = len(tokens)
    if x.device.type == "cpu":
        step = max(1, HIDDEN_ELEMENTS // mlp.fc1.out_features)
    for first in range(0, len(tokens), step):
        part = tokens[first : first + step]
        part += mlp(norm(part))
