"""Every use in tqdm's documentation, with another import."""

from __future__ import annotations

import contextlib
import inspect
import io
import logging
import multiprocessing
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from tqdm import tqdm as theirs
from tqdm.contrib.concurrent import thread_map

from async_plot import tqdm, trange
from async_plot.jobs import lines
from async_plot.jobs.bars import Bar
from async_plot.jobs.contrib import (
    DummyTqdmFile,
    logging_redirect_tqdm,
    tenumerate,
    tmap,
    tqdm_logging_redirect,
    tzip,
)
from async_plot.jobs.desk import desk

from ..helpers import AMPLE, run_script


@pytest.fixture(autouse=True)
def nothing_open(monkeypatch):
    monkeypatch.setattr(lines, "PATIENCE", AMPLE)
    yield
    assert not desk._open


@pytest.fixture
def out():
    return io.StringIO()


def last(out):
    return out.getvalue().splitlines()[-1]


def test_same_arguments():
    """The constructor has tqdm's names, order and defaults."""
    ours = inspect.signature(tqdm.__init__).parameters
    expected = inspect.signature(theirs.__init__).parameters
    assert list(ours) == list(expected)
    for name, parameter in expected.items():
        assert ours[name].default == parameter.default, name
        assert ours[name].kind == parameter.kind, name


def test_same_methods():
    """Whatever is public on a bar of tqdm is there."""
    public = {name for name in dir(theirs) if not name.startswith("_")}
    assert public - set(dir(tqdm)) <= {"moveto", "sp"}


def test_around_an_iterable(out):
    """In a loop, by ``trange``, and made before the loop."""
    text = ""
    for character in tqdm(["a", "b", "c", "d"], file=out):
        text += character
    assert text == "abcd"
    assert last(out).startswith("100%|")
    assert "4/4" in last(out)
    assert sum(trange(100, file=out)) == 4950
    bar = tqdm(["a", "b"], file=out)
    for character in bar:
        bar.set_description(f"Processing {character}")
    assert last(out).startswith("Processing b: 100%|")


def test_by_hand(out):
    """Moved by ``update``, in a block and without one."""
    with tqdm(total=100, file=out) as bar:
        for _ in range(10):
            bar.update(10)
    assert "100/100" in last(out)
    bar = tqdm(total=100, file=out)
    bar.update(40)
    bar.update(-10)
    bar.close()
    bar.close()
    assert "30/100" in last(out)
    bar = tqdm(total=100, file=out, initial=20)
    bar.update(10)
    del bar
    assert "30/100" in last(out)


def test_description_and_postfix(out):
    """Values are formatted by their type, sorted by name."""
    with trange(10, file=out) as bar:
        for i in bar:
            bar.set_description(f"GEN {i}")
            bar.set_postfix(loss=0.123456, gen=7, str="h ", lst=[1, 2])
    assert last(out).startswith("GEN 9: 100%|")
    assert last(out).endswith("gen=7, loss=0.123, lst=[1, 2], str=h]")
    with tqdm(total=1, file=out, postfix={"a": 1}) as bar:
        bar.set_postfix_str("other")
        bar.set_description_str("text")
    assert last(out).startswith("text:")
    assert last(out).endswith("other]")


def test_postfix_in_a_form(out):
    """A postfix that is no dict of names is handed to the form."""
    with tqdm(
        total=10,
        file=out,
        bar_format="{postfix[0]} {postfix[1][value]:>8.2g}",
        postfix=["Batch", {"value": 0}],
    ) as bar:
        for i in range(10):
            bar.postfix[1]["value"] = i / 2
            bar.update()
    assert last(out) == "Batch      4.5"


def test_more_fields(out):
    """A subclass adds fields to the form."""

    class Extra(tqdm):
        @property
        def format_dict(self):
            fields = super().format_dict
            time = fields["elapsed"] * (fields["total"] or 0) / max(fields["n"], 1)
            fields.update(total_time=self.format_interval(time) + " in total")
            return fields

    for i in Extra(
        range(9),
        file=out,
        ascii=" .oO0",
        bar_format="{total_time}: {percentage:.0f}%|{bar}{r_bar}",
    ):
        if i == 4:
            break
    assert last(out).startswith("00:00 in total: 44%|0000.     | 4/9 [00:00<")


def test_nested(out):
    """Three deep; the innermost leaves nothing."""
    for _ in trange(2, desc="1st loop", file=out):
        for _ in trange(3, desc="2nd loop", file=out):
            for _ in trange(5, desc="3rd loop", leave=False, file=out):
                pass
    text = out.getvalue()
    assert text.count("2nd loop: 100%") == 2
    assert text.count("1st loop: 100%") == 1
    assert "3rd loop" not in text
    for _ in trange(2, file=out, leave=None):
        for _ in trange(3, desc="gone", file=out, leave=None):
            pass
    assert "gone" not in out.getvalue()


def _in_a_process(n):
    for _ in trange(50, desc=f"#{n}", position=n):
        pass
    return n


