"""The options of the learner `lcl`, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from icl_core import InputError
from icl_core.endpoints import EndpointOptions
from icl_linking.lcl.chat import LAYOUTS, QUESTION, Style

LOCAL = ("sum", "mean", "calibrated", "generate")
REMOTE = ("generate", "first-token")
MERGES = ("last", "all")
PROMPTS = ("evaluation", "demo")
OWN_FIELDS = ("model", "messages", "stream", "n")
"""Fields of a request that are no option."""

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


@dataclass(frozen=True, kw_only=True)
class Options(EndpointOptions):
    """What `icl.load("lcl", ...)` takes beside weights, device and dtype; see `CARD.options`.

    Raises:
        InputError: a value is none that is understood.
    """

    answers: str | None = None
    layout: str = "turns"
    question: str = QUESTION
    list_labels: bool = False
    max_new_tokens: int | None = None
    reuse: bool = True
    image_merge: str = "last"
    prompt: str = "evaluation"
    vision_weights: str | Path | None = None
    failures: str = "raise"
    image_format: str = "jpeg"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_params(OWN_FIELDS)
        self._one_of("answers", (None, *dict.fromkeys((*LOCAL, *REMOTE))))
        self._one_of("layout", LAYOUTS)
        self._one_of("image_merge", MERGES)
        self._one_of("prompt", PROMPTS)
        self._one_of("failures", ("raise", "record"))
        self._one_of("image_format", ("jpeg", "png"))
        for name in ("list_labels", "reuse"):
            self._one_of(name, (True, False))
        if not isinstance(self.question, str) or not self.question.strip():
            raise InputError(f"question is {self.question!r}, expected words")
        if self.max_new_tokens is not None:
            self._whole("max_new_tokens", 1, 4096)

    @property
    def style(self) -> Style:
        """How conversations are laid out."""
        return Style(self.layout, self.question, self.list_labels)

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
