"""The painting comparison: what it asks of its peers, and what it makes of their answers."""

from __future__ import annotations

import json
import math
from argparse import Namespace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from icl_bench.compare import gpu_rows, painting, painting_gpu
from icl_bench.compare.painting import PACKAGE, ask, time_ways, ways
from icl_bench.compare.painting_report import (
    HALF,
    OFFICIAL,
    OURS,
    PLAIN,
    PREPARED,
    Painted,
    PaintingReport,
)
from icl_bench.compare.painting_shapes import (
    SIZES,
    PaintingSize,
    answer_operations,
    painting_shapes,
    released_operations,
    transformers_name,
    write_seggpt,
)
from icl_bench.compare.peers import Bench, find_official, serving
from icl_bench.compare.ratios import CPU_TIME, MEMORY, WALL
from icl_bench.compare.turns import Way
from icl_core.errors import MissingExtraError, PluginError
from icl_core.runtime.progress import Progress

TINY = PaintingSize(width=16, heads=2, decoder=4, side=16, patch=4)


def by_way(bench: Bench, prompts: int, found: list[Way]) -> dict[str, Painted]:
    measured, versions = time_ways(bench, prompts, found, 1, Progress("test", progress=False))
    assert versions["icl-painting"] and versions["torch"]
    assert [m.failure for m in measured] == [None] * len(found)
    assert all(m.seconds and min(m.seconds) > 0 for m in measured)
    return {m.way: m for m in measured}


def test_the_stand_in_has_the_tensors_of_the_published_network() -> None:
    torch = pytest.importorskip("torch")
    config = import_module("icl_painting.network.config")
    network = import_module("icl_painting.network.network")
    with torch.device("meta"):
        built = network.PainterNetwork(config.PainterConfig(types=True))
    own = {name: tuple(tensor.shape) for name, tensor in built.state_dict().items()}
    shapes = painting_shapes(SIZES["published"])
    assert shapes == own and len(shapes) == 354
    assert sum(math.prod(shape) for shape in shapes.values()) == 370_723_203
    renamed = import_module("icl_painting.network.checkpoint").transformers_names(built.config)
    assert {name: transformers_name(name) for name in shapes} == renamed
    with pytest.raises(ValueError, match="no such tensor: cls_token"):
        transformers_name("cls_token")


def test_operations_are_those_of_the_weights_and_of_attention() -> None:
    size = SIZES["published"]
    # Multiplications and additions of one official call: 27 passes of 24.8 G, decoder 120 G.
    assert released_operations(size) / 2e9 == pytest.approx(27 * 24.8 + 120, rel=0.02)
    assert released_operations(size, 2) == 2 * released_operations(size)
    shapes = painting_shapes(size)
    block = sum(math.prod(shapes[name]) for name in shapes if name.startswith("blocks.0."))
    tokens = 2 * size.rows**2
    passes = 23 * tokens * (block + 2 * tokens * size.width)
    assert answer_operations(size) / 2 > passes
    assert answer_operations(size) / 2 == pytest.approx(passes + 80e9, rel=0.03)
    more = answer_operations(size, 2) - answer_operations(size)
    assert 0.45 < more / answer_operations(size) < 0.55  # one more half, and attention to it


def test_each_way_gives_the_same_answer_and_says_what_memory_it_took(tmp_path: Path) -> None:
    bench = Bench(tmp_path, None, threads=1)
    for prompts in (1, 2):
        found = by_way(bench, prompts, ways(bench, TINY, prompts, transformers=False, half=True))
        assert list(found) == [OURS, PREPARED, PLAIN, HALF]
        assert found[OURS].difference is None and found[PREPARED].difference == 0
        assert found[PLAIN].difference == pytest.approx(0, abs=1e-5)
        assert found[HALF].difference == pytest.approx(0.5, abs=0.5)
        assert all(m.extra_memory is None or m.extra_memory >= 0 for m in found.values())


