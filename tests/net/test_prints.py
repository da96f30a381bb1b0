"""Prints that are kept while something else has the terminal."""

from __future__ import annotations

import os
import pty
import resource
import threading
from collections.abc import Iterator

import pytest

from async_plot.net import prints as module
from async_plot.net.prints import Prints


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


def test_what_is_old_is_given_back(terminal: tuple[int, int]) -> None:
    """What is new stays where it was; how much is gone is told."""
    prints = Prints(terminal[1])
    try:
        piece = bytes(1 << 20)
        for _ in range(40):
            os.write(prints.descriptor, piece)
            prints.shorten()
        os.write(prints.descriptor, b"the end\n")
        status = os.fstat(prints.descriptor)
        assert status.st_size == (40 << 20) + 8
        assert 512 * status.st_blocks <= 2 * module.KEPT
        assert os.pread(prints.descriptor, 8, 40 << 20) == b"the end\n"
        assert prints._given >= 30 << 20
    finally:
        prints.close()


def test_it_is_written_once(terminal: tuple[int, int]) -> None:
    """And what comes later, later."""
    master, slave = terminal
    prints = Prints(slave)
    try:
        os.write(prints.descriptor, b"one\n")
        prints.write()
        prints.write()
        os.write(prints.descriptor, b"two\n")
        prints.write()
        told = b""
        while len(told) < 10:
            told += os.read(master, 100)
        assert told == b"one\r\ntwo\r\n"
    finally:
        prints.close()


def test_what_comes_while_it_is_written_is_for_the_next_time(
    terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may print faster than a terminal shows it."""
    prints = Prints(terminal[1])
    shown = []

    def put(target: int, data: bytes) -> None:
        shown.append(data)
        os.write(prints.descriptor, data)

    monkeypatch.setattr(module, "put", put)
    try:
        assert not prints.waits
        os.write(prints.descriptor, b"one\n")
        prints.write()
        assert shown == [b"one\n"]
        assert prints.waits
    finally:
        prints.close()
    assert not prints.waits
    prints.shorten()  # of which nobody was told yet


def test_a_terminal_that_never_waits_gets_all(terminal: tuple[int, int]) -> None:
    """Some program has switched that on, for all who have it."""
    master, slave = terminal
    prints = Prints(slave)
    os.set_blocking(slave, False)
    writer = threading.Thread(target=prints.write)
    try:
        os.write(prints.descriptor, 100_000 * b"x")
        writer.start()
        got = 0
        while got < 100_000:
            got += len(os.read(master, 1 << 16))
    finally:
        writer.join()
        prints.close()


def test_writers_append(terminal: tuple[int, int]) -> None:
    """From wherever: each process has its own place in the file otherwise."""
    prints = Prints(terminal[1])
    try:
        os.pwrite(prints.descriptor, b"a", 0)
        os.lseek(prints.descriptor, 0, os.SEEK_SET)
        os.write(prints.descriptor, b"b")
        assert os.pread(prints.descriptor, 10, 0) == b"ab"
    finally:
        prints.close()


def test_no_descriptor_of_another_kind_is_changed(terminal: tuple[int, int]) -> None:
    """What was sent to a file or to a pipe goes there."""
    prints = Prints(terminal[1])
    before = [os.fstat(number).st_ino for number in (1, 2)]
    try:
        prints.divert()  # under pytest both lead into files
        assert [os.fstat(number).st_ino for number in (1, 2)] == before
        prints.put_back()
    finally:
        prints.close()


def test_a_limit_of_files_is_respected(
    terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A print that cannot be kept would raise in the calculation."""
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1 << 20, 1 << 20))
    with pytest.raises(OSError, match="size of files is limited"):
        Prints(terminal[1])
