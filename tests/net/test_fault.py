"""Tests of the fault file; that of real crashes is in ``tests/faults``."""

from __future__ import annotations

import faulthandler
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from async_plot.net import fault
from async_plot.net.fault import Fault


@pytest.fixture(autouse=True)
def off() -> Iterator[None]:
    """Faulthandler as it is in a program; the test runner has it on."""
    was = faulthandler.is_enabled()
    faulthandler.disable()
    yield
    assert fault._sink is None and not faulthandler.is_enabled()
    if was:
        faulthandler.enable(2)


def opened(path: Path) -> Fault:
    one = Fault()
    one.open(path)
    return one


def test_it_is_on_as_long_as_a_run_needs_it(tmp_path: Path) -> None:
    """Each run has the file, and an empty one is removed."""
    one, two = opened(tmp_path / "one"), opened(tmp_path / "two")
    assert faulthandler.is_enabled()
    assert (tmp_path / "one").samefile(tmp_path / "two")
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600
    one.close()
    one.close()
    assert faulthandler.is_enabled()
    two.close()
    assert not faulthandler.is_enabled()
    (tmp_path / "two").write_text("a crash")
    (tmp_path / "one").unlink()
    two.tidy()
    one.tidy()
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["two"]


@pytest.mark.parametrize("again", ["close", "open"])
def test_an_end_that_was_interrupted_is_made_good(
    again: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the next end, or the next run's begin: no descriptor stays open."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    one = opened(tmp_path / "one")
    sink = fault._current()
    assert sink is not None
    number = sink.fileno()
    del sink
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(faulthandler, "disable", interrupted)
        one.close()
    if again == "open":
        two = opened(tmp_path / "two")
        assert faulthandler.is_enabled() and (tmp_path / "two").exists()
        assert not (tmp_path / "two").samefile(tmp_path / "one")
        two.close()
    one.close()
    assert not faulthandler.is_enabled()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(number)


def test_whoever_takes_over_keeps_it(tmp_path: Path) -> None:
    """Our file is closed then, and theirs is left on."""
    one = opened(tmp_path / "one")
    sink = fault._current()
    assert sink is not None
    number = sink.fileno()
    del sink
    with open(tmp_path / "theirs", "w") as theirs:
        faulthandler.enable(theirs)
        assert fault._current() is None
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(number)
        one.close()
        assert faulthandler.is_enabled()
        faulthandler.disable()
    one.tidy()


def test_where_it_is_on_already(tmp_path: Path) -> None:
    """Nothing is done, at the start and at the end."""
    with open(tmp_path / "theirs", "w") as theirs:
        faulthandler.enable(theirs)
        one = opened(tmp_path / "one")
        one.close()
        one.tidy()
        assert faulthandler.is_enabled()
        faulthandler.disable()
    assert not (tmp_path / "one").exists()


def test_where_a_signal_is_taken(tmp_path: Path) -> None:
    """By a handler of Python's, or ignored."""
    for handler in (lambda *_: None, signal.SIG_IGN):
        before = signal.signal(signal.SIGFPE, handler)
        try:
            one = opened(tmp_path / "one")
            assert not faulthandler.is_enabled()
            one.close()
        finally:
            signal.signal(signal.SIGFPE, before)
    assert not fault._anybody_interested()


def test_a_directory_that_is_gone(tmp_path: Path) -> None:
    """No file, no error."""
    one = opened(tmp_path / "absent" / "one")
    assert not faulthandler.is_enabled()
    one.close()
    one.tidy()


def test_an_interrupt_takes_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And passes through."""

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(faulthandler, "enable", interrupt)
        opened(tmp_path / "one")
    assert fault._users == []


def test_a_forked_child_has_none(tmp_path: Path) -> None:
    """Neither switched on nor open."""
    one = opened(tmp_path / "one")
    child = os.fork()
    if not child:
        try:
            one.forked()
            os._exit(faulthandler.is_enabled() or fault._current() is not None)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert faulthandler.is_enabled()
    one.close()
    one.tidy()
