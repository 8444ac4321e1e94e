"""Segment Anything (arXiv 2304.02643) with the parameter names of its released files."""
