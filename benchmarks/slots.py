"""Rows: big frames to a viewer on the same machine, against raw loop-back TCP.

Frames are handed over as fast as they are taken, with nothing held back
(``overhead=1``): through slots, through the socket, and by a bare ``sendall`` of the
same array to a process that receives it into warm memory. All in turns.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from common import Row, main, median, now, wait_until
from receivers import Receiver

__all__ = ["measure"]

LEAST = 3.0  # times raw TCP
SIZES = {"16 MiB": 1 << 21, "64 MiB": 1 << 23}  # float64 numbers
Sender = tuple[Callable[[], None], Receiver]


def measure(smoke: bool = False) -> Iterator[Row]:
    """Measure each size."""
    for name, size in ({"1 MiB": 1 << 17} if smoke else SIZES).items():
        yield from _size(name, size, 2 if smoke else 12, 0.1 if smoke else 1.0)


def _size(name: str, size: int, rounds: int, duration: float) -> Iterator[Row]:
    with contextlib.ExitStack() as stack:
        senders = {
            "raw TCP": _raw(stack, size),
            "async_plot, slots": _async_plot(stack, size, "on"),
            "async_plot, socket": _async_plot(stack, size, "off"),
        }
        for send, receiver in senders.values():
            if not wait_until(lambda s=send, r=receiver: (s(), r.count > 5)[1], 30):
                raise RuntimeError("nothing arrives")
        rates: dict[str, list[float]] = {sender: [] for sender in senders}
        for _ in range(rounds):
            for sender, (send, receiver) in senders.items():
                rates[sender].append(_rate(send, receiver, duration))
    floor = median(rates["raw TCP"])
    for sender, found in rates.items():
        ours = sender == "async_plot, slots"
        # Of the pairs that were measured side by side.
        ratio = median([a / b for a, b in zip(found, rates["raw TCP"])])
        yield Row(
            what=f"{sender}: {name}, overhead=1",
            target=f">= {LEAST:g}x raw" if ours else "",
            measured=f"{median(found) * size * 8 / 1e9:.2f} GB/s",
            ratio=ratio,
            reached=ratio >= LEAST if ours else None,
            rival=sender == "raw TCP",
            values={"frames per second": median(found), "raw": floor},
        )


def _rate(send: Callable[[], None], receiver: Receiver, duration: float) -> float:
    """Frames per second."""
    before, start = receiver.count, time.monotonic()
    while (elapsed := time.monotonic() - start) < duration:
        send()
    arrived = receiver.count - before
    time.sleep(0.1)  # the last ones are on their way
    return max(arrived, 1) / elapsed


def _async_plot(stack: contextlib.ExitStack, size: int, slots: str) -> Sender:
    from async_plot import Server

    before = os.environ.get("ASYNC_PLOT_SLOTS", "on")
    server = stack.enter_context(Server(view=None, overhead=1))
    block = np.linspace(0, 1, size)
    os.environ["ASYNC_PLOT_SLOTS"] = slots  # its process inherits this
    try:
        receiver = Receiver("async_plot", str(server.connection_file))
    finally:
        os.environ["ASYNC_PLOT_SLOTS"] = before
    stack.callback(receiver.end)

    def send() -> None:
        block[0] = now()
        server.update(block)
        time.sleep(0.0001)  # what stands for the calculation

    return send, receiver


def _raw(stack: contextlib.ExitStack, size: int) -> Sender:
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    receiver = Receiver("tcp", (listener.getsockname(), size))
    stack.callback(receiver.end)
    listener.settimeout(20)
    sock: Any = stack.enter_context(listener.accept()[0])
    sock.settimeout(None)
    block = np.linspace(0, 1, size)

    def send() -> None:
        block[0] = now()
        sock.sendall(block)

    return send, receiver


if __name__ == "__main__":
    main("slots", measure)
