"""The two-way transformer between prompt tokens and an image map.

SAM, SEGIC and SAM 2 share it. SAM 2 stores the feed-forward layers under other names: give
`mlp=` a function of (width, hidden width) that makes the module with its names, such as
`lambda width, hidden: MLP(width, hidden, width, 2)` for `mlp.layers.{0,1}`.

```python
transformer = TwoWayTransformer(depth=2, width=256, heads=8, mlp_width=2048)
tokens, image = transformer(image, image_pe, tokens)  # [B, N, C], [B, h*w, C]
```

`image` and `image_pe` may have a batch of 1 beside B token sets; the work that the image does
alone is then done once.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

MakeMlp = Callable[[int, int], nn.Module]


class MLP(nn.Module):
    """Linear layers `layers.{0..depth-1}` with ReLU between them.

    Args:
        inputs: width of the input.
        hidden: width between the layers.
        outputs: width of the output.
        depth: number of layers.
        sigmoid: whether the output goes through a sigmoid, as SAM 2's IoU head does.
    """

    def __init__(
        self, inputs: int, hidden: int, outputs: int, depth: int, sigmoid: bool = False
    ) -> None:
        super().__init__()
        widths = [inputs, *[hidden] * (depth - 1), outputs]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.sigmoid = sigmoid

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., inputs] to [..., outputs]."""
        *hidden, last = self.layers
        for layer in hidden:
            x = F.relu(layer(x))
        x = last(x)
        return x.sigmoid() if self.sigmoid else x


class MLPBlock(nn.Module):
    """The feed-forward part of a SAM block: `lin1`, an activation, `lin2`."""

    def __init__(
        self, width: int, hidden: int, activation: Callable[[Tensor], Tensor] = F.relu
    ) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, hidden)
        self.lin2 = nn.Linear(hidden, width)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., width] to [..., width]."""
        out: Tensor = self.lin2(self.activation(self.lin1(x)))
        return out


class Attention(nn.Module):
    """Multi-head attention whose inner width may be smaller than the outer one.

    Args:
        width: of queries, keys, values and output.
        heads: number of heads.
        downsample: the inner width is `width // downsample`.
        kv_width: width of keys and values, where it is another one.
    """

    def __init__(
        self, width: int, heads: int, downsample: int = 1, kv_width: int | None = None
    ) -> None:
        super().__init__()
        inner, source = width // downsample, kv_width or width
        self.heads = heads
        self.q_proj = nn.Linear(width, inner)
        self.k_proj = nn.Linear(source, inner)
        self.v_proj = nn.Linear(source, inner)
        self.out_proj = nn.Linear(inner, width)

    def _split(self, x: Tensor, batch: int) -> Tensor:
        rows, length, inner = x.shape
        heads = x.view(rows, length, self.heads, inner // self.heads).transpose(1, 2)
        return heads if rows == batch else heads.expand(batch, -1, -1, -1)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend: [B, N, C] to [B, M, C], where a batch of 1 stands for all."""
        batch = max(q.shape[0], k.shape[0])
        out = F.scaled_dot_product_attention(
            self._split(self.q_proj(q), batch),
            self._split(self.k_proj(k), batch),
            self._split(self.v_proj(v), batch),
        )
        merged: Tensor = self.out_proj(out.transpose(1, 2).flatten(2))
        return merged


class TwoWayAttentionBlock(nn.Module):
    """Self-attention of tokens, tokens to image, feed-forward, image to tokens."""

    def __init__(
        self,
        width: int,
        heads: int,
        mlp_width: int,
        downsample: int,
        first: bool,
        make_mlp: MakeMlp,
    ) -> None:
        super().__init__()
        self.self_attn = Attention(width, heads)
        self.norm1 = nn.LayerNorm(width)
        self.cross_attn_token_to_image = Attention(width, heads, downsample)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = make_mlp(width, mlp_width)
        self.norm3 = nn.LayerNorm(width)
        self.norm4 = nn.LayerNorm(width)
        self.cross_attn_image_to_token = Attention(width, heads, downsample)
        self.first = first

    def forward(
        self, tokens: Tensor, image: Tensor, token_pe: Tensor, image_pe: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Update tokens [B, N, C] and image [B or 1, L, C]; both come back with batch B."""
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            q = tokens + token_pe
            tokens = tokens + self.self_attn(q, q, tokens)
        tokens = self.norm1(tokens)
        k = image + image_pe
        tokens = self.norm2(tokens + self.cross_attn_token_to_image(tokens + token_pe, k, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        image = image + self.cross_attn_image_to_token(k, tokens + token_pe, tokens)
        return tokens, self.norm4(image)


class TwoWayTransformer(nn.Module):
    """SAM's decoder transformer (arXiv 2304.02643, appendix A).

    Args:
        depth: number of blocks.
        width: C of tokens and image.
        heads: heads of every attention.
        mlp_width: hidden width of the feed-forward part.
        downsample: the cross-attentions work in `width // downsample`.
        mlp: makes the feed-forward module from (width, hidden width).
    """

    def __init__(
        self,
        depth: int = 2,
        width: int = 256,
        heads: int = 8,
        mlp_width: int = 2048,
        downsample: int = 2,
        mlp: MakeMlp = MLPBlock,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayAttentionBlock(width, heads, mlp_width, downsample, number == 0, mlp)
            for number in range(depth)
        )
        self.final_attn_token_to_image = Attention(width, heads, downsample)
        self.norm_final_attn = nn.LayerNorm(width)

    def forward(self, image: Tensor, image_pe: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Run the blocks.

        Args:
            image: [B or 1, C, h, w], the image embedding with the dense prompt added.
            image_pe: [B or 1, C, h, w], its position encoding.
            tokens: [B, N, C]; they are their own position encoding.

        Returns:
            Tokens [B, N, C] and the image [B, h*w, C], rows first.
        """
        keys = image.flatten(2).transpose(1, 2)
        keys_pe = image_pe.flatten(2).transpose(1, 2)
        queries = tokens
        for layer in self.layers:
            queries, keys = layer(queries, keys, tokens, keys_pe)
        out = self.final_attn_token_to_image(queries + tokens, keys + keys_pe, keys)
        return self.norm_final_attn(queries + out), keys
