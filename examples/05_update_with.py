"""What is dear to prepare is prepared only for the frames that are drawn."""

import sys

import numpy as np

from async_plot import Plotter, Server

STEPS = int(sys.argv[1]) if sys.argv[1:] else 20_000


class Spectrum(Plotter):
    def __init__(self, figure):
        self.axes = figure.subplots()
        self.axes.set(xlabel="frequency", ylabel="power", yscale="log")
        (self.line,) = self.axes.plot([], [])

    def draw(self, frequency, power):
        self.line.set_data(frequency, power)
        self.axes.relim()
        self.axes.autoscale_view()


signal = np.zeros(1 << 14)
random = np.random.default_rng(3)


def spectrum():
    power = np.abs(np.fft.rfft(signal)) ** 2
    return np.fft.rfftfreq(len(signal)), power + 1e-12


with Server(Spectrum) as server:
    for step in range(STEPS):
        signal[1:] = signal[:-1]
        signal[0] = 0.9 * signal[1] + random.normal() + np.sin(0.3 * step)
        server.update_with(spectrum)  # calls it if a frame will be taken, else not
