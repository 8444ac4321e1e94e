"""The tasks of Painter: how each resizes its pictures and what its answer is.

The published evaluation differs from task to task (released scripts of arXiv 2212.02499); the table
holds what differs. Codings of answers as colours are in the modules of this package.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PaintingTask:
    """One row of the table.

    Args:
        name: what the option `task` calls it; None for any picture to any picture.
        answer: the kind of answer, a name of `icl_painting.results`, or "Picture".
        target: how the prompt's output picture is resized, by Pillow.
        output: how the answer is resized to the query's size, by PyTorch.
        clip_first: whether values are cut to black and white before they are resized, and not
            after. Bicubic resizing leaves the range, so there it matters.
        scale: side of the pictures relative to the side that the network was made for.
        tiles: whether a large query may be cut into tiles: where an answer depends on what is
            near, and not on the whole picture.
    """

    name: str | None
    answer: str = "Picture"
    target: str = "bicubic"
    output: str = "bicubic"
    clip_first: bool = False
    scale: float = 1.0
    tiles: bool = False


FREE = PaintingTask(None, tiles=True)
"""Any picture to any picture, resized as in most of the released scripts. The released
demonstration resizes output pictures to the nearest pixel, which keeps flat colours flat: the
option `target_resize` does so."""

TASKS: dict[str | None, PaintingTask] = {
    task.name: task
    for task in (
        FREE,
        PaintingTask("semantic", "SemanticMap", output="bilinear", clip_first=True),
        PaintingTask("panoptic", "PanopticMap", output="bilinear", clip_first=True, scale=1.25),
        PaintingTask("depth", "DepthMap", output="bilinear", clip_first=True),
        PaintingTask("keypoints", "Keypoints", output="nearest", clip_first=True),
        PaintingTask("denoise", tiles=True),
        PaintingTask("derain", tiles=True),
        PaintingTask("low-light", tiles=True),
    )
}
"""All tasks by name. The panoptic task's second picture, of instances, is resized to the nearest
pixel; 1.25 times 448 is its published side of 560."""

BRANCHES = ("semantic", "instances")
"""The two pictures that the panoptic task paints."""
