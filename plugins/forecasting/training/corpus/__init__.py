"""Generated training series: generators, augmentations and pools of shards.

Everything here is simulated; no observed series is read.  The generators follow published
descriptions (KernelSynth of Chronos, ForecastPFN, TempoPFN, TiRex, Reverso and the ETS innovations
models); every module names its own source.
"""

from corpus.augment import augment, holes
from corpus.families import EARLY, FAMILIES, LATE, draw
from corpus.pool import Pool, write_pool

__all__ = ["EARLY", "FAMILIES", "LATE", "Pool", "augment", "draw", "holes", "write_pool"]
