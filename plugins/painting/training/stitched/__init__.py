"""Training of Painter and SegGPT: masked image modelling on stitched pairs of pictures."""
