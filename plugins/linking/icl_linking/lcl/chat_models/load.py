"""Load a transformers model that reads pictures. Code from a repository is never run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_core import InputError, MissingExtraError, UntrustedFileError, WeightsError
from icl_core.errors import OfflineError
from icl_core.settings import settings

if TYPE_CHECKING:
    import torch

_log = logging.getLogger("icl.lcl")

ONE_PICTURE = frozenset({"blip-2", "blip_2", "instructblip", "git", "pix2struct", "kosmos-2"})
"""Kinds of models that read one picture a text."""

OTHERWISE = frozenset({"mllama"})
"""Kinds of models whose words look at pictures beside the text."""


def load_model(name: str, device: torch.device, dtype: torch.dtype) -> tuple[Any, Any]:
    """Load a model and its processor.

    Args:
        name: a folder, or "owner/name[@revision]" on the hub, with or without "hf:" in front.
        device: where it runs.
        dtype: what it computes in.

    Returns:
        The model in eval mode, and the processor.

    Raises:
        InputError: it is no model that reads pictures, or reads one at most.
        UntrustedFileError: it needs code from its repository.
        WeightsError: it cannot be read or fetched.
        OfflineError: it is not here and the network is switched off.
        MissingExtraError: a library is missing.
    """
    import transformers

    place, revision = _place(name)
    common: dict[str, Any] = {
        "trust_remote_code": False,
        "local_files_only": settings().offline or Path(place).is_dir(),
    }
    if revision is not None:
        common["revision"] = revision
    auto: Any = transformers
    try:
        config = auto.AutoConfig.from_pretrained(place, **common)
        kind = str(config.model_type)
        if type(config) not in auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
            raise InputError(
                f"{name} is a model of the kind {kind!r}, which reads no pictures in a text",
                "choose a model of the task image-text-to-text",
            )
        if kind in OTHERWISE or getattr(config, "is_encoder_decoder", False):
            raise InputError(
                f"{name} is a model of the kind {kind!r}, which does not read pictures and words "
                "as one text",
                "choose a model such as Qwen/Qwen2.5-VL-3B-Instruct",
            )
        if kind in ONE_PICTURE:
            raise InputError(
                f"{name} is a model of the kind {kind!r}, which reads one picture a text, and "
                "examples need several",
                "choose a model that reads several pictures, such as Qwen/Qwen2.5-VL-3B-Instruct",
            )
        processor = auto.AutoProcessor.from_pretrained(place, **common)
        with _silent(transformers):
            model = auto.AutoModelForImageTextToText.from_pretrained(place, dtype=dtype, **common)
    except (InputError, MissingExtraError):
        raise
    except ImportError as error:
        raise MissingExtraError(f"{name} needs a library: {_first_line(error)}") from error
    except Exception as error:  # of the hub, its HTTP client, JSON, safetensors, and ValueError
        raise _sentence(name, error) from error
    if not hasattr(processor, "tokenizer"):
        raise InputError(f"{name} has a processor without a tokenizer, so it is no chat model")
    if kind == "llava":
        _log.warning("%s reads several pictures, but LLaVA-1.5 was trained on one a text", name)
    return model.to(device).eval().requires_grad_(False), processor


@contextmanager
def _silent(transformers: Any) -> Iterator[None]:
    """Without the library's own progress bars."""
    logging_of = transformers.utils.logging
    shown = logging_of.is_progress_bar_enabled()
    logging_of.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging_of.enable_progress_bar()


def _place(name: str) -> tuple[str, str | None]:
    plain = name.removeprefix("hf:")
    if Path(plain).expanduser().is_dir():
        return str(Path(plain).expanduser()), None
    place, _, revision = plain.partition("@")
    parts = place.split("/")
    if plain.startswith(("/", ".", "~")) or len(parts) > 2 or not all(parts):
        raise InputError(
            f"model is {name!r}, which is no folder here and no name on the hub",
            "write owner/name[@revision], a folder, or api:NAME for an endpoint",
        )
    return place, revision or None


def _sentence(name: str, error: Exception) -> Exception:
    line = _first_line(error)
    said = str(error)
    if "trust_remote_code" in said or "custom code" in said:
        return UntrustedFileError(
            f"{name} needs code from its own repository, which is never run here",
            "choose a model that transformers knows by itself",
        )
    if settings().offline and not Path(name).is_dir():
        return OfflineError(
            f"the network is switched off (ICL_OFFLINE or HF_HUB_OFFLINE) and {name} is not here",
            f"fetch it on a machine with a network: hf download {name.removeprefix('hf:')}",
        )
    return WeightsError(f"the model {name} cannot be loaded: {line}")


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
