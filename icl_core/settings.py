"""The environment variables, read when they are asked for and never at import."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from icl_core.errors import InputError

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})


def _about(variable: str, default: str, meaning: str) -> dict[str, Any]:
    return {"variable": variable, "default": default, "meaning": meaning}


@dataclass(frozen=True)
class Settings:
    """What the environment says. Each field's metadata holds `variable`, `default`, `meaning`."""

    home: Path = field(
        metadata=_about(
            "ICL_HOME",
            "the platform's cache folder",
            "Folder of downloaded weights and data.",
        )
    )
    offline: bool = field(
        metadata=_about(
            "ICL_OFFLINE",
            "0",
            "1 forbids the network: what is not here is an error. HF_HUB_OFFLINE=1 does the same.",
        )
    )
    device: str | None = field(
        metadata=_about(
            "ICL_DEVICE",
            "unset: CUDA, else MPS, else CPU",
            'What device="auto" means: "cpu", "cuda", "cuda:1", "mps".',
        )
    )
    progress: bool = field(
        metadata=_about(
            "ICL_PROGRESS",
            "1",
            "0 hides progress bars. They are shown on a terminal only, and on stderr.",
        )
    )
    data: Path | None = field(
        metadata=_about(
            "ICL_DATA",
            "unset",
            "Folder that holds the data sets of benchmarks, where --data is not given.",
        )
    )
    load_plugins: tuple[str, ...] | None = field(
        metadata=_about(
            "ICL_LOAD_PLUGINS",
            "unset: all",
            "Comma-separated distributions or entry points to load; an empty value loads none.",
        )
    )
    strict_plugins: bool = field(
        metadata=_about(
            "ICL_STRICT_PLUGINS",
            "0",
            "1 raises when a plugin fails, instead of reporting it and going on.",
        )
    )
    trace_plugins: bool = field(
        metadata=_about(
            "ICL_TRACE_PLUGINS",
            "0",
            "1 writes each import of a plugin and each hook call to stderr.",
        )
    )
    strict_weights: bool = field(
        metadata=_about(
            "ICL_STRICT_WEIGHTS",
            "0",
            "1 checks the sha256 and the numbers of weights each time they are loaded.",
        )
    )


def settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment, now.

    Args:
        environ: the variables; the process's own when None.

    Raises:
        InputError: a switch is neither on (1, true, yes, on) nor off (0, false, no, off).
    """
    env = os.environ if environ is None else environ
    wanted = env.get("ICL_LOAD_PLUGINS")
    return Settings(
        home=_home(env.get("ICL_HOME")),
        # huggingface_hub reads any other word as "not offline"; agree with it on its own variable.
        offline=_switch(env, "ICL_OFFLINE", False)
        or env.get("HF_HUB_OFFLINE", "").strip().lower() in _TRUE,
        device=env.get("ICL_DEVICE", "").strip() or None,
        progress=_switch(env, "ICL_PROGRESS", True),
        data=_folder(env.get("ICL_DATA")),
        load_plugins=None if wanted is None else _names(wanted),
        strict_plugins=_switch(env, "ICL_STRICT_PLUGINS", False),
        trace_plugins=_switch(env, "ICL_TRACE_PLUGINS", False),
        strict_weights=_switch(env, "ICL_STRICT_WEIGHTS", False),
    )


def _folder(text: str | None) -> Path | None:
    return Path(text.strip()).expanduser() if text and text.strip() else None


def _home(value: str | None) -> Path:
    if value and value.strip():
        return Path(value.strip()).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("icl", appauthor=False)


def _names(value: str) -> tuple[str, ...]:
    return tuple(name for name in (part.strip() for part in value.split(",")) if name)


def _switch(env: Mapping[str, str], name: str, default: bool) -> bool:
    value = env.get(name)
    if value is None:
        return default
    word = value.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise InputError(f"{name} is {value!r}, expected 1 or 0")
