"""Another plotter for a run that is going on: its spectrum.

While ``01_first_plot.py`` runs, and as often as this file is changed meanwhile::

    async-plot view 01_first_plot --plotter 11_another_plotter.py:Spectrum
"""

import numpy as np


class Spectrum:
    def __init__(self, figure):
        self.axes = figure.subplots()
        self.axes.set(xlabel="wave number", ylabel="power", yscale="log")
        (self.line,) = self.axes.plot([], [])

    def draw(self, x, y, **rest):
        power = np.abs(np.fft.rfft(y)) ** 2
        self.line.set_data(np.arange(len(power)), power + 1e-30)
        self.axes.relim()
        self.axes.autoscale_view()
