"""``async-plot post-mortem``: how a run ended, in words and with its last frame."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RunNotFoundError
from ..net import records, runs, surroundings
from ..postmortem import Report, examine, save
from ..replay import Replay
from ..wire.framing import describe_size
from ..wire.messages import RunState
from . import NOT_FOUND, Misuse, need_window, set_up_debug
from .pick import choose
from .replay import say_note
from .runs import state_of
from .view import plotter_files

if TYPE_CHECKING:
    from ..net.runs import Run
    from ..views.reload import PlotterFile

__all__ = ["run"]

_BAD = {RunState.FAILED.value, RunState.LOST.value, "killed"}


def run(options: argparse.Namespace) -> int:
    """Tell how a run ended, and show its last frame."""
    if options.view == "window":
        need_window("or leave out --view")
    files = plotter_files(options.plotter)
    set_up_debug()
    path, of = _found(options.run)
    report = examine(path, of, trust=options.trust)
    size = 0 if options.save is None else save(report, options.save)
    if options.json:
        print(json.dumps(report.facts(), indent=1))
    else:
        print(report.text(), flush=True)
    if options.save is not None:
        print(
            f"async-plot: {options.save}: {describe_size(size)}; elsewhere: "
            f"async-plot post-mortem {options.save}",
            file=sys.stderr,
        )
    if options.picture is not None:
        return _draw(options, report, of, files)
    windows = surroundings.display() and surroundings.toolkit()
    if options.view == "none" or options.json or options.save is not None:
        return 0
    if not _has_frames(report):
        return 0
    if not windows:
        print(
            "async-plot: no window can be opened here; --picture FILE.png draws the "
            "last frame",
            file=sys.stderr,
        )
        return 0
    from ..views import window

    replay = _replay(options, report, of, files)
    return window.show(replay, files=files, max_rate=math.inf)


# -- private -----------------------------------------------------------------------


def _found(name: str | None) -> tuple[Path | None, Run | None]:
    """The record of the run that is meant, or the file; and its run files."""
    if name is not None and records.is_records(name):
        path = Path(name).absolute()
        if path.name != "record":
            return path, None
        name = os.fspath(path.parent)  # a run's own record: more is known beside it
    found = _ended(name)
    path = found.record_file
    return (path if path.exists() else None), found


def _ended(name: str | None) -> Run:
    if name is not None and (os.sep in name or Path(name).is_file()):
        fitting = [runs.read(name)]
    else:
        known = runs.list_runs()
        fitting = [r for r in known if name is None or name in (r.name, r.run)]
        if not fitting and name is not None:
            fitting = [r for r in known if r.run.startswith(name)]
    ended = [each for each in fitting if not each.alive]
    if not ended:
        if fitting:
            raise Misuse(
                f"{fitting[0].name} has not ended; look at it with async-plot view"
            )
        what = "has ended" if name is None else f"is named {name!r}"
        raise RunNotFoundError(f"no run of this user on this machine {what}")
    if name is None:
        return next((each for each in ended if state_of(each) in _BAD), ended[0])
    return ended[0] if len(ended) == 1 else choose(ended)


def _replay(
    options: argparse.Namespace,
    report: Report,
    of: Run | None,
    files: Mapping[str, PlotterFile],
    *,
    once: bool = False,
) -> Replay:
    assert report.file is not None
    replay = Replay(
        report.file,
        trust=options.trust,
        private=of is not None,
        at_end=True,
        once=once,
        ending=report.ending,
    )
    say_note(replay, files)
    return replay


def _draw(
    options: argparse.Namespace,
    report: Report,
    of: Run | None,
    files: Mapping[str, PlotterFile],
) -> int:
    from ..views import offscreen

    if _has_frames(report) or report.histories:
        replay = _replay(options, report, of, files, once=True)
        if offscreen.run(replay, files=files, save=options.picture) or report.histories:
            return 0
    print("async-plot: the run left nothing to draw", file=sys.stderr)
    return NOT_FOUND


def _has_frames(report: Report) -> bool:
    return any(kept.whole or kept.mid_step for kept in report.kept)
