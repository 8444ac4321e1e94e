"""Curves from expected to true IoU: how they are fitted, the one that is shipped, and its use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from episodic import calibration
from training_cases import script

import icl_core as icl
from icl_core.errors import InputError
from icl_segmentation.confidence import Calibration
from icl_segmentation.correspondence.learner import CURVE

calibrate = script("calibrate")


def answers(shift: float = 0.0, count: int = 40) -> list[Any]:
    """Two sets and a third, whose masks are half as good as expected; `shift` is the third's."""
    rng = np.random.default_rng(1)
    found = []
    for name, extra in (("a", 0.0), ("b", 0.0), ("c", shift)):
        for number in range(count):
            expected = rng.random()
            iou = float(np.clip(expected / 2 + extra + 0.02 * rng.normal(), 0, 1))
            pixels = (100 * iou, 100.0, 0.25, 25.0, 100.0)
            row = (name, 1, str(number), "1", expected, iou, *pixels)
            found.append(calibration.Answer(*row))
    return found


def test_errors_and_ranks_are_those_of_their_definitions() -> None:
    assert calibration.calibration_error([0.1, 0.15, 0.9], [0.2, 0.15, 0.6]) == pytest.approx(
        0.4 / 3
    )
    assert calibration.rank_correlation([1, 2, 3], [10, 20, 90]) == pytest.approx(1)
    assert calibration.rank_correlation([1, 2, 3], [9, 2, 0]) == pytest.approx(-1)
    # by hand: ranks 1.5 1.5 3 against 1 2 3
    assert calibration.rank_correlation([5, 5, 7], [1, 2, 3]) == pytest.approx(0.8660254)
    assert np.isnan(calibration.rank_correlation([5, 5], [1, 2]))


def test_the_curve_of_the_other_sets_is_what_judges_a_set() -> None:
    found = calibration.report(answers())
    after = found["after, each set left out of its own curve"]
    assert after["mean_absolute_error"] < 0.04 < 0.2 < found["before"]["mean_absolute_error"]
    assert after["rank_correlation"] > 0.95
    # What a set has of its own cannot be known from the others.
    odd = calibration.report(answers(shift=0.4))
    assert odd["sets"]["c"]["iou"] - odd["sets"]["c"]["after"] == pytest.approx(0.4, abs=0.05)
    assert Calibration.from_plain(odd)(0.5) > Calibration.from_plain(found)(0.5) + 0.1
    with pytest.raises(InputError, match="at least two"):
        calibration.report(answers()[:40])


def test_the_table_has_class_means_and_the_copied_mask_beside_them() -> None:
    lines = calibration.scores([one for one in answers(count=1) if one.source == "a"])
    iou = answers(count=1)[0].iou
    assert lines[-2:] == [f"| `a` | {100 * iou:.1f} | 25.0 |",
                          f"| mean over sets | {100 * iou:.1f} | 25.0 |"]  # fmt: skip


def test_places_are_spread_over_a_sorted_list() -> None:
    assert calibrate.spaced(240, 5) == [0, 60, 120, 179, 239]
    assert calibrate.spaced(3, 5) == [0, 1, 2] and calibrate.spaced(9, 1) == [0]


def test_one_command_gives_the_same_curve_again(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [
        *("--source", f"fss-1000={data},split=trn"),
        *("--source", f"fss-1000={data},split=trn,seed=5"),
        *("--episodes", "4", "--shots", "1,2", "--option", "image_size=64"),
    ]
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for file in files:
        assert calibrate.main([*asked, "--out", str(file), "--rows", str(tmp_path / "r.csv")]) == 0
    found, again = (json.loads(file.read_text()) for file in files)
    assert found.pop("command") != again.pop("command") and found == again
    assert found["episodes"] == 16 and len(found["sets"]) == 2
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 17
    assert "mean over sets" in capsys.readouterr().out
    learner = icl.load("correspondence", image_size=64, calibration=str(files[0]))
    answer = icl.predict(learner, [(picture(1), BOX)], picture(4))
    curve = Calibration.from_plain(found)
    assert answer.score == curve(answer.meta["expected_iou"]) and answer.meta["calibrated"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no source is named"),
        (["."], "there is no set in"),
        (["--source", "fss-1000"], "cannot be read"),
        (["--source", "fss-1000=nowhere", "--shots", "x"], "--shots is 'x'"),
        (["--source", "fss-1000=nowhere"], "needs the folder nowhere"),
        (["--source", "fss-1000=nowhere,colour=3"], "does not take its options"),
        (["--source", "nobody=x"], "nobody"),
    ],
)
def test_what_cannot_be_calibrated_is_said_in_one_sentence(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert calibrate.main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and words in said and len(said.splitlines()) == 1


def test_the_shipped_curve_says_how_it_was_made_and_that_it_holds() -> None:
    found = json.loads(CURVE.read_text())
    curve = Calibration.from_plain(found)
    assert len(curve.raw) <= calibration.POINTS and curve(0.0) < 0.3 < 0.6 < curve(1.0)
    assert "calibrate.py" in found["command"] and len(found["sets"]) == 11
    before, after = found["before"], found["after, each set left out of its own curve"]
    assert after["expected_calibration_error"] < 0.75 * before["expected_calibration_error"]
    # A curve moves masks of one expectation together: it cannot tell them apart any better.
    blind = found["the mean IoU of the other sets"]
    assert after["root_mean_square_error"] < 0.75 * blind["root_mean_square_error"]
    assert after["rank_correlation"] > 0.6


def picture(seed: int) -> np.ndarray:
    shown = np.random.default_rng(seed).integers(90, 130, (60, 80, 3), dtype=np.uint8)
    shown[20:40, 10 * seed : 10 * seed + 25] = (200, 40, 40)
    return shown


BOX = np.zeros((60, 80), bool)
BOX[20:40, 10:35] = True


def test_the_curve_is_used_where_it_was_fitted_and_nowhere_else() -> None:
    curve = Calibration.read(CURVE)
    assert curve is not None

    def ask(**options: Any) -> Any:
        return icl.predict(icl.load("correspondence", **options), [(picture(1), BOX)], picture(4))

    default, same = ask(), ask(image_size=256, backbone="colour-texture")
    for answer in (default, same):
        assert answer.meta["calibrated"] and answer.score == curve(answer.meta["expected_iou"])
    for options in ({"image_size": 64}, {"regions": False}, {"calibration": False}):
        answer = ask(**options)
        assert not answer.meta["calibrated"] and answer.score == answer.meta["expected_iou"]
    own = ask(calibration={"raw": [0.0, 1.0], "iou": [0.25, 0.25]}, image_size=64)
    assert own.score == 0.25 and own.meta["calibrated"]


def test_every_object_of_a_label_map_is_calibrated() -> None:
    ids = BOX.astype(np.uint8)
    ids[45:55, 50:70] = 4
    answer = icl.predict(icl.load("correspondence"), [(picture(1), ids)], picture(4))
    curve = Calibration.read(CURVE)
    assert curve is not None
    assert answer.object_scores == tuple(curve(one) for one in answer.meta["expected_iou"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read: No such file"),
        ("{", "is not JSON"),
        ("[1]", "the calibration is"),
        ('{"raw": [1, 0], "iou": [0, 1]}', "no rising curve"),
        (" " * (2 << 20), "bytes, no curve"),
    ],
)
def test_a_file_that_is_no_curve_is_refused(text: str | None, words: str, tmp_path: Path) -> None:
    file = tmp_path / "curve.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=words):
        icl.load("correspondence", calibration=file)
    assert Calibration.read(None) is None and Calibration.read(False) is None
