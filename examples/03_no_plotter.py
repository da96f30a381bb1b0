"""No class to write: a 2-D array is drawn as an image. Here, Conway's Life."""

import sys

import numpy as np

from async_plot import Server

STEPS = int(sys.argv[1]) if sys.argv[1:] else 5000

cells = np.random.default_rng(2).random((200, 300)) < 0.2

with Server() as server:
    for _ in range(STEPS):
        neighbours = sum(
            np.roll(cells, (down, right), axis=(0, 1)).astype(int)
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
            if (down, right) != (0, 0)
        )
        cells = (neighbours == 3) | (cells & (neighbours == 2))
        server.update(cells)
