"""Training-free in-context segmentation by dense correspondence of frozen features."""
