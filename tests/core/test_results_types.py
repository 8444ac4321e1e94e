"""The answers of segmentation, painting and linking learners."""

from __future__ import annotations

import base64
import csv
import io
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from PIL import Image

from icl_core.coerce import to_mask
from icl_core.errors import InputError, MissingExtraError, PluginError
from icl_core.results import Classification, Picture, Prediction, Segmentation
from icl_core.results.rle import decode_rle, encode_rle, pack_counts, unpack_counts

MASK = np.zeros((4, 6), bool)
MASK[1:3, 2:5] = True
LOGITS = np.where(MASK, 2, -2).astype(np.float32)
PACKED = "03`U1NTkNgm2AgRM;i0"
PIXELS = np.random.default_rng(5).integers(0, 256, (4, 6, 3), dtype=np.uint8)


def segmentation(**options: object) -> Segmentation:
    return Segmentation(MASK, LOGITS, **{"score": 0.9, **options})  # type: ignore[arg-type]


def classification() -> Classification:
    chances = np.array([0.25, 0.75], dtype=np.float32)
    return Classification("=cat", ("dog", "=cat"), chances, "It is a =cat.", {"seed": 1})


ANSWERS = [segmentation(), Picture(PIXELS, np.ones((3, 8, 8), np.float32)), classification()]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: type(answer).__name__)
class TestAll:
    def test_is_a_prediction_that_cannot_be_reassigned(self, answer: Prediction) -> None:
        assert isinstance(answer, Prediction)
        with pytest.raises(AttributeError):
            answer.meta = {}

    def test_repr_is_one_short_line(self, answer: Prediction) -> None:
        assert "\n" not in repr(answer) and len(repr(answer)) < 120

    def test_dictionary_is_strict_json(self, answer: Prediction) -> None:
        answer.meta["odd"] = float("nan")
        plain = answer.to_dict()
        del answer.meta["odd"]
        assert json.loads(json.dumps(plain, allow_nan=False)) == plain
        assert plain["meta"]["odd"] is None and plain["type"] == type(answer).__name__.lower()

    def test_every_suffix_is_written_and_overwritten_only_on_demand(
        self, answer: Prediction, tmp_path: Path
    ) -> None:
        for suffix in answer.suffixes:
            path = answer.save(tmp_path / f"out{suffix}")
            first = path.read_bytes()
            with pytest.raises(InputError, match="exists already"):
                answer.save(path)
            assert answer.save(str(path), overwrite=True) == path and path.read_bytes() == first
        with pytest.raises(InputError, match=r"expected one of .*\.json"):
            answer.save(tmp_path / "out.xyz")
        assert len(list(tmp_path.iterdir())) == len(answer.suffixes)

    def test_plot_is_a_picture_and_can_be_written(self, answer: Prediction, tmp_path: Path) -> None:
        drawing = answer.plot(tmp_path / "plot.png")
        with Image.open(tmp_path / "plot.png") as written:
            assert written.size == drawing.size
        with pytest.raises(InputError, match="exists already"):
            answer.plot(tmp_path / "plot.png")
        answer.plot(tmp_path / "plot.png", overwrite=True)
        with pytest.raises(InputError, match=r"\.webp"):
            answer.plot(tmp_path / "plot.xyz")

    def test_meta_is_a_copy(self, answer: Prediction) -> None:
        meta = {"a": 1}
        copy = Picture(PIXELS, meta=meta)
        copy.meta["b"] = 2
        assert meta == {"a": 1}


