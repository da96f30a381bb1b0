"""A calculation that hangs for a while: the views say where, and when it goes on."""

import sys
import time

import numpy as np

from async_plot import Server

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 2000


def exchange(field):
    """Stand for a neighbour that does not answer for a while."""
    time.sleep(min(5, steps / 1000))


field = np.zeros((64, 64))
field[20:40, 20:40] = 1.0

with Server(stalled_after=2) as server:
    for step in range(steps):
        field += 0.2 * (
            np.roll(field, 1, 0)
            + np.roll(field, -1, 0)
            - 4 * field
            + np.roll(field, 1, 1)
            + np.roll(field, -1, 1)
        )
        server.update(field)
        if step == steps // 2:
            exchange(field)
