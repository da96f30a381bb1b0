"""The messages of steering: what a view asks of a calculation, and how that stands.

Whoever steers holds `Right.CONTROL`. Each command is also told to all views as a `Log`
record of the logger `LOGGER`, with who gave it. Knows no bytes, socket or clock.
"""

from __future__ import annotations

import json
import math
import numbers
from dataclasses import dataclass
from typing import Any, ClassVar

from .lanes import Lane

__all__ = ["ACTIONS", "KINDS", "LOGGER", "LONGEST", "Parameter", "Steer", "Steering"]

LOGGER = "async_plot.steering"

# What may be asked; "renew" keeps a pause going, "set" and "undo" are of parameters.
ACTIONS = ("pause", "renew", "step", "resume", "stop", "interrupt", "set", "undo")

LONGEST = 1000  # characters of a value, as it is said

KINDS = ("float", "int", "bool", "choice", "string")


@dataclass(frozen=True, slots=True)
class Steering:
    """How a calculation is steered. Newest lane.

    Attributes
    ----------
    state : str
        ``"running"``, ``"pausing"`` (at the next checkpoint), ``"paused"``,
        ``"stepping"`` (until the next checkpoint) or ``"stopping"``.
    since : float
        Since when, seconds since the epoch.
    by : str
        Who gave the command that led to it; empty if nobody did.
    hold : bool
        A pause that nobody needs to renew.
    checkpoints : int
        How many checkpoints were passed, at the least: they are seen now and then; 0:
        nothing of it can take effect yet.
    interrupt : str
        Why the calculation cannot be interrupted; empty if it can.
    """

    code: ClassVar[int] = 64
    lane: ClassVar[Lane] = Lane.NEWEST

    state: str
    since: float
    by: str
    hold: bool
    checkpoints: int
    interrupt: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that views may change. Newest lane, one key for each parameter.

    Values are JSON texts: ``0.01``, ``3``, ``true``, ``"upwind"``.

    Attributes
    ----------
    name : str
        What it is called.
    order : int
        Which of the run's parameters, from 1.
    kind : str
        One of `KINDS`.
    value, wanted, default : str
        As it is used; as it will be used from the next checkpoint on, empty if that is
        the same; as the calculation gave it.
    minimum, maximum : float
        Bounds of a number; infinite where there is none.
    unit, text : str
        Its unit; what it is, in a sentence.
    choices : list of str
        The values of a choice, as JSON texts.
    undo : int
        How many changes can be taken back.
    """

    code: ClassVar[int] = 65
    lane: ClassVar[Lane] = Lane.NEWEST
    key: ClassVar[str] = "name"

    name: str
    order: int
    kind: str
    value: str
    wanted: str
    default: str
    minimum: float
    maximum: float
    unit: str
    text: str
    choices: list[str]
    undo: int

    @property
    def accepted(self) -> str:
        """What a value must be, for people."""
        if self.kind == "bool":
            return "true or false"
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        if self.kind == "string":
            return f"a text of at most {LONGEST} characters"
        what = "an integer" if self.kind == "int" else "a finite number"
        low, high = math.isfinite(self.minimum), math.isfinite(self.maximum)
        if low and high:
            return f"{what} from {self.minimum:g} to {self.maximum:g}"
        if low:
            return f"{what} not below {self.minimum:g}"
        if high:
            return f"{what} not above {self.maximum:g}"
        return what

    def parse(self, said: str) -> float | int | bool | str:
        """Value that a JSON text says, in this parameter's type.

        Raises
        ------
        ValueError
            If it can be none of its values; the text says what would be accepted.
        """
        if len(said) > LONGEST:
            raise ValueError(f"that is longer than {LONGEST} characters")
        try:
            return self.check(json.loads(said))
        except RecursionError:
            raise ValueError(f"must be {self.accepted}") from None
        except json.JSONDecodeError:
            raise ValueError(f"must be {self.accepted}, as a JSON text") from None

    def check(self, value: Any) -> float | int | bool | str:
        """The value in this parameter's type.

        Raises
        ------
        ValueError
            If it cannot have that one; the text says what would be accepted.
        """
        found: float | int | bool | str | None = None
        if self.kind == "choice":
            found = self._chosen(value)
        elif self.kind == "bool":
            found = value if isinstance(value, bool) else None
        elif self.kind == "string":
            if isinstance(value, str) and len(json.dumps(value)) <= LONGEST:
                found = str(value)
        else:
            found = self._number(value)
        if found is None:
            # `ascii` moves no cursor, whoever said it.
            raise ValueError(f"must be {self.accepted}, not {ascii(value)[:40]}")
        return found

    def _chosen(self, value: Any) -> float | int | bool | str | None:
        for text in self.choices:
            each: float | int | bool | str = json.loads(text)
            # True is 1, and 1 is 1.0; the choice is meant, in its own type.
            if each == value and isinstance(each, bool) is isinstance(value, bool):
                return each
        return None

    def _number(self, value: Any) -> float | int | None:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            return None
        try:
            number = float(value)
        except OverflowError:
            return None
        if not math.isfinite(number) or not self.minimum <= number <= self.maximum:
            return None
        if self.kind == "int":
            # Of any kind of number that is one.
            return int(value) if number.is_integer() else None  # type: ignore[call-overload]
        return number


@dataclass(frozen=True, slots=True)
class Steer:
    """A command to the calculation. Kept lane; only from who may control.

    Attributes
    ----------
    action : str
        One of `ACTIONS`.
    name, value : str
        Of ``"set"`` and ``"undo"``, the parameter; of ``"set"``, its value as a JSON
        text. Else empty.
    by : str
        Who gives it, for people: ``"anna@node1, top"``.
    lease : str
        Of ``"pause"`` and ``"renew"``: random text that makes the pause this view's;
        it ends by itself if that is not renewed in time. Empty: it is held until
        somebody ends it.
    """

    code: ClassVar[int] = 72
    lane: ClassVar[Lane] = Lane.KEPT

    action: str
    name: str
    value: str
    by: str
    lease: str
