"""Models of open_clip as encoders: any architecture, a pretrained tag or a local file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from icl_core import WeightCard
from icl_core.errors import IclError, InputError, MissingExtraError, OfflineError, WeightsError
from icl_core.runtime import batches
from icl_core.weights import fetch, load_tensors, read_checkpoint

BATCH = 32
EXTRA = "icl-linking[clip]"
_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


class ClipEncoder:
    """An open_clip model.

    Args:
        model: a model of open_clip, with `encode_image` and `encode_text`.
        transform: from a Pillow picture to a tensor [3, S, S].
        tokenizer: from texts to tokens [n, L].
        device: where it runs.
        dtype: in which it computes.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        transform: Any,
        tokenizer: Any,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.network: Any = model.eval().to(device, dtype).requires_grad_(False)
        self._transform = transform
        self._tokenizer = tokenizer
        self._device, self._dtype = device, dtype
        self._width: int | None = None

    @property
    def width(self) -> int:
        """Length of a feature."""
        if self._width is None:
            self._width = int(self.images([np.zeros((8, 8, 3), np.uint8)]).shape[-1])
        return self._width

    @torch.inference_mode()
    def images(self, pictures: Sequence[np.ndarray]) -> Tensor:
        """Describe pictures uint8 [H, W, 3]: float32 [n, width], unit length."""
        parts = []
        for group in batches(pictures, BATCH):
            squares = [self._transform(Image.fromarray(np.array(one))) for one in group]
            stack = torch.stack(squares).to(self._device, self._dtype)
            parts.append(normalize(self.network.encode_image(stack).float(), dim=-1))
        return torch.cat(parts) if parts else torch.zeros(0, self.width)

    @torch.inference_mode()
    def texts(self, prompts: Sequence[str]) -> Tensor | None:
        """Describe texts: float32 [n, width], unit length."""
        parts = []
        for group in batches(prompts, BATCH):
            tokens = self._tokenizer(group).to(self._device)
            parts.append(normalize(self.network.encode_text(tokens).float(), dim=-1))
        return torch.cat(parts) if parts else torch.zeros(0, self.width)

    @classmethod
    def load(
        cls,
        architecture: str,
        tag: str | None,
        weights: str | Path | None,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> ClipEncoder:
        """Build a model and read its weights; they are read as data and never run.

        Args:
            architecture: name in open_clip, such as "ViT-B-32" or "ViT-B-16-SigLIP".
            tag: pretrained tag in open_clip; its file is fetched once.
            weights: a file instead; a tag beside it says how pictures are prepared and which
                activation the model has (OpenAI's weights need theirs).
            device: where it runs.
            dtype: in which it computes.

        Raises:
            MissingExtraError: open_clip is not installed.
            InputError: no such architecture or tag, or neither tag nor file.
            OfflineError: the file is not here and the network is switched off.
            WeightsError: the file cannot be had or does not fit.
        """
        open_clip = _open_clip()
        if architecture not in open_clip.list_models():
            raise InputError(
                f"open_clip has no architecture {architecture!r}",
                "open_clip.list_models() lists them",
            )
        facts = _facts(open_clip, architecture, tag)
        if weights is None and tag is None:
            raise InputError(
                f"open_clip:{architecture} names no weights",
                f"add a tag, 'open_clip:{architecture}/TAG', or encoder_weights=FILE",
            )
        file = _fetch(architecture, tag, facts) if weights is None else Path(weights).expanduser()
        try:
            model = open_clip.create_model(
                architecture, load_weights=False, force_quick_gelu=bool(facts.get("quick_gelu"))
            )
            tokenizer = open_clip.get_tokenizer(architecture)
        except (OSError, ValueError, RuntimeError) as error:
            raise WeightsError(f"open_clip cannot build {architecture}: {error}") from error
        tensors = open_clip.convert.convert_state_dict(model, read_checkpoint(file).tensors)
        own = model.state_dict()
        # Kept by some releases, and computed anew where they are missing.
        for name in [n for n in tensors if n.endswith("position_ids") and n not in own]:
            del tensors[name]
        load_tensors(model, tensors, learner=f"open_clip {architecture}")
        return cls(model, _transform(model, facts), tokenizer, device, dtype)


def _open_clip() -> Any:
    try:
        open_clip = import_module("open_clip")
        import_module("open_clip.convert")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"open_clip models need the Python package {error.name!r}, which is not installed",
            f"pip install '{EXTRA}'",
        ) from error
    return open_clip


def _facts(open_clip: Any, architecture: str, tag: str | None) -> Mapping[str, Any]:
    if tag is None:
        return {}
    facts: dict[str, Any] = dict(open_clip.get_pretrained_cfg(architecture, tag) or {})
    if not facts:
        known = ", ".join(open_clip.list_pretrained_tags_by_model(architecture)) or "none"
        raise InputError(f"open_clip has no weights {tag!r} of {architecture}; it has: {known}")
    return facts


def _fetch(architecture: str, tag: str | None, facts: Mapping[str, Any]) -> Path:
    repo, _, inner = str(facts.get("hf_hub") or "").partition("/")
    owner_name = f"{repo}/{inner.partition('/')[0]}"
    name = inner.partition("/")[2]
    if repo:
        urls = [f"hf:{owner_name}/{file}" for file in ([name] if name else _FILES)]
    else:
        urls = [str(facts["url"])] if facts.get("url") else []
    error: IclError = WeightsError(f"open_clip gives no address for {tag!r} of {architecture}")
    for url in urls:
        file = f"{architecture}-{tag}{Path(url).suffix}"
        card = WeightCard(name=f"{architecture}/{tag}", file=file, url=url, source="open_clip")
        try:
            return fetch(card, "encoder")
        except OfflineError:
            raise
        except WeightsError as missing:
            # A repository has one of the two kinds of file.
            error = missing
    raise error


def _transform(model: torch.nn.Module, facts: Mapping[str, Any]) -> Any:
    transforms = import_module("open_clip.transform")
    known = dict(import_module("open_clip").get_model_preprocess_cfg(model))
    wanted = ("mean", "std", "interpolation", "resize_mode")
    known |= {key: facts[key] for key in wanted if key in facts}
    return transforms.image_transform_v2(transforms.PreprocessCfg(**known), is_train=False)
