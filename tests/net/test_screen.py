"""A view on the calculation's terminal: when, and what it leaves; see `faults`."""

from __future__ import annotations

import os
import pty
import select
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from async_plot.net import screen
from async_plot.net.prints import KEPT
from async_plot.net.screen import Screen

from ..helpers import eventually

# Stands for the view's interpreter: holds still, or ends.
STILL = [sys.executable, "-c", "import time; time.sleep(600)"]
FAILING = [sys.executable, "-c", "raise SystemExit(3)"]


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal."""
    made = pty.openpty()
    yield made
    for end in made:
        os.close(end)


@pytest.fixture
def master(
    ends: tuple[int, int], monkeypatch: pytest.MonkeyPatch, home: Path
) -> Iterator[int]:
    """What is written to the terminal that this process is taken to have."""
    monkeypatch.setattr(screen, "terminal", lambda: ends[1])
    yield ends[0]


def opened(command: list[str], home: Path, **options: object) -> Screen:
    return Screen(command, home / "connection.json", home / "log", **options)  # type: ignore[arg-type]


def read(master: int, last: str) -> str:
    """What the terminal got, up to this."""
    told = ""
    while last not in told:
        told += os.read(master, 1 << 16).decode()
    return told


@pytest.mark.parametrize("term", ["", "dumb"])
def test_no_screen_without_a_kind_of_terminal(
    term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what it understands."""
    monkeypatch.setattr(os, "isatty", lambda number: True)
    monkeypatch.setenv("TERM", term)
    assert screen.terminal() is None


def test_a_screen_where_it_can_be_drawn_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """By either stream; not from the background, nor into files."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(screen, "_in_foreground", lambda number: True)
    monkeypatch.setattr(os, "isatty", lambda number: number == 1)
    assert screen.terminal() == 1
    monkeypatch.setattr(screen, "_in_foreground", lambda number: False)
    assert screen.terminal() is None
    monkeypatch.setattr(os, "isatty", lambda number: False)
    assert screen.terminal() is None


def test_what_stays_is_written_once(master: int, home: Path) -> None:
    """The screen of before, the last lines, and how the run ended; nothing twice."""
    made = opened(STILL, home, farewell=lambda: ["a bar"])
    assert made.ended() == ""
    made.last_word("failed", "Traceback\nValueError: x", time.monotonic() + 60)
    told = read(master, "ValueError: x\r\n")
    assert told.index("\x1b[?1049l") < told.index("a bar")
    assert told.endswith("a bar\r\nasync_plot: failed: ValueError: x\r\n")
    made.let_go()
    made.let_go()
    assert made._prints is not None and made._prints.descriptor == -1
    assert not select.select([master], [], [], 0)[0]


def test_a_view_that_failed_leaves_the_terminal(master: int, home: Path) -> None:
    """Found by whoever asks now and then; the last lines come with the end."""
    made = opened(FAILING, home, farewell=lambda: ["a bar"], kind="bars")
    eventually(made.ended)
    assert "exit status 3" in made.ended()
    assert "a bar" not in read(master, "\x1b[?7h")
    made.last_word("finished", "", time.monotonic() + 60)
    assert read(master, "a bar\r\n").endswith("a bar\r\n")
    assert made._prints is not None and made._prints.descriptor == -1


def test_how_a_run_ended_moves_no_cursor(master: int, home: Path) -> None:
    """Whatever its exception says."""
    made = opened(STILL, home)
    made.last_word("failed", "ValueError: \x1b[2Jx\x07", time.monotonic() + 60)
    assert "\x1b[2J" not in read(master, "x\ufffd\r\n")


def test_what_others_print_after_the_view_comes_to_the_terminal(
    master: int, home: Path
) -> None:
    """A worker has the descriptors that it was begun with, as long as it lives."""
    made = opened(FAILING, home)
    eventually(made.ended)
    read(master, "\x1b[?7h")
    assert made._prints is not None
    for text in (b"one\n", b"two\n"):
        os.write(made._prints.descriptor, text)
        eventually(lambda: made.ended() and select.select([master], [], [], 0)[0])
        assert read(master, "\r\n").encode() == text.replace(b"\n", b"\r\n")
    made.last_word("finished", "", time.monotonic() + 60)


def test_a_stopped_terminal_is_waited_for_by_one_thread(
    ends: tuple[int, int], master: int, home: Path
) -> None:
    """However often it is asked; what is printed meanwhile is kept within limits."""
    made = opened(FAILING, home)
    prints = made._prints
    assert prints is not None
    termios.tcflow(ends[1], termios.TCOOFF)
    try:
        eventually(made.ended)
        piece = bytes(1 << 20)
        for _ in range(20):
            os.write(prints.descriptor, piece)
            made.ended()
        names = [each.name for each in threading.enumerate()]
        assert names.count("async_plot screen") == 1
        assert made._asked.qsize() <= 1
        assert 512 * os.fstat(prints.descriptor).st_blocks <= 2 * KEPT
    finally:
        os.ftruncate(prints.descriptor, 0)  # nobody here reads so much
        termios.tcflow(ends[1], termios.TCOON)
        made.last_word("finished", "", time.monotonic() + 60)


def test_a_second_interrupt_still_has_the_screen_left(
    master: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait for it goes on for a moment where it was broken off."""
    monkeypatch.setattr(screen, "LEAVING", 60.0)
    made = opened(STILL, home, farewell=lambda: ["a bar"])
    prints = made._prints
    assert prints is not None
    os.write(prints.descriptor, b"printed\n")
    restore = made._restore

    def interrupted(deadline: float) -> None:
        monkeypatch.setattr(made, "_restore", restore)
        raise KeyboardInterrupt

    monkeypatch.setattr(made, "_restore", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.last_word("interrupted", "", time.monotonic() + 60)
    made.let_go()
    assert not prints.open
    told = read(master, "interrupted\r\n")
    assert "printed\r\na bar\r\n" in told
