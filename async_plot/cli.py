"""The command line, ``async-plot``. Enters a room only when a command needs it.

Whoever asks for help waits for no numpy: the imports stand in the commands.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__
from .errors import AsyncPlotError, PlotterError, RunNotFoundError

if TYPE_CHECKING:
    from .net.runs import Run

__all__ = ["load_plotter", "main", "parser"]

NOT_FOUND, MISUSE, INTERRUPTED = 1, 2, 130  # exit statuses beside 0
ENDED_SHOWN = 10  # ended runs that ``runs`` lists without --all


class Misuse(Exception):
    """The command cannot be carried out as it was given; the text says what can."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command.

    Parameters
    ----------
    arguments : list of str, optional
        Default: those of the process.

    Returns
    -------
    int
        Exit status: 0, 1 where there is no such run, 2 for misuse, 130 after
        Ctrl-C.
    """
    options = parser().parse_args(arguments)
    if arguments is None and options.command is _view and hasattr(os, "nice"):
        # This process is a viewer: it takes no core from a calculation.
        with contextlib.suppress(OSError):
            os.nice(10)
    if hasattr(sys.stdout, "reconfigure"):
        # A name that this terminal's encoding lacks must not hide the other runs.
        sys.stdout.reconfigure(errors="backslashreplace")
    if getattr(options, "debug", False):
        os.environ["ASYNC_PLOT_DEBUG"] = "1"
    try:
        return int(options.command(options))
    except Misuse as error:
        return _complain(error, MISUSE)
    except (PlotterError, ValueError) as error:
        return _complain(error, MISUSE)
    except (AsyncPlotError, LookupError, OSError) as error:
        if isinstance(error, BrokenPipeError):  # as in ``async-plot runs | head -1``
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return _complain(error, NOT_FOUND)
    except KeyboardInterrupt:
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """Make the parser of the whole command line."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print one line for each message, as ASYNC_PLOT_DEBUG=1 does",
    )
    whole = argparse.ArgumentParser(
        prog="async-plot",
        description="Watch long calculations without slowing them down.",
        parents=[common],
    )
    whole.add_argument(
        "--version", action="version", version=f"async-plot {__version__}"
    )
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)

    demo = commands.add_parser(
        "demo",
        parents=[common],
        help="watch a wave packet go through a double slit",
        description="Calculate a wave packet that goes through a double slit, and "
        "watch it: in a window where there is a display, else in a picture.",
    )
    demo.add_argument(
        "--seconds",
        type=_positive,
        default=30.0,
        help="about how long it takes (default: 30)",
    )
    demo.add_argument(
        "--save", type=Path, metavar="PNG", help="picture of the last frame"
    )
    demo.add_argument(
        "--view",
        choices=["auto", "window", "none"],
        default="auto",
        help="whether to open a window (default: where there is a display)",
    )
    demo.set_defaults(command=_demo)

    view = commands.add_parser(
        "view",
        parents=[common],
        help="look at a run",
        description="Look at a run of this user on this machine.",
    )
    view.add_argument(
        "run",
        nargs="?",
        metavar="NAME|FILE",
        help="its name, its identifier or its connection file (default: the newest)",
    )
    view.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        help="draw off-screen, and write the last frame when the run has ended",
    )
    view.add_argument(
        "--plotter",
        metavar="FILE.py:CLASS",
        help="draw the same frames with another class",
    )
    view.add_argument(
        "--max-rate",
        type=_positive,
        default=30.0,
        metavar="N",
        help="frames drawn each second at most (default: 30)",
    )
    view.set_defaults(command=_view)

    runs = commands.add_parser(
        "runs",
        parents=[common],
        help="list the runs",
        description="List the runs of this user on this machine, those alive first.",
    )
    runs.add_argument("--json", action="store_true", help="for programs")
    runs.add_argument(
        "--all",
        action="store_true",
        help=f"more than the {ENDED_SHOWN} that ended last",
    )
    runs.set_defaults(command=_runs)
    return whole


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

    from .net.feed import check_plotter

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


