"""What a plugin's own tests need: the whole contract in one call, and tiny episodes."""

from __future__ import annotations

from icl_core.testing.check_plugin import check_plugin
from icl_core.testing.contract import CheckFailed
from icl_core.testing.tiny import bad_inputs, tiny_episodes

__all__ = ["CheckFailed", "bad_inputs", "check_plugin", "tiny_episodes"]
