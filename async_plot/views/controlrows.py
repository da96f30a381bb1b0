"""Rows of the strip that steer a run: buttons, and a row for each parameter.

What can be clicked is a region whose action is one of those of `Controls.act`. Knows
no window and no network.
"""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.path import Path

from ..wire.steering import Parameter
from .controls import FEW, Controls, has_slider, written
from .controltexts import AGAIN, HINTS, bounds, describe, quantity
from .jobbars import PAD
from .jobrows import Row
from .pen import Pen
from .wording import count, one_line

__all__ = ["HEIGHT", "LOW", "plan"]

HEIGHT = 25  # pixels of the row of buttons
LOW = 21  # of a parameter's

_GAP = 12.0


def plan(controls: Controls, width: float, room: float, now: float) -> list[Row]:
    """Choose the rows that there is room for.

    Parameters
    ----------
    controls : Controls
    width, room : float
        Pixels of an ordinary screen that there are, across and down.
    now : float
        Seconds, on the clock of `controls`.
    """
    rows = []
    if controls.may or len(controls.wheel.parameters) > FEW:
        rows.append(Row(HEIGHT, 0, lambda pen, y: _draw_buttons(pen, controls, y, now)))
    shown = controls.shown
    room = min(max(room, 0.0), 1e6) + 0.5  # pixels are whole, sizes in inches are not
    fit = max(0, int((room - HEIGHT * len(rows)) // LOW))
    if len(shown) <= fit:
        return rows + [Row(LOW, 0, _parameter(controls, each, now)) for each in shown]
    if fit:
        rows += [Row(LOW, 0, _parameter(controls, p, now)) for p in shown[: fit - 1]]
        rows.append(Row(LOW, 0, _note(f"+ {count(len(shown) - fit + 1)} more")))
    return rows


# -- buttons -----------------------------------------------------------------------


def _draw_buttons(pen: Pen, controls: Controls, y: float, now: float) -> None:
    """Draw what can be done, and at the right what was done, or could be."""
    x = PAD
    if controls.may:
        first = "resume" if controls.is_held else "pause"
        wide = pen.width >= 560
        for action in (first, "step", "stop", "interrupt"):
            x = _button(pen, controls, action, x, y, now, wide) + 6
        x += _GAP - 6
    right = pen.width - PAD
    if controls.wheel.parameters:
        right = _fold(pen, controls, x, right, y) - _GAP
    armed = controls.armed(now)
    # Without buttons it stands among the log records alone.
    text, failed = controls.line(now) if controls.may else ("", False)
    kind = "alarm" if failed else "ink"
    if armed:
        text, kind = AGAIN[armed], "alarm"
    elif controls.pointed and (controls.pointed_first or not text):
        text, kind = controls.pointed, "faint"
    if right - x > 20:
        pen.text(x, y, pen.elide(one_line(text), right - x), colour=pen.colours[kind])


def _button(
    pen: Pen,
    controls: Controls,
    action: str,
    x: float,
    y: float,
    now: float,
    wide: bool,
) -> float:
    """Draw one button; return where it ends."""
    why = controls.why_not(action)
    armed = controls.armed(now) == action
    label = f"{action}?" if armed else action
    size = 26.0 + (pen.measure(f"{action}?" if wide else "") + 4 if wide else 0)
    colours = pen.colours
    ink = colours["ink"]
    if why:
        ink = colours["idle"]
    elif armed:
        ink = colours["on_pill"]
    ground = colours["well"]
    if armed:
        ground = colours["alarm"]
    elif action == "resume":
        ground, ink = colours["states"]["paused"][1], colours["on_pill"]
    if why and action != "resume":
        ground = colours["ground"]
    pen.box(x, y, size, 19, ground, edge=colours["rule"])
    _ICONS[action](pen, x + 13, y, ink)
    if wide:
        pen.text(x + 24, y, label, colour=ink)
    hint = f"{action}: {HINTS[action]}"
    if why:
        hint = f"{action}: {why}"
    pen.region(x, x + size, y, HEIGHT, "" if why else action, hint=hint)
    return x + size


def _fold(pen: Pen, controls: Controls, left: float, right: float, y: float) -> float:
    """Draw what folds the parameters up; return where it begins."""
    total = len(controls.wheel.parameters)
    text = f"{count(total)} parameter{'s' if total > 1 else ''}"
    mark = "▾" if controls.shown else "▸"
    if right - left < pen.measure(text) + 120:
        text = count(total)
    x = right - pen.measure(f"{mark} {text}")
    if x < left:
        return right
    pen.text(x, y, f"{mark} {text}", colour=pen.colours["link"])
    pen.region(x - 6, right + 6, y, HEIGHT, "parameters")
    return x


def _draw_pause(pen: Pen, x: float, y: float, colour: str) -> None:
    pen.block(x - 4, x - 1.5, y, 9, colour)
    pen.block(x + 1.5, x + 4, y, 9, colour)


def _draw_resume(pen: Pen, x: float, y: float, colour: str) -> None:
    _triangle(pen, x - 3, y, 7.5, colour)


def _draw_step(pen: Pen, x: float, y: float, colour: str) -> None:
    _triangle(pen, x - 5, y, 6.5, colour)
    pen.block(x + 2.5, x + 4.5, y, 9, colour)


def _draw_stop(pen: Pen, x: float, y: float, colour: str) -> None:
    pen.block(x - 4, x + 4, y, 8, colour)


def _draw_interrupt(pen: Pen, x: float, y: float, colour: str) -> None:
    pen.line([x - 3.5, x + 3.5], [y - 3.5, y + 3.5], colour, 2.0)
    pen.line([x - 3.5, x + 3.5], [y + 3.5, y - 3.5], colour, 2.0)


_ICONS: dict[str, Callable[[Pen, float, float, str], None]] = {
    "pause": _draw_pause,
    "resume": _draw_resume,
    "step": _draw_step,
    "stop": _draw_stop,
    "interrupt": _draw_interrupt,
}


# -- parameters --------------------------------------------------------------------


def _parameter(
    controls: Controls, parameter: Parameter, now: float
) -> Callable[[Pen, float], None]:
    return lambda pen, y: _draw_parameter(pen, controls, parameter, y, now)


def _draw_parameter(
    pen: Pen, controls: Controls, parameter: Parameter, y: float, now: float
) -> None:
    """Draw name, what changes it, value, and what is to be known of it."""
    colours, number = pen.colours, parameter.order
    first = PAD + 14 + min(170.0, max(56.0, 0.22 * pen.width))
    right = pen.width - PAD
    hint = describe(parameter)
    name = pen.elide(one_line(parameter.name), first - PAD - 8)
    pen.text(PAD, y, name)
    pen.region(0, pen.width, y, LOW, "", hint=hint)
    may = controls.may
    if may and parameter.undo > 0 and right - first > 60:
        right -= 12
        pen.text(right, y, "↶", colour=colours["link"])
        pen.region(right - 8, pen.width, y, LOW, f"undo {number}", hint="undo")
        right -= _GAP - 2
    elif may:
        right -= _GAP + 10  # so that what stands before it stays where it is
    wanted = controls.wanted(parameter, now)
    x, said = first, False
    zone = min(220.0, 0.42 * (right - first))
    if may and zone >= 40:
        x, said = _draw_handle(pen, controls, parameter, first, zone, y, now)
    value_at = x
    if not said and x < right:
        text = pen.elide(quantity(parameter, parameter.value), right - x)
        x = pen.text(x, y, text, colour=colours["ink"], bold=True)
        if wanted and wanted != parameter.value and right - x > 40:
            text = pen.elide(f" → {quantity(parameter, wanted)}", right - x)
            x = pen.text(x, y, text, colour=colours["warning"], bold=True)
    if may and parameter.kind in ("float", "int", "string"):
        action = f"type {number}"
        pen.region(value_at - 5, x + 5, y, LOW, action, hint=f"type a value; {hint}")
    refusal = controls.refusals.get(parameter.name, "")
    more = refusal or (parameter.text or bounds(parameter))
    if more and right - x - _GAP > 40:
        colour = colours["alarm" if refusal else "faint"]
        x += _GAP
        pen.text(x, y, pen.elide(one_line(more), right - x), colour=colour)


def _draw_handle(
    pen: Pen,
    controls: Controls,
    parameter: Parameter,
    x: float,
    zone: float,
    y: float,
    now: float,
) -> tuple[float, bool]:
    """Draw what changes the value; return where it ends, and if it tells the value."""
    colours, number = pen.colours, parameter.order
    newest = controls.wanted(parameter, now) or parameter.value
    if parameter.kind == "bool":
        on = newest == "true"
        ground = colours["states"]["running"][1] if on else colours["idle"]
        pen.bar(x, x + 26, y, 13, ground)
        pen.disc(x + (19.5 if on else 6.5), y, 5, colours["ground"])
        pen.region(x - 4, x + 70, y, LOW, f"flip {number}", hint=describe(parameter))
        return x + 36, False
    if parameter.kind == "choice":
        return _draw_choices(pen, parameter, newest, x, y)
    if parameter.kind not in ("int", "float"):
        return x, False
    if has_slider(parameter):
        _draw_slider(pen, controls, parameter, newest, x + 6, x + zone - 6, y)
        return x + zone + 10, False
    for word, sign in (("less", "\N{MINUS SIGN}"), ("more", "+")):
        pen.box(x, y, 20, 15, colours["well"], edge=colours["rule"])
        at = x + 10 - pen.measure(sign, bold=True) / 2
        pen.text(at, y, sign, colour=colours["link"], bold=True)
        pen.region(x - 2, x + 22, y, LOW, f"{word} {number}", hint=describe(parameter))
        x += 24
    return x + 6, False


def _draw_slider(
    pen: Pen,
    controls: Controls,
    parameter: Parameter,
    newest: str,
    x0: float,
    x1: float,
    y: float,
) -> None:
    colours = pen.colours
    knob = x0 + (x1 - x0) * controls.share(parameter, newest)
    used = x0 + (x1 - x0) * controls.share(parameter, parameter.value)
    pen.bar(x0 - 2, x1 + 2, y, 4, colours["trough"])
    pen.bar(x0 - 2, used, y, 4, colours["link"])
    if newest != parameter.value:
        pen.block(used - 1, used + 1, y, 9, colours["link"])
    colour = colours["warning" if newest != parameter.value else "link"]
    pen.disc(knob, y, 7, colours["ground"])
    pen.disc(knob, y, 5.5, colour)
    pen.region(
        x0 - 8, x1 + 8, y, LOW, f"drag {parameter.order}", hint=describe(parameter)
    )
    pen.regions[-1] = pen.regions[-1].within(x0 * pen.ratio, x1 * pen.ratio)


def _draw_choices(
    pen: Pen, parameter: Parameter, newest: str, x: float, y: float
) -> tuple[float, bool]:
    """Draw all choices if they fit, else one that leads to the next."""
    colours, number = pen.colours, parameter.order
    texts = [written(each)[:40] for each in parameter.choices]
    here, used = (_place(parameter, text) for text in (newest, parameter.value))
    room = 0.6 * (pen.width - PAD - x)
    if sum(pen.measure(text) + 18 for text in texts) <= room:
        for index, text in enumerate(texts):
            size = pen.measure(text) + 14
            ground, ink = colours["well"], colours["ink"]
            if index in (here, used):  # the one that waits for a checkpoint stands out
                ground = colours["link" if index == used else "warning"]
                ink = colours["on_pill"]
            pen.box(x, y, size, 16, ground, edge=colours["rule"])
            pen.text(x + 7, y, text, colour=ink)
            action = f"choose {number} {index}"
            pen.region(x - 2, x + size + 2, y, LOW, action, hint=describe(parameter))
            x += size + 4
        return x - 4, True
    for step, mark in ((-1, "◂"), (1, "▸")):
        pen.box(x, y, 20, 15, colours["well"], edge=colours["rule"])
        at = x + 10 - pen.measure(mark, bold=True) / 2
        pen.text(at, y, mark, colour=colours["link"], bold=True)
        action = f"choose {number} {(here + step) % max(1, len(texts))}"
        pen.region(x - 2, x + 22, y, LOW, action, hint=describe(parameter))
        x += 24
    return x + 6, False


def _place(parameter: Parameter, text: str) -> int:
    """Which of its choices a value is; -1 for none of them."""
    return parameter.choices.index(text) if text in parameter.choices else -1


def _note(text: str) -> Callable[[Pen, float], None]:
    def draw(pen: Pen, y: float) -> None:
        pen.text(PAD, y, text, colour=pen.colours["faint"])

    return draw


def _triangle(pen: Pen, x: float, y: float, size: float, colour: str) -> None:
    half = 0.72 * abs(size)
    corners = [(x, y - half), (x, y + half), (x + size, y), (x, y - half)]
    pen.fill(Path(corners, closed=True), colour)
