"""The viewer's side of a connection by TLS: pinned, and used by two threads."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from async_plot.errors import AuthenticationError, ClosedError, HandshakeError
from async_plot.net import channel, sockets, tls
from async_plot.net.channel import TlsChannel

from ..helpers import AMPLE


class Far:
    """The other end of a channel: it listens, and echoes what it reads."""

    def __init__(self, directory: Path) -> None:
        certificate, self.fingerprint = tls.identity()
        self._context = tls.accepting(certificate, directory)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self.heard = b""  # raw
        self.shaken = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:  # nobody came
            return
        with sock:
            end = tls.Tls(self._context)
            memory = memoryview(bytearray(1 << 16))
            while piece := sock.recv(1 << 16):
                self.heard += piece
                end.received(memoryview(piece))
                try:
                    self.shaken = self.shaken or end.shake()
                except HandshakeError:
                    return
                while self.shaken and (count := end.read_into(memory)):
                    end.write(memory[:count])
                sock.sendall(end.data_to_send())

    def close(self) -> None:
        self._listener.close()
        self._thread.join(AMPLE)


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    far = Far(tmp_path)
    yield far
    far.close()


def test_without_a_fingerprint_it_is_a_plain_socket():
    """Nothing stands between a viewer and a calculation on its machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with channel.dial(listener.getsockname(), 5) as sock:
            assert type(sock) is socket.socket


def test_one_thread_receives_while_another_sends(far):
    """Megabytes both ways at once arrive as they were sent."""
    data = os.urandom(1 << 20)
    link = channel.dial(far.address, AMPLE, far.fingerprint)
    assert isinstance(link, TlsChannel)
    link.settimeout(AMPLE)

    def send() -> None:
        for start in range(0, len(data), 10_000):
            link.sendall(memoryview(data)[start : start + 10_000])

    sender = threading.Thread(target=send)
    sender.start()
    memory, filled = memoryview(bytearray(len(data))), 0
    while filled < len(data):
        count = link.recv_into(memory[filled:])
        assert count
        filled += count
    sender.join()
    link.shutdown(socket.SHUT_RDWR)
    assert link.recv_into(memory) == 0
    link.close()
    assert bytes(memory) == data
    assert data[:100] not in far.heard


def test_another_certificate_is_refused_before_a_word_is_said(far):
    """The far end is not even told that its handshake has ended."""
    pin = "00" * 32
    with pytest.raises(AuthenticationError, match="another certificate"):
        channel.dial(far.address, AMPLE, pin)
    far.close()
    assert far.heard and not far.shaken


def test_what_speaks_no_tls_is_told_apart(tmp_path):
    """Another protocol is an error of the handshake, a hang-up one of closing."""
    for said, error in (
        (b"\x89APLOT\r\n" + bytes(100), HandshakeError),
        (b"", ClosedError),
    ):
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def play(said: bytes = said, listener: socket.socket = listener) -> None:
                sock, _ = listener.accept()
                with sock:
                    sock.recv(1 << 16)
                    sock.sendall(said)

            thread = threading.Thread(target=play)
            thread.start()
            with pytest.raises(error):
                channel.dial(listener.getsockname(), AMPLE, "00" * 32)
            thread.join(AMPLE)


def test_a_silent_end_is_left_in_time():
    """Within the time that was given, and some."""
    with sockets.listen("127.0.0.1", 0) as listener:
        before = time.monotonic()
        with pytest.raises(TimeoutError):
            channel.dial(listener.getsockname(), 0.3, "00" * 32)
        assert time.monotonic() - before < 10


def test_data_that_nobody_acknowledges_ends_a_far_connection(far):
    """Keep-alive is silent while data is under way; this is not."""
    link = channel.dial(far.address, AMPLE, far.fingerprint)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        set_to = link._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert 0 < set_to <= 15_000
    link.close()
