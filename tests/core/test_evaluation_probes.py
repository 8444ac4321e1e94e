"""Each probe changes what it says, nothing else, and the same for a seed."""

from dataclasses import replace

import numpy as np
import pytest

from icl_core.errors import InputError
from icl_core.evaluation.probes import PROBES, changed, probes_for
from icl_core.types import Context, Episode, Example, Horizon, Series, Task

BY_NAME = {probe.name: probe for probe in PROBES}


def picture(value, size=4):
    return np.full((size, size, 3), value, np.uint8)


def masks(number, kind, shots=5):
    """Examples whose masks have as many pixels as their episode's number says."""
    size = 4 + number

    def mask(shot):
        found = np.zeros((size, size), bool)
        found.flat[: number + shot + 1] = True
        return found

    examples = tuple(Example(picture(10 * number + s, size), mask(s)) for s in range(shots))
    meta = {"id": str(number), "class_name": kind}
    return Episode(Context(examples), picture(200, size), mask(0), meta)


def labels(number, shots=2):
    names = (f"wug {number}", f"dax {number}")
    examples = tuple(
        Example(picture(10 * number + s + 5 * n), name)
        for s in range(shots)
        for n, name in enumerate(names)
    )
    meta = {"id": str(number), "task": number, "labels": names}
    return Episode(Context(examples), picture(100 + number), names[0], meta)


def history(number, length=64):
    start = np.datetime64("2020-01-01")
    values = 100.0 * number + np.arange(length)
    series = Series(values, start, "D", f"s{number}")
    text = f"text {number}"
    return Episode(Context(history=series, text=text), Horizon(3), None, {"id": str(number)})


MASKS = [masks(0, "cat"), masks(1, "cat"), masks(2, "dog"), masks(3, "cow")]
LABELS = [labels(n) for n in range(4)]
HISTORIES = [history(n) for n in range(4)]


def levels(name):
    return BY_NAME[name].levels


def outputs(episode):
    return [example.output for example in episode.context.examples]


def sums(episode):
    return [int(output.sum()) for output in outputs(episode)]


def told(episode):
    """Everything of a context, as text."""
    context = episode.context
    examples = [(e.input.tobytes(), np.asarray(e.output).tobytes()) for e in context.examples]
    past = None if context.history is None else np.asarray(context.history.values).tolist()
    return repr((examples, past, context.text))


def sources():
    for probe in PROBES:
        for source in (MASKS, LABELS, HISTORIES):
            has = {
                "examples": bool(source[0].context.examples),
                "history": source[0].context.history is not None,
                "text": source[0].context.text is not None,
            }
            if has[probe.needs]:
                yield probe, source


@pytest.mark.parametrize(("probe", "source"), list(sources()), ids=lambda v: getattr(v, "name", ""))
def test_queries_truths_and_meta_stay_and_a_seed_gives_the_same(probe, source):
    for level in probe.levels:
        once, again = changed(source, level, seed=3), changed(source, level, seed=3)
        assert len(once) == len(source)
        for number, before in enumerate(source):
            after = once[number]
            assert after.query is before.query and after.target is before.target
            assert after.meta == before.meta
            assert told(after) == told(again[number])
            # An episode does not depend on which others were asked for before.
            assert told(changed(source, level, seed=3)[number]) == told(after)


@pytest.mark.parametrize(("probe", "source"), list(sources()), ids=lambda v: getattr(v, "name", ""))
def test_the_unchanged_level_is_unchanged_and_the_others_are_not(probe, source):
    for place, level in enumerate(probe.levels):
        same = [told(a) == told(b) for a, b in zip(changed(source, level), source, strict=True)]
        if probe.curve:
            continue
        assert all(same) if place == 0 else not all(same), level.name


def test_shots_are_counted_by_label_where_there_are_labels():
    for level in levels("shots"):
        k = int(level.x)
        assert sums(changed(MASKS, level)[1]) == sums(MASKS[1])[:k]
        kept = outputs(changed(LABELS, level)[0])
        assert kept == outputs(LABELS[0])[: 2 * k]


