"""What stands on a terminal, and in a log."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import signal
import struct
import termios
import threading

import pyte
import pytest

from async_plot import Server, progress, tqdm, track
from async_plot.jobs import lines as module
from async_plot.jobs.bars import Bar
from async_plot.jobs.lines import Lines, Style

from ..helpers import AMPLE, eventually, run_script, start_script

# A script that waits for its last lines as long as a machine may stand still.
PATIENT = "from async_plot.jobs import lines; lines.PATIENCE = 120.0\n"


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", AMPLE)


class Clock:
    """Ticks when it is told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    """A stream that says that it is a terminal, of 80 columns."""

    def isatty(self):
        return True

    def screen(self, rows=24):
        screen = pyte.Screen(80, rows)
        pyte.Stream(screen).feed(self.getvalue().replace("\n", "\r\n"))
        return screen

    def shown(self):
        return [line.rstrip() for line in self.screen().display if line.strip()]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def drawn(monkeypatch, clock):
    """Lines that are drawn when the test says so, by no thread."""
    monkeypatch.setattr(Lines, "_run", lambda self: setattr(self, "_thread", None))
    lines = Lines(clock)
    monkeypatch.setattr("async_plot.jobs.bars.lines", lines)
    return lines


@pytest.fixture
def make(monkeypatch, drawn, clock):
    """Makes bars that are written to a stream."""

    def make(file, total=10, **options):
        style = {
            key: options.pop(key)
            for key in ("columns", "position", "delay")
            if key in options
        }
        with monkeypatch.context() as patch:
            patch.setattr(Bar, "_style", lambda self: Style(file, **style))
            return Bar(total, clock=clock, **options)

    return make


def test_nested(drawn, make):
    """Each bar has its line, below that inside of which it is; one that ends goes."""
    tty = Terminal()
    outer = make(tty, desc="outer")
    inner = make(tty, desc="inner")
    drawn.draw()
    assert [line[:6] for line in tty.shown()] == ["outer:", "inner:"]
    inner.update(5)
    drawn.draw()
    assert "5/10" in tty.shown()[1]
    inner.close()
    drawn.draw()
    assert [line[:6] for line in tty.shown()] == ["outer:"]
    third = make(tty, desc="third", leave=True)
    drawn.draw()
    third.close()
    outer.update(10)
    drawn.draw()
    assert [line[:6] for line in tty.shown()] == ["third:", "outer:"]
    outer.close()
    drawn.draw()
    assert [line[:6] for line in tty.shown()] == ["third:", "outer:"]
    cursor = tty.screen().cursor
    assert (cursor.x, cursor.y) == (0, 2)  # what is printed next has its own line
    assert not drawn._rows
    assert not drawn._screens


def test_nothing_is_left_of_one_that_goes(drawn, make):
    """With ``leave=False`` the terminal is as it was."""
    tty = Terminal()
    bar = make(tty, leave=False)
    drawn.draw()
    assert tty.shown()
    bar.close()
    drawn.draw()
    assert not tty.shown()
    assert (tty.screen().cursor.x, tty.screen().cursor.y) == (0, 0)


def test_positions(drawn, make):
    """A bar stands where it was told to; lines between are not touched."""
    tty = Terminal()
    low = make(tty, desc="low", position=2)
    high = make(tty, desc="high")
    drawn.draw()
    display = tty.screen().display
    assert display[0].startswith("high")
    assert not display[1].strip()
    assert display[2].startswith("low")
    low.close()
    high.close()
    drawn.draw()


def test_more_bars_than_rows(drawn, make):
    """What does not fit is counted, and the terminal does not scroll."""
    tty = Terminal()
    many = [make(tty, desc=f"bar {k}") for k in range(40)]
    drawn.draw()
    for bar in many:
        bar.update()
    drawn.draw()
    shown = tty.shown()
    assert shown[0].startswith("bar 0")
    assert shown[-1].startswith(" ... and 17 more")
    for bar in many:
        bar.close()
    drawn.draw()


def test_wide_characters(drawn, make):
    """A line ends before the last column, whatever is in it."""
    tty = Terminal()
    bar = make(tty, desc="漢字" * 30)
    drawn.draw()
    bar.update()
    drawn.draw()
    assert len(tty.shown()) == 1
    bar.close()
    drawn.draw()


def test_no_control_characters(drawn, make):
    """A description cannot clear the screen, nor begin a line."""
    for stream in (Terminal(), io.StringIO()):
        bar = make(stream, desc="a\x1b[2Jb\r\nc\x07\x9b2Kd\x1b]0;title\x07")
        drawn.draw()
        bar.close()
        drawn.draw()
        text = stream.getvalue()
        for wrong in ("\x1b[2J", "\x07", "\x9b", "\x1b]"):
            assert wrong not in text
        assert "ab" in text


