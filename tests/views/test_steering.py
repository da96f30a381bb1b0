"""What a view knows of steering, and what it asks for; without window or connection."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from async_plot.views.steering import RECENT, RENEW, Wheel, read
from async_plot.wire.messages import Log, Parameter, State, Stats, Steering, Welcome

WELCOME = Welcome("r", "n", 1, "h", "3.11", 0.0, [""], "/", [], 0.01, "keep")
DT = Parameter("dt", 2, "float", "0.1", "", "0.1", 0.0, 1.0, "s", "Step.", [], 0)
RUNNING = Steering("running", 5.0, "", False, 3, "")
PAUSED = dataclasses.replace(RUNNING, state="paused", by="anna@box, top")


class Given:
    """Commands that were given, in the place of a client."""

    def __init__(self) -> None:
        self.commands: list[tuple[Any, ...]] = []
        self.connected = True

    def __call__(self, *command: Any, hold: bool = False) -> bool:
        self.commands.append((*command, *(["hold"] if hold else [])))
        return self.connected


@pytest.fixture
def given() -> Given:
    return Given()


@pytest.fixture
def wheel(given: Given) -> Wheel:
    wheel = Wheel(given)
    for message in (WELCOME, RUNNING, DT):
        wheel.hear(message, 0.0)
    return wheel


def test_it_knows_what_it_has_heard(wheel: Wheel) -> None:
    """The newest of each."""
    wheel.hear(dataclasses.replace(DT, name="first", order=1), 0.0)
    wheel.hear(dataclasses.replace(DT, wanted="0.5"), 0.0)
    assert [each.name for each in wheel.parameters] == ["first", "dt"]
    assert wheel.parameter("dt").wanted == "0.5"
    assert wheel.parameter("dx") is None
    assert (wheel.state, wheel.since, wheel.checkpoints) == ("running", 5.0, 3)
    before = wheel.revision
    wheel.hear(Stats("", 1, 1, 0, 0.0, 1.0, 1), 0.0)
    assert wheel.revision == before
    wheel.hear(PAUSED, 0.0)
    assert wheel.revision > before
    wheel.forget()
    assert (wheel.state, wheel.parameters) == ("", [])


@pytest.mark.parametrize(
    ("state", "changes", "words"),
    [
        ("running", {}, ""),
        ("pausing", {}, "pausing by anna, at the next checkpoint"),
        ("pausing", {"checkpoints": 0}, "pausing by anna, when it comes to a first"),
        ("paused", {}, "paused by anna"),
        ("paused", {"hold": True}, "paused by anna, until somebody resumes it"),
        ("paused", {"by": ""}, "paused"),
        ("stepping", {}, "takes one step"),
        ("stopping", {}, "stopping by anna, at the next checkpoint"),
    ],
)
def test_it_says_how_the_run_stands(
    wheel: Wheel, state: str, changes: dict[str, Any], words: str
) -> None:
    """In the same words for each view."""
    told = dataclasses.replace(PAUSED, **{"state": state, "by": "anna", **changes})
    wheel.hear(told, 0.0)
    assert wheel.words().startswith(words)
    assert bool(wheel.words()) == bool(words)
    assert wheel.paused == (state in ("pausing", "paused", "stepping"))
    wheel.hear(State("interrupted", "", 9.0), 0.0)
    assert (wheel.words(), wheel.paused) == ("", False)


def test_the_newest_command_stands_for_a_while(wheel: Wheel) -> None:
    """Other records of the log are none of it."""
    wheel.hear(Log(1.0, 20, "async_plot.steering", "paused by anna"), 50.0)
    wheel.hear(Log(1.0, 20, "solver", "converged"), 51.0)
    assert wheel.line(50.0 + RECENT - 0.1) == "paused by anna"
    assert wheel.line(50.0 + RECENT) == ""


def test_a_pause_is_renewed_until_it_is_over(wheel: Wheel, given: Given) -> None:
    """Not before the run has said that it is, nor by a view that did not ask."""
    wheel.hear(PAUSED, 0.0)
    assert wheel.tick(1.0) == math.inf
    wheel.hear(RUNNING, 1.0)
    assert wheel.pause(10.0) == ""
    wheel.hear(RUNNING, 10.1)  # which was said before the pause was heard of
    wheel.hear(dataclasses.replace(PAUSED, state="pausing"), 10.2)
    assert wheel.tick(10.0 + RENEW - 0.1) == 10.0 + RENEW
    assert given.commands == [("pause", "", "")]
    assert wheel.tick(10.0 + RENEW) == 10.0 + 2 * RENEW
    wheel.hear(dataclasses.replace(PAUSED, state="stepping"), 16.0)
    given.connected = False  # a cut: it may be there again in time
    wheel.tick(10.0 + 2 * RENEW)
    assert given.commands[1:] == [("renew",), ("renew",)]
    wheel.hear(RUNNING, 21.0)  # somebody else resumed it, or the lease ran out
    assert wheel.tick(100.0) == math.inf
    assert len(given.commands) == 3


@pytest.mark.parametrize("hold", [False, True])
def test_what_is_resumed_or_held_is_not_renewed(
    wheel: Wheel, given: Given, hold: bool
) -> None:
    """A pause that is held needs none."""
    wheel.pause(10.0, hold=hold)
    wheel.hear(PAUSED, 10.1)
    if not hold:
        assert wheel.resume() == ""
    assert wheel.tick(100.0) == math.inf
    assert given.commands[0] == ("pause", "", "", "hold") if hold else ("pause", "", "")


def test_commands_are_given_as_they_are(wheel: Wheel, given: Given) -> None:
    """Each by its name."""
    wheel.hear(dataclasses.replace(DT, undo=1), 0.0)
    wheel.hear(PAUSED, 0.0)
    assert not any(
        (
            wheel.step(),
            wheel.change("dt", 0.5),
            wheel.undo("dt"),
            wheel.interrupt(),
            wheel.stop(),
        )
    )
    assert given.commands == [
        ("step", "", ""),
        ("set", "dt", 0.5),
        ("undo", "dt", ""),
        ("interrupt", "", ""),
        ("stop", "", ""),
    ]
    given.connected = False
    assert wheel.resume() == "there is no connection"


def test_what_cannot_be_done_is_not_asked_for(wheel: Wheel, given: Given) -> None:
    """And says why, for a view to show."""
    assert wheel.step() == wheel.resume() == "it is not paused"
    assert wheel.undo("dt") == "nothing was changed"
    assert wheel.undo("dx") == wheel.change("dx", 1) == "there is no parameter 'dx'"
    assert wheel.change("dt", 2) == "dt must be a finite number from 0 to 1, not 2"
    wheel.hear(dataclasses.replace(RUNNING, interrupt="SIGINT is ignored"), 0.0)
    assert wheel.interrupt() == "SIGINT is ignored"
    wheel.hear(dataclasses.replace(RUNNING, state="stopping"), 0.0)
    assert wheel.pause(0.0) == wheel.stop() == wheel.step() == "it is stopping"
    assert wheel.refusal("resume") == ""
    wheel.hear(State("finished", "", 9.0), 0.0)
    assert wheel.pause(0.0) == wheel.interrupt() == "the run has ended"
    assert given.commands == []


def test_a_view_that_may_only_look_gives_no_command() -> None:
    """It knows how the run stands."""
    wheel = Wheel()
    wheel.hear(PAUSED, 0.0)
    assert not wheel.control
    assert wheel.words() == "paused by anna@box, top"
    assert wheel.resume() == "this view may only look"
    assert wheel.tick(1e9) == math.inf


def test_a_run_that_says_nothing_of_it_cannot_be_steered(given: Given) -> None:
    """Such as a recording's."""
    assert Wheel(given).pause(0.0) == "nothing is known of the run"
    assert given.commands == []


