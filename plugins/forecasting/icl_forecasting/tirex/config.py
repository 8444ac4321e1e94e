"""Sizes of a TiRex network, read from a checkpoint's own config or from its tensor shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from icl_core.errors import WeightsError

if TYPE_CHECKING:
    import torch

NINE_LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class TirexConfig:
    """Architecture of a TiRex network (arXiv 2505.23719); the defaults are the published 35M.

    Args:
        embedding_dim: width E of the residual stream.
        num_blocks: number of sLSTM blocks.
        num_heads: heads H of the recurrence; E must be a multiple of H.
        input_ff_dim: hidden width F of the input and output residual blocks.
        patch: steps in one token p.
        context_length: steps L the network is always given; a multiple of `patch`.
        quantile_levels: trained levels, increasing.
        ffn_factor: width of the feed-forward part relative to E before rounding.
    """

    embedding_dim: int = 512
    num_blocks: int = 12
    num_heads: int = 4
    input_ff_dim: int = 2048
    patch: int = 32
    context_length: int = 2048
    quantile_levels: tuple[float, ...] = NINE_LEVELS
    ffn_factor: float = 2.6667

    def __post_init__(self) -> None:
        for name in ("embedding_dim", "num_blocks", "num_heads", "input_ff_dim", "patch"):
            if getattr(self, name) < 1:
                raise WeightsError(f"{name} is {getattr(self, name)}, expected at least 1")
        levels = self.quantile_levels
        if not levels or not all(a < b for a, b in pairwise((0.0, *levels, 1.0))):
            raise WeightsError(f"quantile levels {levels} do not increase between 0 and 1")
        if self.embedding_dim % self.num_heads:
            raise WeightsError(
                f"embedding width {self.embedding_dim} is not a multiple of {self.num_heads} heads"
            )
        if self.context_length < 1 or self.context_length % self.patch:
            raise WeightsError(
                f"context length {self.context_length} is not a multiple of patch {self.patch}"
            )

    @property
    def head_dim(self) -> int:
        """Width D of one head."""
        return self.embedding_dim // self.num_heads

    @property
    def ffn_dim(self) -> int:
        """Width of the feed-forward part: the factor, rounded up to a multiple of 64."""
        return int((self.embedding_dim * self.ffn_factor + 63) / 64) * 64

    @property
    def context_tokens(self) -> int:
        """Tokens of a full context."""
        return self.context_length // self.patch

    @property
    def median_index(self) -> int:
        """Index of the trained level nearest to 0.5."""
        return min(
            range(len(self.quantile_levels)), key=lambda i: abs(self.quantile_levels[i] - 0.5)
        )

    def to_official(self) -> dict[str, Any]:
        """The two hyper-parameters that the released checkpoint carries."""
        fields = asdict(self)
        return {
            "model_config": {
                "input_patch_size": fields["patch"],
                "output_patch_size": fields["patch"],
                "quantiles": list(self.quantile_levels),
                "input_ff_dim": fields["input_ff_dim"],
                "block_kwargs": {
                    "num_blocks": fields["num_blocks"],
                    "embedding_dim": fields["embedding_dim"],
                    "num_heads": fields["num_heads"],
                    "ffn_proj_factor": fields["ffn_factor"],
                },
            },
            "train_ctx_len": fields["context_length"],
        }

    @classmethod
    def from_official(cls, config: Mapping[str, Any]) -> TirexConfig:
        """Read `{"model_config": …, "train_ctx_len": …}`; unknown keys are ignored.

        Raises:
            WeightsError: input and output patches differ, a key is missing, or a size is none.
        """
        try:
            model = config["model_config"]
            block = model["block_kwargs"]
            if model["input_patch_size"] != model["output_patch_size"]:
                raise WeightsError(
                    f"input patch {model['input_patch_size']} and output patch "
                    f"{model['output_patch_size']} differ; TiRex needs them equal"
                )
            return cls(
                embedding_dim=int(block["embedding_dim"]),
                num_blocks=int(block["num_blocks"]),
                num_heads=int(block["num_heads"]),
                input_ff_dim=int(model["input_ff_dim"]),
                patch=int(model["input_patch_size"]),
                context_length=int(config["train_ctx_len"]),
                quantile_levels=tuple(float(q) for q in model["quantiles"]),
                ffn_factor=float(block.get("ffn_proj_factor", 2.6667)),
            )
        except KeyError as error:
            raise WeightsError(f"the checkpoint's config has no key {error}") from None
        except (TypeError, ValueError) as error:
            raise WeightsError(f"the checkpoint's config cannot be read: {error}") from None

    @classmethod
    def from_shapes(cls, tensors: Mapping[str, torch.Tensor]) -> TirexConfig:
        """Read the sizes off the tensors of a bare state dict.

        The context length leaves no trace in the tensors; it is taken as published, 2048. The
        quantile levels are taken as evenly spaced, which nine are.

        Raises:
            WeightsError: the tensors are not those of a TiRex network.
        """
        try:
            kernel = tensors["blocks.0.slstm_layer.slstm_cell._recurrent_kernel_"]
            hidden = tensors["input_patch_embedding.hidden_layer.weight"]
            head = tensors["output_patch_embedding.output_layer.weight"]
            up = tensors["blocks.0.ffn.proj_up.weight"]
        except KeyError as error:
            raise WeightsError(
                f"this is not a TiRex checkpoint: it has no tensor {error}",
                hint="`icl info tirex` lists the weights it can load",
            ) from None
        if kernel.ndim != 3 or hidden.ndim != 2 or hidden.shape[1] < 2:
            raise WeightsError(
                "this is not a TiRex checkpoint: its recurrent kernel is "
                f"{list(kernel.shape)} and its input layer {list(hidden.shape)}"
            )
        heads, head_dim, _ = kernel.shape
        patch = hidden.shape[1] // 2
        count = head.shape[0] // patch
        blocks = {int(m[1]) for n in tensors if (m := re.match(r"blocks\.(\d+)\.", n))}
        width = heads * head_dim
        config = cls(
            embedding_dim=width,
            num_blocks=max(blocks) + 1,
            num_heads=heads,
            input_ff_dim=hidden.shape[0],
            patch=patch,
            quantile_levels=tuple(round((i + 1) / (count + 1), 6) for i in range(count)),
        )
        if config.ffn_dim != up.shape[0]:
            raise WeightsError(
                f"feed-forward width {up.shape[0]} does not follow from embedding width {width}, "
                f"which gives {config.ffn_dim}",
                hint="give the checkpoint's config beside it (hyper_parameters or metadata)",
            )
        return config
