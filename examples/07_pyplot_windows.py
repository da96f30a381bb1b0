"""A class that opens its own pyplot windows, in an IPython that stays interactive."""

import sys

import numpy as np

from async_plot import Server

STEPS = int(sys.argv[1]) if sys.argv[1:] else 1_000_000


class PlotClient:
    def __init__(self):  # in the viewer: matplotlib is imported there
        from matplotlib import pyplot as plt

        self.figure, (self.above, self.below) = plt.subplots(2)
        self.figure.show()

    def draw(self, x, y):
        for axes, values in ((self.above, y), (self.below, np.gradient(y, x))):
            axes.clear()
            axes.plot(x, values)


x = np.linspace(0, 2 * np.pi, 200)

with Server(PlotClient, client_cmd=["ipython", "--pylab", "-c"]) as server:
    for step in range(STEPS):
        server.update(x, np.sin(x + 1e-4 * step))
