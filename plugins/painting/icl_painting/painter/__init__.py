"""Painter: the pair of pictures, the tasks, the answers."""
