"""What somebody does with a view's buttons and sliders, turned into commands.

Asks again before a run is ended, follows a slider that is dragged. What is known of
the run, and gives it commands, is a `Wheel`. Draws nothing; knows no window or clock.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from ..wire.messages import Message
from ..wire.steering import Parameter, Steering
from .steering import Wheel, read
from .wording import one_line, value

__all__ = [
    "ACTIONS",
    "HELD",
    "KEYS",
    "ONCE_MORE",
    "Controls",
    "Edit",
    "has_slider",
    "written",
]

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
# The same of keys, from the last time: one that is held down repeats itself after up to
# 0.7 s, and from then on many times a second.
HELD = 0.9
EVERY = 0.1  # seconds between two commands of a slider that is dragged
ASKED = 3.0  # seconds after which what was asked for, and never answered, is forgotten
PATIENCE = 120.0  # seconds that a view may be busy with other things while it pauses
RECENT = 10.0  # seconds that it is told why something cannot be
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
    wheel : Wheel, optional
        What is known of how the run is steered, and what gives commands.

    Attributes
    ----------
    wheel : Wheel
    since : float
        Since when it stands as it does, on the view's clock.
    refusals : dict of {str: str}
        Why what was asked for of a parameter cannot be.
    ended : bool
        The run has ended, or is replayed: nothing can be steered.
    pointed : str
        What is to be told of the thing that the mouse is over.
    pointed_first : bool
        Whether that goes before the newest command.
    unfolded : bool or None
        Whether each parameter is shown; None until somebody said so.
    alive_at : float
        When this view was last seen to serve whoever sits before it.
    """

    def __init__(self, wheel: Wheel | None = None) -> None:
        self.wheel = wheel or Wheel()
        self.since = 0.0
        self.refusals: dict[str, str] = {}
        self.ended = False
        self.pointed, self.pointed_first = "", False
        self.unfolded: bool | None = None
        self.alive_at = -math.inf
        self._changes = 0
        self._armed = ""
        self._armed_at = self._keyed_at = -math.inf
        self._asked: dict[str, tuple[str, float]] = {}
        self._drag: _Drag | None = None
        self._why = ""  # something cannot be
        self._why_at = -math.inf

    # -- what is told ----------------------------------------------------------

    @property
    def revision(self) -> int:
        """Changes with whatever a drawing may tell."""
        return self.wheel.revision + self._changes

    @property
    def may(self) -> bool:
        """Whether this view can steer the run at all."""
        return self.wheel.control and not self.ended

    @property
    def is_held(self) -> bool:
        """Whether there is something that *resume* takes back."""
        return self.wheel.paused or self.wheel.state == "stopping"

    @property
    def shown(self) -> list[Parameter]:
        """The parameters, in their order, if they are not folded up."""
        parameters = self.wheel.parameters
        wide = len(parameters) <= FEW if self.unfolded is None else self.unfolded
        return parameters if wide else []

    def armed(self, now: float) -> str:
        """What ends the run if it is asked for once more, ``"stop"`` for one."""
        return self._armed if now - self._armed_at < ONCE_MORE else ""

    def why_not(self, action: str) -> str:
        """Why a command cannot take effect; empty if it can."""
        why = self.wheel.refusal(action)
        if not (why or self.wheel.checkpoints or action in ("interrupt", "resume")):
            return f"the calculation came to no checkpoint() yet that could {action} it"
        return one_line(why)

    def line(self, now: float) -> tuple[str, bool]:
        """What is to be read for a while, and whether it is that something failed."""
        if now - self._why_at < RECENT:
            return self._why, True
        return self.wheel.line(now), False

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

    def hear(self, message: Message, now: float, wall: float) -> None:
        """Take one of the messages that `Wheel.hear` takes."""
        if isinstance(message, Parameter):
            known = self.wheel.parameter(message.name)
            if known is None or (known.value, known.wanted) != (
                message.value,
                message.wanted,
            ):
                self._asked.pop(message.name, None)
                self.refusals.pop(message.name, None)
        elif isinstance(message, Steering):
            if not self.wheel.state or message.since != self.wheel.since:
                # Clocks of two machines differ; from now on this one counts.
                self.since = now - max(0.0, wall - message.since)
        self.wheel.hear(message, now)

    def forget(self) -> None:
        """Know nothing any more: a replay went back."""
        self.wheel.forget()
        self.refusals.clear()
        self._asked.clear()

    # -- what is done ----------------------------------------------------------

    def act(
        self,
        action: str,
        share: float,
        now: float,
        *,
        hold: bool = False,
        key: bool = True,
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
        key : bool, default: True
            Whether it may be a key, which repeats itself while it is held down.

        Returns
        -------
        Edit or None
            What is to be typed.
        """
        word, _, rest = action.partition(" ")
        self._changes += 1
        if word == "parameters":
            self.unfolded = not self.shown
        elif not self.may:
            pass
        elif word in COMMANDS:
            self._command(word, now, hold, key)
        else:
            number, _, index = rest.partition(" ")
            for parameter in self.wheel.parameters:
                if str(parameter.order) == number:
                    return self._change(parameter, word, index, share, now)
        return None

    def type(self, name: str, text: str, now: float) -> None:
        """Set a parameter to what was typed."""
        parameter = self.wheel.parameter(name)
        if parameter is None:
            return
        try:
            typed = read(parameter, text.replace("\N{MINUS SIGN}", "-"))
        except ValueError as error:
            self._refuse(name, str(error))
        else:
            self._set(parameter, json.dumps(typed), now)

    def release(self, now: float) -> None:
        """The slider was let go: what it shows is sent, exactly."""
        drag, self._drag = self._drag, None
        if drag is not None and (parameter := self.wheel.parameter(drag.name)):
            if drag.wanted != drag.sent:
                self._set(parameter, drag.wanted, now)
            else:
                self._asked[drag.name] = drag.wanted, now

    def tick(self, now: float) -> None:
        """Send what a slider waits to send."""
        self.alive_at = now
        drag = self._drag
        if drag is None or drag.wanted == drag.sent or now < drag.sent_at + EVERY:
            return
        drag.sent, drag.sent_at = drag.wanted, now
        self._give(drag.name, drag.wanted)

    def keep(self, now: float) -> None:
        """Renew this view's pause, while somebody is served by it; from any thread.

        A figure may take long to draw. A view that is busy for minutes is no better
        than one that is gone.
        """
        if now - self.alive_at < PATIENCE:
            self.wheel.tick(now)

    def leave(self, now: float) -> bool:
        """End this view's pause, since the view ends; say whether there was one."""
        return (
            not self.ended
            and self.wheel.paused
            and self.wheel.tick(now) < math.inf
            and not self.wheel.resume()
        )

    def point(self, hint: str, *, first: bool = False) -> bool:
        """Note what the mouse is over; say if that is something else than before.

        It is told `first`, or when there is no newest command to be told.
        """
        changed = (hint, first) != (self.pointed, self.pointed_first)
        self.pointed, self.pointed_first = hint, first
        self._changes += changed
        return changed

    # -- private ---------------------------------------------------------------

    def _command(self, action: str, now: float, hold: bool, key: bool) -> None:
        if self.why_not(action) or (action == "pause" and self.wheel.paused):
            return
        if action in ENDING:
            before, self._keyed_at = self._keyed_at, now if key else self._keyed_at
            if self.armed(now) != action:
                self._armed, self._armed_at = action, now
                return
            if now - self._armed_at < SLIP or (key and now - before < HELD):
                return
        self._armed = ""
        wheel = self.wheel
        if action == "pause":
            why = wheel.pause(now, hold=hold)
        else:
            why = getattr(wheel, action)()
        self._why, self._why_at = why, now if why else -math.inf

    def _change(
        self, parameter: Parameter, word: str, index: str, share: float, now: float
    ) -> Edit | None:
        newest = self.wanted(parameter, now) or parameter.value
        if word == "type":
            return Edit(parameter.name, written(newest, exactly=True))
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
                self._set(parameter, choices[int(index)], now)
        elif word == "undo":
            self._asked.pop(parameter.name, None)
            self._refuse(parameter.name, self.wheel.undo(parameter.name))
        return None

    def _set(self, parameter: Parameter, text: str, now: float) -> None:
        if text:
            self._changes += 1
            self._asked[parameter.name] = text, now
            self._give(parameter.name, text)

    def _give(self, name: str, text: str) -> None:
        try:
            self._refuse(name, self.wheel.change(name, json.loads(text)))
        except (ValueError, RecursionError):  # a choice that is no JSON text
            self._refuse(name, "the calculation does not say what it means")

    def _refuse(self, name: str, why: str) -> None:
        """Say why it cannot be; nothing takes back what was said."""
        self._changes += 1
        self.refusals.pop(name, None)
        if why:
            self.refusals[name] = one_line(why.removeprefix(f"{name} "))
            self._asked.pop(name, None)


def has_slider(parameter: Parameter) -> bool:
    """Whether it is a number between two bounds."""
    return (
        parameter.kind in ("float", "int")
        and 0 < parameter.maximum - parameter.minimum < math.inf
    )


def written(text: str, *, exactly: bool = False) -> str:
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
