"""Slots: reserved, nameless, copied out whole or not at all."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from async_plot.net import slots
from async_plot.net.slots import Shared, SlotReader
from async_plot.wire.messages import Slot, SlotFrame

from ..helpers import AMPLE

MIB = 1 << 20


@pytest.fixture
def made() -> Iterator[list[Shared]]:
    """Three slots of 1 MiB and more."""
    three = slots.make(1, MIB)
    yield three
    for each in three:
        each.close()


def frame(slot: Shared, sequence: int, *starts: int) -> SlotFrame:
    return SlotFrame(slot.number, sequence, list(starts), b"")


def write(slot: Shared, value: int) -> int:
    slot.begin()
    slot.memory[:] = value
    return slot.finish()


def test_what_is_written_is_copied_out(made: list[Shared]) -> None:
    """Arrays at any place of any of the slots."""
    reader = SlotReader()
    assert all(reader.add(each.message()) for each in made)
    assert reader.numbers == [1, 2, 3]
    for each in made:
        sequence = write(each, each.number)
        targets = [np.zeros(MIB, np.uint8), np.zeros(0, np.uint8), bytearray(5)]
        where = frame(each, sequence, 0, 64, 128)
        assert reader.holds(where, [MIB, 0, 5])
        assert reader.copy(where, targets)
        assert set(targets[0]) == set(targets[2]) == {each.number}


def test_a_slot_that_is_written_again_is_void(made: list[Shared]) -> None:
    """From the first byte of the writing to its end, and after it."""
    reader = SlotReader()
    slot = made[0]
    reader.add(slot.message())
    first = write(slot, 1)
    target = [np.zeros(100, np.uint8)]
    assert reader.copy(frame(slot, first, 0), target)
    slot.begin()
    assert not reader.copy(frame(slot, first, 0), target)
    second = slot.finish()
    assert not reader.copy(frame(slot, first, 0), target)
    assert reader.copy(frame(slot, second, 0), target)
    # A writing that was broken off, and begun again.
    slot.begin()
    slot.begin()
    assert not reader.copy(frame(slot, second, 0), target)
    third = slot.finish()
    assert len({first, second, third}) == 3
    assert third % 2 == 0 and reader.copy(frame(slot, third, 0), target)


def test_no_copy_is_torn_while_the_writer_never_rests(made: list[Shared]) -> None:
    """A copy during which the slot was written again is not taken for whole."""
    reader = SlotReader()
    slot = made[0]
    reader.add(slot.message())
    told = [frame(slot, write(slot, 0), 0)]
    stop = threading.Event()

    def keep_writing() -> None:
        value = 0
        while not stop.is_set():
            value = (value + 1) % 256
            told.append(frame(slot, write(slot, value), 0))
            if value % 4 == 0:  # else no copy would ever come through
                stop.wait(0.002)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    target = np.zeros(MIB, np.uint8)
    whole = void = 0
    try:
        while whole < 50 or void < 5:
            if reader.copy(told[-1], [target]):
                assert (target == target[0]).all()
                whole += 1
            else:
                void += 1
    finally:
        stop.set()
        writer.join()


def test_a_slot_needs_no_name(made: list[Shared]) -> None:
    """Nothing can be left behind, however the process ends."""
    descriptors = {each.message().descriptor for each in made}
    names = {os.readlink(f"/proc/self/fd/{number}") for number in descriptors}
    assert all(name.endswith("(deleted)") for name in names)
    assert not any(Path(name).exists() for name in names)


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": b"\1" * 32},
        {"token": b""},
        {"size": 4096},
        {"size": 1 << 40},
        {"size": 0},
        {"descriptor": 1 << 20},
        {"pid": 1 << 30},
    ],
    ids=lambda wrong: str(next(iter(wrong))),
)
def test_whatever_is_not_the_slot_is_not_mapped(
    made: list[Shared], wrong: dict[str, object]
) -> None:
    """A process number may mean another process here, and a number another file."""
    good = made[0].message()
    told = {
        name: getattr(good, name) for name in Slot.__annotations__ if name != "code"
    }
    told.pop("lane", None)
    reader = SlotReader()
    assert reader.add(good)
    assert not reader.add(Slot(**{**told, **wrong}))
    assert reader.numbers == []  # also what bore the number before is void


def test_a_file_of_another_kind_is_not_mapped() -> None:
    """Neither waits nor fails, whatever bears the number here."""
    reading, writing = os.pipe()
    try:
        with open(os.devnull) as null:
            for number in (reading, writing, null.fileno()):
                assert not SlotReader().add(Slot(1, os.getpid(), number, 8192, b"x"))
    finally:
        os.close(reading)
        os.close(writing)


def test_places_beyond_the_slot_are_not_read(made: list[Shared]) -> None:
    """A start or a size that leads out of it is a void frame, and no crash."""
    reader = SlotReader()
    slot = made[0]
    reader.add(slot.message())
    sequence = write(slot, 1)
    size = slot.capacity
    assert reader.holds(frame(slot, sequence, 0), [size])
    assert not reader.holds(frame(slot, sequence, 0), [size + 1])
    assert not reader.holds(frame(slot, sequence, size), [1])
    assert not reader.holds(frame(slot, sequence, 1 << 62), [1 << 62])
    assert not reader.holds(frame(slot, sequence, 0), [1, 1])
    assert not reader.holds(frame(made[1], sequence, 0), [1])  # not mapped


def test_without_room_nothing_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reserved before it is touched; what was made of the three is given back."""
    before = set(os.listdir("/proc/self/fd"))
    taken = []

    def full(descriptor: int, start: int, length: int) -> None:
        taken.append(length)
        if len(taken) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(slots, "Shared", Unmapped)
    with pytest.raises(OSError, match="No space"):
        slots.make(1, MIB)
    assert len(taken) == 2
    assert set(os.listdir("/proc/self/fd")) == before


