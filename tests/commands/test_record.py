"""``async-plot view --record``: a run recorded from a viewer's side."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from async_plot import Client, Server, cli
from async_plot.commands.record import Tap
from async_plot.net import records
from async_plot.wire.messages import Failure, Job, Log, Progress, State

from ..helpers import AMPLE, eventually, start_script
from ..recordings import end, frame, log, story, welcome, write
from ..views.conftest import BLUE, Screen
from ..views.said import bar, failure, job

RUN = "from async_plot.cli import main\nimport sys\nsys.exit(main())\n"


def kinds(path: Path) -> list[type]:
    with records.Records(path) as read:
        assert read.own and not read.damage
        return [entry.kind for entry in read.entries]


def written(path: Path) -> int:
    """Messages that are there by now, in a file whose seals may not be yet."""
    if not path.exists():
        return 0
    with records.Records(path) as read:
        return len(read.entries)


@pytest.fixture
def screen(xvfb: str, framebuffer: Path) -> Screen:
    return Screen(xvfb, framebuffer)


def update_until(server: Server, done: Any) -> None:
    def step() -> Any:
        server.update(np.arange(50.0))
        return done()

    eventually(step)


def test_without_a_display_it_only_records(tmp_path: Path) -> None:
    """Until the end of the run, which is in the file with its last frame."""
    path = tmp_path / "run.aplot"
    with Server(view=None, name="wave", overhead=1) as server:
        server.log(1, energy=2.0)
        with start_script(RUN, "view", "wave", "--record", str(path)) as viewer:
            update_until(server, lambda: [v for v in server.viewers if v.shown >= 0])
            eventually(lambda: any(v.view == "recorder" for v in server.viewers))
            update_until(server, lambda: written(path) > 6)
            server.update(np.full(50, 7.0))
            last = server.stats.updates
            server.close()
            _, err = viewer.communicate(timeout=AMPLE)
    assert viewer.returncode == 0 and "frames, " in err
    frames = list(Client(path))
    assert frames[-1].number == last and frames[-1].args[0][0] == 7.0
    assert len(frames) >= 3 and State in kinds(path)


@pytest.mark.parametrize("how", ["interrupt", "window"])
def test_what_ends_the_view_ends_the_recording(
    how: str, tmp_path: Path, screen: Screen
) -> None:
    """The file is whole, and the run goes on."""
    path = tmp_path / "run.aplot"
    command = ["view", "wave", "--record", str(path)]
    env = {}
    if how == "window":
        env = {**screen.env, "MPLBACKEND": "QtAgg"}
    with Server(view=None, name="wave", overhead=1) as server:
        server.update(np.arange(50.0))
        with start_script(RUN, *command, env=env) as viewer:
            update_until(server, lambda: written(path) > 5)
            if how == "window":
                window = screen.window("wave")
                screen.wait_for(window, BLUE)
                screen.close(window)
            else:
                viewer.send_signal(signal.SIGINT)
            _, err = viewer.communicate(timeout=AMPLE)
        assert "Traceback" not in err and "frames, " in err
        assert viewer.returncode == (130 if how == "interrupt" else 0)
        server.update(1)
    assert list(Client(path))


def test_a_tap_keeps_the_pace_and_the_last_frames(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Frames that come too early are left out, but for the last one."""
    path = tmp_path / "x"
    tap = Tap(path, rate=0.001)
    tap(welcome())
    for number in range(1, 20):
        tap(frame(number))
    tap(frame(20, mid_step=True))
    tap(end("failed", "why"))
    tap.close()
    with records.Records(path) as read:
        numbers = [e.number for e in read.entries if e.number]
    assert sorted(numbers) == [1, 19, 20]
    assert "3 frames" in capsys.readouterr().err


def test_a_tap_writes_what_is_told_of_jobs(tmp_path: Path) -> None:
    """Failures whole, bars now and then and at the end: before the last word."""
    path = tmp_path / "x"
    tap = Tap(path, rate=30)
    for message in [welcome(), job(), *(bar(done=k) for k in range(100)), failure(7)]:
        tap(message)
    tap(bar(done=100, state="finished"))
    tap(end("finished"))
    tap.close()
    with records.Records(path) as read:
        said = [read.read(entry) for entry in read.entries]
    bars = [m.done for m in said if isinstance(m, Progress)]
    assert bars[0] == 0 and bars[-1] == 100 and len(bars) < 50
    assert [m.task for m in said if isinstance(m, Failure)] == [7]
    assert isinstance(said[-1], State) and any(isinstance(m, Job) for m in said)


def test_a_full_disk_is_said_once(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The view goes on; what was written stays."""
    tap = Tap(tmp_path / "x", rate=30)
    tap(welcome())

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tap._recorder, "add", full)
    for _ in range(3):
        tap(log("hello"))
    tap(frame(1))
    tap.close()
    err = capsys.readouterr().err
    assert err.count("No space left on device") == 1
    assert Log not in kinds(tmp_path / "x")


def test_misuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be recorded, or not there."""
    path = write(tmp_path / "x.aplot", story(2))
    assert cli.main(["view", str(path), "--record", "y"]) == 2
    assert "is a recording" in capsys.readouterr().err
    assert cli.main(["view", "--view", "none"]) == 2
    assert "--record" in capsys.readouterr().err
    (tmp_path / "thesis").write_text("years of work")
    with Server(view=None, name="wave"):
        assert cli.main(["view", "wave", "--record", str(tmp_path / "thesis")]) == 1
        assert "no recording" in capsys.readouterr().err
    assert (tmp_path / "thesis").read_text() == "years of work"
