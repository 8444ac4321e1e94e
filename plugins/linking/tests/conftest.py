"""The trainer of the bundled encoder can be imported by the tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TRAINING = Path(__file__).resolve().parents[1] / "training"
sys.path.append(str(TRAINING))


@pytest.fixture(scope="session")
def train() -> ModuleType:
    """The module `train.py`, under a name of its own, since every plugin has one."""
    spec = importlib.util.spec_from_file_location("linking_train", TRAINING / "train.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
