"""Row: frames to a viewer of another machine, by TLS, against plain TCP.

Both viewers stand on this machine and are reached through loopback, in turns, so that
the only difference is TLS and the process that speaks it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from common import Row, main, median, now, seconds, wait_until
from receivers import Receiver

__all__ = ["measure"]

os.environ["ASYNC_PLOT_SLOTS"] = "off"  # the plain one must use its socket, too

LEAST = 0.25  # times plain TCP
BIG, SMALL = 1 << 21, 200  # float64 numbers


def measure(smoke: bool = False) -> Iterator[Row]:
    """Measure bulk, then the latency of a line of 100 points."""
    with contextlib.ExitStack() as stack:
        size = 1 << 14 if smoke else BIG
        plain, tls = (_Sender(stack, size, far) for far in (False, True))
        rates: dict[_Sender, list[float]] = {plain: [], tls: []}
        for _ in range(2 if smoke else 12):
            for sender in (plain, tls):
                rates[sender].append(sender.rate(0.2 if smoke else 1.0))
        floor, found = median(rates[plain]), median(rates[tls])
        mib = size * 8 / (1 << 20)
        yield Row("plain TCP: 16 MiB frames", "", f"{floor * mib:.0f} MiB/s", 1.0)
        yield Row(
            what="TLS: 16 MiB frames, overhead=1",
            target=f">= {LEAST}x plain",
            measured=f"{found * mib:.0f} MiB/s",
            ratio=found / floor,
            reached=found / floor >= LEAST,
            values={"plain": rates[plain], "tls": rates[tls]},
        )
    with contextlib.ExitStack() as stack:
        plain, tls = (_Sender(stack, SMALL, far) for far in (False, True))
        for _ in range(4 if smoke else 60):
            for sender in (plain, tls):
                sender.send()
                time.sleep(0.03)
        ages = {sender: median(sender.receiver.ages(3)) for sender in (plain, tls)}
        for name, sender in (("plain TCP", plain), ("TLS", tls)):
            yield Row(
                what=f"{name}: 100 points, loop sleeps",
                measured=seconds(ages[sender]),
                ratio=ages[sender] / ages[plain],
            )


class _Sender:
    """A run, and its viewer in another process."""

    def __init__(self, stack: contextlib.ExitStack, size: int, far: bool) -> None:
        from async_plot import Server

        host = "0.0.0.0" if far else "127.0.0.1"
        server = stack.enter_context(Server(view=None, overhead=1, host=host))
        self._block = np.linspace(0, 1, size)
        self._server = server
        address: Any = str(server.connection_file)
        self.receiver = Receiver("far" if far else "async_plot", address)
        stack.callback(self.receiver.end)
        if not wait_until(lambda: (self.send(), self.receiver.count > 3)[1], 30):
            raise RuntimeError(f"host {host}: nothing arrives")

    def send(self) -> None:
        self._block[0] = now()
        self._server.update(self._block)

    def rate(self, duration: float) -> float:
        """Frames per second, while updates come as fast as they are taken."""
        before, start = self.receiver.count, time.monotonic()
        while (elapsed := time.monotonic() - start) < duration:
            self.send()
            time.sleep(0.0005)
        arrived = self.receiver.count - before
        time.sleep(0.1)  # the last ones are on their way
        return arrived / elapsed


if __name__ == "__main__":
    main("tls", measure)