def test_a_log(drawn, make, clock):
    """At the beginning, every 10 s, at the end; whole lines of plain text."""
    log = io.StringIO()
    bar = make(log, desc="cells")
    brief = make(log, desc="brief")  # inside of the other one
    for _ in range(500):
        clock.now += 0.05
        drawn.draw()
        bar.update(0.02)
    brief.close()
    bar.close()
    drawn.draw()
    text = log.getvalue()
    assert text.endswith("\n")
    assert text.isprintable() or set(text) & {"\x1b", "\r"} == set()
    kinds = [line[:5] for line in text.splitlines()]
    assert kinds.count("cells") == 4  # 0, 10, 20 s and the end
    assert kinds.count("brief") == 2  # 10 and 20 s


def test_delay(drawn, make, clock):
    """A bar that wants to wait is not shown before."""
    tty = Terminal()
    bar = make(tty, delay=5)
    drawn.draw()
    assert not tty.shown()
    clock.now += 5
    drawn.draw()
    assert tty.shown()
    bar.close()
    drawn.draw()


class Broken(io.StringIO):
    def write(self, text):
        raise OSError(28, "No space left on device")

    def isatty(self):
        raise ValueError("closed")


@pytest.mark.parametrize("file", [Broken(), object(), 17])
def test_a_stream_that_fails(drawn, make, file):
    """No bar raises for what happens to its stream."""
    bar = make(file)
    drawn.draw()
    bar.close()
    drawn.draw()
    closed = Terminal()
    bar = make(closed)
    drawn.draw()
    closed.close()
    drawn.draw()
    bar.close()
    drawn.draw()
    assert not drawn._rows


def test_states_are_named(drawn, make):
    """A line says that it ended badly, and what failed."""
    log = io.StringIO()
    bar = make(log)
    bar.failed = 2
    bar.postfix = "x=1"
    bar.close("interrupted")
    drawn.draw()
    assert "x=1, 2 failed, interrupted]" in log.getvalue()


def test_where_others_show_them(drawn, make):
    """With a server in the process nothing is written, unless that is asked for."""
    tty = Terminal()
    before = make(tty, desc="before")
    drawn.draw()
    assert tty.shown()
    with Server(view=None):
        drawn.draw()
        assert not tty.shown()
        make(tty, desc="within").close()
        drawn.draw()
        assert not tty.shown()
        drawn.asked += 1
        asked = make(tty, desc="asked")
        drawn.draw()
        assert tty.shown()[0].startswith("asked")
        asked.close()
        drawn.draw()
    before.close()


def test_the_thread_lives_as_long_as_a_bar(capsys):
    """It begins with the first bar, ends with the last, and shows the exact end."""

    def threads():
        return [each for each in threading.enumerate() if "lines" in each.name]

    assert not threads()
    with progress(3, desc="one") as bar:
        assert threads()
        for _ in track(range(3), desc="two"):
            bar.update()
    eventually(lambda: not threads())
    text = capsys.readouterr().err
    assert text.count("one: 100%") == 1
    assert text.splitlines()[-1].startswith("one: 100%")
    assert "two: 100%" not in text


def test_whoever_ends_a_bar_never_waits_long(monkeypatch):
    """A terminal that takes nothing is waited for once, a moment."""
    held, entered = threading.Event(), threading.Event()

    class Stuck(io.StringIO):
        def write(self, text):
            entered.set()
            assert held.wait(AMPLE)

    lines = Lines()
    monkeypatch.setattr("async_plot.jobs.bars.lines", lines)
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    with contextlib.ExitStack() as stack:
        stack.callback(held.set)
        first = tqdm(total=3, file=Stuck())
        assert entered.wait(AMPLE)
        for _ in range(50):
            tqdm(total=3, file=Stuck()).close()
        first.close()
        assert lines._stuck
    eventually(lambda: lines._thread is None)


SCRIPT = """
import sys, time
from async_plot import progress, track

def outer():
    for i in track(range(3), desc="outer"):
        for j in track(range(1000), desc="inner"):
            if i == 1 and j == 10:
                time.sleep(0.3)  # drawn
                print("ready", flush=True)
                if sys.argv[1] == "raise":
                    raise ValueError("wrong")
                if sys.argv[1] == "wait":
                    time.sleep(600)
            elif sys.argv[1] == "drawn" and j == 500:
                time.sleep(0.25)
outer()
print("bye", flush=True)
"""


