"""``async-plot top`` on a real terminal: what is on the screen, and how it is left."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from async_plot.server import Server

from ..helpers import eventually
from ..ptys import Terminal, terminal

TOP = [sys.executable, "-m", "async_plot", "top"]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(view=None, name="solver") as made:
        made.progress(200, desc="steps").update(30)
        yield made


def left(opened: Terminal) -> str:
    """Wait for its end and say what stands on the screen then."""
    opened.wait()
    eventually(lambda: opened.restored, what="the terminal as it was before")
    return opened.text


def test_ctrl_c_leaves_it_and_the_screen_is_as_before(server: Server) -> None:
    """A terminal in raw mode gives it as a key."""
    with terminal([*TOP, "solver"]) as opened:
        opened.shows("▶ running", "30 / 200")
        assert opened.full
        opened.type("\x03")
        assert "running" not in left(opened)
        assert opened.process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_leave_it_and_the_screen_is_as_before(
    server: Server, number: int
) -> None:
    """It ends by the signal, as whoever sent it expects."""
    with terminal(TOP) as opened:
        opened.shows("1 run alive", "solver")
        opened.process.send_signal(number)
        left(opened)
        expected = 130 if number == signal.SIGINT else -number
        assert opened.process.returncode == expected


def test_a_closed_terminal_ends_it() -> None:
    """Nobody is left who could read its farewell."""
    with terminal(TOP) as opened:
        opened.shows("no run is alive")
        opened.hang_up()
        assert opened.wait() != 0


def test_any_size_and_a_storm_of_sizes(server: Server) -> None:
    """Nothing but what has room is drawn, and nothing breaks."""
    with terminal([*TOP, "solver"], size=(20, 5)) as opened:
        opened.shows("▶ running", "steps")
        for size in [(1, 1), (300, 100), (2, 1), (1, 50), (100, 1), (19, 4)] * 5:
            opened.resize(*size)
        opened.resize(80, 24)
        opened.shows("30 / 200", "details")
        opened.type("q")
        left(opened)
        assert opened.process.returncode == 0


def test_a_terminal_with_few_characters(server: Server) -> None:
    """Signs that it lacks give way to plain ones; without colour, if so wanted."""
    env = {"PYTHONIOENCODING": "latin-1", "NO_COLOR": "1"}
    with terminal([*TOP, "solver"], env=env, encoding="latin-1") as opened:
        text = opened.shows("> running", "###")
        assert "\\u" not in text and "?" not in text.replace("?  help", "")
        assert b"\x1b[32" not in opened.raw and b"[38;" not in opened.raw


def test_an_error_of_ours_gives_the_screen_back(server: Server) -> None:
    """Its traceback stands below what was there before."""
    code = (
        "import sys; from async_plot.cli import main\n"
        "from async_plot.views.terminal import bars\n"
        "def items(*_): raise RuntimeError('a defect')\n"
        "bars.items = items\n"
        "sys.exit(main(['top', 'solver']))"
    )
    with terminal([sys.executable, "-c", code]) as opened:
        text = left(opened)
        assert opened.process.returncode == 1
        # How much of it is on the screen depends on what was drawn when it came.
        assert "RuntimeError: a defect" in text and b"Traceback" in opened.raw


def test_it_ends_where_the_terminal_takes_nothing(server: Server) -> None:
    """As behind a network that stands still: it waits inside of a write."""
    with terminal([*TOP, "solver"]) as opened:
        opened.shows("▶ running")
        with opened.stopped():
            # Each size is drawn whole, until nothing more goes in.
            for width in range(100, 200):
                opened.resize(width, 50)
            opened.process.send_signal(signal.SIGTERM)
            opened.wait()


def test_plain_lines_end_with_the_run() -> None:
    """So without a terminal, or if asked for; a run is waited for if there is none."""
    with subprocess.Popen([*TOP], stdout=subprocess.PIPE, text=True) as top:
        assert top.stdout is not None
        assert top.stdout.readline() == "no run is alive: waiting for one\n"
        with Server(view=None, name="solver") as server:
            assert "solver: running" in top.stdout.readline()
            with server.progress(200, desc="steps") as bar:
                assert "steps: begins of 200 it" in top.stdout.readline()
                bar.update(200)
        said = top.stdout.read()
        assert top.wait() == 0
    assert "steps: finished, 200/200 it" in said
    assert said.endswith("solver: finished\n") and "\x1b" not in said


def test_a_closed_pipe_ends_plain_lines_quietly(server: Server) -> None:
    """As with ``| head -1``."""
    with subprocess.Popen(
        [*TOP, "--plain", "solver"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as top:
        assert top.stdout is not None and top.stderr is not None
        assert "solver: running" in top.stdout.readline()
        top.stdout.close()
        bars = iter(server.progress(9, desc="more") for _ in range(10**6))
        eventually(lambda: next(bars) and top.poll() is not None)
        assert top.stderr.read() == "" and top.returncode == 0
