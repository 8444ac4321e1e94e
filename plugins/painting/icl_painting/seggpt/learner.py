"""The learner `seggpt`: examples in, masks of the same thing painted in other pictures."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from icl_core import Context, Episode, InputError, LearnerCard, LoadOptions, Segmentation, Video
from icl_core.learner import PreparedContext
from icl_core.runtime import batches, resolve_device, resolve_dtype
from icl_core.vision.palette_contexts import PaletteContexts
from icl_core.vision.tiles import Tile, cut
from icl_painting.canvas import to_tensor
from icl_painting.network.checkpoint import read_network
from icl_painting.network.network import PainterNetwork
from icl_painting.seggpt.answers import Painted, answer, colours_of, given, join
from icl_painting.seggpt.ensemble import Ensemble, count
from icl_painting.seggpt.options import TYPES, Options
from icl_painting.seggpt.prompts import NOTHING, Known, Prepared, read_context
from icl_painting.seggpt.targets import read_painted
from icl_painting.seggpt.task_key import TaskKey
from icl_painting.seggpt.video import Memory

_log = logging.getLogger("icl.seggpt")


class SegGptLearner(PaletteContexts):
    """SegGPT (arXiv 2304.03284) with released weights, of either layout, or own ones.

    A context is one example or many; its masks are whatever the core takes as one, shown white on
    black, or pictures in colour, which are shown as they are (see `icl_painting.seggpt.targets`).
    Several examples of one object are prompts that answer together ("feature ensemble"). Masks of
    several ids, and examples of several classes, give a `LabelMap`; each object is asked for by
    itself, or all in one pass with `classes="colours"`.

    `Segmentation.canvas` is what the network painted, float32 [3, s, s] in normalised colour
    space, [N, 3, s, s] for N objects that were asked for separately. The mask is where the mean
    over RGB is above 128, the released rule for videos; p = mean / 256 is the probability, and
    `logits` its logit, cut at p = 1/256 and 255/256. In colours p is 1/2 where the object's colour
    and the next one are equally near. `score` is the IoU that the mask would have if p were
    honest, measured on the square: the sum of p inside over (area inside + sum of p outside).
    Painted examples give a `PaintedSegmentation`, which has the painted picture as well.

    A video is followed with a memory of the last frames and their predicted masks, which are
    further prompts for the next frame.

    Options of `icl.load`: see `CARD.options`. Options of `predict`: `tile`, a side in pixels,
    cuts larger queries into tiles with `overlap`, see `icl_core.vision.tiles`.

    On pictures both behaviours are the released code, canvas for canvas. On videos "official" keeps
    no frame in memory unless asked to, leaves out the answer to a first frame that is an example's
    picture, and makes black and white of every answer it remembers; "corrected" answers every
    frame, gives frames that equal an example's picture its mask, keeps 8 frames, and remembers
    painted answers in their colours. No negative examples: nothing in SegGPT's training says what
    they would mean.
    """

    predict_options: ClassVar[frozenset[str]] = frozenset({"tile", "overlap"})
    network: PainterNetwork

    def __init__(self, card: LearnerCard, load: LoadOptions, **options: Any) -> None:
        known = {field.name for field in fields(Options)}
        asked = Options(**{name: options.pop(name) for name in list(options) if name in known})
        super().__init__(card, load, **options)
        if load.weights is None:
            raise InputError("seggpt needs weights", hint="weights='official'")
        self.options = asked
        self.official = load.behaviour == "official"
        self.key = None if asked.prompt is None else TaskKey.load(asked.prompt)
        self.device = resolve_device(load.device)
        dtype = resolve_dtype(load.dtype, self.device, bfloat16_ok=False)
        if dtype == torch.float16:
            raise InputError("seggpt runs in float32 or bfloat16, not in float16")
        self.network = read_network(load.weights.path, "seggpt").to(self.device)
        self.side = self._side()
        kind = asked.type or (self.key.type if self.key else "instance")
        self._pairs = asked.batch_size or (1 if self.device.type == "cpu" else 8)
        cast = dtype if dtype != torch.float32 else None
        self.ensemble = Ensemble(
            self.network, self.side, TYPES[kind], asked.most_prompts, cast, load.compile
        )

    def _side(self) -> int:
        """Return the side of the square: as asked for, as tuned, or as the network was made."""
        config, key = self.network.config, self.key
        side = self.options.image_size or (key.side if key else config.side)
        if side % config.patch:
            raise InputError(
                f"image_size is {side}, expected a multiple of {config.patch}, the network's patch"
            )
        if key and key.side != side:
            raise InputError(f"the prompt was tuned for image_size {key.side}, and it is {side}")
        return side

    def prepare(self, context: Any) -> PreparedContext:
        """Encode a context once.

        Args:
            context: as in `Learner.prepare`; targets may be pictures in colour, and with a tuned
                prompt the context may be empty.

        Raises:
            InputError: the context cannot be used; the sentence says why.
        """
        return super().prepare(self._read(context))

    def predict_episodes(
        self, episodes: Iterable[Episode], batch_size: int = 32, **options: Any
    ) -> Iterator[Any]:
        """Answer many episodes; see `prepare` for their contexts."""
        read = (replace(episode, context=self._read(episode.context)) for episode in episodes)
        return super().predict_episodes(read, batch_size, **options)

    def _read(self, context: Any) -> Any:
        """Read painted targets; let an empty context through where a tuned prompt stands for it."""
        examples = context.examples if isinstance(context, Context) else context
        if self.key is not None and isinstance(examples, tuple | list) and not examples:
            # The core refuses a context without examples unless it has a text.
            return replace(context, text="") if isinstance(context, Context) else Context(text="")
        return read_painted(context)

    @torch.inference_mode()
    def _prepare(self, context: Context) -> Prepared:
        if context.text:
            _log.warning("seggpt does not read text; the context's text is ignored")
        passes, names, pictures = read_context(
            context, self.key, self.side, self.device, self.options.classes == "colours"
        )
        weights = self.load_options.weights
        names = replace(names, meta={"weights": weights and weights.name})
        groups = tuple(self.ensemble.prepare(one.images, one.targets) for one in passes)
        return Prepared(passes, groups, names, pictures)

    def _queries(self, prepared: Prepared) -> int:
        """Return how many queries go into one pass of the network."""
        return max(1, self._pairs // prepared.pairs)

    @torch.inference_mode()
    def _predict(
        self,
        prepared: Prepared,
        queries: Sequence[Any],
        *,
        tile: int | None = None,
        overlap: float = 0.25,
        **options: Any,
    ) -> list[Any]:
        found: list[Any] = [None] * len(queries)
        parts: list[tuple[int, np.ndarray]] = []
        tiles: dict[int, list[Tile]] = {}
        for place, query in enumerate(queries):
            if isinstance(query, Video):
                if tile is not None:
                    raise InputError("tile is for pictures, and this query is a video")
                found[place] = list(self.follow(prepared, query))
                continue
            height, width = query.shape[:2]
            side = max(height, width) if tile is None else tile
            tiles[place] = cut(height, width, side, overlap)
            parts += [(place, query[one.place]) for one in tiles[place]]
        answers: dict[int, list[Segmentation]] = defaultdict(list)
        for some in batches(parts, self._queries(prepared)):
            answered = self._answers(prepared, [picture for _, picture in some])
            for (place, _), one in zip(some, answered, strict=True):
                answers[place].append(one)
                if len(answers[place]) == len(tiles[place]):
                    size = queries[place].shape[:2]
                    found[place] = join(tiles[place], answers.pop(place), size, overlap)
        return found

    @torch.inference_mode()
    def _predict_episodes(self, pairs: Sequence[tuple[Context, Any]], **options: Any) -> list[Any]:
        if options or self._pairs == 1 or any(isinstance(query, Video) for _, query in pairs):
            return list(super()._predict_episodes(pairs, **options))
        prepared = [self._prepare(context) for context, _ in pairs]
        alike: dict[int, list[int]] = defaultdict(list)
        answers: list[Any] = [None] * len(pairs)
        for place, one in enumerate(prepared):
            if one.only is None:
                answers[place] = self._answers(one, [pairs[place][1]])[0]
            else:
                alike[one.only.count].append(place)
        for number, places in alike.items():
            for some in batches(places, max(1, self._pairs // number)):
                groups = [only for place in some if (only := prepared[place].only)]
                squares = self.ensemble.squares([pairs[place][1] for place in some])
                canvases = self.ensemble.paint_each(groups, squares)
                for place, canvas in zip(some, canvases, strict=True):
                    one, query = prepared[place], pairs[place][1]
                    answers[place] = self._read_out(one, [canvas], [number], query, NOTHING)
        return answers

    def _answers(
        self,
        prepared: Prepared,
        pictures: Sequence[np.ndarray],
        known: Sequence[Known] | None = None,
    ) -> list[Segmentation]:
        """Answer pictures that go into one pass of the network, without memory."""
        squares = self.ensemble.squares(pictures)
        painted = [self.ensemble.paint(groups, squares) for groups in prepared.groups]
        counts = [count(groups) for groups in prepared.groups]
        told = known or [NOTHING] * len(pictures)
        return [
            self._read_out(prepared, [canvases[row] for canvases in painted], counts, picture, one)
            for row, (picture, one) in enumerate(zip(pictures, told, strict=True))
        ]

    def _read_out(
        self,
        prepared: Prepared,
        canvases: Sequence[Tensor],
        counts: Sequence[int],
        picture: np.ndarray,
        known: Known,
    ) -> Segmentation:
        """Read the canvases of all passes, which `counts` prompts painted, as one answer."""
        size = (int(picture.shape[0]), int(picture.shape[1]))
        passes = [
            Painted(canvas, one.reading, one.objects, count)
            for canvas, count, one in zip(canvases, counts, prepared.passes, strict=True)
        ]
        return answer(passes, prepared.names, size, self.options.resample, known.masks)

    @torch.inference_mode()
    def follow(self, prepared: Prepared, video: Video) -> Iterator[Segmentation]:
        """Segment a video frame by frame, in order, in memory that its length does not change.

        Each frame is asked with the context's prompts and with the last frames and what was
        predicted for them, oldest first; every object, or every picture of objects in colours, has
        a memory of its own.

        Args:
            prepared: of `_prepare`.
            video: coerced; its frames are read once.

        Yields:
            One answer a frame; none for a first frame that is an example's picture where the
            behaviour is "official".
        """
        length = self.options.frames(self.official)
        memories = [Memory(one, length) for one in prepared.passes]
        size = 1 if length else self._queries(prepared)
        for frames in batches(self._asked(prepared, video), size):
            known = [NOTHING if self.official else prepared.known(frame) for frame in frames]
            if length:
                yield self._remembering(prepared, frames[0], known[0], memories)
                continue
            open_ = [n for n, one in enumerate(known) if not one.whole(prepared.names)]
            found = iter(
                self._answers(prepared, [frames[n] for n in open_], [known[n] for n in open_])
                if open_
                else ()
            )
            for number, one in enumerate(known):
                if number in open_:
                    yield next(found)
                else:
                    yield given(one.masks, prepared.names, one.painted)

    def _asked(self, prepared: Prepared, video: Video) -> Iterator[np.ndarray]:
        """Read the frames that are answered."""
        for number, frame in enumerate(video.frames):
            if number == 0 and self.official and prepared.known(frame) is not NOTHING:
                continue
            yield frame

    def _remembering(
        self, prepared: Prepared, frame: np.ndarray, known: Known, memories: Sequence[Memory]
    ) -> Segmentation:
        """Answer one frame by the context and the frames before, and remember it."""
        if known.whole(prepared.names):  # it is a prompt already
            return given(known.masks, prepared.names, known.painted)
        squares = self.ensemble.squares([frame])
        canvases, counts = [], []
        for groups, one, memory in zip(prepared.groups, prepared.passes, memories, strict=True):
            if memory.images:
                groups = self.ensemble.prepare(*memory.prompts())
            canvas = self.ensemble.paint(groups, squares)[0]
            canvases.append(canvas)
            counts.append(count(groups))
            if not set(one.objects) <= set(known.masks):
                again = one.reading.again(colours_of(canvas), exact=self.official)
                memory.add(squares[0], to_tensor(again.numpy(), self.device))
        return self._read_out(prepared, canvases, counts, frame, known)
