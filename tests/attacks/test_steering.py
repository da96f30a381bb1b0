"""Attacks through commands: without the right, with lies, in floods."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest

from async_plot.errors import AuthenticationError, StopRequested
from async_plot.wire import handshake
from async_plot.wire.connection import Connection
from async_plot.wire.handshake import Dialling
from async_plot.wire.messages import Log, Parameter, Right, Role, Steer, Steering
from async_plot.wire.steering import ACTIONS

from ..helpers import AMPLE, eventually
from ..wire.samples import stream
from .support import Calculation, Intruder, dial


class SteeredCalculation(Calculation):
    """One that comes to a checkpoint again and again, in another thread."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0
        self.stopped = False
        self.dt = self.server.parameter("dt", 0.5, min=0, max=1)
        self.note = self.server.parameter("note", "")
        self._checkpoints = threading.Thread(target=self._pass, name="checkpoints")

    def __enter__(self) -> SteeredCalculation:
        super().__enter__()
        self._checkpoints.start()
        return self

    def __exit__(self, *info: object) -> None:
        self._over.set()
        self.server._helm.end()
        self._checkpoints.join(AMPLE)
        super().__exit__(*info)

    def _pass(self) -> None:
        try:
            while not self._over.wait(0.0005):
                self.server.checkpoint()
                self.passed += 1
        except StopRequested:
            self.stopped = True

    def goes_on(self) -> None:
        """See that it passes checkpoints."""
        before = self.passed
        eventually(lambda: self.passed > before + 3)
        assert not self.stopped


@pytest.fixture
def calculation() -> Iterator[SteeredCalculation]:
    with SteeredCalculation() as calculation:
        yield calculation


def say(intruder: Intruder, *commands: Any) -> None:
    intruder.sock.sendall(stream(*commands))


def hear_of(intruder: Intruder, text: str) -> str:
    """Receive until a line of steering holds a text."""
    while True:
        for message in intruder.heard:
            if isinstance(message, Log) and text in message.text:
                assert message.name == "async_plot.steering"
                return message.text
        intruder.heard.clear()
        intruder.hear()


@pytest.mark.parametrize("action", ACTIONS)
def test_who_may_look_commands_nothing(
    calculation: SteeredCalculation, action: str
) -> None:
    """One line says that somebody tried; the viewer is served as before."""
    with Intruder(calculation, right=Right.LOOK) as intruder:
        say(intruder, Steer(action, "dt", "0.25", "root@calculation, window", "x"))
        line = hear_of(intruder, "may only look")
        assert line.startswith(f"{action}, asked from 127.0.0.1:")
        assert "root" not in line
        calculation.goes_on()
        assert calculation.dt.value == 0.5
    calculation.serves()


def test_the_key_of_a_lower_right_proves_no_higher_one(
    calculation: SteeredCalculation,
) -> None:
    """Whoever was given the one to look is refused when it asks for control."""
    key = calculation.run.key
    assert key is not None
    low = handshake.derive(key, Right.LOOK)
    with dial(calculation) as sock:
        connection = Connection(Dialling(low, Role.VIEWER, Right.CONTROL))
        with pytest.raises(AuthenticationError):
            while True:
                count = sock.recv_into(connection.get_buffer())
                assert count
                connection.received(count)
                for part in connection.data_to_send():
                    sock.sendall(part)
                    connection.sent(len(part))
    calculation.goes_on()


def test_a_worker_gives_no_commands(calculation: SteeredCalculation) -> None:
    """From that end it is no message at all."""
    with Intruder(calculation, role=Role.WORKER) as intruder:
        say(intruder, Steer("stop", "", "", "x", ""))
        with pytest.raises(ConnectionError):
            while True:
                intruder.hear()
    calculation.goes_on()


