"""Attacks on a viewer: somebody else listens where it expects the calculation."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace

import msgpack
import pytest

from async_plot import Client, Server
from async_plot.errors import AuthenticationError, HandshakeError, VersionError
from async_plot.net import files, runs
from async_plot.wire import framing, handshake
from async_plot.wire.handshake import Dialled, derive
from async_plot.wire.messages import Frame, PlotterCode, Right, Welcome

from ..helpers import AMPLE, eventually
from ..wire.samples import SAMPLES
from .support import Calculation, Canary, Relay, Squatter, hear, run_at

MAGIC = b"\x89APLOT\r\n"
HELLO = MAGIC + b"\0\x01" + bytes(32)


def hostile_messages(canary: Canary) -> bytes:
    """What a calculation would say, with pickles that run code."""
    payload = msgpack.packb(
        [[msgpack.ExtType(13, msgpack.packb([canary.pickle, []]))], {}]
    )
    said = [
        SAMPLES[Welcome],
        PlotterCode("", "Wave", [3, 11], [canary.pickle]),
        Frame("", 1, 0.0, False, payload, []),
        Frame("b", 2, 0.0, False, payload, []),
    ]
    return b"".join(bytes(part) for m in said for part in framing.encode(m))


def proof_of(sock: socket.socket) -> bytes:
    sock.sendall(HELLO)
    return hear(sock, 76)


def zero_answer(sock, evil):
    proof_of(sock)
    sock.sendall(b"\0" + bytes(32) + evil)


def echo(sock, evil):
    proof = proof_of(sock)
    sock.sendall(b"\0" + proof[-32:] + evil)


def whole_echo(sock, evil):
    sock.sendall(proof_of(sock) + evil)


def other_key(sock, evil):
    machine = Dialled(b"\xff" * 32)
    sock.sendall(machine.data_to_send())
    machine._key = None
    proof = hear(sock, 76)
    said = machine._hello + proof
    mac = handshake._mac(derive(b"\xff" * 32, Right.LOOK), b"dialled", said)
    sock.sendall(b"\0" + mac + evil)


def refusal(sock, evil):
    proof_of(sock)
    sock.sendall(b"\2" + bytes(32) + evil)


def strange_verdict(sock, evil):
    proof_of(sock)
    sock.sendall(b"\xff" * 33 + evil)


def all_at_once(sock, evil):
    sock.sendall(HELLO + b"\0" + bytes(32) + evil)


def two_hellos(sock, evil):
    proof_of(sock)
    sock.sendall(HELLO + evil)


def no_handshake(sock, evil):
    sock.sendall(evil)


def flood(sock, evil):
    proof_of(sock)
    sock.sendall(b"\xff" * 10_000_000)


def http(sock, evil):
    sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + evil)


def older(sock, evil):
    sock.sendall(MAGIC + b"\0\0" + bytes(32) + evil)


def newer(sock, evil):
    sock.sendall(MAGIC + b"\0\x02" + bytes(32) + evil)


PLAYS = [
    (zero_answer, AuthenticationError),
    (echo, AuthenticationError),
    (whole_echo, AuthenticationError),
    (other_key, AuthenticationError),
    (refusal, AuthenticationError),
    (strange_verdict, AuthenticationError),
    (all_at_once, AuthenticationError),
    (two_hellos, AuthenticationError),
    (flood, AuthenticationError),
    (no_handshake, HandshakeError),
    (http, HandshakeError),
    (older, VersionError),
    (newer, VersionError),
]


@pytest.mark.parametrize(("play", "error"), PLAYS, ids=lambda p: p.__name__)
def test_squatter_is_found_out(play, error, tmp_path):
    """Who cannot prove the key is not believed, and nothing it says is unpickled."""
    canary = Canary(tmp_path)
    evil = hostile_messages(canary)
    with Calculation() as calculation, Squatter(lambda s: play(s, evil)) as squatter:
        key = calculation.run.key
        client = Client(run_at(calculation, squatter.address))
        with pytest.raises(error) as caught:
            next(iter(client))
        assert client.welcome is None
        assert client._sock is None
        for secret in (key, derive(key, Right.LOOK)):
            assert secret not in squatter.heard
            assert secret.hex() not in str(caught.value)
        calculation.serves()
    canary.check()


def test_hostile_messages_would_fire(tmp_path):
    """The attack above is a real one: behind a proof of the key it is believed."""
    canary = Canary(tmp_path)
    evil = hostile_messages(canary)
    with Server(view=None) as server:
        run = runs.read(server.connection_file)

        def play(sock):
            machine = Dialled(run.key)
            sock.sendall(machine.data_to_send())
            answer, _ = machine.receive(hear(sock, 76))
            sock.sendall(answer + evil)

        with Squatter(play) as traitor:
            directory = files.private_directory(run.directory / "there")
            runs._write(replace(run, address=traitor.address, directory=directory))
            client = Client(directory)
            frames = iter(client)
            frame = next(frames)
            frame.args[0].close()
            client.close()
            frames.close()
    assert canary.path.exists()


def test_silent_squatter_is_left_and_tried_again(monkeypatch):
    """A squatter that says nothing holds a viewer for the deadline, and no longer."""
    monkeypatch.setattr(handshake, "TIMEOUT", 0.2)
    over = threading.Event()
    with Calculation() as calculation, Squatter(lambda s: None) as squatter:
        client = Client(run_at(calculation, squatter.address))
        got = []

        def view():
            got.extend(client)
            over.set()

        thread = threading.Thread(target=view, name="viewer")
        thread.start()
        try:
            eventually(lambda: squatter.dials >= 2, what="another try")
        finally:
            client.close()
            thread.join(AMPLE)
        assert over.is_set()
        assert got == []
        assert squatter.heard == b""


def test_slow_squatter_is_left_at_the_same_deadline(monkeypatch):
    """A byte now and then does not hold a viewer any longer."""
    monkeypatch.setattr(handshake, "TIMEOUT", 0.3)
    sent = []

    def drip(sock):
        sock.settimeout(0.02)
        for byte in HELLO[:-1]:
            sock.sendall(bytes([byte]))
            sent.append(byte)
            with suppress(TimeoutError):
                if not sock.recv(1):
                    return

    with Calculation() as calculation, Squatter(drip) as squatter:
        client = Client(run_at(calculation, squatter.address))
        thread = threading.Thread(target=lambda: list(client), name="viewer")
        began = time.monotonic()
        thread.start()
        try:
            eventually(lambda: squatter.dials >= 2, what="another try")
            assert time.monotonic() - began >= 0.3
        finally:
            client.close()
            thread.join(AMPLE)
        assert not thread.is_alive()


def test_viewer_reflected_to_itself_gets_nowhere(tmp_path, monkeypatch):
    """Two viewers joined by a squatter do not take each other for a calculation."""
    monkeypatch.setattr(handshake, "TIMEOUT", AMPLE)  # else one might dial twice
    both = threading.Barrier(2, timeout=AMPLE)
    proofs = []

    def mirror(sock):
        proof = proof_of(sock)
        proofs.append(proof)
        both.wait()
        [other] = [each for each in proofs if each is not proof]
        sock.sendall(b"\0" + other[-32:])

    with Calculation() as calculation, Squatter(mirror) as squatter:
        path = run_at(calculation, squatter.address)
        errors = []

        def view():
            try:
                next(iter(Client(path)))
            except AuthenticationError as error:
                errors.append(error)

        threads = [threading.Thread(target=view, name="viewer") for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(AMPLE)
        assert len(errors) == 2


def test_replayed_calculation_is_found_out(tmp_path):
    """All that a calculation once said to a viewer convinces no viewer again."""
    with Calculation() as calculation, Relay(calculation.address) as relay:
        client = Client(run_at(calculation, relay.address))
        frames = iter(client)
        next(frames)
        client.close()
        frames.close()
        recorded = relay.down
        assert len(recorded) > 200
        with Squatter(lambda sock: sock.sendall(recorded)) as squatter:
            again = Client(run_at(calculation, squatter.address))
            with pytest.raises(AuthenticationError):
                next(iter(again))
            assert again.welcome is None


def test_stranger_at_the_port_of_an_ended_run_is_not_asked(tmp_path):
    """A run that has ended gave its port and key back: its record is read instead."""
    with Server(view=None) as server:
        server.update(5)
        path = server.connection_file
        before = runs.read(path)
    with Squatter(lambda sock: None) as squatter:
        runs._write(replace(runs.read(path), address=None))
        assert before.address is not None
        [frame] = [f for f in Client(path).messages() if isinstance(f, Frame)]
        assert frame.number == 1
        assert squatter.dials == 0
