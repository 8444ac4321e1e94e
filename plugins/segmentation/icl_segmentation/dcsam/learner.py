"""The learner `dcsam`: examples in, the mask of the same thing in the query out."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
import torch

from icl_core import (
    Context,
    InputError,
    LearnerCard,
    LoadOptions,
    Segmentation,
    Video,
)
from icl_core.runtime import batches
from icl_core.runtime.device import resolve_device, resolve_dtype
from icl_core.vision.objects import Shown, sort_context
from icl_core.vision.palette_contexts import PaletteContexts
from icl_core.vision.tiles import Tile, cut, join
from icl_segmentation.dcsam.checkpoint import DcSamFile, read_dcsam
from icl_segmentation.dcsam.generator import PromptGenerator
from icl_segmentation.dcsam.options import Options
from icl_segmentation.dcsam.parts import Support
from icl_segmentation.dcsam.pipeline import DcSam, Request
from icl_segmentation.dcsam.prepared import Prepared
from icl_segmentation.dcsam.preprocess import mask_to_tensor, to_tensor
from icl_segmentation.dcsam.sam_path import Sam1Path, Sam2Path, SamPath
from icl_segmentation.dcsam.video import VideoDcSam, VideoNetwork
from icl_segmentation.sam.build import read_sam
from icl_segmentation.sam.files import sam_file
from icl_segmentation.sam2.build import build_sam2, load_sam2
from icl_segmentation.sam2.image import Sam2ImageModel

_log = logging.getLogger("icl.dcsam")
_PAIRS = 16
"""Most (picture, example) pairs that run through the two stages together."""


class DcSamLearner(PaletteContexts):
    """DC-SAM (arXiv 2504.12080) on SAM 1 or SAM 2, with checkpoints of its released training.

    `network` is the prompt generator (with the SAM 2 of a video checkpoint, where it is one),
    `sam` the SAM that it prompts. The context's share (SAM's map of the examples, prototypes,
    prompts of stage 1) is done once in `prepare`. With SAM 2 a video is prompted on its first
    frame and followed by memory; with SAM 1 each frame is answered by itself. `dtype="bfloat16"`
    concerns SAM's image encoder on pictures; all that follows it stays in float32.

    Behaviour "official" is the released code: one example an object, labels mixed up in batches
    of episodes, masks that vanish on the grid stay empty. "corrected" answers every query as if
    it were alone, takes any number of examples (`shots`) and negative ones, and keeps small masks.
    What negative examples show is segmented as well, and a pixel is the object's where its logit is
    above theirs (our addition; nothing of it is in the paper). Both follow the
    released code where its checkpoints depend on it: the negative branch reads the support's map
    in stage 2, and with SAM 1 stage 2 sees prompts with their point types.

    `Segmentation.canvas` holds the logits at DC-SAM's own size, 512x512.
    `meta["expected_iou"]` is the IoU that honest probabilities would have; with `calibration=`,
    or one beside the weights, `score` is the IoU that such masks had on known ones, else it is
    the expected IoU itself.

    Options of `icl.load`: see `CARD.options`. Options of `predict`: `tile`, a side in pixels,
    cuts larger queries into tiles with `overlap`, see `icl_core.vision.tiles`.
    """

    predict_options: ClassVar[frozenset[str]] = frozenset({"tile", "overlap"})
    network: PromptGenerator | VideoNetwork
    sam: SamPath

    def __init__(self, card: LearnerCard, load: LoadOptions, **options: Any) -> None:
        known = {field.name for field in fields(Options)}
        asked = Options(**{name: options.pop(name) for name in list(options) if name in known})
        super().__init__(card, load, **options)
        if load.weights is None:
            raise InputError(
                "dcsam has no weights of its own: its authors published none, and none is bundled",
                hint="train some with `python plugins/segmentation/training/train.py dcsam --out "
                "RUN --source ...` and give weights=RUN/weights.pth; segic comes with weights",
            )
        self.options = asked
        self.official = load.behaviour == "official"
        self.leak = self.official if asked.batch_leak is None else bool(asked.batch_leak)
        self.device = resolve_device(load.device)
        dtype = resolve_dtype(load.dtype, self.device, bfloat16_ok=False)
        if dtype == torch.float16:
            raise InputError("dcsam runs in float32 or bfloat16, not in float16")
        self.batch_size = asked.batch_size or (1 if self.device.type == "cpu" else 8)
        file = read_dcsam(load.weights.path, asked.backbone_weights, asked.paper_negative_branch)
        self.calibration = asked.curve(file.calibration)
        self.generator = file.generator.to(self.device)
        self.sam = self._build_sam(file, dtype)
        self.pipeline = DcSam(self.generator, self.sam, self.batch_size)
        self.network = self.generator
        if isinstance(self.sam, Sam2Path) and file.sam2:
            self.network = VideoNetwork(self.sam.model.sam2, self.generator)

    def _build_sam(self, file: DcSamFile, dtype: torch.dtype) -> SamPath:
        """Put SAM on the device: the one inside a video checkpoint, or a file of its own."""
        asked, wants_sam2 = self.options, file.generator.sizes.sam2
        kind = asked.sam_type
        if kind is not None and kind.startswith("sam2") != wants_sam2:
            needed = "SAM 2, such as 'sam2.1_hiera_l'" if wants_sam2 else "SAM 1, such as 'vit_h'"
            raise InputError(f"these dcsam weights prompt {needed}, and sam_type is {kind!r}")
        if wants_sam2:
            inside = file.sam2 if asked.sam_weights is None else None
            if inside:
                network = build_sam2(inside, learner="dcsam")
            else:
                network = load_sam2(sam_file(asked.sam_weights, kind).path)
            return Sam2Path(Sam2ImageModel(network.to(self.device)), dtype)
        sam = read_sam(sam_file(asked.sam_weights, kind).path, kind).to(self.device)
        # The encoder alone takes a smaller number type: the rest is cheap, and its argmaxes and
        # stability scores are decided by small differences.
        sam.image_encoder.to(dtype)
        path = Sam1Path(sam)
        if self.load_options.compile:
            path.run_encoder = torch.compile(sam.image_encoder)
        return path

    def _prepare(self, context: Context) -> Prepared:
        return self._prepare_many([context], leak=False)[0]

    @torch.inference_mode()
    def _prepare_many(self, contexts: Sequence[Context], leak: bool) -> list[Prepared]:
        """Read the examples of several contexts together."""
        shown = [self._sorted(context) for context in contexts]
        images = [image for one in shown for image in one.images]
        masks: list[np.ndarray] = []
        of_image: list[int] = []
        rows, first = [], 0
        for one in shown:
            own = []
            groups = [target.shots for target in one.objects]
            # what is not wanted is looked for like an object, and set against the others
            for shots in [*groups, one.negatives] if one.negatives else groups:
                own.append(tuple(range(len(masks), len(masks) + len(shots))))
                masks += [shot.mask for shot in shots]
                of_image += [first + shot.image for shot in shots]
            rows.append(tuple(own))
            first += len(one.images)
        support = self._read_support(images, masks, of_image, leak)
        meta = {"weights": self.load_options.weights and self.load_options.weights.name}
        return [
            Prepared(support, one, own, meta, self.calibration)
            for one, own in zip(shown, rows, strict=True)
        ]

    def _sorted(self, context: Context) -> Shown:
        if not context.examples:
            raise InputError("dcsam needs at least one example, and the context has only text")
        if context.text:
            _log.warning("dcsam does not read text; the context's text is ignored")
        shown = sort_context(context)
        if self.official and shown.negatives:
            raise InputError(
                f"example {shown.negatives[0].example + 1} is a negative one, and the released "
                "code of dcsam has no way to use it",
                hint="behaviour='corrected' takes negative examples",
            )
        most = max(len(target.shots) for target in shown.objects)
        if self.official and most > 1:
            raise InputError(
                f"the released code of dcsam takes one example an object, and {most} were given",
                hint="behaviour='corrected' takes any number",
            )
        return shown

    def _read_support(
        self,
        images: Sequence[np.ndarray],
        masks: Sequence[np.ndarray],
        of_image: Sequence[int],
        leak: bool,
    ) -> Support:
        """Read masks, each of its picture; pictures of one pass share their masks' pass."""
        side, stride = self.pipeline.image_size, self.generator.stride
        step = len(images) if leak else self.batch_size
        parts, order = [], []
        for first in range(0, len(images), step):
            rows = [n for n, image in enumerate(of_image) if first <= image < first + step]
            tensors = [to_tensor(image, side) for image in images[first : first + step]]
            shapes = [mask_to_tensor(masks[n], side, stride, not self.official) for n in rows]
            places = [of_image[n] - first for n in rows]
            batch = torch.stack(tensors).to(self.device), torch.stack(shapes).to(self.device)
            parts.append(self.pipeline.prepare(*batch, places, leak))
            order += rows
        joined = Support.join(parts) if len(parts) > 1 else parts[0]
        back = sorted(range(len(order)), key=order.__getitem__)
        return joined if back == list(range(len(order))) else joined.rows(back)

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
        for some in batches(parts, self.batch_size):
            answered = self._answer([(prepared, picture) for _, picture in some])
            for (place, _), answer in zip(some, answered, strict=True):
                answers[place].append(answer)
                if len(answers[place]) == len(tiles[place]):
                    size = queries[place].shape[:2]
                    found[place] = join(tiles[place], answers.pop(place), size, overlap)
        return found

    @torch.inference_mode()
    def follow(self, prepared: Prepared, video: Video) -> Iterator[Segmentation]:
        """Answer a video frame by frame, in memory that does not grow with its length.

        Args:
            prepared: what `_prepare` made of the context.
            video: coerced; its frames are read once.
        """
        if not isinstance(self.sam, Sam2Path):
            for some in batches(video.frames, self.batch_size):
                yield from self._answer([(prepared, frame) for frame in some])
            return
        side = self.pipeline.image_size
        follower = VideoDcSam(self.generator, self.sam.model)
        frames = (to_tensor(frame, side)[None].to(self.device) for frame in video.frames)
        masks = follower.follow(
            frames, prepared.support, prepared.rows, self.options.shots, self.batch_size
        )
        for found in masks:
            yield prepared.answer(found.logits[:, 0].float().cpu(), video.frames.size)

    def _predict_episodes(self, pairs: Sequence[tuple[Context, Any]], **options: Any) -> list[Any]:
        if options or any(isinstance(query, Video) for _, query in pairs):
            return [self._predict(self._prepare(c), [query], **options)[0] for c, query in pairs]
        answers: list[Any] = []
        for some in batches(pairs, len(pairs) if self.leak else self.batch_size):
            ready = self._prepare_many([context for context, _ in some], self.leak)
            queries = [query for _, query in some]
            answers += self._answer(list(zip(ready, queries, strict=True)), self.leak)
        return answers

    @torch.inference_mode()
    def _answer(
        self, pairs: Sequence[tuple[Prepared, np.ndarray]], leak: bool = False
    ) -> list[Segmentation]:
        """Answer queries whose contexts share one support."""
        side = self.pipeline.image_size
        images = torch.stack([to_tensor(image, side) for _, image in pairs]).to(self.device)
        reading = self.pipeline.read(images)
        support = pairs[0][0].support
        requests = [
            Request(n, rows) for n, (prepared, _) in enumerate(pairs) for rows in prepared.rows
        ]
        limit = len(requests) if leak else _PAIRS
        found = [
            self.pipeline.answer(reading, support, part, self.options.shots, leak)
            for part in _parts(requests, limit)
        ]
        counts = [len(prepared.rows) for prepared, _ in pairs]
        canvases = torch.split(torch.cat(found)[:, 0].float().cpu(), counts)
        return [
            prepared.answer(own, (int(image.shape[0]), int(image.shape[1])))
            for own, (prepared, image) in zip(canvases, pairs, strict=True)
        ]


def _parts(requests: Sequence[Request], limit: int) -> Iterator[list[Request]]:
    """Cut requests into parts of at most `limit` examples, but at least one request."""
    part: list[Request] = []
    for request in requests:
        if part and sum(len(r.shots) for r in [*part, request]) > limit:
            yield part
            part = []
        part.append(request)
    if part:
        yield part
