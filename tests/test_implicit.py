"""`map` and `fullscreen` without a server of the user's."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import async_plot
from async_plot.jobs.lines import lines
from async_plot.net import runs, screen, surroundings
from async_plot.net.helm import Asker
from async_plot.net.session import Session
from async_plot.roster import running
from async_plot.wire.messages import Steer

from .ptys import on_terminal


def state(server: async_plot.Server) -> str:
    """How its run has ended."""
    assert server.connection_file is not None
    return runs.read(server.connection_file).state


def steer(server: async_plot.Server, action: str) -> None:
    """Have a view do something."""
    command = Steer(action, "", "", "anna@node1, top", "")
    server._helm.hear(command, Asker("127.0.0.1:1", may=True), 0.0)


def items() -> Iterator[int]:
    yield 1
    raise OSError("the disk")


@pytest.mark.parametrize("sound", [True, False])
def test_its_server_and_its_lines_end_with_the_job(sound: bool) -> None:
    """Also where it ends by an error before the caller has any results."""
    with ThreadPoolExecutor(1) as pool:
        if sound:
            assert list(async_plot.map(abs, [-1, 2], executor=pool)) == [1, 2]
        else:
            with pytest.raises(OSError, match="the disk"):
                list(async_plot.map(abs, items(), executor=pool))
    assert lines.asked == 0
    assert running() is None


# Bars of its own run, or of the one that goes on already; ends as it is asked to.
_FULLSCREEN = """
import sys
from async_plot import Server, fullscreen, roster, tqdm
kind, end = sys.argv[1:]
if kind == "borrowed":
    server = Server(view=None, name="mine").start()
    outer = tqdm(total=3, desc="outer")
with fullscreen() as shown:
    assert (kind == "borrowed") == (shown.name == "mine")
    with fullscreen() as again:  # is there already
        assert again is shown
    print("printed meanwhile")
    with tqdm(total=4, position=(3, 5), desc="cells", bar_format="{desc} {n}") as bar:
        bar.update(4)
        input()
        if end == "raise":
            raise ValueError("as asked for")
if kind == "borrowed":
    assert roster.running() is server
    server.close()
else:
    assert roster.running() is None
print("after")
"""


@pytest.mark.parametrize("kind", ["own", "borrowed"])
def test_a_full_screen_shows_bars_and_goes(kind: str) -> None:
    """At their places; with a last line for each that began within."""
    with on_terminal(_FULLSCREEN, kind, "end") as terminal:
        terminal.until(lambda: terminal.full and "cells" in terminal.lines[5])
        assert terminal.lines[5].startswith("   cells")
        assert kind == "own" or "outer" in terminal.text
        terminal.until(lambda: "printed meanwhile" in terminal.text)
        terminal.type(b"\n")
        assert terminal.wait() == 0
        terminal.until(lambda: not terminal.full and "after" in terminal.text)
        lines = [line for line in terminal.lines if line]
    assert lines[0] == "printed meanwhile"
    [last] = [line for line in lines if line.startswith("cells: 100%")]
    assert "4/4" in last and "outer" not in "".join(lines[:3])


def test_an_exception_leaves_the_full_screen() -> None:
    """As it is, with its traceback below the bars."""
    with on_terminal(_FULLSCREEN, "own", "raise") as terminal:
        terminal.until(lambda: terminal.full and "cells" in terminal.text)
        terminal.type(b"\n")
        assert terminal.wait() == 1
        terminal.until(lambda: "ValueError: as asked for" in terminal.text)
        assert not terminal.full and terminal.text.count("Traceback") == 1


@pytest.fixture
def unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """No view is launched."""
    monkeypatch.setattr(Session, "show_screen", lambda *arguments: None)


@pytest.mark.usefixtures("unseen")
def test_a_full_screen_ends_as_its_block_does() -> None:
    """Not by an exception that is being handled around it."""
    with pytest.raises(KeyError), async_plot.fullscreen() as server:
        raise KeyError
    assert state(server) == "failed"
    try:
        raise KeyError
    except KeyError:
        with async_plot.fullscreen() as server:
            pass
    assert state(server) == "finished"


@pytest.mark.usefixtures("unseen")
def test_a_full_screen_that_is_stopped_lets_the_script_go_on() -> None:
    """If the run is its own; one that it has borrowed ends in its own block."""
    with async_plot.fullscreen() as own:
        steer(own, "stop")
        own.checkpoint()
        pytest.fail("it was not stopped")
    assert state(own) == "stopped"
    with async_plot.Server(view=None) as server:
        with async_plot.fullscreen() as borrowed:
            assert borrowed is server
            steer(server, "stop")
            server.checkpoint()
        pytest.fail("it was not stopped")
    assert state(server) == "stopped"


def test_the_end_of_a_forked_child_leaves_the_full_screen() -> None:
    """It is its parent's, also where the child goes on behind the block."""
    source = """
import os
from async_plot import Server, fullscreen, tqdm
with Server(view=None):
    with fullscreen(), tqdm(total=4, desc="cells") as bar:
        input()
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            bar.update(2)
            input()
    print("child" if child == 0 else "parent")
"""
    with on_terminal(source) as terminal:
        terminal.until(lambda: terminal.full and "cells" in terminal.text)
        terminal.type(b"\n")
        terminal.until(lambda: "child" in terminal.text and "2 / 4" in terminal.text)
        assert terminal.full
        terminal.type(b"\n")
        assert terminal.wait() == 0
        terminal.until(lambda: not terminal.full and "parent" in terminal.text)


def test_a_full_screen_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is a terminal."""
    monkeypatch.setattr(surroundings, "has_textual", lambda: False)
    monkeypatch.setattr(screen, "terminal", lambda: 2)
    with pytest.raises(ValueError, match="fullscreen needs the extra 'terminal'"):
        with async_plot.fullscreen():
            pass


def test_nothing_is_shown_where_the_library_is_switched_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And bars count."""
    monkeypatch.setenv("ASYNC_PLOT", "off")
    with async_plot.fullscreen() as server:
        assert sum(async_plot.tqdm(range(4), position=(0, 1))) == 6
    assert server.address is None
