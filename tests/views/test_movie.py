"""Movies: which frames are in them, and that none is left half made."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from async_plot.errors import PlotterError
from async_plot.replay import Replay
from async_plot.views import movie

from ..recordings import code, end, frame, story, welcome, write


class Grey:
    """Paints the figure in the value of a frame."""

    def __init__(self, figure: Figure) -> None:
        figure.set_size_inches(0.6, 0.4)
        self.figure = figure

    def draw(self, values: Any) -> None:
        if values[0] > 0.9:
            raise ValueError("too bright")
        self.figure.set_facecolor(str(values[0]))


# Stands for ffmpeg: says its arguments, and counts the bytes of raw pictures.
FFMPEG = """#!{python}
import sys
if {fails}:
    sys.stderr.write("No space left on device\\n")
    sys.exit(1)
size = len(sys.stdin.buffer.read())
with open(sys.argv[-1], "w") as file:
    file.write(repr((sys.argv, size)))
"""


@pytest.fixture(autouse=True)
def figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def replay(tmp_path: Path) -> Iterator[Replay]:
    """Ten frames, one a second."""
    replay = Replay(write(tmp_path / "x.aplot", story(10, plotter=Grey)), once=True)
    yield replay
    replay.close()


def ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(FFMPEG.format(python=sys.executable, fails=fails))
    program.chmod(0o700)
    monkeypatch.setitem(matplotlib.rcParams, "animation.ffmpeg_path", str(program))


def greys(path: Path) -> list[float]:
    """Brightness of each picture, as the frames' values."""
    with Image.open(path) as image:
        found = []
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            found.append(round(float(np.asarray(image.convert("L"))[5, 5]) / 255, 2))
    return found


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.is_file())


def test_every_frame_is_one_of_the_movie(replay: Replay, tmp_path: Path) -> None:
    """In their order, at the size that the plotter made."""
    path = tmp_path / "x.gif"
    steps: list[tuple[int, int]] = []
    done = movie.write(replay, path, fps=10, progress=lambda *at: steps.append(at))
    assert done == [path] and steps == [(k, 10) for k in range(1, 11)]
    assert greys(path) == pytest.approx([k / 20 for k in range(1, 11)], abs=0.01)
    with Image.open(path) as image:
        assert image.size == (60, 40)
        assert image.info["duration"] == 100
    assert names(tmp_path) == ["x.aplot", "x.gif"]


def test_at_a_speed_it_keeps_the_times_of_the_run(
    replay: Replay, tmp_path: Path
) -> None:
    """Frames that nobody would see are left out, and others stay as long."""
    movie.write(replay, tmp_path / "fast.gif", fps=1, speed=4)
    assert greys(tmp_path / "fast.gif") == pytest.approx([0.05, 0.25, 0.45], abs=0.01)
    movie.write(replay, tmp_path / "slow.apng", fps=2, speed=1)
    with Image.open(tmp_path / "slow.apng") as image:
        total = 0.0
        for index in range(image.n_frames):
            image.seek(index)
            total += image.info["duration"]
    assert total == pytest.approx(19 * 500, abs=600)


def test_ffmpeg_gets_every_picture(
    replay: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an even number of pixels each way, as films must have."""
    ffmpeg(tmp_path, monkeypatch, False)
    movie.write(replay, tmp_path / "x.mp4", size=(61, 41))
    arguments, size = eval((tmp_path / "x.mp4").read_text())
    assert size == 10 * 62 * 42 * 4
    assert "yuv420p" in arguments and "62x42" in arguments
    movie.write(replay, tmp_path / "x.webm", dpi=200)
    arguments, size = eval((tmp_path / "x.webm").read_text())
    assert size == 10 * 120 * 80 * 4 and "libvpx-vp9" in arguments


def test_a_film_that_cannot_be_written_leaves_nothing(
    replay: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what ffmpeg said."""
    ffmpeg(tmp_path, monkeypatch, True)
    with pytest.raises(OSError, match=r"x\.mp4: .*No space left on device"):
        movie.write(replay, tmp_path / "x.mp4")
    assert names(tmp_path) == ["ffmpeg", "x.aplot"]


@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
def test_an_interrupt_leaves_nothing(
    suffix: str, replay: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A movie of before stays as it was."""
    ffmpeg(tmp_path, monkeypatch, False)
    path = tmp_path / f"x{suffix}"
    path.write_text("before")

    def interrupt(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        movie.write(replay, path, progress=interrupt)
    assert path.read_text() == "before"
    assert names(tmp_path) == ["ffmpeg", "x.aplot", path.name]


def test_without_ffmpeg_it_says_what_is_missing(
    replay: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what can be made without it."""
    monkeypatch.setitem(matplotlib.rcParams, "animation.ffmpeg_path", "/no/such")
    with pytest.raises(ValueError, match=r"ffmpeg, which is not .*x\.gif"):
        movie.write(replay, tmp_path / "x.mp4")
    with pytest.raises(ValueError, match=r"known are \.mp4, .*\.gif"):
        movie.check(tmp_path / "x.avi")
    with pytest.raises(FileNotFoundError, match="no directory"):
        movie.check(tmp_path / "none" / "x.gif")


def test_frames_that_cannot_be_drawn_are_told(tmp_path: Path) -> None:
    """The movie goes on with the picture before."""
    path = write(tmp_path / "x.aplot", story(20, plotter=Grey))
    replay = Replay(path, once=True)
    told = []
    movie.write(replay, tmp_path / "x.gif", fps=10, trouble=told.append)
    assert [failure.frame for failure in told] == [19, 20]
    assert "too bright" in told[0].text
    replay.close()


def test_what_draws_nothing_is_no_movie(tmp_path: Path) -> None:
    """A plotter that cannot be made, or fails at each frame; or no frame at all."""

    class Broken:
        def __init__(self, figure: Figure) -> None:
            raise RuntimeError("no colour map")

        def draw(self, values: Any) -> None: ...

    class Useless:
        def __init__(self, figure: Figure) -> None: ...

        def draw(self, values: Any) -> None:
            raise RuntimeError("no idea")

    for plotter, reason in ((Broken, "no colour map"), (Useless, "no idea")):
        path = tmp_path / f"{plotter.__name__}.aplot"
        replay = Replay(write(path, story(3, plotter=plotter)), once=True)
        with pytest.raises(PlotterError, match=reason):
            movie.write(replay, tmp_path / "x.gif")
        replay.close()
    empty = Replay(write(tmp_path / "y.aplot", [welcome(), code(), end()]), once=True)
    with pytest.raises(PlotterError, match="no frame"):
        movie.write(empty, tmp_path / "x.gif")
    empty.close()
    assert names(tmp_path) == ["Broken.aplot", "Useless.aplot", "y.aplot"]


def test_each_figure_has_its_movie(tmp_path: Path) -> None:
    """Named after the plotters, as pictures are."""
    said = [welcome("a", "b/c"), code(Grey, "a"), code(Grey, "b/c")]
    for k in range(1, 4):
        said.append(frame(k, np.full(3, 0.2), name="a", at=k))
        said.append(frame(k, np.full(3, 0.1 * k), name="b/c", at=k))
    replay = Replay(write(tmp_path / "x.aplot", [*said, end()]), once=True)
    done = movie.write(replay, tmp_path / "x.gif", fps=10)
    assert [path.name for path in done] == ["x-a.gif", "x-b_c.gif"]
    assert greys(done[1]) == pytest.approx([0.1, 0.2, 0.3], abs=0.01)
    replay.close()
