"""Masks and pictures in colour as the answer of an example."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from seggpt_cases import Load, box, loader, near, picture, stand_in

import icl_core as icl
from icl_core.results.rle import encode_rle
from icl_painting.canvas import square, to_tensor
from icl_painting.seggpt.answers import PaintedSegmentation, colours_of
from icl_painting.seggpt.targets import painted_target, read_painted, white_on_black

IMAGE, MASK, QUERY = picture(1), box(8, 16), picture(2)
WHITE = white_on_black(MASK)
RED = np.where(MASK[..., None], np.array([250, 200, 60], np.uint8), np.uint8(0))


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    return loader(stand_in(tmp_path_factory.mktemp("seggpt") / "stand_in.safetensors"))


@pytest.fixture(scope="module")
def learner(load: Load) -> icl.Learner:
    return load()


def png(array: np.ndarray, mode: str | None = None) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(array)
    (image if mode is None else image.convert(mode)).save(stream, "PNG")
    return stream.getvalue()


def palette_png() -> bytes:
    image = Image.frombytes("P", (56, 40), MASK.astype(np.uint8).tobytes())
    image.putpalette([0, 0, 0, 200, 30, 30])
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


FORMS = {
    "bool": MASK,
    "0/1": MASK.astype(np.uint8),
    "0/255": MASK.astype(np.uint8) * 255,
    "tensor": torch.from_numpy(MASK),
    "rle": encode_rle(MASK),
    "compressed rle": encode_rle(MASK, compressed=True),
    "polygon": {"segmentation": [[16, 8, 32, 8, 32, 24, 16, 24]]},
    "palette": palette_png(),
    "grey png": png(WHITE[..., 0]),
    "rgb array": WHITE,
    "rgb floats": WHITE / 255.0,
    "rgb tensor": torch.from_numpy(WHITE.transpose(2, 0, 1).copy()),
    "rgb png": png(WHITE),
    "rgba png": png(WHITE, "RGBA"),
    "open file": io.BytesIO(png(WHITE)),
    "picture": Image.fromarray(WHITE),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_mask_gives_the_canvas_of_the_mask(learner: icl.Learner, form: str) -> None:
    answer = learner.prepare([(IMAGE, FORMS[form])]).predict(QUERY)
    near(answer, learner.prepare([(IMAGE, MASK)]).predict(QUERY), 0.0)
    assert type(answer) is icl.Segmentation


COLOURED = {
    "array": RED,
    "floats": (RED / 255.0).transpose(2, 0, 1),
    "floats, channels last": RED / 255.0,
    "tensor": torch.from_numpy(RED.transpose(2, 0, 1).copy()),
    "png": png(RED),
    "opaque rgba": png(RED, "RGBA"),
    "picture": Image.fromarray(RED),
    "open file": io.BytesIO(png(RED)),
}


@pytest.mark.parametrize("form", COLOURED)
def test_a_picture_in_colour_is_shown_as_it_is(learner: icl.Learner, form: str) -> None:
    prepared = learner.prepare([(IMAGE, COLOURED[form])])
    shown = prepared._state.passes[0].targets[0]
    assert torch.equal(shown, to_tensor(square(RED, 32, "nearest")))
    answer = prepared.predict(QUERY)
    assert isinstance(answer, PaintedSegmentation) and answer.painted is not None
    rgb = colours_of(torch.from_numpy(answer.canvas))
    large = torch.nn.functional.interpolate(rgb[None], size=(40, 56), mode="nearest")[0]
    assert np.array_equal(answer.mask, (large.mean(0) > 128).numpy())
    assert np.array_equal(answer.painted, large.round().permute(1, 2, 0).byte().numpy())
    mask = learner.prepare([(IMAGE, MASK)]).predict(QUERY)
    assert not np.allclose(mask.canvas, answer.canvas)


def test_a_prepared_context_can_be_prepared_again(learner: icl.Learner) -> None:
    prepared = learner.prepare([(IMAGE, RED)])
    again = learner.prepare(prepared.context)
    near(prepared.predict(QUERY), again.predict(QUERY), 0.0)


def test_painted_asks_for_a_grey_picture_as_it_is(learner: icl.Learner) -> None:
    shades = np.linspace(0, 255, 40 * 56).reshape(40, 56).astype(np.uint8)
    with pytest.raises(icl.InputError, match="255 beside others is a shade"):
        learner.prepare([(IMAGE, shades)])
    for output in (shades, png(shades), np.dstack([shades] * 3)):
        prepared = learner.prepare([icl.Example(IMAGE, output, {"painted": True})])
        expected = to_tensor(square(np.dstack([shades] * 3), 32, "nearest"))
        assert torch.equal(prepared._state.passes[0].targets[0], expected)
    near(
        learner.prepare([icl.Example(IMAGE, MASK, {"painted": True})]).predict(QUERY),
        learner.prepare([(IMAGE, MASK)]).predict(QUERY),
        0.0,
    )


def test_colours_of_a_mask_stay_the_business_of_the_core(learner: icl.Learner) -> None:
    meta = {"colours": {(0, 0, 0): 0, (250, 200, 60): 1}}
    answer = learner.prepare([icl.Example(IMAGE, RED, meta)]).predict(QUERY)
    near(answer, learner.prepare([(IMAGE, MASK)]).predict(QUERY), 0.0)


def test_a_dark_target_is_warned_of(learner: icl.Learner, caplog: pytest.LogCaptureFixture) -> None:
    dark = np.where(MASK[..., None], np.array([128, 0, 0], np.uint8), np.uint8(0))
    with caplog.at_level(logging.WARNING, "icl.seggpt"):
        learner.prepare([(IMAGE, dark)])
        assert "none of its pixels is bright" in caplog.text
        caplog.clear()
        learner.prepare([(IMAGE, RED)])
        assert not caplog.text


def test_tiles_of_painted_answers_are_painted(learner: icl.Learner) -> None:
    answer = learner.prepare([(IMAGE, RED)]).predict(QUERY, tile=30)
    assert isinstance(answer, PaintedSegmentation) and answer.painted is not None
    assert answer.painted.shape == (40, 56, 3) and answer.meta["tiles"] == 6


def test_episodes_take_painted_targets(learner: icl.Learner) -> None:
    episode = icl.Episode(icl.Context((icl.Example(IMAGE, RED),)), QUERY)
    (answer,) = learner.predict_episodes([episode])
    near(answer, learner.prepare([(IMAGE, RED)]).predict(QUERY), 0.0)


def test_a_painted_object_stands_beside_others(learner: icl.Learner) -> None:
    context = [
        icl.Example(IMAGE, RED, {"object": 1}),
        icl.Example(picture(3), box(3, 3), {"object": 2}),
    ]
    answer = learner.prepare(context).predict(QUERY)
    alone = learner.prepare([(IMAGE, RED)]).predict(QUERY)
    assert np.abs(answer.canvas[0] - alone.canvas).max() <= 2e-5


RGBA = np.dstack([RED, np.where(MASK, 255, 0).astype(np.uint8)])


@pytest.mark.parametrize(
    ("output", "meta", "words"),
    [
        (RGBA, {}, "uint8 [40, 56, 4], with an alpha channel"),
        (RGBA.transpose(2, 0, 1) / 255.0, {"painted": True}, "float64 [4, 40, 56], with an alpha"),
        (torch.from_numpy(RGBA.transpose(2, 0, 1).copy()), {}, "with an alpha channel"),
        (png(RGBA), {}, "has an alpha channel that hides pixels"),
        (RED[:30], {}, "the target picture is 30x56, expected the image's 40x56"),
        (RED.astype(np.int64), {}, "int64 [40, 56, 3], in colour, expected uint8"),
        (RED / 100.0, {}, "in colour, with values outside 0 to 1"),
        (b"no picture", {}, "is not an image in a known format"),
        ({"not": "a mask"}, {}, "example 1: "),
        (3, {}, "the mask is int"),
        (RED, {"painted": "yes"}, "meta['painted'] is 'yes'"),
        (RED, {"painted": True, "threshold": 3}, "it is painted, and threshold is for masks"),
        (RED, {"painted": False}, "the mask is in colour"),
    ],
)
def test_what_is_no_target_is_refused_in_one_sentence(
    learner: icl.Learner, output: Any, meta: dict[str, Any], words: str
) -> None:
    with pytest.raises(icl.InputError) as caught:
        learner.prepare([icl.Example(IMAGE, output, meta)])
    message = caught.value.message
    assert message.startswith("example 1: ") and words in message and "\n" not in message


def test_masks_and_pictures_in_colour_do_not_show_one_object(load: Load) -> None:
    with pytest.raises(icl.InputError, match="expected one kind"):
        load().prepare([(IMAGE, RED), (picture(3), box(3, 3))])
    context = [
        icl.Example(picture(3), box(3, 3), {"object": 1}),
        icl.Example(IMAGE, RED, {"object": 2}),
    ]
    with pytest.raises(icl.InputError, match="the target of example 2 is a picture in colour"):
        load(classes="colours").prepare(context)


def test_what_is_no_context_is_left_to_the_core(tmp_path: Path) -> None:
    for odd in (None, 3, "a.png", tmp_path):
        assert read_painted(odd) is odd
    assert read_painted([3]) == (3,)
    assert painted_target(None) is None and painted_target(np.zeros((3, 3))) is None