class TestSegmentation:
    def test_repr(self) -> None:
        assert repr(segmentation()) == "Segmentation(mask 4x6, 25.0% object, score=0.9)"

    def test_png_is_0_and_255_and_npz_holds_all(self, tmp_path: Path) -> None:
        answer = segmentation(canvas=np.ones((2, 2), np.float32))
        with Image.open(answer.save(tmp_path / "m.png")) as image:
            assert image.mode == "L" and np.array_equal(np.array(image), MASK * 255)
        with np.load(answer.save(tmp_path / "m.npz"), allow_pickle=False) as arrays:
            assert set(arrays) == {"mask", "logits", "canvas"}
            assert np.array_equal(arrays["mask"], MASK)
            assert np.array_equal(arrays["logits"], LOGITS)

    def test_plot_over_an_image_keeps_the_background(self) -> None:
        before = PIXELS.copy()
        drawn = np.array(segmentation().plot(image=PIXELS))
        assert np.array_equal(drawn[~MASK], PIXELS[~MASK])
        assert (drawn[MASK] != PIXELS[MASK]).any() and np.array_equal(PIXELS, before)

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"mask": MASK.astype(np.uint8)}, r"mask is uint8 \[4, 6\], expected bool"),
            ({"mask": MASK[None]}, r"mask is bool \[1, 4, 6\], expected bool \[any, any\]"),
            ({"mask": MASK.tolist()}, "mask is list"),
            ({"mask": MASK[:0], "logits": LOGITS[:0]}, "without a pixel"),
            ({"logits": LOGITS.astype(np.float64)}, "logits is float64"),
            ({"logits": LOGITS[:2]}, r"logits is float32 \[2, 6\], expected float32 \[4, 6\]"),
            ({"canvas": np.ones((2, 2))}, "canvas is float64"),
        ],
    )
    def test_wrong_fields_are_refused(self, fields: dict[str, object], words: str) -> None:
        with pytest.raises(PluginError, match=words):
            Segmentation(**{"mask": MASK, "logits": LOGITS, **fields})  # type: ignore[arg-type]


class TestRunLengths:
    def test_as_coco_writes_them(self) -> None:
        mask = np.array([[1, 0, 0], [1, 1, 0]], bool)
        assert encode_rle(mask) == {"size": [2, 3], "counts": [0, 2, 1, 1, 2]}
        assert encode_rle(~mask) == {"size": [2, 3], "counts": [2, 1, 1, 2]}
        assert encode_rle(np.zeros((2, 2), bool))["counts"] == [4]

    @given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)))
    def test_round_trip(self, mask: np.ndarray) -> None:
        rle = json.loads(json.dumps(encode_rle(mask)))
        assert np.array_equal(decode_rle(rle), mask)
        logits = np.zeros(mask.shape, np.float32)
        again = Segmentation.from_rle(Segmentation(mask, logits).to_rle())
        assert np.array_equal(again.mask, mask) and np.array_equal(again.logits > 0, mask)

    @given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)))
    def test_packed_into_text_and_back(self, mask: np.ndarray) -> None:
        rle = encode_rle(mask, compressed=True)
        assert isinstance(rle["counts"], str)
        assert np.array_equal(decode_rle(rle), mask)
        assert np.array_equal(decode_rle({**rle, "counts": rle["counts"].encode()}), mask)

    def test_packed_as_coco_packs_them(self) -> None:
        # What pycocotools 2.0.11 makes of these counts.
        counts = [0, 3, 1200, 1, 20, 3000, 5, 15, 16, 40]
        assert pack_counts(counts) == PACKED
        assert unpack_counts(PACKED) == counts

    def test_pycocotools_agrees(self) -> None:
        tools = pytest.importorskip("pycocotools.mask")
        rle = encode_rle(MASK)
        assert np.array_equal(tools.decode(tools.frPyObjects(rle, 4, 6)), MASK)
        assert np.array_equal(tools.decode(encode_rle(MASK, compressed=True)), MASK)

    @pytest.mark.parametrize(
        ("rle", "words"),
        [
            ({}, "incomplete"),
            ({"size": [2], "counts": [2]}, "incomplete"),
            ({"size": [2, 2], "counts": [-1, 5]}, "incomplete"),
            ({"size": [2, 2], "counts": [1.5, 2.5]}, "incomplete"),
            ({"size": [2, 2], "counts": "a~"}, "hold the character '~'"),
            ({"size": [2, 2], "counts": "ab"}, "end inside a number"),
            ({"size": [2, 2], "counts": "1"}, "add up to 1, expected"),
            ({"size": [2, 2], "counts": [1, 2]}, "add up to 3, expected 2 x 2 = 4"),
        ],
    )
    def test_bad_ones_are_refused(self, rle: dict[str, object], words: str) -> None:
        with pytest.raises(InputError, match=words):
            decode_rle(rle)


class TestCoco:
    def test_an_annotation_holds_what_coco_asks_for(self) -> None:
        (found,) = segmentation().to_coco(image_id=7, category_id=3, first_id=5)
        assert np.array_equal(decode_rle(found.pop("segmentation")), MASK)
        assert found == {
            "id": 5,
            "image_id": 7,
            "category_id": 3,
            "area": 6,
            "bbox": [2, 1, 3, 2],
            "iscrowd": 0,
            "score": 0.9,
        }

    def test_it_is_strict_json_and_an_example_can_be_made_of_it(self) -> None:
        (found,) = segmentation(score=None).to_coco()
        again = json.loads(json.dumps(found, allow_nan=False))
        assert again == found and "score" not in found
        assert np.array_equal(to_mask(again), MASK)

    def test_an_empty_mask_is_no_annotation(self) -> None:
        assert Segmentation(np.zeros_like(MASK), LOGITS).to_coco() == []


