"""On a machine without a display: the run says where it listens, and goes on.

Look from a terminal of that machine, now or later, as often as you like:

    async-plot view heat --save heat.png

The last frame stays on disk when the run has ended, so this works afterwards too.
"""

import sys

import numpy as np

from async_plot import Server

STEPS = int(sys.argv[1]) if sys.argv[1:] else 50_000

plate = np.zeros((256, 256))
plate[0] = 100.0

with Server(name="heat", view=None) as server:  # launches nothing
    print(f"watch with: async-plot view {server.connection_file} --save heat.png")
    for _ in range(STEPS):
        plate[1:-1, 1:-1] = (
            plate[:-2, 1:-1] + plate[2:, 1:-1] + plate[1:-1, :-2] + plate[1:-1, 2:]
        ) / 4
        server.update(plate)
