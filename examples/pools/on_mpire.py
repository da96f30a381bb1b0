"""An `mpire.WorkerPool`; what tasks share is bound by `functools.partial`."""

from functools import partial

from mpire import WorkerPool

from async_plot import Server


def simulate(table, n):
    return table[n % len(table)] + n


if __name__ == "__main__":
    shared = partial(simulate, [3, 1, 4, 1, 5])
    with WorkerPool(n_jobs=2) as pool, Server(view=None, name="sweep") as server:
        print(*server.map(shared, range(8), executor=pool))
