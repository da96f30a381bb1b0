"""The rows that steer: pictures kept beside this file, what can be clicked there.

``python -m tests.views.test_controlrows`` draws the kept pictures anew; look at them.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from async_plot.views.controls import Controls
from async_plot.views.pen import Region
from async_plot.views.strip import StripState, content, words
from async_plot.views.striprows import strip_height

from . import pictures, said
from .steered import (
    ALL,
    CASES,
    DT,
    NOW,
    SCHEME,
    SCHEMES,
    STEPS,
    command,
    heard,
    parameter,
    steering,
)

SHEETS = [(320, "white"), (640, "white"), (640, "#15181d"), (1200, "white")]


def state(controls: Controls, **changes: Any) -> StripState:
    """A strip that tells little but these."""
    return StripState(name="slit", where="process 7", controls=controls, **changes)


def sheet(width: int, paper: str) -> pictures.Sheet:
    return pictures.Sheet("controls", map(state, CASES.values()), width, paper, NOW)


def regions(controls: Controls, width: int = 640) -> list[Region]:
    return pictures.drawn(state(controls), width, "white", NOW)[1]


def actions(controls: Controls, width: int = 640) -> list[str]:
    return [each.action for each in regions(controls, width) if each.action]


@pytest.mark.parametrize(("width", "paper"), SHEETS)
def test_they_look_as_they_did(width: int, paper: str) -> None:
    """Every case, small and wide, light and dark."""
    sheet(width, paper).compare()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("width", [1, 60, 300, 480, 2000])
def test_nothing_is_drawn_over_something_else(case: str, width: int) -> None:
    """Words are left out or cut before they would overlap, at every width."""
    assert not pictures.overlaps(state(CASES[case]), width, NOW)


def test_what_can_take_effect_can_be_clicked() -> None:
    """And nothing else; what cannot says why where the mouse is."""
    assert actions(heard(steering())) == ["pause", "stop", "interrupt"]
    assert actions(heard(steering("paused"))) == [
        "resume",
        "step",
        "stop",
        "interrupt",
    ]
    assert actions(heard(steering("stopping"))) == ["resume", "interrupt"]
    found = regions(heard(steering(checkpoints=0, interrupt="SIGINT is ignored")))
    assert not any(each.action for each in found)
    pause, _, stop, interrupt = (each.hint for each in found)
    assert "no checkpoint()" in pause and "no checkpoint()" in stop
    assert "SIGINT is ignored" in interrupt


def test_who_may_only_look_has_nothing_to_click() -> None:
    """Nor has a replay, nor a run that has ended; their values are told."""
    looking = heard(steering("paused"), *ALL[:4], may=False)
    assert actions(looking) == []
    assert strip_height(state(looking)) > strip_height(state(Controls()))
    over = heard(steering(), DT)
    over.ended = True
    assert actions(over) == []


def test_a_run_that_is_not_steered_has_no_such_rows() -> None:
    """The strip is as high as it was."""
    assert strip_height(state(Controls())) == strip_height(StripState())


def test_each_kind_has_its_handle() -> None:
    """Sliders have ends, choices have numbers."""
    controls = heard(steering(), *ALL)
    controls.unfolded = True
    found = {each.action: each for each in regions(controls, 900)}
    slider = found["drag 1"]
    assert slider.last > slider.first
    assert {"drag 2", "less 3", "more 3", "flip 4", "choose 5 2", "undo 1"} <= {*found}
    assert {"type 1", "type 2", "type 3", "type 6"} <= {*found}
    assert "type 5" not in found and "undo 2" not in found
    assert "choose 7 1" in found  # the one after it: there is no room for all


def test_many_parameters_are_folded_up_until_somebody_wants_them() -> None:
    """A few are shown by themselves."""
    few, many = heard(steering(), *ALL[:4]), heard(steering(), *ALL)
    assert "drag 1" in actions(few) and "drag 1" not in actions(many)
    assert "parameters" in actions(many)
    many.act("parameters", 0.0, NOW)
    assert "drag 1" in actions(many)
    many.act("parameters", 0.0, NOW)
    assert "drag 1" not in actions(many)


@pytest.mark.parametrize("room", [0, 60, 110, 150])
def test_they_leave_room_for_a_job(room: int) -> None:
    """What has no room is counted."""
    controls = heard(steering(), *ALL)
    controls.unfolded = True
    jobs = said.heard(said.job(), said.bar(), *said.EIGHT)
    told = state(controls, jobs=jobs)
    fixed = strip_height(told, 640, 0, NOW)
    assert fixed <= strip_height(told, 640, room, NOW) <= max(room, fixed)
    _, found = pictures.drawn(told, 640, "white", NOW, room=room)
    names = [each.action for each in found]
    if room >= 110:
        assert "pause" in names and any(name.endswith("fold j") for name in names)


def test_a_paused_run_says_so_in_words() -> None:
    """With who did it and for how long, in its own colour."""
    told = state(heard(steering("paused"), STEPS))
    pieces, _ = words(told, NOW)
    assert pieces[0] == ("paused by anna@node1 2:10", "paused")
    assert ("steps 40 → 60", "ink") in pieces
    assert words(told, NOW + 60)[0][0] == ("paused by anna@node1 3:10", "paused")
    told.state = "finished"
    assert words(told, NOW)[0][0] == ("finished", "finished")


def test_a_paused_run_is_not_told_to_be_stalled() -> None:
    """It gives no frames, which is what was asked for."""
    told = state(heard(steering("paused")), stalled="in checkpoint", stalled_at=NOW - 9)
    assert words(told, NOW)[0][0][0].startswith("paused")


def test_time_alone_draws_it_anew_only_where_time_is_told() -> None:
    """A pause says how long, a command stands for a while."""
    running, paused = (state(heard(steering(each))) for each in ("running", "paused"))
    assert content(running, NOW) == content(running, NOW + 20)
    assert content(paused, NOW) != content(paused, NOW + 2)
    running.controls.hear(command("resumed by anna"), NOW, NOW)
    before = content(running, NOW)
    assert before == content(running, NOW + 5) != content(running, NOW + 20)


@pytest.mark.parametrize(
    "text", ["$\\frac{$", "\x1b[31mred\x00", "a\nb\tc", "漢字", "x" * 5000, ""]
)
def test_any_text_is_drawn(text: str) -> None:
    """What a calculation calls its parameters is no mathematics and no command."""
    controls = heard(
        steering("paused", by=text, interrupt=text),
        parameter(text, text, 1, unit=text, text=text),
        parameter(text + "2", text, 2, choices=[text, "b"], wanted="b"),
    )
    controls.hear(command(text), NOW, NOW)
    controls.refusals[text] = text
    controls.point(text)
    for width in (200, 900):
        assert not pictures.overlaps(state(controls), width, NOW)


@pytest.mark.parametrize("low", [-math.inf, math.nan, 0.0, 1e-300, 5.0, -1e308])
@pytest.mark.parametrize("value", ["", "nan", "1e400", "[[", "0.5"])
def test_any_value_and_any_bounds_are_drawn(value: str, low: float) -> None:
    """A peer may say what it likes."""
    controls = heard(steering())
    for order, high in enumerate((math.inf, math.nan, 1.0, 1e308), 1):
        for kind in ("float", "int", "bool", "choice", "string", "other"):
            odd = parameter(f"{kind} {order}", 1.0, order, minimum=low, maximum=high)
            odd = type(odd)(**{**_fields(odd), "kind": kind, "value": value})
            controls.hear(odd, NOW, 0.0)
    controls.unfolded = True
    for action in actions(controls):
        controls.act(action, 0.3, NOW)
    assert regions(controls)


def _fields(message: Any) -> dict[str, Any]:
    return {name: getattr(message, name) for name in message.__slots__}


def test_a_choice_that_waits_stands_beside_the_one_that_is_used() -> None:
    """Both are marked until a checkpoint takes it."""
    asked = parameter("scheme", "weno", 1, choices=SCHEMES, wanted="upwind")
    before, after = (
        pictures.drawn(state(heard(steering(), each)), 640, "white", NOW)[0]
        for each in (SCHEME, asked)
    )
    assert (before != after).any()


if __name__ == "__main__":
    for each in SHEETS:
        sheet(*each).keep()
