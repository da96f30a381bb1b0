"""The command line, ``async-plot``. Enters a room only when a command needs it.

Whoever asks for help waits for no numpy: the imports stand in the commands.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from .commands import ENDED_SHOWN, INTERRUPTED, MISUSE, NOT_FOUND, Misuse
from .errors import AsyncPlotError, PlotterError, RunNotFoundError

__all__ = ["main", "parser"]


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
    if arguments is None and options.command in (_view, _top) and hasattr(os, "nice"):
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
        help="its name, its identifier, its connection file, or a recording to replay "
        "(default: the one that is alive, else the newest; of several it asks)",
    )
    view.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        help="draw off-screen, and write the last frame when the run has ended",
    )
    view.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="write what is shown into a recording; only that where no window can open",
    )
    view.add_argument(
        "--view",
        choices=["auto", "window", "none"],
        default="auto",
        help="with --record: whether to open a window (default: where there is a "
        "display)",
    )
    view.add_argument(
        "--movie",
        type=Path,
        metavar="FILE",
        help="make a movie of a recording: .mp4, .webm, .mkv, .gif, .apng or .webp",
    )
    view.add_argument(
        "--fps",
        type=_positive,
        default=30.0,
        metavar="N",
        help="frames a second of the movie (default: 30)",
    )
    view.add_argument(
        "--speed",
        type=_positive,
        metavar="N",
        help="of a recording: seconds of the run in one second (default: 1; for a "
        "movie, each frame of the recording is one of the movie)",
    )
    view.add_argument(
        "--size",
        type=_size,
        metavar="WxH",
        help="size of the movie in pixels (default: as the plotter makes its figure)",
    )
    view.add_argument(
        "--dpi",
        type=_positive,
        metavar="N",
        help="dots per inch of the movie (default: the figure's)",
    )
    view.add_argument(
        "--trust",
        action="store_true",
        help="run the code in another user's recording: its plotters and objects",
    )
    view.add_argument(
        "--plotter",
        action="append",
        default=[],
        metavar="[NAME=]FILE.py:CLASS",
        help="draw the same frames with another class, loaded again whenever the file "
        "changes; with several plotters, one for each NAME",
    )
    view.add_argument(
        "--max-rate",
        type=_positive,
        metavar="N",
        help="frames drawn each second at most (default: 30; of a recording as many as "
        "can be drawn)",
    )
    view.add_argument(
        "--host",
        metavar="HOST[:PORT]",
        help="name or address of the run's machine as this one reaches it, for a run "
        "that listens beyond its machine",
    )
    view.add_argument(
        "--ssh",
        metavar="[USER@]HOST",
        help="look at a run of that machine, through ssh",
    )
    view.add_argument(
        "--remote-python",
        metavar="PATH",
        help="with --ssh: the Python there that has async_plot (default: the program "
        "async-plot of that machine)",
    )
    view.add_argument(
        "--look-only",
        action="store_true",
        help="offer nothing that steers the run",
    )
    view.set_defaults(command=_view)

    top = commands.add_parser(
        "top",
        parents=[common],
        help="look at the runs in the terminal",
        description="Look at the runs of this user on this machine, or at one of "
        "them, in the terminal: progress, workers, failures, log.",
    )
    top.add_argument(
        "run",
        nargs="?",
        metavar="NAME|FILE",
        help="its name, its identifier, or its connection file (default: a list of "
        "all runs)",
    )
    top.add_argument(
        "--look-only",
        action="store_true",
        help="steer nothing: no pause, no stop, no parameters",
    )
    top.add_argument(
        "--host",
        metavar="HOST[:PORT]",
        help="name or address of the run's machine as this one reaches it, for a run "
        "that listens beyond its machine",
    )
    top.add_argument(
        "--ssh",
        metavar="[USER@]HOST",
        help="look at a run of that machine, through ssh",
    )
    top.add_argument(
        "--remote-python",
        metavar="PATH",
        help="with --ssh: the Python there that has async_plot (default: the program "
        "async-plot of that machine)",
    )
    top.add_argument(
        "--plain",
        action="store_true",
        help="lines instead of a screen, one for each event; so without a terminal",
    )
    top.add_argument(
        "--no-plot",
        action="store_true",
        help="leave the figures out",
    )
    top.add_argument(
        "--max-rate",
        type=_positive,
        metavar="N",
        help="figures drawn each second at most (default: 5)",
    )
    top.set_defaults(command=_top)

    mortem = commands.add_parser(
        "post-mortem",
        parents=[common],
        help="look at a run that crashed",
        description="Tell how a run ended, and show its last whole frame.",
    )
    mortem.add_argument(
        "run",
        nargs="?",
        metavar="NAME|FILE",
        help="its name, its identifier, or a file that --save wrote (default: the "
        "newest that ended badly, else the newest that ended)",
    )
    mortem.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        help="write all of it into one file, for another machine",
    )
    mortem.add_argument(
        "--picture",
        type=Path,
        metavar="FILE",
        help="draw the last frame off-screen into this file",
    )
    mortem.add_argument(
        "--view",
        choices=["auto", "window", "none"],
        default="auto",
        help="whether to open a window (default: where there is a display)",
    )
    mortem.add_argument(
        "--plotter",
        action="append",
        default=[],
        metavar="[NAME=]FILE.py:CLASS",
        help="draw with another class",
    )
    mortem.add_argument(
        "--trust",
        action="store_true",
        help="run the code in another user's file: its plotters and objects",
    )
    mortem.add_argument("--json", action="store_true", help="for programs; no window")
    mortem.set_defaults(command=_post_mortem)

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

    connection = commands.add_parser(
        "connection",
        parents=[common],
        help="tell view --ssh on another machine how to connect",
        description="Print the connections of the runs that are alive, with their "
        "keys, for async-plot view --ssh on another machine.",
    )
    connection.add_argument(
        "run", nargs="?", metavar="NAME", help="its name or its identifier"
    )
    connection.set_defaults(command=_connection)
    return whole


# -- commands ----------------------------------------------------------------------


def _demo(options: argparse.Namespace) -> int:
    from . import demo
    from .commands import need_window, set_up_debug

    if options.view == "window":
        need_window("or leave out --view for a picture")
    set_up_debug()
    return demo.run(options.seconds, view=options.view, save=options.save)


def _connection(options: argparse.Namespace) -> int:
    from .commands import connection

    return connection.run(options)


def _view(options: argparse.Namespace) -> int:
    from .commands import view

    return view.run(options)


def _top(options: argparse.Namespace) -> int:
    from .commands import top

    return top.run(options)


def _post_mortem(options: argparse.Namespace) -> int:
    from .commands import post_mortem

    return post_mortem.run(options)


def _runs(options: argparse.Namespace) -> int:
    from .commands import runs

    return runs.run(options)


# -- private -----------------------------------------------------------------------


def _positive(text: str) -> float:
    with contextlib.suppress(ValueError):
        value = float(text)
        if 0 < value < float("inf"):
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is no positive number")


def _size(text: str) -> tuple[int, int]:
    width, separator, height = text.lower().partition("x")
    if separator and width.isdecimal() and height.isdecimal():
        size = int(width), int(height)
        if 16 <= min(size) and max(size) <= 16384:
            return size
    raise argparse.ArgumentTypeError(
        f"{text!r} is no size such as 1280x720, from 16 to 16384 pixels"
    )


def _complain(error: Exception, status: int) -> int:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, RunNotFoundError):
        text += " (async-plot runs lists them)"
    print(f"async-plot: {text}", file=sys.stderr)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
