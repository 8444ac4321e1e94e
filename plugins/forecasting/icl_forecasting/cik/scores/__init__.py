"""Score forecasters on Context is Key: with its texts, without, and with other wordings."""

from __future__ import annotations