class Unmapped(Shared):
    """A slot whose memory is not touched, since nothing was reserved for it."""

    def __init__(self, number: int, descriptor: int, size: int) -> None:
        self._descriptor = descriptor


def test_half_of_the_room_is_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tmpfs that is full ends programs that do not reserve what they use."""
    status = os.statvfs("/dev/shm")
    with pytest.raises(OSError, match="MiB free"):
        slots.make(1, status.f_bavail * status.f_frsize // 4)


def test_without_a_tmpfs_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A directory on a disk, or on a network, is not taken instead."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    lines = "/dev/vda / ext4 rw 0 0\nserver:/x /dev/shm nfs rw 0 0\n"
    (tmp_path / "mounts").write_text(lines)
    opened = open

    def pretend(path: object, *args: object, **kwargs: object) -> object:
        if path == "/proc/self/mounts":
            path = tmp_path / "mounts"
        return opened(path, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.open", pretend)
    with pytest.raises(OSError, match=r"neither .* is a tmpfs"):
        slots.directory()
    (tmp_path / "mounts").write_text(f"{lines}tmpfs {tmp_path} tmpfs rw 0 0\n")
    assert slots.directory() == str(tmp_path)


def test_a_system_without_nameless_files_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As macOS and Windows."""
    monkeypatch.delattr(os, "O_TMPFILE")
    with pytest.raises(OSError, match="files without a name"):
        slots.directory()


def test_switched_off_it_maps_nothing(
    made: list[Shared], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the viewer's end, too."""
    monkeypatch.setenv("ASYNC_PLOT_SLOTS", "off")
    assert slots.switched_off()
    assert not SlotReader().add(made[0].message())


def test_a_closed_slot_is_told_as_void(made: list[Shared]) -> None:
    """And closing twice closes nobody else's file."""
    made[0].close()
    assert made[0].message() == Slot(1, 0, 0, 0, b"")
    with open(os.devnull) as other:
        made[0].close()
        assert os.fstat(other.fileno())


def test_what_comes_in_between_does_not_wait(made: list[Shared]) -> None:
    """A handler of a signal, in the midst of a writing, may write a frame too."""
    first, second = made[:2]
    written: list[int] = []
    within = False

    def handler(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal within
        if frame.f_code.co_filename != slots.__file__ or within:
            return None
        if event == "line":
            within = True
            written.append(write(second, len(written) % 256))
            within = False
        return handler

    def calculate() -> None:
        sys.settrace(handler)
        write(first, 1)

    thread = threading.Thread(target=calculate, daemon=True)
    thread.start()
    thread.join(AMPLE / 2)
    assert not thread.is_alive()
    assert len(written) > 10 and written[-1] == 2 * len(written)
