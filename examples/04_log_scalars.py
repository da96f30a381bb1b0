"""Scalars with their whole history, and log records, beside the plot."""

import logging
import sys

import numpy as np

from async_plot import Server

STEPS = int(sys.argv[1]) if sys.argv[1:] else 20_000

logger = logging.getLogger("minimise")
logger.setLevel(logging.INFO)

point = np.array([-1.2, 1.0])
rate = 0.001

with Server() as server:
    logger.addHandler(server.handler())  # the records appear in the view
    for step in range(STEPS):
        x, y = point
        value = (1 - x) ** 2 + 100 * (y - x**2) ** 2  # Rosenbrock's valley
        slope = np.array([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)])
        point -= rate * slope
        server.log(step, value=value, slope=np.linalg.norm(slope))  # every one is kept
        if step % 5000 == 0:
            logger.info("step %d: %.3g at (%.3f, %.3f)", step, value, *point)
