"""Episode sources: data sets as lists of (examples, query, truth), the same for a seed everywhere.

A source is a function that takes the folder of a data set and returns an `EpisodeList`. Nothing is
decoded before an episode is asked for. Two kinds:

    * Published benchmarks in their official layouts: `coco-20i`, `pascal-5i`, `fss-1000`,
      `lvis-92i`, `perseg`, `davis-2017`, `youtube-vos`, `ic-vos`. A folder or file that is missing
      is named, together with the layout that is expected.
    * Folders packed as tar files with an `index.csv`: `pascal-voc`, `davis2016-val`, `eth80`,
      `car-parts`, `camvid`, `clothing-ccp`, `dsb2018-nuclei`, `wbc`, `magnetic-tile`, `neu-steel`,
      `retina-vessels`. `rival-classes` asks for one of several classes that a query shows.

```python
from icl_core import catalogue

source = catalogue.resolve("icl_episode_sources", "fss-1000")
episodes = source("data/FSS-1000", shots=1, seed=0)
```
"""

from __future__ import annotations

from collections.abc import Mapping

_HERE = __name__

SOURCES: Mapping[str, str] = {
    "coco-20i": f"{_HERE}.folds:coco_20i",
    "pascal-5i": f"{_HERE}.folds:pascal_5i",
    "fss-1000": f"{_HERE}.fss1000:fss_1000",
    "lvis-92i": f"{_HERE}.lvis:lvis_92i",
    "perseg": f"{_HERE}.perseg:perseg",
    "davis-2017": f"{_HERE}.videos:davis_2017",
    "youtube-vos": f"{_HERE}.videos:youtube_vos",
    "ic-vos": f"{_HERE}.icvos:ic_vos",
    "pascal-voc": f"{_HERE}.packed_sets:pascal_voc",
    "davis2016-val": f"{_HERE}.packed_sets:davis2016_val",
    "eth80": f"{_HERE}.packed_sets:eth80",
    "car-parts": f"{_HERE}.packed_sets:car_parts",
    "camvid": f"{_HERE}.packed_sets:camvid",
    "clothing-ccp": f"{_HERE}.packed_sets:clothing_ccp",
    "dsb2018-nuclei": f"{_HERE}.packed_sets:dsb2018_nuclei",
    "wbc": f"{_HERE}.packed_sets:wbc",
    "magnetic-tile": f"{_HERE}.packed_sets:magnetic_tile",
    "neu-steel": f"{_HERE}.packed_sets:neu_steel",
    "retina-vessels": f"{_HERE}.packed_sets:retina_vessels",
    "rival-classes": f"{_HERE}.rivals:rival_classes",
    "drawn-scenes": "icl_segmentation.trivial.drawn:drawn_scenes",
}
"""Source name -> "module:callable", as the hook `icl_episode_sources` returns it."""
