"""Tests of recordings: their pace, their limit, what they replace."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from async_plot.net import writer
from async_plot.net.camera import Camera
from async_plot.net.recorder import Recorder, check_target
from async_plot.net.recording import Recording
from async_plot.net.records import Records
from async_plot.net.snapshot import Snapshot
from async_plot.wire import codec
from async_plot.wire.messages import Frame, Log, Missed, State, Welcome

from ..wire.samples import SAMPLES

SIZE = 1000  # numbers of a frame: 8 kB


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run.aplot"


def shot(number: int, size: int = SIZE, plotter: str = "") -> Snapshot:
    array = np.full(size, float(number))
    return Camera(plotter, None).take(number, (array,), {})


def numbers(path: Path, plotter: str = "") -> list[int]:
    """Frames of a recording; each is whole."""
    found = []
    with Records(path) as records:
        assert records.own and records.damage == ""
        for entry in records.entries:
            if entry.kind is Frame and entry.plotter == plotter:
                frame = records.read(entry)
                assert isinstance(frame, Frame)
                [array], _ = codec.decode(frame.payload, frame.buffers)
                assert (array == entry.number).all()
                found.append(entry.number)
    return found


def left_out(path: Path) -> int:
    with Records(path) as records:
        last = records.read(records.entries[-1])
    return last.count if isinstance(last, Missed) else 0


def test_frames_and_messages_in_their_order(file: Path) -> None:
    """And what it holds is known meanwhile."""
    with Recorder(Recording(file)) as recorder:
        recorder.add([SAMPLES[Welcome], SAMPLES[Log]])
        for number in (1, 2):
            assert recorder.add_frame(shot(number).parts)
        assert (recorder.frames, recorder.left_out) == (2, 0)
        assert recorder.size == file.stat().st_size
        recorder.add([SAMPLES[State]], last=True)
    with Records(file) as records:
        assert [entry.kind for entry in records.entries] == [
            *(Welcome, Log, Frame, Frame, State)
        ]
    assert file.stat().st_mode & 0o777 == 0o600


def test_frames_are_wanted_at_the_rate() -> None:
    """Of each plotter; late ones are not made up for, early ones not taken."""
    recorder = Recorder(Recording("unused", rate=10))
    taken = [i / 100 for i in range(100) if recorder.wants("", 5 + i / 100)]
    assert taken == pytest.approx([i / 10 for i in range(10)])
    assert recorder.wants("other", 5.55) and not recorder.wants("other", 5.56)
    assert recorder.wants("", 100.0)
    assert not recorder.wants("", 100.04)
    assert recorder.next_at("") <= 100.1
    recorder.stride = 4
    assert recorder.wants("", 100.1)
    assert not recorder.wants("", 100.4) and recorder.wants("", 100.5)


def test_a_viewer_records_what_it_is_told(file: Path) -> None:
    """Frames at the rate, everything else."""
    with Recorder(Recording(file, rate=1)) as recorder:
        for i in range(20):
            recorder.add_message(Frame("", i + 1, 0.0, False, b"\x92\x90\x80"), i / 10)
            recorder.add_message(SAMPLES[Log], i / 10)
        assert recorder.frames == 2
    with Records(file) as records:
        assert [e.kind for e in records.entries].count(Log) == 20


def test_a_full_recording_is_thinned(file: Path) -> None:
    """It covers the whole run, evenly, in its limit; what is dropped is counted."""
    limit = 100_000
    with Recorder(Recording(file, rate=1, limit=limit)) as recorder:
        recorder.add([SAMPLES[Welcome]])
        written = 0
        for number in range(1, 201):
            if recorder.wants("", float(number)):
                assert recorder.add_frame(shot(number).parts, plain=True)
                written += 1
            assert recorder.size <= limit
        held = recorder.frames
        assert recorder.stride == 32 and not recorder.full
        assert recorder.left_out == written - held
    found = numbers(file)
    assert len(found) == held and left_out(file) == written - held
    gaps = set(np.diff(found).tolist())
    assert found[0] == 1 and max(gaps) <= 32 and found[-1] > 160
    assert os.listdir(file.parent) != [] and not list(file.parent.glob(".*"))
    with Records(file) as records:
        assert records.welcome is not None


def test_thinning_keeps_plotters_apart_and_their_order(file: Path) -> None:
    """Of each, every second frame goes."""
    with Recorder(Recording(file, limit=80_000)) as recorder:
        for number in range(1, 6):
            for plotter in "ab":
                recorder.add_frame(shot(number, plotter=plotter).parts)
    assert numbers(file, "a") == [1, 3, 5]
    assert numbers(file, "b") == [1, 3, 5]


def test_thinning_takes_little_memory(file: Path) -> None:
    """A recording of days holds millions of frames, beside a calculation."""
    count = 4000
    with Recorder(Recording(file)) as recorder:
        for number in range(1, count + 1):
            recorder.add([SAMPLES[Log]])
            recorder.add_frame(shot(number, 1).parts, plain=True)
        object.__setattr__(recorder.recording, "limit", recorder.size)
        tracemalloc.start()
        try:
            recorder.add_frame(shot(count + 1, 1).parts, plain=True)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert recorder.stride == 2
        assert peak < 150 * count
    assert numbers(file) == list(range(1, count + 2, 2))


def test_frames_that_two_of_do_not_fit(file: Path) -> None:
    """The first one is kept, and the last ones; the others are counted."""
    with Recorder(Recording(file, limit=100_000)) as recorder:
        assert recorder.add_frame(shot(1, 10_000).parts)
        for number in (2, 3):
            assert not recorder.add_frame(shot(number, 10_000).parts)
        assert recorder.full and recorder.left_out == 2
        assert recorder.add_frame(shot(4, 10_000).parts, last=True)
    assert numbers(file) == [1, 4] and left_out(file) == 2


def test_messages_are_bounded_too(file: Path) -> None:
    """Except the last ones."""
    with Recorder(Recording(file, limit=100_000)) as recorder:
        for _ in range(2000):
            recorder.add([SAMPLES[Log]])
        assert recorder.size < 30_000
        recorder.add([SAMPLES[State]], last=True)
    with Records(file) as records:
        assert records.entries[-1].kind is State


@pytest.mark.skipif(os.name == "nt", reason="Windows lets no open file be renamed")
def test_nobody_takes_the_file_of_another_recording(file: Path) -> None:
    """Neither while it is written, nor after it was thinned; but once it is closed."""
    with Recorder(Recording(file, limit=100_000)) as recorder:
        with pytest.raises(FileExistsError, match=r"run\.aplot is being written by"):
            Recorder(Recording(file)).open()
        for number in range(1, 200):
            recorder.add_frame(shot(number).parts)
        assert recorder.stride > 1
        with pytest.raises(FileExistsError, match=r"run\.aplot is being written by"):
            Recorder(Recording(file)).open()
        assert not Path(f"{file}~").exists()
    with Recorder(Recording(file)) as recorder:
        recorder.add_frame(shot(1).parts)
    assert len(numbers(Path(f"{file}~"))) > 1


def test_a_recording_that_is_there_is_kept_beside(file: Path) -> None:
    """Once; a file of another kind is not touched, nor a link followed."""
    for number in (1, 2, 3):
        with Recorder(Recording(file)) as recorder:
            recorder.add_frame(shot(number).parts)
    assert numbers(file) == [3]
    assert numbers(file.with_name("run.aplot~")) == [2]
    other = file.with_name("thesis.tex")
    other.write_text("precious")
    link = file.with_name("link")
    link.symlink_to(file)
    for path in (other, link, file.parent):
        with pytest.raises(FileExistsError, match="is there and is no recording"):
            check_target(path)
        with pytest.raises(FileExistsError):
            Recorder(Recording(path)).open()
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        check_target(file / "below")
    assert other.read_text() == "precious" and numbers(file) == [3]


def test_a_disk_that_is_full(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does not take is counted; the file stays whole."""
    real = os.pwritev
    room = [True]

    def full(*args: Any) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        return real(*args)

    monkeypatch.setattr(os, "pwritev", full)
    with Recorder(Recording(file)) as recorder:
        recorder.add_frame(shot(1).parts)
        room[0] = False
        with pytest.raises(OSError, match="No space"):
            recorder.add_frame(shot(2).parts)
        room[0] = True
        recorder.add_frame(shot(3).parts)
        assert (recorder.frames, recorder.left_out) == (2, 1)
    assert numbers(file) == [1, 3] and left_out(file) == 1


