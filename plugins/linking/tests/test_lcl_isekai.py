"""The whole protocol of ISEKAI over the demonstration's pictures, with a random model."""

import sys
from pathlib import Path

import pytest

from icl_core.registry import load_card
from icl_linking.episodes.controls import CONTROLS, controlled
from icl_linking.episodes.isekai import isekai_demo
from icl_linking.lcl.card import CARD
from icl_linking.scoring.outcome import judge
from icl_linking.scoring.report import ControlTable, Report

sys.path.append(str(Path(__file__).parent))

from lcl_cases import write_mllm, write_model

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "isekai_demo"


@pytest.mark.parametrize("kind", ["llava", "published"])
@pytest.mark.parametrize("answers", ["sum", "generate"])
def test_every_control_is_at_chance(kind, answers, tmp_path):
    if not DATA.is_dir():
        pytest.skip("the pictures (../shared/data/isekai_demo) are not here")
    options = {"answers": answers, "max_new_tokens": 3}
    if kind == "llava":
        options["model"] = str(write_model("llava", tmp_path / "model"))
    else:
        folder, clip = write_mllm(tmp_path / "model")
        options |= {"model": str(folder), "vision_weights": clip}
    learner = load_card(CARD, device="cpu", options=options)
    episodes = isekai_demo(DATA, shots=1)
    reports = {}
    for control in CONTROLS:
        changed = controlled(episodes, control)
        found = learner.predict_episodes(changed, batch_size=4)
        judged = [judge(a, e) for a, e in zip(found, changed, strict=True)]
        reports[control] = Report(tuple(judged))
    table = ControlTable("lcl", "isekai-demo", reports)
    for report in reports.values():
        assert len(report.outcomes) == 8 and report.counts["failed"] == 0
        if answers == "sum":
            low, high = report.overall.interval
            assert low <= 0.5 <= high and report.counts["neither"] == 0
    assert table.to_markdown().count("lcl") >= len(CONTROLS)
    if kind == "published" and answers == "sum":
        # The released way of putting pictures in: those of the examples change nothing.
        assert table.image_effect.value == 0
