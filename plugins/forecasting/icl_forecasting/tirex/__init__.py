"""TiRex: zero-shot univariate forecasting with a stack of sLSTM blocks (arXiv 2505.23719)."""
