"""A bell between threads that a selector can wait for.

`threading.Event` and `Condition` may stay locked after an interrupt of the waiting
main thread; a byte in a socket cannot.
"""

from __future__ import annotations

import contextlib
import select
import socket

__all__ = ["Wakeup"]


class Wakeup:
    """A pair of connected sockets: `ring` at one end, wait at the other."""

    def __init__(self) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        # Resolved once: `ring` is called from the calculation's thread.
        self._send = self._sender.send

    def fileno(self) -> int:
        """Descriptor that becomes readable when the bell was rung."""
        return self._receiver.fileno()

    def ring(self) -> None:
        """Wake the waiting end; never waits, and is harmless after `close`."""
        # A full buffer means that a wake-up is under way already.
        with contextlib.suppress(OSError):
            self._send(b"\0")

    def clear(self) -> None:
        """Forget all rings so far."""
        with contextlib.suppress(OSError):
            while len(self._receiver.recv(4096)) == 4096:
                pass

    def wait(self, timeout: float) -> bool:
        """Wait for a ring, at most `timeout` seconds; an interrupt passes through."""
        number = self._receiver.fileno()
        if number < 0:  # closed, maybe by another thread that waited
            return True
        if hasattr(select, "poll"):  # select() fails on descriptors from 1024 on
            poll = select.poll()
            poll.register(number, select.POLLIN)
            return bool(poll.poll(max(0.0, timeout) * 1000))
        return bool(select.select([number], [], [], max(0.0, timeout))[0])

    def close(self) -> None:
        """Close both ends."""
        self._receiver.close()
        self._sender.close()
