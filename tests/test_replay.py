"""A recording played: what is told at each moment, forwards and backwards."""

from __future__ import annotations

import math
import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from async_plot.client import decode_frame
from async_plot.errors import ForeignError
from async_plot.net import records
from async_plot.replay import FASTEST, SPEEDS, Jumped, Place, Replay
from async_plot.wire import framing
from async_plot.wire.messages import (
    Frame,
    Job,
    Log,
    PlotterCode,
    Progress,
    Scalars,
    State,
    Welcome,
)

from .helpers import eventually
from .recordings import code, end, frame, log, scalars, story, welcome, write
from .views.said import bar, job, worker


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Viewer(threading.Thread):
    """Reads a replay as an inbox does; every message stays to be looked at."""

    def __init__(self, replay: Replay) -> None:
        super().__init__(daemon=True)
        self.replay = replay
        self.told: list[Any] = []
        self.start()

    def run(self) -> None:
        for message in self.replay.messages():
            self.told.append(message)

    def of(self, kind: type) -> list[Any]:
        return [message for message in list(self.told) if isinstance(message, kind)]

    def numbers(self) -> list[int]:
        return [message.number for message in self.of(Frame)]

    def ask(self, number: int, plotter: str = "") -> None:
        """Ask for a frame, and wait until this one is there."""
        self.replay.ready(plotter)
        eventually(lambda: self.numbers()[-1:] == [number], what=f"frame {number}")

    def since_jump(self, kind: type) -> list[Any]:
        told = list(self.told)
        last = max(i for i, m in enumerate(told) if isinstance(m, Jumped))
        return [message for message in told[last:] if isinstance(message, kind)]


@pytest.fixture
def play() -> Iterator[Callable[..., tuple[Replay, Viewer, Clock]]]:
    """Replay a file to a viewer, on a clock of the test."""
    with ExitStack() as stack:

        def start(path: Path, **options: Any) -> tuple[Replay, Viewer, Clock]:
            clock = Clock()
            replay = Replay(path, clock=clock, **options)
            viewer = Viewer(replay)
            stack.callback(viewer.join, 10)
            stack.callback(replay.close)
            return replay, viewer, clock

        yield start


Play = Callable[..., tuple[Replay, Viewer, Clock]]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write(tmp_path / "run.aplot", story(10))


def test_it_begins_with_the_run_and_the_first_frame(
    recording: Path, play: Play
) -> None:
    """Time stands still until a view has asked for its first frame."""
    replay, viewer, clock = play(recording)
    clock.now += 5
    viewer.ask(1)
    assert isinstance(viewer.told[0], Welcome) and isinstance(
        viewer.told[1], PlotterCode
    )
    assert replay.place.position == 0 and replay.place.playing
    assert [m.text for m in viewer.of(Log)] == ["step 1", "step 2"]


def test_frames_come_at_their_time_and_the_newest_wins(
    recording: Path, play: Play
) -> None:
    """A view that was busy gets the newest frame, as it would have of the run."""
    replay, viewer, clock = play(recording)
    viewer.ask(1)
    replay.ready()
    clock.now += 4.5
    viewer.ask(5)
    assert viewer.numbers() == [1, 5]
    replay.set_speed(4)
    clock.now += 1.0
    viewer.ask(9)
    clock.now += 60
    viewer.ask(10)
    eventually(lambda: viewer.of(State), what="the end")
    assert not replay.place.playing
    assert replay.place.position == replay.place.duration == pytest.approx(9)


def test_as_fast_as_it_is_drawn_shows_every_frame(recording: Path, play: Play) -> None:
    """No frame is passed over, however long each takes."""
    replay, viewer, clock = play(recording)
    replay.set_speed(FASTEST)
    for number in range(1, 11):
        viewer.ask(number)
        clock.now += 100
    assert viewer.numbers() == list(range(1, 11))
    replay.ready()
    eventually(lambda: not replay.place.playing)
    replay.play()  # once more, from the beginning
    eventually(lambda: viewer.of(Jumped))


def test_going_back_voids_what_was_told(recording: Path, play: Play) -> None:
    """Nothing of what follows comes before the view has forgotten; then all anew."""
    replay, viewer, _ = play(recording, at_end=True)
    viewer.ask(10)
    eventually(lambda: viewer.of(State))
    replay.ready()
    replay.seek(3.2)
    (jumped,) = eventually(lambda: viewer.of(Jumped))
    replay.ready()
    assert viewer.told[-1] is jumped
    replay.follow(jumped.generation)
    viewer.ask(4)
    (energy,) = viewer.since_jump(Scalars)
    assert energy.whole
    assert np.frombuffer(energy.buffers[1]).tolist() == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert viewer.since_jump(Log)[-1].text == "step 5"
    assert viewer.since_jump(State) == []
    replay.go_to_end()
    viewer.ask(10)
    assert len(eventually(lambda: viewer.since_jump(State))) == 1


