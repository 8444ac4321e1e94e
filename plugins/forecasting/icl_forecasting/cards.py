"""The learners of this plugin, as plain data."""

from __future__ import annotations

from icl_core import LearnerCard, Task, WeightCard
from icl_forecasting.baselines.cards import BASELINE_CARDS
from icl_forecasting.cik.card import cik_card
from icl_forecasting.llm.cards import LLM_CARDS
from icl_forecasting.tirex2.card import TIREX2

NXAI_NOTICE = (
    "TiRex weights are licensed under the NXAI Community License, not Apache-2.0. Companies with "
    "an annual revenue above 100 million euros need a licence from NXAI for commercial use; see "
    "the LICENSE file in the model repository before you use them."
)

TIREX = LearnerCard(
    name="tirex",
    task=Task.FORECASTING,
    summary="Zero-shot forecasting with a stack of sLSTM blocks; quantiles of any series.",
    cls="icl_forecasting.tirex.learner:TirexLearner",
    paper="arXiv 2505.23719",
    weights=(
        WeightCard(
            name="bundled",
            file="tirex_small.safetensors",
            size=4_022_512,
            sha256="b55e23bd081c4600c39a457d095d4e81ccf0a87d26a23618f7057004a038f032",
            package="icl_forecasting",
            licence="Apache-2.0",
            source="trained by us on generated series alone (plugins/forecasting/training)",
            scores={
                "what": "MASE / WQL relative to seasonal naive, geometric mean over data sets",
                "all twenty sets": "0.748 / 0.599 (auto-theta 0.986 / 0.843)",
                "nine sets of chronos_zeroshot": "0.860 / 0.694 (auto-theta 0.852 / 0.712)",
                "with": "python -m icl_forecasting.scores; see docs/forecasting.md",
            },
        ),
        WeightCard(
            name="official",
            file="model.ckpt",
            url="hf:NX-AI/TiRex/model.ckpt",
            licence="NXAI Community License",
            notice=NXAI_NOTICE,
            source="NX-AI/TiRex, 35M parameters, arXiv 2505.23719",
            options={"monotone": True},
        ),
        WeightCard(
            name="official-1.1-gifteval",
            file="model.ckpt",
            url="hf:NX-AI/TiRex-1.1-gifteval/model.ckpt",
            licence="NXAI Community License",
            notice=NXAI_NOTICE,
            source="NX-AI/TiRex-1.1-gifteval, trained without the series of GIFT-Eval",
            options={"monotone": True},
        ),
    ),
    options={
        "sign_flip": "average with the mirrored forecast of the mirrored series",
        "monotone": "sort the quantiles, so that none cross",
        "views": "'auto' lets a backtest on the history choose how it is shown, 'off' does not",
        "rollout_steps": "default of max_accelerated_rollout_steps; 0 = the whole horizon at once",
        "cuda_graph": "True records the forward passes as CUDA graphs",
        "context_length": "steps of context, for a checkpoint that does not say",
    },
    preprocessing={"patch": 32, "context_length": 2048, "quantile_levels": "0.1 to 0.9"},
)

CIK = cik_card(TIREX.weights)

CARDS = (TIREX, TIREX2, CIK, *LLM_CARDS, *BASELINE_CARDS)