class TestSupervision:
    def test_without_the_library_its_command_is_named(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "supervision", None)
        with pytest.raises(MissingExtraError, match="pip install supervision"):
            segmentation().to_supervision()

    def test_what_the_library_is_given(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Detections:
            def __init__(self, **fields: object) -> None:
                self.__dict__.update(fields)

            @classmethod
            def empty(cls) -> str:
                return "none"

        module = types.ModuleType("supervision")
        module.Detections = Detections  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "supervision", module)
        found = segmentation().to_supervision(class_id=3)
        assert found.xyxy.tolist() == [[2, 1, 4, 2]] and found.mask.shape == (1, 4, 6)
        assert found.class_id.tolist() == [3] and np.allclose(found.confidence, 0.9)
        nothing = Segmentation(np.zeros_like(MASK), LOGITS)
        assert nothing.to_supervision() == "none"


class TestPicture:
    def test_png_in_file_and_dictionary_is_exact(self, tmp_path: Path) -> None:
        answer = Picture(PIXELS)
        with Image.open(answer.save(tmp_path / "p.png")) as image:
            assert np.array_equal(np.array(image), PIXELS)
        png = base64.b64decode(answer.to_dict()["png_base64"])
        assert np.array_equal(np.array(Image.open(io.BytesIO(png))), PIXELS)
        assert repr(answer) == "Picture(image 4x6)"

    @pytest.mark.parametrize(
        "fields",
        [
            {"image": PIXELS / 255},
            {"image": PIXELS[..., 0]},
            {"image": PIXELS[:0]},
            {"image": PIXELS.transpose(2, 0, 1)},
            {"canvas": np.ones((8, 8, 3), np.float32)},
            {"canvas": np.ones((3, 8, 8))},
        ],
    )
    def test_wrong_fields_are_refused(self, fields: dict[str, object]) -> None:
        with pytest.raises(PluginError, match="Picture"):
            Picture(**{"image": PIXELS, **fields})  # type: ignore[arg-type]


class TestClassification:
    def test_csv_has_one_row_a_label_and_no_formula(self, tmp_path: Path) -> None:
        path = classification().save(tmp_path / "c.csv")
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        assert rows[0] == ["label", "probability", "predicted"]
        assert rows[1:] == [["dog", "0.25", "0"], ["'=cat", "0.75", "1"]]

    def test_free_answer_needs_no_labels(self, tmp_path: Path) -> None:
        answer = Classification("a cat", answer="I see a cat.")
        assert repr(answer) == "Classification('a cat' of 0 labels)"
        assert answer.to_dict()["probabilities"] is None
        assert answer.plot().width > 0 and answer.save(tmp_path / "c.csv").exists()

    def test_plot_of_many_long_labels_stays_a_sheet(self) -> None:
        labels = tuple(f"{'very ' * 30}long label\n{n}" for n in range(50))
        chances = np.full(50, 0.02, np.float32)
        assert Classification(labels[7], labels, chances).plot().size == (640, 20 * 26 + 16)

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"label": "cow"}, "label is 'cow', expected one of 2 labels"),
            ({"label": 3}, "label holds int"),
            ({"labels": ("cat", 3)}, "labels holds int"),
            ({"labels": ("cat", "cat")}, "labels repeat"),
            ({"probabilities": np.array([0.5, 0.5])}, "probabilities is float64"),
            ({"probabilities": np.ones(3, np.float32)}, r"\[3\], expected float32 \[2\]"),
            ({"probabilities": np.array([0.5, 0.1], np.float32)}, "add up to 0.6"),
            ({"probabilities": np.array([1.5, -0.5], np.float32)}, "from -0.5"),
            ({"probabilities": np.array([np.nan, 1], np.float32)}, "add up to nan"),
        ],
    )
    def test_wrong_fields_are_refused(self, fields: dict[str, object], words: str) -> None:
        good = {"label": "cat", "labels": ("cat", "dog")}
        with pytest.raises(PluginError, match=words):
            Classification(**{**good, **fields})  # type: ignore[arg-type]
