"""The learner `segic`: pictures with masks in, the masks of other pictures and of videos out."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from icl_core import Context, InputError, LearnerCard, LoadOptions, Segmentation, Video
from icl_core.runtime import batches, resolve_device, resolve_dtype
from icl_core.vision.objects import Shown, ShownObject, sort_context
from icl_core.vision.palette_contexts import PaletteContexts
from icl_core.vision.tiles import Tile, cut, join
from icl_segmentation.confidence import Calibration
from icl_segmentation.segic.checkpoint import Wanted, read_network
from icl_segmentation.segic.classes import Asked, asked_classes
from icl_segmentation.segic.decoding import decode
from icl_segmentation.segic.network import SegicNetwork
from icl_segmentation.segic.prepared import Prepared
from icl_segmentation.segic.preprocess import (
    Frame,
    frame_of,
    mask_tensor,
    normalise,
    picture_tensor,
)
from icl_segmentation.segic.references import SHOTS, cell_shares, collect, patch_weights
from icl_segmentation.segic.text import INSTANCES, prompt_of, tokenize
from icl_segmentation.segic.video import Tracker

_log = logging.getLogger("icl.segic")


class SegicLearner(PaletteContexts):
    """SEGIC (arXiv 2311.14671) with released, own or stand-in weights.

    A context is one example or many. Masks of several ids give one answer an id, and so do
    examples of several classes: then the answer is a `LabelMap`. Several examples of one object
    are K shots of it (see `icl_segmentation.segic.references`), `meta["class_name"]` gives the
    text prompt, and `meta["instance"]` the instance prompt instead.

    A single picture as context takes the released one-shot path, where masks are cut at one half
    on the large square; with several pictures masks stay soft until the patch grid, as in the
    released path of stored references.

    Options of `icl.load`: see `CARD.options`.

    Options of `predict`: `classes`, names of the context's classes to decode (default: all);
    `protocol="oracle"` for the released evaluation, where `classes` are those in the ground truth
    of each query (one list a query, or one for all), overlaps stay unresolved in
    `LabelMap.object_logits`, and an example that is the query itself counts as nothing; `tile`,
    a side in pixels, cuts larger queries into tiles with `overlap`, see `icl_core.vision.tiles`;
    `overlaps=False` leaves the label map alone, so that hundreds of classes fit the memory.

    `behaviour="corrected"` differs from the released code in this: a mask too small for any patch
    counts by the area it covers instead of not at all; a video's answers are remembered without
    their padding, an object that is gone keeps its last vector, frames equal to an example get
    its mask exactly, at any place of the video. Pictures with a larger mask give the same numbers
    in both. The released code crops a batch by the size of its first picture, and so is right for
    batches of one alone; here each picture is cropped by its own size.

    `score` is the mean over pixels of max(p, 1 - p), as the released evaluation computes it; the
    network's own IoU output was never trained. It says how clear-cut a mask is and is no IoU.
    `meta["expected_iou"]` is the IoU that honest probabilities would have; with `calibration=`, or
    weights that bring one, the score is that number on a curve fitted to true IoUs, see
    `icl_segmentation.confidence`.
    """

    predict_options: ClassVar[frozenset[str]] = frozenset(
        {"classes", "protocol", "tile", "overlap", "overlaps"}
    )
    network: SegicNetwork

    def __init__(self, card: LearnerCard, load: LoadOptions, **options: Any) -> None:
        wanted = Wanted(**{k: options.pop(k) for k in list(options) if k in _WANTED})
        self._batch = _positive(options.pop("batch_size", 4), "batch_size")
        self._shots = options.pop("shots", "tokens")
        self._instances = options.pop("instances", False)
        calibration = options.pop("calibration", None)
        super().__init__(card, load, **options)
        if self._shots not in SHOTS:
            raise InputError(f"shots is {self._shots!r}, expected one of {', '.join(SHOTS)}")
        if not isinstance(self._instances, bool):
            raise InputError(f"instances is {self._instances!r}, expected True or False")
        if load.weights is None:
            raise InputError("segic needs weights", hint="weights='official'")
        network, stored = read_network(load.weights.path, wanted)
        if calibration is None and (beside := stored.get("calibration")):
            calibration = Calibration.from_plain(beside)
        self._calibration = Calibration.read(calibration)
        self._device = resolve_device(load.device)
        dtype = resolve_dtype(load.dtype, self._device, bfloat16_ok=False)
        if dtype == torch.float16:
            raise InputError("segic runs in float32 or bfloat16, not in float16")
        self._cast = dtype if dtype != torch.float32 else None
        self._official = load.behaviour == "official"
        self.network = network.to(self._device)
        encode: Any = network.encode
        self._encode_call = torch.compile(encode) if load.compile else encode

    def _autocast(self) -> Any:
        """Half precision for the vision backbone alone: positions and masks need all digits."""
        if self._cast is None:
            return nullcontext()
        return torch.autocast(self._device.type, self._cast)

    def _encode(self, pictures: Sequence[np.ndarray]) -> tuple[list[Tensor], list[Frame]]:
        """Encode pictures: features [C, g, g] and the place in the square of each."""
        features: list[Tensor] = []
        frames: list[Frame] = []
        network = self.network
        for group in batches(pictures, self._batch):
            squares = [picture_tensor(p, network.config.side, self._device) for p in group]
            own = [frame for _, frame in squares]
            stacked = torch.stack([square for square, _ in squares])
            with self._autocast():
                found = self._encode_call(
                    normalise(stacked, own, network.pixel_mean, network.pixel_std)
                )
            features += list(found)
            frames += own
        return features, frames

    def _texts(self, texts: Sequence[str]) -> Tensor:
        """Encode texts, each different one once: [N, 256]."""
        different = list(dict.fromkeys(texts))
        rows = self.network.encode_texts(tokenize(different).to(self._device))
        return rows[[different.index(text) for text in texts]]

    def _prompt(self, one: ShownObject, words: str | None) -> str:
        if self._instances or one.instance:
            return INSTANCES
        return prompt_of(one.name or words)

    @torch.inference_mode()
    def _prepare(self, context: Context) -> Prepared:
        shown = sort_context(context)
        return self._referred(context, shown, self._encode(shown.images)[0])

    def _referred(self, context: Context, shown: Shown, features: Sequence[Tensor]) -> Prepared:
        only = context.text if len(shown.objects) == 1 else None
        if context.text and only is None:
            _log.warning("the context's text is ignored: it shows %d objects", len(shown.objects))
        hard = len(shown.images) == 1
        weights = [self._weights(example.output, hard) for example in context.examples]
        text = self._texts([self._prompt(one, only) for one in shown.objects])
        keys = self.network.keys(torch.stack(list(features)))
        shares = None
        if keys is not None:
            shares = [self._shares(example.output) for example in context.examples]
        compared = None if keys is None else list(keys)
        rounds = collect(shown, features, weights, text, self._shots, compared, shares)
        stored = rounds[0]
        if len(rounds) > 1:
            stored = collect(shown, features, weights, text, "tokens", compared, shares)[0]
        side = self.network.config.side
        return Prepared(shown, rounds, stored, side, self._calibration)

    def _weights(self, mask: np.ndarray, hard: bool) -> Tensor:
        """Return how much each patch counts for a mask bool [H, W]: [g * g]."""
        square = mask_tensor(mask[None], self.network.config.side, self._device) / 255
        if hard:
            square = (square > 0.5).float()
        grid = self.network.grid
        return patch_weights(square, (grid, grid), soft=not self._official)[0]

    def _shares(self, mask: np.ndarray) -> Tensor:
        """Return how much of each cell a mask bool [H, W] covers, and where it is: [2, g * g]."""
        side, grid = self.network.config.side, self.network.grid
        square = mask_tensor(mask[None], side, self._device) / 255
        frame = frame_of(mask.shape[0], mask.shape[1], side)
        return cell_shares(square, frame, (grid, grid))[0]

    @torch.inference_mode()
    def _predict(
        self,
        prepared: Prepared,
        queries: Sequence[Any],
        *,
        tile: int | None = None,
        overlap: float = 0.25,
        overlaps: bool = True,
        **options: Any,
    ) -> list[Any]:
        asked = asked_classes(prepared.shown.names, len(queries), **options)
        if tile is not None and any(one.oracle for one in asked):
            raise InputError("tile is given, and protocol='oracle' is about whole pictures")
        if tile is not None and not overlaps:
            raise InputError("tile is given, and joining tiles needs overlaps=True")
        found: list[Any] = [None] * len(queries)
        parts: list[tuple[int, np.ndarray]] = []
        tiles: dict[int, list[Tile]] = {}
        for place, query in enumerate(queries):
            if isinstance(query, Video):
                if asked[place].objects is not None:
                    raise InputError("classes is for pictures, and this query is a video")
                found[place] = list(self.follow(prepared, query))
            else:
                height, width = query.shape[:2]
                tiles[place] = cut(
                    height, width, max(height, width) if tile is None else tile, overlap
                )
                parts += [(place, query[one.place]) for one in tiles[place]]
        answers: dict[int, list[Segmentation]] = defaultdict(list)
        for group in batches(parts, self._batch):
            wanted = [
                (prepared, image, replace(asked[place], overlaps=overlaps))
                for place, image in group
            ]
            features, frames = self._encode([image for _, image in group])
            for (place, _), answer in zip(
                group, self._answers(wanted, features, frames), strict=True
            ):
                answers[place].append(answer)
                if len(answers[place]) == len(tiles[place]):
                    size = queries[place].shape[:2]
                    found[place] = join(tiles[place], answers.pop(place), size, overlap)
        return found

    @torch.inference_mode()
    def _predict_episodes(self, pairs: Sequence[tuple[Context, Any]], **options: Any) -> list[Any]:
        if options or any(isinstance(query, Video) for _, query in pairs):
            return list(super()._predict_episodes(pairs, **options))
        contexts = [(context, sort_context(context)) for context, _ in pairs]
        features, _ = self._encode([image for _, shown in contexts for image in shown.images])
        prepared, start = [], 0
        for context, shown in contexts:
            end = start + len(shown.images)
            prepared.append(self._referred(context, shown, features[start:end]))
            start = end
        answers: list[Any] = []
        wanted = [(one, query, Asked()) for one, (_, query) in zip(prepared, pairs, strict=True)]
        for group in batches(wanted, self._batch):
            answers += self._answers(group, *self._encode([query for _, query, _ in group]))
        return answers

    def _answers(
        self,
        wanted: Sequence[tuple[Prepared, np.ndarray, Asked]],
        features: Sequence[Tensor],
        frames: Sequence[Frame],
    ) -> list[Segmentation]:
        """Decode encoded queries, each against its own context."""
        logits: dict[int, list[Tensor]] = defaultdict(list)
        most = max(len(prepared.rounds) for prepared, _, _ in wanted)
        for turn in range(most):
            here = [p for p, one in enumerate(wanted) if turn < len(one[0].rounds)]
            chosen = []
            for place in here:
                prepared, query, asked = wanted[place]
                references = prepared.rounds[turn]
                if asked.oracle:
                    references = references.without(prepared.images_like(query))
                if asked.objects is not None:
                    references = references.select(asked.objects)
                chosen.append(references)
            stacked = torch.stack([features[p] for p in here])
            low = decode(self.network, stacked, chosen)
            for place, one in zip(here, low, strict=True):
                logits[place].append(one)
        answers = []
        for place, (prepared, _, asked) in enumerate(wanted):
            rounds = logits[place]
            low_res = rounds[0] if len(rounds) == 1 else torch.stack(rounds).mean(0)
            answers.append(
                prepared.answer(low_res, frames[place], asked.objects, overlaps=asked.overlaps)
            )
        return answers

    @torch.inference_mode()
    def follow(self, prepared: Any, video: Video) -> Iterator[Segmentation]:
        """Segment a video frame by frame, in order, in memory that its length does not change.

        ```python
        for answer in learner.follow(learner.prepare(context), icl.Video("clip.mp4")):
            ...
        ```

        The text prompt is that of instances, as in the released video mode. A frame that equals
        an example gets that example's masks.

        Args:
            prepared: of `prepare`.
            video: the frames.

        Yields:
            One answer a frame.
        """
        from icl_core import PreparedContext
        from icl_core.coerce import coerce_query

        state: Prepared = prepared._state if isinstance(prepared, PreparedContext) else prepared
        frames = coerce_query(self.card.task, video).frames
        text = self._texts([INSTANCES])
        tracker = Tracker(self.network, state.stored, text, self._official)
        number = 0
        for group in batches(frames, self._batch):
            features, places = self._encode(group)
            for picture, map_, place in zip(group, features, places, strict=True):
                # The released code knows the masks of the first frame alone.
                early = number == 0 or not self._official
                known = state.masks_for(picture) if early else {}
                number += 1
                if len(known) == len(state.shown.objects):
                    yield state.given(known, self._official)
                else:
                    yield state.answer(tracker.step(map_, place), place, known=known)


_WANTED = frozenset(Wanted.__dataclass_fields__)


def _positive(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name} is {value!r}, expected a whole number from 1")
    return value
