"""The released prompts of link-context learning, string by string.

A prompt is a list of segments that are tokenized one by one. In a segment `<image>` stands for a
picture: `<im_start>`, one `<im_patch>` for each patch, `<im_end>`.
"""

from __future__ import annotations

from collections.abc import Sequence

IMAGE = "<image>"
START, PATCH, END = "<im_start>", "<im_patch>", "<im_end>"
CLOSE = "</s>"

CAUSAL = (
    "You should find the causal relationship between the examples I am going to show you. And use "
    "that to answer to the [FINAL QUESTION]."
)
VICUNA = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the user's questions."
)
SHOWN = "[BEGIN EXAMPLE] What is in the image <image>?"
ASKED = "Based on the previous examples, what is in the image <image>?"
DEMO = "What is in the image?"


def segments(labels: Sequence[str], prompt: str) -> list[str]:
    """Return the segments of a prompt: one a support, and the query's.

    Args:
        labels: of the supports, in order.
        prompt: "evaluation", or "demo" for the wording of the released demonstration.
    """
    found = []
    for number, label in enumerate(labels):
        said = label if prompt == "demo" else f'there is "{label}" in the image.'
        system = CAUSAL if number == 0 else ""
        found.append(f"{system} USER: {SHOWN} ASSISTANT: {said} [END EXAMPLE]{CLOSE}")
    return [*found, query_segment(bool(labels), prompt)]


def query_segment(supported: bool, prompt: str) -> str:
    """Return the segment of the query: without supports that of visual question answering."""
    if not supported:
        return f"{VICUNA} USER: {DEMO}{IMAGE} ASSISTANT:"
    asked = f"{DEMO}{IMAGE}" if prompt == "demo" else ASKED
    return f"[FINAL QUESTION]:  USER: {asked} ASSISTANT:"


def target(label: str, supported: bool, prompt: str) -> str:
    """Return the right answer as it follows the query's segment, with its end."""
    plain = prompt == "demo" or not supported
    said = label if plain else f'there is "{label}" in the image.'
    return f" {said}{CLOSE}"


def expand(segment: str, patches: int) -> str:
    """Write the picture of a segment out."""
    return segment.replace(IMAGE, START + PATCH * patches + END)
