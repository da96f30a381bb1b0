"""How a calculation is steered: what was asked, and what a checkpoint makes of it.

The background thread hears commands and alone writes what is asked; the calculation's
threads read that at their checkpoints, and each waits there at a queue of its own. They
share single attributes and no lock. Time is an argument; knows no socket.
"""

from __future__ import annotations

import contextlib
import logging
import math
import queue
import time
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import StopRequested
from ..wire.framing import printable
from ..wire.messages import Log, Message, Steer, Steering
from ..wire.steering import ACTIONS, LOGGER
from . import interrupt
from .allowance import Allowance
from .parameters import Parameter

if TYPE_CHECKING:
    from .feed import Feed

__all__ = ["Asker", "Helm"]

LEASE = 30.0  # seconds that a pause lasts which nobody renews
COMMANDS = 20, 10  # of one viewer that are heard: at once, and a second
LEASES = 16  # of one pause
LEASE_LENGTH = 100  # characters
MOST = 1000  # parameters
SLICE = 0.5  # seconds; some systems cannot interrupt a longer wait
# After a longer gap the process was stopped, or the computer slept: nobody could be
# heard in it. It counts as little.
GAP = 2.0  # seconds
UNHEARD = 0.5  # seconds
WHO = 80  # characters
DRAG = 0.75  # seconds after which a slider that was dragged has been left


@dataclass(slots=True)
class Asker:
    """A viewer, as far as it gives commands.

    Attributes
    ----------
    address : str
        Where it dials from.
    may : bool
        Whether it holds the right to control.
    pace : Allowance
        How many commands of it are heard.
    """

    address: str
    may: bool
    pace: Allowance = field(default_factory=lambda: Allowance(*COMMANDS))


@dataclass(slots=True)
class _Drag:
    """A slider that is dragged: its many commands are one change.

    Attributes
    ----------
    name, by : str
        Of which parameter, by whom.
    before : str
        What was wanted before, as a JSON text.
    at : float
        When it last moved.
    untold : bool
        Whether that is still to be told.
    """

    name: str
    by: str
    before: str
    at: float
    untold: bool = False

    def goes_on(self, command: Steer, now: float) -> bool:
        """Whether this is one more of them."""
        same = (command.name, command.by) == (self.name, self.by)
        return same and command.action == "set" and now < self.at + DRAG


class _Waiting:
    """A thread that waits at its checkpoint."""

    __slots__ = ("__weakref__", "bell", "step")

    def __init__(self, step: int) -> None:
        self.step = step  # the number of steps that had been asked for when it came
        self.bell: queue.SimpleQueue[None] = queue.SimpleQueue()


