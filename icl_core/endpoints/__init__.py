"""OpenAI-compatible endpoints: asked with patience, every reply kept, never a key in sight.

The package `openai` is imported when an endpoint is opened, never before.
"""

from __future__ import annotations

from icl_core.endpoints.asking import Answered, Asker, connect
from icl_core.endpoints.client import (
    Attempt,
    Endpoint,
    EndpointError,
    Exchange,
    understood,
    words_of,
)
from icl_core.endpoints.options import API, EndpointOptions, key_of
from icl_core.endpoints.replies import FAILED, OK, Replies
from icl_core.endpoints.requests import ChatRequest, Request, TextRequest

__all__ = [
    "API",
    "Answered",
    "Asker",
    "Attempt",
    "ChatRequest",
    "Endpoint",
    "EndpointError",
    "EndpointOptions",
    "Exchange",
    "FAILED",
    "OK",
    "Replies",
    "Request",
    "TextRequest",
    "connect",
    "key_of",
    "understood",
    "words_of",
]