def test_a_seek_while_it_waits_for_the_view_is_not_lost(
    recording: Path, play: Play
) -> None:
    """Whoever drags the slider gets where it was left."""
    replay, viewer, _ = play(recording, at_end=True)
    viewer.ask(10)
    for position in (8, 6, 4, 2):
        replay.seek(position)
    jumped = eventually(lambda: viewer.of(Jumped))[-1]
    replay.follow(jumped.generation - 1)  # of before: means nothing
    replay.follow(jumped.generation)
    viewer.ask(3)


def test_steps_go_frame_by_frame(recording: Path, play: Play) -> None:
    """Each pauses; at either end they stay."""
    replay, viewer, _ = play(recording)
    viewer.ask(1)
    for number in (2, 3):
        replay.step(1)
        viewer.ask(number)
    assert not replay.place.playing
    replay.step(100)
    assert replay.place.index == 9
    replay.step(-100)
    assert (replay.place.index, replay.place.position) == (0, 0.0)


def test_what_may_be_mid_step_is_behind_the_last_whole_frame(
    tmp_path: Path, play: Play
) -> None:
    """It is looked at by a step from there only; the end is told before it."""
    path = write(tmp_path / "x", story(3, mid_step=True, state="failed", text="oh"))
    replay, viewer, _ = play(path, at_end=True)
    viewer.ask(3)
    assert eventually(lambda: viewer.of(State))[0].text == "oh"
    assert (replay.place.index, replay.place.whole, replay.place.count) == (2, 3, 4)
    replay.step(1)
    viewer.ask(4)
    assert viewer.of(Frame)[-1].mid_step
    replay.play(True)  # begins anew, and ends at the whole one
    assert replay.place.position == 0


def test_playing_ends_before_what_may_be_mid_step(tmp_path: Path, play: Play) -> None:
    """At every speed."""
    path = write(tmp_path / "x", story(3, mid_step=True))
    for speed in (1.0, FASTEST):
        replay, viewer, clock = play(path)
        replay.set_speed(speed)
        viewer.ask(1)
        clock.now += 50
        replay.ready()
        eventually(lambda v=viewer, r=replay: (r.ready(), v.numbers()[-1] == 3)[1])
        replay.ready()
        eventually(lambda r=replay: not r.place.playing)
        assert viewer.numbers()[-1] == 3


def test_each_plotter_has_its_newest_frame(tmp_path: Path, play: Play) -> None:
    """One that has none at the moment shows the one before."""
    path = write(
        tmp_path / "x",
        [
            welcome("a", "b"),
            code(name="a"),
            code(name="b"),
            frame(1, 1.0, name="a", at=0.0),
            frame(1, 1.0, name="b", at=1.0),
            frame(2, 1.0, name="a", at=2.0),
            end(at=2.0),
        ],
    )
    replay, viewer, _ = play(path, at_end=True)
    replay.ready("a")
    replay.ready("b")
    eventually(lambda: len(viewer.of(Frame)) == 2)
    newest = {each.plotter: each.number for each in viewer.of(Frame)}
    assert newest == {"a": 2, "b": 1}
    assert replay.plotters == ["a", "b"]
    assert replay.times_of("a") == [0.0, 2.0] and replay.times_of("c") == []


def test_frames_of_one_moment_are_told_apart(tmp_path: Path) -> None:
    """A clock that stood still, or went back, puts none of them out of reach."""
    said = [welcome(), code(), frame(1, at=5), frame(2, at=5), frame(3, at=4), end()]
    replay = Replay(write(tmp_path / "x", said), at_end=True)
    seen = []
    for _ in range(3):
        seen.append(replay.place.index)
        replay.step(-1)
    assert seen == [2, 1, 0]
    replay.close()


def test_once_tells_the_end_and_ends(recording: Path) -> None:
    """As a late viewer is told of a run that has ended."""
    told = list(Replay(recording, once=True, at_end=True).messages())
    assert [m.number for m in told if isinstance(m, Frame)] == [10]
    assert isinstance(told[-1], Frame) or isinstance(told[-1], State)
    assert sum(isinstance(m, State) for m in told) == 1
    assert [len(np.frombuffer(m.buffers[0])) for m in told if isinstance(m, Scalars)]


def test_a_file_without_an_end_is_lost(tmp_path: Path) -> None:
    """The reason is what whoever opened it knows, else what the file says."""
    path = write(tmp_path / "x", story(2, state=""))
    told = list(Replay(path, once=True).messages())
    assert told[-1].state == "lost" and "without the end" in told[-1].text
    killed = State("lost", "killed by SIGKILL", 1.0)
    assert list(Replay(path, once=True, ending=killed).messages())[-1] is killed


