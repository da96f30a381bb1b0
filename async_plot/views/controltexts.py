"""Steering as text: how a run stands, what a button does, a parameter's value.

Knows no pen, so that any view can say the same.
"""

from __future__ import annotations

import math

from ..wire.steering import Parameter
from .controls import Controls, written
from .wording import one_line, span, value

__all__ = [
    "AGAIN",
    "HINTS",
    "bounds",
    "describe",
    "quantity",
    "standing",
    "told",
    "words",
]


# What a button does, said where the mouse is over it.
HINTS = {
    "pause": "pause at the next checkpoint; with shift: also when this view is closed",
    "resume": "go on",
    "step": "go on to the next checkpoint",
    "stop": "end at the next checkpoint, asks again",
    "interrupt": "as Ctrl-C in its terminal, asks again",
}
AGAIN = {
    "stop": "click again to stop the run",
    "interrupt": "click again to interrupt the run",
}


def standing(controls: Controls, now: float, *, short: bool = False) -> tuple[str, str]:
    """How a steered run stands: a name of its colour, and a few words.

    Empty where it simply runs.
    """
    wheel = controls.wheel
    if controls.ended or wheel.state in ("", "running"):
        return "", ""
    if wheel.state == "stopping":
        return "stopped", "stopping"
    if wheel.state != "paused":
        return "paused", one_line(wheel.state)
    by = one_line(wheel.by.partition(",")[0])[:40]
    who = f" by {by}" if by and not short else ""
    return "paused", f"paused{who} {span(now - controls.since)}"


def told(controls: Controls, now: float) -> tuple[object, ...]:
    """All that a drawing of the rows tells; equal means that none is needed."""
    return (
        controls.revision,
        controls.armed(now),
        controls.line(now),
        int(now - controls.since) if controls.wheel.paused else 0,
        controls.ended,
    )


def words(controls: Controls) -> list[tuple[str, str]]:
    """Tell the parameters as text, as `async_plot.views.strip.words` does."""
    pieces = []
    for parameter in controls.shown[:8]:
        text = f"{one_line(parameter.name)} {quantity(parameter, parameter.value)}"
        if parameter.wanted:
            text += f" → {quantity(parameter, parameter.wanted)}"
        pieces.append((text, "ink"))
    return pieces


def quantity(parameter: Parameter, text: str) -> str:
    """Write a value with its unit."""
    unit = one_line(parameter.unit)[:20]
    told = written(text)[:60]
    return f"{told} {unit}" if unit else told


def bounds(parameter: Parameter) -> str:
    """Write the bounds of a number: ``0 to 1``, ``at least 0``."""
    low, high = parameter.minimum, parameter.maximum
    if math.isfinite(low) and math.isfinite(high):
        return f"{value(low)} to {value(high)}"
    if math.isfinite(low):
        return f"at least {value(low)}"
    return f"at most {value(high)}" if math.isfinite(high) else ""


def describe(parameter: Parameter) -> str:
    """Say of a parameter all that its row may have no room for."""
    parts = [one_line(parameter.name), one_line(parameter.text), bounds(parameter)]
    if parameter.kind == "choice":
        parts.append(" | ".join(map(written, parameter.choices))[:200])
    parts.append(f"default {quantity(parameter, parameter.default)}")
    return "; ".join(part for part in parts if part)