class Helm:
    """The state of steering one run.

    Parameters
    ----------
    lease : float
        Seconds that a pause lasts which nobody renews.

    Attributes
    ----------
    steered : bool
        Whether a checkpoint has anything to do. At first it has: it is counted.
    run : str
        Identifier of the run, once it is known.
    stopped : bool
        Whether a checkpoint has raised `StopRequested`.
    changes : int
        Changes whenever `tail` does.
    fresh : bool
        Whether there may be something for `news`.
    note : callable
        Called with who has the calculation paused, and with nothing when it goes on.
    """

    def __init__(self, lease: float | None = None) -> None:
        self.steered = False
        self.run = ""
        self.stopped = False
        self.changes = 0
        self.fresh = True
        self.note: Callable[[str], object] = _nothing
        self._lease = LEASE if lease is None else lease
        self._parameters: dict[str, Parameter] = {}
        # Not held: of one that Ctrl-C has torn out of its wait, nothing is left.
        self._waiting: list[weakref.ref[_Waiting]] = []
        self._refusals = Allowance(10, 0.1)  # lines about them
        self._unheard = 0  # commands that no line told of
        self._checkpoints = 0
        self._wake: Callable[[], object] = _nothing
        self._say: Callable[[Log], object] = _nothing
        self._open = False
        # Written by the background thread alone.
        self._paused = False
        self._step = 0  # steps asked for, of all pauses
        self._stepping = False
        self._stopping = False
        self._hold = False
        self._leases: dict[str, float] = {}  # seconds left of each
        self._by = ""
        self._drag: _Drag | None = None
        self._at = math.nan  # of the last tick
        self._told: dict[str, Message] = {}
        self._noted = ""
        self._since = 0.0

    # -- the calculation's threads ---------------------------------------------

    def parameter(self, made: Parameter) -> Parameter:
        """Take a parameter, or give the one of that name that is there.

        Raises
        ------
        ValueError
            If there is another one of that name, or too many.
        """
        known = self._parameters.setdefault(made.name, made)
        if known is not made and known.spec != made.spec:
            raise ValueError(
                f"parameter {made.name!r} is there already, {_asked(known)}; another "
                f"one, {_asked(made)}, needs another name"
            )
        if len(self._parameters) > MOST:
            del self._parameters[made.name]
            raise ValueError(f"a run has at most {MOST} parameters")
        if known is made:
            self._freshen()
        return known

    def obey(self, feeds: Iterable[Feed] = ()) -> None:
        """Do at a checkpoint what was asked for.

        Parameters
        ----------
        feeds : iterable of Feed
            Whose newest arguments are shown where the calculation pauses.

        Raises
        ------
        StopRequested
            If a view wants the run to stop.
        """
        # First: what is asked for from now on is not overlooked.
        self.steered = False
        if not self._open:
            return
        self._checkpoints += 1
        taken = False
        for parameter in list(self._parameters.values()):
            taken |= parameter.take()
        if taken or self._checkpoints == 1:
            self._freshen()
        if self._paused and not self._stopping:
            self.steered = True  # for the others
            self._wait(feeds)
        if self._stopping and self._open:
            self.steered = self.stopped = True
            raise StopRequested(self.run, self._by)

    def _wait(self, feeds: Iterable[Feed]) -> None:
        """Wait until this thread may go on."""
        here = _Waiting(self._step)
        try:
            self._waiting.append(weakref.ref(here))
            for feed in feeds:
                feed.show()
            self._freshen()
            while self._holds(here):
                with contextlib.suppress(queue.Empty):
                    here.bell.get(timeout=SLICE)
            for parameter in list(self._parameters.values()):
                parameter.take()
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove(weakref.ref(here))
            self._freshen()

    @property
    def _here(self) -> list[_Waiting]:
        """The threads that wait."""
        found = [known() for known in list(self._waiting)]
        return [each for each in found if each is not None]

    def _holds(self, here: _Waiting) -> bool:
        return (
            self._open
            and self._paused
            and not self._stopping
            and here.step == self._step
        )

    def _freshen(self) -> None:
        self.fresh = True
        self._wake()

    def has_stopped(self, error: StopRequested) -> bool:
        """Whether it was a checkpoint here that raised this."""
        return self.stopped and error.run == self.run

    # -- the background thread -------------------------------------------------

    def begin(self, wake: Callable[[], object], say: Callable[[Log], object]) -> None:
        """Let views steer from now on.

        Parameters
        ----------
        wake : callable
            Called, by any thread, when there is something for `news`.
        say : callable
            ``say(record)`` has a log record told.
        """
        self._wake, self._say = wake, say
        self._open = self.steered = True
        self.news()  # which nobody has missed, as long as nobody is there
        self.changes = len(self._parameters)

    def end(self) -> None:
        """Let everybody go, and obey nobody any more: the run has ended."""
        self._open = self.steered = False
        self._wake = self._say = _nothing
        self._ring()

    def forked(self) -> None:
        """Be nobody's to steer: this is a forked child."""
        self.end()
        self._waiting = []

    @property
    def waits(self) -> bool:
        """Whether a thread of the calculation waits at a checkpoint, as asked."""
        return self._state() == "paused"

    @property
    def passed(self) -> int:
        """Changes while checkpoints are passed."""
        return self._checkpoints

    def hear(self, command: Steer, asker: Asker, now: float) -> None:
        """Obey a command, or say why not.

        Parameters
        ----------
        command : Steer
            Whatever a viewer says; it may lie.
        asker : Asker
            Who says it.
        now : float
            The present.
        """
        if not (self._open and asker.pace.take(now)):
            self._unheard += 1
            return
        action = printable(command.action[:20])
        if not asker.may:
            what = f"{action}, asked from {asker.address}, is refused: "
            self._complain(what + "that viewer may only look", now)
            return
        if action == "renew":
            if command.lease in self._leases:
                self._leases[command.lease] = self._lease
            return
        by = _who(command.by) or f"somebody at {asker.address}"
        try:
            said = self._obeyed(command, by, now)
        except ValueError as error:
            name = f" {printable(command.name[:100])!r}" if command.name else ""
            self._complain(f"{action}{name}, asked by {by}, is refused: {error}", now)
        else:
            self.fresh = True
            if said:
                self.say(f"{said} by {by}")

    def tick(self, now: float) -> None:
        """Look at the clock: a pause that nobody renews ends."""
        gap, self._at = now - self._at, now
        if not self._open:
            return
        # By both, it is seen whether checkpoints are passed.
        self.steered = self.fresh = True
        if self._drag is not None and now >= self._drag.at + DRAG:
            self._tell_drag()
        if self._unheard and self._refusals.take(now):
            count, self._unheard = self._unheard, 0
            self.say(f"{count} commands came too fast, and were refused", warning=True)
        if not self._paused or self._hold or math.isnan(gap):
            return
        passed = gap if gap <= GAP else UNHEARD
        for lease in list(self._leases):
            self._leases[lease] -= passed
            if self._leases[lease] <= 0:
                del self._leases[lease]
        if not self._leases:
            by = self._by
            self._go_on("")
            self.say(
                f"resumed: {by}, who had it paused, was not heard of for "
                f"{self._lease:g} s"
            )

    def news(self) -> list[Message]:
        """What has changed since the last time, for every viewer."""
        self.fresh = False  # first: what is new from now on may be missed below
        news = []
        for message in self._messages():
            key = getattr(message, "name", "")
            if self._told.get(key) != message:
                self._told[key] = message
                news.append(message)
                if isinstance(message, Steering):
                    self._note(message)
        self.changes += bool(news)
        return news

    def _note(self, steering: Steering) -> None:
        """Note for lists of runs who has it paused."""
        by = steering.by if steering.state in ("paused", "stepping") else ""
        if by != self._noted:
            self._noted = by
            self.note(by)

    def tail(self) -> list[Message]:
        """What a viewer is told that comes now."""
        return list(self._told.values())

    def say(self, text: str, *, warning: bool = False) -> None:
        """Have a line told in every view."""
        level = logging.WARNING if warning else logging.INFO
        self._say(Log(time.time(), level, LOGGER, text))

    # -- private: the background thread ----------------------------------------

    def _complain(self, text: str, now: float) -> None:
        """Tell of a refusal, unless there are too many."""
        if self._refusals.take(now):
            self.say(text, warning=True)
        else:
            self._unheard += 1

    def _obeyed(self, command: Steer, by: str, now: float) -> str:
        """Obey, and say what was done.

        Raises
        ------
        ValueError
            If that cannot be; the text says why.
        """
        action = command.action
        if action not in ACTIONS:
            raise ValueError(f"it is none of {', '.join(ACTIONS)}")
        if action in ("set", "undo"):
            return self._changed(command, now)
        self._tell_drag()
        if action == "interrupt":
            why = interrupt.why_not()
            if why:
                raise ValueError(why)
            interrupt.interrupt()
            return "interrupted"
        if self._stopping and action != "resume":
            raise ValueError("it is stopping already")
        if action == "pause":
            return self._pause(command, by)
        if action == "step":
            if not self._paused:
                raise ValueError("it is not paused")
            self._step += 1
            self._stepping = True
            self._by = by
            self._ring()
            return "one step"
        if action == "resume":
            if self.stopped:
                raise ValueError("a checkpoint has told the calculation to stop")
            if not (self._paused or self._stopping):
                raise ValueError("it runs")
            self._go_on(by)
            return "resumed"
        self._stopping, self._by = True, by
        self.steered = True
        self._ring()
        return "stop asked"

    def _pause(self, command: Steer, by: str) -> str:
        if len(command.lease) > LEASE_LENGTH:
            raise ValueError(f"a lease has at most {LEASE_LENGTH} characters")
        if command.lease:
            self._leases[command.lease] = self._lease
            while len(self._leases) > LEASES:
                del self._leases[next(iter(self._leases))]
        else:
            self._hold = True
        if not self._paused:
            self._by = by
            self._paused = True
            self._stepping = False
        self.steered = True
        return "paused" if command.lease else "paused until somebody resumes it,"

    def _go_on(self, by: str) -> None:
        self._paused = self._stopping = self._stepping = self._hold = False
        self._leases.clear()
        self._by = by
        self._ring()

    def _changed(self, command: Steer, now: float) -> str:
        parameter = self._parameters.get(command.name)
        if parameter is None:
            known = ", ".join(self._parameters) or "none"
            raise ValueError(f"there is no such parameter; there are: {known}")
        before = parameter.wanted
        drag = self._drag
        if drag is None or not drag.goes_on(command, now):
            self._tell_drag()
            drag = None
        if command.action == "undo":
            parameter.undo()
            self._drag = None
        elif not parameter.want(command.value, again=drag is not None):
            return "" if drag else f"{command.name} = {before}, as it was, set"
        elif drag is not None:
            drag.at, drag.untold = now, True
        else:
            self._drag = _Drag(command.name, command.by, before, now)
        self.steered = True
        return "" if drag else self._change(parameter, before, command.action)

    def _tell_drag(self) -> None:
        """Tell where a slider was left."""
        drag, self._drag = self._drag, None
        if drag is not None and drag.untold:
            said = self._change(self._parameters[drag.name], drag.before, "set")
            self.say(f"{said} by {_who(drag.by) or 'somebody'}")

    def _change(self, parameter: Parameter, before: str, action: str) -> str:
        unit = f" {parameter.spec.unit}" if parameter.spec.unit else ""
        done = "taken back" if action == "undo" else "set"
        return f"{parameter.name} = {parameter.wanted}{unit} (was {before}) {done}"

    def _ring(self) -> None:
        """Have those that wait look whether they may go on."""
        for waiting in self._here:
            waiting.bell.put(None)

    def _state(self) -> str:
        if self._stopping:
            return "stopping"
        if not self._paused:
            return "running"
        if any(self._holds(each) for each in self._here):
            return "paused"
        return "stepping" if self._stepping else "pausing"

    def _messages(self) -> list[Message]:
        state = self._state()
        known = self._told.get("")
        if not isinstance(known, Steering) or known.state != state:
            self._since = time.time()
        steering = Steering(
            state=state,
            since=self._since,
            by=self._by,
            hold=self._hold,
            checkpoints=self._checkpoints,
            interrupt=interrupt.why_not(),
        )
        if (
            isinstance(known, Steering)
            and bool(known.checkpoints) == bool(self._checkpoints)
            and _without_count(known) == _without_count(steering)
        ):
            steering = known  # how many they are is no news
        parameters = list(self._parameters.values())
        return [steering, *(each.message(1 + i) for i, each in enumerate(parameters))]


def _who(by: str) -> str:
    return printable(by[:WHO]).strip()


def _asked(parameter: Parameter) -> str:
    """How a parameter was asked for."""
    spec = parameter.spec
    said = {"default": spec.default, "min": spec.minimum, "max": spec.maximum}
    said |= {"choices": spec.choices, "unit": spec.unit, "text": spec.text}
    given = [f"{key}={value}" for key, value in said.items() if value not in ("", [])]
    return f"{spec.kind} ({', '.join(given)})"


def _without_count(steering: Steering) -> tuple[object, ...]:
    return steering.state, steering.by, steering.hold, steering.interrupt


def _nothing(*_: object) -> None:
    pass
