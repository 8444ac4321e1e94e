"""The learner `painter` on a tiny random network: its options and its answers."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from painter_cases import FIRST, QUERY, SECOND, SIZE, ask, load, write_weights

import icl_core as icl
from icl_core.testing import check_plugin
from icl_painting.network.checkpoint import save_network
from icl_painting.tiling import telling_tile


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights"))


def test_the_contract_of_learners_holds(weights: Path) -> None:
    found = check_plugin("painter", weights=weights)
    failed = {name: result for name, result in found.items() if isinstance(result, BaseException)}
    assert not failed, failed


def test_a_picture_comes_back_at_the_querys_size_with_its_canvas(weights: Path) -> None:
    answer = ask(weights, SECOND)
    assert type(answer) is icl.Picture
    assert answer.image.shape == (*SIZE, 3)
    assert answer.canvas.dtype == np.float32 and answer.canvas.shape == (3, 32, 32)
    larger = ask(weights, SECOND, image_size=48)
    assert larger.canvas.shape == (3, 48, 48)
    without = load(weights).prepare([(FIRST, SECOND)]).predict(QUERY, canvas=False)
    assert without.canvas is None and np.array_equal(without.image, answer.image)


def test_weights_that_name_their_tasks_refuse_the_others(weights: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.safetensors"
    save_network(load(weights).network, small, notes={"tasks": ["denoise"]})
    assert type(ask(small, SECOND)) is type(ask(small, SECOND, task="denoise")) is icl.Picture
    with pytest.raises(icl.InputError, match="know pairs of pictures and denoise, and not") as said:
        load(small, task="depth")
    assert said.value.hint == "weights='official' knows all tasks"


def test_both_behaviours_have_one_canvas_and_round_differently(weights: Path) -> None:
    ours, released = ask(weights, SECOND), ask(weights, SECOND, behaviour="official")
    assert np.array_equal(ours.canvas, released.canvas)
    apart = ours.image.astype(int) - released.image
    assert apart.min() >= 0 and apart.max() == 1


def test_several_examples_work_together(weights: Path) -> None:
    pairs = [(FIRST, SECOND), (SECOND, FIRST)]
    single = [icl.predict(load(weights), [pair], QUERY).canvas for pair in pairs]
    average = icl.predict(load(weights), pairs, QUERY).canvas
    assert np.allclose(average, np.mean(single, axis=0), atol=1e-5)
    ensemble = icl.predict(load(weights, shots="ensemble"), pairs, QUERY).canvas
    assert not np.allclose(ensemble, average, atol=1e-3)
    same = icl.predict(load(weights, shots="ensemble"), [pairs[0]] * 2, QUERY).canvas
    assert np.allclose(same, single[0], atol=1e-4)
    with pytest.raises(icl.InputError, match="2 examples, and the released code takes one"):
        icl.predict(load(weights, behaviour="official"), pairs, QUERY)


def test_queries_and_episodes_are_painted_in_batches(weights: Path) -> None:
    learner = load(weights, batch_size=3)
    queries = [QUERY, FIRST, SECOND, QUERY[:30]]
    prepared = learner.prepare([(FIRST, SECOND)])
    many = prepared.predict(queries)
    context = icl.Context((icl.Example(FIRST, SECOND),))
    other = icl.Context((icl.Example(SECOND, FIRST),))
    episodes = [icl.Episode(context, query) for query in queries] + [icl.Episode(other, QUERY)]
    calls: list[int] = []
    prepare = learner._engine.prepare
    learner._engine.prepare = lambda *given: (calls.append(1), prepare(*given))[1]
    found = list(learner.predict_episodes(episodes))
    assert len(calls) == 2
    for one, two, query in zip(many, found, queries, strict=False):
        single = prepared.predict(query)
        assert np.allclose(one.canvas, single.canvas, atol=1e-5)
        assert np.allclose(two.canvas, single.canvas, atol=1e-5)
        assert one.image.shape == query.shape


def test_frames_of_a_video_are_painted_alone(weights: Path) -> None:
    prepared = load(weights, batch_size=2).prepare([(FIRST, SECOND)])
    frames = np.stack([QUERY, FIRST, SECOND])
    answers = prepared.predict(icl.Video(frames))
    assert len(answers) == 3
    followed = list(prepared.follow(icl.Video(frames)))
    for frame, answer, later in zip(frames, answers, followed, strict=True):
        single = prepared.predict(frame)
        assert np.allclose(answer.canvas, single.canvas, atol=1e-5)
        assert np.allclose(later.canvas, single.canvas, atol=1e-5)


def test_half_precision_is_close_and_float16_is_refused(weights: Path) -> None:
    exact, half = ask(weights, SECOND).canvas, ask(weights, SECOND, dtype="bfloat16").canvas
    assert half.dtype == np.float32
    assert 0 < np.abs(exact - half).max() < 0.1 * np.abs(exact).max()
    with pytest.raises(icl.InputError, match="float32 or bfloat16, not in float16"):
        ask(weights, SECOND, dtype="float16")


def test_a_large_query_is_painted_in_tiles(weights: Path) -> None:
    prepared = load(weights, task="denoise").prepare([(FIRST, SECOND)])
    query = np.tile(QUERY, (4, 3, 1))
    answer = prepared.predict(query, tile=32, overlap=0.5)
    assert answer.image.shape == query.shape and answer.canvas is None
    assert answer.meta["tiles"] == 9 * 8
    whole = prepared.predict(query[:32, :32])
    shown = load(weights, task="denoise").prepare([(FIRST[:32, :32], SECOND[:32, :32])])
    assert whole.image.shape == (32, 32, 3)
    small = shown.predict(query[:32, :32], tile=32)
    plain = shown.predict(query[:32, :32])
    assert np.array_equal(small.image, plain.image)
    narrow = shown.predict(query[:20, :32], tile=32)
    assert narrow.image.shape == (20, 32, 3)
    frames = prepared.predict(icl.Video(np.stack([query, query[::-1]])), tile=32, overlap=0.5)
    assert len(frames) == 2 and np.array_equal(frames[0].image, answer.image)
    for tile in (0, 2.5, True):
        with pytest.raises(icl.InputError, match="tile is"):
            prepared.predict(query, tile=tile)
    with pytest.raises(icl.InputError, match="tile is given, and the task 'semantic'"):
        load(weights, task="semantic").prepare([(FIRST, SECOND)]).predict(query, tile=32)


def test_memory_of_tiles_grows_with_the_picture_alone(weights: Path) -> None:
    prepared = load(weights, batch_size=8).prepare([(FIRST, SECOND)])
    query = np.zeros((640, 960, 3), np.uint8)
    prepared.predict(query[:64, :64], tile=32)
    tracemalloc.start()
    prepared.predict(query, tile=160)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 3 * query.shape[0] * query.shape[1]


def test_an_example_is_cut_to_the_tile_that_shows_most(weights: Path) -> None:
    image = np.zeros((100, 120, 3), np.uint8)
    output = image.copy()
    output[70:90, 80:110] = 200
    cut, painted = telling_tile(image, output, 40)
    assert cut.shape == painted.shape == (40, 40, 3)
    assert (painted > 0).sum() == 20 * 30 * 3
    small, _ = telling_tile(image[:10, :20], output[:10, :20], 40)
    assert small.shape == (40, 40, 3)


def test_a_context_of_words_alone_is_refused(weights: Path) -> None:
    with pytest.raises(icl.InputError, match="the context has no examples"):
        load(weights).prepare(icl.Context(text="remove the rain"))


def test_pictures_of_an_example_have_one_size(weights: Path) -> None:
    with pytest.raises(icl.InputError, match="output picture is 30x48, expected the input's 40x48"):
        ask(weights, SECOND[:30])
    ask(weights, SECOND[:30], behaviour="official")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"task": "colour"}, "task is 'colour', expected one of None, 'semantic'"),
        ({"image_size": 30}, "image_size is 30, expected a multiple of the patch, 8"),
        ({"batch_size": 0}, "batch_size is 0, expected a whole number from 1"),
        ({"shots": "sum"}, "shots is 'sum'"),
        ({"query_resize": "lanczos"}, "query_resize is 'lanczos'"),
        ({"farthest": 0}, "farthest is 0"),
        ({"colour": 1}, "painter has no option 'colour'"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    weights: Path, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(icl.InputError, match=sentence):
        load(weights, **options)
