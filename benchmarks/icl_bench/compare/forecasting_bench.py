"""What a peer of the forecasting comparison is asked to load and to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from icl_bench.compare.peers import Bench, Official, Request
from icl_bench.compare.scenarios import Peer

OFFICIAL = Official("tirex", "tirex-ts", "icl-forecasting[bench]")
LOADERS = Path(__file__).with_name("forecasting_worker.py")
WARM_UP = 2
"""Calls before the first timed one, beside the one of the start."""


@dataclass
class ForecastingBench(Bench):
    """Where the forecasting comparison runs.

    Args:
        checkpoint: the stand-in weights.
        device: "cpu" or "cuda".
        dtype: ours, as `icl.load` takes it.
        options: ours, for `icl.load`.
    """

    checkpoint: Path
    device: str = "cpu"
    dtype: str = "float32"
    options: dict[str, Any] = field(default_factory=dict)

    def ask(self, peer: Peer, contexts: Path, batch: int, horizon: int, serve: bool) -> Request:
        """A peer that forecasts `batch` contexts [batch, length] over `horizon` steps."""
        content = {
            "loaders": str(LOADERS),
            "distribution": "icl-forecasting" if peer.ours else OFFICIAL.distribution,
            "first": "call",
            "warm_up": WARM_UP,
            "checkpoint": str(self.checkpoint),
            "official_path": f"./{self.checkpoint.relative_to(self.folder).as_posix()}",
            "contexts": str(contexts),
            "batch": batch,
            "horizon": horizon,
            "steps": peer.steps,
            "device": self.device,
            "dtype": self.dtype,
            "options": self.options,
            "compile": peer.compiled,
        }
        return self.request(peer.name, peer.ours, serve, content)
