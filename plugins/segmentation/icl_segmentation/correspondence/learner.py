"""The learner `correspondence`: frozen features, nothing trained, pictures and videos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from icl_core import (
    Context,
    InputError,
    LearnerCard,
    LoadOptions,
    PreparedContext,
    Segmentation,
    Video,
)
from icl_core.coerce import coerce_query
from icl_core.runtime import batches, resolve_device, resolve_dtype
from icl_core.vision.objects import sort_context
from icl_core.vision.palette_contexts import PaletteContexts
from icl_segmentation.confidence import Calibration
from icl_segmentation.correspondence.backbone import (
    DEFAULT_SIDE,
    OFFLINE,
    build_features,
    square_of,
)
from icl_segmentation.correspondence.enlarge import enlarge
from icl_segmentation.correspondence.evidence import (
    grid_places,
    iou_threshold,
    log_ratio,
    place_ratio,
)
from icl_segmentation.correspondence.position import position_basis
from icl_segmentation.correspondence.prepared import Comparison, Prepared, prepare
from icl_segmentation.correspondence.regions import vote

BATCH = 4
CURVE = Path(__file__).with_name("colour-texture.json")
"""Expected IoU to true IoU of the default backbone, and how it was fitted."""
_SWITCHES = ("debias", "location_prior", "regions", "edges")


class CorrespondenceLearner(PaletteContexts):
    """In-context segmentation without any training.

    The recipe, after INSID3 (arXiv 2603.28480), FoRIS, GF-SAM (arXiv 2410.06964) and Matcher
    (arXiv 2305.13310):

    1. Dense features of a frozen backbone, the directions that position alone predicts projected
       out (INSID3; `icl_segmentation.correspondence.position`).
    2. Every patch of the examples is a prototype, of the object or of the background around it;
       a query patch is judged by the contrast of both (`evidence`). The prototypes of several
       shots stand side by side, so that each part of the query finds the shot that fits it.
    3. What that contrast is worth is learned from the examples alone, each patch judged by the
       others, with several shots by those of the other pictures.
    4. The query's own features are clustered, and its regions vote (INSID3, FoRIS; `regions`).
    5. The mask is the one with the largest expected IoU; no threshold is set by hand.
    6. It is enlarged along the edges of the picture (`enlarge`), or refined by SAM where its
       weights are given (Matcher, GF-SAM; `refine`).

    Differences from these methods: they cut at fixed or searched thresholds and choose among
    clusters or SAM masks; here probabilities are kept until the last step. No constant was fitted
    to a data set: widths of kernels are geometric series.

    With `backbone="colour-texture"`, the default, a fixed descriptor stands in for the network
    where there are no weights. It recognises materials and the same thing seen again, not other
    objects of a kind, and it takes weak evidence of place from the examples. For unseen classes
    use `backbone="vit_large_patch14_dinov2"` or `"vit_large_patch16_dinov3"`.

    A context may hold several objects (palette masks, classes; the answer is then a `LabelMap`),
    several shots of each, and negative examples (`meta["negative"]`), whose masked pixels are
    background. In a video the place of an object in one frame is weak evidence for the next.

    `meta["expected_iou"]` is the IoU that is expected under the learner's own probabilities. With
    the default backbone and settings `score` is that number on a curve fitted to true IoUs of
    known masks (`colour-texture.json` beside this module tells how); with others, for which
    `calibration=` takes a curve, it is the number itself, and `meta["calibrated"]` is False.
    `behaviour` has no effect: there is no released code.

    Options of `icl.load`: see `CARD.options`.
    """

    def __init__(self, card: LearnerCard, load: LoadOptions, **options: Any) -> None:
        name = options.pop("backbone", OFFLINE)
        weights = options.pop("backbone_weights", None)
        image_size = options.pop("image_size", None)
        sam_weights = options.pop("sam_weights", None)
        sam_type = options.pop("sam_type", None)
        calibration = options.pop("calibration", None)
        switches = {key: options.pop(key, None) for key in _SWITCHES}
        super().__init__(card, load, **options)
        for key, value in switches.items():
            if value is not None and not isinstance(value, bool):
                raise InputError(f"{key} is {value!r}, expected True or False")
        self._device = resolve_device(load.device)
        dtype = resolve_dtype(load.dtype, self._device, bfloat16_ok=False)
        self._cast = None if dtype == torch.float32 else dtype
        features = build_features(name, weights, image_size).to(self._device)
        self.network = features.official
        self._features: Any = torch.compile(features) if load.compile else features
        self._side, learned = features.side, features.learned
        if switches["debias"] and not learned:
            raise InputError(f"debias is True, but {OFFLINE} knows no position")
        debias = learned if switches["debias"] is None else switches["debias"]
        located = switches["location_prior"]
        self._located = not learned if located is None else located
        self._regions = switches["regions"] is not False
        self._edges = switches["edges"] is not False
        basis = None
        if debias:
            with torch.inference_mode():
                basis = position_basis(features, self._side, self._device)
        self._compare = Comparison(learned, basis)
        self._sam = self._read_sam(sam_weights, sam_type)
        settings = (self._located, self._regions, self._edges, self._side == DEFAULT_SIDE)
        if calibration is None and not learned and self._sam is None and all(settings):
            calibration = CURVE
        self._curve = Calibration.read(calibration)

    def _read_sam(self, weights: Any, sam_type: Any) -> Any:
        if weights is None and sam_type is None:
            return None
        from icl_segmentation.sam.build import SAM_TYPES, read_sam
        from icl_segmentation.sam.files import sam_file

        if sam_type is not None and sam_type not in SAM_TYPES:
            raise InputError(f"sam_type is {sam_type!r}, expected one of {', '.join(SAM_TYPES)}")
        return read_sam(sam_file(weights, sam_type).path, sam_type).to(self._device)

    def _encode(self, pictures: Sequence[np.ndarray]) -> tuple[Tensor, list[Tensor]]:
        """Encode pictures: maps float32 [B, C, g, h], and the squares that were encoded."""
        squares = [square_of(picture, self._side, self._device) for picture in pictures]
        half = (
            nullcontext() if self._cast is None else torch.autocast(self._device.type, self._cast)
        )
        maps = []
        for group in batches(squares, BATCH):
            with half:
                maps.append(self._features(torch.cat(group)))
        return torch.cat(maps), squares

    @torch.inference_mode()
    def _prepare(self, context: Context) -> Prepared:
        shown = sort_context(context)
        maps, _ = self._encode(shown.images)
        return prepare(shown, list(maps), self._compare, self._located)

    @torch.inference_mode()
    def _predict(self, prepared: Prepared, queries: Sequence[Any], **options: Any) -> list[Any]:
        found: list[Any] = [None] * len(queries)
        pictures = []
        for place, query in enumerate(queries):
            if isinstance(query, Video):
                found[place] = list(self.follow(prepared, query))
            else:
                pictures.append(place)
        for group in batches(pictures, BATCH):
            maps, squares = self._encode([queries[place] for place in group])
            for place, map_, square in zip(group, maps, squares, strict=True):
                odds = self._odds(prepared, map_, None)
                found[place] = self._answer(prepared, odds, map_, square, queries[place])
        return found

    @torch.inference_mode()
    def follow(self, prepared: Any, video: Video) -> Iterator[Segmentation]:
        """Segment a video frame by frame, in order, in memory that its length does not change.

        Args:
            prepared: of `prepare`.
            video: the frames.

        Yields:
            One answer a frame.
        """
        state: Prepared = prepared._state if isinstance(prepared, PreparedContext) else prepared
        before: list[Tensor] | None = None
        for frame in coerce_query(self.card.task, video).frames:
            maps, squares = self._encode([frame])
            odds = self._odds(state, maps[0], before)
            before = [torch.sigmoid(one) for one in odds]
            yield self._answer(state, odds, maps[0], squares[0], frame)

    def _odds(
        self, prepared: Prepared, map_: Tensor, before: Sequence[Tensor] | None
    ) -> list[Tensor]:
        """Return the log odds of each object in each patch of a query, [P] each."""
        raw = map_.flatten(1).T
        grid = (int(map_.shape[1]), int(map_.shape[2]))
        places = grid_places(*grid, raw.device)
        found = []
        for number, one in enumerate(prepared.objects):
            known = one.known
            spread = self._compare.spread(known.tokens, raw)
            known = replace(known, tokens=self._compare(known.tokens, spread))
            odds = log_ratio(self._compare(raw, spread), known)
            odds = one.slope * odds + one.offset
            if before is not None:
                inside = before[number]
                odds = odds + place_ratio(places, inside, 1 - inside, places)
            elif one.place is not None:
                odds = odds + one.place
            if self._regions:
                # The query's own features keep their sense of place: regions are connected.
                own = torch.nn.functional.normalize(raw, dim=-1)
                odds = vote(odds, own if self._compare.learned else raw / spread, grid)
            found.append(odds)
        return found

    def _answer(
        self,
        prepared: Prepared,
        odds: Sequence[Tensor],
        map_: Tensor,
        square: Tensor,
        image: np.ndarray,
    ) -> Segmentation:
        maps, scores = [], []
        embedding = None
        for one in odds:
            threshold, expected = iou_threshold(torch.sigmoid(one))
            level = min(max(threshold, 1e-6), 1 - 1e-6)
            logits = (one - float(np.log(level / (1 - level)))).reshape(map_.shape[1:])
            full = enlarge(logits, square, image, self._edges)
            if self._sam is not None:
                from icl_segmentation.correspondence.refine import refine, sam_embedding

                if embedding is None:
                    embedding = sam_embedding(self._sam, image, self._device)
                full = refine(self._sam, embedding, full)
            maps.append(full)
            scores.append(expected)
        return prepared.answer(np.stack(maps), scores, self._curve)
