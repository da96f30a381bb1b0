"""One viewer's connection: what it has, lacks, and what is on its way to it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from async_plot.net import sockets
from async_plot.net.feed import Feed
from async_plot.net.peer import Peer, Traffic
from async_plot.net.snapshot import Snapshot
from async_plot.wire.connection import Phase

from ..helpers import AMPLE


@contextmanager
def connected(traffic: Traffic) -> Iterator[tuple[Peer, socket.socket]]:
    """A peer whose handshake is over, and the viewer's end of its socket."""
    with sockets.listen("127.0.0.1", 0) as listener:
        viewer = sockets.dial(*listener.getsockname(), AMPLE)
        listener.settimeout(AMPLE)
        sock, _ = listener.accept()
    sockets.prepare(sock)
    peer = Peer(sock, "here:1", bytes(32), traffic, 0.0)
    peer.flush(0.0)
    assert len(viewer.recv(100)) == 42
    peer.connection.phase = Phase.OPEN
    with viewer, sock:
        yield peer, viewer


@pytest.fixture
def pair() -> Iterator[tuple[Peer, socket.socket]]:
    with connected(Traffic()) as pair:
        yield pair


def snapshot(value: object, number: int = 1) -> Snapshot:
    """A snapshot as a feed takes it."""
    feed = Feed("a", None)
    feed._count = number - 1
    feed.update(value)
    [taken] = feed.drain()
    return taken


def test_it_lacks_what_it_asked_for_and_has_not(
    pair: tuple[Peer, socket.socket],
) -> None:
    """Nothing without credit, nothing older than what it has."""
    peer, viewer = pair
    first, second = snapshot(1), snapshot(2, 2)
    assert not peer.lacks("a", None) and not peer.lacks("a", first)
    peer.credit["a"] = 1
    assert peer.lacks("a", first)
    assert not peer.lacks("b", first)
    peer.send_frame(first, 1.0)
    assert peer.credit["a"] == 0 and not peer.lacks("a", second)
    peer.credit["a"] = 1
    assert not peer.lacks("a", first)
    assert peer.lacks("a", second)
    assert viewer.recv(1 << 16) == b"".join(first.parts)
    assert (peer.viewer.frames, peer.traffic.frames) == (1, 1)
    assert first.users == 0 and peer.sending == []


def test_what_does_not_fit_is_on_its_way(pair: tuple[Peer, socket.socket]) -> None:
    """It counts as used until it was sent; nothing else is sent meanwhile."""
    peer, viewer = pair
    big = snapshot(np.arange(1 << 22))
    peer.send_frame(big, 1.0)
    assert big.users == 1 and peer.sending == [big]
    assert peer.connection.mid_send and peer.slow
    peer.credit["a"] = 1
    assert not peer.lacks("a", snapshot(1, 5))
    received = bytearray()
    viewer.settimeout(AMPLE)
    while len(received) < big.size:
        received += viewer.recv(1 << 20)
        peer.flush(2.0)
    assert received == b"".join(big.parts)
    assert peer.moved == 2.0
    assert not peer.connection.mid_send
    assert peer.traffic.bytes == 42 + big.size


def test_a_thin_line_is_no_frozen_viewer(pair: tuple[Peer, socket.socket]) -> None:
    """What its kernel takes of a message counts, though the socket takes no more."""
    peer, viewer = pair
    big = snapshot(np.arange(1 << 22))
    peer.send_frame(big, 0.0)
    viewer.settimeout(AMPLE)
    now, step = 0.0, 10.0
    for _ in range(5):  # fifty seconds in which nothing is sent, and something read
        now += step
        unsent = sockets.unsent(peer.sock)
        while sockets.unsent(peer.sock) == unsent:
            viewer.recv(1 << 16)
        assert not peer.stalled(now, 30.0)
    for _ in range(2):
        now += step
        assert not peer.stalled(now, 30.0)
    assert peer.stalled(now + 2 * step, 30.0)


def test_a_viewer_that_left_is_an_os_error(pair: tuple[Peer, socket.socket]) -> None:
    """For the thread to drop it."""
    peer, viewer = pair
    viewer.close()
    with pytest.raises(OSError):
        for number in range(100):
            peer.send_frame(snapshot(np.arange(1 << 20), number + 1), 1.0)


def test_it_is_described_as_the_calculation_may_see_it(
    pair: tuple[Peer, socket.socket],
) -> None:
    """Role and right are empty before the proof."""
    peer, _ = pair
    viewer = peer.viewer
    assert (viewer.address, viewer.role, viewer.right) == ("here:1", "", "")
    assert (viewer.view, viewer.frames, viewer.shown) == ("", 0, 0)


def test_many_frozen_viewers_cost_the_patience_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What one has used up of a turn's patience, no other one gets."""
    patient: list[bool] = []
    send = sockets.send

    def watched(*args: Any, **options: Any) -> int:
        patient.append(options["patient"])
        return send(*args, **options)

    traffic = Traffic()
    big = snapshot(np.zeros(1 << 22))
    with connected(traffic) as (first, _), connected(traffic) as (second, _):
        monkeypatch.setattr(sockets, "send", watched)
        first.send_frame(big, 1.0)
        assert patient[0]
        if sockets._CAN_WAIT:
            assert traffic.patience <= 0  # it waited, and in vain
        traffic.patience = min(0.0, traffic.patience)
        patient.clear()
        second.send_frame(big, 1.0)
        assert patient and not any(patient)
        assert big.users == 2