@pytest.mark.slow  # the import of transformers takes seconds
def test_transformers_gives_the_same_with_one_prompt(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed")
    bench = Bench(tmp_path, find_official(None, PACKAGE), threads=1)
    found = by_way(bench, 1, ways(bench, TINY, 1, transformers=True, half=False))
    assert found[OFFICIAL].difference == pytest.approx(0, abs=1e-5)


def test_a_batch_is_timed_as_on_a_device(tmp_path: Path) -> None:
    bench = Bench(tmp_path, None, threads=1)
    request = ask(bench, TINY, 1, "batch 1", batches=[1, 2], warm_up=1)
    with serving(bench, request, tmp_path / "cache") as server:
        assert server.time("batch 2")[0] > 0
        assert tuple(server.result("batch 2")) == (2, 3, 16, 16)
        with pytest.raises(PluginError, match=r"seggpt \(float32\) failed: KeyError"):
            server.time("batch 9")
        assert server.time("batch 1")[0] > 0  # it is still there


def test_a_peer_that_cannot_load_is_reported_with_its_last_line(tmp_path: Path) -> None:
    bench = Bench(tmp_path, None, threads=1)
    write_seggpt(tmp_path, TINY).write_bytes(b"nothing")
    found = ways(bench, TINY, 1, transformers=False, half=False)
    measured, _ = time_ways(bench, 1, found, 2, Progress("test", progress=False))
    assert not any(m.seconds for m in measured)
    assert all((m.failure or "").startswith("seggpt (float32) failed: ") for m in measured)
    report = PaintingReport({}, "small", {}, measured)
    assert report.failed and report.ratios() == [] and "seggpt.pth" in report.to_text()


def measurements() -> list[Painted]:
    return [
        Painted(1, OURS, (5.0, 1.0, 2.0), (2.4,), 440_000_000),
        Painted(1, PREPARED, (2.0,), (2.0,), 440_000_000, 0.0),
        Painted(1, PLAIN, (4.0,), (3.0,), 1_000_000_000, 2e-6),
        Painted(2, OURS, (2.0,), (2.0,), 500_000_000),
        Painted(2, PLAIN, (5.0,), (5.0,), 1_000_000_000, 3e-6),
        Painted(2, OFFICIAL, (5.0,), (4.0,), 800_000_000, 0.2),
    ]


def test_ratios_are_of_medians_and_targets_hold_for_the_published_size() -> None:
    report = PaintingReport({"threads": 1}, "published", {1: (2e9, 4e9)}, measurements())
    found = {r.wanted[:4]: r for r in report.ratios()}
    assert found[1, OURS, PLAIN, CPU_TIME].value == pytest.approx(0.8)
    assert found[1, OURS, PLAIN, CPU_TIME].reached is False
    assert found[1, PREPARED, PLAIN, CPU_TIME].reached is True
    assert found[1, OURS, PLAIN, WALL].value == 0.5
    assert found[1, OURS, PLAIN, WALL].reached is None
    assert found[1, OURS, PLAIN, MEMORY].reached is True
    assert found[2, OURS, PLAIN, CPU_TIME].reached is True
    assert found[2, OURS, PLAIN, MEMORY].reached is False
    assert found[2, OURS, OFFICIAL, CPU_TIME].verdict == ""
    text = report.to_text()
    assert "at most 0.7x, missed" in text and "at most 0.5x, reached" in text
    assert "1 prompt, 1 G with prepared prompts, 2 G the released way (0.50x)" in text
    small = PaintingReport({}, "small", {}, measurements())
    assert all(r.reached is None for r in small.ratios())
    assert "The targets are for --size published." in small.to_text()
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["environment"] == {"threads": 1, "size": "published"}
    assert len(plain["measured"]) == 6 and {r["reached"] for r in plain["ratios"]} == {
        *(True, False, None)
    }


def test_the_limit_on_a_device_is_its_peak_over_the_operations() -> None:
    operations = answer_operations(SIZES["published"])
    rows = [
        painting_gpu.Row(1, "bfloat16", 8, operations, 0.1),
        painting_gpu.Row(1, "float32", 32, operations, None, "out of memory"),
    ]
    limit = 1000e12 / operations
    assert rows[0].queries == pytest.approx(80) and rows[0].limit(1000.0) == pytest.approx(limit)
    peaks = {"bfloat16": 1000.0, "float32": None}
    text = painting_gpu.to_text({"device": "D"}, rows, peaks)
    assert f"{80 / limit:.0%}" in text and "out of memory" in text
    plain = json.loads(json.dumps(painting_gpu.to_dict({}, rows, peaks)))["gpu"]
    assert plain[0]["limit_queries_per_second"] == pytest.approx(limit)
    assert plain[1]["limit_queries_per_second"] is None


def test_a_network_that_does_not_start_on_a_device_has_a_row_for_every_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PluginError("no such device")

    monkeypatch.setattr(gpu_rows, "serving", refuse)
    asked = Namespace(device="cuda", repeats=1)
    rows = painting_gpu.measure(Bench(tmp_path, None, threads=1), TINY, 1, "float32", asked, {})
    assert [(row.batch, row.seconds, row.failure) for row in rows] == [
        (batch, None, "no such device") for batch in (1, 8, 32)
    ]


@pytest.mark.parametrize("option", ["--threads", "--repeats", "--prompts"])
def test_counts_below_one_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert painting.main([option, "0"]) == 2
    assert f"error: {option} is 0, expected a number from 1" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--peak-tflops", "--peak-tflops-float32"])
def test_a_peak_of_nothing_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert painting.main([option, "0"]) == 2
    assert f"error: {option} is 0, expected a number above 0" in capsys.readouterr().err


def test_the_official_package_is_named_with_its_extra(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    with pytest.raises(MissingExtraError, match="transformers is not installed for") as caught:
        find_official(str(bare), PACKAGE)
    assert "icl-painting[bench]" in str(caught.value.hint)


def test_the_command_prints_and_writes_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SIZES, "small", TINY)
    out = tmp_path / "found.json"
    command = ["--prompts", "1", "--repeats", "1", "--threads", "1", "--no-transformers"]
    assert painting.main([*command, "--json", "--out", str(out)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(out.read_text())
    assert [row["way"] for row in printed["measured"]] == [OURS, PREPARED, PLAIN]
    assert printed["measured"][2]["difference"] < 1e-5


def test_attention_written_out_is_the_fused_one() -> None:
    torch = pytest.importorskip("torch")
    from icl_bench.compare.painting_released import plain_attend, plain_loss

    attention = import_module("icl_painting.network.attention")
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(2, 3, 8, 4, generator=generator)
    k, v = torch.randn(2, 2, 1, 3, 8, 4, generator=generator)
    rows, columns = torch.randn(4, 4, 4), torch.randn(2, 2, 4)
    with torch.no_grad():
        fused: Any = attention.attend(q, k, v, rows, columns)
    torch.testing.assert_close(plain_attend(q, k, v, rows, columns), fused)
    painted, targets = torch.randn(2, 1, 3, 16, 8, generator=generator)
    masked = (torch.arange(8) >= 4).float()[None]
    loss = import_module("icl_painting.network.loss").painting_loss
    expected = loss(painted, targets, masked, torch.ones_like(targets), patch=4, eps=0.0)
    torch.testing.assert_close(plain_loss(painted, targets, masked, 4), expected)
    assert np.isfinite(float(expected))
