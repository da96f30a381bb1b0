"""The view in a cell, with a renderer that does what a test says."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from async_plot.net import inline
from async_plot.net.cell import Cell
from async_plot.net.inline import MAGIC, Inline
from async_plot.wire.messages import Message, Picture, Ready, Words

from ..helpers import AMPLE, eventually
from ..wire.samples import stream
from .kernels import PNG, Shell

# Runs a program of the test's: `write` says bytes, `asked` waits for a credit. It
# imports nothing of ours, so that it starts at once.
RENDERER = f"""
import os, time
MAGIC = {MAGIC!r}
def write(data):
    while data:
        data = data[os.write(1, data):]
def asked():
    return os.read(0, 1)
"""


def say(*messages: Message) -> str:
    """Program that says these."""
    return f"write({stream(*messages)!r})"


def words(text: str, last: bool = False) -> Words:
    return Words([text], ["running"], "", last)


def picture(plotter: str = "", figure: int = 0, png: bytes = PNG) -> Picture:
    return Picture(plotter, figure, 10, 10, "x", [png])


Make = Callable[..., Inline]


@pytest.fixture
def shell() -> Shell:
    return Shell("the cell")


@pytest.fixture
def make(shell: Shell, tmp_path: Path) -> Iterator[Make]:
    """Make a view with a renderer; it is ended at the end of the test."""
    made: list[Inline] = []

    def make(
        code: str, *, plotters: tuple[str, ...] = ("",), share: float = 1
    ) -> Inline:
        view = Inline(
            [sys.executable, "-S", "-E", "-c", RENDERER + code],
            tmp_path / "connection.json",
            tmp_path / "log",
            name="run",
            plotters=list(plotters),
            share=share,
            cell=Cell(shell),
        )
        made.append(view)
        return view

    yield make
    for view in made:
        view.stop()
        view.join(AMPLE)
        assert not view.is_alive()
    assert not inline._alive


def gone(view: Inline) -> bool:
    return not view.is_alive() and not psutil.pid_exists(view.pid)


def test_the_places_are_made_in_the_cell_at_once(make: Make, shell: Shell) -> None:
    """A place for each plotter, and under them the strip, before anything is drawn."""
    make("asked()", plotters=("a", "b"))
    places = [each.display_id.rpartition("async_plot-")[2][17:] for each in shell.sent]
    assert places[:3] == ["a-0", "b-0", "strip"]
    assert {each.kind for each in shell.sent[:3]} == {"display_data"}
    assert "the view is starting" in shell.sent[2].text


def test_pictures_and_words_come_as_they_are_asked_for(
    make: Make, shell: Shell
) -> None:
    """Each batch on its credit; the thread that calculates sends none of them."""
    view = make(
        'write(b"noise of a start-up file" + MAGIC)'
        + "".join(
            "; asked(); "
            + say(picture(), picture(figure=1), words(f"batch {n}", n == 2))
            for n in range(3)
        )
    )
    view.join(AMPLE)
    assert gone(view)
    assert len(shell.pictures) == 6
    assert len({each.display_id for each in shell.pictures}) == 2
    assert shell.strip == "● batch 2"
    assert {each.thread for each in shell.pictures} == {"async_plot inline"}
    assert shell.pictures[0].kind == "update_display_data"
    assert shell.pictures[1].kind == "display_data"  # nobody knew of a second figure


def test_nothing_is_said_uncalled(make: Make, shell: Shell) -> None:
    """Between two credits lies the time that the calculation needs to earn them."""
    began = time.monotonic()
    view = make(
        f"write(MAGIC)\nfor _ in range(3): asked(); {say(picture(), words('n'))}"
    )
    view.join(AMPLE)
    assert time.monotonic() - began >= 2 * inline.PERIOD
    assert 3 * inline.SENDING <= view.spent < 1


def test_a_dear_picture_comes_less_often(make: Make, shell: Shell) -> None:
    """With a share of 0.00001, four tenths of a millisecond are earned in a minute."""
    view = make(
        f"write(MAGIC); asked(); {say(words('1'))}; asked(); {say(words('2'))}",
        share=1e-5,
    )
    eventually(lambda: shell.strip == "● 1")
    with pytest.raises(AssertionError):
        eventually(lambda: shell.strip == "● 2", 0.5)
    view.let_go()  # nobody calculates any more
    eventually(lambda: shell.strip == "● 2")


def test_words_without_change_are_not_sent(make: Make, shell: Shell) -> None:
    """An empty one only ends its batch."""
    view = make(
        f"write(MAGIC); asked(); {say(picture(), Words([], [], '', True))}; asked()"
    )
    eventually(lambda: shell.pictures)
    assert "starting" in shell.strip
    assert view.is_alive()


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("write(MAGIC + b'garbage' * 9)", "lacks fields|reserved|buffer|header"),
        ("write(b'x' * 9000)", "no beginning"),
        ("write(MAGIC); " + say(picture(png=b"<html>")), "no PNG file"),
        ("write(MAGIC); " + say(picture("other")), "no figure 0 of such a plotter"),
        ("write(MAGIC); " + say(picture(figure=16)), "no figure 16"),
        (
            "write(MAGIC); " + say(Words(["a", "b"], ["name"], "", False)),
            "unknown kind",
        ),
        (
            "write(MAGIC + bytes.fromhex('0000000400011500ffffffffffffffff94a09090'))",
            "limit|exceed|8",
        ),
        (
            "write(MAGIC)\nwhile True: " + say(picture()),
            "at once",
        ),
        (
            "write(MAGIC); " + say(Ready("", 1)),
            "wrong",
        ),
    ],
)
def test_whoever_says_nonsense_is_ended(
    code: str,
    why: str,
    make: Make,
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The strip says why; the calculation goes on, and so does the kernel."""
    monkeypatch.setattr(inline, "BATCH", 1000)
    view = make(code + "\ntime.sleep(60)")
    eventually(lambda: gone(view))
    assert re.search(why, shell.strip), shell.strip
    assert "what cannot be shown" in shell.strip
    assert "the calculation goes on" in shell.strip


