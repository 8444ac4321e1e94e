"""One episode as pictures: what was shown, what was asked, the truth, and the answer."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from icl_bench.report.markdown import one_line
from icl_core.coerce.images import to_image
from icl_core.errors import InputError
from icl_core.results import Classification, Forecast, MultiForecast
from icl_core.results.draw import bars, mask_picture, overlay
from icl_core.types import Episode, Example, Video

HEIGHT = 130
"""Pixels of a picture; sharp at the size that the page shows it at."""

WIDEST = 420
MOST_SHOWN = 4
"""Examples of a context that are drawn."""

MOST_LABELS = 5
"""Labels whose probabilities are drawn: the most probable ones, and the right one."""

MOST_VARIATES = 3
HISTORY = 160
"""Steps of a history that are drawn, at least; and twice the horizon."""

LONGEST = 120
"""Characters of a label below a picture."""

_TRUTH = (0, 150, 110)


@dataclass(frozen=True)
class Panel:
    """One picture.

    Args:
        caption: below it.
        source: the picture as a `data:` address.
        size: bytes of the picture.
        wide: whether it takes the whole width.
    """

    caption: str
    source: str
    size: int
    wide: bool = False


@dataclass(frozen=True)
class Drawing:
    """The pictures of one episode.

    Args:
        panels: in order.
        text: what the pictures do not say, such as labels.
    """

    panels: tuple[Panel, ...]
    text: str = ""

    @property
    def size(self) -> int:
        """Bytes of all pictures."""
        return sum(one.size for one in self.panels)


def draw(episode: Episode, answer: Any) -> Drawing:
    """Draw an episode and its answer.

    Args:
        episode: with its context, query and truth.
        answer: of a learner; for a video one answer a frame, of which the middle one is drawn.
    """
    if isinstance(answer, Forecast | MultiForecast):
        return _forecast(episode, answer)
    if isinstance(answer, Classification):
        return _classification(episode, answer)
    return _pictures(episode, answer)


def _forecast(episode: Episode, answer: Any) -> Drawing:
    kept, truth = answer, _truth_of(episode.target)
    if isinstance(answer, MultiForecast) and len(answer) > MOST_VARIATES:
        kept, truth = answer[0], None if truth is None else truth[0]
    horizon = len(kept[0]) if isinstance(kept, MultiForecast) else len(kept)
    steps = max(HISTORY, 2 * horizon)
    caption = "history, truth and forecast"
    try:
        figure = kept.plot(history_steps=steps, truth=truth)
    except InputError:  # a truth of another shape
        figure, truth = kept.plot(history_steps=steps), None
    if truth is None:
        caption = "history and forecast"
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=80, metadata={"Software": None})
    context = episode.context
    words = "" if context.text is None else f"with the text: {one_line(context.text, 300)}"
    return Drawing((_panel(caption, drawn.getvalue(), wide=True),), words)


def _truth_of(target: Any) -> np.ndarray | None:
    # A series, or a truth with what else its metric needs.
    if target is None:
        return None
    values = getattr(target, "values", target)
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _classification(episode: Episode, answer: Classification) -> Drawing:
    right, shown = str(episode.target), episode.context.examples
    # Those that the answer is about come first.
    near = sorted(shown, key=lambda e: str(e.output) not in (answer.label, right))
    panels = [_picture_panel(one_line(str(e.output), LONGEST), e.input) for e in near[:MOST_SHOWN]]
    panels.append(_picture_panel("query", episode.query))
    if answer.probabilities is not None:
        known = list(zip(answer.labels, answer.probabilities.tolist(), strict=True))
        known.sort(key=lambda pair: -pair[1])
        kept = known[:MOST_LABELS]
        kept += [pair for pair in known[MOST_LABELS:] if pair[0] == right]
        chart = bars(kept, chosen=answer.label, most=len(kept))
        panels.append(_picture_panel("probabilities", chart))
    said = f"answered “{one_line(answer.label, LONGEST)}”, "
    said += f"expected “{one_line(right, LONGEST)}”"
    if answer.answer is not None:
        said += f"; its words: “{one_line(answer.answer, 300)}”"
    return Drawing(tuple(panels), said + _left_out(shown))


def _pictures(episode: Episode, answer: Any) -> Drawing:
    query, truth = episode.query, episode.target
    words = ""
    if isinstance(query, Video):
        count = len(answer)
        middle = count // 2
        frames = query.frames
        query, answer = frames[middle], answer[middle]
        truth = truth[middle] if truth is not None and len(truth) == count else None
        words = f"frame {middle + 1} of {count}"
    shown = episode.context.examples
    panels = []
    for number, example in enumerate(shown[:MOST_SHOWN], 1):
        caption = f"example {number}" if len(shown) > 1 else "example"
        panels += _example(caption, example)
    panels.append(_picture_panel("query", query))
    if (right := _output(query, truth)) is not None:
        panels.append(_picture_panel("truth", right))
    answered = answer.plot(image=query) if hasattr(answer, "mask") else answer.plot()
    panels.append(_picture_panel("answer", answered))
    return Drawing(tuple(panels), (words + _left_out(shown)).removeprefix("; "))


def _example(caption: str, example: Example) -> list[Panel]:
    output = _output(example.input, example.output)
    if output is None:
        return [_picture_panel(caption, example.input)]
    if np.asarray(example.output).dtype == bool:
        return [_picture_panel(caption, output)]
    return [_picture_panel(caption, example.input), _picture_panel(f"{caption}, output", output)]


def _output(image: Any, output: Any) -> np.ndarray | None:
    """Return an output as a picture: a mask or map of ids over its image, a picture as it is.

    Returns:
        None where it is nothing that can be drawn.
    """
    if isinstance(output, Image.Image):
        return np.asarray(output.convert("RGB"))
    values = output if isinstance(output, np.ndarray) else getattr(output, "ids", None)
    if not isinstance(values, np.ndarray):
        return None
    if values.ndim == 3 and values.shape[2] == 3 and values.dtype == np.uint8:
        return values
    if values.ndim != 2:
        return None
    if values.dtype == bool:
        picture = to_image(image)
        same = picture.shape[:2] == values.shape
        return overlay(picture, values, colour=_TRUTH) if same else mask_picture(values)
    if np.issubdtype(values.dtype, np.integer):
        from icl_core.results.label_map import colour_of

        drawn = np.zeros((*values.shape, 3), np.uint8)
        for number in np.unique(values[values > 0]).tolist():
            drawn[values == number] = colour_of(int(number))
        return drawn
    finite = np.isfinite(values)
    if not finite.any():
        return None
    low, high = values[finite].min(), values[finite].max()
    grey = np.where(finite, (values - low) / ((high - low) or 1), 0)
    return np.repeat((255 * grey).astype(np.uint8)[..., None], 3, axis=-1)


def _picture_panel(caption: str, image: Any) -> Panel:
    picture = Image.fromarray(np.asarray(to_image(image)))
    scale = min(HEIGHT / picture.height, WIDEST / picture.width)
    size = (max(1, round(scale * picture.width)), max(1, round(scale * picture.height)))
    # Pixels of small drawings stay pixels.
    how = Image.Resampling.NEAREST if scale > 2 else Image.Resampling.LANCZOS
    picture = picture.resize(size, how)
    plain, photo = _png(picture), io.BytesIO()
    picture.save(photo, "JPEG", quality=85)
    if len(plain) <= len(photo.getvalue()):
        return _panel(caption, plain)
    return _panel(caption, photo.getvalue(), "image/jpeg")


def _panel(caption: str, picture: bytes, mime: str = "image/png", wide: bool = False) -> Panel:
    text = base64.b64encode(picture).decode("ascii")
    return Panel(caption, f"data:{mime};base64,{text}", len(picture), wide)


def _png(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "PNG", optimize=True)
    return written.getvalue()


def _left_out(shown: Sequence[Example]) -> str:
    more = len(shown) - MOST_SHOWN
    return f"; {more} more examples were shown" if more > 0 else ""
