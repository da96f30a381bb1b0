"""What somebody does with a view's buttons and sliders, turned into commands.

Asks again before a run is ended, follows a slider that is dragged, reads what is
typed. Draws nothing; knows no window, network or clock.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

from ..wire.steering import Parameter, Steering
from .wording import one_line, value

__all__ = ["ACTIONS", "KEYS", "ONCE_MORE", "Controls", "Edit", "has_slider", "written"]

# The first words of `Controls.act`.
COMMANDS = ("pause", "resume", "step", "stop", "interrupt")
ACTIONS = (
    *COMMANDS,
    *("parameters", "drag", "less", "more", "flip", "choose", "type", "undo"),
)

# Keys of a figure's window, in matplotlib's names; none of its own has this modifier.
KEYS = {
    "alt+p": "pause",
    "alt+r": "resume",
    "alt+n": "step",
    "alt+s": "stop",
    "alt+i": "interrupt",
}

ONCE_MORE = 3.0  # seconds in which what ends a run must be asked for again
SLIP = 0.4  # seconds in which a second click is a slip of the first one
EVERY = 0.1  # seconds between two commands of a slider that is dragged
ASKED = 3.0  # seconds after which what was asked for, and never answered, is forgotten
FEW = 4  # parameters up to which each is shown without being asked for

ENDING = ("stop", "interrupt")  # they end the run


@dataclass(frozen=True, slots=True)
class Edit:
    """A value that is to be typed.

    Attributes
    ----------
    name : str
        Of the parameter.
    text : str
        What stands there first.
    """

    name: str
    text: str


@dataclass(slots=True)
class _Drag:
    """A slider under the mouse."""

    name: str
    wanted: str
    sent: str = ""
    sent_at: float = -math.inf


class Controls:
    """The steering that one view offers.

    Parameters
    ----------
    send : callable, optional
        ``send(action, name, value, hold)`` gives a command to the run; without it this
        view may look only.

    Attributes
    ----------
    steering : Steering or None
        How the run stands, once that was heard.
    since : float
        Since when, on the view's clock.
    parameters : dict of {str: Parameter}
        By name.
    refusals : dict of {str: str}
        Why a parameter's newest value was not taken.
    ended : bool
        The run has ended, or is replayed: nothing can be steered.
    line : str
        The newest command, as one line.
    line_at : float
        When it came.
    pointed : str
        What is to be told of the thing that the mouse is over.
    unfolded : bool or None
        Whether each parameter is shown; None until somebody said so.
    revision : int
        Changes with whatever a drawing may tell.
    """

    def __init__(
        self, send: Callable[[str, str, str, bool], None] | None = None
    ) -> None:
        self._send = send
        self.steering: Steering | None = None
        self.since = 0.0
        self.parameters: dict[str, Parameter] = {}
        self.refusals: dict[str, str] = {}
        self.ended = False
        self.line = ""
        self.line_at = -math.inf
        self.pointed = ""
        self.unfolded: bool | None = None
        self.revision = 0
        self._armed = ""
        self._armed_at = -math.inf
        self._asked: dict[str, tuple[str, float]] = {}
        self._drag: _Drag | None = None

    # -- what is told ----------------------------------------------------------

    @property
    def may(self) -> bool:
        """Whether this view can steer the run at all."""
        return self._send is not None and self.steering is not None and not self.ended

    @property
    def is_paused(self) -> bool:
        """Whether the run stands still, or will at its next checkpoint."""
        return self._state in ("pausing", "paused", "stepping")

    @property
    def is_held(self) -> bool:
        """Whether there is something that *resume* takes back."""
        return self.is_paused or self._state == "stopping"

    @property
    def shown(self) -> list[Parameter]:
        """The parameters, in their order, if they are not folded up."""
        wide = len(self.parameters) <= FEW if self.unfolded is None else self.unfolded
        return sorted(self.parameters.values(), key=_order) if wide else []

    def armed(self, now: float) -> str:
        """What ends the run if it is asked for once more, ``"stop"`` for one."""
        return self._armed if now - self._armed_at < ONCE_MORE else ""

    def why_not(self, action: str) -> str:
        """Why a command cannot take effect; empty if it can."""
        told = self.steering
        if told is None:
            return "nothing is known of the calculation yet"
        if action == "interrupt":
            return one_line(told.interrupt)
        if told.state == "stopping":
            return "" if action == "resume" else "it stops at its next checkpoint"
        if not told.checkpoints:
            return f"the calculation has passed no checkpoint() that could {action} it"
        if action == "step" and not self.is_paused:
            return "only a paused run goes on step by step"
        return ""

    def wanted(self, parameter: Parameter, now: float) -> str:
        """JSON text of the value that it will have; empty if it has it."""
        drag = self._drag
        if drag is not None and drag.name == parameter.name:
            return drag.wanted
        asked, at = self._asked.get(parameter.name, ("", -math.inf))
        return asked if now - at < ASKED else parameter.wanted

    def share(self, parameter: Parameter, text: str) -> float:
        """Where on its slider a value is, 0 to 1."""
        low, high = parameter.minimum, parameter.maximum
        number = _number(text)
        if not (math.isfinite(number) and has_slider(parameter)):
            return 0.0
        if _is_logarithmic(parameter):
            number, low, high = (math.log(max(n, low)) for n in (number, low, high))
        return min(1.0, max(0.0, (number - low) / (high - low)))

    # -- what is heard ---------------------------------------------------------

    def hear(self, message: Steering | Parameter, now: float, wall: float) -> None:
        """Take how the run or a parameter stands."""
        self.revision += 1
        if isinstance(message, Steering):
            before = self.steering
            if before is None or message.since != before.since:
                self.since = now - max(0.0, wall - message.since)
            self.steering = message
            return
        known = self.parameters.get(message.name)
        self.parameters[message.name] = message
        if known is None or (known.value, known.wanted) != (
            message.value,
            message.wanted,
        ):
            self._asked.pop(message.name, None)
            self.refusals.pop(message.name, None)

    def tell(self, line: str, now: float, *, refused: str = "") -> None:
        """Take the newest command as a line; `refused` names a parameter, if any."""
        self.revision += 1
        self.line, self.line_at = line, now
        if refused:
            self.refusals[refused] = line
            self._asked.pop(refused, None)

    def forget(self) -> None:
        """Forget all that was heard; it is told anew."""
        self.steering, self.line = None, ""
        self.parameters.clear()
        self.refusals.clear()
        self.revision += 1

    # -- what is done ----------------------------------------------------------

    def act(
        self, action: str, share: float, now: float, *, hold: bool = False
    ) -> Edit | None:
        """Do what a click or a key stands for.

        Parameters
        ----------
        action : str
            One of `ACTIONS`; behind that of a parameter its number, and behind
            ``"choose"`` that of the choice.
        share : float
            For ``"drag"``: where on the slider, 0 to 1.
        now : float
            Seconds.
        hold : bool, default: False
            Whether a pause lasts although this view is closed.

        Returns
        -------
        Edit or None
            What is to be typed.
        """
        word, _, rest = action.partition(" ")
        self.revision += 1
        if word == "parameters":
            self.unfolded = not self.shown
        elif not self.may:
            pass
        elif word in COMMANDS:
            self._command(word, now, hold)
        else:
            number, _, index = rest.partition(" ")
            for parameter in self.parameters.values():
                if str(parameter.order) == number:
                    return self._change(parameter, word, index, share, now)
        return None

    def type(self, name: str, text: str, now: float) -> None:
        """Set a parameter to what was typed."""
        parameter = self.parameters.get(name)
        if parameter is None:
            return
        typed = _read(parameter, text)
        if typed is None:
            what = {"int": "a whole number", "float": "a number"}[parameter.kind]
            self.refusals[name] = f"{one_line(text)[:40]!r} is not {what}"
            self.revision += 1
        else:
            self._set(parameter, typed, now)

    def release(self, now: float) -> None:
        """The slider was let go: what it shows is sent, exactly."""
        drag, self._drag = self._drag, None
        if drag is not None and (parameter := self.parameters.get(drag.name)):
            if drag.wanted != drag.sent:
                self._set(parameter, drag.wanted, now)
            else:
                self._asked[drag.name] = drag.wanted, now

    def tick(self, now: float) -> None:
        """Send what a slider waits to send."""
        drag = self._drag
        if drag is None or drag.wanted == drag.sent or now < drag.sent_at + EVERY:
            return
        if self._send is not None and drag.name in self.parameters:
            drag.sent, drag.sent_at = drag.wanted, now
            self._send("set", drag.name, drag.wanted, False)

    def point(self, hint: str) -> bool:
        """Note what the mouse is over; say if that is something else than before."""
        changed, self.pointed = hint != self.pointed, hint
        self.revision += changed
        return changed

    # -- private ---------------------------------------------------------------

    @property
    def _state(self) -> str:
        return self.steering.state if self.steering is not None else ""

    def _command(self, action: str, now: float, hold: bool) -> None:
        assert self._send is not None
        if self.why_not(action):
            return
        if action in ENDING:
            if self.armed(now) != action:
                self._armed, self._armed_at = action, now
                return
            if now - self._armed_at < SLIP:
                return
        self._armed = ""
        self._send(action, "", "", hold and action == "pause")

    def _change(
        self, parameter: Parameter, word: str, index: str, share: float, now: float
    ) -> Edit | None:
        newest = self.wanted(parameter, now) or parameter.value
        if word == "type":
            return Edit(parameter.name, written(parameter, newest, exactly=True))
        if word == "drag" and has_slider(parameter):
            if self._drag is None or self._drag.name != parameter.name:
                self._drag = _Drag(parameter.name, newest, sent=newest)
            self._drag.wanted = _at(parameter, share)
            self.tick(now)
        elif word in ("less", "more"):
            step = -1 if word == "less" else 1
            self._set(parameter, _beside(parameter, newest, step), now)
        elif word == "flip":
            self._set(parameter, "false" if newest == "true" else "true", now)
        elif word == "choose" and index.isdigit():
            choices = parameter.choices
            if int(index) < len(choices):
                self._set(parameter, json.dumps(choices[int(index)]), now)
        elif word == "undo" and self._send is not None:
            self.refusals.pop(parameter.name, None)
            self._asked.pop(parameter.name, None)
            self._send("undo", parameter.name, "", False)
        return None

    def _set(self, parameter: Parameter, text: str, now: float) -> None:
        if self._send is None or not text:
            return
        self.revision += 1
        self.refusals.pop(parameter.name, None)
        self._asked[parameter.name] = text, now
        self._send("set", parameter.name, text, False)


def has_slider(parameter: Parameter) -> bool:
    """Whether it is a number between two bounds."""
    return (
        parameter.kind in ("float", "int")
        and 0 < parameter.maximum - parameter.minimum < math.inf
    )


def written(parameter: Parameter, text: str, *, exactly: bool = False) -> str:
    """Write a value for people, from its JSON text."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return one_line(text)
    if isinstance(read, bool):
        return "on" if read else "off"
    if isinstance(read, float) and not exactly:
        return value(read)
    return read if isinstance(read, str) and exactly else one_line(str(read))


