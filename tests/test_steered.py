"""Steering a `Server` through a `Client`: what a calculation and its viewers see."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from async_plot.client import Client
from async_plot.errors import StopRequested
from async_plot.net import death, helm, runs
from async_plot.server import Server
from async_plot.wire.messages import Frame, Log, Parameter, State, Steering

from .faults.support import Messages
from .helpers import AMPLE, eventually
from .net.test_interrupt import sleep_until


class Driver(Messages):
    """A viewer with the right to control, in a thread."""

    def __init__(self, run: Any, **options: Any) -> None:
        super().__init__(run, **{"control": True, "view": "test", **options})
        eventually(lambda: self.of(Steering), what="the tail")

    def steer(self, *command: Any, **options: Any) -> None:
        assert self.client.steer(*command, **options)

    def state(self) -> str:
        """The newest."""
        return str(self.of(Steering)[-1].state)

    def wait(self, state: str) -> None:
        eventually(lambda: self.state() == state, what=state)

    def lines(self) -> list[str]:
        """What the log says of steering."""
        return [m.text for m in self.of(Log) if m.name == "async_plot.steering"]

    def line(self) -> str:
        """The newest of them."""
        return str(["", *self.lines()][-1])

    def frame(self) -> int:
        """Number of the newest frame, 0 before the first."""
        return max((m.number for m in self.of(Frame)), default=0)

    def parameter(self, name: str) -> Parameter:
        """The newest of that name."""
        found = eventually(lambda: [m for m in self.of(Parameter) if m.name == name])
        return found[-1]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(view=None, name="steered") as server:
        yield server


class Loop:
    """A calculation in a thread: updates, then comes to a checkpoint."""

    def __init__(self, server: Server, step: Callable[[int], Any] = int) -> None:
        self.steps = 0
        self.over = False
        self.error: BaseException | None = None
        self._server, self._step = server, step
        self.thread = threading.Thread(target=self._run, name="calculation")
        self.thread.start()

    def _run(self) -> None:
        try:
            while not self.over:
                self.steps += 1
                self._server.update(self._step(self.steps))
                self._server.checkpoint()
                time.sleep(0.001)
        except BaseException as error:
            self.error = error

    def __enter__(self) -> Loop:
        return self

    def __exit__(self, *_: object) -> None:
        self.over = True
        if not self._server._ended:
            self._server._helm.end()
        self.thread.join(AMPLE)
        assert not self.thread.is_alive()


def test_a_paused_calculation_shows_where_it_stands(server: Server) -> None:
    """The frame on the screen is that of the checkpoint, step for step."""
    with Loop(server) as loop, Driver(server) as driver:
        driver.steer("pause", hold=True)
        driver.wait("paused")
        eventually(lambda: driver.frame() == loop.steps)
        for _ in range(3):
            steps = loop.steps
            driver.steer("step")
            eventually(lambda steps=steps: driver.frame() == steps + 1)
            driver.wait("paused")
            assert loop.steps == steps + 1
        # Lists of runs say so, too.
        run = runs.read(server.connection_file)
        eventually(lambda: death.fate(run).state == "paused")
        assert "test" in death.fate(run).reason
        driver.steer("resume")
        driver.wait("running")
        eventually(lambda: death.fate(run).state == "running")
        steps = loop.steps
        eventually(lambda: loop.steps > steps)
        eventually(lambda: "test" in driver.line())


def test_a_parameter_is_set_from_a_viewer(server: Server) -> None:
    """And told with what it is, and was."""
    dt = server.parameter("dt", 0.1, min=0, max=1, unit="s")
    with Loop(server), Driver(server) as driver:
        assert driver.parameter("dt").value == "0.1"
        driver.steer("set", "dt", 0.5)
        eventually(lambda: dt.value == 0.5)
        eventually(lambda: driver.parameter("dt").value == "0.5")
        driver.steer("set", "dt", 5)
        eventually(lambda: "refused" in driver.line())
        driver.steer("undo", "dt")
        eventually(lambda: dt.value == 0.1)
    assert server.parameter("dt", 0.1, min=0, max=1, unit="s") is dt


def test_a_parameter_that_is_made_later_is_told_at_once(server: Server) -> None:
    """To the viewers that are there."""
    with Driver(server) as driver:
        server.parameter("late", True)
        eventually(lambda: driver.of(Parameter))


def test_a_stop_leaves_the_loop_and_the_script_goes_on() -> None:
    """The block takes it; the run is stopped, and its last frame is the last update."""
    steps = 0
    with Server(view=None) as server:
        with_it = Driver(server)
        with_it.steer("stop")
        try:
            while True:
                steps += 1
                server.update(steps)
                server.checkpoint()
        finally:
            server.log(end=1.0)
    with with_it as driver:
        driver.join()
        assert driver.of(State)[-1].state == "stopped"
        eventually(lambda: driver.frame() == steps)
        assert not driver.of(Frame)[-1].mid_step
    server.checkpoint()  # the run has ended: nothing is to be obeyed any more


@pytest.mark.parametrize("taken", [True, False])
def test_a_stop_that_the_script_takes_is_a_stop_too(taken: bool) -> None:
    """Also where it ends the run by itself."""
    server = Server(view=None)
    server.start()
    driver = Driver(server)
    driver.steer("stop")
    with pytest.raises(StopRequested, match="test"):
        while True:
            server.checkpoint()
            time.sleep(0.001)
    server.close()
    with driver:
        driver.join()
        assert driver.of(State)[-1].state == "stopped"


def test_another_servers_stop_passes() -> None:
    """Each takes its own; what it leaves has been stopped as well."""
    with Server(view=None, name="outer") as outer, Driver(outer) as driver:
        driver.steer("stop")
        with Server(view=None, name="inner") as inner:
            while True:
                outer.checkpoint()
                time.sleep(0.001)
        pytest.fail("the inner one has taken it")
    assert runs.read(inner.connection_file).state == "stopped"
    assert runs.read(outer.connection_file).state == "stopped"


def test_a_stop_is_no_exception_of_the_calculation(server: Server) -> None:
    """What goes on after every error of a step is stopped all the same."""
    with Driver(server) as driver:
        driver.steer("stop")
        with pytest.raises(StopRequested):
            while True:
                try:
                    server.checkpoint()
                except Exception:
                    continue
                time.sleep(0.001)


def test_an_interrupt_reaches_the_main_thread(server: Server) -> None:
    """Which may be at no checkpoint at all."""
    with Driver(server) as driver:
        sleep_until(lambda: driver.steer("interrupt"))
        eventually(lambda: "interrupted" in driver.line())


def test_a_viewer_that_looks_cannot_steer(server: Server) -> None:
    """Its own end says so, before anything is sent."""
    client = Client(server)
    with pytest.raises(PermissionError, match="control=True"):
        client.steer("stop")
    client.close()
    assert not client.control


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (("fly",), ValueError),
        (("set", "dt", object()), TypeError),
        (("set", "dt", {1, 2}), TypeError),
    ],
)
def test_a_wrong_command_is_an_error_at_once(
    server: Server, command: tuple[Any, ...], error: type[Exception]
) -> None:
    """Of whoever gives it."""
    client = Client(server, control=True)
    assert client.control
    with pytest.raises(error):
        client.steer(*command)
    assert not client.steer("pause")  # there is no connection yet
    client.close()


def test_a_viewer_that_comes_late_knows_how_the_run_stands(server: Server) -> None:
    """Parameters, the pause, and the lines that led to it."""
    server.parameter("dt", 0.1)
    with Loop(server), Driver(server) as first:
        first.steer("pause", hold=True)
        first.wait("paused")
        with Driver(server) as late:
            assert late.of(Steering)[0].state == "paused"
            assert late.parameter("dt").value == "0.1"
            eventually(lambda: late.lines() == first.lines())


def test_a_viewer_that_is_gone_does_not_hold_the_run(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease runs out."""
    with Loop(server) as loop, Driver(server) as watcher:
        with Driver(server) as driver:
            driver.steer("pause")
            driver.wait("paused")
            # Not before: it would run out before it was seen, on a slow machine.
            monkeypatch.setattr(server._helm, "_lease", 0.5)
            for lease in list(server._helm._leases):
                server._helm._leases[lease] = 0.5
        watcher.wait("running")
        steps = loop.steps
        eventually(lambda: loop.steps > steps)
        eventually(lambda: "not heard of" in watcher.line())
    assert helm.LEASE == 30


