"""Attacks on a run that listens beyond its machine, and on those who look at it."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

import async_plot.options
from async_plot import Client, Server
from async_plot.errors import (
    AuthenticationError,
    ClosedError,
    HandshakeError,
    RunNotFoundError,
)
from async_plot.net import runs, tls
from async_plot.net.channel import TlsChannel
from async_plot.wire import handshake
from async_plot.wire.connection import Connection, Phase
from async_plot.wire.handshake import Dialling
from async_plot.wire.messages import Right, Role

from ..helpers import AMPLE, eventually
from .support import Calculation, Relay, Squatter, cut, dial, run_at


class FarCalculation(Calculation):
    """A calculation that other machines may look at, and viewers that do."""

    @property
    def remote(self) -> tuple[str, int]:
        assert self.run.remote is not None
        return self.run.remote

    def is_seen_from_afar(self) -> None:
        """A viewer by TLS gets frames."""
        with Client(self.server, host="127.0.0.1") as client:
            frames = iter(client)
            assert next(frames).args and next(frames).args
            origins = [viewer.address for viewer in self.server.viewers]
            frames.close()
        assert "127.0.0.1:" in origins[0]


@pytest.fixture
def calculation(monkeypatch: pytest.MonkeyPatch) -> Iterator[FarCalculation]:
    """TLS on a loopback address, which stands for an outer one."""
    monkeypatch.setattr(async_plot.options, "_is_loopback", lambda host: False)
    # A viewer gives up a far run then, and the gate takes no core from anybody.
    monkeypatch.setattr(handshake, "TIMEOUT", AMPLE)
    with FarCalculation(host="127.0.0.1") as calculation:
        assert calculation.address == calculation.remote
        yield calculation
        calculation.is_seen_from_afar()
        calculation.serves()


def first_frame(file: Path) -> None:
    """Look, as somebody on another machine would."""
    client = Client(file, host="127.0.0.1")
    timer = threading.Timer(AMPLE, client.close)
    timer.start()
    try:
        next(iter(client))
    finally:
        timer.cancel()
        timer.join()
        client.close()
        assert client.welcome is None


def led_to(calculation: FarCalculation, address: tuple[str, int], **changes) -> Path:
    near = calculation.run.address
    assert near is not None
    return run_at(calculation, near, remote=address, **changes)


STRANGERS = {
    "silence": b"",
    "plain": b"\x89APLOT\r\n\0\x01" + bytes(66),
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "long record": b"\x16\x03\x01\xff\xff" + bytes(40_000),
    "broken hello": b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
    "garbage": bytes(range(256)) * 200,
}


def test_who_speaks_no_tls_hears_nothing(calculation):
    """No hello, no nonce: at most a word of TLS, and the calculation never sees it."""
    for name, said in STRANGERS.items():
        with socket.create_connection(calculation.remote, AMPLE) as sock:
            with suppress(ConnectionError):
                sock.sendall(said)
                if not said:
                    sock.shutdown(socket.SHUT_WR)
            heard = cut(sock)
        assert len(heard) < 100 and b"APLOT" not in heard, name
        assert calculation.peers == []


def test_older_tls_is_refused(calculation):
    """Whoever knows no 1.3 gets no connection."""
    context = tls.dialling()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(calculation.remote, AMPLE) as sock:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(sock)
    assert calculation.peers == []


def test_many_strangers_keep_nobody_out(calculation):
    """Two hundred, silent, slow and with half a hello; a viewer is served meanwhile."""
    half = tls.Tls(tls.dialling())
    half.shake()
    hello = half.data_to_send()
    with ExitStack() as stack:
        for number in range(200):
            sock = stack.enter_context(
                socket.create_connection(calculation.remote, AMPLE)
            )
            sock.sendall((b"", hello[:6], hello[:-1], hello)[number % 4])
        calculation.is_seen_from_afar()
        calculation.forgets()


def test_tls_without_the_key_gets_no_further_than_the_door(calculation):
    """Anybody can do the handshake of TLS; the proof comes after it."""
    fingerprint = calculation.run.fingerprint
    with socket.create_connection(calculation.remote, AMPLE) as sock:
        channel = TlsChannel(sock)
        channel.shake(fingerprint, time.monotonic() + AMPLE)
        machine = Connection(
            Dialling(
                bytes(32), Role.VIEWER, Right.LOOK, binding=bytes.fromhex(fingerprint)
            )
        )
        channel.settimeout(AMPLE)
        with pytest.raises(AuthenticationError):
            while machine.phase is Phase.PROVING:
                count = channel.recv_into(machine.get_buffer())
                assert count
                machine.received(count)
                for part in machine.data_to_send():
                    channel.sendall(part)
                    machine.sent(len(part))
        assert channel.recv_into(memoryview(bytearray(100))) == 0
    calculation.forgets()


def test_a_proof_given_without_tls_is_none_with_it(calculation):
    """And the other way round: each stands for its connection."""
    key = handshake.derive(calculation.run.key, Right.LOOK)
    with dial(calculation) as sock:
        channel = TlsChannel(sock)
        channel.shake(calculation.run.fingerprint, time.monotonic() + AMPLE)
        channel.settimeout(AMPLE)
        memory = memoryview(bytearray(200))
        count = channel.recv_into(memory)
        proof, _ = Dialling(key, Role.VIEWER, Right.LOOK).receive(bytes(memory[:count]))
        channel.sendall(memoryview(proof))
        count = channel.recv_into(memory)
        assert bytes(memory[:count]) == b"\2" + bytes(32)


def test_the_man_in_the_middle_has_another_certificate(calculation, tmp_path):
    """He is refused before he gets a byte that only the viewer could say."""
    certificate, _ = tls.identity()
    context = tls.accepting(certificate, tmp_path)
    heard = []

    def relay(sock):
        end, memory = tls.Tls(context), memoryview(bytearray(1000))
        with suppress(HandshakeError):
            done = end.shake()
            while piece := sock.recv(65536):
                end.received(memoryview(piece))
                done = done or end.shake()
                sock.sendall(end.data_to_send())
                if done:
                    heard.append(end.read_into(memory))

    with Squatter(relay) as squatter:
        with pytest.raises(AuthenticationError, match="somebody sits in between"):
            first_frame(led_to(calculation, squatter.address))
        assert squatter.dials == 1
    assert not any(heard)


def test_a_squatter_without_tls_is_found_out(calculation):
    """It gets the first word of TLS, which says nothing."""
    with Squatter(lambda sock: sock.sendall(b"\x89APLOT\r\n" + bytes(34))) as squatter:
        with pytest.raises(HandshakeError):
            first_frame(led_to(calculation, squatter.address))
        key = calculation.run.key
        assert key not in squatter.heard
        assert handshake.derive(key, Right.LOOK) not in squatter.heard


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_changed_byte_ends_the_connection(way, calculation):
    """Whatever direction it goes: nobody believes what was tampered with."""

    def change(piece: bytes) -> bytes:
        return piece[:-1] + bytes([piece[-1] ^ 1])

    with Relay(calculation.remote, **{way: change}) as relay:
        with pytest.raises((ClosedError, HandshakeError)):
            first_frame(led_to(calculation, relay.address))


def test_nothing_crosses_in_clear(calculation):
    """Neither key nor magic, nor what the calculation says."""
    with Relay(calculation.remote) as relay:
        client = Client(led_to(calculation, relay.address), host="127.0.0.1")
        frames = iter(client)
        next(frames)
        client.close()
        frames.close()
        key = calculation.run.key
        for secret in (key, handshake.derive(key, Right.LOOK), b"APLOT", b"attacked"):
            assert secret not in relay.up
            assert secret not in relay.down


def test_an_altered_fingerprint_opens_nothing(calculation):
    """Without the right one, there is no connection at all, and none without TLS."""
    for fingerprint, error in (
        ("00" * 32, AuthenticationError),
        ("00" * 31, RunNotFoundError),
        ("", RunNotFoundError),
        (None, RunNotFoundError),
    ):
        with pytest.raises(error):
            first_frame(
                led_to(calculation, calculation.remote, fingerprint=fingerprint)
            )


def test_a_far_viewer_is_offered_no_memory(calculation):
    """Though it dials the calculation from the gate, which is on its machine."""
    with Client(calculation.server, host="127.0.0.1") as client:
        frames = iter(client)
        next(frames)
        assert [peer.near for peer in calculation.peers] == [False]
        frames.close()


def test_the_private_key_is_nowhere(calculation):
    """Neither in the run's files, nor in an environment or a command line."""
    for file in calculation.run.directory.iterdir():
        assert b"PRIVATE" not in file.read_bytes()
    gate = calculation.server._session.gate._process.pid
    for name in ("cmdline", "environ"):
        told = Path(f"/proc/{gate}/{name}").read_bytes()
        assert b"PRIVATE" not in told and calculation.run.key.hex().encode() not in told


def test_beyond_loopback_there_is_no_way_without_tls(monkeypatch):
    """Every address but loopback is the gate's; the plain port is on loopback."""
    with Server(view=None, host="0.0.0.0") as server:
        run = runs.read(server.connection_file)
        assert run.address[0] == "127.0.0.1" and run.remote[1] != run.address[1]
        with socket.create_connection(("127.0.0.1", run.remote[1]), AMPLE) as sock:
            sock.settimeout(0.2)
            with pytest.raises(TimeoutError):  # it does not say hello
                sock.recv(1)
        gate = server._session.gate._process
    eventually(lambda: gate.poll() is not None)
