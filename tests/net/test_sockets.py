"""Sockets: loopback only, small messages at once, sends that never hang."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
import time
from collections.abc import Iterator

import pytest

from async_plot.net import sockets

from ..helpers import AMPLE, eventually


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A dialled and an accepted, prepared end."""
    with sockets.listen("127.0.0.1", 0) as listener:
        near = sockets.dial(*listener.getsockname(), AMPLE)
        listener.settimeout(AMPLE)
        far, _ = listener.accept()
    sockets.prepare(far)
    with near, far:
        yield near, far


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
        ("example.org", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_only_addresses_of_this_machine_are_loopback(host: str, loopback: bool) -> None:
    """No name is looked up: whoever answers for it could say anything."""
    assert sockets.is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("address", "everywhere"),
    [
        ("0.0.0.0", True),
        ("::", True),
        ("127.0.0.1", False),
        ("192.0.2.2", False),
        ("fe80::1%eth0", False),
    ],
)
def test_all_addresses_are_told_from_one(address: str, everywhere: bool) -> None:
    """A run on all of them is found by the machine's name."""
    assert sockets.is_everywhere(address) is everywhere


def test_a_listener_never_blocks_and_is_not_shared() -> None:
    """And a port that is taken is an error that names it."""
    with sockets.listen("127.0.0.1", 0) as listener:
        with pytest.raises(BlockingIOError):
            listener.accept()
        assert not listener.get_inheritable()
        host, port = listener.getsockname()
        with pytest.raises(
            sockets.ListenError, match=f"on {host} port {port}"
        ) as error:
            sockets.listen(host, port)
        assert error.value.errno == errno.EADDRINUSE


def test_a_port_can_be_listened_on_again_at_once() -> None:
    """Though connections of the last run linger."""
    with sockets.listen("127.0.0.1", 0) as listener:
        address = listener.getsockname()
        near = sockets.dial(*address, AMPLE)
        listener.settimeout(AMPLE)
        far, _ = listener.accept()
        far.close()
        near.close()
    sockets.listen(*address).close()


def test_an_address_that_is_not_ours_is_an_error_that_names_it() -> None:
    """Of the kind that whoever asked for it must see."""
    with pytest.raises(sockets.ListenError, match=r"192\.0\.2\.1 port 5000"):
        sockets.listen("192.0.2.1", 5000)


def test_having_no_descriptor_left_is_another_error() -> None:
    """It is nobody's wrong argument."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        with pytest.raises(OSError, match="Too many open files") as error:
            sockets.listen("127.0.0.1", 0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not isinstance(error.value, sockets.ListenError)


def test_small_messages_go_at_once_and_silence_is_noticed(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """TCP_NODELAY and keep-alive at both ends."""
    for sock in pair:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_what_is_there_is_received_and_nothing_is_waited_for(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """None where there is nothing, 0 at the end of the stream."""
    near, far = pair
    memory = memoryview(bytearray(10))
    assert sockets.receive(far, memory) is None
    near.sendall(b"abc")
    far.settimeout(AMPLE)
    assert far.recv(1, socket.MSG_PEEK) == b"a"
    sockets.prepare(far)
    assert sockets.receive(far, memory) == 3
    assert bytes(memory[:3]) == b"abc"
    near.shutdown(socket.SHUT_WR)
    eventually(lambda: sockets.receive(far, memory) == 0)


@pytest.mark.parametrize("patient", [True, False])
def test_a_send_to_a_frozen_peer_takes_what_fits_and_returns(
    patient: bool, pair: tuple[socket.socket, socket.socket]
) -> None:
    """In many pieces, partly, then 0; a patient one waits its moment at most."""
    near, far = pair
    parts = [memoryview(bytes(1000))] * 20_000
    sent = sockets.send(far, parts, patient=patient)
    assert 0 < sent <= 20_000_000
    for _ in range(100):
        before = time.monotonic()
        if not sockets.send(far, parts, patient=patient):
            break
    else:
        pytest.fail("the kernel takes everything")
    assert time.monotonic() - before < AMPLE / 2
    near.close()
    with contextlib.suppress(OSError):
        sockets.send(far, parts, patient=False)
    with pytest.raises(OSError):
        eventually(lambda: sockets.send(far, parts, patient=False) < 0)


def test_one_call_sends_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some systems refuse more bytes at once than fit into an int."""
    monkeypatch.setattr(sockets, "MOST", 10)
    first, second = socket.socketpair()
    with first, second:
        parts = [memoryview(b"abcd"), memoryview(b""), memoryview(b"efghijklmnop")]
        assert sockets.send(first, parts, patient=False) == 10
        assert sockets.send(first, [memoryview(b"klm")], patient=False) == 3
        memory = memoryview(bytearray(20))
        assert sockets.receive(second, memory) == 10
        assert sockets.receive(second, memory[10:]) == 3
        assert bytes(memory[:13]) == b"abcdefghijklm"


@pytest.mark.parametrize("host", ["", " ", "a b", "a\n", "[]", ":80", "a:b", "a:99999"])
def test_a_host_that_can_be_none_is_refused(host: str) -> None:
    """With what would be one."""
    with pytest.raises(ValueError, match="NAME:PORT"):
        sockets.parted(host, 1)
