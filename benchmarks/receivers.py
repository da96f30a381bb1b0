"""The other end of each transport: a process that notes how old arrays arrive.

The first element of the first array is the sender's clock at the hand-over; all
processes of one machine share that clock.
"""

from __future__ import annotations

import pickle
import socket
from collections.abc import Callable
from typing import Any

import numpy as np
from common import context, now

__all__ = ["Receiver"]

MOST = 100_000


class Receiver:
    """A process that receives from one kind of sender.

    Parameters
    ----------
    kind : str
        Name of a function of this module, without its underscore.
    address : object
        What that function needs to find the sender.
    """

    def __init__(self, kind: str, address: Any) -> None:
        self._count = context.RawValue("q", 0)
        self._ages = context.RawArray("q", MOST)
        self.process = context.Process(
            target=_main, args=(kind, address, self._count, self._ages), daemon=True
        )
        self.process.start()

    @property
    def count(self) -> int:
        """How many arrays have arrived."""
        return self._count.value

    def ages(self, start: int = 0) -> list[float]:
        """Age of each array at its arrival, in seconds."""
        return [age * 1e-9 for age in self._ages[start : self.count]]

    def end(self) -> None:
        """Stop the process."""
        self.process.kill()
        self.process.join()


def _main(kind: str, address: Any, count: Any, ages: Any) -> None:
    def note(array: np.ndarray[Any, Any]) -> None:
        ages[count.value] = now() - int(array.flat[0])
        count.value += 1

    try:
        _KINDS[kind](address, note)
    except (EOFError, ConnectionError, KeyboardInterrupt):
        pass


Note = Callable[[np.ndarray[Any, Any]], None]


def _async_plot(file: str, note: Note) -> None:
    from async_plot import Client

    for frame in Client(file):
        note(frame.args[0])


def _far(file: str, note: Note) -> None:
    """As on another machine: by TLS."""
    from async_plot import Client

    for frame in Client(file, host="127.0.0.1"):
        note(frame.args[0])


def _tcp(address: tuple[Any, int], note: Note) -> None:
    (host, port), size = address
    block = np.empty(size)
    view = memoryview(block).cast("B")
    with socket.create_connection((host, port)) as sock:
        while True:
            filled = 0
            while filled < len(view):
                count = sock.recv_into(view[filled:])
                if not count:
                    return
                filled += count
            note(block)


def _queue(queue: Any, note: Note) -> None:
    while True:
        note(queue.get()[0])


def _pipe(connection: Any, note: Note) -> None:
    while True:
        note(connection.recv()[0])


def _zmq_socket(address: str) -> Any:
    import zmq

    sock = zmq.Context().socket(zmq.SUB)
    sock.setsockopt(zmq.CONFLATE, 1)
    sock.setsockopt(zmq.SUBSCRIBE, b"")
    sock.connect(address)
    return sock


def _zmq_pickle(address: str, note: Note) -> None:
    sock = _zmq_socket(address)
    while True:
        note(pickle.loads(sock.recv())[0])


def _zmq_copy(address: str, note: Note) -> None:
    sock = _zmq_socket(address)
    while True:
        note(np.frombuffer(sock.recv(copy=False).buffer))


_KINDS: dict[str, Callable[[Any, Note], None]] = {
    "async_plot": _async_plot,
    "far": _far,
    "tcp": _tcp,
    "queue": _queue,
    "pipe": _pipe,
    "zmq_pickle": _zmq_pickle,
    "zmq_copy": _zmq_copy,
}