def test_a_cut_is_not_the_end(wheel: Wheel, given: Given) -> None:
    """A run that is lost may be there again."""
    wheel.hear(State("lost", "", 9.0), 0.0)
    given.connected = False
    assert wheel.pause(0.0) == "there is no connection"
    wheel.hear(State("failed", "", 9.0), 0.0)
    wheel.hear(WELCOME, 0.0)
    assert wheel.refusal("pause") == ""


KINDS = {
    "float": DT,
    "int": dataclasses.replace(DT, kind="int", maximum=1e9),
    "bool": dataclasses.replace(DT, kind="bool"),
    "choice": dataclasses.replace(DT, kind="choice", choices=['"up"', "2", "true"]),
    "string": dataclasses.replace(DT, kind="string"),
}


@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [
        ("float", " 5e-1 ", 0.5),
        ("float", ".5", 0.5),
        ("float", "1", 1.0),
        ("int", "1e3", 1000),
        ("int", "+7", 7),
        ("int", "123456789", 123456789),
        ("bool", "Yes", True),
        ("bool", "off", False),
        ("choice", "up", "up"),
        ("choice", "2", 2),
        ("choice", "True", True),
        ("string", " as it is ", " as it is "),
    ],
)
def test_what_people_type_is_read(kind: str, typed: str, value: Any) -> None:
    """More kindly than JSON is."""
    found = read(KINDS[kind], typed)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("float", "fast"),
        ("float", "nan"),
        ("float", ""),
        ("float", "2"),
        ("int", "0.5"),
        ("int", "²"),
        ("bool", "maybe"),
        ("choice", "down"),
        ("string", "x" * 1000),
    ],
)
def test_what_cannot_be_read_says_what_would_be_accepted(kind: str, typed: str) -> None:
    """As the calculation would."""
    with pytest.raises(ValueError, match="must be"):
        read(KINDS[kind], typed)