def test_in_processes():
    """One lock for all, handed to the workers of a pool."""
    tqdm.set_lock(multiprocessing.RLock())
    try:
        with multiprocessing.get_context("fork").Pool(
            2, initializer=tqdm.set_lock, initargs=(tqdm.get_lock(),)
        ) as pool:
            assert pool.map(_in_a_process, range(4)) == [0, 1, 2, 3]
            pool.close()
            pool.join()
    finally:
        del tqdm._lock
        lines.lines.lock = None


def test_in_threads(capsys):
    """``write`` may be called by any thread."""

    def work(n):
        for _ in trange(100, desc=f"#{n}"):
            pass
        if n == 3:
            tqdm.write("n == 3 completed.")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(9), timeout=AMPLE))
    captured = capsys.readouterr()
    assert captured.out == "n == 3 completed.\n"
    assert captured.err.count("100%") == 9


def test_hooks(out):
    """A subclass with a method that sets the count."""

    class UpTo(tqdm):
        def update_to(self, blocks=1, size=1, total=None):
            if total is not None:
                self.total = total
            return self.update(blocks * size - self.n)

    with UpTo(
        unit="B", unit_scale=True, unit_divisor=1024, miniters=1, desc="f", file=out
    ) as bar:
        for block in range(5):
            bar.update_to(block, 1024, 10_000)
        bar.total = bar.n
    assert "4.00k/4.00k" in last(out)


def test_update_says_whether_it_was_shown():
    """A subclass is told, and calls its own callback."""
    called = []

    class Telling(tqdm):
        def update(self, n=1):
            shown = super().update(n)
            if shown:
                called.append(self.format_dict["n"])
            return shown

    reader = desk.reader(lambda: None)
    try:
        with Telling(total=10) as bar:
            reader.news(0.0)
            for _ in range(5):
                bar.update()
            bar.update()
            reader.news(0.0)
            bar.update()
    finally:
        desk.leave(reader)
    assert called == [1, 7]
    assert issubclass(Telling, tqdm)


def test_a_meter(out):
    """The total may change while it runs, ``update(0)`` is nothing."""
    bar = tqdm(total=1, unit="file", file=out, disable=not True)
    bar.total += 3
    bar.set_postfix(dir="x" * 10, refresh=False)
    bar.update(0)
    for _ in range(4):
        bar.update()
    bar.set_postfix(dir=".")
    bar.close()
    assert "4/4" in last(out)


def test_used_again(out):
    """``reset`` begins anew."""
    bar = tqdm(file=out)
    bar.reset(total=5)
    for _ in range(5):
        bar.update()
    bar.refresh()
    bar.unpause()
    bar.reset()
    assert bar.n == 0
    bar.close()


def test_redirected_output(capsys):
    """``print`` inside of a library goes above the bars."""

    @contextlib.contextmanager
    def redirected():
        before = sys.stdout, sys.stderr
        try:
            sys.stdout, sys.stderr = map(DummyTqdmFile, before)
            yield before[0]
        finally:
            sys.stdout, sys.stderr = before

    with redirected() as stdout:
        for i in tqdm(range(3), file=stdout, dynamic_ncols=True):
            print("Fee, fi, fo,".split()[i])
        print("rest", end="")
        sys.stdout.flush()
    shown = capsys.readouterr().out
    assert [word for word in ("Fee,", "fi,", "fo,") if word + "\n" in shown]
    assert "rest" in shown


def test_redirected_logging(capsys):
    """Records on the console go above the bars, and back to it later."""
    logger = logging.getLogger("test_redirected_logging")
    logger.propagate = False
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(logging.Formatter("-- %(message)s"))
    kept = logging.NullHandler()
    logger.handlers = [console, kept]
    with logging_redirect_tqdm([logger]):
        for i in trange(9):
            if i == 4:
                logger.warning("above")
        assert console not in logger.handlers
        assert kept in logger.handlers
    assert logger.handlers == [console, kept]
    with tqdm_logging_redirect(total=2, loggers=[logger]) as bar:
        bar.update(2)
        logger.warning("again")
    logger.handlers = []
    text = capsys.readouterr().err
    assert "-- above\n" in text
    assert "-- again\n" in text


def test_convenience(out):
    """``tenumerate``, ``tzip`` and ``tmap``."""
    assert list(tenumerate("ab", 3, file=out)) == [(3, "a"), (4, "b")]
    assert list(tenumerate(np.eye(2), file=out))[1] == ((0, 1), 0)
    assert list(tzip("ab", "cd", file=out)) == [("a", "c"), ("b", "d")]
    assert list(tmap(abs, [-1, 2], file=out)) == [1, 2]
    assert out.getvalue().count("100%") == 4


def test_in_libraries(out):
    """As ``tqdm_class=``: with tqdm's own pools, and as a subclass with more words."""

    class Named(tqdm):
        def __init__(self, *args, name=None, **kwargs):
            self.name = name
            super().__init__(*args, **kwargs)

        def __delattr__(self, name):
            with contextlib.suppress(AttributeError):
                super().__delattr__(name)

    found = thread_map(
        abs, [-1, 2, -3], tqdm_class=Named, name="n", file=out, max_workers=2
    )
    assert found == [1, 2, 3]
    assert "3/3" in last(out)
    if hasattr(tqdm, "_lock"):
        del tqdm._lock
    lines.lines.lock = None


