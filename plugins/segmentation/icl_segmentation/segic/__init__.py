"""SEGIC: in-context segmentation by the correspondence inside a frozen backbone."""
