"""Row: a call of `update` when no frame is due, against an empty method."""

from __future__ import annotations

import time
import timeit
from collections.abc import Iterator
from typing import Any

import numpy as np
import rivals
from common import Row, interleave, isolated, main, median, now, seconds

__all__ = ["Empty", "measure"]

MOST = 3.0  # times an empty method
CALLS = {"update(x, y)": "s.update(x, y)", "update(x, y=y)": "s.update(x, y=y)"}


class Empty:
    """What any method that takes these arguments costs."""

    def update(self, *args: Any, **kwargs: Any) -> None:
        pass


def measure(smoke: bool = False) -> Iterator[Row]:
    """Measure both ways of calling, then one call of each rival."""
    from async_plot import Server

    calls, rounds = (1000, 5) if smoke else (20000, 150)
    x, y = np.zeros((2, 100))
    with Server(view=None) as server:
        server.update(x, y)
        for what, call in CALLS.items():
            names = {"x": x, "y": y}
            ours = timeit.Timer(call, globals={"s": server, **names})
            empty = timeit.Timer(call, globals={"s": Empty(), **names})
            pairs = interleave(
                lambda ours=ours: ours.timeit(calls) / calls,
                lambda empty=empty: empty.timeit(calls) / calls,
                rounds,
            )
            found, floor = (median(side) for side in zip(*pairs))
            yield Row(
                f"{what}, no frame due",
                f"<= {MOST:g}x an empty method",
                f"{seconds(found)} (empty: {seconds(floor)})",
                found / floor,
                found <= MOST * floor,
                values={"median": found, "empty": floor},
            )
    if not smoke:
        for name in rivals.present():
            if name.startswith("matplotlib"):
                continue  # they have no other end: the slowdown row tells of them
            yield _rival(name, floor)


def _rival(name: str, floor: float) -> Row:
    try:
        found, mean = isolated(_calls, name, timeout=30)
    except (RuntimeError, TimeoutError) as error:
        return Row(f"{name}: one call, 100 points", measured=str(error), rival=True)
    return Row(
        f"{name}: one call, 100 points",
        measured=f"{seconds(found)} (mean {seconds(mean)})",
        ratio=found / floor,
        rival=True,
        values={"median": found, "mean": mean},
    )


def _calls(name: str) -> tuple[float, float]:
    x, y = np.zeros((2, 100))
    update = rivals.start(name, "line", (x, y), draw=False).update
    times = []
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        before = now()
        update(x, y)
        times.append((now() - before) * 1e-9)
    return median(times), sum(times) / len(times)


if __name__ == "__main__":
    main("hot path", measure)
