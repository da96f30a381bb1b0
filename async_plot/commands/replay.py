"""``async-plot view FILE``: a recording in a window, in a picture or as a movie."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..replay import Replay
from ..wire.framing import describe_size, printable
from . import NOT_FOUND, Misuse, need_window

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from ..views.figure import Failure
    from ..views.reload import PlotterFile

__all__ = ["open_replay", "run", "say_note"]


def run(options: argparse.Namespace, files: Mapping[str, PlotterFile]) -> int:
    """Replay a recording, as `options` of ``view`` say."""
    if options.movie is not None and options.save is not None:
        raise Misuse("--movie and --save are two commands; give one of them")
    if options.movie is not None:
        return _make_movie(options, files)
    if options.save is not None:
        from ..views import offscreen

        replay = open_replay(options, once=True)
        say_note(replay, files)
        drawn = offscreen.run(replay, files=files, save=options.save)
        if not drawn:
            print("async-plot: the recording has no frame to draw", file=sys.stderr)
            return NOT_FOUND
        return 0
    need_window("draw into a file: --save FILE.png, or make a movie: --movie FILE.gif")
    from ..views import window

    replay = open_replay(options)
    say_note(replay, files)
    if options.speed is not None:
        replay.set_speed(options.speed)
    rate = options.max_rate or math.inf
    return window.show(replay, files=files, max_rate=rate)


def open_replay(
    options: argparse.Namespace, *, once: bool = False, at_end: bool = False
) -> Replay:
    """Open the recording, or complain of what is no recording at all."""
    replay = Replay(options.run, trust=options.trust, once=once, at_end=at_end or once)
    damage = replay.records.damage
    if replay.welcome is None:
        replay.close()
        raise Misuse(f"{options.run} holds no run: {damage or 'it is empty'}")
    if damage:
        print(f"async-plot: {options.run}: {damage}", file=sys.stderr)
    return replay


def say_note(replay: Replay, files: Mapping[str, PlotterFile]) -> None:
    """Say in the terminal what the window says too."""
    if replay.note and not files:
        print(f"async-plot: {replay.path}: {replay.note}", file=sys.stderr)


# -- private -----------------------------------------------------------------------


def _make_movie(options: argparse.Namespace, files: Mapping[str, PlotterFile]) -> int:
    from ..views import movie

    path = Path(options.movie)
    movie.check(path)
    with contextlib.closing(open_replay(options, once=True)) as replay:
        say_note(replay, files)
        told = _Told()
        begun = time.monotonic()
        written = movie.write(
            replay,
            path,
            files=files,
            fps=options.fps,
            speed=options.speed,
            dpi=options.dpi,
            size=options.size,
            progress=told.progress,
            trouble=told.trouble,
        )
    told.end()
    names = ", ".join(map(os.fspath, written))
    size = describe_size(sum(each.stat().st_size for each in written))
    seconds = time.monotonic() - begun
    print(f"{names}: {told.total} frames, {size}, in {seconds:.0f} s", file=sys.stderr)
    return 0


class _Told:
    """What is said on stderr while a movie is made: a line that counts at a terminal.

    Where nobody watches, only what goes wrong, and each thing once.
    """

    def __init__(self) -> None:
        self.total = 0
        self._line = bool(sys.stderr and sys.stderr.isatty())
        self._next = 0.0
        self._troubles: set[str] = set()
        self._failed = 0

    def progress(self, done: int, total: int) -> None:
        """Write how far it is, some times a second."""
        self.total = total
        now = time.monotonic()
        if self._line and (now >= self._next or done == total):
            self._next = now + 0.1
            share = f"{100 * done // total} %"
            print(f"\r{share:>5}  frame {done} of {total}", end="", file=sys.stderr)
            sys.stderr.flush()

    def trouble(self, failure: Failure) -> None:
        """Tell of a frame that a plotter could not draw."""
        self._failed += 1
        key = failure.text.rpartition("\n  ")[0] or failure.text
        if key not in self._troubles and len(self._troubles) < 20:
            self._troubles.add(key)
            self.end()
            text = printable(failure.text.strip(), keep="\n")
            print(f"async-plot: frame {failure.frame}:\n{text}", file=sys.stderr)

    def end(self) -> None:
        """End the line that counts."""
        if self._line and self._next:
            self._next = 0.0
            print(file=sys.stderr)
        if self.total and self._failed:
            print(f"async-plot: {self._failed} frames failed", file=sys.stderr)
            self._failed = 0
