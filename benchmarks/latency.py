"""Row: from `update` to the array in the viewer, over loopback, against raw TCP.

All senders stand in one process and take turns, one hand-over each 50 ms (or each
20 ms of work), so that a noisy moment of the machine meets all of them.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from common import (
    Row,
    context,
    installed,
    main,
    median,
    now,
    quantile,
    seconds,
    wait_until,
)
from receivers import Receiver

__all__ = ["measure"]

SIZES = {"100 points": 200, "1 MiB": 1 << 17, "16 MiB": 1 << 21}  # float64 numbers
MOST = {"100 points": 2.0, "1 MiB": 1.5, "16 MiB": 1.3}  # times raw TCP
PYTHON = 15e-3  # seconds, in a pure-Python loop
LOOPS = ("sleeps", "computes in C", "pure Python")
Sender = tuple[str, Callable[[], None], Receiver]


def measure(
    smoke: bool = False,
    sizes: tuple[str, ...] = tuple(SIZES),
    loops: tuple[str, ...] = LOOPS,
    rivals: bool = True,
    samples: int = 0,
) -> Iterator[Row]:
    """Measure every size in every kind of loop."""
    if smoke:
        sizes, loops, rivals = sizes[:1], loops[:2], False
    for size in sizes:
        with _senders(SIZES[size], rivals) as senders:
            for loop in loops:
                count = samples or (3 if smoke else 30 if loop == "sleeps" else 40)
                yield from _rows(size, loop, _ages(senders, LOOP[loop], count))


def _rows(size: str, loop: str, ages: dict[str, list[float]]) -> list[Row]:
    rows = []
    floor = median(ages["raw TCP"])
    for name, values in ages.items():
        if not values:
            rows.append(
                Row(f"{name}: {size}, loop {loop}", measured="no frame arrived")
            )
            continue
        found = median(values)
        ours = name == "async_plot"
        limit = PYTHON if loop == "pure Python" else MOST[size] * floor
        target = (
            f"<= {seconds(PYTHON)}"
            if loop == "pure Python"
            else f"<= {MOST[size]}x raw"
        )
        rows.append(
            Row(
                what=f"{name}: {size}, loop {loop}",
                target=target if ours else "",
                measured=f"{seconds(found)} (95 %: {seconds(quantile(values, 0.95))}, "
                f"{len(values)} frames)",
                ratio=found / floor,
                reached=found <= limit if ours else None,
                rival=not name.startswith("async_plot"),
                values={"median": found, "floor": floor, "samples": len(values)},
            )
        )
    return rows


def _ages(
    senders: list[Sender], pause: Callable[[], None], count: int
) -> dict[str, list[float]]:
    starts = [receiver.count for _, _, receiver in senders]
    for _ in range(count + 2):
        for _, send, _ in senders:
            pause()
            send()
    pause()
    time.sleep(0.1)
    return {
        name: receiver.ages(start)[2:] or receiver.ages(start)  # the first ones warm
        for (name, _, receiver), start in zip(senders, starts)
    }


# -- the loops: what a calculation does between two updates ------------------------


def _sleep() -> None:
    time.sleep(0.05)


_numbers = np.linspace(0, 1, 100_000)
_out = np.empty_like(_numbers)


def _compute() -> None:
    """Some 20 ms in few calls that run without the GIL."""
    end = now() + 20_000_000
    while now() < end:
        np.sin(_numbers, out=_out)


def _spin() -> None:
    """20 ms of pure Python."""
    end = now() + 20_000_000
    x = 0.3
    while now() < end:
        for _ in range(20):
            x = 3.7 * x * (1 - x)


LOOP = {"sleeps": _sleep, "computes in C": _compute, "pure Python": _spin}


# -- the senders -------------------------------------------------------------------


@contextlib.contextmanager
def _senders(size: int, rivals: bool) -> Iterator[list[Sender]]:
    with contextlib.ExitStack() as stack:
        makers = [_async_plot, _async_plot_default, _raw]
        if rivals:
            makers += [_pipe, _queue]
            if installed("pyzmq"):
                makers += [_zmq_pickle, _zmq_copy]
        senders = []
        for make in makers:
            name, send, receiver = make(stack, size)
            stack.callback(receiver.end)
            senders.append((name, send, receiver))
        for sender in senders:
            _warm(*sender)
        yield senders


def _warm(name: str, send: Callable[[], None], receiver: Receiver) -> None:
    """See that both ends are up."""
    least = 1 if "0.01" in name else 3  # that one sends little by its budget

    def arrived() -> bool:
        send()
        time.sleep(0.05)
        return receiver.count >= least

    if not wait_until(arrived, 30):
        raise RuntimeError(f"{name}: nothing arrives")


def _arrays(size: int) -> tuple[np.ndarray[Any, Any], ...]:
    """A line's x and y where it is small, else one array."""
    block = np.linspace(0, 1, size)
    return tuple(block.reshape(2, -1)) if size < 1000 else (block,)


