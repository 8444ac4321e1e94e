"""What an endpoint is asked, and the key under which its reply is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, eq=False, kw_only=True)
class Request:
    """One request; `ChatRequest` and `TextRequest` say of what kind.

    Args:
        model: name at the endpoint.
        params: the other fields of its body.
        repeat: 0 the first time, then 1, 2 ... where the very same is asked again to get another
            answer; it is no part of the body.
    """

    way: ClassVar[str]
    """"chat" for chat/completions, "text" for completions."""

    model: str
    params: Mapping[str, Any]
    repeat: int = 0

    @property
    def content(self) -> Mapping[str, Any]:
        """The fields of the body that hold what is asked."""
        raise NotImplementedError

    def recorded(self) -> Mapping[str, Any]:
        """What is kept of `content`: all of it, or hashes of its long parts."""
        return self.content

    def record(self) -> dict[str, Any]:
        """What is kept of the request."""
        found = {"model": self.model, **self.recorded(), "params": dict(self.params)}
        return {**found, "repeat": self.repeat} if self.repeat else found

    @property
    def key(self) -> str:
        """The hash of what is kept."""
        text = json.dumps(self.record(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, eq=False, kw_only=True)
class ChatRequest(Request):
    """One request for the next turn of a conversation.

    Args:
        messages: as they are sent.
    """

    way = "chat"
    messages: tuple[Mapping[str, Any], ...]

    @property
    def content(self) -> Mapping[str, Any]:
        """The messages."""
        return {"messages": list(self.messages)}


@dataclass(frozen=True, eq=False, kw_only=True)
class TextRequest(Request):
    """One request for the continuation of texts.

    Args:
        prompts: at least one; an endpoint gives as many answers to each as the field `n` says.
    """

    way = "text"
    prompts: tuple[str, ...]

    @property
    def content(self) -> Mapping[str, Any]:
        """The text, or the list of texts."""
        one = len(self.prompts) == 1
        return {"prompt": self.prompts[0] if one else list(self.prompts)}

    def recorded(self) -> Mapping[str, Any]:
        """A hash, the length and the end of each text, which one grows from the other."""
        return {"prompt": [_in_short(prompt) for prompt in self.prompts]}


def _in_short(prompt: str) -> dict[str, Any]:
    digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()
    return {"sha256": digest, "characters": len(prompt), "end": prompt[-80:]}