def test_partial(out):
    """Other defaults by Python's own means."""
    short = partial(tqdm, dynamic_ncols=True, ncols=30, file=out)
    list(short(range(3)))
    assert len(last(out)) == 30


def test_own_display():
    """A subclass that shows itself is asked to, and gets no line."""
    shown = threading.Event()
    out = io.StringIO()

    class Frontend(tqdm):
        def display(self, msg=None, pos=None):
            shown.set()

    with Frontend(total=3, file=out, gui=True) as bar:
        bar.update()
        assert shown.wait(AMPLE)
    assert not out.getvalue()


def test_disabled(out, monkeypatch):
    """Nothing is shown; None: unless it is a terminal."""
    reader = desk.reader(lambda: None)
    bar = tqdm(range(3), disable=True, file=out)
    assert list(bar) == [0, 1, 2]
    bar.update()
    bar.close()
    assert not reader.news(0.0)
    desk.leave(reader)
    bar = tqdm(range(3), disable=None, file=out)
    assert bar.disable
    assert list(bar) == [0, 1, 2]
    monkeypatch.setenv("TQDM_DISABLE", "1")
    assert list(tqdm(range(3), file=out)) == [0, 1, 2]
    monkeypatch.delenv("TQDM_DISABLE")
    assert not out.getvalue()
    monkeypatch.setenv("TQDM_ASCII", "1")
    monkeypatch.setenv("TQDM_NCOLS", "60")
    list(tqdm(range(3), file=out))
    assert "##" in last(out)
    assert len(last(out)) == 60


def test_disabled_in_a_file_but_seen():
    """With ``disable=None`` a view shows it, though a log does not."""
    reader = desk.reader(lambda: None)
    try:
        with tqdm(total=3, desc="seen", disable=None, file=io.StringIO()):
            (message,) = reader.news(0.0)
    finally:
        desk.leave(reader)
    assert message.desc == "seen"


def test_as_a_container(out):
    """Length, truth, membership, order and reverse."""
    bar = tqdm([1, 2, 3], file=out)
    assert len(bar) == 3
    assert bar
    assert 2 in bar
    assert bar == bar
    assert len({bar, bar}) == 1
    assert list(reversed(bar)) == [3, 2, 1]
    assert len(tqdm(np.zeros((4, 2)), file=out)) == 4
    assert len(tqdm(total=7, file=out)) == 7
    assert len(tqdm(iter([1, 2]), file=out)) == 2
    assert not tqdm([], file=out)
    assert tqdm(iter([1]), file=out)
    assert 3 in tqdm(iter([1, 2, 3]), file=out)
    with tqdm(total=1, file=out) as high, tqdm(total=1, position=3, file=out) as low:
        assert high < low
        assert low >= high
        assert low > high
        assert high <= low
        assert high != low
    with pytest.raises(TypeError, match=r"bool\(\) undefined"):
        bool(tqdm(file=out))
    with pytest.raises(TypeError, match="not iterable"):
        iter(tqdm(total=3, file=out))
    with pytest.raises(TypeError):
        len(tqdm(file=out))


def test_wrong_arguments():
    """An unknown one is a KeyError, as there."""
    with pytest.raises(KeyError, match=r"Unknown argument.*wrong"):
        tqdm([], wrong=1)


def test_total_that_is_not_known(out):
    """Infinity, a generator, or nothing."""
    for iterable, total in ((range(3), float("inf")), ((i for i in range(3)), None)):
        bar = tqdm(iterable, total=total, file=out)
        assert bar.total is None
        assert sum(bar) == 3
        assert last(out).startswith("3it [00:00, ")


def test_what_views_are_told():
    """The face is a bar as any other."""
    reader = desk.reader(lambda: None)
    try:
        with tqdm(total=10, desc="d", unit="B", position=2, initial=4) as bar:
            assert isinstance(bar, Bar)
            bar.set_postfix(x=1)
            bar.update(2)
            (message,) = reader.news(0.0)
    finally:
        desk.leave(reader)
    assert (message.desc, message.unit, message.place) == ("d", "B", [2])
    assert (message.done, message.total, message.postfix) == (6, 10, "x=1")


def test_clear_and_refresh(out):
    """They may be called at any time."""
    with tqdm(total=3, file=out) as bar:
        bar.refresh()
        bar.clear()
        assert bar.display()
        assert "0/3" in str(bar)
    tqdm._instances.clear()


def test_script():
    """A whole program: tqdm's import replaced."""
    done = run_script("""
from async_plot.jobs import lines
lines.PATIENCE = 120.0
from async_plot import tqdm
text = ""
for char in tqdm(["a", "b", "c", "d"]):
    text = text + char
print(text)
""")
    assert done.stdout == "abcd\n"
    assert "100%" in done.stderr
    assert os.linesep
