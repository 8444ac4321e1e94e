"""Foreign plugins, laid into a temporary site folder without pip, and a server of weights."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from icl_core import plugins

sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))
from weights_server import Place, Server

ROOT = Path(__file__).parents[2]
FOREIGN = ROOT / "tests" / "plugin_package"


class Site:
    """A site folder on the path of this process, and of the processes it starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self,
        module: str,
        distribution: str,
        version: str = "1.2.3",
        point: str | None = None,
        source: Path | None = None,
    ) -> None:
        """Copy a module or package here and describe it as pip would."""
        origin = source or next(
            path
            for path in (FOREIGN / module, FOREIGN / "broken" / f"{module}.py")
            if path.exists()
        )
        if origin.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(origin, self.folder / module, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copy(origin, self.folder)
        point = point or module.removeprefix("icl_").replace("_", "-")
        self.describe(distribution, version, f"[icl]\n{point} = {module}\n")

    def describe(self, distribution: str, version: str, entry_points: str) -> None:
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        (info / "entry_points.txt").write_text(entry_points)
        importlib.invalidate_caches()

    def install_echo(self) -> None:
        self.install("icl_echo", "icl-echo")

    def install_broken(self, *modules: str) -> None:
        for module in modules:
            self.install(module, module.replace("_", "-"), "0.9")
        if "icl_badcards" in modules:
            for helper in ("icl_badlearners", "icl_needsmodule"):
                shutil.copy(FOREIGN / "broken" / f"{helper}.py", self.folder)

    def run(self, code: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run Python code in a fresh process that has this site folder."""
        path = os.pathsep.join([str(self.folder), *filter(None, sys.path)])
        return subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty site folder in front of the path; what it brings is forgotten afterwards."""
    for variable in ("ICL_LOAD_PLUGINS", "ICL_STRICT_PLUGINS", "ICL_TRACE_PLUGINS"):
        monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    plugins.discover(refresh=True)
    yield Site(folder)
    monkeypatch.undo()
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(folder)):
            del sys.modules[name]
    plugins.discover(refresh=True)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A server of weights, and an empty home to fetch them to."""
    for name in ("ICL_OFFLINE", "HF_HUB_OFFLINE", "ICL_STRICT_WEIGHTS", "ICL_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ICL_HOME", str(tmp_path / "home"))
    server = Server()
    yield Place(server, tmp_path / "home", [])
    server.http.shutdown()
    server.http.server_close()
