"""The plugin of toys as if it was installed, and small campaigns that were run with it."""

import shutil
from pathlib import Path

import pytest

from icl_bench.campaign import Campaign
from icl_bench.suite import Suite
from icl_core import plugins
from icl_core.evaluation import RunOptions

TOYS = Path(__file__).parents[1] / "plugin_package" / "icl_toys"


@pytest.fixture
def toy_plugin(tmp_path, monkeypatch):
    site = tmp_path / "site"
    shutil.copytree(TOYS, site / "icl_toys", ignore=shutil.ignore_patterns("__pycache__"))
    info = site / "icl_toys-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: icl-toys\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[icl]\ntoys = icl_toys\n")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("ICL_OFFLINE", "1")
    monkeypatch.delenv("ICL_DATA", raising=False)
    plugins.discover(refresh=True)
    yield site
    monkeypatch.undo()
    plugins.discover(refresh=True)


@pytest.fixture
def ran(toy_plugin, tmp_path):
    """Run a suite of toys into a folder: ran("out", learners=[...], sets=[...], probes=[...])."""

    def make(name, learners=("toy-nearest",), sets=None, probes=(), limit=None, **parts):
        rules = {"metric": "toy-right", "number": "right", "perfect": 1, "baseline": "toy-first"}
        colours = {"name": "colours", "source": "toy-colours"}
        value = {
            "name": "toys",
            "version": 1,
            "summary": "Toys.",
            "learners": {"linking": list(learners)},
            "sets": [{"task": "linking", **rules, **one} for one in sets or [colours]],
            "probes": list(probes),
            **parts,
        }
        campaign = Campaign.create(Suite.model_validate(value), tmp_path / name)
        campaign.run(RunOptions(limit=limit))
        return campaign

    return make


@pytest.fixture
def described():
    """Plain data of a suite of toys: described(probes=[...])."""

    def make(**parts):
        rules = {"metric": "toy-right", "number": "right", "perfect": 1, "baseline": "toy-first"}
        value = {
            "name": "toys",
            "version": 1,
            "summary": "Toys.",
            "learners": {"linking": ["toy-nearest"]},
            "defaults": {"linking": rules},
            "sets": [
                {"name": "colours", "task": "linking", "source": "toy-colours"},
                {"name": "files", "task": "linking", "source": "toy-folder", "folder": "toys"},
            ],
        }
        return {**value, **parts}

    return make


@pytest.fixture
def suite(described):
    """A suite of toys: suite(probes=[...])."""

    def make(**parts):
        return Suite.model_validate(described(**parts))

    return make
