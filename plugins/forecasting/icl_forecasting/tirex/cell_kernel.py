"""The fused sLSTM recurrence as a Triton kernel: one program runs all tokens of its series.

A program owns one head and a tile of series. Its state stays in registers from the first token
to the last; only gates are read and outputs written. Every step needs the whole recurrent matrix
of the head, which is why heads are never split.
"""
# mypy: disable-error-code="no-untyped-def,untyped-decorator"

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _bfloat16(x):
    """Nearest bfloat16, ties to even, kept as float32; same bits compiled and interpreted."""
    bits = x.to(tl.int32, bitcast=True)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & -65536
    return bits.to(tl.float32, bitcast=True)


@triton.jit
def _log_sigmoid(x):
    """log(1 / (1 + exp(-x))), accurate where exp(-|x|) is tiny."""
    e = tl.exp(-tl.abs(x))
    u = 1.0 + e
    # log(u) * e / (u - 1) gives back what rounding took from u
    log1p = tl.where(u == 1.0, e, tl.log(u) * (e / tl.where(u == 1.0, 1.0, u - 1.0)))
    return tl.minimum(x, 0.0) - log1p


@triton.jit
def _tanh(x):
    e = tl.exp(-2.0 * tl.abs(x))
    size = (1.0 - e) / (1.0 + e)
    return tl.where(x < 0, -size, size)


@triton.jit
def _share(at, seen, bias, ROUNDED: tl.constexpr):
    """The input's share of a gate, and what the recurrent product is added to."""
    share = tl.load(at, mask=seen, other=0.0).to(tl.float32)
    if ROUNDED:  # share and product are rounded each by itself, so the product starts at 0
        share = _bfloat16(share)
        start = tl.zeros_like(share)
    else:
        start = share + bias[None, :]
    return share, start


@triton.jit
def _total(share, product, bias, ROUNDED: tl.constexpr):
    """A gate's whole pre-activation."""
    total = product
    if ROUNDED:
        total = share + _bfloat16(product) + bias[None, :]
    return total