def test_no_room_for_thinning(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recording stays as it is, and nothing beside it."""

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    with Recorder(Recording(file, limit=30_000)) as recorder:
        for number in (1, 2, 3):
            recorder.add_frame(shot(number).parts)
        with monkeypatch.context() as patched:
            patched.setattr(writer, "_copy", full)
            with pytest.raises(OSError, match="No space"):
                recorder.add_frame(shot(4).parts)
        assert numbers(file) == [1, 2, 3]
        assert not list(file.parent.glob(".*"))
        recorder.add_frame(shot(5).parts)
    assert numbers(file) == [1, 3, 5]
    assert left_out(file) == 2


def test_a_killed_thinning_leaves_the_recording(file: Path) -> None:
    """And what it left is used by the next one."""
    (file.parent / ".run.aplot.thinned").write_bytes(b"half")
    with Recorder(Recording(file, limit=30_000)) as recorder:
        for number in range(1, 6):
            recorder.add_frame(shot(number).parts)
    assert numbers(file)[0] == 1 and numbers(file)[-1] == 5
    assert not list(file.parent.glob(".*"))


def test_it_is_opened_before_it_is_written() -> None:
    """And closing what was never opened does nothing."""
    recorder = Recorder(Recording("unused"))
    assert recorder.size == 0 and recorder.beside == 0.0
    with pytest.raises(OSError, match="not open"):
        recorder.add([SAMPLES[Log]])
    recorder.close()
    recorder.forked()
