"""The options of the learner `lcl`, checked."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from icl_core import InputError
from icl_linking.lcl.chat import LAYOUTS, QUESTION, Style

LOCAL = ("sum", "mean", "calibrated", "generate")
REMOTE = ("generate", "first-token")
MERGES = ("last", "all")
PROMPTS = ("evaluation", "demo")
API = "api:"

_TALK = frozenset({"layout", "question", "list_labels"})
_COMMON = frozenset({"model", "answers", "max_new_tokens"})
CHAT = _COMMON | _TALK | {"reuse"}
"""Options of a transformers model."""

PUBLISHED = _COMMON | {"reuse", "image_merge", "prompt", "vision_weights"}
"""Options of the published weights."""

ENDPOINT = (
    _COMMON
    | _TALK
    | {"base_url", "key_variable", "timeout", "retries", "concurrency", "log", "failures"}
    | {"image_format", "params", "price"}
)
"""Options of an endpoint."""


@dataclass(frozen=True)
class Options:
    """What `icl.load("lcl", ...)` takes beside weights, device and dtype; see `CARD.options`.

    Raises:
        InputError: a value is none that is understood.
    """

    model: str | None = None
    answers: str | None = None
    layout: str = "turns"
    question: str = QUESTION
    list_labels: bool = False
    max_new_tokens: int | None = None
    reuse: bool = True
    image_merge: str = "last"
    prompt: str = "evaluation"
    vision_weights: str | Path | None = None
    base_url: str | None = None
    key_variable: str = "OPENAI_API_KEY"
    timeout: float = 60.0
    retries: int = 4
    concurrency: int = 4
    log: str | Path | bool = True
    failures: str = "raise"
    image_format: str = "jpeg"
    params: Mapping[str, Any] = field(default_factory=dict)
    price: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        self._one_of("answers", (None, *dict.fromkeys((*LOCAL, *REMOTE))))
        self._one_of("layout", LAYOUTS)
        self._one_of("image_merge", MERGES)
        self._one_of("prompt", PROMPTS)
        self._one_of("failures", ("raise", "record"))
        self._one_of("image_format", ("jpeg", "png"))
        for name in ("list_labels", "reuse"):
            self._one_of(name, (True, False))
        for name in ("model", "base_url"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str | Path) or not str(value).strip()):
                raise InputError(f"{name} is {value!r}, expected a name")
        if not isinstance(self.question, str) or not self.question.strip():
            raise InputError(f"question is {self.question!r}, expected words")
        self._whole("retries", 0, 20)
        self._whole("concurrency", 1, 64)
        if self.max_new_tokens is not None:
            self._whole("max_new_tokens", 1, 4096)
        if isinstance(self.timeout, bool) or not isinstance(self.timeout, int | float):
            raise InputError(f"timeout is {self.timeout!r}, expected seconds")
        if not 0 < self.timeout <= 3600:
            raise InputError(f"timeout is {self.timeout:g} s, expected more than 0, at most 3600")
        if not isinstance(self.params, Mapping):
            raise InputError(f"params is {self.params!r:.80}, expected a mapping")
        try:
            json.dumps(dict(self.params), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InputError(f"params cannot be sent as JSON: {error}") from error
        self._check_price()

    @property
    def style(self) -> Style:
        """How conversations are laid out."""
        return Style(self.layout, self.question, self.list_labels)

    @property
    def endpoint(self) -> str | None:
        """Name of the model at an endpoint; None = the model is a local one."""
        name = None if self.model is None else str(self.model)
        if name is not None and name.startswith(API):
            return name.removeprefix(API)
        if self.base_url is None:
            return None
        if name is None:
            raise InputError("base_url is given and model is missing", "model='NAME'")
        return name

    def answers_of(self, known: tuple[str, ...], default: str, who: str) -> str:
        """Return how answers are found.

        Args:
            known: what the back end can do.
            default: of it.
            who: the back end, for the message.

        Raises:
            InputError: the back end cannot do what was asked for.
        """
        if self.answers is None:
            return default
        if self.answers not in known:
            raise InputError(
                f"answers is {self.answers!r}, and {who} can do {', '.join(known)}",
            )
        return self.answers

    def _one_of(self, name: str, known: tuple[Any, ...]) -> None:
        value = getattr(self, name)
        if not any(value is one or (type(value) is type(one) and value == one) for one in known):
            listed = ", ".join(str(one) for one in known if one is not None)
            raise InputError(f"{name} is {value!r}, expected one of {listed}")

    def _whole(self, name: str, least: int, most: int) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InputError(f"{name} is {value!r}, expected a whole number from {least} to {most}")

    def _check_price(self) -> None:
        if self.price is None:
            return
        pair = self.price
        fine = isinstance(pair, list | tuple) and len(pair) == 2
        if not fine or not all(
            isinstance(one, int | float) and not isinstance(one, bool) and 0 <= one < 1e6
            for one in pair
        ):
            raise InputError(
                f"price is {pair!r:.80}, expected two amounts a million tokens, in and out"
            )


def key_of(variable: str) -> str | None:
    """Read a key from the environment; it is handed to the client and kept nowhere else.

    Raises:
        InputError: the name is no name of a variable, so it may be a key itself.
    """
    if not isinstance(variable, str) or not variable.isidentifier() or variable != variable.upper():
        raise InputError(
            "key_variable is no name of an environment variable; a key itself is never an option",
            "export OPENAI_API_KEY=..., or key_variable='MY_KEY' for another variable",
        )
    return os.environ.get(variable, "").strip() or None
