"""Sizes of a TiRex-2 network, read from a checkpoint's config or from its tensor shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from icl_core.errors import WeightsError
from icl_forecasting.tirex.config import NINE_LEVELS

if TYPE_CHECKING:
    import torch

KINDS = ("mlstm", "slstm")
PUBLISHED_BLOCKS = KINDS * 6
_SIZES = (
    "embedding_dim",
    "mlstm_heads",
    "slstm_heads",
    "attention_heads",
    "patch",
    "context_length",
    "future_length",
    "input_ff_dim",
    "head_expansion",
)


@dataclass(frozen=True)
class Tirex2Config:
    """Architecture of a TiRex-2 network (arXiv 2607.01204); the defaults are the published one.

    Args:
        embedding_dim: width E of the residual stream; a multiple of twice each number of heads.
        blocks: kind of each block's time mixer, "mlstm" or "slstm".
        mlstm_heads: heads of the matrix-memory recurrence.
        slstm_heads: heads of the scalar-memory recurrence.
        attention_heads: heads of the attention across variates.
        patch: steps in one token p.
        context_length: steps of the past C; a multiple of `patch`.
        future_length: steps F that one pass forecasts at most; a multiple of `patch`.
        quantile_levels: trained levels, increasing.
        input_ff_dim: hidden width of the input block.
        head_expansion: hidden width of the output block relative to E.
        norm_eps: eps of the last norm.
        arcsinh: whether the scaler squeezes values by arcsinh.
        binary_aware: whether a row of zeros and ones passes the scaler unchanged.
        qk_norm: whether queries and keys of the attention are normalised.
        difference: default of whether trending targets are forecast by their differences.
        sign_flip: default of whether the mirrored forecast of the mirrored input is averaged in.
    """

    embedding_dim: int = 512
    blocks: tuple[str, ...] = PUBLISHED_BLOCKS
    mlstm_heads: int = 4
    slstm_heads: int = 4
    attention_heads: int = 4
    patch: int = 32
    context_length: int = 2048
    future_length: int = 320
    quantile_levels: tuple[float, ...] = NINE_LEVELS
    input_ff_dim: int = 2048
    head_expansion: int = 4
    norm_eps: float = 1e-7
    arcsinh: bool = True
    binary_aware: bool = True
    qk_norm: bool = True
    difference: bool = True
    sign_flip: bool = False

    def __post_init__(self) -> None:
        for name in _SIZES:
            if getattr(self, name) < 1:
                raise WeightsError(f"{name} is {getattr(self, name)}, expected at least 1")
        if not self.blocks or not set(self.blocks) <= set(KINDS):
            raise WeightsError(f"the blocks are {self.blocks}, expected each one of {KINDS}")
        levels = self.quantile_levels
        if not levels or not all(a < b for a, b in pairwise((0.0, *levels, 1.0))):
            raise WeightsError(f"quantile levels {levels} do not increase between 0 and 1")
        for name in ("mlstm_heads", "slstm_heads", "attention_heads"):
            if self.embedding_dim % (2 * getattr(self, name)):
                raise WeightsError(
                    f"embedding width {self.embedding_dim} is not a multiple of twice the "
                    f"{getattr(self, name)} {name}"
                )
        for name in ("context_length", "future_length"):
            if getattr(self, name) % self.patch:
                raise WeightsError(
                    f"{name} {getattr(self, name)} is not a multiple of patch {self.patch}"
                )

    @property
    def ffn_dim(self) -> int:
        """Width of a time mixer's feed-forward part: 8/3 of E, rounded up to a multiple of 64."""
        return int((self.embedding_dim * 2.6667 + 63) / 64) * 64

    @property
    def median_index(self) -> int:
        """Index of the level that counts as the median: the middle one."""
        return len(self.quantile_levels) // 2

    def to_official(self) -> dict[str, Any]:
        """The released `config.json`."""
        width = self.embedding_dim
        templates = {
            f"{kind}_attn": {
                "time_mixer": {
                    "model_type": f"bi-{kind}",
                    "embedding_dim": width,
                    "num_heads": self.mlstm_heads,
                    "num_slstm_heads": self.slstm_heads,
                },
                "variate_mixer": {"embedding_dim": width, "num_heads": self.attention_heads},
            }
            for kind in dict.fromkeys(self.blocks)
        }
        return {
            "stack_config": {
                "templates": templates,
                "recipe": [f"{kind}_attn" for kind in self.blocks],
            },
            "num_blocks": len(self.blocks),
            "embedding_dim": width,
            "input_patch_size": self.patch,
            "output_patch_size": self.patch,
            "quantiles": list(self.quantile_levels),
            "scaler_cfg": {"use_arcsinh": self.arcsinh, "binaryaware": self.binary_aware},
            "h_expand": self.head_expansion,
            "context_len": self.context_length,
            "future_len": self.future_length,
            "input_ff_dim": self.input_ff_dim,
            "act_func": "SiLU",
            "use_qk_norm": self.qk_norm,
            "tta_sign_flip": self.sign_flip,
            "tta_diff": self.difference,
            "stack_out_norm_config": {"eps": self.norm_eps},
        }

    @classmethod
    def from_official(cls, config: Mapping[str, Any]) -> Tirex2Config:
        """Read the released `config.json`; keys that do not shape the network are ignored.

        Raises:
            WeightsError: a key is missing, or asks for what TiRex-2 has not.
        """
        try:
            stack = config["stack_config"]
            recipe = [stack["templates"][name] for name in stack["recipe"]]
            kinds = tuple(str(t["time_mixer"]["model_type"]).removeprefix("bi-") for t in recipe)
            by_kind = {kind: part["time_mixer"] for kind, part in zip(kinds, recipe, strict=True)}
            shared: dict[str, Any] = by_kind.get("mlstm") or by_kind.get("slstm") or {}
            scalar: dict[str, Any] = by_kind.get("slstm") or shared
            patch = int(config["input_patch_size"])
            _expect(config, "output_patch_size", patch)
            _expect(config, "act_func", "SiLU")
            _expect(config.get("tokenizer_cfg") or {}, "input_patch_stride", patch)
            scaler = config.get("scaler_cfg") or {}
            return cls(
                embedding_dim=int(config["embedding_dim"]),
                blocks=kinds,
                mlstm_heads=int(shared["num_heads"]),
                slstm_heads=int(scalar.get("num_slstm_heads") or scalar["num_heads"]),
                attention_heads=int(recipe[0]["variate_mixer"]["num_heads"]),
                patch=patch,
                context_length=int(config["context_len"]),
                future_length=int(config["future_len"]),
                quantile_levels=tuple(float(q) for q in config["quantiles"]),
                input_ff_dim=int(config["input_ff_dim"]),
                head_expansion=int(config["h_expand"]),
                norm_eps=float((config.get("stack_out_norm_config") or {}).get("eps", 1e-7)),
                arcsinh=bool(scaler.get("use_arcsinh", False)),
                binary_aware=bool(scaler.get("binaryaware", False)),
                qk_norm=bool(config.get("use_qk_norm", True)),
                difference=bool(config.get("tta_diff", True)),
                sign_flip=bool(config.get("tta_sign_flip", False)),
            )
        except KeyError as error:
            raise WeightsError(f"the checkpoint's config has no key {error}") from None
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise WeightsError(f"the checkpoint's config cannot be read: {error}") from None

    @classmethod
    def from_shapes(cls, tensors: Mapping[str, torch.Tensor]) -> Tirex2Config:
        """Read the sizes off the canonical tensors of a bare state dict.

        Context and future length, attention heads and the defaults of differencing and sign flip
        leave no trace in the tensors; they are taken as published (2048, 320, 4, on, off).

        Raises:
            WeightsError: the tensors are not those of a TiRex-2 network.
        """
        try:
            hidden = tensors["input_patch_embedding.hidden_layer.weight"]
            into = tensors["input_patch_embedding.output_layer.weight"]
            head = tensors["output_patch_embedding.output_layer.weight"]
            numbers = {int(m[1]) for name in tensors if (m := re.match(r"stack\.(\d+)\.", name))}
            kinds = []
            heads = {"mlstm": 4, "slstm": 4}
            for number in range(max(numbers, default=-1) + 1):
                cell = f"stack.{number}.time_mixer.fwd_cell"
                kind = "mlstm" if f"{cell}.q.weight" in tensors else "slstm"
                kinds.append(kind)
                gate = "igate_preact" if kind == "mlstm" else "igate"
                heads[kind] = tensors[f"{cell}.{gate}.weight"].shape[0]
            width, patch = into.shape[0], hidden.shape[1] // 2
            count = head.shape[0] // patch
            return cls(
                embedding_dim=width,
                blocks=tuple(kinds),
                mlstm_heads=heads["mlstm"],
                slstm_heads=heads["slstm"],
                patch=patch,
                quantile_levels=tuple(round((i + 1) / (count + 1), 6) for i in range(count)),
                input_ff_dim=hidden.shape[0],
                head_expansion=head.shape[1] // width,
            )
        except KeyError as error:
            raise WeightsError(
                f"this is not a TiRex-2 checkpoint: it has no tensor {error}",
                hint="`icl info tirex2` lists the weights it can load",
            ) from None
        except (IndexError, ZeroDivisionError):
            raise WeightsError(
                "this is not a TiRex-2 checkpoint: its tensors have other shapes"
            ) from None


def _expect(config: Mapping[str, Any], key: str, wanted: Any) -> None:
    if config.get(key, wanted) != wanted:
        raise WeightsError(f"the checkpoint's config has {key} {config[key]!r}, expected {wanted}")