def test_orders_have_the_same_examples():
    seen = set()
    for level in levels("order"):
        found = sums(changed(MASKS, level)[2])
        assert sorted(found) == sorted(sums(MASKS[2]))
        seen.add(tuple(found))
    assert len(seen) > 1


def test_a_wrong_context_is_of_another_class():
    wrong = levels("wrong-context")[1]
    for seed in range(5):
        cats = changed(MASKS, wrong, seed)[0]
        assert sums(cats) in (sums(MASKS[2]), sums(MASKS[3]))
    moved = changed(LABELS, wrong)[0]
    assert [e.input.tobytes() for e in moved.context.examples] == [
        e.input.tobytes() for e in LABELS[0].context.examples
    ]
    assert all(a != b for a, b in zip(outputs(moved), outputs(LABELS[0]), strict=True))
    assert set(outputs(moved)) == set(outputs(LABELS[0]))


def test_without_another_class_there_is_no_wrong_context():
    wrong = levels("wrong-context")[1]
    with pytest.raises(InputError, match="of one class"):
        changed(MASKS[:2], wrong)[0]
    with pytest.raises(InputError, match="at least two episodes"):
        changed(MASKS[:1], wrong)[0]


@pytest.mark.parametrize(("place", "share"), [(1, 0.25), (2, 0.5), (3, 1.0)])
def test_label_noise_hits_its_share(place, share):
    level = levels("label-noise")[place]
    found = changed(MASKS, level)[0]
    hit = [a is not b for a, b in zip(outputs(found), outputs(MASKS[0]), strict=True)]
    assert sum(hit) == int(np.ceil(5 * share))
    assert all(
        o.shape == e.input.shape[:2]
        for o, e in zip(outputs(found), found.context.examples, strict=True)
    )
    names = outputs(changed(LABELS, level)[0])
    wrong = [a != b for a, b in zip(names, outputs(LABELS[0]), strict=True)]
    assert sum(wrong) == int(np.ceil(4 * share)) and set(names) <= set(outputs(LABELS[0]))


def test_distractors_come_behind_and_have_other_labels():
    for level in levels("distractors")[1:]:
        for source in (MASKS, LABELS):
            found = changed(source, level)[0].context.examples
            own = source[0].context.examples
            assert found[: len(own)] == own and len(found) == len(own) + level.x
        assert not {e.output for e in found[len(own) :]} & set(outputs(LABELS[0]))
    same = [replace(e, meta={"id": str(n)}) for n, e in enumerate([LABELS[0]] * 3)]
    with pytest.raises(InputError, match="distract"):
        changed(same, levels("distractors")[1])[0]


def test_the_last_part_of_a_history_keeps_its_time_stamps():
    for level in levels("context-length"):
        series = changed(HISTORIES, level)[1].context.history
        kept = round(64 * level.x)
        assert np.asarray(series.values).tolist() == list(np.arange(164.0 - kept, 164.0))
        assert series.start == np.datetime64("2020-01-01") + (64 - kept)


def test_a_shuffled_history_has_the_same_values():
    series = changed(HISTORIES, levels("shuffled-history")[1])[1].context.history
    assert sorted(series.values) == list(np.arange(100.0, 164.0))
    assert list(series.values) != sorted(series.values)


def test_texts_go_and_are_exchanged():
    right, none, wrong = levels("wrong-text")
    assert changed(HISTORIES, right)[0].context.text == "text 0"
    assert changed(HISTORIES, none)[0].context.text is None
    assert changed(HISTORIES, wrong)[0].context.text in {"text 1", "text 2", "text 3"}


def test_probes_are_those_that_make_sense():
    def names(task, episode, reads_text=False):
        return [probe.name for probe in probes_for(task, episode, reads_text=reads_text)]

    shown = ["shots", "order", "wrong-context", "label-noise", "distractors"]
    assert names(Task.SEGMENTATION, MASKS[0]) == shown
    assert names(Task.LINKING, LABELS[0], reads_text=True) == shown
    assert names(Task.FORECASTING, HISTORIES[0]) == ["context-length", "shuffled-history"]
    assert "wrong-text" in names(Task.FORECASTING, HISTORIES[0], reads_text=True)
