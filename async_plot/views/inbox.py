"""What arrived for a view: received by a thread, taken by the one that draws.

Of what may be superseded only the newest waits, so that a view which draws slowly
finds the present and no backlog. Knows no toolkit.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from ..client import Client
from ..replay import Jumped, Replay
from ..wire.messages import (
    Failure,
    Frame,
    Job,
    Log,
    Message,
    Missed,
    Parameter,
    PlotterCode,
    Progress,
    Scalars,
    Slowest,
    Stalled,
    State,
    Stats,
    Steering,
    Welcome,
    Worker,
)
from .absence import Absence, Cuts
from .jobs import HEARD

__all__ = ["QUICK", "Inbox"]

_LOGS = 1000  # records that wait for a view that is busy
_NEWS = 2000  # jobs and failures that do
_STANDS = 20_000  # bars and workers whose newest stand does

# What wakes nobody: hundreds a second, and views look at their clock anyway.
_QUIET = (Progress, Worker, Slowest)

# Seconds; while a drawing shorter than this goes on, the next frame may come already:
# it is then as old as one drawing takes.
QUICK = 0.05


class Inbox:
    """Receives everything that a run says, in a thread.

    Parameters
    ----------
    client : Client or Replay
        The run; this is its only reader from now on.
    tap : callable, optional
        Is given each message first, in the thread that receives; it raises nothing.

    Attributes
    ----------
    welcome : Welcome or None
        The newest one.
    codes : dict of {str: PlotterCode}
        The plotters, by name.
    frames : dict of {str: Frame}
        The newest frame of each plotter that nobody has taken.
    mid_step : dict of {str: Frame}
        Frames that may be mid-step; a view shows them only where it has no other.
    stats : dict of {str: Stats}
        The newest of each plotter.
    logs : deque of Log
        Records that nobody has taken.
    histories : dict of {str: (steps, values)}
        Every logged scalar.
    extended : int
        How often `histories` changed.
    news : deque of Job, Failure or Welcome
        What nobody has taken of it; `take_news` gives it together with the newest
        stand of each bar and worker.
    events : deque of Message, Absence or Jumped
        `Welcome`, `State`, `Missed` and a replay's `Jumped`, in their order; after a
        cut, an `Absence` as soon as it is known what passed meanwhile.
    stalled : Stalled or None
        The newest one that nobody has taken; it belongs to the newest `Welcome`.
    ended : bool
        Nothing will come any more.
    error : Exception or None
        Why, if it is not that the run has ended.
    """

    def __init__(
        self, client: Client | Replay, tap: Callable[[Message], None] | None = None
    ) -> None:
        self.client = client
        self._tap = tap
        self.welcome: Welcome | None = None
        self.codes: dict[str, PlotterCode] = {}
        self.frames: dict[str, Frame] = {}
        self.mid_step: dict[str, Frame] = {}
        self.stats: dict[str, Stats] = {}
        self.logs: deque[Log] = deque(maxlen=_LOGS)
        self.histories: dict[str, tuple[Any, Any]] = {}
        self.extended = 0
        self.news: deque[Message] = deque(maxlen=_NEWS)
        self._stands: dict[str, Message] = {}
        self.events: deque[Message | Absence | Jumped] = deque()
        self._steering: dict[str, Message] = {}
        self.stalled: Stalled | None = None
        self.ended = False
        self.error: Exception | None = None
        self._cuts = Cuts()
        self._rung = False
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)
        self._writing.setblocking(False)
        self._thread = threading.Thread(
            target=self._receive, name="async_plot inbox", daemon=True
        )
        self._thread.start()

    def fileno(self) -> int:
        """Descriptor that is readable while something waits."""
        return self._reading.fileno()

    def wait(self, seconds: float) -> bool:
        """Wait until something arrived; say whether it did."""
        return bool(select.select([self._reading], [], [], max(0.0, seconds))[0])

    def wake(self) -> None:
        """End a `wait` although nothing arrived."""
        self._ring()

    def clear(self) -> None:
        """Forget that something arrived; to be called before looking at it."""
        with contextlib.suppress(BlockingIOError):
            self._reading.recv(64)
        self._rung = False  # last: a ring between the two would else be swallowed

    def take_news(self) -> list[Message]:
        """What jobs have said since the last time; of each bar and worker the newest.

        A `Welcome` among it says that all which goes on is told anew.
        """
        # Stands first: what they belong to may come between the two. One by one, for
        # the thread may add to them at any moment.
        stands: list[Message] = []
        news: list[Message] = []
        with contextlib.suppress(KeyError):
            while True:
                stands.append(self._stands.popitem()[1])
        with contextlib.suppress(IndexError):
            while True:
                news.append(self.news.popleft())
        return [*news, *reversed(stands)]

    def take_steering(self) -> list[Message]:
        """How the run is steered, as far as that is new since the last time.

        The newest `Steering`, and the newest `Parameter` of each name.
        """
        taken: list[Message] = []
        with contextlib.suppress(KeyError):  # the thread may add at any moment
            while True:
                taken.append(self._steering.popitem()[1])
        return taken[::-1]

    def wait_for_plotters(self, seconds: float) -> bool:
        """Wait until the plotters are known, or nothing will come any more."""
        deadline = time.monotonic() + seconds
        while not self.ready and not self.ended:
            if not self.wait(deadline - time.monotonic()):
                break
            self.clear()
        return self.ready

    @property
    def ready(self) -> bool:
        """Whether the run has introduced itself and its plotters."""
        welcome = self.welcome
        return welcome is not None and all(n in self.codes for n in welcome.plotters)

    def close(self, reason: str) -> None:
        """Leave the run and end the thread."""
        with contextlib.suppress(OSError):
            self.client.close(reason)
        self._thread.join(2.0)
        self._reading.close()
        self._writing.close()

    # -- the thread ------------------------------------------------------------

    def _receive(self) -> None:
        try:
            for message in self.client.messages():
                if self._tap is not None and not isinstance(message, Jumped):
                    self._tap(message)
                self._sort(message)
                if not isinstance(message, _QUIET):
                    self._ring()
        except Exception as error:  # it is told by the view; a thread has no reader
            self.error = error
        finally:
            self.ended = True
            self._ring()

    def _ring(self) -> None:
        if not self._rung:
            self._rung = True
            with contextlib.suppress(OSError):  # full is rung; closed hears nothing
                self._writing.send(b"\0")

    def _sort(self, message: Message | Jumped) -> None:
        if isinstance(message, Frame):
            slots = self.mid_step if message.mid_step else self.frames
            slots[message.plotter] = message
        elif isinstance(message, Stats):
            self.stats[message.plotter] = message
        elif isinstance(message, Log):
            self.logs.append(message)
        elif isinstance(message, Scalars):
            self._extend(message)
        elif isinstance(message, Stalled):
            self.stalled = message
        elif isinstance(message, Steering):
            self._steering[""] = message
        elif isinstance(message, Parameter):
            self._steering[message.name] = message
        elif isinstance(message, PlotterCode):
            self.codes[message.plotter] = message
        elif isinstance(message, HEARD):
            self._take_news(message)
        elif isinstance(message, Jumped):
            # Nothing of what follows comes before the view has seen this.
            self.frames.clear()
            self.mid_step.clear()
            self.logs.clear()
            self.news.clear()
            self._stands.clear()
            self._steering.clear()
            self.histories = {}
            self.extended += 1
            self.events.append(message)
        elif isinstance(message, (Welcome, State, Missed)):
            if isinstance(message, Welcome):
                self.welcome, self.stalled = message, None
                self._stands.clear()
                self.news.append(message)
            self.events.append(message)
        if isinstance(message, Jumped):
            return
        absence = self._cuts.hear(message, time.monotonic())
        if absence is not None:
            self.events.append(absence)

    def _take_news(self, message: Message) -> None:
        if isinstance(message, (Job, Failure)):
            self.news.append(message)
            return
        kind: Any = type(message)
        self._stands[f"{kind.__name__} {getattr(message, kind.key)}"] = message
        if len(self._stands) > _STANDS:  # of a view that hangs
            with contextlib.suppress(KeyError):
                self._stands.popitem()

    def _extend(self, message: Scalars) -> None:
        steps, values = (
            np.frombuffer(buffer, np.float64) for buffer in message.buffers
        )
        known = self.histories.get(message.name)
        if known is not None and not message.whole:
            steps = np.concatenate([known[0], steps])
            values = np.concatenate([known[1], values])
        # A new pair each time: the thread that draws may hold the one before.
        self.histories[message.name] = steps.copy(), values.copy()
        self.extended += 1
