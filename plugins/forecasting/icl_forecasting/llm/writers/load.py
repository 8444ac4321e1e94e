"""Load a language model of transformers. Code from a repository is never run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_core import InputError, MissingExtraError, UntrustedFileError, WeightsError
from icl_core.errors import OfflineError
from icl_core.settings import settings

if TYPE_CHECKING:
    import torch

EXTRA = "icl-forecasting[llm]"


def load_model(name: str, device: torch.device, dtype: torch.dtype) -> tuple[Any, Any, str]:
    """Load a causal language model and its tokenizer.

    Args:
        name: a folder, or "owner/name[@revision]" on the hub, with or without "hf:" in front.
        device: where it runs.
        dtype: what it computes in.

    Returns:
        The model in eval mode, the tokenizer, and a word that tells its weights apart.

    Raises:
        InputError: the name is none, or it is no causal language model.
        UntrustedFileError: it needs code from its repository.
        WeightsError: it cannot be read or fetched.
        OfflineError: it is not here and the network is switched off.
        MissingExtraError: transformers is missing.
    """
    try:
        import transformers
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "local language models need the package transformers, which is not installed",
            f"pip install '{EXTRA}'",
        ) from error
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
        if type(config) not in auto.MODEL_FOR_CAUSAL_LM_MAPPING:
            raise InputError(
                f"{name} is a model of the kind {config.model_type!r}, which writes no text",
                "choose a model of the task text-generation",
            )
        tokenizer = auto.AutoTokenizer.from_pretrained(place, **common)
        with _silent(transformers):
            model = auto.AutoModelForCausalLM.from_pretrained(place, dtype=dtype, **common)
    except (InputError, MissingExtraError):
        raise
    except ImportError as error:
        raise MissingExtraError(f"{name} needs a library: {_first_line(error)}") from error
    except Exception as error:  # of the hub, its HTTP client, JSON, safetensors, and ValueError
        raise _sentence(name, error) from error
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            raise InputError(f"the tokenizer of {name} has no token that ends a text")
        tokenizer.pad_token = tokenizer.eos_token
    state = getattr(config, "_commit_hash", None) or _state(Path(place))
    return model.to(device).eval().requires_grad_(False), tokenizer, str(state)


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


def _state(folder: Path) -> str:
    """Tell versions of a folder apart without reading its weights."""
    found = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        if path.suffix in {".safetensors", ".bin", ".json"}:
            stat = path.stat()
            found.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return found.hexdigest()[:16]


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
    said = str(error)
    if "trust_remote_code" in said or "custom code" in said:
        return UntrustedFileError(
            f"{name} needs code from its own repository, which is never run here",
            "choose a model that transformers knows by itself",
        )
    if settings().offline and not Path(name.removeprefix("hf:")).expanduser().is_dir():
        return OfflineError(
            f"the network is switched off (ICL_OFFLINE or HF_HUB_OFFLINE) and {name} is not here",
            f"fetch it on a machine with a network: hf download {name.removeprefix('hf:')}",
        )
    return WeightsError(f"the model {name} cannot be loaded: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
