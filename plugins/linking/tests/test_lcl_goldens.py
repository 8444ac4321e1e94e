"""The learner `lcl` against the golden arrays: transformers models and the published network."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parent))

from lcl_cases import golden, golden_model, seeded

from icl_linking.lcl.chat_models.places import ModelReader
from icl_linking.lcl.mllm.config import LanguageConfig, language_from_shapes, vision_from_shapes
from icl_linking.lcl.mllm.network import ClipVision, LclMllm
from icl_linking.lcl.mllm.reading import MllmReader, PictureTokens, merged
from icl_linking.lcl.scoring import combine, greedy, option_logprobs

KINDS = ("llava", "idefics3", "qwen2_5_vl")
TOLERANCE = 1e-4


def inputs_of(arrays, kind, start=None, images=slice(None)):
    """A piece of a golden prompt: its tokens from `start` on, or up to it, and its pictures."""
    ids = arrays[f"{kind}__input_ids"]
    found = {"input_ids": ids if start is None else ids[:, start]}
    values = arrays[f"{kind}__pixel_values"]
    if kind == "idefics3":
        found["pixel_values"] = values[:, images]
    elif kind == "llava":
        found["pixel_values"] = values[images]
    else:
        grid = arrays[f"{kind}__image_grid_thw"]
        rows = torch.repeat_interleave(torch.arange(len(grid)), grid.prod(dim=1))
        wanted = torch.arange(len(grid))[images]
        found["pixel_values"] = values[torch.isin(rows, wanted)]
        found["image_grid_thw"] = grid[images]
        found["mm_token_type_ids"] = (found["input_ids"] == 101).int()
    return found


@pytest.fixture(scope="module", params=KINDS)
def case(request):
    kind = request.param
    arrays, stored = golden("hf_option_loglik.npz"), golden("hf_option_loglik.json")["models"][kind]
    with torch.no_grad():
        reader = ModelReader(golden_model(kind, stored))
    return kind, arrays, stored, reader


def cut_of(arrays, kind):
    """Where the last picture begins."""
    ids = arrays[f"{kind}__input_ids"][0]
    return int((ids == 101).nonzero()[-4])


@pytest.mark.parametrize("pieces", [1, 2])
@torch.inference_mode()
def test_option_log_likelihoods_of_transformers_models(case, pieces):
    kind, arrays, stored, reader = case
    if pieces == 1:
        place = reader.read(inputs_of(arrays, kind))
    else:
        cut = cut_of(arrays, kind)
        start = reader.read(inputs_of(arrays, kind, slice(None, cut), slice(0, 2)))
        place = reader.read(inputs_of(arrays, kind, slice(cut, None), slice(2, 3)), start)
    expected = arrays[f"{kind}__last_logits"]
    assert float((place.logits - expected).abs().max()) < TOLERANCE
    options = [arrays[f"{kind}__option{n}"].tolist() for n in range(3)]
    found = option_logprobs(reader, place, options)
    for number, row in enumerate(found):
        wanted = arrays[f"{kind}__option{number}_token_logprobs"]
        assert float((row - wanted).abs().max()) < TOLERANCE
    assert combine(found, "sum") == pytest.approx(stored["sum_logprob"], abs=TOLERANCE)
    assert combine(found, "mean") == pytest.approx(stored["mean_logprob"], abs=TOLERANCE)


@torch.inference_mode()
def test_a_place_stays_as_it_is_when_others_go_on_from_it(case):
    kind, arrays, _, reader = case
    place = reader.read(inputs_of(arrays, kind))
    options = [arrays[f"{kind}__option{n}"].tolist() for n in range(3)]
    first = option_logprobs(reader, place, options, batch=2)
    greedy(reader, place, 4, ())
    again = option_logprobs(reader, place, options, batch=1)
    for one, other in zip(first, again, strict=True):
        assert float((one - other).abs().max()) < 1e-5


@torch.inference_mode()
def test_each_option_alone_after_the_whole_text_has_the_same_score(case):
    kind, arrays, _, reader = case
    whole = inputs_of(arrays, kind)
    place = reader.read(whole)
    option = arrays[f"{kind}__option1"]
    longer = dict(whole)
    longer["input_ids"] = torch.cat([whole["input_ids"], option[None, :-1]], dim=1)
    if "mm_token_type_ids" in whole:
        more = torch.zeros(1, len(option) - 1, dtype=torch.int)
        longer["mm_token_type_ids"] = torch.cat([whole["mm_token_type_ids"], more], dim=1)
    last = torch.log_softmax(reader.read(longer).logits, dim=-1)[option[-1]]
    (found,) = option_logprobs(reader, place, [option.tolist()])
    assert float(found[-1] - last) == pytest.approx(0, abs=TOLERANCE)


@pytest.fixture(scope="module")
def mllm():
    stored, arrays = golden("lcl_mllm_tiny.json"), golden("lcl_mllm_tiny.npz")
    language = seeded(stored["state_dict_llm"])
    language = {n: t for n, t in language.items() if not n.endswith("inv_freq")}
    network = LclMllm(language_from_shapes(language, stored["llm"])).eval()
    network.load_state_dict(language)
    tower = seeded(stored["state_dict_vision_tower"])
    vision = ClipVision(vision_from_shapes(tower, stored["vision"])).eval()
    own = vision.state_dict()
    vision.load_state_dict({n: t for n, t in tower.items() if n in own})
    reader = MllmReader(network, PictureTokens(patch=100, start=101, end=102))
    with torch.inference_mode():
        features = network.project(vision(arrays["pixel_values"][0]))
    return reader, arrays, features


def test_the_published_sizes():
    config = LanguageConfig()
    with torch.device("meta"):
        network = LclMllm(config)
    assert sum(p.numel() for p in network.parameters()) == 6_742_638_592
    assert tuple(network.state_dict()["model.mm_projector.weight"].shape) == (4096, 1024)


def test_picture_features(mllm):
    _, arrays, features = mllm
    assert float((features - arrays["image_features"]).abs().max()) < TOLERANCE


@pytest.mark.parametrize(
    ("merge", "name"), [("last", "logits_official"), ("all", "logits_all_images")]
)
@torch.inference_mode()
def test_logits_of_the_published_network(mllm, merge, name):
    reader, arrays, features = mllm
    found = reader.logits(arrays["input_ids"][0], merged(list(features), merge))
    assert float((found - arrays[name][0]).abs().max()) < TOLERANCE


@pytest.mark.parametrize("merge", ["last", "all"])
@pytest.mark.parametrize("pieces", [1, 2])
@torch.inference_mode()
def test_options_and_greedy_answers_of_the_published_network(mllm, merge, pieces):
    reader, arrays, features = mllm
    ids, put = arrays["input_ids"][0], merged(list(features), merge)
    if pieces == 1:
        place = reader.read(ids, put)
    else:
        cut = int((ids == 1).nonzero()[-1])
        place = reader.read(ids[cut:], put[2:], reader.read(ids[:cut], put[:2]))
    options = [arrays["option_pos"].tolist(), arrays["option_neg"].tolist()]
    found = option_logprobs(reader, place, options)
    for row, sign in zip(found, ("pos", "neg"), strict=True):
        assert float((row - arrays[f"ll_{merge}_{sign}"]).abs().max()) < TOLERANCE
    assert greedy(reader, place, 6, ()) == arrays[f"greedy_{merge}"].tolist()


@torch.inference_mode()
def test_only_the_last_picture_counts_in_the_released_forward(mllm):
    reader, arrays, features = mllm
    ids = arrays["input_ids"][0]
    other = features.clone()
    other[:2] = 1.0
    same = reader.logits(ids, merged(list(features), "last"))
    assert torch.equal(same, reader.logits(ids, merged(list(other), "last")))
    assert not torch.equal(same, reader.logits(ids, merged(list(other), "all")))
