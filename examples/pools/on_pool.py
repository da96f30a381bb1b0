"""A `multiprocessing.Pool`, of which one worker dies."""

import os
import signal
from multiprocessing import Pool

from async_plot import Server


def simulate(n):
    if n == 5:
        os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does, short of memory
    return n * n


if __name__ == "__main__":
    with Pool(2) as pool, Server(view=None, name="sweep") as server:
        for result in server.map(simulate, range(8), executor=pool, errors="return"):
            print(result)
        pool.close()
        pool.join()