@triton.jit(do_not_specialize=["steps", "batch", "heads"])
def scan_kernel(
    gates_at,  # [S, H, B, 4D], last axis contiguous
    weight_at,  # [H, D, 4D] contiguous, float32 or bfloat16: the format of the product
    bias_at,  # [H, 4D] contiguous
    y_at,  # [S + 1, H, B, D] contiguous; the first holds y before the first token
    c_start,  # the rest of that state, [H, B, D] contiguous
    n_start,
    m_start,
    c_at,  # [S or 1, H, B, D] contiguous
    n_at,
    m_at,
    steps,
    batch,
    heads,
    gates_step,
    gates_head,
    gates_row,
    D: tl.constexpr,
    BLOCK_B: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_K: tl.constexpr,
    FRESH: tl.constexpr,
    KEEP: tl.constexpr,
    ROUNDED: tl.constexpr,
    RESIDENT: tl.constexpr,
    PRECISION: tl.constexpr,
    CEILING: tl.constexpr,
):
    """Semantics of `reference_scan`; grid (head, tile of BLOCK_B series).

    D is padded to BLOCK_D with zero columns, which compute finite values nobody reads.
    RESIDENT holds the recurrent matrices in shared memory and y in registers. Otherwise the
    matrices stream in from the second-level cache each step, BLOCK_K rows at a time, and y is
    read back from the outputs.
    """
    head = tl.program_id(0).to(tl.int64)
    row = tl.program_id(1) * BLOCK_B + tl.arange(0, BLOCK_B)
    col = tl.arange(0, BLOCK_D)
    wide = col < D
    seen = (row < batch)[:, None] & wide[None, :]

    bias = bias_at + head * 4 * D + col
    b_in = tl.load(bias, mask=wide, other=0.0)
    b_forget = tl.load(bias + D, mask=wide, other=0.0)
    b_cell = tl.load(bias + 2 * D, mask=wide, other=0.0)
    b_out = tl.load(bias + 3 * D, mask=wide, other=0.0)

    weight = weight_at + head * D * 4 * D + col[None, :]
    if RESIDENT:
        inner = tl.arange(0, BLOCK_D)
        square = (inner < D)[:, None] & wide[None, :]
        w = weight + inner[:, None] * (4 * D)
        w_in = tl.load(w, mask=square, other=0.0)
        w_forget = tl.load(w + D, mask=square, other=0.0)
        w_cell = tl.load(w + 2 * D, mask=square, other=0.0)
        w_out = tl.load(w + 3 * D, mask=square, other=0.0)

    # pointers move by 64-bit steps: gates of a large batch hold more than 2^31 values
    gate = gates_at + head * gates_head + row[:, None].to(tl.int64) * gates_row + col[None, :]
    here = (head * batch + row[:, None]) * D + col[None, :]
    stride = heads.to(tl.int64) * batch * D
    y_from = y_at + (head * batch + row[:, None]) * D
    y_to = y_at + stride + here
    c_to = c_at + here
    n_to = n_at + here
    m_to = m_at + here
    if FRESH:
        c = tl.zeros((BLOCK_B, BLOCK_D), dtype=tl.float32)
        n = tl.zeros((BLOCK_B, BLOCK_D), dtype=tl.float32)
        m = tl.zeros((BLOCK_B, BLOCK_D), dtype=tl.float32)
    else:
        c = tl.load(c_start + here, mask=seen, other=0.0)
        n = tl.load(n_start + here, mask=seen, other=0.0)
        m = tl.load(m_start + here, mask=seen, other=0.0)
    y = tl.load(y_at + here, mask=seen, other=0.0)

    for t in range(steps):
        s_in, p_in = _share(gate, seen, b_in, ROUNDED)
        s_forget, p_forget = _share(gate + D, seen, b_forget, ROUNDED)
        s_cell, p_cell = _share(gate + 2 * D, seen, b_cell, ROUNDED)
        s_out, p_out = _share(gate + 3 * D, seen, b_out, ROUNDED)
        if RESIDENT:
            left = y.to(weight_at.dtype.element_ty)
            p_in = tl.dot(left, w_in, p_in, input_precision=PRECISION)
            p_forget = tl.dot(left, w_forget, p_forget, input_precision=PRECISION)
            p_cell = tl.dot(left, w_cell, p_cell, input_precision=PRECISION)
            p_out = tl.dot(left, w_out, p_out, input_precision=PRECISION)
        else:
            for k in range(0, BLOCK_D, BLOCK_K):
                part = k + tl.arange(0, BLOCK_K)
                in_row = (row < batch)[:, None] & (part < D)[None, :]
                in_part = (part < D)[:, None] & wide[None, :]
                left = tl.load(y_from + part[None, :], mask=in_row, other=0.0)
                left = left.to(weight_at.dtype.element_ty)
                w = weight + part[:, None] * (4 * D)
                w_in = tl.load(w, mask=in_part, other=0.0)
                w_forget = tl.load(w + D, mask=in_part, other=0.0)
                w_cell = tl.load(w + 2 * D, mask=in_part, other=0.0)
                w_out = tl.load(w + 3 * D, mask=in_part, other=0.0)
                p_in = tl.dot(left, w_in, p_in, input_precision=PRECISION)
                p_forget = tl.dot(left, w_forget, p_forget, input_precision=PRECISION)
                p_cell = tl.dot(left, w_cell, p_cell, input_precision=PRECISION)
                p_out = tl.dot(left, w_out, p_out, input_precision=PRECISION)
            y_from += stride
        a_in = _total(s_in, p_in, b_in, ROUNDED)
        a_forget = _total(s_forget, p_forget, b_forget, ROUNDED)
        a_cell = _total(s_cell, p_cell, b_cell, ROUNDED)
        a_out = _total(s_out, p_out, b_out, ROUNDED)

        log_forget = m + _log_sigmoid(tl.minimum(a_forget, CEILING))
        m_new = tl.maximum(a_in, log_forget)
        if FRESH:
            m_new = tl.where(t == 0, a_in, m_new)
        i = tl.minimum(tl.exp(a_in - m_new), 1.0)
        f = tl.minimum(tl.exp(log_forget - m_new), 1.0)
        c = f * c + i * _tanh(a_cell)
        n = f * n + i
        y = c / (n * (1.0 + tl.exp(-a_out)))
        m = m_new
        if ROUNDED:
            y = _bfloat16(y)
            c = _bfloat16(c)
            n = _bfloat16(n)
            m = _bfloat16(m)
        tl.store(y_to, y, mask=seen)
        if not RESIDENT:
            tl.debug_barrier()  # the next step reads these outputs back, other threads' too
        y_to += stride
        gate += gates_step
        if KEEP:
            tl.store(c_to, c, mask=seen)
            tl.store(n_to, n, mask=seen)
            tl.store(m_to, m, mask=seen)
            c_to += stride
            n_to += stride
            m_to += stride
    if not KEEP:
        tl.store(c_to, c, mask=seen)
        tl.store(n_to, n, mask=seen)
        tl.store(m_to, m, mask=seen)
