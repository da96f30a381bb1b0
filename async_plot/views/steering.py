"""How a run is steered, as every view knows it, and what a view may ask of it.

Takes messages, and gives commands through what it was made with; the lease of this
view's own pause is renewed here. Draws nothing; time is an argument, and nothing is
known of windows or connections.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from ..wire.messages import Log, Message, Parameter, RunState, State, Steering, Welcome
from ..wire.steering import LOGGER

__all__ = ["HEARD", "Wheel", "read"]

HEARD = (Steering, Parameter)  # the messages that it takes, beside log records
RENEW = 5.0  # seconds between two renewals of a pause
RECENT = 10.0  # seconds that the newest command stands in a line

_PAUSED = ("pausing", "paused", "stepping")


class Wheel:
    """What a view knows of how its run is steered.

    Parameters
    ----------
    steer : callable, optional
        `async_plot.Client.steer`, or the like; without it, this view may only look.

    Attributes
    ----------
    state : str
        As in `async_plot.wire.messages.Steering`; empty until it is known, and once
        the run has ended.
    since : float
        Since when, seconds since the epoch.
    by : str
        Who gave the command that led to it.
    hold : bool
        Whether it is paused until somebody resumes it.
    checkpoints : int
        How many were passed, at the least; while it is 0, only `interrupt` does
        anything.
    revision : int
        Changes with everything that is heard.
    """

    def __init__(self, steer: Callable[..., bool] | None = None) -> None:
        self._steer = steer
        self.revision = 0
        self._forget()

    def _forget(self) -> None:
        self.state = ""
        self.since = 0.0
        self.by = ""
        self.hold = False
        self.checkpoints = 0
        self._interrupt = ""
        self._parameters: dict[str, Parameter] = {}
        self._line = ""
        self._line_at = -math.inf
        self._ended = False
        self._let_go()
        self.revision += 1

    def _let_go(self) -> None:
        self._ours = False  # a pause that this view has asked for, and renews
        self._seen = False  # that pause, or another
        self._renew_at = math.inf

    # -- what is heard ---------------------------------------------------------

    def hear(self, message: Message, now: float) -> None:
        """Take a message: one of `HEARD`, a log record, a `State` or a `Welcome`.

        Parameters
        ----------
        message : Message
            Any other is passed over.
        now : float
            Seconds, on the view's clock.
        """
        if isinstance(message, Steering):
            self.state, self.since = message.state, message.since
            self.by, self.hold = message.by, message.hold
            self.checkpoints = message.checkpoints
            self._interrupt = message.interrupt
            if self.state in _PAUSED:
                self._seen = True
            elif self._seen:  # else this was said before the pause was heard of
                self._let_go()
        elif isinstance(message, Parameter):
            self._parameters[message.name] = message
        elif isinstance(message, Log) and message.name == LOGGER:
            self._line, self._line_at = message.text, now
        elif isinstance(message, State):
            self._ended = message.state not in (
                RunState.RUNNING.value,
                RunState.LOST.value,
            )
        elif isinstance(message, Welcome):
            self._ended = False
        else:
            return
        self.revision += 1

    def forget(self) -> None:
        """Know nothing any more: a replay went back."""
        self._forget()

    # -- what is known ---------------------------------------------------------

    @property
    def control(self) -> bool:
        """Whether this view may do more than look."""
        return self._steer is not None

    @property
    def paused(self) -> bool:
        """Whether the run waits, or is about to."""
        return self.state in _PAUSED and not self._ended

    @property
    def parameters(self) -> list[Parameter]:
        """All of the run's, in their order."""
        return sorted(self._parameters.values(), key=lambda each: each.order)

    def parameter(self, name: str) -> Parameter | None:
        """The one of that name."""
        return self._parameters.get(name)

    def line(self, now: float) -> str:
        """The newest command and who gave it, for a while; else nothing."""
        return self._line if now < self._line_at + RECENT else ""

    def words(self) -> str:
        """How it stands, for people; nothing while it just runs."""
        if self._ended or self.state in ("", "running"):
            return ""
        by = f" by {self.by}" if self.by else ""
        if self.state == "paused":
            return f"paused{by}" + (", until somebody resumes it" if self.hold else "")
        if self.state == "stepping":
            return "takes one step"
        if not self.checkpoints:
            return f"{self.state}{by}, when it comes to a first checkpoint"
        return f"{self.state}{by}, at the next checkpoint"

    def refusal(self, action: str, name: str = "") -> str:
        """Why something cannot be done now; empty if it can.

        Parameters
        ----------
        action : str
            One of `async_plot.wire.steering.ACTIONS`.
        name : str
            Of ``"set"`` and ``"undo"``: which parameter.
        """
        if self._steer is None:
            return "this view may only look"
        if self._ended or not self.state:
            return "the run has ended" if self._ended else "nothing is known of the run"
        if action == "interrupt":
            return self._interrupt
        if action in ("set", "undo"):
            parameter = self._parameters.get(name)
            if parameter is None:
                return f"there is no parameter {name!r}"
            unchanged = action == "undo" and not parameter.undo
            return "nothing was changed" if unchanged else ""
        if action == "resume":
            return "" if self.state != "running" else "it is not paused"
        if self.state == "stopping":
            return "it is stopping"
        if action == "step":
            return "" if self.state == "paused" else "it is not paused"
        return ""

    # -- what is asked for -----------------------------------------------------

    def pause(self, now: float, *, hold: bool = False) -> str:
        """Ask for a pause; say why that cannot be.

        It lasts as long as this view calls `tick`, unless it is to `hold`.
        """
        why = self._give("pause", hold=hold)
        if not why:
            self._ours, self._seen = not hold, self.state in _PAUSED
            self._renew_at = math.inf if hold else now + RENEW
        return why

    def step(self) -> str:
        """Let the calculation go on to its next checkpoint; say why it cannot."""
        return self._give("step")

    def resume(self) -> str:
        """Let it go on; say why it cannot."""
        why = self._give("resume")
        if not why:
            self._let_go()
        return why

    def stop(self) -> str:
        """Ask it to stop at its next checkpoint; say why that cannot be."""
        return self._give("stop")

    def interrupt(self) -> str:
        """Send it what Ctrl-C does; say why that cannot be."""
        return self._give("interrupt")

    def change(self, name: str, value: Any) -> str:
        """Ask for another value of a parameter; say why that cannot be.

        Parameters
        ----------
        name : str
            Which one.
        value : float, int, bool or str
            Its value, as `read` gives it.
        """
        parameter = self._parameters.get(name)
        if parameter is not None:
            try:
                value = parameter.check(value)
            except ValueError as error:
                return f"{name} {error}"
        return self._give("set", name, value)

    def undo(self, name: str) -> str:
        """Ask for the value before the last change; say why that cannot be."""
        return self._give("undo", name)

    def tick(self, now: float) -> float:
        """Renew this view's pause when it is time; say when to be called again."""
        if self._ours and self._steer is not None and now >= self._renew_at:
            self._steer("renew")
            self._renew_at = now + RENEW
        return self._renew_at

    # -- private ---------------------------------------------------------------

    def _give(self, action: str, name: str = "", value: Any = "", **how: bool) -> str:
        why = self.refusal(action, name)
        if why:
            return why
        assert self._steer is not None
        return (
            "" if self._steer(action, name, value, **how) else "there is no connection"
        )


