"""The segmentation comparison: what it asks of its peers, and what it makes of their answers."""

from __future__ import annotations

import json
import math
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from icl_bench.compare import gpu_rows, segmentation, segmentation_gpu
from icl_bench.compare.peers import Bench, find_official, serving
from icl_bench.compare.ratios import CPU_TIME, MEMORY
from icl_bench.compare.segmentation_report import (
    ENCODER,
    FEW,
    FEW_HALF,
    OFFICIAL,
    ONCE,
    OURS,
    PAIRS,
    RELEASED,
    Measured,
    SegmentationReport,
)
from icl_bench.compare.segmentation_shapes import (
    SAM_B,
    SAM_H,
    SEGIC_L,
    SIZES,
    SamSize,
    SegicSize,
    Shapes,
    Size,
    dcsam_shapes,
    sam_operations,
    sam_shapes,
    segic_operations,
    segic_shapes,
)
from icl_bench.compare.segmentation_standin import pictures, seeded, write_learner
from icl_bench.compare.segmentation_timing import (
    PACKAGE,
    ask,
    compared,
    encoder_ways,
    iou,
    learner_ways,
    time_ways,
)
from icl_bench.compare.turns import Way
from icl_core.errors import MissingExtraError, PluginError
from icl_core.runtime.progress import Progress

TINY = Size(
    SamSize(64, 2, 2, (1,), side=128, window=5),
    SegicSize(64, 1, 5, 16, 1, side=112),
    (1, 1, 1, 1),
    (60, 80),
)


def by_way(bench: Bench, part: str, ways: list[Way]) -> dict[str, Measured]:
    measured, versions = time_ways(bench, part, ways, 1, Progress("test", progress=False))
    assert versions["icl-segmentation"] and versions["torch"]
    assert [m.failure for m in measured] == [None] * len(ways)
    assert all(m.seconds and min(m.seconds) > 0 for m in measured)
    return {m.way: m for m in measured}


def test_the_stand_ins_have_the_tensors_of_the_published_networks() -> None:
    torch = pytest.importorskip("torch")
    from icl_segmentation.dcsam.generator import PromptGenerator
    from icl_segmentation.dcsam.sizes import GeneratorSizes
    from icl_segmentation.sam.build import SAM_TYPES, Sam
    from icl_segmentation.segic.network import SegicConfig, SegicNetwork

    with torch.device("meta"):
        networks: list[tuple[Any, Shapes]] = [
            (Sam(SAM_TYPES["vit_b"]), sam_shapes(SAM_B)),
            (Sam(SAM_TYPES["vit_h"]), sam_shapes(SAM_H)),
            (SegicNetwork(SegicConfig()), segic_shapes(SEGIC_L)),
            (PromptGenerator(GeneratorSizes()), dcsam_shapes(SIZES["published"].blocks)),
        ]
    for network, shapes in networks:
        own = {n: tuple(t.shape) for n, t in network.state_dict().items()}
        assert shapes == {n: s for n, s in own.items() if not n.startswith("pixel_")}
    assert [len(shapes) for _, shapes in networks] == [314, 594, 687, 373]


@pytest.mark.parametrize(
    ("shapes", "operations", "tokens", "attention"),
    [
        (sam_shapes(SAM_B), sam_operations(SAM_B), 64 * 64, 8 * 14**2 + 4 * 64**2),
        (sam_shapes(SAM_H), sam_operations(SAM_H), 64 * 64, 28 * 14**2 + 4 * 64**2),
        (segic_shapes(SEGIC_L), segic_operations(SEGIC_L), 64 * 64, 24 * 64**2),
    ],
)
def test_operations_are_two_for_each_weight_and_token_and_those_of_attention(
    shapes: Shapes, operations: float, tokens: int, attention: int
) -> None:
    def counts(name: str, shape: tuple[int, ...]) -> bool:
        encoder = name.startswith(("image_encoder.", "encoder.dinov2."))
        return encoder and name.endswith("weight") and len(shape) > 1

    weights = sum(math.prod(shape) for n, shape in shapes.items() if counts(n, shape))
    width = max(s[0] for n, s in shapes.items() if n.endswith("patch_embed.proj.weight"))
    expected = 2 * tokens * (weights + 2 * width * attention)
    assert operations == pytest.approx(expected, rel=0.02)


def test_seeded_tensors_depend_on_name_and_shape_alone() -> None:
    assert np.array_equal(seeded("a.weight", (4, 5)), seeded("a.weight", (4, 5)))
    assert not np.array_equal(seeded("a.weight", (4, 5)), seeded("b.weight", (4, 5)))
    assert (seeded("bn.running_var", (64,)) > 0).all()
    assert seeded("bn.num_batches_tracked", ()).dtype == np.int64


def test_drawn_pictures_show_a_disc_that_the_mask_covers() -> None:
    images, masks = pictures(3, 60, 80)
    assert images.shape == (3, 60, 80, 3) and images.dtype == np.uint8
    assert masks.shape == (3, 60, 80) and all(0 < mask.mean() < 0.5 for mask in masks)
    assert not np.array_equal(images[0], images[1])


