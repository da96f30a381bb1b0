"""A relaxation that is recorded: look again with ``async-plot view heat.aplot``."""

import sys

import numpy as np

from async_plot import Client, Recording, Server


def relax(temperature: np.ndarray) -> None:
    """One Jacobi step of the heat equation, in place."""
    inner = temperature[:-2, 1:-1] + temperature[2:, 1:-1]
    inner += temperature[1:-1, :-2] + temperature[1:-1, 2:]
    temperature[1:-1, 1:-1] = inner / 4


temperature = np.zeros((64, 64))
temperature[0] = 100.0
# Ten frames a second at most, in a file that stays below 20 MB however long it takes.
recording = Recording("heat.aplot", rate=10, limit=20_000_000)
with Server(view=None, record=recording) as server:
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 5000):
        relax(temperature)
        server.update(temperature)
        server.log(mean=temperature.mean())

frames = list(Client("heat.aplot"))
print(f"{len(frames)} frames, the last one after {frames[-1].number} steps")
