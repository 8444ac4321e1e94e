"""Episodes of link-context learning: which pictures are shown, and what is asked.

A source is a function that takes the folder of a data set and returns a `LinkEpisodes`: a list of
episodes, the same for a seed everywhere, read from disk when they are asked for.

    * `isekai-10`, `isekai-pair`, `isekai-demo`: a new concept next to a look-alike, from folders or
      from a list of rows. The official lists were never published: ours are drawn with a seed,
      `icl_linking.episodes.rows.write_rows` writes them, and whoever has the same pictures reads
      the same episodes from them.
    * `imagenet-100`: the official list `test100_pairs.jsonl`, or one drawn from ILSVRC folders.
    * `imagenet-900`: the training episodes, under the names that the paper gives their policies.
    * `omniglot-runs`, `omniglot`, `sign-digits`, `image-folders`: N-way k-shot recognition.

`icl_linking.episodes.controls` changes episodes so that learning can be told from guessing.

```python
from icl_core import catalogue

source = catalogue.resolve("icl_episode_sources", "isekai-10")
episodes = source("data/ISEKAI-10", shots=2, seed=42)
```
"""

from __future__ import annotations

from collections.abc import Mapping

_HERE = __name__

SOURCES: Mapping[str, str] = {
    "isekai-10": f"{_HERE}.isekai:isekai_10",
    "isekai-pair": f"{_HERE}.isekai:isekai_pair",
    "isekai-demo": f"{_HERE}.isekai:isekai_demo",
    "imagenet-100": f"{_HERE}.imagenet:imagenet_100",
    "imagenet-900": f"{_HERE}.imagenet:imagenet_900",
    "omniglot-runs": f"{_HERE}.omniglot:omniglot_runs",
    "omniglot": f"{_HERE}.omniglot:omniglot",
    "sign-digits": f"{_HERE}.class_folders:sign_digits",
    "image-folders": f"{_HERE}.class_folders:image_folders",
    "drawn-glyphs": "icl_linking.trivial.drawn:drawn_glyphs",
}
"""Source name -> "module:callable", as the hook `icl_episode_sources` returns it."""
