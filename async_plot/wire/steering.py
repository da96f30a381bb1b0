"""The messages of steering: what a view asks of a calculation, and how that stands.

Whoever steers holds `Right.CONTROL`. Each command is also told to all views as a `Log`
record of the logger `LOGGER`, with who gave it. Knows no bytes, socket or clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .lanes import Lane

__all__ = ["ACTIONS", "KINDS", "LOGGER", "Parameter", "Steer", "Steering"]

LOGGER = "async_plot.steering"

# What may be asked; "renew" keeps a pause going, "set" and "undo" are of parameters.
ACTIONS = ("pause", "renew", "step", "resume", "stop", "interrupt", "set", "undo")

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
        How many checkpoints were passed, about; 0: nothing of it can take effect yet.
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
        The values of a choice.
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