@contextlib.contextmanager
def on_a_terminal(*argv, columns=60, rows=12):
    """Run the script on a terminal; gives the process, and a reader of the screen."""
    ours, its = pty.openpty()
    size = struct.pack("HHHH", rows, columns, 0, 0)
    fcntl.ioctl(its, termios.TIOCSWINSZ, size)
    screen = pyte.Screen(columns, rows)
    stream = pyte.ByteStream(screen)
    done = threading.Event()

    def read():
        with contextlib.suppress(OSError):  # the other end is closed
            while data := os.read(ours, 65536):
                stream.feed(data)
        done.set()

    reader = threading.Thread(target=read)
    try:
        with start_script(
            PATIENT + SCRIPT, *argv, stderr=its, env={"TERM": "xterm"}
        ) as process:
            os.close(its)
            reader.start()
            yield process, screen, done
    finally:
        reader.join(AMPLE)
        os.close(ours)


def shown(screen):
    return [line.rstrip() for line in screen.display if line.strip()]


def test_a_real_terminal():
    """Both bars in their lines while it runs, one in the end, and the cursor below."""
    with on_a_terminal("drawn") as (process, screen, done):
        assert process.stdout.readline() == "ready\n"
        assert process.stdout.readline() == "bye\n"
        assert process.wait(AMPLE) == 0
        assert done.wait(AMPLE)
        (line,) = shown(screen)
        assert line.startswith("outer: 100%|")
        assert "3/3" in line
        assert len(line) <= 60
        assert (screen.cursor.x, screen.cursor.y) == (0, 1)


def test_an_exception_on_a_terminal():
    """The traceback stands below the bar, at the begin of a line."""
    with on_a_terminal("raise") as (process, screen, done):
        assert process.wait(AMPLE) == 1
        assert done.wait(AMPLE)
        lines = shown(screen)
        # Unwinding leaves the inner loop first.
        assert lines[0].startswith("outer:  33%|")
        assert lines[1] == "Traceback (most recent call last):"
        assert lines[-1] == "ValueError: wrong"


def test_ctrl_c_on_a_terminal():
    """Ctrl-C ends it at once, with one traceback below the bar."""
    with on_a_terminal("wait") as (process, screen, done):
        assert process.stdout.readline() == "ready\n"
        eventually(lambda: any("inner" in line for line in shown(screen)))
        process.send_signal(signal.SIGINT)
        assert process.wait(AMPLE) == -signal.SIGINT
        assert done.wait(AMPLE)
        lines = shown(screen)
        assert lines[0].startswith("outer:  33%|")
        assert lines[1] == "Traceback (most recent call last):"
        assert lines[-1] == "KeyboardInterrupt"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_while_it_is_drawn():
    """The child of a process with bars has lines of its own, and ends."""
    done = run_script(f"""{PATIENT}
import os, sys
from async_plot import progress, track
with progress(10, desc="parent") as bar:
    for _ in range(20):
        child = os.fork()
        if child == 0:
            for _ in track(range(3), desc="child"):
                pass
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
""")
    ends = [line for line in done.stderr.splitlines() if line.startswith("child: 100%")]
    assert len(ends) == 20
    assert done.stderr.count("parent") <= 3


def test_a_bar_that_is_open_at_the_end():
    """The interpreter ends at once, and the line is whole."""
    done = run_script(f"""{PATIENT}
from async_plot import progress
bar = progress(10, desc="open")
bar.update(4)
""")
    assert done.stderr.splitlines()[-1].startswith("open:  40%")
    assert "Error" not in done.stderr


def test_a_closed_stderr():
    """A program without stderr runs as without bars."""
    run_script("""
import os, sys
from async_plot import track
sys.stderr = None
assert sum(track(range(4))) == 6
sys.stderr = sys.__stderr__
os.close(2)
assert sum(track(range(4))) == 6
""")


def test_without_unicode():
    """A stream of plain characters gets those."""
    done = run_script(
        PATIENT
        + "from async_plot import track\nfor _ in track(range(4), desc='é'): pass\n",
        env={"PYTHONIOENCODING": "ascii"},
    )
    assert "100%|##########| 4/4" in done.stderr


def test_a_bar_that_ends_while_something_is_written(drawn, make):
    """Its last line comes when that is over; in a log, at once."""
    tty, log = Terminal(), io.StringIO()
    for stream in (tty, log):
        bar = make(stream, desc="over")
        with drawn.aside():
            bar.close()
            drawn.draw()
            assert ("over" in stream.getvalue()) == (stream is log)
        drawn.draw()
        assert "over" in stream.getvalue()
        assert not drawn._screens
