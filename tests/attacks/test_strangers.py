"""Attacks of those who have no key, at the calculation's port."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import time

import pytest

from async_plot import Client, Server
from async_plot.errors import AuthenticationError, HandshakeError
from async_plot.net import reception, sockets
from async_plot.wire import handshake
from async_plot.wire.handshake import Dialling, derive, new_key
from async_plot.wire.messages import Right, Role

from ..helpers import AMPLE, Deadline, best_of, eventually
from .support import (
    Calculation,
    Canary,
    Relay,
    cut,
    dial,
    hear,
    memory,
    run_at,
)

HELLO = 42  # bytes that anybody is told
REFUSAL = 33
MAGIC = b"\x89APLOT\r\n"

GARBAGE = {
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n",
    "http post": b"POST /frames HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"
    + b"x" * 9999,
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)),
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "zeros": bytes(300),
    "ones": b"\xff" * 300,
    "random": random.Random(1).randbytes(100_000),
    "newline": b"\n",
    "magic and garbage": MAGIC + b"\xff" * 300,
    "magic twice": MAGIC * 40,
    "a proof of zeros": MAGIC + b"\0\x01\x01\x01" + bytes(64),
    "a proof of zeros and more": MAGIC + b"\0\x01\x01\x01" + bytes(100_000),
    "a hello": MAGIC + b"\0\x01" + bytes(32) + bytes(34),
    "negative length": b"\xff\xff\xff\xff\xff\xff\x10\x00",
    "a message": b"\x00\x00\x00\x03\x00\x00\x10\x00\x92\xa0)",
    "deep msgpack": b"\x91" * 100_000,
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_cut(name):
    """Whatever is no handshake is refused, and told nothing but the hello."""
    with Calculation() as calculation:
        with dial(calculation) as sock:
            with contextlib.suppress(ConnectionError):
                sock.sendall(GARBAGE[name])
            said = cut(sock)
            assert len(said) <= HELLO + REFUSAL
        calculation.serves()
        calculation.forgets()


def test_pickles_in_place_of_a_handshake_are_not_read(tmp_path):
    """Nothing that a stranger sends is unpickled, wherever it stands."""
    canary = Canary(tmp_path)
    dump = canary.pickle
    filled = (dump * 3)[:32]
    with Calculation() as calculation:
        for data in (
            dump,
            dump * 100,
            MAGIC + dump,
            MAGIC + b"\0\x01\x01\x01" + filled + filled,
            MAGIC + b"\0\x01\x01\x01" + bytes(64) + dump,
            struct.pack("!I", len(dump)) + dump,  # as multiprocessing frames it
        ):
            with dial(calculation) as sock:
                with contextlib.suppress(OSError):  # it was cut in the middle
                    sock.sendall(data)
                    sock.shutdown(socket.SHUT_WR)
                cut(sock)
        calculation.serves()
    canary.check()


def test_no_more_than_256_bytes_are_read_before_proof(monkeypatch):
    """However much a stranger sends, 256 bytes of it are looked at."""
    read: dict[int, int] = {}
    real = sockets.receive

    def counting(sock, memory):
        count = real(sock, memory)
        number = sock.getpeername()[1] if count else 0
        read[number] = read.get(number, 0) + (count or 0)
        return count

    monkeypatch.setattr(sockets, "receive", counting)
    rng = random.Random(2)
    ports = []
    with Calculation() as calculation:
        for head in (b"", MAGIC, MAGIC + b"\0\x01", MAGIC + b"\0\x01\x01\x01"):
            with dial(calculation) as sock:
                ports.append(sock.getsockname()[1])
                with contextlib.suppress(ConnectionError):
                    for piece in (head[:3], head[3:], rng.randbytes(100_000)):
                        sock.sendall(piece)
                cut(sock)
        calculation.serves()
    assert any(read.get(port, 0) > 0 for port in ports)
    assert all(read.get(port, 0) <= handshake.LIMIT for port in ports)


def test_silent_peers_delay_nobody(monkeypatch):
    """With 300 silent connections a good viewer is served within a second."""
    monkeypatch.setattr(reception, "HANDSHAKE_TIMEOUT", AMPLE)  # they all stay
    with Calculation() as calculation, contextlib.ExitStack() as silent:
        for _ in range(300):
            silent.enter_context(dial(calculation))
        eventually(lambda: len(calculation.peers) >= 200, what="peers held")
        best_of((calculation.serves() for _ in range(5)), 1.0)
        assert len(calculation.peers) <= reception.MAX_UNPROVEN + 1


def test_newest_stranger_takes_the_place_of_the_oldest(monkeypatch):
    """Silent peers are held up to a number; then the oldest has to go."""
    monkeypatch.setattr(reception, "MAX_UNPROVEN", 5)
    with Calculation() as calculation, contextlib.ExitStack() as silent:
        peers = [silent.enter_context(dial(calculation)) for _ in range(8)]
        for sock in peers[:3]:
            cut(sock)
        assert [len(hear(sock, HELLO)) for sock in peers[3:]] == [HELLO] * 5
        calculation.serves()


def test_silent_peer_is_cut_at_the_deadline(monkeypatch):
    """Who proves nothing in time is hung up on."""
    monkeypatch.setattr(reception, "HANDSHAKE_TIMEOUT", 0.3)
    began = time.monotonic()
    with Calculation() as calculation, dial(calculation) as sock:
        assert len(cut(sock)) == HELLO
        assert time.monotonic() - began >= 0.3
        calculation.serves()


def test_slow_peer_is_cut_at_the_same_deadline(monkeypatch):
    """A byte now and then buys no time: the deadline is for the whole handshake."""
    monkeypatch.setattr(reception, "HANDSHAKE_TIMEOUT", 0.4)
    proof = MAGIC + b"\0\x01\x01\x01" + bytes(60)
    with Calculation() as calculation, dial(calculation) as sock:
        hear(sock, HELLO)
        sent = 0
        deadline = Deadline(AMPLE)
        sock.settimeout(0.05)
        with contextlib.suppress(ConnectionError):
            while True:
                deadline.check("the cut")
                sock.sendall(proof[sent : sent + 1])
                sent += 1
                with contextlib.suppress(TimeoutError):
                    if not sock.recv(1):
                        break
        assert 0 < sent < len(proof)
        calculation.serves()


def test_deadline_is_five_seconds():
    """The tests above shorten it; this is what holds."""
    assert reception.HANDSHAKE_TIMEOUT == handshake.TIMEOUT == 5.0
    assert handshake.LIMIT == 256


def test_partial_proofs_and_resets_are_harmless():
    """Peers that break off at any byte, kindly or not, leave nothing behind."""
    proof = MAGIC + b"\0\x01\x01\x01" + bytes(64)
    with Calculation() as calculation:
        for length in range(0, len(proof), 3):
            with dial(calculation) as sock:
                sock.sendall(proof[:length])
                if length % 2:
                    linger = struct.pack("ii", 1, 0)
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        calculation.serves()
        calculation.forgets()


def test_flood_of_connections_costs_no_memory():
    """A thousand short visits leave neither peers nor memory behind."""
    with Calculation() as calculation:
        calculation.serves()
        before = memory()
        for number in range(1000):
            with dial(calculation) as sock:
                if number % 3 == 0:
                    sock.sendall(b"GET / HTTP/1.1\r\n")
        calculation.serves()
        calculation.forgets()
        assert memory() - before < 32 << 20


# -- proofs ------------------------------------------------------------------------


def test_wrong_key_is_refused_at_both_ends():
    """A viewer with another key learns that, and sees nothing."""
    with Calculation() as calculation:
        client = Client(run_at(calculation, calculation.address, key=new_key()))
        with pytest.raises(AuthenticationError):
            next(iter(client))
        assert client.welcome is None
        calculation.serves()


@pytest.mark.parametrize("asked", [Right.CONTROL, Right.ADMINISTER])
def test_key_to_look_proves_no_higher_right(asked):
    """Whoever may look cannot claim more."""
    with Calculation() as calculation:
        look = derive(calculation.run.key, Right.LOOK)
        with dial(calculation) as sock:
            proof, _ = Dialling(look, Role.VIEWER, asked).receive(hear(sock, HELLO))
            sock.sendall(proof)
            assert cut(sock)[:1] == b"\x02"
        calculation.serves()


def test_replayed_proof_is_refused():
    """A handshake that was overheard, and all that followed, opens nothing."""
    with Calculation() as calculation, Relay(calculation.address) as relay:
        client = Client(run_at(calculation, relay.address))
        frames = iter(client)
        assert next(frames).number > 0
        client.close()
        frames.close()
        recorded = relay.up
        assert len(recorded) > 76
        with dial(calculation) as sock:
            sock.sendall(recorded)
            said = cut(sock)
            assert len(said) <= HELLO + REFUSAL
            assert said[HELLO:] == b"\x02" + bytes(32)
        calculation.serves()
        calculation.forgets()


def test_reflected_bytes_are_refused():
    """The calculation's own words, said back to it, prove nothing."""
    with Calculation() as calculation:
        with dial(calculation) as sock:
            hello = hear(sock, HELLO)
            sock.sendall(hello + hello)
            assert len(cut(sock)) <= REFUSAL
        with dial(calculation) as one, dial(calculation) as other:
            one.sendall(hear(other, HELLO))
            other.sendall(hear(one, HELLO))
            one.sendall(bytes(34))
            other.sendall(bytes(34))
            assert len(cut(one)) <= REFUSAL
            assert len(cut(other)) <= REFUSAL
        calculation.serves()


