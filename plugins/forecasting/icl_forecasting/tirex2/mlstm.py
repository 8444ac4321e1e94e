"""The mLSTM recurrence: a matrix memory for each head (arXiv 2405.04517, section 2.3).

Shapes: R rows, H heads, S tokens, K = width of a query and key, V = width of a value. One scalar
input gate and one scalar forget gate a head and token, as pre-activations.

With the sum F_t of the log forget gates up to token t, the stabiliser has the closed form
m_t = F_t + M_t, M_t = max(m_0, max_{s<=t}(i_s - F_s)), and token s enters the memory of token t
with the weight exp(i_s - F_s - M_t). So all tokens are computed at once, from any state. F grows
with the sequence while its differences matter, so F and M are float64.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

_EPS = 1e-6


class MLSTMState(NamedTuple):
    """Matrix memory c [R, H, K, V], normaliser n [R, H, K], stabiliser m [R, H] (float64)."""

    c: Tensor
    n: Tensor
    m: Tensor

    def repeat(self, count: int) -> MLSTMState:
        """The same state for `count` rows, where this one holds a single row."""
        return MLSTMState(*(part.expand(count, *part.shape[1:]) for part in self))


class MLSTMPast(NamedTuple):
    """Keys, values and gates of tokens that were read, from which any state in between follows.

    A state is large (H * K * V numbers), so the states of a kept sequence are not stored.

    Args:
        k: [R, H, S, K].
        v: [R, H, S, V].
        i: [R, H, S] input gate pre-activations.
        f: [R, H, S] forget gate pre-activations.
    """

    k: Tensor
    v: Tensor
    i: Tensor
    f: Tensor

    def at(self, step: int) -> MLSTMState:
        """The state after token `step`, counted from 0."""
        count = step + 1
        total = _summed(self.f[..., :count])
        entry = self.i[..., :count] - total
        most = entry.amax(-1).clamp(min=0.0)
        return _state(self.k[..., :count, :], self.v[..., :count, :], entry, total, most, None)


def parallel_scan(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    i: Tensor,
    f: Tensor,
    state: MLSTMState | None = None,
    *,
    last_state: bool = False,
) -> tuple[Tensor, MLSTMState | None]:
    """All tokens at once; the same numbers as `reference_scan`.

    Args:
        q: [R, H, S, K] queries, not scaled.
        k: [R, H, S, K] keys.
        v: [R, H, S, V] values.
        i: [R, H, S] float32 input gate pre-activations.
        f: [R, H, S] float32 forget gate pre-activations.
        state: the state before the first token; None = all zero.
        last_state: whether the state after the last token is wanted.

    Returns:
        Outputs [R, H, S, V] and the last state, or None where it was not asked for.
    """
    steps, width = q.shape[2:]
    total = _summed(f)
    entry = i - total
    most = entry.cummax(-1).values
    most = most.clamp(min=0.0) if state is None else torch.maximum(most, state.m[..., None])
    weight = entry[..., None, :] - most[..., None]
    later = torch.ones(steps, steps, dtype=torch.bool, device=q.device).triu_(1)
    weight = weight.masked_fill_(later, -torch.inf).float().exp_()
    q = q * width**-0.5
    score = (q @ k.transpose(-1, -2)) * weight
    out = score @ v.to(score.dtype)
    norm = score.sum(-1)
    if state is not None:
        kept = (state.m[..., None] - most).float().exp()
        out = out + (q @ state.c.to(q.dtype)) * kept[..., None]
        norm = norm + (q @ state.n[..., None].to(q.dtype))[..., 0] * kept
    least = (-(total + most)).float().exp()
    out = out / (torch.maximum(norm.abs(), least) + _EPS)[..., None]
    if not last_state:
        return out, None
    return out, _state(k, v, entry, total, most[..., -1], state)


def reference_scan(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    i: Tensor,
    f: Tensor,
    state: MLSTMState | None = None,
) -> tuple[Tensor, MLSTMState]:
    """Token by token, as the paper writes it; arguments and results as in `parallel_scan`."""
    rows, heads, steps, width = q.shape
    if state is None:
        c = q.new_zeros(rows, heads, width, v.shape[-1])
        state = MLSTMState(c, q.new_zeros(rows, heads, width), q.new_zeros(rows, heads))
    c, n, m = state
    outputs = []
    for t in range(steps):
        log_forget = logsigmoid(f[..., t]) + m
        m = torch.maximum(log_forget, i[..., t])
        forget, enter = (log_forget - m).exp(), (i[..., t] - m).exp()
        c = forget[..., None, None] * c + (
            enter[..., None, None] * k[:, :, t, :, None] * v[:, :, t, None, :]
        )
        n = forget[..., None] * n + enter[..., None] * k[:, :, t]
        query = q[:, :, t] * width**-0.5
        norm = torch.maximum((query * n).sum(-1).abs(), (-m).exp()) + _EPS
        outputs.append((query[..., None, :] @ c)[..., 0, :] / norm[..., None])
    return torch.stack(outputs, dim=2), MLSTMState(c, n, m)


def _summed(f: Tensor) -> Tensor:
    """F: the running sum of the log forget gates, float64 where the device has it."""
    wide = torch.float32 if f.device.type == "mps" else torch.float64
    return logsigmoid(f).cumsum(-1, dtype=wide)


def _state(
    k: Tensor, v: Tensor, entry: Tensor, total: Tensor, most: Tensor, before: MLSTMState | None
) -> MLSTMState:
    """The state after the last token; `most` [R, H] is M of that token."""
    weighted = k * (entry - most[..., None]).float().exp()[..., None]
    c = weighted.transpose(-1, -2) @ v.to(weighted.dtype)
    n = weighted.sum(-2)
    if before is not None:
        kept = (before.m - most).float().exp()
        c = c + before.c * kept[..., None, None]
        n = n + before.n * kept[..., None]
    return MLSTMState(c, n, total[..., -1] + most)
