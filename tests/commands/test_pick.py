"""Which run is meant: the only one, the one that somebody picks, or none."""

from __future__ import annotations

import io
from contextlib import ExitStack

import pytest

from async_plot import Server, cli
from async_plot.commands import Misuse, pick
from async_plot.errors import RunNotFoundError
from async_plot.net import runs


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


class Impatient(Terminal):
    """Somebody who presses Ctrl-C."""

    def readline(self, *args: object) -> str:
        raise KeyboardInterrupt


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch):
    """Type an answer, and pick; the name of the run, and what was asked."""

    def answer(text: str | Terminal) -> tuple[str, str]:
        screen = Terminal()
        typing = Terminal(text) if isinstance(text, str) else text
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdin", typing)
            patch.setattr("sys.stderr", screen)
            try:
                return pick.pick(runs.list_runs()).name, screen.getvalue()
            except KeyboardInterrupt:
                return "", screen.getvalue()

    return answer


@pytest.fixture
def several():
    """Three runs that are alive, the newest last, and one that has ended."""
    with ExitStack() as stack:
        Server(view=None, name="ended").start().close()
        for name in ("first", "second\x1b[2J", "third"):
            stack.enter_context(Server(view=None, name=name))
        yield


def test_the_only_one_alive_is_meant() -> None:
    """Also if a newer one has ended; without any alive, the newest."""
    with pytest.raises(RunNotFoundError, match="no run of this user"):
        pick.pick(runs.list_runs())
    with Server(view=None, name="alive"):
        Server(view=None, name="ended").start().close()
        assert pick.pick(runs.list_runs()).name == "alive"
    assert pick.pick(runs.list_runs()).name == "ended"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("\n", "third"),
        ("1\n", "third"),
        (" 3 \n", "first"),
        ("0\nx\n4\n²\n3\n", "first"),
    ],
)
def test_of_several_one_is_picked_by_number(
    text: str, name: str, typed, several
) -> None:
    """Enter is the newest; what is no number of the list is asked again."""
    chosen, asked = typed(text)
    assert chosen == name
    assert asked.count("Which one, 1 to 3?") == text.count("\n")


def test_the_list_tells_them_apart(typed, several) -> None:
    """By name, state, age, host and identifier, without what steers a terminal."""
    listed = typed("\n")[1].splitlines()
    assert listed[0].split() == ["NAME", "STATE", "AGE", "HOST", "RUN"]
    newest = runs.list_runs()[0]
    assert listed[1].split()[:3] == ["1", "third", "running"]
    assert listed[1].split()[-2:] == [newest.host, newest.run]
    assert "\x1b" not in "".join(listed) and "ended" not in "".join(listed)
    assert len(listed) == 5


@pytest.mark.parametrize("answer", ["", Impatient()])
def test_no_answer_ends_it(answer: str | Terminal, typed, several) -> None:
    """Ctrl-D and Ctrl-C leave the cursor at the beginning of a line."""
    chosen, asked = typed(answer)
    assert not chosen and asked.endswith("[1] \n")


def test_nobody_to_ask_is_misuse(several, capsys: pytest.CaptureFixture[str]) -> None:
    """The list is printed, and no run is taken silently."""
    with pytest.raises(Misuse, match="3 runs are alive"):
        pick.pick(runs.list_runs())
    assert cli.main(["view", "--save", "x.png"]) == 2
    out, err = capsys.readouterr()
    assert not out and "third" in err and "first" in err
    assert err.splitlines()[-1].startswith("async-plot: 3 runs are alive")
