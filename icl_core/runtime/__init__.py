"""What a running learner shares with all others: its device, its batches, its progress bar."""

from __future__ import annotations

from icl_core.runtime.batching import batches
from icl_core.runtime.device import resolve_device, resolve_dtype
from icl_core.runtime.progress import Progress, track

__all__ = ["Progress", "batches", "resolve_device", "resolve_dtype", "track"]
