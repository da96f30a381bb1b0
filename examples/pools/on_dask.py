"""The workers of a dask cluster; here of one on this machine."""

from dask.distributed import Client, LocalCluster

from async_plot import Server, track


def simulate(n):
    return sum(k % 7 for k in track(range(1000 * n), desc="steps"))


if __name__ == "__main__":
    options = dict(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with (
        LocalCluster(host="127.0.0.1", **options) as cluster,
        Client(cluster) as client,
    ):
        with Server(view=None, name="sweep") as server:
            print(*server.map(simulate, range(8), executor=client))
