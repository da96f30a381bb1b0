"""A reaction that is paused, stopped, and given other rates from its window."""

import sys

import numpy as np

from async_plot import Plotter, Server

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000


class Reaction(Plotter):
    def __init__(self, figure):
        axes = figure.add_axes([0, 0, 1, 1])
        axes.set_axis_off()
        self.image = axes.imshow(np.zeros((160, 160)), cmap="magma", vmax=0.4)

    def draw(self, v):
        self.image.set_data(v)


def laplacian(f):
    return sum(np.roll(f, by, axis) for by in (-1, 1) for axis in (0, 1)) - 4 * f


u, v = np.ones((160, 160)), np.zeros((160, 160))
for row, column in np.random.default_rng(1).integers(0, 150, (20, 2)):
    v[row : row + 10, column : column + 10] = 0.5

with Server(Reaction, name="reaction") as server:
    feed = server.parameter("feed", 0.037, min=0, max=0.1, text="How fast u flows in.")
    kill = server.parameter("kill", 0.06, min=0.03, max=0.07, text="v flows out.")
    for _ in range(steps):
        uvv = u * v * v
        u += 0.16 * laplacian(u) - uvv + feed.value * (1 - u)
        v += 0.08 * laplacian(v) + uvv - (feed.value + kill.value) * v
        server.update(v)
        server.checkpoint()
print(f"{server.updates} steps; the last rates were {feed.value:g} and {kill.value:g}")
