"""Golden arrays and their weights; drawn pictures to train on, and small frozen parts."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from icl_segmentation.dcsam.generator import PromptGenerator
from icl_segmentation.dcsam.sizes import GeneratorSizes
from icl_segmentation.sam.build import Sam
from icl_segmentation.sam.image_encoder import EncoderSizes
from icl_segmentation.segic.backbone import DinoVisionTransformer
from icl_segmentation.segic.network import SegicConfig, SegicNetwork
from icl_segmentation.segic.text import TextTransformer

sys.path.append(str(Path(__file__).resolve().parents[1] / "training"))
sys.path.append(str(Path(__file__).parent))

from training_cases import GOLDEN, seed_weights, spread


@pytest.fixture(scope="session")
def seeded() -> Callable[[Mapping[str, Any], int], dict[str, Tensor]]:
    """From names, shapes and a seed to the stand-in weights of the golden arrays."""
    path = GOLDEN / "seeded_weights.py"
    if not path.is_file():
        pytest.skip("the golden arrays (../shared/golden) are not here")
    spec = importlib.util.spec_from_file_location("seeded_weights", path)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def tensors(shapes: Mapping[str, Any], seed: int) -> dict[str, Tensor]:
        found = module.seeded_state_dict(shapes, seed)
        return {name: tensor.reshape(tuple(shapes[name])) for name, tensor in found.items()}

    return tensors


@pytest.fixture(scope="module")
def sam2_golden() -> dict[str, Tensor]:
    """The golden arrays of DC-SAM's video model."""
    path = GOLDEN / "dcsam" / "video_sam2_1shot.npz"
    if not path.is_file():
        pytest.skip("the golden arrays (../shared/golden/dcsam) are not here")
    with np.load(path, allow_pickle=False) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


@pytest.fixture(scope="module")
def video_tensors(
    seeded: Callable[[Mapping[str, Any], int], dict[str, Tensor]],
) -> dict[str, Tensor]:
    """The stand-in weights of DC-SAM's small video model, under the official names."""
    manifest = GOLDEN / "dcsam" / "manifest_tiny_dcsam2.json"
    return seeded(json.loads(manifest.read_text()), 3)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of ten drawn pictures, in the layout of FSS-1000."""
    root = tmp_path_factory.mktemp("fss")
    rng = np.random.default_rng(0)
    colours = {"red box": (220, 40, 30), "blue box": (30, 60, 220)}
    for name, colour in colours.items():
        (root / name).mkdir()
        for number in range(1, 11):
            image = rng.integers(90, 130, (60, 72, 3), dtype=np.uint8)
            mask = np.zeros((60, 72), np.uint8)
            top, left = rng.integers(0, 30), rng.integers(0, 40)
            mask[top : top + 28, left : left + 30] = 255
            image[mask > 0] = colour
            Image.fromarray(image).save(root / name / f"{number}.jpg", quality=95)
            Image.fromarray(mask).save(root / name / f"{number}.png")
    (root / "trn.txt").write_text("\n".join(colours))
    return root


@pytest.fixture(scope="session")
def source(data: Path) -> str:
    return f"fss-1000={data},split=trn"


@pytest.fixture(scope="session")
def segic_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Frozen encoders of SEGIC, small."""
    folder = tmp_path_factory.mktemp("segic")
    vision = DinoVisionTransformer(width=24, depth=1, heads=4, hidden=32, grid=4)
    text = TextTransformer(width=8, depth=1, heads=2, hidden=16)
    files = {
        "backbone_weights": folder / "dinov2.pth",
        "text_weights": folder / "clip.pth",
        "backbone_heads": 4,
        "text_heads": 2,
    }
    torch.save(spread(vision, 1), files["backbone_weights"])
    torch.save(spread(text, 2), files["text_weights"])
    return files


@pytest.fixture(scope="session")
def dcsam_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A backbone and a SAM for DC-SAM, small."""
    folder = tmp_path_factory.mktemp("dcsam")
    generator = PromptGenerator(GeneratorSizes(blocks=(1, 1, 1, 1)))
    weights = {n: t for n, t in spread(generator, 3).items() if n.startswith("layer")}
    files = {"backbone_weights": folder / "resnet.pth", "sam_weights": folder / "sam.pth"}
    torch.save(weights, files["backbone_weights"])
    sam = Sam(EncoderSizes(32, 2, 2, (1,), window=5, image_size=128))
    torch.save(spread(sam, 4), files["sam_weights"])
    return files


@pytest.fixture(scope="session")
def segic_stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network of SEGIC in one file, its sizes in the metadata."""
    vision = {"width": 32, "depth": 1, "heads": 4, "hidden": 64, "grid": 5}
    text = {"width": 16, "depth": 1, "heads": 2, "hidden": 32}
    network = SegicNetwork(SegicConfig(vision=vision, text=text, side=112))
    generator = torch.Generator().manual_seed(4)
    tensors = {}
    for name, tensor in network.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        scale = 0.1 if tensor.ndim < 2 else tensor[0].numel() ** -0.5
        tensors[name] = noise * scale + (name.endswith("weight") and tensor.ndim == 1)
    tensors |= {n: t for n, t in network.state_dict().items() if n.startswith("pixel_")}
    path = tmp_path_factory.mktemp("segic") / "stand_in.safetensors"
    config = {"backbone_heads": 4, "text_heads": 2, "image_size": 112}
    save_file(tensors, path, metadata={"config": json.dumps(config)})
    return path


@pytest.fixture(scope="session")
def dcsam_stand_in(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of DC-SAM as the released training writes it, and a SAM file, both small."""
    folder = tmp_path_factory.mktemp("dcsam")
    generator = PromptGenerator(GeneratorSizes(blocks=(1, 1, 1, 1)))
    weights = seed_weights(generator, 1)
    paths = {"weights": folder / "best_model.pt", "sam_weights": folder / "sam.pth"}
    torch.save({f"module.{n}": t for n, t in weights.items()}, paths["weights"])
    sizes = EncoderSizes(32, 2, 2, (1,), window=5, image_size=128)
    torch.save(seed_weights(Sam(sizes), 2), paths["sam_weights"])
    return paths
