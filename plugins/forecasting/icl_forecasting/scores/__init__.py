"""Score forecasters on folders of real series, next to seasonal naive and published results."""

from __future__ import annotations
