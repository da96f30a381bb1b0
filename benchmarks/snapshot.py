"""Row: an `update` that takes a snapshot, against a copy into warm memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import numpy as np
from common import Row, main, median, now, seconds, wait_until
from receivers import Receiver

__all__ = ["measure"]

MOST, PLUS = 1.3, 15e-6
SIZES = {"1 MiB": 1 << 17, "16 MiB": 1 << 21, "64 MiB": 1 << 23}  # float64 numbers


def measure(smoke: bool = False) -> Iterator[Row]:
    """Measure each size without a viewer and with one that takes frames."""
    sizes = dict(list(SIZES.items())[:1]) if smoke else SIZES
    for watched in (False, True):
        for size, count in sizes.items():
            rounds = 5 if smoke else max(20, (1 << 26) // count)
            yield _row(size, count, rounds, watched)


def _row(size: str, count: int, rounds: int, watched: bool) -> Row:
    from async_plot import Server

    array = np.linspace(0, 1, count)
    # As many as a calculation needs whose last frame is still being sent.
    warm = [np.zeros_like(array) for _ in range(3)]
    copies, updates, missed = [], [], 0
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(view=None, overhead=1))
        server.update(array)
        if watched:
            receiver = Receiver("async_plot", str(server.connection_file))
            stack.callback(receiver.end)
            if not wait_until(lambda: receiver.count):
                raise RuntimeError("the viewer gets no frame")
        for index in range(rounds + 5):
            time.sleep(0.0005)
            # A calculation has just written the array that it shows.
            np.add(array, 1.0, out=array)
            before = now()
            np.copyto(warm[index % 3], array)
            copies.append(now() - before)
            if watched and index % 2 == 0:  # the rest: while it is not ready
                wait_until(lambda: server.due, 0.2, 0.0005)
            else:
                time.sleep(0.0005)
            np.add(array, 1.0, out=array)
            server.want()
            taken = server.stats.snapshots
            before = now()
            server.update(array)
            updates.append(now() - before)
            missed += not wait_until(
                lambda taken=taken: server.stats.snapshots > taken, 1, 0.0005
            )
    found, floor = median(updates[5:]) * 1e-9, median(copies[5:]) * 1e-9
    limit = MOST * floor + PLUS
    return Row(
        f"snapshot of {size}, {'a viewer' if watched else 'no viewer'}",
        f"<= {MOST}x copyto + {seconds(PLUS)}",
        f"{seconds(found)} (copyto: {seconds(floor)})",
        found / floor,
        found <= limit and not missed,
        values={"median": found, "copyto": floor, "limit": limit, "missed": missed},
    )


if __name__ == "__main__":
    main("snapshot", measure)
