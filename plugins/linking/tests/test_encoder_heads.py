"""Heads against stored logits of the published formulas, and what they do at the edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from icl_core import InputError
from icl_linking.encoder.adapter import tip_adapter_f
from icl_linking.encoder.calibration import Standing, prior_temperature, temperature
from icl_linking.encoder.heads import (
    HEADS,
    HeadOptions,
    Shots,
    fit_head,
    gda_weights,
    search_tip_adapter,
    zero_shot,
)

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden" / "link_context"


@pytest.fixture(scope="module")
def stored() -> dict[str, Tensor]:
    path = GOLDEN / "encoder_fewshot.npz"
    if not path.is_file():
        pytest.skip("the golden logits (../shared/golden/link_context) are not here")
    with np.load(path, allow_pickle=False) as file:
        return {name: torch.from_numpy(file[name]).double() for name in file.files}


@pytest.fixture(scope="module")
def shots(stored: dict[str, Tensor]) -> Shots:
    return Shots(stored["support"], stored["support_label"].long(), 6, stored["text"].T)


@pytest.mark.parametrize(
    ("head", "options", "name", "tolerance"),
    [
        ("ncm", HeadOptions(), "ncm_logits", 1e-4),
        ("tip-adapter", HeadOptions(), "tip_logits_a1.17_b1", 1e-4),
        ("tip-adapter", HeadOptions(alpha=3, beta=5.5), "tip_logits_a3_b5.5", 1e-4),
        ("gda", HeadOptions(), "gda_logits_a1", 1e-3),
        ("gda", HeadOptions(text=0), "gda_only_logits", 1e-3),
        ("ridge", HeadOptions(), "krr_logits", 1e-4),
    ],
)
def test_golden_logits(
    stored: dict[str, Tensor],
    shots: Shots,
    head: str,
    options: HeadOptions,
    name: str,
    tolerance: float,
) -> None:
    found = fit_head(head, shots, options)(stored["query"])
    torch.testing.assert_close(found, stored[name], rtol=0, atol=tolerance)


def test_golden_zero_shot_search_and_gda_weights(stored: dict[str, Tensor], shots: Shots) -> None:
    assert shots.text is not None
    found = zero_shot(shots.text)(stored["query"])
    torch.testing.assert_close(found, stored["zero_shot_logits"], rtol=0, atol=1e-4)
    searched = search_tip_adapter(shots, stored["val"], stored["val_label"].long())
    assert searched[1:] == pytest.approx(stored["tip_searched_beta_alpha"].tolist())
    options = HeadOptions(beta=searched[1], alpha=searched[2])
    found = fit_head("tip-adapter", shots, options)(stored["query"])
    torch.testing.assert_close(found, stored["tip_logits_searched"], rtol=0, atol=1e-4)
    weights, bias = gda_weights(shots)
    torch.testing.assert_close(weights, stored["gda_W"], rtol=0, atol=1e-3)
    torch.testing.assert_close(bias, stored["gda_b"], rtol=0, atol=1e-3)


def drawn(classes: int, each: int, width: int, noise: float = 0.3, seed: int = 0) -> Shots:
    """Clusters on the sphere."""
    rng = torch.Generator().manual_seed(seed)
    centres = normalize(torch.randn(classes, width, generator=rng, dtype=torch.float64), dim=-1)
    labels = torch.arange(classes).repeat_interleave(each)
    spread = torch.randn(len(labels), width, generator=rng, dtype=torch.float64)
    features = normalize(centres[labels] + noise * spread / width**0.5, dim=-1)
    return Shots(features, labels, classes, centres.T)


@pytest.mark.parametrize(("each", "width"), [(3, 40), (30, 12)])
def test_gda_is_the_published_formula_on_both_sides_of_woodbury(each: int, width: int) -> None:
    shots = drawn(4, each, width)
    means = shots.means()
    centred = shots.features - means[shots.classes]
    count = len(centred)
    covariance = centred.T @ centred / (count - 1)
    shrunk = (count - 1) * covariance + covariance.trace() * torch.eye(width).double()
    weights = width * torch.linalg.pinv(shrunk) @ means.T
    found, bias = gda_weights(shots)
    torch.testing.assert_close(found, weights)
    expected = -torch.log(torch.tensor(4.0)).double() - 0.5 * (means * weights.T).sum(1)
    torch.testing.assert_close(bias, expected)


def test_gda_with_one_shot() -> None:
    shots = drawn(5, 1, 32)
    queries = drawn(5, 4, 32, noise=0.5)
    official, _ = gda_weights(shots, official=True)
    assert not official.any()
    found = fit_head("gda", shots, HeadOptions(text=0))(queries.features)
    assert (found.argmax(-1) == queries.classes).all()


@pytest.mark.parametrize("head", HEADS)
def test_heads_stand_supports_that_are_all_alike(head: str) -> None:
    same = normalize(torch.ones(4, 8).double(), dim=-1)
    shots = Shots(same, torch.tensor([0, 1, 0, 1]), 2)
    found = tip_adapter_f if head == "tip-adapter-f" else None
    fitted = found(shots, HeadOptions()) if found else fit_head(head, shots, HeadOptions())
    logits = fitted(same)
    assert torch.isfinite(logits).all() and torch.allclose(logits[:, 0], logits[:, 1])
    prior = prior_temperature(head, fitted, shots, with_text=False)
    chances = torch.softmax(logits / prior, -1)
    torch.testing.assert_close(chances, torch.full_like(chances, 0.5))


@pytest.mark.parametrize("head", ["ncm", "ridge", "gda", "tip-adapter"])
def test_text_helps_where_a_shot_is_odd(head: str) -> None:
    shots = drawn(6, 1, 32, noise=3.0, seed=3)
    queries = drawn(6, 10, 32, noise=1.0, seed=3)
    accuracy = [
        float(
            (
                fit_head(head, shots, HeadOptions(text=w))(queries.features).argmax(-1)
                == queries.classes
            )
            .double()
            .mean()
        )
        for w in (0.0, 1.0)
    ]
    assert accuracy[1] > accuracy[0]


def test_tip_adapter_f_learns_from_its_supports() -> None:
    shots = drawn(5, 8, 24, noise=2.5)
    plain = Shots(shots.features, shots.classes, 5)
    queries = drawn(5, 20, 24, noise=2.5, seed=0)
    before = fit_head("tip-adapter", plain)(queries.features)
    with torch.inference_mode():
        after = tip_adapter_f(plain, HeadOptions())(queries.features)
        again = tip_adapter_f(plain, HeadOptions())(queries.features)
    assert torch.equal(after, again) and not torch.allclose(before, after)
    loss = [torch.nn.functional.cross_entropy(x, queries.classes) for x in (before, after)]
    assert loss[1] < loss[0]
    with pytest.raises(InputError, match="expected one of ncm"):
        fit_head("svm", plain)


def test_temperature_follows_what_is_held_back() -> None:
    found = []
    for noise in (0.3, 3.0):
        shots = drawn(5, 5, 32, noise)
        head = fit_head("ncm", shots)
        prior = prior_temperature("ncm", head, shots, with_text=False)
        found.append(temperature(lambda s: fit_head("ncm", s), shots, prior) / prior)
    assert found[0] < 1 < found[1]
    single = drawn(5, 1, 32)
    assert temperature(lambda s: fit_head("ncm", s), single, 0.25) == 0.25


def test_strangers_stand_lower_than_members() -> None:
    everything = drawn(12, 9, 64, noise=1.0)
    shown = (everything.classes < 6) & (torch.arange(len(everything.classes)) % 9 < 3)
    shots = Shots(everything.features[shown], everything.classes[shown], 6)
    standing = Standing.of(shots)
    members = everything.features[(everything.classes < 6) & ~shown]
    strangers = everything.features[everything.classes >= 6]
    assert (standing.probability(members) > 0.5).double().mean() > 0.9
    assert (standing.probability(strangers) < 0.5).double().mean() > 0.9


def test_constants_can_be_fitted_again() -> None:
    from icl_linking.encoder.fit_constants import draw, share_losses, standing_constants

    everything = drawn(9, 8, 32, noise=2.0)
    pool = {str(c): everything.features[everything.classes == c] for c in range(9)}
    tasks = draw([pool, pool], 12)
    losses = share_losses("ncm", tasks)
    assert 0.05 < min(losses, key=lambda share: losses[share]) < 1
    known, slope, loss = standing_constants(tasks)
    assert known > 0 and slope > 1 and loss < 1.386
