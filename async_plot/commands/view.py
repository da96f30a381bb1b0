"""``async-plot view``: a run in a window, or off-screen in a file."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from . import NOT_FOUND, Misuse, need_window, set_up_debug

if TYPE_CHECKING:
    import argparse

__all__ = ["load_plotter", "run"]


def run(options: argparse.Namespace) -> int:
    """Look at a run."""
    if options.save is None:
        need_window("or draw into a file: --save FILE.png")
    plotter = load_plotter(options.plotter) if options.plotter else None
    set_up_debug()
    from ..client import Client
    from ..net import runs
    from .pick import pick

    client = Client(pick(runs.list_runs()) if options.run is None else options.run)
    if options.save is not None:
        from ..views import offscreen

        begun = time.time()
        drawn = offscreen.run(
            client, plotter=plotter, save=options.save, max_rate=options.max_rate
        )
        if not drawn and not _written(options.save, begun):
            print("async-plot: the run left nothing to draw", file=sys.stderr)
            return NOT_FOUND
        return 0
    from ..views import window

    return window.show(client, plotter=plotter, max_rate=options.max_rate)


def load_plotter(text: str) -> type:
    """Load a class as ``--plotter`` names it.

    Parameters
    ----------
    text : str
        ``"file.py:Class"``.

    Returns
    -------
    type

    Raises
    ------
    PlotterError
        If the class does not draw.
    """
    file, separator, name = text.rpartition(":")
    if not separator or not file or not name:
        raise Misuse(f"--plotter is FILE.py:CLASS, not {text!r}")
    path = Path(file)
    if not path.is_file():
        raise Misuse(f"there is no file {file}")
    import runpy

    from ..net.feed import check_plotter

    # What the file imports stands beside it, as when it is run.
    sys.path.insert(0, str(path.resolve().parent))
    try:
        names = runpy.run_path(str(path), run_name=path.stem)
    except Exception as error:  # the file is the user's
        raise Misuse(f"{file} cannot be loaded: {error!r}") from error
    if name not in names:
        raise Misuse(f"there is no class {name} in {file}")
    check_plotter(names[name])
    loaded: type = names[name]
    return loaded


# -- private -----------------------------------------------------------------------


def _written(picture: Path, since: float) -> bool:
    """Whether that picture, or one of several figures, was written since then."""
    files = picture.parent.glob(f"{picture.stem}*{picture.suffix}")
    # The clock of files ticks some hundred times a second only.
    return any(file.stat().st_mtime > since - 0.02 for file in files)
