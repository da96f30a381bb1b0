"""A pool of processes of the standard library."""

from concurrent.futures import ProcessPoolExecutor

from async_plot import Server


def simulate(n):
    return sum(1 / k**2 for k in range(1, 1000 * n))


if __name__ == "__main__":
    with ProcessPoolExecutor(2) as pool, Server(view=None, name="sweep") as server:
        for result in server.map(simulate, range(1, 9), executor=pool):
            print(round(result, 6))
