"""DC-SAM (arXiv 2504.12080): SAM prompted by examples, with two branches of prompts."""
