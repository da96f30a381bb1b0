"""Bars: what they tell, whose they are, and how they end."""

from __future__ import annotations

import gc
import math
import os
import threading
import weakref

import pytest

import async_plot
from async_plot import Server
from async_plot.jobs import bars
from async_plot.jobs.bars import Bar, progress, track
from async_plot.jobs.desk import desk

from ..helpers import ROOT, run_script


class Clock:
    """Ticks when it is told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def reader():
    reader = desk.reader(lambda: None)
    yield reader
    desk.leave(reader)
    assert not desk._open


def told(reader):
    """The newest of each bar, by what it counts."""
    return {message.desc: message for message in reader.news(0.0)}


def test_what_a_bar_tells(reader):
    """Counts, rate and time left, on the bar's own clock."""
    clock = Clock()
    bar = Bar(10, desc="cells", unit="cell", initial=2, place=[3], clock=clock)
    bar.postfix = "loss 3"
    bar.failed = 1
    clock.now += 2
    bar.update(4)
    message = told(reader)["cells"]
    assert (message.done, message.total, message.failed) == (6, 10, 1)
    assert (message.elapsed, message.rate, message.remaining) == (2, 2, 2)
    assert (message.unit, message.postfix, message.place) == ("cell", "loss 3", [3])
    assert (message.state, message.leave, message.parent) == ("running", True, "")
    bar.update(4)
    bar.close()
    message = told(reader)["cells"]
    assert (message.state, message.done, message.remaining) == ("finished", 10, 0)
    assert not reader.busy


@pytest.mark.parametrize(
    "change",
    [
        lambda bar: bar.update(),
        lambda bar: setattr(bar, "n", 7),
        lambda bar: setattr(bar, "total", 7),
        lambda bar: setattr(bar, "desc", "else"),
        lambda bar: setattr(bar, "unit", "B"),
        lambda bar: setattr(bar, "postfix", "x=1"),
        lambda bar: setattr(bar, "failed", 1),
        lambda bar: setattr(bar, "place", [1, 2]),
        lambda bar: setattr(bar, "place", 4),
        lambda bar: setattr(bar, "leave", False),
        lambda bar: setattr(bar, "job", "job"),
        lambda bar: bar.close(),
    ],
)
def test_every_change_is_told(reader, change):
    """Whatever a view would show differently is news; time alone is not."""
    bar = Bar(5)
    reader.news(0.0)
    assert not reader.news(1.0)
    change(bar)
    assert len(reader.news(2.0)) == 1
    bar.close()


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("n", "many"),
        ("total", object()),
        ("total", math.nan),
        ("total", math.inf),
        ("total", -3),
        ("desc", None),
        ("desc", 17),
        ("desc", "a\x1b[2J\nb" * 10_000),
        ("postfix", b"x"),
        ("place", None),
        ("place", "here"),
        ("place", [1, 2, 3, 4]),
    ],
)
def test_nothing_that_is_set_stops_the_reader(reader, attribute, value):
    """Nonsense is shown as what can be shown of it: bounded text of one line."""
    bar = Bar(5)
    if attribute == "n":
        bar._n = value
    else:
        setattr(bar, attribute, value)
    (message,) = reader.news(0.0)
    assert len(message.desc) <= 1000
    assert message.desc.isprintable()
    assert message.total in (5, -1)
    bar._n = 0
    bar.close()


def test_states():
    """With and without a block, with and without an exception."""
    with Bar(2) as bar:
        bar.update(2)
    assert bar.state == "finished"
    with Bar(2) as bar:
        bar.update()
    assert bar.state == "stopped"
    with Bar() as bar:
        pass
    assert bar.state == "finished"
    with pytest.raises(ValueError), Bar(2) as bar:
        raise ValueError
    assert bar.state == "failed"
    with pytest.raises(KeyboardInterrupt), track([1, 2]) as bar:
        for _ in bar:
            raise KeyboardInterrupt
    assert (bar.state, bar.n) == ("interrupted", 0)
    bar = Bar(2)
    bar.close("failed")
    bar.close()
    assert bar.state == "failed"


def test_a_loop_ends_its_bar(reader):
    """Exhausted is finished, whatever the total said; left is stopped."""
    bar = track(range(5), 9, desc="all")
    assert sum(bar) == 10
    assert (bar.n, bar.state) == (5, "finished")
    bar = track(range(5), desc="some")
    for item in bar:
        if item == 2:
            break
    assert (bar.n, bar.state) == (2, "stopped")
    messages = told(reader)
    assert messages["all"].done == 5
    assert messages["some"].done == 2
    assert list(bar) == [0, 1, 2, 3, 4]  # once more, and uncounted
    assert bar.n == 2


def test_setting_the_count_in_a_loop():
    """A loop that says where it is goes on from there."""
    bar = track(range(6))
    for item in bar:
        if item == 2:
            bar.n = 10
        bar.update(100)
    assert bar.n == 10 + 400 + 4


def test_total_of_an_iterable():
    """Its length, where it has one that can be asked for."""

    class Failing(list):
        def __len__(self):
            raise OSError

    assert track(range(7)).total == 7
    assert track(iter(range(7))).total is None
    assert track(Failing()).total is None
    assert track(range(7), 9).total == 9