def _async_plot(stack: contextlib.ExitStack, size: int, **options: Any) -> Sender:
    from async_plot import Server

    server = stack.enter_context(Server(view=None, **{"overhead": 1, **options}))
    arrays = _arrays(size)
    first = arrays[0]

    def send() -> None:
        first[0] = now()
        server.update(*arrays)

    return "async_plot", send, Receiver("async_plot", str(server.connection_file))


def _async_plot_default(stack: contextlib.ExitStack, size: int) -> Sender:
    _, send, receiver = _async_plot(stack, size, overhead=0.01)
    return "async_plot, overhead=0.01", send, receiver


def _raw(stack: contextlib.ExitStack, size: int) -> Sender:
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    receiver = Receiver("tcp", (listener.getsockname(), size))
    listener.settimeout(20)
    sock = stack.enter_context(listener.accept()[0])
    sock.settimeout(None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    block = np.linspace(0, 1, size)

    def send() -> None:
        block[0] = now()
        sock.sendall(block)

    return "raw TCP", send, receiver


def _queue(stack: contextlib.ExitStack, size: int) -> Sender:
    queue = context.Queue()
    arrays = _arrays(size)
    first = arrays[0]
    stack.callback(queue.cancel_join_thread)

    def send() -> None:
        first[0] = now()
        queue.put(arrays)

    return "mp.Queue", send, Receiver("queue", queue)


def _pipe(stack: contextlib.ExitStack, size: int) -> Sender:
    receiving, sending = context.Pipe(duplex=False)
    stack.enter_context(receiving)
    stack.enter_context(sending)
    arrays = _arrays(size)
    first = arrays[0]

    def send() -> None:
        first[0] = now()
        sending.send(arrays)

    return "mp.Pipe", send, Receiver("pipe", receiving)


def _publisher(stack: contextlib.ExitStack) -> tuple[Any, str]:
    import zmq

    sock = stack.enter_context(zmq.Context.instance().socket(zmq.PUB))
    sock.setsockopt(zmq.CONFLATE, 1)
    sock.setsockopt(zmq.LINGER, 0)
    port = sock.bind_to_random_port("tcp://127.0.0.1")
    return sock, f"tcp://127.0.0.1:{port}"


def _zmq_pickle(stack: contextlib.ExitStack, size: int) -> Sender:
    import pickle

    sock, address = _publisher(stack)
    arrays = _arrays(size)
    first = arrays[0]

    def send() -> None:
        first[0] = now()
        sock.send(pickle.dumps(arrays, 5))

    return "pyzmq CONFLATE, pickled", send, Receiver("zmq_pickle", address)


def _zmq_copy(stack: contextlib.ExitStack, size: int) -> Sender:
    sock, address = _publisher(stack)
    block = np.linspace(0, 1, size)

    def send() -> None:
        block[0] = now()
        sock.send(block, copy=True)

    return "pyzmq CONFLATE, copied", send, Receiver("zmq_copy", address)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--alone", action="store_true", help="no rivals but raw TCP")
    parser.add_argument("--size", choices=SIZES, action="append")
    parser.add_argument("--loop", choices=LOOPS, action="append")
    parser.add_argument("--samples", type=int, default=0)
    given = parser.parse_args()
    main(
        "latency",
        lambda smoke: measure(
            smoke,
            tuple(given.size or SIZES),
            tuple(given.loop or LOOPS),
            not given.alone,
            given.samples,
        ),
    )
