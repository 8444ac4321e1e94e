"""Controls tell a learner that reads its supports from one that guesses; runs can be resumed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from icl_core import (
    Classification,
    Context,
    Episode,
    Example,
    InputError,
    Learner,
    LearnerCard,
    LoadOptions,
    Task,
    registry,
)
from icl_linking.encoder.card import CARD
from icl_linking.episodes.controls import CONTROLS, GREY, NoControlError, blank, controlled
from icl_linking.episodes.pictures import LinkEpisodes
from icl_linking.scores.command import main
from icl_linking.scores.run import run_controls

COLOURS = ((250, 10, 10), (10, 250, 10), (10, 10, 250), (250, 250, 10))
STUB = LearnerCard("stub", Task.LINKING, "For tests.", "none:None", licence="Apache-2.0")


def colour(number: int, shade: int = 0) -> np.ndarray:
    image = np.empty((6, 5, 3), np.uint8)
    image[:] = np.abs(np.array(COLOURS[number]) - shade)
    return image


def two_way(count: int = 24, shots: int = 1) -> LinkEpisodes:
    """Two groups: red is a wug next to green, blue is a dax next to yellow."""
    groups = ((("wug", 0), ("fep", 1)), (("dax", 2), ("zup", 3)))

    def make(number: int) -> Episode:
        group = groups[number // 2 % 2]
        examples = [Example(colour(c, s), name) for name, c in group for s in range(shots)]
        name, asked = group[number % 2]
        order = np.random.default_rng(number).permutation(len(examples))
        meta = {
            "id": str(number),
            "labels": tuple(name for name, _ in group),
            "positive": number % 2 == 0,
        }
        context = Context(tuple(examples[n] for n in order))
        return Episode(context, colour(asked, 7), name, meta)

    def labels(number: int) -> tuple[str, ...]:
        return tuple(name for name, _ in groups[number // 2 % 2])

    return LinkEpisodes("colours", count, make, lambda: ["colours"], labels)


class Stub(Learner):
    """A learner whose way of answering a test chooses."""

    def __init__(self) -> None:
        super().__init__(STUB, LoadOptions())
        self.asked = 0

    def _prepare(self, context: Context) -> Any:
        return [(e.input.mean((0, 1)), e.output) for e in context.examples]

    def _predict(
        self, prepared: Any, queries: Sequence[Any], **options: Any
    ) -> list[Classification]:
        self.asked += len(queries)
        return [self.one(prepared, query.mean((0, 1)), options) for query in queries]

    def one(self, shown: Any, query: np.ndarray, options: Any) -> Classification:
        """Say what the most similar example is called."""
        labels = tuple(sorted({label for _, label in shown}))
        distances = [float(np.abs(mean - query).sum()) for mean, _ in shown]
        return Classification(shown[int(np.argmin(distances))][1], labels)


class KnowsNames(Stub):
    """Has learned the names by heart, and never looks at the supports."""

    def one(self, shown: Any, query: np.ndarray, options: Any) -> Classification:
        best = int(np.argmin([np.abs(np.array(c) - query).sum() for c in COLOURS]))
        name = ("wug", "fep", "dax", "zup")[best]
        return Classification(name, (), answer=f"It is a {name.upper()}!")


class TakesLabels(Stub):
    predict_options = frozenset({"labels"})

    def one(self, shown: Any, query: np.ndarray, options: Any) -> Classification:
        names = tuple(options.get("labels") or sorted({label for _, label in shown}))
        return Classification(names[0], names)


def test_a_learner_that_reads_its_supports() -> None:
    table = run_controls(Stub(), two_way())
    assert list(table.reports) == list(CONTROLS) and not table.skipped
    real, found = table.real, table.reports
    assert real.overall.value == real.positive.value == real.negative.value == 1.0
    assert found["labels-swapped"].overall.value == 0.0
    assert found["labels-swapped"].follows.value == 1.0
    assert 0.2 <= found["supports-blank"].overall.value <= 0.8
    assert table.image_effect.value >= 0.2 and table.image_effect.low > 0
    assert found["query-blank"].overall.value <= 0.8


def test_a_learner_that_ignores_them() -> None:
    table = run_controls(KnowsNames(), two_way())
    assert table.real.overall.value == 1.0
    assert table.image_effect.value == 0.0
    assert table.effect("supports-swapped").value == 0.0
    assert table.reports["labels-swapped"].overall.value == 1.0
    assert table.reports["labels-swapped"].follows.value == 0.0
    # The released match wants lower case.
    assert table.real.official.value == 0.0
    assert run_controls(KnowsNames(), two_way(), [], rule="official").real.overall.value == 0.0
    markdown = table.to_markdown()
    assert "image_effect +0.0" in markdown and "| query-blank |" in markdown
    assert json.loads(json.dumps(table.to_json()))["image_effect"]["value"] == 0.0


def test_what_the_controls_change() -> None:
    episodes = two_way(shots=2)
    one = episodes[0]
    grey = controlled(episodes, "supports-blank")[0]
    assert all((e.input == GREY).all() for e in grey.context.examples)
    assert [e.output for e in grey.context.examples] == [e.output for e in one.context.examples]
    assert (controlled(episodes, "query-blank")[0].query == GREY).all()
    swapped = controlled(episodes, "labels-swapped")[0]
    assert swapped.target == "wug" and swapped.meta["follows"] == "fep"
    others = controlled(episodes, "supports-swapped")[0]
    assert {e.output for e in others.context.examples} == {"wug", "fep"}
    shown = {tuple(e.input[0, 0]) for e in others.context.examples}
    assert not shown & {tuple(e.input[0, 0]) for e in one.context.examples} and len(shown) == 4
    assert blank(one.query) is blank(one.query)
    assert len(controlled(episodes, "real")[3:7]) == 4
    with pytest.raises(InputError, match="control is 'odd'"):
        controlled(episodes, "odd")


def test_supports_of_shared_classes_are_shifted() -> None:
    episodes = two_way(4)[:2]
    changed = controlled(episodes, "supports-swapped")[0]
    shown = {e.output: tuple(e.input[0, 0]) for e in changed.context.examples}
    assert shown == {"wug": COLOURS[1], "fep": COLOURS[0]}
    with pytest.raises(NoControlError, match="one episode only"):
        controlled(two_way(1), "supports-swapped")


def test_without_supports_the_names_are_told() -> None:
    table = run_controls(TakesLabels(), two_way(4, shots=0))
    assert set(table.skipped) == {"supports-blank", "supports-swapped", "labels-swapped"}
    assert table.real.positive.value == 1.0 and table.real.negative.value == 0.0
    assert table.real.balanced == 0.5
    assert np.isnan(table.image_effect.value) and "skipped" in table.to_markdown()


def test_plain_episodes_will_do() -> None:
    episodes = list(two_way(8))
    assert run_controls(Stub(), episodes).image_effect.value > 0


def test_a_run_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    episodes = two_way(10)
    whole = run_controls(Stub(), episodes, out=tmp_path, batch_size=4)
    file = tmp_path / "real.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    assert len(lines) == 11
    # Killed while it wrote the seventh answer.
    file.write_text("".join(lines[:7]) + lines[7][:20])
    again = Stub()
    table = run_controls(again, episodes, out=tmp_path, batch_size=4)
    assert again.asked == 4
    assert table.to_json()["controls"] == whole.to_json()["controls"]
    assert file.read_text().splitlines(keepends=True) == lines
    with pytest.raises(InputError, match="other settings"):
        run_controls(Stub(), episodes, out=tmp_path, settings={"head": "gda"})
    run_controls(Stub(), episodes, out=tmp_path, settings={"head": "gda"}, overwrite=True)
    file.write_text(lines[0] + "{}\n")
    with pytest.raises(InputError, match="stored outcome"):
        run_controls(Stub(), episodes, out=tmp_path)


def test_answers_before_a_failure_are_kept(tmp_path: Path) -> None:
    class Breaks(Stub):
        def one(self, shown: Any, query: np.ndarray, options: Any) -> Classification:
            if self.asked > 4:
                raise InputError("the endpoint does not answer")
            return super().one(shown, query, options)

    with pytest.raises(InputError, match="does not answer"):
        run_controls(Breaks(), two_way(10), out=tmp_path, batch_size=2)
    assert len((tmp_path / "real.jsonl").read_text().splitlines()) == 5


def test_bad_arguments() -> None:
    with pytest.raises(InputError, match="rule is"):
        run_controls(Stub(), two_way(), rule="loose")
    with pytest.raises(InputError, match="no episodes"):
        run_controls(Stub(), two_way()[:0])
    with pytest.raises(InputError, match="expected one of real"):
        run_controls(Stub(), two_way(), ["odd"])


@pytest.fixture
def encoder_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command finds the learner, whether or not the plugin lists it."""

    def load(name: str, weights: Any = None, *args: Any, **options: Any) -> Learner:
        assert name == "encoder"
        return registry.load_card(CARD, options={k: v for k, v in options.items() if k == "head"})

    monkeypatch.setattr("icl_linking.scores.command.load", load)


