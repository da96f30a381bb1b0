"""Two figures of one calculation: a random walk, and where it has been."""

import sys

import numpy as np

from async_plot import Plotter, Server

STEPS = int(sys.argv[1]) if sys.argv[1:] else 100_000


class Path(Plotter):
    def __init__(self, figure):
        self.axes = figure.subplots()
        (self.line,) = self.axes.plot([], [], lw=0.8)

    def draw(self, points):
        self.line.set_data(points[:, 0], points[:, 1])
        self.axes.relim()
        self.axes.autoscale_view()


class Distance(Plotter):
    def __init__(self, figure):
        self.axes = figure.subplots()

    def draw(self, distances):
        self.axes.clear()
        self.axes.hist(distances, bins=40)
        self.axes.set_xlabel("distance from the origin")


walk = np.cumsum(np.random.default_rng(1).normal(size=(STEPS, 2)), axis=0)

with Server({"path": Path, "distance": Distance}) as server:
    for step in range(1, STEPS + 1):
        recent = walk[max(0, step - 5000) : step]
        server["path"].update(recent)
        server["distance"].update(np.hypot(*recent.T))