def _order(parameter: Parameter) -> tuple[int, str]:
    return parameter.order, parameter.name


def _number(text: str) -> float:
    try:
        return float(json.loads(text))
    except (ValueError, TypeError, OverflowError, RecursionError):
        return math.nan


def _is_logarithmic(parameter: Parameter) -> bool:
    """Whether the slider goes by factors: a time step, say, or a tolerance."""
    return parameter.minimum > 0 and parameter.maximum >= 1000 * parameter.minimum


def _at(parameter: Parameter, share: float) -> str:
    """Value at a place of the slider, in as many digits as can be told apart there."""
    low, high = parameter.minimum, parameter.maximum
    if not (0 < share < 1):
        number = low if share <= 0 else high
    elif _is_logarithmic(parameter):
        number = float(f"{low * (high / low) ** share:.2e}")
    else:
        unit = 10.0 ** (math.floor(math.log10(high - low)) - 3)
        number = float(f"{round((low + share * (high - low)) / unit) * unit:.12g}")
    number = min(high, max(low, number))
    return json.dumps(round(number) if parameter.kind == "int" else number)


def _beside(parameter: Parameter, text: str, step: int) -> str:
    """The next value that way: a whole one, or by a unit of its second digit."""
    number = _number(text)
    if not math.isfinite(number):
        return ""
    if parameter.kind == "int":
        return json.dumps(
            int(min(max(number + step, parameter.minimum), parameter.maximum))
        )
    size = abs(number)
    # Below a power of ten the digit is a smaller one: 0.1, 0.099, not 0.1, 0.09.
    away = math.floor(math.log10(size)) if size else 0
    if size and size == 10.0**away and (number > 0) != (step > 0):
        away -= 1
    unit = 10.0 ** (away - 1)
    number = min(max(number + step * unit, parameter.minimum), parameter.maximum)
    return json.dumps(float(f"{number:.12g}"))


def _read(parameter: Parameter, text: str) -> str | None:
    """JSON text of what was typed; None if it is of another kind."""
    if parameter.kind not in ("int", "float"):
        return json.dumps(text)
    try:
        number = float(text.replace("\N{MINUS SIGN}", "-"))
        if parameter.kind == "int":
            whole = text.replace("\N{MINUS SIGN}", "-").replace(" ", "")
            return json.dumps(int(number) if "e" in whole.lower() else int(whole))
        return json.dumps(number) if math.isfinite(number) else None
    except (ValueError, OverflowError):
        return None
