"""The Triton recurrence through Triton's interpreter on the CPU, against the plain one."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from icl_forecasting.tirex.cell_triton import triton_available

HERE = Path(__file__).parent
PLUGIN = HERE.parent


@pytest.fixture(scope="module")
def interpreted() -> dict[str, float]:
    """Largest differences from the reference by case, from one interpreted run."""
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed")
    path = os.pathsep.join([str(PLUGIN), *filter(None, sys.path)])
    run = subprocess.run(
        [sys.executable, str(HERE / "triton_cases.py")],
        env={**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    found: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return found


def of(found: dict[str, float], form: str) -> dict[str, float]:
    return {name: worst for name, worst in found.items() if name.startswith(form)}


def test_float32_equals_the_reference(interpreted: dict[str, float]) -> None:
    cases = of(interpreted, "fp32")
    assert len(cases) == 9
    assert max(cases.values()) <= 2e-6, cases


def test_bfloat16_equals_the_reference(interpreted: dict[str, float]) -> None:
    cases = of(interpreted, "bf16")
    assert len(cases) == 9
    # a last-bit difference in float32 may flip one rounding to bfloat16
    assert max(cases.values()) <= 1e-2, cases
    assert sum(worst <= 2e-6 for worst in cases.values()) >= len(cases) // 2, cases


def test_extreme_gates_stay_finite(interpreted: dict[str, float]) -> None:
    assert interpreted["extremes"] is True


def test_it_is_not_offered_where_it_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    assert not triton_available(129)
    if not torch.cuda.is_available():
        assert not triton_available(64)
