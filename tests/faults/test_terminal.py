"""The terminal that a calculation shares with its view: as before, however they end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ..helpers import ROOT, eventually, processes, run_script
from ..ptys import Terminal, on_terminal

# Prints, shows a bar, and goes on until a line is typed.
_RUN = """
import os, sys
from async_plot import Server, tqdm
print("before")
with Server(view="terminal", name="waves") as server:
    print("printed meanwhile")
    os.system("echo from a program")
    print("to stderr", file=sys.stderr)
    with tqdm(total=9, desc="cells") as bar:
        bar.update(4)
        typed = input("what next? ")
        print("typed:", typed)
        if typed == "raise":
            raise ValueError("as asked for")
        if typed == "exit":
            os._exit(3)
print("after")
"""
PRINTED = ["printed meanwhile", "from a program", "to stderr"]


def views(terminal: Terminal) -> list[psutil.Process]:
    """Processes of the view."""
    return [
        each
        for each in psutil.Process(terminal.process.pid).children()
        if "shared" in " ".join(each.cmdline())
    ]


def shown(terminal: Terminal) -> None:
    """Wait until the run is on the screen, with what it has printed."""
    terminal.until(lambda: terminal.full and "cells" in terminal.text)
    terminal.until(lambda: all(text in terminal.text for text in PRINTED))
    terminal.until(lambda: "what next?" in terminal.text)


def restored(terminal: Terminal, *texts: str) -> None:
    """Check that the screen is as before, and has these lines below."""
    terminal.until(lambda: not terminal.full and all(t in terminal.text for t in texts))
    assert terminal.cursor_shown
    lines = terminal.lines
    assert lines[0] == "before"
    for text in PRINTED:
        assert lines.count(text) == 1, terminal.text


def test_a_run_ends() -> None:
    """And all that it printed is there; what is typed is the calculation's."""
    with on_terminal(_RUN) as terminal:
        shown(terminal)
        terminal.type(b"go on\n")
        assert terminal.wait() == 0
        restored(terminal, "typed: go on", "async_plot: finished", "after")
        assert terminal.text.index("typed:") < terminal.text.index("after")


