"""Golden arrays, the stand-in weights that they were made with, and small packed pictures."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import sys
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden"

sys.path.append(str(Path(__file__).resolve().parents[1] / "training"))
sys.path.append(str(Path(__file__).parent))

Seeded = Callable[[Mapping[str, Any], int], dict[str, Tensor]]


def _present(name: str) -> Path:
    path = GOLDEN / name
    if not path.is_file():
        pytest.skip(f"the golden file ../shared/golden/{name} is not here")
    return path


@pytest.fixture(scope="session")
def seeded() -> Seeded:
    """From names, shapes and a seed to the stand-in weights of the golden arrays."""
    path = _present("seeded_weights.py")
    spec = importlib.util.spec_from_file_location("seeded_weights", path)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def tensors(shapes: Mapping[str, Any], seed: int) -> dict[str, Tensor]:
        found = module.seeded_state_dict(shapes, seed)
        return {name: torch.as_tensor(tensor) for name, tensor in found.items()}

    return tensors


@pytest.fixture(scope="session")
def golden() -> Callable[[str], dict[str, np.ndarray]]:
    """From a name such as "painter/tiny_forward.npz" to its arrays."""

    def arrays(name: str) -> dict[str, np.ndarray]:
        with np.load(_present(name), allow_pickle=False) as file:
            return {key: file[key] for key in file.files}

    return arrays


@pytest.fixture(scope="session")
def shapes() -> Callable[[str], dict[str, list[int]]]:
    """From a name such as "painter/tiny_manifest.json" to names and shapes of tensors."""

    def manifest(name: str) -> dict[str, list[int]]:
        found: dict[str, list[int]] = json.loads(_present(name).read_text(encoding="utf-8"))
        return found

    return manifest


def _write(folder: Path, rows: list[dict[str, str]], members: dict[str, np.ndarray]) -> None:
    folder.mkdir()
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with tarfile.open(folder / "data-000.tar", "w") as tar:
        for name, array in members.items():
            stream = io.BytesIO()
            Image.fromarray(array).save(stream, "PNG")
            info = tarfile.TarInfo(name)
            info.size = stream.tell()
            tar.addfile(info, io.BytesIO(stream.getvalue()))


@pytest.fixture(scope="session")
def packed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small packed folder: one set, pairs of noise, sprites; one member is missing."""
    root = tmp_path_factory.mktemp("vision")
    random = np.random.default_rng(0)
    members = {}
    keys = [f"p{n}" for n in range(12)]
    for key in keys[:-1]:
        members[f"images/{key}.png"] = random.integers(0, 256, (50, 40, 3), dtype=np.uint8)
        mask = np.zeros((50, 40), np.uint8)
        mask[10:30, 5:25] = 1 + int(key[1:]) % 2
        mask[0] = 255
        members[f"masks/{key}.png"] = mask
    rows = [{"id": key, "suggested": "train", "shard": "data-000.tar"} for key in keys]
    _write(root / "pascal_voc", rows, members)
    names = ["one_1", "one_2", "Sony_4-5_125_1600_toy_3"]
    pairs = {
        f"{side}/{name}.png": random.integers(0, 256, (160, 160, 3), dtype=np.uint8)
        for name in names
        for side in ("noisy", "clean")
    }
    _write(root / "restore_realnoise", [{"id": name} for name in names], pairs)
    sprites = {
        f"{style}/{code}.png": random.integers(0, 256, (96, 60, 4), dtype=np.uint8)
        for style in ("fluent3d", "noto")
        for code in ("1", "2", "3")
    }
    listed = [
        {"codepoint": code, "name": name, "suggested": side}
        for code, name, side in (("1", "a", "train"), ("2", "bus", "train"), ("3", "c", "dev"))
    ]
    _write(root / "emoji_sprites", listed, sprites)
    return root


@pytest.fixture(scope="session")
def bank(packed_folder: Path) -> Any:
    """The pictures of the packed folder, as the trainers hold them."""
    from canvases.bank import load_bank

    return load_bank(packed_folder, drawings=24)
