"""Canvases drawn on the device: pictures held there, degradations and masks as batched tensors."""