@pytest.mark.parametrize(
    ("end", "status", "texts"),
    [
        (lambda t: t.type(b"raise\n"), 1, ["ValueError: as asked for", "failed"]),
        (lambda t: t.type(b"\x03"), -2, ["KeyboardInterrupt", "interrupted"]),
        (lambda t: t.process.kill(), -9, ["async_plot: lost"]),
        # As SIGKILL: nothing of ours comes to it.
        pytest.param(
            *(lambda t: t.type(b"exit\n"), 3, ["typed: exit", "async_plot: lost"]),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *(lambda t: t.process.terminate(), -15, ["async_plot: lost"]),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["exception", "ctrl-c", "SIGKILL", "os._exit", "SIGTERM"],
)
def test_the_screen_is_restored(
    end: Callable[[Terminal], object], status: int, texts: list[str]
) -> None:
    """Whatever ends the calculation; with one traceback, if there is one at all."""
    with on_terminal(_RUN) as terminal:
        shown(terminal)
        end(terminal)
        assert terminal.wait() == status
        restored(terminal, *texts)
        assert terminal.text.count("Traceback") == (status in (1, -2))
        eventually(lambda: not processes())


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_the_view_is_ended(number: int) -> None:
    """The calculation notices, has its terminal back and goes on."""
    with on_terminal(_RUN) as terminal:
        shown(terminal)
        [view] = views(terminal)
        view.send_signal(number)
        terminal.until(lambda: not terminal.full)
        terminal.until(lambda: "look: async-plot top" in terminal.text)
        terminal.type(b"go on\n")
        assert terminal.wait() == 0
        restored(terminal, "typed: go on", "after")


def test_the_view_is_frozen() -> None:
    """Nothing waits for it: no print, not the end."""
    with on_terminal(_RUN, env={"PYTHONPATH": str(ROOT)}) as terminal:
        shown(terminal)
        [view] = views(terminal)
        view.suspend()
        terminal.type(b"go on\n")
        assert terminal.wait() == 0
        restored(terminal, "typed: go on", "after")


def test_the_terminal_changes_its_size() -> None:
    """To one cell, and back; the view follows, and nothing breaks."""
    with on_terminal(_RUN) as terminal:
        shown(terminal)
        for columns, rows in [(1, 1), (3, 2), (200, 60), (1, 24), (80, 1), (60, 20)]:
            terminal.resize(columns, rows)
        terminal.until(lambda: "cells" in terminal.text and "waves" in terminal.text)
        terminal.type(b"go on\n")
        assert terminal.wait() == 0
        terminal.until(lambda: not terminal.full and "after" in terminal.text)


def test_very_much_is_printed() -> None:
    """It waits for nothing, and no more of it is kept than the limit says."""
    source = """
import os, sys, time
from async_plot import Server
from async_plot.net import prints
prints.KEPT = 100_000  # more would take pyte, which reads it here, too long
with Server(view="terminal") as server:
    for _ in range(1000):
        os.write(1, 400 * b"0123456789012345678901234567890123456789012345678\\n")
    while 512 * os.fstat(1).st_blocks > 2 * prints.KEPT:
        time.sleep(0.01)
    size = os.fstat(1).st_size
os.write(2, b"kept some of %d" % size)
"""
    with on_terminal(source) as terminal:
        assert terminal.wait() == 0
        terminal.until(lambda: "kept" in terminal.text)
        size = terminal.text.partition("kept some of ")[2].split()[0]
        assert int(size) >= 1000 * 400 * 50
        assert b"bytes printed before are gone" in bytes(terminal.raw)


def test_a_suspended_calculation_has_its_terminal() -> None:
    """Ctrl-Z leaves the screen, and ``fg`` takes it again."""
    with on_terminal(_RUN) as terminal:
        shown(terminal)
        terminal.process.send_signal(signal.SIGSTOP)
        terminal.until(lambda: not terminal.full)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.until(lambda: terminal.full and "cells" in terminal.text)
        terminal.type(b"go on\n")
        assert terminal.wait() == 0
        restored(terminal, "after")


# As a shell begins a job with ``&``.
_BACKGROUND = """
import os
child = os.fork()
if child:
    raise SystemExit(os.waitpid(child, 0)[1])
os.setpgid(0, 0)
"""


@pytest.mark.parametrize("how", ["dumb", "background"])
def test_on_a_terminal_that_cannot_be_had_there_are_lines(how: str) -> None:
    """One for each event; the calculation's own prints stay where they are."""
    source = _RUN.replace('input("what next? ")', '"go on"')
    source = _BACKGROUND + source if how == "background" else source
    with on_terminal(source, env={"TERM": "dumb"} if how == "dumb" else {}) as terminal:
        assert terminal.wait() == 0
        terminal.until(lambda: "after" in terminal.text)
        terminal.until(lambda: "waves: finished" in terminal.text)
        assert b"\x1b" not in bytes(terminal.raw)
        assert "cells: stopped, 4/9 it" in terminal.text


def test_without_a_terminal_there_are_lines() -> None:
    """On stderr, as in a batch log; the end is there when the calculation ends."""
    done = run_script(_RUN.replace('input("what next? ")', '"go on"'))
    assert "cells: stopped, 4/9 it" in done.stderr
    assert "waves: finished" in done.stderr
    assert done.stdout.splitlines()[-1] == "after"


def test_a_pipe_that_nobody_reads_ends_the_lines_alone() -> None:
    """As with ``2>&1 | head -1``."""
    source = """
import os, sys
from async_plot import Server, tqdm
reading, writing = os.pipe()
os.dup2(writing, 2)
os.close(writing)
os.close(reading)
with Server(view="terminal") as server:
    for _ in tqdm(range(3), desc="cells"): pass
print("after")
"""
    with on_terminal(source, env={"TERM": "dumb"}) as terminal:
        assert terminal.wait() == 0
        terminal.until(lambda: "after" in terminal.text)


def test_children_of_a_fork_print_and_leave_the_screen() -> None:
    """Their prints are kept with those of their parent, and their end ends nothing."""
    source = _RUN.replace(
        '    os.system("echo from a program")',
        '    if not os.fork():\n        print("from a program")\n        sys.exit()\n'
        "    os.wait()",
    )
    with on_terminal(source) as terminal:
        shown(terminal)
        assert terminal.full
        terminal.type(b"go on\n")
        assert terminal.wait() == 0
        restored(terminal, "after")


def test_closed_streams_are_no_matter() -> None:
    """Nothing to read from, and one stream that is closed."""
    source = """
import os, sys
os.close(0)
os.close(1)
from async_plot import Server
with Server(view="terminal", name="waves") as server:
    print("to stderr", file=sys.stderr)
os.write(2, b"after\\n")
"""
    with on_terminal(source) as terminal:
        assert terminal.wait() == 0
        terminal.until(lambda: "after" in terminal.text and not terminal.full)
        assert terminal.lines[0] == "to stderr"


def test_a_terminal_that_was_stopped_holds_up_nothing(tmp_path: Path) -> None:
    """As by Ctrl-S: neither the prints of the run nor its end."""
    source = _RUN.replace('input("what next? ")', "sys.stdin.readline()")
    source = source.replace('print("after")', 'open("left", "x").close()')
    with on_terminal(source, env={"PYTHONPATH": str(ROOT)}) as terminal:
        terminal.until(lambda: terminal.full and "to stderr" in terminal.text)
        terminal.type(b"go on\n\x13")
        eventually((tmp_path / "left").exists)
        terminal.type(b"\x11")
        assert terminal.wait() == 0