def test_a_renderer_that_dies_is_told(make: Make, shell: Shell) -> None:
    """With its last words; later, how the run ended stands there all the same."""
    view = make("write(MAGIC); asked(); os.write(2, b'out of luck\\n'); os._exit(3)")
    eventually(lambda: gone(view))
    assert "exit status 3: out of luck; the calculation goes on" in shell.strip
    view.last_word("finished", "", time.monotonic() + 10)
    assert shell.strip.startswith("✓ finished  run  the last frame could not be drawn")


def test_a_frozen_renderer_delays_no_end(
    make: Make, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The strip says how the run ended; in the end the frozen one is ended."""
    view = make("write(MAGIC); asked(); time.sleep(60)")
    os.kill(view.pid, signal.SIGSTOP)
    monkeypatch.setattr(inline, "AFTER", 0.2)
    view.last_word("failed", "Traceback\nValueError: x\x1b[2J", time.monotonic() + 0.1)
    told = [each.text for each in shell.sent if each.display_id.endswith("strip")]
    assert "✗ failed  run  ValueError: x\N{REPLACEMENT CHARACTER}[2J" in told
    eventually(lambda: gone(view))
    assert shell.strip.startswith("✗ failed  run  the last frame could not be drawn")


def test_the_last_picture_is_waited_for(make: Make, shell: Shell) -> None:
    """And the words of the renderer then stand."""
    view = make(
        "write(MAGIC); asked(); time.sleep(0.2);" + say(picture(), words("end", True))
    )
    view.last_word("finished", "", time.monotonic() + AMPLE)
    assert shell.strip == "● end"
    assert shell.pictures
    view.join(AMPLE)
    assert shell.strip == "● end"


def test_the_cell_run_again_ends_what_it_had(make: Make, shell: Shell) -> None:
    """Its page was emptied, so nobody sees the older; another cell's stays."""
    first = make("write(MAGIC); asked(); time.sleep(60)")
    shell.run("another cell")
    second = make("write(MAGIC); asked(); time.sleep(60)")
    shell.run("the cell")
    third = make("write(MAGIC); asked(); time.sleep(60)")
    fourth = make("write(MAGIC); asked(); time.sleep(60)")  # of the same execution
    eventually(lambda: gone(first))
    assert [view.is_alive() for view in (second, third, fourth)] == [True] * 3
    told = len(shell.sent)
    first.last_word("finished", "", time.monotonic())
    assert len(shell.sent) == told


def test_a_kernel_that_shuts_down_ends_it_quietly(
    make: Make, shell: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever its sockets raise by then."""
    view = make(f"write(MAGIC)\nwhile asked(): {say(picture(), words('n'))}")
    eventually(lambda: shell.pictures)
    shell.broken = True
    eventually(lambda: gone(view))
    view.last_word("finished", "", time.monotonic())
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


def test_the_end_of_the_interpreter_ends_all(make: Make) -> None:
    """Also one that is frozen."""
    views = [make("write(MAGIC); asked(); time.sleep(60)") for _ in range(2)]
    os.kill(views[0].pid, signal.SIGSTOP)
    inline.end_all()
    eventually(lambda: all(map(gone, views)))


def test_a_forked_child_holds_none_of_it(make: Make) -> None:
    """Else the renderer would not hear that its kernel is gone."""
    view = make("write(MAGIC); asked(); asked()")
    child = os.fork()
    if not child:
        try:
            numbers = view._process.output, view._bell.fileno()
            view.forked()
            for number in numbers:
                with pytest.raises(OSError):
                    os.fstat(number)
            os._exit(0)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert view.is_alive()


def test_a_program_that_is_not_there(shell: Shell, tmp_path: Path) -> None:
    """The caller tells it; nothing is left behind."""
    with pytest.raises(OSError, match="no such program"):
        Inline(
            ["./no such program"],
            tmp_path / "connection.json",
            tmp_path / "log",
            name="run",
            plotters=[""],
            share=1,
            cell=Cell(shell),
        )
    assert not inline._alive


def test_one_that_speaks_on_after_the_end_is_ended(make: Make, shell: Shell) -> None:
    """And has not the last word."""
    view = make(f"write(MAGIC)\nwhile asked(): {say(picture(), words('more'))}")
    eventually(lambda: shell.pictures)
    view.last_word("finished", "", time.monotonic() + 0.1)
    eventually(lambda: gone(view))
    assert shell.strip.startswith("✓ finished  run  the last frame could not be drawn")