def read(parameter: Parameter, typed: str) -> float | int | bool | str:
    """Value of a parameter that somebody has typed.

    Parameters
    ----------
    parameter : Parameter
        Which one.
    typed : str
        As people write it: ``1e-3``, ``true`` or ``yes``, a text without quotes.

    Raises
    ------
    ValueError
        If it can be none of its values; the text says what would be accepted.

    Examples
    --------
    >>> from async_plot.views.steering import read
    >>> from async_plot.wire.messages import Parameter
    >>> dt = Parameter("dt", 1, "float", "0.1", "", "0.1", 0.0, 1.0, "s", "", [], 0)
    >>> read(dt, " 5e-1 ")
    0.5
    """
    if parameter.kind == "string":
        return parameter.check(typed)
    word = typed.strip()
    if parameter.kind == "bool":
        known = {"yes": True, "true": True, "on": True, "1": True}
        known |= {"no": False, "false": False, "off": False, "0": False}
        return parameter.check(known.get(word.lower(), word))
    if parameter.kind == "choice" and json.dumps(word) in parameter.choices:
        return parameter.check(word)
    try:
        # As Python reads numbers, which are not all JSON: ``1e3``, ``.5``, ``1_000``.
        value: Any = int(word) if word.lstrip("+-").isdigit() else float(word)
    except ValueError:
        value = {"true": True, "false": False}.get(word.lower(), word)
    return parameter.check(value)
