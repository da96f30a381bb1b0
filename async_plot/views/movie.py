"""A recording as a movie, drawn off-screen by its plotters. Opens no window.

matplotlib's writers do the writing: ffmpeg for films, Pillow for moving pictures.
"""

from __future__ import annotations

import bisect
import contextlib
import functools
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import AsyncPlotError, PlotterError
from ..replay import Replay
from ..wire.messages import Frame
from .figure import Failure, Painter, load
from .reload import PlotterFile, check_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["check", "write"]

# Suffix -> codec of ffmpeg, and what that codec is told beside.
FILMS = {
    ".mp4": ("h264", ["-movflags", "+faststart"]),
    ".m4v": ("h264", ["-movflags", "+faststart"]),
    ".mov": ("h264", []),
    ".mkv": ("h264", []),
    # matplotlib leaves the codec of this one to ffmpeg.
    ".webm": (
        "webm",
        ["-c:v", "libvpx-vp9", "-b:v", "0", "-crf", "30", "-row-mt", "1"],
    ),
}
PICTURES = (".gif", ".apng", ".webp")


def check(path: Path) -> None:
    """Raise unless a movie of that name can be written here.

    Raises
    ------
    FileNotFoundError
        If its directory does not exist.
    ValueError
        If it is none of the kinds known, or what writes it is missing.
    """
    from matplotlib import animation

    suffix = path.suffix.lower()
    if suffix not in FILMS and suffix not in PICTURES:
        known = ", ".join([*FILMS, *PICTURES])
        raise ValueError(f"no movie can be written to {path}: known are {known}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no directory {path.parent}")
    if suffix in FILMS and not animation.FFMpegWriter.isAvailable():
        raise ValueError(
            f"a movie of the kind {suffix} is written by ffmpeg, which is not "
            "installed here; install it (apt, dnf, brew or conda install ffmpeg), "
            f"or name the file {path.stem}.gif"
        )


def write(
    replay: Replay,
    path: Path,
    *,
    files: Mapping[str, PlotterFile] | None = None,
    fps: float = 30.0,
    speed: float | None = None,
    dpi: float | None = None,
    size: tuple[int, int] | None = None,
    progress: Callable[[int, int], None] | None = None,
    trouble: Callable[[Failure], None] | None = None,
) -> list[Path]:
    """Make a movie of a recording.

    It is never seen half written: an interrupt or a full disk leaves nothing.

    Parameters
    ----------
    replay : Replay
        The recording; nothing else reads it.
    path : Path
        The file. With several figures each gets one, with its name after the stem.
    files : dict of {str: PlotterFile}, optional
        Classes that draw instead of the plotters of these names; that of ``""``
        instead of all others.
    fps : float, default: 30
        Frames a second.
    speed : float, optional
        Seconds of the run in one second of the movie. If not given, each frame of
        the recording is one of the movie.
    dpi : float, optional
        Dots per inch; the figure's if not given.
    size : (int, int), optional
        Pixels; as the plotter makes its figure if not given.
    progress : callable, optional
        ``progress(done, total)`` is called after each frame.
    trouble : callable, optional
        Is given what goes wrong in a plotter; the movie goes on.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    PlotterError
        If the plotter cannot be made, or draws none of the frames.
    OSError
        If the movie cannot be written.
    """
    import matplotlib
    import matplotlib.pyplot as plt

    check(path)
    check_names(files or {}, replay.plotters)
    plt.switch_backend("agg")
    names = replay.plotters
    chosen = {name: _moments(replay, name, fps, speed) for name in names}
    total = sum(map(len, chosen.values()))
    if not total:
        raise PlotterError(f"{replay.path} holds no frame")
    done, written = 0, []
    try:
        with matplotlib.rc_context({"savefig.bbox": None}):
            for name in names:
                label = name if len(names) > 1 else ""
                film = _Film(path, label, fps, dpi, size)
                with film:
                    kind = functools.partial(_kind, replay, name, files or {})
                    for _ in film.shoot(replay, name, chosen[name], kind, trouble):
                        done += 1
                        if progress is not None:
                            progress(done, total)
                written += film.written
    finally:
        plt.close("all")
    return written


def _kind(replay: Replay, name: str, files: Mapping[str, PlotterFile]) -> type:
    file = files.get(name, files.get(""))
    return load(replay.code(name)) if file is None else file.kind or file.load()


def _moments(replay: Replay, name: str, fps: float, speed: float | None) -> list[int]:
    """Which of a plotter's frames each frame of the movie shows."""
    times = replay.times_of(name)
    if speed is None or not times:
        return list(range(len(times)))
    count = int(times[-1] * fps / speed) + 1
    shown = (bisect.bisect_right(times, k * speed / fps + 1e-9) for k in range(count))
    return [max(0, at - 1) for at in shown]