def test_the_program_that_paused_can_renew(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its newest lease."""
    monkeypatch.setattr(server._helm, "_lease", 1e9)
    with Driver(server) as driver:
        driver.steer("pause")
        [lease] = eventually(lambda: list(server._helm._leases))
        server._helm._leases[lease] = 5.0
        driver.steer("renew")
        eventually(lambda: server._helm._leases[lease] > 1e8)


@pytest.mark.parametrize("state", ["before", "after", "off"])
def test_where_nobody_can_steer_it_returns_at_once(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parameters keep their values; their arguments are checked all the same."""
    if state == "off":
        monkeypatch.setenv("ASYNC_PLOT", "off")
    server = Server(view=None)
    if state != "before":
        server.start()
        server.close()
    for _ in range(3):
        server.checkpoint()
    dt = server.parameter("dt", 0.1, max=1)
    assert dt.value == 0.1
    assert server.parameter("dt", 0.1, max=1) is dt
    with pytest.raises(ValueError, match="dt"):
        server.parameter("dt", 0.2, max=1)
    with pytest.raises(ValueError, match="not above 1"):
        server.parameter("dx", 2, max=1)
    assert server.address is None  # and no checkpoint has started it


def test_a_paused_calculation_has_not_stalled() -> None:
    """Somebody has it wait."""
    with Server(view=None, stalled_after=0.6) as server:
        with Loop(server), Driver(server) as driver:
            driver.steer("pause", hold=True)
            driver.wait("paused")
            alarm = server._session.publisher.alarm
            beats = alarm._beats
            eventually(lambda: alarm._beats > beats + 1)
            assert alarm.current is None


def test_checkpoints_are_a_sign_of_life() -> None:
    """Of a calculation that shows nothing else."""
    with Server(view=None, stalled_after=1000.0) as server:
        alarm = server._session.publisher.alarm

        def alive() -> bool:
            server.checkpoint()
            return bool(alarm._beats > 1)

        eventually(alive)


def test_what_a_checkpoint_looks_at_is_the_servers_own() -> None:
    """A default in a class would make it three times as slow, see the benchmarks."""
    assert not any("_helm" in vars(kind) for kind in Server.__mro__)
