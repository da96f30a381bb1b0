"""A string is plucked; its shape is drawn while it is calculated."""

import sys

import numpy as np

from async_plot import Plotter, Server

STEPS = int(sys.argv[1]) if sys.argv[1:] else 1_000_000


class String(Plotter):
    def __init__(self, figure):  # in the viewer, once
        self.axes = figure.subplots()
        self.axes.set(xlim=(0, 1), ylim=(-1, 1), xlabel="x", ylabel="y")
        (self.line,) = self.axes.plot([], [])

    def draw(self, x, y, t):  # in the viewer, for the newest frame
        self.line.set_data(x, y)
        self.axes.set_title(f"t = {t:.2f}")


x = np.linspace(0, 1, 401)
y = np.where(x < 0.3, x / 0.3, (1 - x) / 0.7)
before = y.copy()

with Server(String) as server:  # opens the window
    for step in range(STEPS):
        after = before.copy()
        after[1:-1] = 2 * y[1:-1] - before[1:-1] + 0.2 * np.diff(y, 2)
        before, y = y, after
        server.update(x, y, t=0.001 * step)  # never waits
