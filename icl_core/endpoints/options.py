"""The options of a learner whose model may be behind an endpoint, checked."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from icl_core.errors import InputError
from icl_core.settings import settings

API = "api:"
"""What stands before the name of a model at an endpoint."""


@dataclass(frozen=True, kw_only=True)
class EndpointOptions:
    """What every learner takes that can ask an endpoint.

    Args:
        model: "api:NAME" of a model at an endpoint, or just its name beside `base_url`; anything
            else is a local model.
        base_url: address of the endpoint with its version, such as `http://localhost:8000/v1`.
        key_variable: environment variable with the key.
        timeout: seconds for one answer.
        retries: further tries after a failure that may pass.
        concurrency: requests at the same time.
        log: file that keeps every reply; True = one in `ICL_HOME`, False = none.
        params: more fields of the request; None takes a field away.
        price: of a million tokens, in and out.

    Raises:
        InputError: a value is none that is understood.
    """

    model: str | None = None
    base_url: str | None = None
    key_variable: str = "OPENAI_API_KEY"
    timeout: float = 60.0
    retries: int = 4
    concurrency: int = 4
    log: str | Path | bool = True
    params: Mapping[str, Any] = field(default_factory=dict)
    price: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for name in ("model", "base_url"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str | Path) or not str(value).strip()):
                raise InputError(f"{name} is {value!r}, expected a name")
        self._whole("retries", 0, 20)
        self._whole("concurrency", 1, 64)
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

    def refuse_params(self, own: tuple[str, ...]) -> None:
        """Refuse `params` with a field of the request that the learner sets itself.

        Raises:
            InputError: names the field.
        """
        found = next((name for name in own if name in self.params), None)
        if found is not None:
            raise InputError(f"params holds {found!r}, which is set here, expected other fields")

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


def log_file(log: str | Path | bool, name: str, place: str) -> Path | None:
    """Return the file that keeps the replies of a model.

    Args:
        log: as in `EndpointOptions`.
        name: of the model.
        place: where it is, such as the address of an endpoint; it tells equal names apart.
    """
    if log is False:
        return None
    if log is True:
        plain = re.sub(r"[^\w.-]+", "-", name)[:60]
        apart = hashlib.sha256(f"{place} {name}".encode()).hexdigest()[:8]
        return settings().home / "replies" / f"{plain}-{apart}.jsonl"
    return Path(log).expanduser()
