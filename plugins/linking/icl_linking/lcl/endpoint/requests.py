"""A conversation as the body of a request, and the key under which its reply is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from icl_linking.lcl.chat import Turn
from icl_linking.lcl.endpoint.pictures import DataUrls


@dataclass(frozen=True, eq=False)
class ChatRequest:
    """One request for an answer.

    Args:
        model: name at the endpoint.
        messages: as they are sent, with pictures as `data:` addresses.
        params: the other fields.
    """

    model: str
    messages: tuple[Mapping[str, Any], ...]
    params: Mapping[str, Any]

    def record(self) -> dict[str, Any]:
        """What is kept of it: everything, with a hash in place of each picture."""
        return {
            "model": self.model,
            "messages": [_without_pictures(one) for one in self.messages],
            "params": dict(self.params),
        }

    @property
    def key(self) -> str:
        """The hash of model, messages and params."""
        text = json.dumps(self.record(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def chat_request(
    model: str, turns: Sequence[Turn], params: Mapping[str, Any], urls: DataUrls
) -> ChatRequest:
    """Write a conversation as a request."""
    messages: list[dict[str, Any]] = []
    for turn in turns:
        if turn.role == "assistant":  # endpoints want an assistant's words as a plain string
            said = "".join(part for part in turn.parts if isinstance(part, str))
            messages.append({"role": turn.role, "content": said})
            continue
        parts = [
            {"type": "text", "text": part}
            if isinstance(part, str)
            else {"type": "image_url", "image_url": {"url": urls.url(part)}}
            for part in turn.parts
        ]
        messages.append({"role": turn.role, "content": parts})
    return ChatRequest(model, tuple(messages), dict(params))


def _without_pictures(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if isinstance(content, str):
        return dict(message)
    return {**message, "content": [_hashed(part) for part in content]}


def _hashed(part: Mapping[str, Any]) -> dict[str, Any]:
    if part["type"] != "image_url":
        return dict(part)
    url = part["image_url"]["url"]
    return {"type": "image_url", "sha256": hashlib.sha256(url.encode()).hexdigest()}
