"""The learner `painter`: a pair of pictures shows a task, and the query gets it done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import fields, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from icl_core import Context, Episode, InputError, LearnerCard, LoadOptions, Picture, Video
from icl_core.errors import WeightsError
from icl_core.learner import Learner, PreparedContext
from icl_core.runtime import batches, resolve_device, resolve_dtype
from icl_painting.canvas import fitted, inside, resize, square, to_tensor, to_unit
from icl_painting.network.checkpoint import read_network
from icl_painting.network.inference import Engine, Prompts
from icl_painting.network.network import PainterNetwork
from icl_painting.painter.answers import Answerer, Painted
from icl_painting.painter.boxes import Box, spread_boxes
from icl_painting.painter.examples import Encoder
from icl_painting.painter.options import FITS, Options
from icl_painting.painter.prepared import Pair, Prepared
from icl_painting.tasks import BRANCHES
from icl_painting.tasks.crops import crop_picture
from icl_painting.tasks.keypoints import CROP, Crop
from icl_painting.tiling import paint_tiles

_OPTIONS = frozenset(one.name for one in fields(Options))


class PainterLearner(Learner):
    """Painter (arXiv 2212.02499) with released, own or stand-in weights.

    Without the option `task` any pair of pictures is a prompt and the answer is a `Picture`. With
    it, examples may hold what the task is about, see `icl_painting.painter.examples`, and the
    answer is read: a `DepthMap`, `SemanticMap`, `PanopticMap` or `Keypoints` of
    `icl_painting.results`, all of them pictures too. Sizes and resampling are those of the
    published evaluation of each task. The panoptic task paints two pictures a query.

    Options of `icl.load`: see `CARD.options`.

    Options of `predict`: `tile`, a side in pixels, paints a larger query in tiles at its own scale,
    with `overlap` as a share of the side (default 0.25), for pictures to pictures only; each
    example is cut to the tile in which its pictures differ most, see `icl_painting.tiling`. The
    side of the network's square, 448, keeps every pixel as it is. `box`, for keypoints, is
    [left, top, width, height] of the person in the query; one for all queries, or a list with one
    a query. Without it the whole query is the person. `canvas=False` leaves the raw output away.

    A video is answered frame by frame, each frame alone.

    `behaviour="corrected"` differs from the released code in this: colours are rounded to the
    nearest level and depth is not rounded to millimetres, where the released code rounds both
    down; several examples are allowed and work together as `shots` says; an example whose two
    pictures differ in size is refused, where the released code stretches both. `canvas` is the same
    in both.
    """

    predict_options: ClassVar[frozenset[str]] = frozenset({"tile", "overlap", "box", "canvas"})
    network: PainterNetwork

    def __init__(self, card: LearnerCard, load: LoadOptions, **options: Any) -> None:
        self._options = Options(**{k: options.pop(k) for k in list(options) if k in _OPTIONS})
        super().__init__(card, load, **options)
        if load.weights is None:
            raise InputError("painter needs weights", hint="weights='official'")
        network = read_network(load.weights.path, card.name)
        known = network.notes.get("tasks")
        if self._options.task is not None and isinstance(known, list):
            _check_task(self._options.task, known)
        self._side = self._options.side(network.config.side, network.config.patch)
        self._pad = _fit(network, self._options) == "pad"
        self._device = resolve_device(load.device)
        dtype = resolve_dtype(load.dtype, self._device, bfloat16_ok=False)
        if dtype == torch.float16:
            raise InputError("painter runs in float32 or bfloat16, not in float16")
        self._cast = dtype if dtype != torch.float32 else None
        self._official = load.behaviour == "official"
        self._batch = self._options.batch_size or (1 if self._device.type == "cpu" else 8)
        self._encoder = Encoder(self._options, self._official)
        self._answerer = Answerer(self._options, self._official, self._device)
        self.network = network.to(self._device)
        self._engine = Engine(self.network)
        paint: Any = self._engine.paint
        self._paint_call = torch.compile(paint) if load.compile else paint

    def prepare(self, context: Any) -> PreparedContext:
        """Encode a context once; see `Learner.prepare` and `icl_painting.painter.examples`."""
        return super().prepare(self._encoder.context(context))

    def predict_episodes(
        self, episodes: Iterable[Episode], batch_size: int = 32, **options: Any
    ) -> Iterator[Any]:
        """Answer many episodes; see `Learner.predict_episodes`.

        Episodes of a batch that share one context object are painted together.
        """
        return super().predict_episodes(self._encoded(episodes), batch_size, **options)

    def _encoded(self, episodes: Iterable[Episode]) -> Iterator[Episode]:
        shown: Any = None
        context: Any = None
        for episode in episodes:
            if context is None or episode.context is not shown:
                shown, context = episode.context, self._encoder.context(episode.context)
            yield replace(episode, context=context)

    def _autocast(self) -> Any:
        if self._cast is None:
            return nullcontext()
        return torch.autocast(self._device.type, self._cast)

    @torch.inference_mode()
    def _prepare(self, context: Context) -> Prepared:
        pairs: dict[str | None, list[Pair]] = {}
        for example in context.examples:
            branch = example.meta.get("branch") if self._options.task == "panoptic" else None
            pairs.setdefault(branch, []).append((example.input, example.output))
        if self._options.task == "panoptic":
            self._check_branches(pairs)
        if not pairs:
            raise InputError("the context has no examples, expected at least one")
        most = max(len(shown) for shown in pairs.values())
        if self._official and most > 1:
            raise InputError(
                f"the context has {most} examples, and the released code takes one",
                hint="behaviour='corrected' makes several work together",
            )
        prompts = {branch: self._prompts(shown) for branch, shown in pairs.items()}
        kept = tuple(pairs.get(None, ())) if self._options.row.tiles else ()
        return Prepared(prompts, kept, self._prompts)

    def _check_branches(self, pairs: dict[str | None, list[Pair]]) -> None:
        for branch in BRANCHES:
            if branch not in pairs:
                raise InputError(f"the context has no painted picture of {branch}, expected one")

    @torch.inference_mode()
    def _prompts(self, pairs: Sequence[Pair]) -> tuple[Prompts, ...]:
        images = torch.stack([self._square(image) for image, _ in pairs])
        targets = torch.stack([self._square(output, self._options.target) for _, output in pairs])
        # One prompt at a time for an average, all together for an ensemble.
        step = 1 if self._options.shots == "average" else len(pairs)
        with self._autocast():
            return tuple(
                self._engine.prepare(images[n : n + step], targets[n : n + step])
                for n in range(0, len(pairs), step)
            )

    def _square(self, picture: np.ndarray, how: str = "bicubic") -> Tensor:
        if self._pad:
            return to_tensor(fitted(picture, self._side), self._device)
        return to_tensor(square(picture, self._side, how), self._device)

    def _answered(self, canvas: Tensor, picture: np.ndarray) -> Tensor:
        """Cut a canvas to what the picture fills of it."""
        if not self._pad:
            return canvas
        rows, columns = inside(picture.shape, self._side)
        return canvas[:, :rows, :columns].contiguous()

    @torch.inference_mode()
    def _paint(self, prompts: Sequence[Prompts], pictures: Sequence[np.ndarray]) -> Tensor:
        """Paint pictures uint8 [H, W, 3]: the canvases float32 [N, 3, s, s], on the CPU."""
        squares = [self._square(picture, self._options.query_resize) for picture in pictures]
        stacked = torch.stack(squares)
        total: Tensor | None = None
        for one in prompts:
            with self._autocast():
                found = self._paint_call(one, stacked).float()
            total = found if total is None else total + found
        assert total is not None  # a prepared context has a prompt
        return (total / len(prompts)).cpu()

    def _predict(
        self,
        prepared: Prepared,
        queries: Sequence[Any],
        *,
        tile: int | None = None,
        overlap: float = 0.25,
        box: Any = None,
        canvas: bool = True,
        **options: Any,
    ) -> list[Any]:
        boxes = self._boxes(box, len(queries))
        if tile is not None and not self._options.row.tiles:
            raise InputError(
                f"tile is given, and the task {self._options.task!r} is about whole pictures"
            )
        found: list[Any] = [None] * len(queries)
        pictures = []
        for place, query in enumerate(queries):
            video = isinstance(query, Video)
            if tile is not None:
                shown = query.frames if video else [query]
                answers = [self._tiled(prepared, one, tile, overlap) for one in shown]
                found[place] = answers if video else answers[0]
            elif video:
                frames = ((frame, boxes[place]) for frame in query.frames)
                found[place] = list(self._stream(prepared, frames))
            else:
                pictures.append(place)
        stream = self._stream(prepared, ((queries[place], boxes[place]) for place in pictures))
        for place, answer in zip(pictures, stream, strict=True):
            found[place] = answer
        return found if canvas else [_without_canvas(answer) for answer in found]

    def _boxes(self, box: Any, count: int) -> list[Box | None]:
        if box is not None and self._options.task != "keypoints":
            raise InputError("box is given, and is for task='keypoints'")
        return spread_boxes(box, count)

    def _predict_episodes(self, pairs: Sequence[tuple[Context, Any]], **options: Any) -> list[Any]:
        groups: dict[Any, list[int]] = {}
        for place, (context, _) in enumerate(pairs):
            key = tuple((id(one.input), id(one.output)) for one in context.examples)
            groups.setdefault(key, []).append(place)
        answers: list[Any] = [None] * len(pairs)
        for places in groups.values():
            prepared = self._prepare(pairs[places[0]][0])
            found = self._predict(prepared, [pairs[place][1] for place in places], **options)
            for place, answer in zip(places, found, strict=True):
                answers[place] = answer
        return answers

    def follow(self, prepared: Any, video: Video) -> Iterator[Picture]:
        """Answer a video frame by frame, each frame alone, in memory that does not grow.

        Args:
            prepared: of `_prepare`.
            video: its `frames` is a `Frames`.
        """
        yield from self._stream(prepared, ((frame, None) for frame in video.frames))

    def _stream(
        self, prepared: Prepared, wanted: Iterable[tuple[np.ndarray, Box | None]]
    ) -> Iterator[Picture]:
        """Answer pictures in order, a batch at a time."""
        for group in batches(wanted, self._batch):
            yield from self._answers(prepared, group)

    def _answers(
        self, prepared: Prepared, group: Sequence[tuple[np.ndarray, Box | None]]
    ) -> list[Picture]:
        shown = [
            picture if box is None else crop_picture(picture, Crop.around(box), CROP)
            for picture, box in group
        ]
        canvases = {
            branch: self._paint(prompts, shown) for branch, prompts in prepared.prompts.items()
        }
        if self._options.task == "keypoints" and self._options.flip:
            turned = [np.ascontiguousarray(picture[:, ::-1]) for picture in shown]
            canvases["mirrored"] = self._paint(prepared.prompts[None], turned)
        answers = []
        for place, (picture, box) in enumerate(group):
            seen = shown[place]
            own = {
                branch: self._answered(stacked[place].clone(), seen)
                for branch, stacked in canvases.items()
            }
            size = (picture.shape[0], picture.shape[1])
            answers.append(self._answerer.answer(Painted(size, own, box)))
        return answers

    def _tiled(self, prepared: Prepared, query: np.ndarray, tile: int, overlap: float) -> Picture:
        if isinstance(tile, bool) or not isinstance(tile, int) or tile < 16:
            raise InputError(f"tile is {tile!r}, expected a side in pixels from 16")
        prompts = prepared.at_scale(tile)

        def paint(parts: Sequence[np.ndarray]) -> list[np.ndarray]:
            mode = self._options.row.output
            units = [
                to_unit(self._answered(canvas, part))
                for canvas, part in zip(self._paint(prompts, parts), parts, strict=True)
            ]
            return [resize(unit, (tile, tile), mode).float().numpy() for unit in units]

        unit, count = paint_tiles(query, tile, overlap, paint, self._batch)
        return self._answerer.picture(torch.from_numpy(unit), tiles=count)


def _check_task(task: str, known: Sequence[str]) -> None:
    """Refuse a task that small weights never learned, whose answer would be no answer."""
    if task not in known:
        others = f" and {', '.join(known)}" if known else ""
        raise InputError(
            f"these weights know pairs of pictures{others}, and not the task {task!r}",
            hint="weights='official' knows all tasks",
        )


def _fit(network: PainterNetwork, options: Options) -> str:
    """Return how pictures get into the square: as asked, else as the weights were trained."""
    noted = network.notes.get("fit", "squash")
    if noted not in FITS:
        raise WeightsError(f"the weights note fit {noted!r:.40}, expected one of {', '.join(FITS)}")
    return options.fit or noted


def _without_canvas(answer: Any) -> Any:
    if isinstance(answer, list):
        return [_without_canvas(one) for one in answer]
    return replace(answer, canvas=None)
