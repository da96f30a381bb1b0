"""Rows: a job on a dask cluster, watched, beside dask's own ``client.map``."""

from __future__ import annotations

import operator
import time
from collections.abc import Iterator

from common import Row, interleave, isolated, main, median, run_files, seconds

__all__ = ["measure"]

COUNT = 500  # tasks
SLOWER = 1.0  # times their own


def pause(x: int) -> int:
    time.sleep(0.001)
    return x


def measure(smoke: bool = False) -> Iterator[Row]:
    """Measure ours and theirs in turns, on one cluster of two workers."""
    count, rounds = (20, 1) if smoke else (COUNT, 5)
    kinds = (("neg", "quick ones"), ("pause", "of 1 ms"))
    for name, what in kinds[: 1 if smoke else None]:
        pairs = isolated(_both, name, count, rounds, timeout=240)
        ours, theirs = (median(side) for side in zip(*pairs))
        yield Row(
            f"{count} tasks on dask, {what}, with progress",
            f"<= {SLOWER:g}x client.map",
            f"{seconds(ours)} (client.map: {seconds(theirs)})",
            ours / theirs,
            ours <= SLOWER * theirs,
            values={"ours": ours, "theirs": theirs},
        )


def _both(name: str, count: int, rounds: int) -> list[tuple[float, float]]:
    from distributed import Client, LocalCluster

    from async_plot import Server

    function = pause if name == "pause" else operator.neg
    with (
        run_files(),
        LocalCluster(
            n_workers=min(2, rounds),
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
        Server(view=None) as server,
    ):

        def ours() -> float:
            before = time.perf_counter()
            for _ in server.map(function, range(count), executor=client):
                pass
            return time.perf_counter() - before

        def theirs() -> float:
            before = time.perf_counter()
            client.gather(client.map(function, range(count), pure=False))
            return time.perf_counter() - before

        if rounds > 1:
            ours(), theirs()
        return interleave(ours, theirs, rounds)


if __name__ == "__main__":
    main("clusters", measure)
