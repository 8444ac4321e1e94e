"""The comparison with the released procedure: it runs, and its peer is the released one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from icl_bench.compare import selection
from icl_bench.compare.selection_report import LISTS, OURS, RELEASED, Selected, SelectionReport
from icl_core import MissingExtraError
from icl_core.selection import select


def report(ours: float, released: float, judged: bool = True) -> SelectionReport:
    measured = [
        Selected(1000, OURS, (ours,), (ours,), 1, 100.0),
        Selected(1000, RELEASED, (released,), (released,), 1, 90.0),
        Selected(2000, OURS, (1.0,), (1.0,), 40),
        Selected(4000, OURS, (1.0,), (1.0,), 80),
    ]
    return SelectionReport({}, 1000, 4000, 200, measured, judged)


def test_ratios_are_held_against_the_targets():
    found = {(r.wanted.above, r.wanted.quantity): r for r in report(0.5, 60.0).ratios()}
    assert found[RELEASED, "wall clock"].value == 120 and found[RELEASED, "wall clock"].reached
    assert found["4000 items", "extra memory"].value == 2
    assert report(0.5, 40.0).ratios()[0].reached is False
    assert report(0.5, 40.0, judged=False).ratios()[0].reached is None
    assert report(0.5, 60.0).no_lower() is True
    assert "at least 100x, reached" in report(0.5, 60.0).to_text()


def test_the_peer_picks_what_the_released_procedure_picks():
    pytest.importorskip("networkx")
    from icl_bench.compare.selection_released import released_ideal

    points = np.random.default_rng(0).normal(size=(40, 6))
    for seed in (0, 1):
        theirs = select(points, 5, "ideal", k=4, seed=seed, behaviour="official").indices
        assert released_ideal(points, 5, 4, seed, 10) == theirs.tolist()


def test_the_comparison_runs(tmp_path, capsys):
    pytest.importorskip("networkx")
    pytest.importorskip("torch")
    out = tmp_path / "found.json"
    sizes = ["--items", "60", "--budget", "3", "--neighbours", "4", "--large", "200"]
    more = ["--repeats", "1", "--threads", "1", "--simulations", "20", "--out", str(out)]
    assert selection.main([*sizes, *more]) == 0
    found = json.loads(out.read_text())
    ways = [(one["items"], one["way"]) for one in found["measured"]]
    assert ways[:3] == [(60, OURS), (60, LISTS), (60, RELEASED)]
    assert all(one["failure"] is None and one["seconds"] for one in found["measured"])
    assert "released simulator" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--items", "0"], "--items is 0"),
        (["--items", "10"], "--items is 10, expected more"),
        (["--large", "1500"], "--large is 1500"),
        (["--device", "cuda"], "--device is cuda"),
    ],
)
def test_wrong_usage_is_one_line(arguments, message, capsys):
    assert selection.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(selection, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="needs networkx"):
        selection.need_networkx()
