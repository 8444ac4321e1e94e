"""Open the model that options name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from icl_core import InputError, LoadOptions
from icl_core.endpoints import EndpointOptions, connect
from icl_forecasting.llm.options import ModelOptions
from icl_forecasting.llm.writers.remote import RemoteWriter
from icl_forecasting.llm.writers.writer import Writer

API_EXTRA = "icl-forecasting[api]"
_OWN = frozenset(field.name for field in fields(EndpointOptions))


def open_writer(options: ModelOptions, load: LoadOptions) -> Writer:
    """Return a writer for `options.model`.

    Args:
        options: of the learner.
        load: device, dtype, compile and behaviour.

    Raises:
        InputError: the model, its address or its log cannot be used.
        OfflineError: the network is switched off.
        MissingExtraError: a library is missing.
        WeightsError: a local model cannot be loaded.
    """
    name = options.endpoint
    if name is not None:
        if load.compile:
            raise InputError("compile is for local models, and this one is behind an endpoint")
        asker = connect(options, name, extra=API_EXTRA, most_requests=options.max_requests)
        official = load.behaviour == "official"
        return RemoteWriter(asker, name, options.fields, official, options.single)
    from icl_core.endpoints.options import log_file
    from icl_core.endpoints.replies import Replies
    from icl_core.runtime import resolve_device, resolve_dtype
    from icl_forecasting.llm.writers.load import load_model
    from icl_forecasting.llm.writers.local import LocalWriter

    called = str(options.model)
    device = resolve_device(load.device)
    model, tokenizer, state = load_model(
        called, device, resolve_dtype(load.dtype, device, bfloat16_ok=True)
    )
    if load.compile:
        model.compile(dynamic=True)
    return LocalWriter(
        model,
        tokenizer,
        called,
        state,
        Replies(log_file(options.log, called.strip("/").rpartition("/")[2], called)),
        temperature=options.temperature,
        top_p=options.top_p,
        batch=options.local_batch,
        seed=options.seed,
    )


def another(options: ModelOptions, what: str, given: str | Mapping[str, Any]) -> ModelOptions:
    """Return options with another model, for `large` and `router`.

    Args:
        options: of the learner.
        what: name of the option, for the message.
        given: a model's name, or a mapping with `model`, `base_url`, `key_variable` ...

    Raises:
        InputError: the mapping has a key that is no option of a model.
    """
    chosen = {"model": given} if isinstance(given, str) else dict(given)
    other = next((key for key in chosen if key not in _OWN), None)
    if other is not None or "model" not in chosen:
        said = "no model" if other is None else f"the key {other!r}"
        known = ", ".join(sorted(_OWN))
        raise InputError(f"{what} has {said}, expected a name or a mapping with some of: {known}")
    return replace(options, **chosen)
