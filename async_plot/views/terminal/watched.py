"""One run as the terminal view has heard of it. Knows no widget and no file."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ...client import Client
from ...wire.messages import (
    Log,
    Missed,
    Opened,
    Parameter,
    RunState,
    State,
    Steering,
    Welcome,
)
from ...wire.steering import LOGGER
from ..absence import Absence
from ..controls import COMMANDS, Controls
from ..inbox import Inbox
from ..silence import Silence, explain
from ..steering import Wheel
from ..strip import StripState

__all__ = ["LOGS", "Watched"]

LOGS = 5000  # records that are kept


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
    revision : int
        Changes with everything that is heard.
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
        self.revision = 0
        self.over = False
        self._silence = Silence(client, clock)
        # A pause that this view keeps; what it offers and tells is `state.controls`.
        self._wheel = Wheel(client.steer if client.control else None)
        self.state.controls = Controls(self._send if client.control else None)
        self._introduced = False
        self._closed = False
        self._why = ""  # the newest command could not be given

    def take(self) -> None:
        """Take what has arrived."""
        inbox, state, now = self.inbox, self.state, self.clock()
        if self._closed:
            return
        inbox.clear()
        # Before taking: the last word is read before the end is believed.
        ended = inbox.ended
        before = self.logged
        while inbox.logs:
            self._take_log(inbox.logs.popleft(), now)
        self.revision += self.logged != before
        all_stats = list(inbox.stats.values())
        if all_stats:
            state.overhead = max(stats.overhead for stats in all_stats)
            state.refused = sum(stats.refused for stats in all_stats)
            self.updates = sum(stats.updates for stats in all_stats)
        state.scalars = dict(inbox.histories)
        while inbox.events:
            self._take_event(inbox.events.popleft(), now)
        stalled, inbox.stalled = inbox.stalled, None
        if stalled is not None:
            state.take_stall(stalled, now)
        running = state.state == RunState.RUNNING.value
        state.silent = self._silence.seconds() if running and not self.over else 0.0
        if state.silent and inbox.welcome is not None:
            state.silence = explain(inbox.welcome, far=self.client.is_far)
        state.hear(inbox.take_news(), now, time.time())
        for message in inbox.take_steering():
            self._wheel.hear(message, now)
            if isinstance(message, (Steering, Parameter)):
                state.controls.hear(message, now, time.time())
        state.controls.ended = state.state != RunState.RUNNING.value
        state.controls.tick(now)
        self._wheel.tick(now)
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

    # -- steering --------------------------------------------------------------

    @property
    def keeps_paused(self) -> bool:
        """Whether the run stands still because this view asked for it."""
        return self._wheel.keeps

    def act(self, action: str, *, hold: bool = False) -> str:
        """Do what a key stands for; say why that cannot be.

        Parameters
        ----------
        action : str
            As `async_plot.views.controls.Controls.act` takes it.
        hold : bool
            Of a pause: whether it lasts although this view ends.
        """
        controls, now = self.state.controls, self.clock()
        self._why = ""
        word = action.partition(" ")[0]
        if not controls.may:
            return self._wheel.refusal(word) or "nothing can be steered"
        if word in COMMANDS and (why := controls.why_not(word)):
            return why
        controls.act(action, 0.0, now, hold=hold)
        return self._why

    def change(self, name: str, value: float | int | bool | str) -> None:
        """Set a parameter."""
        self._send("set", name, json.dumps(value), False)

    def let_go(self) -> bool:
        """End the pause that this view keeps; say if there was one."""
        return self._wheel.keeps and not self._wheel.resume()

    def close(self, reason: str) -> None:
        """Leave the run."""
        if not self._closed:
            self._closed = True
            self.inbox.close(reason)

    # -- private ---------------------------------------------------------------

    def _send(self, action: str, name: str, value: str, hold: bool) -> None:
        """Give a command to the run; what cannot be is told."""
        wheel, now = self._wheel, self.clock()
        if action == "pause":
            why = wheel.pause(now, hold=hold)
        elif action == "set":
            why = wheel.change(name, json.loads(value))
        elif action == "undo":
            why = wheel.undo(name)
        else:
            commands = {
                "resume": wheel.resume,
                "step": wheel.step,
                "stop": wheel.stop,
                "interrupt": wheel.interrupt,
            }
            why = commands[action]()
        if why:
            self._why = why
            self.state.controls.tell(why, now, refused=name)

    def _take_log(self, record: Log, now: float) -> None:
        self.logs.append(record)
        self.logged += 1
        state = self.state
        state.log, state.log_level, state.log_at = record.text, record.level, now
        if record.name == LOGGER:
            self._wheel.hear(record, now)
            state.controls.tell(record.text, now)

    def _take_event(self, message: Any, now: float) -> None:
        state = self.state
        if isinstance(message, (State, Welcome)):
            self._wheel.hear(message, now)
        if isinstance(message, Missed):
            state.missed += message.count
            self.tell(f"{message.count} lines were too many for this view", 30)
        elif isinstance(message, Absence):
            state.missed += message.records
            state.tell(str(message), now, 30.0)
            self.tell(str(message), 30)
        elif isinstance(message, State):
            state.state, state.state_text = message.state, message.text
            state.ended_at, self.ended = now, message.time
            if message.state == RunState.LOST.value and message.text:
                self.tell(message.text, 30)
        elif isinstance(message, Welcome):
            state.name, state.budget = message.name, message.overhead
            started = time.strftime("%d %b %H:%M", time.localtime(message.started))
            state.where = f"process {message.pid} on {message.host}, since {started}"
            if self._introduced:
                state.state, state.state_text = RunState.RUNNING.value, ""
                state.ended_at, state.stalled, self.ended = 0.0, "", 0.0
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