def test_command(
    tmp_path: Path, encoder_is_installed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    for group in range(2):
        for prefix, number in (("pos-new", 2 * group), ("neg-real", 2 * group + 1)):
            folder = tmp_path / "set" / f"group{group}" / f"{prefix}{group}"
            folder.mkdir(parents=True)
            for image in range(4):
                Image.fromarray(colour(number, image)).save(folder / f"{image}.png")
    data, out = str(tmp_path / "set"), tmp_path / "out"
    words = [data, "--learner", "encoder", "--option", "head=ridge", "--shots", "1,2"]
    listed = tmp_path / "list.json"
    words += ["--write-list", str(listed), "--source-option", "supports=2", "--out", str(out)]
    assert main(words) == 0
    shown = capsys.readouterr()
    assert shown.out.count("| supports-swapped |") == 2 and "image_effect" in shown.out
    assert len(listed.read_text().splitlines()) == 8
    assert (out / "encoder" / "isekai-10-2-shots" / "query-blank.jsonl").is_file()
    assert len(json.loads((out / "scores.json").read_text())) == 2
    rows = ["--source", "isekai-10", "--source-option", f"rows={listed}"]
    assert main([data, *rows, "--learner", "encoder", "--controls", "none"]) == 0
    assert "| real |" in capsys.readouterr().out
    for bad, sentence in (
        ([data], "nothing to run"),
        ([data + "x", "--learner", "encoder"], "is not there"),
        ([data, "--learner", "encoder", "--shots", "two"], "--shots is 'two'"),
        ([data, "--learner", "encoder", "--source-option", "odd=1"], "no option 'odd'"),
        ([data, "--learner", "encoder", "--controls", "odd"], "control is 'odd'"),
    ):
        assert main(bad) == 1
        assert sentence in capsys.readouterr().err


def test_names_that_no_answer_tells_apart_are_refused_first() -> None:
    one = two_way(2)[0]
    examples = (Example(colour(0), "Cat"), Example(colour(1), "cat"))
    learner = Stub()
    with pytest.raises(InputError, match="cannot be told apart"):
        run_controls(learner, [Episode(Context(examples), one.query, "cat")])
    assert learner.asked == 0
