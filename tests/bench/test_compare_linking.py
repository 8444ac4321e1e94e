"""The linking comparison: its ways of scoring, its report, and what it refuses."""

from __future__ import annotations

import json

import pytest

from icl_bench.compare import linking, linking_standin
from icl_bench.compare.linking_report import ONCE, PLAIN, QUERY, LinkingReport, Measured
from icl_core.errors import MissingExtraError


def report(once: float, query: float, plain: float, judged: bool = True) -> LinkingReport:
    measured = [
        Measured(way, (9.0, s, s), (s / 2,), difference=0.0, same=1.0)
        for way, s in ((ONCE, once), (QUERY, query), (PLAIN, plain))
    ]
    return LinkingReport({"threads": 1}, measured, judged)


def test_ratios_are_of_medians_and_judged_on_the_plain_way_alone() -> None:
    found = {(r.wanted.above, r.wanted.quantity): r for r in report(1.0, 2.0, 4.0).ratios()}
    assert found[PLAIN, "wall clock"].value == 4 and found[PLAIN, "wall clock"].reached
    assert found[QUERY, "CPU time"].value == 2 and found[QUERY, "CPU time"].reached is None
    assert report(1.0, 2.0, 2.9).ratios()[2].reached is False
    assert report(1.0, 2.0, 2.9, judged=False).ratios()[2].reached is None
    assert "at least 3x, reached" in report(1.0, 2.0, 4.0).to_text()
    assert "missed" in report(1.0, 2.0, 2.9).to_text()


def test_a_way_that_failed_is_told() -> None:
    found = LinkingReport({}, [Measured(ONCE, failure="lcl failed: out of memory")])
    assert found.failed and not found.ratios() and "out of memory" in found.to_text()


def test_the_comparison_runs(tmp_path, capsys, monkeypatch) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    out = tmp_path / "found.json"
    arguments = ["--size", "tiny", "--shots", "4", "--queries", "3", "--repeats", "1"]
    assert linking.main([*arguments, "--threads", "1", "--labels", "3", "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert [one["way"] for one in found["measured"]] == [ONCE, QUERY, PLAIN]
    assert all(one["same"] == 1 and one["difference"] < 1e-3 for one in found["measured"])
    assert all(one["reached"] is None for one in found["ratios"])
    assert ONCE in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shots", "0"], "--shots is 0"),
        (["--labels", "1"], "--labels is 1"),
        (["--labels", "9"], "--labels is 9"),
        (["--labels", "4", "--shots", "3"], "--labels is 4"),
    ],
)
def test_wrong_usage_is_one_line(arguments, message, capsys) -> None:
    assert linking.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_missing_library_is_named(monkeypatch) -> None:
    monkeypatch.setattr(linking_standin, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="need transformers"):
        linking_standin.need_transformers()
