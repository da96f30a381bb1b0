"""What a worker says, cut down to what a calculation takes of it.

A worker runs the user's code, maybe on a machine of many users: its texts, numbers and
lists are bounded here, once, before anybody keeps or shows them. Pure.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any, TypeVar

from ..wire.messages import Message

__all__ = ["bound"]

# Characters of a text that is not named below. All texts of a message together fit
# into what a worker may say at once, whatever they are written in.
TEXT = 200
LONGER = {
    "trace": 50_000,
    "text": 8192,
    "doc": 4096,
    "argument": 1000,
    "call": 1000,
    "caller": 1000,
    "file": 1000,
    "function": 1000,
    "postfix": 1000,
}
NUMBERS = 16  # entries of a list
POINTS = 200  # scalars of one point

M = TypeVar("M", bound=Message)


def bound(message: M) -> M:
    """Give the same message with nothing in it that is too long or no number.

    Examples
    --------
    >>> from async_plot.wire.messages import Log
    >>> bound(Log(0.0, 20, "solver", 10_000 * "!")).text == 8192 * "!"
    True
    """
    values: dict[str, Any] = {}
    for field in fields(message):
        value = getattr(message, field.name)
        if type(value) is str:
            value = value[: LONGER.get(field.name, TEXT)]
        elif type(value) is float and field.name not in ("remaining", "step"):
            value = value if math.isfinite(value) else 0.0
        elif type(value) is list:
            most = POINTS if field.name in ("names", "values") else NUMBERS
            value = [v[:TEXT] if type(v) is str else v for v in value[:most]]
        values[field.name] = value
    return type(message)(**values)