def test_both_encoders_give_the_same_map_and_say_what_memory_they_took(tmp_path: Path) -> None:
    pytest.importorskip("segment_anything", reason="segment-anything is not installed")
    bench = Bench(tmp_path, find_official(None, PACKAGE), threads=1)
    found = by_way(bench, ENCODER, encoder_ways(bench, TINY, half=False))
    assert list(found) == [OURS, OFFICIAL]
    assert found[OFFICIAL].difference is not None and found[OFFICIAL].difference < 1e-4
    for one in found.values():
        assert one.extra_memory is None or one.extra_memory >= 0


def test_a_context_prepared_once_answers_as_one_encoded_per_pair(tmp_path: Path) -> None:
    bench = Bench(tmp_path, None, threads=1)
    found = by_way(bench, "segic", learner_ways(bench, "segic", TINY, queries=3, half=True))
    assert list(found) == [ONCE, PAIRS, RELEASED, FEW, FEW_HALF]
    for way in (PAIRS, RELEASED):
        assert found[way].difference is not None and found[way].difference < 1e-4
        assert len(found[way].ious) == 3 and min(found[way].ious) > 0.99
    assert len(found[FEW_HALF].ious) == 2 and found[FEW].ious == ()
    assert found[ONCE].extra_memory is None and found[ONCE].share is not None


def test_a_batch_on_a_device_is_timed_through_network_and_interface(tmp_path: Path) -> None:
    weights = write_learner(tmp_path, "segic", TINY)
    images, masks = pictures(3, *TINY.picture)
    np.savez(tmp_path / "p.npz", images=images, mask=masks[0])
    bench = Bench(tmp_path, None, threads=1)
    task = {"first": "network 1", "warm_up": 1, "batches": [1, 2]}
    request = ask(bench, weights, {**task, "pictures": str(tmp_path / "p.npz")})
    with serving(bench, request, tmp_path / "cache") as server:
        assert all(server.time(f"{what} 2")[0] > 0 for what in ("network", "call"))
        assert server.result("call 2").shape == (2, *TINY.picture)
        with pytest.raises(PluginError, match=r"segic \(float32\) failed: KeyError"):
            server.time("call 9")
        assert server.time("network 1")[0] > 0  # it is still there


def test_a_peer_that_cannot_load_is_reported_with_its_last_line(tmp_path: Path) -> None:
    bench = Bench(tmp_path, None, threads=1)
    weights = write_learner(tmp_path, "segic", TINY)._replace(weights=tmp_path / "nothing.pth")
    request = ask(bench, weights, {"first": "one"})
    ways = [Way(ONCE, request, "once"), Way(PAIRS, request, "pairs", ONCE)]
    measured, _ = time_ways(bench, "segic", ways, 2, Progress("test", progress=False))
    assert not any(m.seconds for m in measured)
    assert all((m.failure or "").startswith("segic (float32) failed: ") for m in measured)
    report = SegmentationReport({}, "small", 3, measured)
    assert report.failed and report.ratios() == [] and "nothing.pth" in report.to_text()


def measurements() -> list[Measured]:
    return [
        Measured(ENCODER, OURS, (5.0, 1.0, 2.0), (2.0,), 400_000_000),
        Measured(ENCODER, OFFICIAL, (3.0,), (3.0,), 900_000_000, difference=2e-6),
        Measured("segic", ONCE, (1.0,), (10.0,), share=0.25),
        Measured("segic", PAIRS, (2.0,), (18.0,), difference=0.0, ious=(1.0, 0.5), share=0.25),
        Measured("segic", RELEASED, (3.0,), (25.0,), difference=0.0, share=0.25),
    ]


def test_ratios_are_of_medians_and_targets_hold_for_the_published_sizes() -> None:
    report = SegmentationReport({"threads": 1}, "published", 10, measurements())
    found = {(r.wanted.part, r.wanted.quantity): r for r in report.ratios()}
    of = {r.wanted.above: r for r in report.ratios() if r.wanted.quantity == CPU_TIME}
    assert of[RELEASED].value == 2.5 and of[RELEASED].reached is True
    assert found[ENCODER, CPU_TIME].value == 1.5 and found[ENCODER, CPU_TIME].reached is True
    assert found[ENCODER, MEMORY].value == pytest.approx(4 / 9)
    assert found[ENCODER, MEMORY].reached is True
    assert found[ENCODER, "wall clock"].value == 1.5
    assert found["segic", CPU_TIME].value == 1.8 and found["segic", CPU_TIME].reached is False
    small = SegmentationReport({}, "small", 10, measurements())
    assert all(r.reached is None for r in small.ratios())
    assert "The targets are for --size published." in small.to_text()