def test_nesting(reader):
    """A bar begun inside of another one is its child, to any depth."""
    messages = {}
    for _ in track(range(2), desc="outer"):
        for _ in track(range(2), desc="middle", leave=False):
            with progress(desc="inner") as inner:
                messages.update(told(reader))
                outer = messages["outer"].bar
                assert messages["outer"].parent == ""
                assert messages["middle"].parent == outer
                assert messages["inner"].parent == messages["middle"].bar
                assert not messages["middle"].leave
            with progress(desc="sibling") as sibling:
                assert sibling.parent == inner.parent
    with progress() as bar:
        assert bar.parent == ""


def test_a_thread_has_bars_of_its_own():
    """What another thread begins is nobody's child."""
    parents = []
    with progress():
        thread = threading.Thread(target=lambda: parents.append(Bar().parent))
        thread.start()
        thread.join()
    assert parents == [""]


def test_an_outer_bar_that_is_closed_first():
    """The order of ends does not matter."""
    outer, inner = Bar(), Bar()
    outer.close()
    assert Bar().parent == inner.key
    inner.close()
    assert Bar().parent == ""


def test_a_bar_that_is_forgotten_ends(reader):
    """It is told as stopped, and is gone."""
    bar = progress(10, desc="forgotten")
    known = weakref.ref(bar)
    bar.update(3)
    del bar
    gc.collect()
    assert known() is None
    message = told(reader)["forgotten"]
    assert (message.state, message.done) == ("stopped", 3)


def test_many_bars_leave_nothing(reader):
    """Neither desk nor thread remembers bars that have ended."""
    first = Bar()
    for _ in range(1000):
        Bar().close()
        other = Bar()
        Bar().close()
        other.close()
    assert len(bars._here.open) < 100
    first.close()
    reader.news(0.0)
    assert not reader.busy


def test_a_generator_is_not_kept(reader):
    """It is closed in its loop's thread, though a reader still knows the bar."""
    closed = []

    def closing():
        try:
            yield from range(3)
        finally:
            closed.append(threading.current_thread())

    bar = track(closing())
    for _ in bar:
        break
    assert closed == [threading.current_thread()]
    assert bar.n == 0


def test_switched_off(monkeypatch, reader):
    """With ``ASYNC_PLOT=off`` a bar counts, and nobody is told."""
    monkeypatch.setenv("ASYNC_PLOT", "off")
    bar = track(range(5))
    assert list(bar) == [0, 1, 2, 3, 4]
    assert bar.n == 5
    assert not reader.news(0.0)


def test_the_servers_own():
    """``track`` and ``progress`` of a server start it."""
    with Server(view=None) as server:
        assert sum(server.track(range(4), desc="a")) == 6
        with server.progress(3, desc="b", unit="cell") as bar:
            bar.update(3)
        assert (bar.n, bar.unit, bar.state) == (3, "cell", "finished")
    server = Server(view=None)
    for _ in server.track([1]):
        assert server.address
    server.close()


def test_public_names():
    """The plain forms are the package's own."""
    assert async_plot.track is track
    assert async_plot.progress is progress


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked():
    """The parent's bar is none of the child's business, in which new ones begin."""
    run_script("""
import os
from async_plot.jobs.desk import desk
from async_plot import progress, track
with progress(desc="parent") as bar:
    child = os.fork()
    if child == 0:
        reader = desk.reader(lambda: None)
        bar.update()
        mine = progress(desc="child")
        (message,) = reader.news(0.0)
        os._exit((message.desc, message.parent) != ("child", ""))
    assert os.waitpid(child, 0)[1] == 0
    assert bar.n == 0
""")


def test_ctrl_c_anywhere():
    """Wherever Ctrl-C comes, it arrives, and the bars end."""
    run_script(
        """
import dis, itertools, os, signal, sys, threading
sys.path.insert(0, sys.argv[1])
from async_plot.jobs.desk import desk
from async_plot import progress, track
from tests.helpers import on_the_brink

desk.reader(lambda: None)

def work():
    with progress(3) as bar:
        for _ in track(i for i in range(3)):
            bar.update()
        for _ in track([1, 2, 3]):
            break

def quiet(frame):
    # A finalizer of Python's own kind has no handler yet when it is entered; and a
    # generator that is closed asks for no interrupt outside of its inner handler.
    name = frame.f_code.co_name
    return name == "__del__" or name == "_guard" and not calls(frame)

def calls(frame):
    return "CALL" in dis.opname[frame.f_code.co_code[frame.f_lasti]]

def interrupt_after(steps):
    left = steps
    def trace(frame, event, arg):
        nonlocal left
        frame.f_trace_opcodes = True
        if "async_plot" in frame.f_code.co_filename and event == "opcode":
            left -= 1
            if left <= 0 and not on_the_brink(frame) and not quiet(frame):
                where.append((frame.f_code.co_name, frame.f_lineno, frame.f_lasti))
                sys.settrace(None)
                signal.raise_signal(signal.SIGINT)
        return trace
    return trace

swallowed, where = [], []
sys.unraisablehook = swallowed.append
came = 0
for steps in itertools.count(1, int(sys.argv[2])):
    event = threading.Event()
    sys.settrace(interrupt_after(steps))
    interrupted = done = False
    try:
        try:
            work()
            done = sys.gettrace() is not None
            sys.settrace(None)
            if not done:
                event.wait(30)  # it was delivered again: it comes by now
        finally:
            sys.settrace(None)
    except KeyboardInterrupt:
        interrupted = True
        came += 1
    assert interrupted or done, (steps, where[-1:], swallowed)
    assert not desk._open, (steps, desk._open)
    if done:
        break
assert came > 20, came
assert not swallowed, swallowed
""",
        str(ROOT),
        "7",
    )
