"""The card of TiRex-2."""

from __future__ import annotations

from icl_core import LearnerCard, Task, WeightCard

GATED_NOTICE = (
    "TiRex-2 weights are Apache-2.0, in a gated repository: open its page on huggingface.co while "
    "logged in and share your contact data (access is granted at once), then run `hf auth login` "
    "or set HF_TOKEN."
)


def _official(name: str, repo: str, what: str) -> WeightCard:
    return WeightCard(
        name=name,
        file="model.ckpt",
        url=f"hf:NX-AI/{repo}/model.ckpt",
        licence="Apache-2.0",
        notice=GATED_NOTICE,
        source=f"NX-AI/{repo}, 82.5M parameters (38.4M of them for one variate), {what}",
        options={"monotone": True},
    )


TIREX2 = LearnerCard(
    name="tirex2",
    task=Task.FORECASTING,
    summary="Zero-shot forecasting of several variates together, with covariates (mLSTM, sLSTM).",
    cls="icl_forecasting.tirex2.learner:Tirex2Learner",
    paper="arXiv 2607.01204",
    weights=(
        _official("official", "TiRex-2", "arXiv 2607.01204"),
        _official(
            "official-gifteval-zs", "TiRex-2-gifteval-zs", "trained without series of GIFT-Eval"
        ),
        _official(
            "official-gifteval-pretrain",
            "TiRex-2-gifteval-pretrain",
            "trained with the pretraining part of GIFT-Eval",
        ),
    ),
    options={
        "difference": "whether targets with a trend are forecast by their differences",
        "sign_flip": "average with the mirrored forecast of the mirrored input",
        "monotone": "sort the quantiles, so that none cross",
        "pad_context": "False leaves out the missing values before short series; other numbers",
        "long_horizon": "'sections' or 'widen': how more steps than the network's 320 are forecast",
    },
    preprocessing={
        "patch": 32,
        "context_length": 2048,
        "future_length": 320,
        "quantile_levels": "0.1 to 0.9",
    },
    takes_covariates=True,
    takes_variates=True,
)
