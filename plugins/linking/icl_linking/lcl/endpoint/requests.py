"""A conversation with pictures as a request; of each picture a hash is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from icl_core.endpoints import ChatRequest
from icl_linking.lcl.chat import Turn
from icl_linking.lcl.endpoint.pictures import DataUrls


@dataclass(frozen=True, eq=False, kw_only=True)
class PictureRequest(ChatRequest):
    """A request whose messages hold pictures as `data:` addresses."""

    def recorded(self) -> Mapping[str, Any]:
        """The messages, with a hash in place of each picture."""
        return {"messages": [_without_pictures(one) for one in self.messages]}


def chat_request(
    model: str, turns: Sequence[Turn], params: Mapping[str, Any], urls: DataUrls
) -> PictureRequest:
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
    return PictureRequest(model=model, messages=tuple(messages), params=dict(params))


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
