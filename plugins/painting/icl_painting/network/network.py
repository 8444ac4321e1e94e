"""The network of Painter (arXiv 2212.02499) and SegGPT (arXiv 2304.03284).

One vision transformer paints the answer to a query beside a prompt pair. Two canvases go in, twice
as high as wide: the pictures (prompt above, query below) and the targets (the prompt's above, what
is to be painted below and masked). SegGPT has two type tokens more, and answers from several
prompts by averaging what attention says about the query ("feature ensemble").
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_core.errors import InputError
from icl_painting.network.attention import keeps, state
from icl_painting.network.blend import Blend, blended, pair_filter
from icl_painting.network.blocks import EPS, Block
from icl_painting.network.config import PainterConfig
from icl_painting.network.decoder import colour_head, spread
from icl_painting.network.detail import DetailBranch
from icl_painting.network.loss import pixel_mask


class PatchEmbed(nn.Module):
    """One vector a patch.

    Args:
        width: D.
        patch: p.
    """

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, 3, h, w] to [B, h/p, w/p, D]."""
        patches: Tensor = self.proj(x)
        return patches.permute(0, 2, 3, 1).contiguous()


class _Positions(NamedTuple):
    """The absolute position table of one grid, and what it was made from."""

    source: tuple[object, ...]
    table: Tensor


