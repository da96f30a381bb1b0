"""`Writer`: what other libraries' bars write, as the text of a bar at a place."""

from __future__ import annotations

import gc
import pickle
import weakref

import progressbar
import pytest
import rich.console
import rich.progress
import tqdm

import async_plot
from async_plot import Writer
from async_plot.jobs.desk import desk
from async_plot.wire.messages import Progress

from ..helpers import run_script


def told(writer: Writer) -> Progress:
    """How its bar stands."""
    assert writer._bar is not None
    return writer._bar.look(0.0)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (["\r 10 %", "\r 20 %"], " 20 %"),
        (["one\ntwo\n"], "two"),
        (["\rdone", "\n"], "done"),
        (["ha", "lf", "\r"], "half"),
        (["\rlong line", "\r\n\n"], "long line"),
        (["\x1b[38;5;2m100%\x1b[39m\x1b[K", "\x1b[?25h"], "100%"),
        (["\x1b[3", "8;5;2mred"], "red"),
        (["  \r", ""], ""),
        (["字 \N{FULL BLOCK}\r"], "字 \N{FULL BLOCK}"),
    ],
)
def test_the_newest_line_is_shown(written: list[str], shown: str) -> None:
    """Whatever ends it, in whatever parts it comes; colours are left out."""
    with Writer((3, 4)) as writer:
        for text in written:
            assert writer.write(text) == len(text)
        writer.flush()
        assert writer.text == shown
        bar = told(writer)
        assert (bar.postfix, bar.place, bar.desc, bar.total) == (shown, [3, 4], "", -1)


def test_a_line_without_an_end_is_bounded() -> None:
    """A megabyte of it is not kept."""
    with Writer((0, 0)) as writer:
        for _ in range(100):
            writer.write(10_000 * "x")
        assert len(writer._begun) < 10_000


def test_it_is_a_file() -> None:
    """As far as writers of bars and `print` ask."""
    writer = Writer((0, 1))
    assert writer.isatty() and writer.writable() and not writer.readable()
    assert writer.encoding == "utf-8" and writer.location == (0, 1)
    print("so", "far", file=writer)
    assert writer.text == "so far"
    with pytest.raises(TypeError, match="takes text, not bytes"):
        writer.write(b"x")  # type: ignore[arg-type]
    with pytest.raises(OSError, match="fileno"):
        writer.fileno()
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write("x")


@pytest.mark.parametrize(
    "location", [(1,), 3, (1, -1), ("a", 2), (1.5, 2), (0, 10_000)]
)
def test_another_place_is_refused(location: object) -> None:
    """By name, of `Writer` and of `tqdm`."""
    with pytest.raises(ValueError, match="location must be column and row"):
        Writer(location)  # type: ignore[arg-type]
    if not isinstance(location, int):
        with pytest.raises(ValueError, match="position must be column and row"):
            async_plot.tqdm(position=location)  # type: ignore[arg-type]


def test_progressbar2_writes_into_it() -> None:
    """The real one, as the seed calls it."""
    with Writer((0, 10)) as writer:
        bar = progressbar.ProgressBar(fd=writer, max_value=20)
        bar.start()
        for i in range(20):
            bar.update(i)
        bar.finish()
        assert writer.text.startswith("100% (20 of 20) |###")
        assert "\x1b" not in writer.text


def test_tqdm_and_rich_write_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all that they do to a terminal."""
    monkeypatch.setattr(tqdm.tqdm, "monitor_interval", 0)  # a thread that stays
    with Writer((0, 10)) as writer:
        for _ in tqdm.tqdm(range(3), file=writer, desc="cells"):
            pass
        assert writer.text.startswith("cells: 100%") and "3/3" in writer.text
        console = rich.console.Console(file=writer)
        for _ in rich.progress.track(range(3), console=console, description="stars"):
            pass
        assert writer.text.startswith("stars") and "100%" in writer.text


def test_one_that_nobody_holds_ends() -> None:
    """And its text stays."""
    writer = Writer((0, 0))
    writer.write("text")
    bar = weakref.ref(writer._bar)
    handle = writer._bar._handle  # type: ignore[union-attr]
    del writer
    gc.collect()
    assert bar() is None
    assert handle is not None and handle.ended
    last = handle.look(0.0)
    assert (last.state, last.postfix, last.leave) == ("finished", "text", True)
    assert not desk._open


def test_it_travels() -> None:
    """A copy in another process is one of that process."""
    with Writer((5, 6)) as writer, pickle.loads(pickle.dumps(writer)) as copy:
        assert copy.location == (5, 6) and copy.text == ""
        assert copy._bar.key != told(writer).bar


def test_a_forked_child_writes_as_itself() -> None:
    """Into one that its parent has made: at that place, and of that process."""
    source = """
import os, signal, threading, time
from async_plot import Client, Server, Writer
told = {}
def listen():
    for bar in Client(server).progress():
        told[bar.postfix] = (bar.place, bool(bar.worker))
with Server(view=None) as server:
    listener = threading.Thread(target=listen)
    listener.start()
    writer = Writer((1, 2))
    writer.write("\\rparent")
    child = os.fork()
    if not child:
        writer.write("\\rchild")
        signal.pause()
    while not {"parent", "child"} <= set(told):
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
listener.join()
print(told["parent"], told["child"])
"""
    assert run_script(source).stdout == "([1, 2], False) ([1, 2], True)\n"


def test_without_a_run_it_is_a_line() -> None:
    """On stderr, and nothing but what was written."""
    source = """
import sys
from async_plot import Writer
writer = Writer((0, 30))
writer.write("\\r10 %")
writer.write("\\r20 %")
writer.close()
"""
    done = run_script(source)
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == "20 %"
    assert set(done.stderr.splitlines()) <= {"10 %", "20 %"}
