"""One run as the terminal view has heard of it. Knows no widget and no file."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ...client import Client
from ...wire.messages import (
    Log,
    Missed,
    Opened,
    RunState,
    State,
    Welcome,
)
from .. import hearing
from ..absence import Absence
from ..controls import Controls
from ..inbox import Inbox
from ..silence import Silence, explain
from ..steering import Wheel
from ..strip import StripState
from ..wording import moment

__all__ = ["LOGS", "Watched"]

LOGS = 5000  # records that are kept
ANSWER = 3.0  # seconds in which a run that can answer does


class Watched:
    """A run that is looked at.

    Parameters
    ----------
    client : Client
        This is its only reader from now on.
    inbox : Inbox, optional
        Of that client, if it receives already.
    clock : callable
        Seconds; only differences count.

    Attributes
    ----------
    inbox : Inbox
        What arrives; its frames are whoever draws them's.
    state : StripState
        How the run and its watching stand.
    logs : deque of Log
        The newest records, and what this view has to say between them.
    logged : int
        How many came.
    updates : int
        Calls of ``update``, of all plotters.
    begun, ended : float
        When the run began and ended, seconds since the epoch; 0 if that is not known.
    """

    def __init__(
        self,
        client: Client,
        *,
        inbox: Inbox | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.inbox = inbox or Inbox(client)
        self.client = client
        self.clock = clock
        self.state = StripState(name=client.run.name)
        self.logs: deque[Log] = deque(maxlen=LOGS)
        self.logged = 0
        self.updates = 0
        self.begun = client.run.started
        self.ended = 0.0
        self.over = False
        self._silence = Silence(client, clock)
        wheel = Wheel(client.steer if client.control else None)
        self.state.controls = Controls(wheel)
        self._since = clock()  # it is tried to reach it
        self._introduced = False
        self._closed = False

    def take(self) -> None:
        """Take what has arrived."""
        inbox, state, now = self.inbox, self.state, self.clock()
        if self._closed:
            return
        inbox.clear()
        # Before taking: the last word is read before the end is believed.
        ended = inbox.ended
        wall = time.time()
        records = hearing.take(state, inbox, now, wall)
        self.logs.extend(records)
        self.logged += len(records)
        self.updates = sum(stats.updates for stats in list(inbox.stats.values()))
        while inbox.events:
            self._take_event(inbox.events.popleft(), now)
        stalled, inbox.stalled = inbox.stalled, None
        if stalled is not None:
            state.take_stall(stalled, now)
        running = state.state == RunState.RUNNING.value
        state.silent = self._silence.seconds() if running and not self.over else 0.0
        known: Any = inbox.welcome
        if known is None and running and not self.over:
            # It listens, or its kernel does, and has not said who it is.
            known, waited = self.client.run, now - self._since
            state.silent = waited if waited >= ANSWER else 0.0
        if state.silent:
            state.silence = explain(known, far=self.client.is_far)
        state.controls.tick(now)
        state.controls.keep(now)
        if ended and not self.over:
            self.over = True
            self._finish(now)

    def tell(self, text: str, level: int = 20) -> None:
        """Put what this view has to say between the records."""
        self.logs.append(Log(time.time(), level, "async_plot.top", text))
        self.logged += 1

    def print(self, text: str) -> None:
        """Put a line that the calculation has printed between the records."""
        self.logs.append(Log(time.time(), 0, "", text))
        self.logged += 1

    def let_go(self) -> bool:
        """End the pause that this view keeps; say if there was one."""
        return self.state.controls.leave(self.clock())

    def close(self, reason: str) -> None:
        """Leave the run."""
        if not self._closed:
            self._closed = True
            self.inbox.close(reason)

    # -- private ---------------------------------------------------------------

    def _take_event(self, event: Any, now: float) -> None:
        state = self.state
        hearing.hear(state, event, now)
        if isinstance(event, Missed):
            self.tell(f"{event.count} lines were too many for this view", 30)
        elif isinstance(event, Absence):
            self.tell(str(event), 30)
        elif isinstance(event, State):
            self.ended = event.time
            if event.state == RunState.LOST.value and event.text:
                self.tell(event.text, 30)
        elif isinstance(event, Welcome):
            state.name, state.budget = event.name, event.overhead
            started = moment(event.started, "%d %b %H:%M")
            state.where = f"process {event.pid} on {event.host}, since {started}"
            if self._introduced:
                hearing.connected_again(state)
                self.ended = 0.0
            self._introduced = True
            self.client.say(Opened("terminal"))

    def _finish(self, now: float) -> None:
        state, error = self.state, self.inbox.error
        if state.state == RunState.RUNNING.value:
            state.state = RunState.LOST.value
            state.state_text = str(error) if error else ""
            state.ended_at, self.ended = now, time.time()
        elif error is not None:
            self.tell(str(error), 40)
        state.jobs.end(state.state)
