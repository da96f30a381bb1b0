"""The gate's program, in a thread: it relays, and lets nobody hold up another."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from async_plot.net import channel, gatekeeper, sockets, tls
from async_plot.net.gatekeeper import Gatekeeper

from ..helpers import AMPLE, eventually


class Gate:
    """A gatekeeper, and in the calculation's place whoever accepts at `target`."""

    def __init__(self, directory: Path) -> None:
        certificate, self.fingerprint = tls.identity()
        self.listener = sockets.listen("127.0.0.1", 0)
        self.address = self.listener.getsockname()
        self.target = socket.create_server(("127.0.0.1", 0))
        self.target.settimeout(AMPLE)
        self.control, self._far = socket.socketpair()
        self.control.settimeout(AMPLE)
        self.keeper = Gatekeeper(
            self.listener,
            tls.accepting(certificate, directory),
            self.target.getsockname(),
            self._far,
        )
        self._thread = threading.Thread(target=self.keeper.serve)
        self._thread.start()

    def dial(self) -> channel.Channel:
        return channel.dial(self.address, AMPLE, self.fingerprint)

    def connect(self) -> tuple[channel.Channel, socket.socket]:
        """Both ends of a connection through it."""
        far = self.dial()
        near, address = self.target.accept()
        near.settimeout(AMPLE)
        port, host, _ = json.loads(self.control.recv(1000))
        assert (port, host) == (address[1], "127.0.0.1")
        return far, near

    @property
    def links(self) -> int:
        return len(self.keeper._links)

    def close(self) -> None:
        self.control.close()
        self._thread.join(AMPLE)
        assert not self._thread.is_alive()
        self.keeper._selector.close()
        self._far.close()
        self.target.close()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path)
    try:
        yield gate
    finally:
        gate.close()


def receive(sock: channel.Channel, count: int) -> bytes:
    memory, filled = memoryview(bytearray(count)), 0
    while filled < count:
        step = sock.recv_into(memory[filled:])
        assert step, f"the end after {filled} of {count} bytes"
        filled += step
    return bytes(memory)


def test_it_relays_both_ways_as_much_as_there_is(gate):
    """Megabytes, and then an end that both sides notice."""
    data = os.urandom(3 << 20)
    far, near = gate.connect()
    sender = threading.Thread(target=near.sendall, args=(data,))
    sender.start()
    assert receive(far, len(data)) == data
    sender.join()
    far.sendall(memoryview(data[:100_000]))
    assert receive(near, 100_000) == data[:100_000]
    near.shutdown(socket.SHUT_WR)
    assert far.recv_into(memoryview(bytearray(10))) == 0
    far.close()
    assert near.recv(10) == b""
    near.close()
    eventually(lambda: gate.links == 0)


def test_what_a_viewer_says_last_arrives(gate):
    """Though it hangs up right behind it."""
    far, near = gate.connect()
    far.sendall(memoryview(b"goodbye"))
    far.close()
    assert receive(near, 7) == b"goodbye"
    assert near.recv(10) == b""
    near.close()


def test_a_slow_peer_holds_up_no_other_and_no_memory(gate):
    """What waits for it is bounded; the calculation is made to wait, not the rest."""
    slow, near = gate.connect()
    near.setblocking(False)
    sent, block = 0, bytes(1 << 20)
    for _ in range(100):
        with suppress(BlockingIOError):
            sent += near.send(block)
        time.sleep(0.005)
    waiting = [link.waiting for link in gate.keeper._links]
    assert max(waiting) < gatekeeper.BACKLOG + 2 * gatekeeper.CHUNK
    assert sent < 64 << 20
    other, second = gate.connect()
    second.sendall(b"news")
    assert receive(other, 4) == b"news"
    for sock in (slow, near, other, second):
        sock.close()


def test_the_last_bytes_leave_after_the_calculation_has_gone(gate):
    """At the end it takes everything at once, and hands it on at the peer's pace."""
    data = os.urandom(24 << 20)
    far, near = gate.connect()
    gate.control.send(b"the end\n")
    near.sendall(data)  # though nobody reads
    near.close()
    gate.control.close()
    assert receive(far, len(data)) == data
    far.close()


def test_the_end_of_the_calculation_is_its_end(gate):
    """Strangers in their handshake do not keep it."""
    with socket.create_connection(gate.address):
        eventually(lambda: gate.links == 1)
        gate.control.close()
        gate._thread.join(AMPLE)
        assert not gate._thread.is_alive()


def test_a_handshake_ends_in_time_and_within_its_bytes(gate, monkeypatch):
    """Whoever is silent, slow or long-winded is dropped; a good one is served."""
    monkeypatch.setattr(gatekeeper, "HANDSHAKE_TIMEOUT", AMPLE)
    with ExitStack() as stack:
        silent, slow, long = (
            stack.enter_context(socket.create_connection(gate.address)) for _ in "abc"
        )
        # The start of a record of 16 KiB that never ends, and too many such records.
        slow.sendall(b"\x16\x03\x01\x40\x00\x01")
        with suppress(ConnectionError):
            for _ in range(10):
                long.sendall(b"\x16\x03\x01\x3f\x00\x01\x00\xff\xff" + bytes(0x3EFC))
        far, near = gate.connect()
        near.sendall(b"hi")
        assert receive(far, 2) == b"hi"
        # Shorter now than a good one may need on a busy machine.
        monkeypatch.setattr(gatekeeper, "HANDSHAKE_TIMEOUT", 0.1)
        for sock in (silent, slow, long):
            sock.settimeout(AMPLE)
            with suppress(ConnectionError):
                while sock.recv(1000):
                    pass
        assert gate.links == 1
        far.close()
        near.close()


def test_of_too_many_strangers_the_oldest_goes(gate, monkeypatch):
    """So that they cannot keep others out by keeping silent."""
    monkeypatch.setattr(gatekeeper, "MAX_SHAKING", 5)
    with ExitStack() as stack:
        strangers = [
            stack.enter_context(socket.create_connection(gate.address, AMPLE))
            for _ in range(8)
        ]
        far, near = gate.connect()
        for first in strangers[:3]:
            assert first.recv(1) == b""
        far.close()
        near.close()


def test_a_calculation_that_does_not_answer_ends_that_connection(gate):
    """And the gate goes on."""
    gate.target.close()
    far = gate.dial()
    far.settimeout(AMPLE)
    with suppress(ConnectionError):
        assert far.recv_into(memoryview(bytearray(10))) == 0
    far.close()
    eventually(lambda: gate.links == 0)