class PainterNetwork(nn.Module):
    """The network, with the released parameter names.

    Args:
        config: sizes.
        drop_path: of the last block in training; it rises linearly from 0 (published: 0.1).

    Attributes:
        config: the sizes.
        notes: plain data that goes with the weights, kept by `save_network`.
    """

    def __init__(self, config: PainterConfig | None = None, drop_path: float = 0.0) -> None:
        super().__init__()
        config = config or PainterConfig()
        self.config = config
        self.notes: dict[str, Any] = {}
        width = config.width
        self.mask_token = nn.Parameter(torch.zeros(1, 1, 1, width))
        self.segment_token_x = nn.Parameter(torch.zeros(1, 1, 1, width))
        self.segment_token_y = nn.Parameter(torch.zeros(1, 1, 1, width))
        if config.types:
            self.type_token_cls = nn.Parameter(torch.zeros(1, 1, 1, width))
            self.type_token_ins = nn.Parameter(torch.zeros(1, 1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, config.table**2 + 1, width))
        self.patch_embed = PatchEmbed(width, config.patch)
        last = max(1, config.depth - 1)
        self.blocks = nn.ModuleList(
            Block(width, config.heads, config.hidden, config.grid, drop_path * number / last)
            for number in range(config.depth)
        )
        self.norm = nn.LayerNorm(width, eps=EPS)
        pixels = config.patch**2 * config.decoder_width
        self.decoder_embed = nn.Linear(len(config.taps) * width, pixels)
        self.decoder_pred = colour_head(config.decoder_width)
        self.detail: DetailBranch | None = None
        if config.detail:
            self.detail = DetailBranch(config.detail, config.decoder_width, width)
        self.blend: Blend | None = None
        if config.blend:
            self.blend = Blend(*config.blend)
        self._positions: _Positions | None = None

    def forward(
        self,
        images: Tensor,
        targets: Tensor,
        masked: Tensor,
        seg_type: Tensor | None = None,
        ensemble: bool = False,
    ) -> Tensor:
        """Paint what is masked.

        Args:
            images: [N, 3, 2s, s], normalised: prompt above, query below. s is any multiple of the
                patch; position tables are resized to it.
            targets: the same shape; what is masked has no effect.
            masked: [N or 1, L], 1 where a patch of the target is masked, else 0, row by row.
            seg_type: [N, 1], SegGPT's 0 = semantic or 1 = instance; any other value, and None,
                adds no type token.
            ensemble: the N samples are prompts of one query, which they answer together.

        Returns:
            [N, 3, 2s, s] in normalised colour space.

        Raises:
            InputError: the canvas or the mask does not fit, or there are no type tokens.
        """
        grid = self.grid(images)
        if targets.shape != images.shape:
            raise InputError(
                f"the target canvas is {list(targets.shape)}, expected {list(images.shape)}"
            )
        tokens = grid[0] * grid[1]
        if tuple(masked.shape) not in ((1, tokens), (len(images), tokens)):
            raise InputError(
                f"the mask is {list(masked.shape)}, expected {[len(images), tokens]} or "
                f"{[1, tokens]} for this canvas"
            )
        positions = self.positions(grid)
        kind = self.type_token(seg_type)
        x = self.embed_images(images, positions, kind)
        y = self.embed_targets(targets, masked.reshape(-1, *grid, 1), positions, kind)
        z = torch.cat([x, y])
        taps = []
        for number, block in enumerate(self.blocks):
            before_merge = number <= self.config.merge
            z = block(z, (2 if before_merge else 1) if ensemble else 0)
            if number == self.config.merge:
                z = 0.5 * (z[: len(images)] + z[len(images) :])
            if number in self.config.taps:
                taps.append(self.norm(z))
        painted = self.decode(torch.cat(taps, dim=-1), images)
        if self.blend is None:
            return painted
        return self._blended(painted, images, targets, masked, ensemble)

    def _blended(
        self, painted: Tensor, images: Tensor, targets: Tensor, masked: Tensor, ensemble: bool
    ) -> Tensor:
        """Blend the query's half with what the prompts' halves teach where both are shown."""
        assert self.blend is not None
        hidden = pixel_mask(masked, images.shape[-1], self.config.patch).bool()
        # What is hidden teaches nothing: it is one colour before and after.
        shown = [t.masked_fill(hidden, 0.0).chunk(2, dim=2)[0] for t in (images, targets)]
        step = len(images) if ensemble else 1
        filters = [
            pair_filter(*(part[n : n + step] for part in shown))
            for n in range(0, len(images), step)
        ]
        upper, asked = painted.chunk(2, dim=2)
        answer = blended(self.blend, asked, images.chunk(2, dim=2)[1], filters)
        return torch.cat([upper.to(answer.dtype), answer], dim=2)

    def grid(self, canvas: Tensor) -> tuple[int, int]:
        """Return the tokens (rows, columns) of a canvas [N, 3, 2s, s].

        Raises:
            InputError: it is no such canvas.
        """
        patch = self.config.patch
        good = canvas.dim() == 4 and canvas.shape[1] == 3
        if not good or canvas.shape[2] != 2 * canvas.shape[3] or canvas.shape[3] % patch:
            raise InputError(
                f"the canvas is {list(canvas.shape)}, expected [N, 3, 2s, s] with s a multiple of "
                f"{patch}"
            )
        return canvas.shape[2] // patch, canvas.shape[3] // patch

    def positions(self, grid: tuple[int, int]) -> Tensor:
        """Return the absolute positions [1, rows, columns, D] of a grid, resized where needed.

        They are made again only when the grid or the weights changed.
        """
        table = self.pos_embed
        if not keeps(table):
            return self._resized(grid)
        made_from = (grid, *state(table))
        kept = self._positions
        if kept is None or kept.source != made_from:
            kept = _Positions(made_from, self._resized(grid))
            self._positions = kept
        return kept.table

    def _resized(self, grid: tuple[int, int]) -> Tensor:
        side = self.config.table
        table = self.pos_embed[:, 1:].view(1, side, side, -1)
        if grid == (side, side):
            return table
        first = table.float().permute(0, 3, 1, 2)
        resized = F.interpolate(first, size=grid, mode="bicubic", align_corners=False)
        return resized.permute(0, 2, 3, 1).to(table.dtype).contiguous()

    def type_token(self, seg_type: Tensor | None) -> Tensor | None:
        """Return what SegGPT's type adds to each sample's tokens, [N, 1, 1, D].

        Args:
            seg_type: [N, 1].

        Raises:
            InputError: the network has no type tokens.
        """
        if seg_type is None:
            return None
        if not self.config.types:
            raise InputError("this network is Painter's and knows no seg_type, which is SegGPT's")
        kind = seg_type.to(self.mask_token.device).view(-1, 1, 1, 1)
        semantic, instance = ((kind == n).to(self.mask_token.dtype) for n in (0, 1))
        token: Tensor = semantic * self.type_token_cls + instance * self.type_token_ins
        return token

    def embed_images(self, pictures: Tensor, positions: Tensor, kind: Tensor | None) -> Tensor:
        """Turn pictures [N, 3, h, w] into tokens of the image stream, [N, h/p, w/p, D].

        Args:
            pictures: normalised; a canvas, or one half of it.
            positions: [1, h/p, w/p, D], of the same part.
            kind: [N or 1, 1, 1, D] of `type_token`.
        """
        x: Tensor = self.patch_embed(pictures) + (self.segment_token_x + positions)
        return x if kind is None else x + kind

    def embed_targets(
        self, pictures: Tensor, masked: Tensor | None, positions: Tensor, kind: Tensor | None
    ) -> Tensor:
        """Turn targets [N, 3, h, w] into tokens of the target stream, [N, h/p, w/p, D].

        Args:
            pictures: normalised.
            masked: [N or 1, h/p, w/p, 1], 1 where the mask token stands instead; None = nowhere.
            positions: as for `embed_images`.
            kind: likewise.
        """
        y: Tensor = self.patch_embed(pictures)
        if masked is not None:
            masked = masked.to(y.dtype)
            y = y * (1 - masked) + self.mask_token * masked
        y = y + (self.segment_token_y + positions)
        return y if kind is None else y + kind

    def decode(self, taps: Tensor, images: Tensor) -> Tensor:
        """Turn tapped tokens [N, h, w, len(taps)*D] into colours [N, 3, h*p, w*p].

        Args:
            taps: of the whole canvas.
            images: [N, 3, h*p, w*p], the pictures, for the branch at full resolution.
        """
        features = spread(self.decoder_embed(taps), self.config.patch)
        colours: Tensor = self.decoder_pred(features)
        if self.detail is None:
            return colours
        shown, asked = colours.chunk(2, dim=2)
        query, lower = images.chunk(2, dim=2)[1], features.chunk(2, dim=2)[1]
        answer = self.detail(query, lower, self.task_token(taps.chunk(2, dim=1)[1]), asked)
        return torch.cat([shown.to(answer.dtype), answer], dim=2)

    def task_token(self, taps: Tensor) -> Tensor:
        """Average the last tap over the query's tokens, [N, h, w, len(taps)*D] to [N, D]."""
        return taps[..., -self.config.width :].mean(dim=(1, 2))
