"""The network of Painter and SegGPT, and what loads and runs it."""
