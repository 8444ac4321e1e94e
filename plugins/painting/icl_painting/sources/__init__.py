"""Episode sources: data sets as lists of (pairs that show a task, query, right answer).

A source is a function that takes the folder of a data set and returns an `EpisodeList`, the same
for a seed everywhere. Nothing is decoded before an episode is asked for. Three kinds:

    * Published benchmarks in their official layouts, each with the prompt of Painter's published
      evaluation unless another is named: `ade20k`, `nyuv2`, `coco-panoptic`, `coco-keypoints`,
      `sidd`, `rain`, `lol`; and `davis-painting`, whose prompt is the first frame. A folder or file
      that is missing is named, together with the layout that is expected.
    * Folders packed as tar files with an `index.csv`: `restore-sr-x4`, `restore-realnoise`,
      `bsds500-edges`, `pascal-voc-painting`.
    * Restoration made from the photographs of BSDS500: `bsds500-denoise-25` and so on.

`meta["task"]` is the learner's task, where it has one of that name.

```python
from icl_core import catalogue

source = catalogue.resolve("icl_episode_sources", "lol")
episodes = source("data/LOL", prompt="100")
```
"""

from __future__ import annotations

from collections.abc import Mapping

_HERE = __name__

SOURCES: Mapping[str, str] = {
    "ade20k": f"{_HERE}.dense:ade20k",
    "nyuv2": f"{_HERE}.dense:nyuv2",
    "coco-panoptic": f"{_HERE}.coco_panoptic:coco_panoptic",
    "coco-keypoints": f"{_HERE}.coco_keypoints:coco_keypoints",
    "sidd": f"{_HERE}.restoration:sidd",
    "rain": f"{_HERE}.restoration:rain",
    "lol": f"{_HERE}.restoration:lol",
    "davis-painting": f"{_HERE}.davis:davis_painting",
    "restore-sr-x4": f"{_HERE}.packed_pairs:restore_sr_x4",
    "restore-realnoise": f"{_HERE}.packed_pairs:restore_realnoise",
    "bsds500-edges": f"{_HERE}.packed_pairs:bsds500_edges",
    "pascal-voc-painting": f"{_HERE}.packed_pairs:pascal_voc_painting",
    "bsds500-denoise-15": f"{_HERE}.degraded:denoise_15",
    "bsds500-denoise-25": f"{_HERE}.degraded:denoise_25",
    "bsds500-denoise-50": f"{_HERE}.degraded:denoise_50",
    "bsds500-low-light": f"{_HERE}.degraded:low_light",
    "bsds500-derain": f"{_HERE}.degraded:derain",
    "bsds500-deblur": f"{_HERE}.degraded:deblur",
    "bsds500-upscale-x4": f"{_HERE}.degraded:upscale_x4",
    "bsds500-colourise": f"{_HERE}.degraded:colourise",
    "bsds500-inpaint": f"{_HERE}.degraded:inpaint",
    "drawn-lessons": "icl_painting.trivial.drawn:drawn_lessons",
}
"""Source name -> "module:callable", as the hook `icl_episode_sources` returns it."""