class _Film:
    """The movies of one plotter's figures: kept when all is done, else removed."""

    def __init__(
        self,
        path: Path,
        label: str,
        fps: float,
        dpi: float | None,
        size: tuple[int, int] | None,
    ) -> None:
        self.written: list[Path] = []
        self._path = path
        self._label = label
        self._fps = fps
        self._dpi = dpi
        self._size = size
        self._reels: list[tuple[Any, Path, Path]] = []  # writer, where, where to

    def shoot(
        self,
        replay: Replay,
        name: str,
        moments: list[int],
        kind: Callable[[], type],
        trouble: Callable[[Failure], None] | None,
    ) -> Iterator[None]:
        """Draw and write frame after frame."""
        import matplotlib.pyplot as plt

        painter = Painter(name, plt.figure, on_screen=False)
        failure = painter.make(kind)
        if failure is not None:
            raise PlotterError(failure.text.strip())
        self._resize(painter.figures)
        before = -1
        for at in moments:
            if at != before:
                before = at
                failure = self._draw(painter, replay, name, at)
                if failure is not None and trouble is not None:
                    trouble(failure)
            if not self._reels:
                self._begin(painter.figures)
            for writer, _, _ in self._reels:
                try:
                    writer.grab_frame()
                except OSError as error:
                    raise OSError(f"{self._path}: {_reason(writer, error)}") from None
            yield
        if moments and not painter.shown and failure is not None:
            raise PlotterError(f"no frame could be drawn: {failure.summary}")

    def __enter__(self) -> _Film:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            for writer, temporary, _ in self._reels:
                _abort(writer)
                with contextlib.suppress(OSError):
                    temporary.unlink()

    def _draw(
        self, painter: Painter, replay: Replay, name: str, at: int
    ) -> Failure | None:
        try:
            frame = replay.frame(name, at)
        except AsyncPlotError as error:
            return Failure(name, 0, str(error))
        assert isinstance(frame, Frame)
        return painter.draw(frame)

    def _resize(self, figures: list[Figure]) -> None:
        for figure in figures:
            if self._size is not None:
                dpi = self._dpi or figure.dpi
                figure.set_size_inches(self._size[0] / dpi, self._size[1] / dpi)

    def _begin(self, figures: list[Figure]) -> None:
        """Open the files, once it is known how many figures there are."""
        from matplotlib import animation

        self._resize(figures)
        suffix = self._path.suffix.lower()
        fps: Any = self._fps  # they take fractions too
        for index, figure in enumerate(figures, 1):
            parts = [self._label, str(index) if len(figures) > 1 else ""]
            label = "-".join(part for part in parts if part).replace("/", "_")
            stem = f"{self._path.stem}-{label}" if label else self._path.stem
            final = self._path.with_name(stem + self._path.suffix)
            temporary = final.with_name(f".{stem}.{secrets.token_hex(4)}{suffix}")
            if suffix in FILMS:
                codec, told = FILMS[suffix]
                pixels = ["-pix_fmt", "yuv420p"]  # what every player can show
                writer: Any = animation.FFMpegWriter(
                    fps=fps, codec=codec, extra_args=[*pixels, *told]
                )
            else:
                writer = animation.PillowWriter(fps=fps)
            dpi = self._dpi or figure.dpi
            self._reels.append((writer, temporary, final))
            _make_even(figure, dpi)
            writer.setup(figure, str(temporary), dpi=dpi)

    def _finish(self) -> None:
        for writer, temporary, final in self._reels:
            try:
                writer.finish()
            except (OSError, subprocess.SubprocessError) as error:
                raise OSError(f"{final}: {_reason(writer, error)}") from None
            temporary.replace(final)
            self.written.append(final)
        self._reels = []


def _make_even(figure: Figure, dpi: float) -> None:
    """Give a figure an even number of pixels each way, as films must have."""
    width, height = (round(inches * dpi) for inches in figure.get_size_inches())
    # Half a pixel more, so that no rounding down makes it odd again.
    even = width + width % 2, height + height % 2
    figure.set_size_inches((even[0] + 0.01) / dpi, (even[1] + 0.01) / dpi)


def _reason(writer: Any, error: Exception) -> str:
    """What ffmpeg said last, if it was ffmpeg, else what Python says."""
    process = getattr(writer, "_proc", None)
    if process is not None:
        with contextlib.suppress(Exception):
            _, said = process.communicate(timeout=5)
            lines = [line for line in (said or b"").decode().splitlines() if line]
            if lines:
                return f"ffmpeg failed: {lines[-1]}"
    return f"{type(error).__name__}: {error}"


def _abort(writer: Any) -> None:
    process = getattr(writer, "_proc", None)
    if process is not None and process.poll() is None:
        process.kill()
    if process is not None:
        with contextlib.suppress(Exception):
            process.communicate(timeout=5)
