"""A bar for each process of a pool, where you want it on a screen of its own.

The screen is gone when the block ends; what was printed and the last bars stay. The
bars are those of progressbar2; ``async_plot.tqdm(..., position=(x, y))`` does as well.
"""

import multiprocessing
import sys
import time

from progressbar import ProgressBar

import async_plot
from async_plot import Writer

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 400


def job(location):
    bar = ProgressBar(fd=Writer(location), max_value=STEPS)
    bar.start()
    for i in range(STEPS):
        time.sleep(0.01)  # mimic doing some stuff
        bar.update(i)
    bar.finish()


if __name__ == "__main__":
    locations = [(0, 1), (0, 6), (5, 7), (10, 9)]
    with multiprocessing.Pool() as pool:
        with async_plot.fullscreen():
            pool.map(job, locations)
    print("done")
