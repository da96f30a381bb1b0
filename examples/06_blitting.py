"""A draw that returns its artists: only these are drawn again, many times as fast."""

import sys

import numpy as np

from async_plot import Plotter, Server

STEPS = int(sys.argv[1]) if sys.argv[1:] else 200_000


class Pendulum(Plotter):
    def __init__(self, figure):
        axes = figure.subplots()
        axes.set(xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), aspect="equal")
        (self.trace,) = axes.plot([], [], lw=0.7, color="tab:orange")
        (self.arms,) = axes.plot([], [], "o-", lw=3, color="tab:blue")

    def draw(self, arms, trace):
        self.arms.set_data(*arms)
        self.trace.set_data(*trace)
        return self.arms, self.trace  # whatever else is in the figure stays


def slope(state):
    a, b, u, v = state
    s, c = np.sin(a - b), np.cos(a - b)
    f = -9.81 * 2 * np.sin(a) - v * v * s
    g = -9.81 * np.sin(b) + u * u * s
    return np.array([u, v, (f - c * g) / (2 - c * c), (2 * g - c * f) / (2 - c * c)])


state, trace = np.array([2.5, 2.0, 0.0, 0.0]), np.zeros((2, 2000))
with Server(Pendulum) as server:
    for _ in range(STEPS):
        state = state + 1e-3 * slope(state + 5e-4 * slope(state))  # midpoint rule
        x, y = np.cumsum(np.sin(state[:2])), np.cumsum(-np.cos(state[:2]))
        trace = np.column_stack([trace[:, 1:], [x[-1], y[-1]]])
        server.update([[0, *x], [0, *y]], trace)
