"""SegGPT: masks by example, in pictures and videos."""
