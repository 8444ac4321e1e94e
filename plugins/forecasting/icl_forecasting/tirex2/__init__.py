"""TiRex-2 (arXiv 2607.01204): several target variates together, with covariates."""
