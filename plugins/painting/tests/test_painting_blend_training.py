"""Training the last step of the small Painter: painted canvases, the run, the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from canvases.bank import Bank
from canvases.blend_run import BlendRecipe, BlendRun, Parts, part_losses
from canvases.feed import TASKS, Feed
from canvases.shown import SHARES, SIZE, Shown, paint_canvases, read_canvases, write_canvases
from canvases.start import new_network
from test_painting_canvases import TINY
from train_blend import WIDTHS, main

from icl_painting.network.blend import Blend
from icl_painting.network.checkpoint import read_network, save_network
from icl_painting.network.inference import Engine


def _feed(bank: Bank) -> Feed:
    return Feed(bank, 12, 1, SHARES)


@pytest.fixture(scope="module")
def shown(bank: Bank) -> Shown:
    return paint_canvases(Engine(new_network(TINY, 1).eval()), _feed(bank), 0, 36)


def test_shares_name_every_task() -> None:
    assert SHARES.keys() == TASKS.keys()
    assert sum(SHARES.values()) == pytest.approx(1)


def test_canvases_hold_what_the_blend_sees(bank: Bank, shown: Shown) -> None:
    feed = _feed(bank)
    batch = feed.batch(0, SIZE, 36)
    query = batch.images[:, :, 36:] * feed.std + feed.mean
    assert torch.equal(shown.pictures[:, 0].float(), query.round())
    assert shown.painted.shape == shown.target.shape == (SIZE, 3, 36, 36)
    assert shown.painted.dtype == torch.float16
    # A new network paints nearly the query; that of another canvas is further away.
    painted = shown.painted.float() * feed.std + feed.mean
    own, others = ((painted - q).abs().mean() for q in (query, query.roll(1, 0)))
    assert own < 0.5 * others


def test_files_that_are_there_are_kept(bank: Bank, shown: Shown, tmp_path: Path) -> None:
    engine = Engine(new_network(TINY, 1).eval())
    write_canvases(engine, _feed(bank), tmp_path, 1, 36)
    before = (tmp_path / "0000.pt").stat().st_mtime_ns
    write_canvases(engine, _feed(bank), tmp_path, 2, 36)
    assert (tmp_path / "0000.pt").stat().st_mtime_ns == before
    first, second = read_canvases(tmp_path, 2)
    assert torch.equal(first.pictures, shown.pictures)
    assert not torch.equal(second.target, shown.target)


def _run(shown: Shown, folder: Path, updates: int) -> BlendRun:
    torch.manual_seed(0)
    blend = Blend(8, 8)
    blend.start_as_painted()
    recipe = BlendRecipe(updates=updates, batch=8, crop=24, warmup=2)
    return BlendRun(blend, [shown], recipe, folder)


def test_a_run_goes_on_as_if_it_had_not_stopped(shown: Shown, tmp_path: Path) -> None:
    whole = _run(shown, tmp_path / "whole", 5)
    whole.train(log_every=2)
    first = _run(shown, tmp_path / "parts", 5)
    for _ in range(3):
        first.update()
    (tmp_path / "parts").mkdir()
    first.save()
    second = _run(shown, tmp_path / "parts", 5)
    assert second.restore()
    assert second.step == 3
    second.train()
    for name, weight in whole.averaged().state_dict().items():
        torch.testing.assert_close(second.averaged().state_dict()[name], weight)
    lines = (tmp_path / "whole" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["update"] for line in lines] == [2, 4]


def test_a_run_learns(shown: Shown, tmp_path: Path) -> None:
    run = _run(shown, tmp_path, 60)
    parts = run.parts(1000)

    def loss() -> float:
        with torch.no_grad():
            answer = run.blend(parts.candidates, parts.summary)
            return float(part_losses(answer, parts, 0.01).mean())

    before = loss()
    for _ in range(60):
        run.update()
    assert loss() < before - 0.2


def test_parts_repeat_and_stay_in_what_counts(shown: Shown, tmp_path: Path) -> None:
    run = _run(shown, tmp_path, 4)
    one, other = run.parts(2), run.parts(2)
    assert torch.equal(one.candidates, other.candidates)
    assert one.candidates.shape == (8, 4, 3, 24, 24)
    assert not torch.equal(one.candidates, run.parts(3).candidates)
    # The query is among the candidates, turned as the target is.
    same = [n for n in range(8) if torch.equal(one.candidates[n, 1], one.target[n])]
    assert len(same) < 8


def test_losses_are_of_what_counts() -> None:
    target = torch.zeros(2, 3, 4, 4)
    valid = torch.ones(2, 1, 4, 4)
    valid[:, :, 2:] = 0
    parts = Parts(torch.zeros(2, 4, 3, 4, 4), target, valid, torch.zeros(2, 1), torch.zeros(2))
    answer = torch.zeros(2, 3, 4, 4)
    answer[1, :, 2:] = 9.0
    losses = part_losses(answer, parts, 0.01)
    assert losses[0] == losses[1]
    answer[1, :, :2] = 0.5
    assert part_losses(answer, parts, 0.01)[1] > losses[0] + 2


def test_the_command_makes_weights_and_goes_on(
    packed_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = tmp_path / "start.safetensors"
    save_network(new_network(TINY, 1), start, notes={"fit": "pad"})
    out = tmp_path / "run"
    call = ["--data", str(packed_folder), "--weights", str(start), "--out", str(out)]
    call += ["--canvases", "16", "--batch", "4", "--crop", "24", "--drawings", "24"]
    call += ["--device", "cpu", "--log-every", "1"]
    assert main([*call, "--updates", "2"]) == 0
    network = read_network(out / "weights.safetensors", "painter")
    assert network.config == replace(TINY, blend=WIDTHS)
    assert network.notes["blend"] == {
        "updates": 2,
        "canvases": 16,
        "seconds": network.notes["blend"]["seconds"],
        "seed": 1,
    }
    assert network.notes["fit"] == "pad"
    assert main([*call, "--updates", "3"]) == 1
    assert "add --resume" in capsys.readouterr().err
    assert main([*call, "--updates", "3", "--resume"]) == 0
    assert "going on at update 2" in capsys.readouterr().err