def test_cut_at_any_byte_it_shows_the_last_whole_frame(tmp_path: Path) -> None:
    """Never an exception but for a file that says nothing at all."""
    path = write(tmp_path / "x", story(4))
    content = path.read_bytes()
    cut = tmp_path / "cut"
    seen = []
    for size in range(0, len(content), 23):
        cut.write_bytes(content[:size])
        replay = Replay(cut, once=True)
        if replay.welcome is None:
            replay.close()
            continue
        told = list(replay.messages())
        frames = [m.number for m in told if isinstance(m, Frame)]
        assert sum(isinstance(m, State) for m in told) == 1
        seen.append(frames[0] if frames else 0)
    assert seen == sorted(seen) and set(seen) == {0, 1, 2, 3, 4}


def test_a_file_that_grows_is_followed(tmp_path: Path, play: Play) -> None:
    """At its end the newest frame is shown as it comes, until the run has ended."""
    path = tmp_path / "x"
    messages = list(story(20, pid=os.getpid()))
    with records.Writer(path) as writer:

        def put(count: int) -> None:
            for _ in range(count):
                writer.append(framing.encode(messages.pop(0)))

        put(2 + 3 * 2)
        replay, viewer, clock = play(path)
        viewer.ask(1)
        assert replay.place.growing and not replay.place.live
        replay.go_to_end()
        viewer.ask(2)
        assert replay.place.live
        replay.ready()
        put(3)
        clock.now += 1
        viewer.ask(3)
        put(len(messages))
        clock.now += 1
        viewer.ask(20)
    eventually(lambda: viewer.of(State))
    place = replay.place
    assert not place.growing and not place.live


def test_a_file_that_its_writer_has_thinned_is_read_anew(
    tmp_path: Path, play: Play
) -> None:
    """Another file in its place: all is told once more, and the end followed."""
    path = write(tmp_path / "x", story(8, state="", pid=os.getpid()))
    replay, viewer, clock = play(path, at_end=True)
    viewer.ask(8)
    said = [m for m in story(9, pid=os.getpid()) if getattr(m, "number", 0) % 2 == 0]
    said += [frame(9, at=8.0), end()]
    write(tmp_path / "y", [welcome(pid=os.getpid()), *said[1:]]).replace(path)
    clock.now += 1
    replay.ready()
    replay.follow(eventually(lambda: viewer.of(Jumped))[0].generation)
    viewer.ask(9)
    assert replay.place.count == 5


def test_playing_catches_up_with_what_is_written(tmp_path: Path, play: Play) -> None:
    """At the end of a file that grows, playing becomes following."""
    path = write(tmp_path / "x", story(3, state="", pid=os.getpid()))
    replay, viewer, clock = play(path)
    viewer.ask(1)
    clock.now += 10
    viewer.ask(3)
    assert replay.place.live and replay.place.playing
    replay.seek(0)
    assert not replay.place.live


# -- whose it is -------------------------------------------------------------------


class Canary:
    """Leaves a mark where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


class Drawn:
    def draw(self) -> None: ...


@pytest.fixture
def foreign(tmp_path: Path, home: Path) -> Path:
    """Another user's recording: a plotter, and a frame of objects among plain ones."""
    said = [
        welcome(),
        code(Drawn),
        frame(1, np.arange(3.0), at=0),
        frame(2, Canary(tmp_path / "ran"), at=1),
        frame(3, np.arange(3.0), at=2),
        end(at=2),
    ]
    path = write(tmp_path / "foreign.aplot", said)
    (home / "seal.key").unlink()
    return path


def test_a_foreign_file_runs_nothing(tmp_path: Path, foreign: Path, play: Play) -> None:
    """Ready-made plotters, a line that says so, and no frame that is more than data."""
    replay, viewer, _ = play(foreign, at_end=True)
    viewer.ask(3)
    assert "--trust" in replay.note and not replay.own
    assert viewer.of(PlotterCode)[0].buffers == []
    assert replay.code("").buffers == []
    replay.step(-1)
    replay.follow(eventually(lambda: viewer.of(Jumped))[0].generation)
    replay.ready()
    told = eventually(lambda: [m for m in viewer.of(Log) if "--trust" in m.text])
    assert told[0].level >= 40
    replay.step(1)  # the credit is not spent on what cannot be shown
    eventually(lambda: viewer.numbers() == [3, 3])
    assert replay.frame("", 0).number == 1
    with pytest.raises(ForeignError):
        replay.frame("", 1)
    assert not (tmp_path / "ran").exists()


def test_a_trusted_one_runs(tmp_path: Path, foreign: Path) -> None:
    """``trust`` is whoever looks taking it for their own."""
    replay = Replay(foreign, trust=True, once=True)
    try:
        assert replay.own and not replay.note
        assert replay.code("").buffers
        decode_frame(replay.frame("", 1))
        assert (tmp_path / "ran").exists()
    finally:
        replay.close()


