"""What passed during a cut, from the messages around it."""

from __future__ import annotations

import pytest

from async_plot.views.absence import Absence, Cuts
from async_plot.wire.messages import Frame, Log, Message, State, Stats, Welcome

WELCOME = Welcome("r", "n", 1, "h", "3.11", 0.0, ["a", "b"], "/", [], 0.01, "keep")
LOST = State("lost", "", 0.0)


def stats(plotter: str, updates: int) -> Stats:
    return Stats(plotter, updates, 0, 0, 0.0, 0.0, 1)


def frame(plotter: str, number: int) -> Frame:
    return Frame(plotter, number, 0.0, False, b"")


def log(number: int) -> Log:
    return Log(0.0, 20, "a", "text", number)


def told(cuts: Cuts, *messages: tuple[float, Message]) -> list[Absence]:
    """What is said of these messages, each with the time when it comes."""
    answers = [cuts.hear(message, at) for at, message in messages]
    return [answer for answer in answers if answer is not None]


def test_what_passed_is_told_once_when_all_is_known() -> None:
    """Updates of all plotters, and the records that the run tells no more."""
    cuts = Cuts()
    begin = [(0.0, WELCOME), (0.0, log(1)), (0.0, stats("a", 5)), (0.0, stats("b", 0))]
    assert told(cuts, *begin, (1.0, frame("a", 7)), (1.0, log(2))) == []
    assert told(cuts, (2.0, LOST), (3.0, LOST)) == []
    back = [(5.5, WELCOME), (5.5, log(1)), (5.5, log(6)), (5.6, log(7))]
    assert told(cuts, *back, (5.7, stats("a", 47))) == []
    assert told(cuts, (5.7, stats("b", 2))) == [Absence(3.5, 42, 3)]
    assert told(cuts, (6.0, stats("a", 99)), (6.0, log(20)), (7.0, WELCOME)) == []


def test_a_second_cut_before_all_is_known_makes_it_longer() -> None:
    """As if there had been one."""
    cuts = Cuts()
    assert told(cuts, (0.0, WELCOME), (0.0, stats("a", 1)), (1.0, LOST)) == []
    assert told(cuts, (2.0, WELCOME), (2.0, stats("a", 3)), (2.5, LOST)) == []
    again = told(cuts, (9.0, WELCOME), (9.0, stats("a", 4)), (9.0, stats("b", 0)))
    assert again == [Absence(8.0, 3, 0)]


@pytest.mark.parametrize(
    ("absence", "text"),
    [
        (Absence(3.04, 41, 0), "3.0 s without connection: 41 updates passed"),
        (
            Absence(30.2, 1, 2),
            "30 s without connection: 1 update and 2 log records passed",
        ),
        (Absence(600.0, 0, 0), "10 min without connection: nothing was missed"),
    ],
)
def test_it_is_said_in_a_sentence(absence: Absence, text: str) -> None:
    """As a person would."""
    assert str(absence) == text