def changed_at(index, value):
    """Set one byte of the first piece that passes; without a value to another one."""
    done = []

    def change(piece):
        if done:
            return piece
        done.append(True)
        byte = piece[index] ^ 1 if value is None else value
        return piece[:index] + bytes([byte]) + piece[index + 1 :]

    return change


CHANGES = {
    "version of the hello": ("down", 9, 0),
    "version of the proof": ("up", 9, 0),
    "later version of the hello": ("down", 9, 2),
    "role": ("up", 10, int(Role.HUB)),
    "right": ("up", 11, int(Right.ADMINISTER)),
    "nonce of the hello": ("down", 20, None),
    "nonce of the proof": ("up", 20, None),
    "mac of the proof": ("up", 60, None),
}


@pytest.mark.parametrize("name", CHANGES)
def test_handshake_that_was_changed_on_the_way_fails(name):
    """No one between can turn down the version, nor change role, right or nonces."""
    direction, index, value = CHANGES[name]
    with Calculation() as calculation:
        relay = Relay(calculation.address, **{direction: changed_at(index, value)})
        with relay:
            client = Client(run_at(calculation, relay.address))
            with pytest.raises(HandshakeError):
                next(iter(client))
            assert client.welcome is None
        calculation.serves()
        calculation.forgets()


def test_only_loopback_is_listened_on():
    """What is bound is the loopback address alone."""
    with Server(view=None) as server:
        host, port = server.address
        assert host == "127.0.0.1"
        publisher_ = server._session.publisher
        assert publisher_.reception._listener.getsockname() == (host, port)
        assert not os.get_inheritable(publisher_.reception._listener.fileno())