LIES: dict[str, tuple[object, ...]] = {
    "a number as action": (7, "", "", "", ""),
    "no action": (None, "", "", "", ""),
    "a list as name": ("set", ["dt"], "1", "", ""),
    "a number as value": ("set", "dt", 0.25, "x", ""),
    "bytes": (b"stop", b"", b"", b"", b""),
    "too few": ("stop",),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_no_command_ends_the_connection(
    calculation: SteeredCalculation, lie: str
) -> None:
    """And nothing else."""
    header = msgpack.packb(list(LIES[lie]))
    prefix = struct.pack("!IHBB", len(header), 0, Steer.code, 0)
    with Intruder(calculation, right=Right.CONTROL) as intruder:
        intruder.sock.sendall(prefix + header)
        with pytest.raises(ConnectionError):
            while True:
                intruder.hear()
    calculation.goes_on()
    assert calculation.dt.value == 0.5


EVIL = "\x1b]0;owned\x07\x1b[2J\r\n\u202e" + 4000 * "\u00e9"


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (Steer(EVIL, EVIL, EVIL, EVIL, EVIL), "is refused"),
        (Steer("set", EVIL, "1", EVIL, ""), "no such parameter"),
        (Steer("set", "dt", EVIL, "x", ""), "longer than"),
        (Steer("set", "dt", "1e999", "x", ""), "a finite number"),
        (Steer("set", "dt", "NaN", "x", ""), "a finite number"),
        (Steer("set", "dt", 900 * "[", "x", ""), "a finite number"),
        (Steer("set", "dt", 900 * "9", "x", ""), "a finite number"),
        (Steer("set", "dt", '{"a": 1}', "x", ""), "a finite number"),
        (Steer("set", "dt", "\ud800", "x", ""), "as a JSON text"),
        (Steer("undo", "note", EVIL, EVIL, EVIL), "nothing was changed"),
        (Steer("set", "note", '"\\u001b[2J"', EVIL, ""), "note = "),
        (Steer("step", EVIL, EVIL, EVIL, EVIL), "not paused"),
    ],
)
def test_lies_are_refused_in_a_line_that_moves_no_cursor(
    calculation: SteeredCalculation, command: Steer, line: str
) -> None:
    """Whatever is in them; the parameter keeps its bounds."""
    with Intruder(calculation, right=Right.CONTROL) as intruder:
        say(intruder, command)
        said = hear_of(intruder, line)
        assert said.isprintable()
        assert len(said) < 400
    calculation.goes_on()
    assert calculation.dt.value == 0.5


def test_a_flood_of_commands_delays_nobody(calculation: SteeredCalculation) -> None:
    """Few are heard, the rest is counted; others are served meanwhile."""
    with Intruder(calculation, right=Right.CONTROL) as intruder:
        commands = [Steer("set", "dt", f"0.{n}", "x", "") for n in range(1, 3000)]
        say(intruder, *commands)
        hear_of(intruder, "commands came too fast")
        calculation.serves()
    calculation.goes_on()


def test_leases_and_parameters_of_an_attacker_are_bounded(
    calculation: SteeredCalculation,
) -> None:
    """However many it makes up, and however long they are."""
    helm = calculation.server._helm
    with Intruder(calculation, right=Right.CONTROL) as intruder:
        say(intruder, Steer("pause", "", "", "x", 20_000 * "y"))
        hear_of(intruder, "a lease has at most 100 characters")
        assert not helm._leases
        say(intruder, *(Steer("pause", "", "", "x", str(n)) for n in range(40)))
        hear_of(intruder, "commands came too fast")
        assert len(helm._leases) == 16


def test_what_a_calculation_says_is_believed_of_no_viewer(
    calculation: SteeredCalculation,
) -> None:
    """A viewer that tells how the run is steered has hung up."""
    for lie in (
        Steering("paused", 0.0, "me", True, 1, ""),
        Parameter("dt", 1, "float", "7", "", "7", 0.0, 9.0, "", "", [], 0),
    ):
        with Intruder(calculation, right=Right.CONTROL) as intruder:
            intruder.sock.sendall(stream(lie))
            with pytest.raises(ConnectionError):
                while True:
                    intruder.hear()
    calculation.goes_on()
