"""The options of `direct-prompt` and `llmp`, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from icl_core import InputError
from icl_core.endpoints import EndpointOptions

PARSERS = ("lenient", "strict")
VARIANTS = ("median", "samplewise")
INVALID = ("raise", "fewer")
FAILURES = ("raise", "naive")
OWN_FIELDS = ("model", "messages", "prompt", "stream", "n", "stop", "temperature", "top_p")
"""Fields of a request that are no part of `params`."""


@dataclass(frozen=True, kw_only=True)
class ModelOptions(EndpointOptions):
    """What both learners take; see `cards.MODEL_OPTIONS`.

    Raises:
        InputError: a value is none that is understood.
    """

    timeout: float = 600.0
    samples: int = 25
    temperature: float = 1.0
    top_p: float | None = None
    seed: int = 0
    invalid: str = "raise"
    failures: str = "raise"
    single: bool = False
    max_requests: int | None = None
    max_history: int | None = None
    local_batch: int = 8
    constrained: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_params(OWN_FIELDS)
        self._whole("samples", 1, 10_000)
        self._whole("seed", 0, 2**31 - 1)
        self._whole("local_batch", 1, 1024)
        for name in ("max_requests", "max_history"):
            if getattr(self, name) is not None:
                self._whole(name, 1, 10**9)
        for name in ("constrained", "single"):
            self._one_of(name, (True, False))
        if self.constrained and self.endpoint is not None:
            raise InputError("constrained is True, and that needs a local model")
        self._one_of("invalid", INVALID)
        self._one_of("failures", FAILURES)
        self._between("temperature", 0, 10)
        if self.top_p is not None:
            self._between("top_p", 1e-6, 1)
        if self.model is None and self.base_url is None:
            raise InputError(
                "model is missing",
                "model='api:NAME' of an endpoint, or a folder or owner/name of a local model",
            )

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of every request to an endpoint."""
        top = {} if self.top_p is None else {"top_p": self.top_p}
        return {"temperature": self.temperature, **top, **self.params}

    def _between(self, name: str, least: float, most: float) -> None:
        value = getattr(self, name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not least <= value <= most:
            raise InputError(f"{name} is {value!r}, expected a number from {least:g} to {most:g}")


@dataclass(frozen=True, kw_only=True)
class DirectPromptOptions(ModelOptions):
    """What `icl.load("direct-prompt", ...)` takes; see `cards.DIRECT_PROMPT`.

    Raises:
        InputError: a value is none that is understood.
    """

    max_tokens: int = 10_000
    batch_size: int | None = None
    batch_size_on_retry: int = 5
    n_retries: int = 3
    max_batch_size: int | None = None
    parser: str | None = None
    reason: bool = False
    correct: str | None = None
    correct_options: Mapping[str, Any] = field(default_factory=dict)
    variant: str = "median"
    examples: Sequence[Any] = ()
    large: str | Mapping[str, Any] | None = None
    router: str | Mapping[str, Any] | None = None
    hard_fraction: float | None = None
    hard_from: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._whole("max_tokens", 1, 1_000_000)
        self._whole("batch_size_on_retry", 1, 999)
        self._whole("n_retries", 1, 1000)
        for name in ("batch_size", "max_batch_size"):
            if getattr(self, name) is not None:
                self._whole(name, 1, 999)
        self._one_of("parser", (None, *PARSERS))
        self._one_of("variant", VARIANTS)
        self._one_of("reason", (True, False))
        if self.constrained and self.reason:
            raise InputError("constrained is True, and leaves no room for reason=True")
        if self.correct is not None and not isinstance(self.correct, str):
            raise InputError(f"correct is {self.correct!r:.80}, expected the name of a forecaster")
        if not isinstance(self.correct_options, Mapping):
            raise InputError(f"correct_options is {self.correct_options!r:.80}, expected a mapping")
        self._between("hard_from", 0, 10)
        if self.hard_fraction is not None:
            self._between("hard_fraction", 0, 1)
        if self.large is None and (self.router is not None or self.hard_fraction is not None):
            given = "router" if self.router is not None else "hard_fraction"
            raise InputError(f"{given} is given and large is missing", "large='api:NAME'")


@dataclass(frozen=True, kw_only=True)
class LlmpOptions(ModelOptions):
    """What `icl.load("llmp", ...)` takes; see `cards.LLMP`.

    Raises:
        InputError: a value is none that is understood.
    """

    top_p: float | None = 0.9
    batch_size: int = 5
    decimals: int | None = None
    max_tokens: int | None = None
    redraws: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        self._whole("batch_size", 1, 999)
        self._whole("redraws", 0, 1000)
        if self.decimals is not None:
            self._whole("decimals", 0, 12)
        if self.max_tokens is not None:
            self._whole("max_tokens", 1, 100)
