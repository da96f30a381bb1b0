"""``async-plot view``: a run in a window, or off-screen in a file."""

from __future__ import annotations

import contextlib
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import PlotterError
from ..net import records
from . import NOT_FOUND, Misuse, need_window, set_up_debug

if TYPE_CHECKING:
    import argparse

    from ..client import Client
    from ..views.inbox import Inbox
    from ..views.reload import PlotterFile

__all__ = ["plotter_files", "run"]

RATE = 30.0  # frames drawn a second, so that no core is taken from a calculation


def run(options: argparse.Namespace) -> int:
    """Look at a run."""
    local = options.run is not None and options.ssh is None
    recorded = local and records.is_records(options.run)
    if not recorded:
        for name in ("movie", "speed", "size", "dpi", "trust"):
            if getattr(options, name):
                raise Misuse(f"--{name} is for a recording; name its file")
        if options.view == "none" and options.record is None:
            raise Misuse("--view none is for --record FILE")
        if options.save is None and not _alone(options):
            need_window("or draw into a file: --save FILE.png")
    elif options.record is not None:
        raise Misuse(f"--record is for a run; {options.run} is a recording")
    files = plotter_files(options.plotter)
    set_up_debug()
    if recorded:
        from . import replay

        return replay.run(options, files)
    with _reached(options) as client:
        return _show(client, options, files)


def plotter_files(texts: Sequence[str]) -> dict[str, PlotterFile]:
    """Load the classes that ``--plotter`` names.

    Parameters
    ----------
    texts : list of str
        Each ``"file.py:Class"``, or ``"name=file.py:Class"`` for one of several
        plotters.

    Returns
    -------
    dict of {str: PlotterFile}
        By plotter; that of ``""`` is for all that are not named.

    Raises
    ------
    Misuse, PlotterError
        If a file cannot be loaded, or the class does not draw.
    """
    files: dict[str, PlotterFile] = {}
    for text in texts:
        name, file = _parsed(text)
        if name in files:
            which = f"for {name!r} " if name else ""
            raise Misuse(f"--plotter is given {which}twice; give NAME=FILE.py:CLASS")
        files[name] = file
        try:
            file.load()
        except PlotterError:
            raise
        except (Exception, SystemExit) as error:  # the file is the user's
            lines = traceback.format_exception(type(error), error, error.__traceback__)
            where = file.where("".join(lines))
            raise Misuse(f"{where}: {type(error).__name__}: {error}") from error
    return files


# -- private -----------------------------------------------------------------------


@contextlib.contextmanager
def _reached(options: argparse.Namespace) -> Iterator[Client]:
    """Find the run, here or on another machine."""
    if options.ssh is not None:
        if options.host is not None:
            raise Misuse("--host and --ssh are two ways to a run; give one")
        from .ssh import tunnelled

        with tunnelled(options, **_rights(options)) as client:
            yield client
        return
    if options.remote_python is not None:
        raise Misuse("--remote-python is for --ssh HOST")
    from ..client import Client
    from ..net import runs
    from .pick import pick

    run = pick(runs.list_runs()) if options.run is None else options.run
    yield Client(run, host=options.host, **_rights(options))


def _rights(options: argparse.Namespace) -> dict[str, Any]:
    """What it may do: a window steers, if it is not to look only."""
    looks = options.look_only or options.save is not None
    return {"control": not looks, "view": "window"}


def _show(
    client: Client, options: argparse.Namespace, files: dict[str, PlotterFile]
) -> int:
    rate = options.max_rate or RATE
    if options.record is None:
        return _drawn(client, options, files, rate, None)
    from ..views.inbox import Inbox
    from .record import Tap, record

    tap = Tap(options.record, rate)
    try:
        inbox = Inbox(client, tap)
        try:
            if options.save is not None or not _alone(options):
                return _drawn(client, options, files, rate, inbox)
            record(client, inbox, rate)
            return 0
        finally:
            inbox.close("recorded")
    finally:
        tap.close()


def _alone(options: argparse.Namespace) -> bool:
    """Whether a run is recorded and not drawn."""
    from ..net import surroundings

    if options.record is None or options.view == "window":
        return False
    windows = surroundings.display() and surroundings.toolkit()
    return options.view == "none" or not windows


def _drawn(
    client: Client,
    options: argparse.Namespace,
    files: dict[str, PlotterFile],
    rate: float,
    inbox: Inbox | None,
) -> int:
    """Draw a run, off-screen or in a window; return the exit status."""
    if options.save is not None:
        from ..views import offscreen

        begun = time.time()
        drawn = offscreen.run(
            client, files=files, save=options.save, max_rate=rate, inbox=inbox
        )
        if not drawn and not _written(options.save, begun):
            print("async-plot: the run left nothing to draw", file=sys.stderr)
            return NOT_FOUND
        return 0
    from ..views import window

    return window.show(client, files=files, max_rate=rate, inbox=inbox)


def _parsed(text: str) -> tuple[str, PlotterFile]:
    from ..views.reload import PlotterFile

    file, separator, kind = text.rpartition(":")
    if not separator or not file or not kind:
        raise Misuse(f"--plotter is [NAME=]FILE.py:CLASS, not {text!r}")
    name = ""
    if "=" in file and not Path(file).is_file():
        name, _, file = file.partition("=")
    if not Path(file).is_file():
        raise Misuse(f"there is no file {file}")
    return name, PlotterFile(file, kind)


def _written(picture: Path, since: float) -> bool:
    """Whether that picture, or one of several figures, was written since then."""
    files = picture.parent.glob(f"{picture.stem}*{picture.suffix}")
    # The clock of files ticks some hundred times a second only.
    return any(file.stat().st_mtime > since - 0.02 for file in files)