# -- commands ----------------------------------------------------------------------


def _demo(options: argparse.Namespace) -> int:
    from . import demo
    from .net import surroundings

    if options.view == "window":
        _need_window(surroundings, "or leave out --view for a picture")
    _debug()
    return demo.run(options.seconds, view=options.view, save=options.save)


def _view(options: argparse.Namespace) -> int:
    from .net import surroundings

    if options.save is None:
        _need_window(surroundings, "or draw into a file: --save FILE.png")
    plotter = load_plotter(options.plotter) if options.plotter else None
    _debug()
    from .client import Client

    client = Client(options.run)
    if options.save is not None:
        from .views import offscreen

        begun = time.time()
        drawn = offscreen.run(
            client, plotter=plotter, save=options.save, max_rate=options.max_rate
        )
        if not drawn and not _written(options.save, begun):
            print("async-plot: the run left nothing to draw", file=sys.stderr)
            return NOT_FOUND
        return 0
    from .views import window

    return window.show(client, plotter=plotter, max_rate=options.max_rate)


def _runs(options: argparse.Namespace) -> int:
    from .net import runs
    from .wire.framing import printable

    found = runs.list_runs()
    alive = [run for run in found if run.alive]
    ended = [run for run in found if not run.alive]
    shown = alive + (ended if options.all else ended[:ENDED_SHOWN])
    now = time.time()
    if options.json:
        print(json.dumps([_described(run) for run in shown], indent=1))
        return 0
    if not shown:
        print(f"no run of this user on {runs.hostname()}", file=sys.stderr)
        return 0
    rows = [("NAME", "STATE", "PID", "STARTED", "AGE", "ADDRESS")]
    for run in shown:
        started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started))
        rows.append(
            (
                printable(run.name),
                _state(run),
                str(run.pid),
                started,
                _age(now - run.started),
                "{}:{}".format(*run.address) if run.alive and run.address else "-",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    if len(ended) > ENDED_SHOWN and not options.all:
        print(f"and {len(ended) - ENDED_SHOWN} that ended before: --all")
    return 0


# -- private -----------------------------------------------------------------------


def _need_window(surroundings: Any, otherwise: str) -> None:
    if not surroundings.display():
        raise Misuse(f"there is no display; set DISPLAY, {otherwise}")
    if not surroundings.toolkit():
        raise Misuse(
            "no GUI toolkit is installed; pip install 'async_plot[window]', "
            f"{otherwise}"
        )


def _written(picture: Path, since: float) -> bool:
    """Whether that picture, or one of several figures, was written since then."""
    files = picture.parent.glob(f"{picture.stem}*{picture.suffix}")
    # The clock of files ticks some hundred times a second only.
    return any(file.stat().st_mtime > since - 0.02 for file in files)


def _debug() -> None:
    from .net import surroundings

    surroundings.set_up_debug()


def _described(run: Run) -> dict[str, Any]:
    """What programs are told of a run. Its key is not among it."""
    return {
        "name": run.name,
        "run": run.run,
        "state": _state(run),
        "pid": run.pid,
        "host": run.host,
        "python": run.python,
        "started": run.started,
        "address": list(run.address) if run.alive and run.address else None,
        "connection_file": str(run.connection_file),
    }


def _state(run: Run) -> str:
    """State as it is: a run whose process is gone without a word is lost."""
    return "lost" if run.address is not None and not run.alive else run.state


def _age(seconds: float) -> str:
    """Two units at most, as a person would say it."""
    left = max(0, int(seconds))
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "m", 60)):
        if left >= size:
            return f"{left // size}{unit} {left % size // part}{smaller}"
    return f"{left // 60}m {left % 60}s" if left >= 60 else f"{left}s"


def _positive(text: str) -> float:
    with contextlib.suppress(ValueError):
        value = float(text)
        if 0 < value < float("inf"):
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is no positive number")


def _complain(error: Exception, status: int) -> int:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, RunNotFoundError):
        text += " (async-plot runs lists them)"
    print(f"async-plot: {text}", file=sys.stderr)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
