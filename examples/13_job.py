"""A picture that workers compute in tiles: plot and job stand in one window."""

import sys
from itertools import product

import numpy as np

from async_plot import Plotter, Server, track

tile = (int(sys.argv[1]) if len(sys.argv) > 1 else 1080) // 9
picture = np.full((9 * tile, 12 * tile), np.nan, np.float32)


class Picture(Plotter):
    def __init__(self, figure):
        axes = figure.add_axes([0, 0, 1, 1], facecolor="#1b1030")
        self.image = axes.imshow(np.zeros((9, 12)), cmap="twilight_shifted", vmax=2)

    def draw(self, picture):
        self.image.set_data(picture)


def julia(corner):
    """Tell how soon each point of a tile escapes under z -> z² - 0.8 + 0.156i."""
    y, x = np.mgrid[:tile, :tile] + np.reshape(corner, (2, 1, 1)) * tile
    z = (x / tile - 6 + 1j * (y / tile - 4.5)) / 4.3
    steps = np.zeros(z.shape)
    for _ in track(range(3 * tile), desc="steps"):
        inside = abs(z) < 20
        z[inside] = z[inside] ** 2 - 0.8 + 0.156j
        steps += inside
    return np.log10(1 + np.maximum(0, steps - np.log2(np.log(abs(z) + 2))))


corners = sorted(product(range(9), range(12)), key=lambda c: abs(complex(*c) - 4 - 5j))
with Server(Picture, name="julia") as server:
    for values, (row, column) in zip(server.map(julia, corners, workers=2), corners):
        picture[row * tile :, column * tile :][:tile, :tile] = values
        server.update(picture)
