"""Recordings on the command line: real windows, pictures, movies, and whose it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from async_plot import cli

from ..helpers import AMPLE, eventually, start_script
from ..recordings import story, write
from ..views.conftest import BLUE, Screen, near

RUN = "from async_plot.cli import main\nimport sys\nsys.exit(main())\n"


class Level:
    """A line at the height of a frame's values; says what it draws."""

    def __init__(self, figure: Figure) -> None:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, 1), ylim=(0, 1))
        (self.line,) = axes.plot([], [], lw=6)
        self.seen: list[int] = []

    def draw(self, values: Any) -> None:
        self.line.set_data([0, 1], [values[0]] * 2)
        self.seen.append(round(20 * values[0]))
        print("drawn", *self.seen, flush=True)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Ten frames, one a second; the line rises by a twentieth of the height each."""
    return write(tmp_path / "run.aplot", story(10, plotter=Level))


@pytest.fixture
def screen(xvfb: str, framebuffer: Path) -> Screen:
    return Screen(xvfb, framebuffer)


class Shown:
    """A window of ``async-plot view``, with the keyboard."""

    def __init__(self, screen: Screen, said: Path) -> None:
        self._said = said
        self.screen = screen
        self.window = screen.window("wave")
        screen.wait_for(self.window, BLUE)
        screen.xdotool("windowfocus", "--sync", self.window)

    def seen(self) -> list[int]:
        """Frames that the plotter was given since it was made, the newest last."""
        lines = self._said.read_text().splitlines()
        drawn = [line for line in lines if line.startswith("drawn")]
        return [int(word) for word in drawn[-1].split()[1:]] if drawn else []

    def press(self, key: str, frame: int) -> None:
        self.screen.xdotool("key", key)
        eventually(lambda: self.seen()[-1:] == [frame], what=f"frame {frame} by {key}")


@contextmanager
def shown(
    screen: Screen, backend: str, recording: Path, *arguments: str
) -> Iterator[Shown]:
    """Open the window; close it at the end as its user would."""
    env = {**screen.env, "MPLBACKEND": backend}
    said = recording.with_name("said")
    command = ["view", str(recording), *arguments]
    with (
        said.open("w") as out,
        start_script(RUN, *command, env=env, stdout=out, stderr=out) as viewer,
    ):
        view = Shown(screen, said)
        yield view
        screen.close(view.window)
        assert viewer.wait(AMPLE) == 0


@pytest.mark.parametrize("backend", ["QtAgg", "TkAgg"])
def test_keys_steer_a_replay(backend: str, recording: Path, screen: Screen) -> None:
    """Steps, ends, and a plotter that is made anew when the replay goes back."""
    with shown(screen, backend, recording) as view:
        view.press("End", 10)
        view.press("Left", 9)
        assert view.seen() == [9]
        view.press("Right", 10)
        assert view.seen() == [9, 10]
        view.press("Home", 1)
        view.press("shift+Right", 10)
        screen.xdotool("key", "space")  # at the end, once more
        eventually(lambda: 1 < view.seen()[-1] < 10, what="it plays")


def test_the_bar_steers_a_replay(recording: Path, screen: Screen) -> None:
    """A click on the slider goes there, also with the mouse held."""
    with shown(screen, "QtAgg", recording, "--speed", "0.25") as view:
        window = view.window
        width, height = screen.size(window)
        blue = near(screen.picture(window), (0, 103, 168))  # play button and slider
        y = int(np.median(np.argwhere(blue)[:, 0]))
        assert y > height - 120
        screen.xdotool("mousemove", "--window", window, str(width // 2), str(y))
        screen.xdotool("mousedown", "1")
        at = eventually(lambda: (frame := view.seen()[-1]) > 3 and frame)
        screen.xdotool("mousemove", "--window", window, str(width // 2 - 80), str(y))
        eventually(lambda: view.seen()[-1] < at, what="the mouse is followed")
        screen.xdotool("mouseup", "1")


def test_a_picture_of_the_last_frame(recording: Path, tmp_path: Path) -> None:
    """``--save`` draws it off-screen."""
    picture = tmp_path / "x.png"
    assert cli.main(["view", str(recording), "--save", str(picture)]) == 0
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(int)
    rows = np.argwhere(near(pixels, BLUE))[:, 0]
    assert 1 - np.median(rows) / len(pixels) == pytest.approx(0.5, abs=0.01)


def test_a_movie(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line says what was written."""
    movie = tmp_path / "x.gif"
    command = ["view", str(recording), "--movie", str(movie), "--size", "120x90"]
    assert cli.main([*command, "--fps", "2", "--speed", "2"]) == 0
    with Image.open(movie) as image:
        assert image.size == (120, 90) and image.n_frames == 10
    assert "x.gif: 10 frames" in capsys.readouterr().err


def test_a_foreign_file_says_so_and_runs_nothing(
    recording: Path,
    tmp_path: Path,
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ready-made plotters draw it; a class of one's own, or trust, is not refused."""
    (home / "seal.key").unlink()
    picture = str(tmp_path / "x.png")
    assert cli.main(["view", str(recording), "--save", picture]) == 0
    assert "another user's file" in capsys.readouterr().err
    assert cli.main(["view", str(recording), "--save", picture, "--trust"]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "own.py").write_text(
        "class Own:\n def __init__(self, figure): pass\n def draw(self, values): pass\n"
    )
    own = ["--plotter", f"{tmp_path}/own.py:Own"]
    assert cli.main(["view", str(recording), "--save", picture, *own]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--movie", "x.avi"], "known are .mp4"),
        (["--movie", "none/x.gif"], "no directory none"),
        (["--movie", "x.gif", "--save", "x.png"], "one of them"),
        ([], "--movie FILE.gif"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    arguments: list[str],
    reason: str,
    recording: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a traceback, and without a file."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["view", "run.aplot", *arguments]) in (1, 2)
    err = capsys.readouterr().err
    assert reason in err and len(err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["run.aplot"]


def test_a_cut_file_is_shown_and_said_to_be_cut(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that holds no run at all is refused."""
    content = recording.read_bytes()
    recording.write_bytes(content[:-100])
    picture = str(tmp_path / "x.png")
    assert cli.main(["view", str(recording), "--save", picture]) == 0
    assert "cut" in capsys.readouterr().err
    recording.write_bytes(content[:40])
    assert cli.main(["view", str(recording), "--save", picture]) == 2
    assert "holds no run" in capsys.readouterr().err


def test_options_of_recordings_need_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a live run there is no movie."""
    for option in (["--movie", "x.gif"], ["--speed", "2"], ["--trust"]):
        assert cli.main(["view", "run", *option]) == 2
        assert f"{option[0]} is for a recording" in capsys.readouterr().err
    for wrong in ("12", "axb", "1x1", "0x0", "99999x10"):
        with pytest.raises(SystemExit):
            cli.main(["view", "x", "--size", wrong])