def test_the_report_says_reached_and_missed_and_what_encoding_alone_would_give() -> None:
    report = SegmentationReport({"threads": 1}, "published", 10, measurements())
    text = report.to_text()
    assert "at least 1.35x, reached" in text and "at most 0.5x, reached" in text
    assert "at least 1.9x, missed" in text
    assert "11 pictures are encoded; per pair, 20: 1.82x as much" in text
    assert "0.7500" in text and "0.5000" in text  # mean and least IoU
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["environment"] == {"threads": 1, "size": "published", "queries": 10}
    assert [row["way"] for row in plain["measured"]] == [
        *(OURS, OFFICIAL),
        *(ONCE, PAIRS, RELEASED),
    ]
    assert {row["reached"] for row in plain["ratios"]} == {True, False, None}


def test_masks_are_compared_query_by_query() -> None:
    one, other = np.full((2, 2, 2), -1.0), np.full((2, 2, 2), -1.0)
    one[0, 0] = 1.0
    other[0, 0, 0] = 3.0
    found = compared("segic", one, other)
    assert found["ious"] == (0.5, 1.0) and found["difference"] == 2.0 and found["share"] == 0.25
    assert compared(ENCODER, one, other) == {"difference": 2.0}
    assert compared("segic", None, other) == {}
    assert iou(np.zeros((2, 2), bool), np.zeros((2, 2), bool)) == 1.0


def test_the_limit_on_a_device_is_its_peak_over_the_operations() -> None:
    published = segmentation_gpu.subjects("published")
    assert [s.name for s in published] == ["SEGIC-L", "SAM-B", "SAM-H"]
    rows = [
        segmentation_gpu.Row(published[1], "network", "bfloat16", 8, 0.1),
        segmentation_gpu.Row(published[1], "network", "float32", 32, None, "out of memory"),
    ]
    peak = 1000.0
    limit = peak * 1e12 / published[1].operations
    assert rows[0].images == pytest.approx(80) and rows[0].limit(peak) == pytest.approx(limit)
    peaks = {"bfloat16": peak, "float32": None}
    text = segmentation_gpu.to_text({"device": "D"}, rows, peaks)
    assert f"{80 / limit:.0%}" in text and "out of memory" in text
    plain = json.loads(json.dumps(segmentation_gpu.to_dict({}, rows, peaks)))["gpu"]
    assert plain[0]["limit_images_per_second"] == pytest.approx(limit)
    assert plain[1]["limit_images_per_second"] is None


def test_a_network_that_does_not_start_on_a_device_has_a_row_for_every_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PluginError("no such device")

    monkeypatch.setattr(gpu_rows, "serving", refuse)
    subject = segmentation_gpu.Subject("SAM", "dcsam", TINY, 1e9, ("network",))
    asked = Namespace(device="cuda", repeats=1)
    bench = Bench(tmp_path, None, threads=1)
    rows = segmentation_gpu.measure(bench, subject, "float32", asked, {})
    assert [(row.batch, row.seconds, row.failure) for row in rows] == [
        (batch, None, "no such device") for batch in (1, 8, 32)
    ]


@pytest.mark.parametrize("option", ["--threads", "--repeats", "--queries"])
def test_counts_below_one_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert segmentation.main([option, "0"]) == 2
    assert f"error: {option} is 0, expected a number from 1" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--peak-tflops", "--peak-tflops-float32"])
def test_a_peak_of_nothing_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert segmentation.main([option, "0"]) == 2
    assert f"error: {option} is 0, expected a number above 0" in capsys.readouterr().err


def test_the_official_package_is_needed_for_the_encoder_alone(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    with pytest.raises(MissingExtraError, match="segment-anything is not installed for") as caught:
        find_official(str(bare), PACKAGE)
    assert "icl-segmentation[bench]" in str(caught.value.hint)


def test_the_command_prints_and_writes_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SIZES, "small", TINY)
    out = tmp_path / "found.json"
    command = ["--part", "dcsam", "--queries", "1", "--repeats", "1", "--threads", "1"]
    assert segmentation.main([*command, "--no-bfloat16", "--json", "--out", str(out)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(out.read_text())
    once, pairs, released = printed["measured"]
    assert (once["way"], pairs["way"], released["way"]) == (ONCE, PAIRS, RELEASED)
    assert released["difference"] < 1e-4
    assert pairs["difference"] < 1e-4 and pairs["ious"][0] > 0.99


def test_attention_written_out_is_the_fused_one() -> None:
    torch = pytest.importorskip("torch")
    from icl_bench.compare.segmentation_released import plain_attention

    fused = torch.nn.functional.scaled_dot_product_attention
    generator = torch.Generator().manual_seed(0)
    q, k, v, bias = (torch.randn(2, 3, 5, 5, generator=generator) for _ in range(4))
    for options in ({}, {"attn_mask": bias}, {"attn_mask": bias > 0}, {"is_causal": True}):
        if "attn_mask" in options and options["attn_mask"].dtype == torch.bool:
            options["attn_mask"][..., 0] = True  # every query sees a key
        torch.testing.assert_close(plain_attention(q, k, v, **options), fused(q, k, v, **options))
    torch.testing.assert_close(plain_attention(q, k, v, scale=1.0), fused(q, k, v, scale=1.0))
