"""Ranks of an MPI job: rank 0 runs this, the others perform tasks."""

from mpi4py.futures import MPIPoolExecutor

from async_plot import Server, track


def simulate(n):
    return sum(k % 7 for k in track(range(1000 * n), desc="steps"))


if __name__ == "__main__":
    with MPIPoolExecutor() as pool, Server(view=None, name="sweep") as server:
        print(*server.map(simulate, range(8), executor=pool))
