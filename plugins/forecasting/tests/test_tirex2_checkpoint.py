"""TiRex-2 checkpoints in every published layout, aliases included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

from icl_core import WeightsError, registry
from icl_forecasting.tirex2.card import TIREX2
from icl_forecasting.tirex2.checkpoint import read_network
from icl_forecasting.tirex2.config import Tirex2Config
from icl_forecasting.tirex2.network import Tirex2Network

TINY = Tirex2Config(
    embedding_dim=16,
    blocks=("mlstm", "slstm"),
    patch=4,
    context_length=48,
    future_length=8,
    input_ff_dim=8,
    head_expansion=2,
    difference=False,
)


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return {n: torch.randn(t.shape) for n, t in Tirex2Network(TINY).state_dict().items()}


def with_aliases(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Every name of the first release; each alias is a tensor of its own, as some files have it."""
    full = dict(tensors)
    for name, tensor in tensors.items():
        names = [name.replace("fwd_cell", "rev_cell")]
        for own in (name, names[0]):
            names.append(own.replace("._recurrent_kernel_", ".recurrent_kernel"))
        full |= {alias: tensor.clone() for alias in names if alias not in full}
    return full


def write(folder: Path, layout: str, tensors: dict[str, torch.Tensor]) -> Path:
    official = TINY.to_official()
    ignored = {"postprocessor_cfg": {"a": 1}, "rnn_backend": "native", "device": "cuda"}
    if layout == "ours":
        path = folder / "own.safetensors"
        save_file(tensors, path, metadata={"config": json.dumps(official)})
        return path
    path = folder / ("model.ckpt" if "ckpt" in layout else "model.safetensors")
    full = with_aliases(tensors)
    if layout == "ckpt wrapped":
        torch.save({"state_dict": full}, path)
    elif "ckpt" in layout:
        torch.save(full, path)
    else:
        save_file(tensors if layout == "safetensors" else full, path)
    if "yaml" in layout:
        (folder / "model-config.yaml").write_text(yaml.safe_dump({**official, **ignored}))
    else:
        (folder / "config.json").write_text(json.dumps({**official, **ignored}))
    return path


LAYOUTS = ("ours", "safetensors", "safetensors full", "ckpt", "ckpt yaml", "ckpt wrapped")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_network(
    layout: str, tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    network, options = read_network(write(tmp_path, layout, tensors))
    assert network.config == TINY
    assert options == {}
    assert not network.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, tensors[name])
    assert len(network.state_dict()) == len(tensors)


def test_one_name_of_a_group_is_enough_whichever_it_is(
    tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    renamed = {
        name.replace("fwd_cell", "rev_cell").replace("_recurrent_kernel_", "recurrent_kernel"): t
        for name, t in tensors.items()
    }
    path = tmp_path / "model.safetensors"
    save_file(renamed, path, metadata={"config": json.dumps(TINY.to_official())})
    for name, tensor in read_network(path)[0].state_dict().items():
        assert torch.equal(tensor, tensors[name])


def test_names_that_disagree_are_refused(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    full = with_aliases(tensors)
    name = "stack.1.time_mixer.rev_cell.recurrent_kernel"
    full[name] = full[name] + 1
    path = write(tmp_path, "ours", full)
    with pytest.raises(WeightsError, match=r"are names of one tensor.*different values"):
        read_network(path)


def test_a_whole_group_that_is_missing_is_named(
    tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    some = {n: t for n, t in tensors.items() if not n.endswith("_recurrent_kernel_")}
    path = write(tmp_path, "ours", some)
    with pytest.raises(WeightsError, match=r"1 missing \(stack\.1\..*_recurrent_kernel_\)"):
        read_network(path)


def test_sizes_come_from_the_shapes_where_there_is_no_config(
    tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "bare.pt"
    torch.save(with_aliases(tensors), path)
    config = read_network(path)[0].config
    assert (config.blocks, config.embedding_dim, config.patch) == (TINY.blocks, 16, 4)
    assert (config.context_length, config.future_length) == (2048, 320)
    assert config.quantile_levels == pytest.approx(TINY.quantile_levels)
    assert (config.input_ff_dim, config.head_expansion) == (8, 2)


def test_the_config_of_another_model_beside_it_is_not_read(
    tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    torch.save(dict(tensors), tmp_path / "bare.pt")
    (tmp_path / "config.json").write_text('{"model_config": {}}')
    assert read_network(tmp_path / "bare.pt")[0].config.embedding_dim == 16


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [("config.json", "{", "is not JSON"), ("model-config.yaml", "a: [", "is not YAML")],
)
def test_a_broken_config_is_named(
    name: str, text: str, words: str, tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    torch.save(dict(tensors), tmp_path / "bare.pt")
    (tmp_path / name).write_text(text)
    with pytest.raises(WeightsError, match=words):
        read_network(tmp_path / "bare.pt")


def test_other_checkpoints_are_refused_in_a_sentence(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="not a TiRex-2 checkpoint"):
        read_network(tmp_path / "other.pt")


def test_the_config_decides_the_defaults(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    learner: Any = registry.load_card(TIREX2, weights=write(tmp_path, "ours", tensors))
    assert learner._passes({}) == {"difference": False, "sign_flip": False, "pad_context": True}
    assert learner._passes({"difference": True})["difference"]
