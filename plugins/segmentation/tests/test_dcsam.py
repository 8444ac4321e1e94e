"""DC-SAM's networks against golden arrays, and its files."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from icl_core.errors import InputError, WeightsError
from icl_segmentation.dcsam import generator
from icl_segmentation.dcsam.attention import CycleAttention
from icl_segmentation.dcsam.checkpoint import build_generator, read_dcsam
from icl_segmentation.dcsam.generator import PromptGenerator
from icl_segmentation.dcsam.parts import Prompts, Prototypes
from icl_segmentation.dcsam.pipeline import DcSam, Request
from icl_segmentation.dcsam.sam_path import Sam1Path
from icl_segmentation.dcsam.sizes import GeneratorSizes, generator_sizes
from icl_segmentation.sam.build import sam_from_tensors

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden"
LIMIT = 2e-5  # README of golden/dcsam
SIZE = (64, 64)

Arrays = Mapping[str, Tensor]


def read(name: str) -> dict[str, Tensor]:
    with np.load(GOLDEN / "dcsam" / f"{name}.npz", allow_pickle=False) as file:
        return {key: torch.from_numpy(file[key]) for key in file.files}


def manifest(name: str) -> dict[str, Any]:
    return json.loads((GOLDEN / "dcsam" / f"{name}.json").read_text())


def full_manifests() -> dict[str, Any]:
    return json.loads(gzip.decompress((GOLDEN / "dcsam" / "manifests_full.json.gz").read_bytes()))


@pytest.fixture(scope="module")
def sam(seeded: Callable[[Any, int], dict[str, Tensor]]) -> Sam1Path:
    return Sam1Path(sam_from_tensors(seeded(manifest("manifest_tiny_sam"), 1)))


@pytest.fixture(scope="module")
def tiny(seeded: Callable[[Any, int], dict[str, Tensor]]) -> dict[str, Tensor]:
    return seeded(manifest("manifest_tiny_dcsam_resnet"), 1)


@pytest.fixture(scope="module")
def dcsam(tiny: dict[str, Tensor], sam: Sam1Path) -> DcSam:
    return DcSam(build_generator(tiny), sam)


@pytest.fixture(scope="module")
def one_shot(seeded: object) -> Arrays:
    return read("image_1shot")


def apart(found: Tensor, wanted: Tensor) -> float:
    assert found.shape == wanted.shape
    return float((found - wanted).abs().max())


def final(dcsam: DcSam, arrays: Arrays, leak: bool = False) -> Tensor:
    """Answer each query by the support of its own row."""
    support = dcsam.prepare(arrays["support_img"], arrays["support_mask"], leak=leak)
    reading = dcsam.read(arrays["query_img"])
    requests = [Request(n, [n]) for n in range(len(arrays["query_img"]))]
    return dcsam.answer(reading, support, requests, leak=leak)


@pytest.mark.parametrize("case", ["bs1", "bs2"])
@torch.inference_mode()
def test_cycle_attention_equals_the_golden_arrays_with_the_batch_leak(
    seeded: Callable[[Any, int], dict[str, Tensor]], case: str
) -> None:
    arrays = read("cycle_attention_unit")
    attention = CycleAttention(32, 4)
    shapes = {name: tuple(tensor.shape) for name, tensor in attention.state_dict().items()}
    attention.load_state_dict(seeded(shapes, 1))
    query, key, value = (arrays[f"{case}_{n}"].transpose(0, 1) for n in ("query", "key", "value"))
    mask = arrays[f"{case}_mask"]
    weights = attention.weights(query, key, mask, leak=True)
    assert torch.equal(weights == 0, arrays[f"{case}_weights"] == 0)
    assert apart(weights, arrays[f"{case}_weights"]) < LIMIT
    out = attention.attend(query, key, value, mask, leak=True)
    assert apart(out.transpose(0, 1), arrays[f"{case}_out"]) < LIMIT
    alone = torch.cat(
        [
            attention.attend(*(x[n : n + 1] for x in (query, key, value, mask)))
            for n in range(len(mask))
        ]
    )
    assert apart(attention.attend(query, key, value, mask), alone) < LIMIT


@torch.inference_mode()
def test_backbone_and_maps_equal_the_golden_arrays(
    dcsam: DcSam, tiny: dict[str, Tensor], one_shot: Arrays
) -> None:
    maps = dcsam.encode(one_shot["support_img"])
    assert apart(maps.embed, one_shot["sam_support"]) < LIMIT
    reading = dcsam.read(one_shot["query_img"])
    assert apart(reading.maps.embed, one_shot["sam_query"]) < LIMIT
    last = reading.query.last
    assert apart(last.mean(dim=(2, 3)), one_shot["backbone_layer4_query_chmean"]) < LIMIT
    assert apart(last[:, :16], one_shot["backbone_layer4_query_ch0_16"]) < LIMIT
    second, _ = dcsam.generator._middle(one_shot["query_img"])
    assert apart(second.mean(dim=(2, 3)), one_shot["backbone_layer2_query_chmean"]) < LIMIT
    assert reading.query.fused is not None
    assert apart(reading.query.fused, one_shot["down_query"]) < LIMIT
    paper = build_generator(tiny, paper_negative=True)
    support = paper.read_support(
        one_shot["support_img"], one_shot["support_mask"], one_shot["sam_support"]
    )
    assert apart(support.prototypes.positive[..., None, None], one_shot["prototype"]) < LIMIT
    assert apart(support.merged, one_shot["merged_support_pos"]) < LIMIT
    priors = paper.priors(last, support, [(0, 0)])
    merged = paper.merge_query(reading.query, support.prototypes, priors)
    assert priors[1] is not None and merged.negative is not None
    assert apart(priors[0], one_shot["prior_mask_pos"]) < LIMIT
    assert apart(priors[1], one_shot["prior_mask_neg"]) < LIMIT
    assert apart(merged.positive, one_shot["merged_query_pos"]) < LIMIT
    assert apart(merged.negative, one_shot["merged_query_neg"]) < LIMIT


@torch.inference_mode()
def test_prompts_and_logits_equal_the_golden_arrays(dcsam: DcSam, one_shot: Arrays) -> None:
    support = dcsam.prepare(one_shot["support_img"], one_shot["support_mask"])
    assert apart(support.prompts.positive, one_shot["prompt1_pos"]) < LIMIT
    assert apart(support.prompts.negative, one_shot["prompt1_neg"]) < LIMIT
    typed = dcsam.sam.typed(support.prompts)
    assert apart(typed.positive, one_shot["prompt1_pos_after_decoder"]) < LIMIT
    assert apart(typed.negative, one_shot["prompt1_neg_after_decoder"]) < LIMIT
    reading = dcsam.read(one_shot["query_img"])
    coarse = dcsam.decode(reading.maps, support.prompts, SIZE)
    assert apart(coarse, one_shot["stage1_logits"]) < LIMIT
    assert torch.equal((coarse[:, 0] > 0).float(), one_shot["stage1_mask"])
    merged = dcsam.merge(reading.query, support, [0])
    refined = dcsam.two_stages(reading.maps, support, merged, SIZE)
    assert apart(refined.positive, one_shot["prompt2_pos"]) < LIMIT
    assert apart(refined.negative, one_shot["prompt2_neg"]) < LIMIT
    logits = final(dcsam, one_shot)
    assert apart(logits, one_shot["final_logits"]) < LIMIT
    assert torch.equal((logits[:, 0] > 0).float(), one_shot["final_mask"])


@pytest.mark.parametrize("branch", ["pos", "neg"])
@torch.inference_mode()
def test_attention_weights_equal_the_golden_arrays(
    dcsam: DcSam, one_shot: Arrays, branch: str
) -> None:
    from icl_segmentation.dcsam.attention import _flat

    network, positive = dcsam.generator, branch == "pos"
    decoder = network.transformer_decoder if positive else network.neg_transformer_decoder
    place = decoder.q_embed.weight
    inside = torch.nn.functional.interpolate(one_shot["support_mask"][:, None], (8, 8))
    labels = (inside if positive else 1 - inside).flatten(1)
    support = one_shot["merged_support_pos"]
    if not positive:  # not among the arrays; what builds it is
        seen = []
        hook = network.merge_2.register_forward_hook(lambda *call: seen.append(call[2]))
        dcsam.prepare(one_shot["support_img"], one_shot["support_mask"])
        hook.remove()
        support = seen[0]
    first: Any = decoder.transformer_cross_attention_layers_0[0]
    start = decoder.supp_q_feat.weight[None] + place
    found = first.multihead_attn.weights(start, _flat(support)[0], labels)
    assert torch.equal(found[0] == 0, one_shot[f"attn_stage1_{branch}"] == 0)
    assert apart(found[0], one_shot[f"attn_stage1_{branch}"]) < LIMIT
    coarse = torch.nn.functional.interpolate(one_shot["stage1_mask"][:, None], (8, 8))
    labels = (coarse if positive else 1 - coarse).flatten(1)
    features = one_shot["merged_query_pos" if positive else "merged_support_pos"]
    second: Any = decoder.transformer_cross_attention_layers[0]
    start = one_shot[f"prompt1_{branch}_after_decoder"] + place
    found = second.multihead_attn.weights(start, _flat(features)[0], labels)
    assert torch.equal(found[0] == 0, one_shot[f"attn_stage2_{branch}"] == 0)
    assert apart(found[0], one_shot[f"attn_stage2_{branch}"]) < LIMIT


@torch.inference_mode()
def test_batches_equal_the_golden_arrays_with_and_without_the_leak(dcsam: DcSam) -> None:
    arrays = read("image_batch2")
    for leak, prefix in ((True, ""), (False, "single_")):
        support = dcsam.prepare(arrays["support_img"], arrays["support_mask"], leak=leak)
        assert apart(support.prompts.positive, arrays[f"{prefix}prompt1_pos"]) < LIMIT
        assert apart(final(dcsam, arrays, leak), arrays[f"{prefix}final_logits"]) < LIMIT


@torch.inference_mode()
def test_first_stage_of_five_shots_equals_the_golden_arrays(dcsam: DcSam) -> None:
    arrays = read("image_5shot_stage1")
    support = dcsam.prepare(arrays["support_imgs"], arrays["support_masks"])
    assert apart(support.prototypes.positive[..., None, None], arrays["prototype"]) < LIMIT
    reading = dcsam.read(arrays["query_img"])
    # As released: priors and prototypes are averaged, and the last shot's prompts win.
    network = dcsam.generator
    prior, _ = network.priors(reading.query.last, support, [(0, n) for n in range(5)])
    prior = prior.mean(dim=0, keepdim=True)
    assert apart(prior, arrays["prior_mask_pos"]) < LIMIT
    mean = Prototypes(*(p.mean(dim=0, keepdim=True) for p in support.prototypes))
    merged = network.merge_query(reading.query, mean, (prior, None))
    assert apart(merged.positive, arrays["merged_query_pos"]) < LIMIT
    last = Prompts(*(branch[-1:] for branch in support.prompts))
    assert apart(last.positive, arrays["prompt1_pos"]) < LIMIT
    assert apart(last.negative, arrays["prompt1_neg"]) < LIMIT
    coarse = dcsam.decode(reading.maps, last, SIZE)
    assert apart(coarse, arrays["stage1_logits"]) < LIMIT
    paper = build_generator(dict(network.state_dict()), paper_negative=True)
    sources = paper.read_support(
        arrays["support_imgs"],
        arrays["support_masks"],
        dcsam.encode(arrays["support_imgs"]).embed,
    )
    _, negative = paper.priors(reading.query.last, sources, [(0, n) for n in range(5)])
    assert negative is not None
    assert apart(negative.mean(dim=0, keepdim=True), arrays["prior_mask_neg"]) < LIMIT


@pytest.mark.parametrize("kind", ["vgg16", "prioronly"])
@torch.inference_mode()
def test_other_classes_equal_the_golden_arrays(
    seeded: Callable[[Any, int], dict[str, Tensor]], sam: Sam1Path, one_shot: Arrays, kind: str
) -> None:
    arrays = read(f"image_{kind}_1shot")
    shapes = (
        full_manifests()["dcsam_sam1_vgg16"]
        if kind == "vgg16"
        else manifest("manifest_tiny_dcsam_prioronly_resnet")
    )
    dcsam = DcSam(build_generator(seeded(shapes, 1)), sam)
    support = dcsam.prepare(one_shot["support_img"], one_shot["support_mask"])
    assert apart(support.prototypes.positive[..., None, None], arrays["prototype"]) < LIMIT
    assert apart(support.prompts.positive, arrays["prompt1_pos"]) < LIMIT
    assert apart(support.prompts.negative, arrays["prompt1_neg"]) < LIMIT
    reading = dcsam.read(one_shot["query_img"])
    prior, _ = dcsam.generator.priors(reading.query.last, support, [(0, 0)])
    assert apart(prior, arrays["prior_mask_pos"]) < LIMIT
    merged = dcsam.merge(reading.query, support, [0])
    assert apart(merged.positive, arrays["merged_query_pos"]) < LIMIT
    refined = dcsam.two_stages(reading.maps, support, merged, SIZE)
    assert apart(refined.positive, arrays["prompt2_pos"]) < LIMIT
    assert apart(refined.negative, arrays["prompt2_neg"]) < LIMIT
    assert apart(final(dcsam, one_shot), arrays["final_logits"]) < LIMIT


@torch.inference_mode()
def test_shots_are_concatenated_or_averaged(dcsam: DcSam) -> None:
    arrays = read("image_5shot_stage1")
    support = dcsam.prepare(arrays["support_imgs"][:3], arrays["support_masks"][:3])
    reading = dcsam.read(arrays["query_img"])
    alone = [dcsam.answer(reading, support, [Request(0, [n])]) for n in range(3)]
    average = dcsam.answer(reading, support, [Request(0, [0, 1, 2])], shots="average")
    assert apart(average, torch.stack(alone).mean(dim=0)) < LIMIT
    three = dcsam.answer(reading, support, [Request(0, [0, 1, 2])])
    turned = dcsam.answer(reading, support, [Request(0, [2, 0, 1])])
    assert apart(three, turned) < LIMIT and apart(three, alone[0]) > 1e-3
    mixed = dcsam.answer(reading, support, [Request(0, [1]), Request(0, [0, 1, 2])])
    assert apart(mixed, torch.cat([alone[1], three])) < LIMIT


@torch.inference_mode()
def test_masks_of_one_picture_share_its_maps(
    dcsam: DcSam, one_shot: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, mask = one_shot["support_img"], one_shot["support_mask"]
    masks = torch.cat([mask, mask.flip(-1)])
    shared = dcsam.prepare(image, masks, places=[0, 0])
    each = dcsam.prepare(image.repeat(2, 1, 1, 1), masks)
    assert apart(shared.prompts.positive, each.prompts.positive) < LIMIT
    assert apart(shared.merged, each.merged) < LIMIT
    monkeypatch.setattr(generator, "MASKS", 1)
    alone = dcsam.prepare(image, masks, places=[0, 0])
    assert apart(alone.merged, each.merged) < LIMIT and len(alone.sources) == 2


@torch.inference_mode()
def test_paper_negative_branch_reads_the_query(
    tiny: dict[str, Tensor], sam: Sam1Path, one_shot: Arrays
) -> None:
    paper = DcSam(build_generator(tiny, paper_negative=True), sam)
    released = one_shot["final_logits"]
    assert 0.1 < apart(final(paper, one_shot), released) < 1  # the spec measured 0.44


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("dcsam_sam1_resnet50", GeneratorSizes()),
        ("dcsam_sam1_resnet101", GeneratorSizes(blocks=(3, 4, 23, 3))),
        ("dcsam_sam1_vgg16", GeneratorSizes(backbone="vgg")),
        ("dcsam_sam2_resnet50", GeneratorSizes(sam2=True)),
        ("dcsam_prioronly_sam1_resnet50", GeneratorSizes(prior_only=True)),
    ],
)
def test_published_sizes_are_read_from_shapes(
    seeded: object, name: str, sizes: GeneratorSizes
) -> None:
    shapes = full_manifests()[name]
    with torch.device("meta"):
        assert generator_sizes({n: torch.empty(s) for n, s in shapes.items()}) == sizes
        state = PromptGenerator(sizes).state_dict()
    assert {key: list(tensor.shape) for key, tensor in state.items()} == shapes


def small_generator() -> dict[str, Tensor]:
    return PromptGenerator(GeneratorSizes(blocks=(1, 1, 1, 1))).state_dict()


def test_file_of_the_released_training_loads_unchanged(tmp_path: Path) -> None:
    state = small_generator()
    path = tmp_path / "best_model.pt"
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, path)
    found = read_dcsam(path)
    assert not found.sam2 and not found.generator.training
    same = found.generator.state_dict()
    assert all(torch.equal(same[name], tensor) for name, tensor in state.items())


def test_trained_parts_alone_need_a_backbone(tmp_path: Path) -> None:
    state = small_generator()
    trained = {n: t for n, t in state.items() if not n.startswith("layer")}
    path, backbone = tmp_path / "trained.pt", tmp_path / "resnet50_v2.pth"
    torch.save(trained, path)
    with pytest.raises(InputError, match=r"without the backbone.*resnet50_v2"):
        read_dcsam(path)
    stem = {
        f"layer0.{n}": name
        for name, n in {"conv1": 0, "bn1": 1, "conv2": 3, "bn2": 4, "conv3": 6, "bn3": 7}.items()
    }
    frozen = {n: t for n, t in state.items() if n.startswith("layer") and "num_" not in n}
    renamed = {}
    for name, tensor in frozen.items():
        start = name.rpartition(".")[0]
        renamed[name.replace(start, stem[start]) if start in stem else name] = tensor
    torch.save({**renamed, "fc.weight": torch.zeros(3, 3)}, backbone)
    found = read_dcsam(path, backbone).generator.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, backbone)
    with pytest.raises(WeightsError, match=r"one 7x7 convolution as stem.*resnet50_v2"):
        read_dcsam(path, backbone)


def test_vgg_of_torchvision_is_renamed(tmp_path: Path) -> None:
    torchvision = pytest.importorskip("torchvision")
    with torch.device("meta"):
        theirs = torchvision.models.vgg16_bn().features.state_dict()
        ours = PromptGenerator(GeneratorSizes(backbone="vgg")).state_dict()
    small = {f"features.{name}": torch.full((), float(n)) for n, name in enumerate(theirs)}
    path = tmp_path / "vgg16_bn.pth"
    torch.save({**small, "classifier.0.weight": torch.zeros(3)}, path)
    from icl_segmentation.dcsam.checkpoint import read_backbone

    found = read_backbone(path)
    stages = [name for name in ours if name.startswith("layer")]
    assert list(found) == stages
    for (name, number), shape in zip(found.items(), theirs.values(), strict=True):
        assert int(number) == stages.index(name) and ours[name].shape == shape.shape


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"image_encoder.pos_embed": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="holds no DC-SAM"):
        read_dcsam(path)
    torch.save({"sam2.layer.lora_A.default.weight": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="adapters"):
        read_dcsam(path)
    broken = small_generator()
    broken["merge_1.0.weight"] = torch.zeros(256, 9, 1, 1)
    torch.save(broken, path)
    with pytest.raises(WeightsError, match=r"merge_1\.0\.weight is \[256, 9, 1, 1\]"):
        read_dcsam(path)