# -- small things ------------------------------------------------------------------


def test_it_takes_little_memory(tmp_path: Path) -> None:
    """What is opened is the index: frames are read when they are wanted."""
    big = np.zeros(1 << 18)
    said = [welcome(), code(), *(frame(k, big, at=k) for k in range(1, 17)), end()]
    path = write(tmp_path / "x", said)
    size = path.stat().st_size
    assert size > 32e6
    tracemalloc.start()
    replay = Replay(path, at_end=True)
    replay.step(-8)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    replay.close()
    assert peak < size / 10


def test_the_scalars_of_a_moment_are_those_told_by_then(
    tmp_path: Path, play: Play
) -> None:
    """Also where a whole history has replaced an older one."""
    said = [welcome(), code(), frame(1, at=0)]
    for k in range(2, 40):
        said += [scalars("e", (k, k)), scalars("f", (k, -k)), frame(k, at=k)]
        if k == 20:
            said.append(scalars("e", (0, 0), (20, 20), whole=True))
    replay, viewer, _ = play(write(tmp_path / "x", [*said, end(at=40)]), at_end=True)
    viewer.ask(39)

    def told(position: float) -> dict[str, list[float]]:
        count = len(viewer.of(Jumped))
        replay.seek(position)
        eventually(lambda: len(viewer.of(Jumped)) > count)
        replay.follow(viewer.of(Jumped)[-1].generation)
        eventually(lambda: len(viewer.since_jump(Scalars)) == 2)
        return {
            m.name: np.frombuffer(m.buffers[1]).tolist()
            for m in viewer.since_jump(Scalars)
        }

    assert told(25)["e"] == [0, 20, *range(21, 27)]
    assert told(10)["e"] == list(range(2, 12))
    assert told(5)["f"] == [-k for k in range(2, 7)]


def test_speeds(recording: Path) -> None:
    """They go up and down within their bounds, and none is nonsense."""
    replay = Replay(recording)
    for _ in SPEEDS:
        replay.faster()
    assert math.isinf(replay.place.speed)
    replay.faster(-100)
    assert replay.place.speed == SPEEDS[0]
    for wrong in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="speed"):
            replay.set_speed(wrong)
    replay.close()


def test_a_file_without_frames_can_be_looked_at(tmp_path: Path, play: Play) -> None:
    """There is nothing to steer, and steering does no harm."""
    path = write(tmp_path / "x", [welcome(), code(), log("no frame"), end("failed")])
    replay, viewer, _ = play(path)
    eventually(lambda: viewer.of(State))
    for steer in (replay.play, replay.go_to_end, lambda: replay.step(1)):
        steer()
    replay.seek(3)
    assert replay.place == Place(speed=1.0, playing=replay.place.playing)
    assert not replay.can_move


def test_a_jump_is_not_asked_of_a_file_that_cannot_be_read(
    recording: Path, play: Play
) -> None:
    """A frame that was overwritten is told, and the next one comes."""
    replay, viewer, _ = play(recording, at_end=True)
    viewer.ask(10)
    content = bytearray(recording.read_bytes())
    entry = [e for e in replay.records.entries if e.kind is Frame][4]
    content[entry.offset : entry.offset + 8] = b"\xff" * 8
    recording.write_bytes(content)
    replay.seek(4)
    replay.follow(eventually(lambda: viewer.of(Jumped))[0].generation)
    replay.ready()
    eventually(lambda: [m for m in viewer.of(Log) if m.level >= 40])
    replay.step(1)
    eventually(lambda: viewer.numbers()[-1] == 6)


def test_the_jobs_of_a_moment_are_those_told_by_then(
    tmp_path: Path, play: Play
) -> None:
    """Of each bar the newest, wherever one goes to; what has ended is told once."""
    said: list[Any] = [welcome(), code(), job()]
    for k in range(600):
        said.append(bar(done=k, total=600))
        if k % 100 == 0:
            said += [frame(k + 1, k, at=k / 100), worker(1, task=k)]
    path = write(tmp_path / "run.aplot", [*said, end("finished")])
    replay, viewer, _ = play(path)
    replay.play(False)
    viewer.ask(1)

    def reaches(count: int) -> None:
        eventually(lambda: [each.done for each in viewer.of(Progress)][-1:] == [count])

    reaches(100)  # told before the next frame
    replay.seek(4.0)
    viewer.ask(401)
    reaches(500)
    assert len(viewer.of(Progress)) < 200
    replay.seek(0.0)
    eventually(lambda: viewer.of(Jumped))
    replay.follow(viewer.of(Jumped)[-1].generation)
    viewer.ask(1)
    reaches(100)
    assert viewer.since_jump(Job) == [job()]
