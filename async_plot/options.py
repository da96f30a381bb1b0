"""What a `Server` was asked for: checked, with nothing done about it yet."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .net import surroundings
from .net.recording import Recording
from .plotter import check_plotter

__all__ = ["Options", "check"]

LEAST_LIMIT = 1 << 16  # bytes of a recording
WAIT = 30.0  # seconds of ``wait_for_client=True``
_VIEWS = ("auto", "window", "notebook", "browser", "terminal", None)


@dataclass(frozen=True)
class Options:
    """The arguments of a `Server`, in the forms that its parts want.

    Attributes
    ----------
    plotters : dict of {str: class or None}
        By name; ``""`` where there is one alone.
    single : bool
        Whether there is one alone.
    host, port, client_cmd, view, overhead, name, on_exit, stalled_after
        As given to `Server`, `name` filled in.
    record : Recording or None
        Where the run is recorded, and how.
    remote : bool
        Whether other machines can reach `host`.
    wait : float
        Seconds to wait for a client.
    inert : bool
        Whether the environment switches the library off.
    """

    plotters: dict[str, type | None]
    single: bool
    host: str
    port: int
    remote: bool
    client_cmd: list[str] | None
    view: str | None
    wait: float
    overhead: float
    name: str
    on_exit: str
    stalled_after: float | None
    record: Recording | None
    inert: bool


def check(
    plotter: object,
    *,
    host: object,
    port: object,
    client_cmd: object,
    view: object,
    wait_for_client: object,
    overhead: object,
    name: object,
    on_exit: object,
    stalled_after: object = None,
    record: object = None,
) -> Options:
    """Check the arguments of a `Server`.

    Raises
    ------
    PlotterError, TypeError, ValueError, FileExistsError, FileNotFoundError
        If one is wrong; the text names it and says what would be accepted.
    """
    plotters = _plotters(plotter)
    inert = surroundings.is_inert()
    address = _checked_address(host, port, inert=inert)
    if on_exit not in ("keep", "close"):
        raise ValueError(f"on_exit must be 'keep' or 'close', not {on_exit!r}")
    if name is not None and (not isinstance(name, str) or not name.strip()):
        raise ValueError(f"name must be a non-empty string or None, not {name!r}")
    return Options(
        plotters=plotters,
        single=not isinstance(plotter, Mapping),
        host=address[0],
        port=address[1],
        remote=not _is_loopback(address[0]),
        client_cmd=_checked_command(client_cmd),
        view=_checked_view(view, inert=inert),
        wait=_checked_wait(wait_for_client),
        overhead=_checked_overhead(overhead),
        name=name or _script_name(),
        on_exit=str(on_exit),
        stalled_after=_checked_stalled_after(stalled_after),
        record=_checked_recording(record, inert=inert),
        inert=inert,
    )


# -- private -----------------------------------------------------------------------


def _plotters(plotter: object) -> dict[str, type | None]:
    if plotter is None:
        return {"": None}
    if not isinstance(plotter, Mapping):
        check_plotter(plotter)
        return {"": plotter}  # type: ignore[dict-item]  # checked to be a class
    if not plotter:
        raise ValueError("plotter is an empty dict; give {name: class, ...}")
    for name, each in plotter.items():
        if not isinstance(name, str) or not name:
            raise TypeError(f"names of plotters are non-empty strings, not {name!r}")
        if each is not None:
            check_plotter(each)
    return dict(plotter)


def _checked_address(host: object, port: object, *, inert: bool) -> tuple[str, int]:
    if not isinstance(host, str) or not host or not host.isprintable() or " " in host:
        raise ValueError(
            "host must be an address or name to listen on, such as '127.0.0.1' or "
            f"'0.0.0.0', not {host!r}"
        )
    if not inert and not _is_loopback(host) and not surroundings.has_tls():
        raise ValueError(
            f"host={host!r} can be reached from other machines, so it needs TLS and "
            "the extra 'tls' (pip install 'async_plot[tls]'); with host='127.0.0.1' "
            "ssh can carry the frames"
        )
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port < 65536:
        raise ValueError(f"port must be an integer from 0 to 65535, not {port!r}")
    return host, port


def _checked_command(command: object) -> list[str] | None:
    if command is None:
        return None
    if (
        isinstance(command, (str, bytes))
        or not isinstance(command, (list, tuple))
        or not command
        or not all(isinstance(item, str) for item in command)
    ):
        raise TypeError(
            "client_cmd must be a list of strings such as "
            f"['ipython', '--pylab', '-c'], not {command!r}"
        )
    return list(command)


def _checked_view(view: Any, *, inert: bool) -> str | None:
    if view not in _VIEWS:
        known = ", ".join(map(repr, _VIEWS))
        raise ValueError(f"view must be one of {known}, not {view!r}")
    if inert:  # a machine where nobody looks needs no extra either
        return view  # type: ignore[no-any-return]
    if view == "browser":
        raise ValueError(
            "view='browser' needs the extra 'hub', which this version of async_plot "
            "does not have yet; use 'window', 'terminal', 'auto' or None"
        )
    if view == "terminal" and not surroundings.has_textual():
        raise ValueError(
            "view='terminal' needs the extra 'terminal' "
            "(pip install 'async_plot[terminal]')"
        )
    if view == "notebook" and surroundings.notebook() is None:
        raise ValueError(
            "view='notebook' needs a Jupyter kernel, which this process is not; "
            "use 'window', 'auto' or None"
        )
    if view == "window" and not surroundings.toolkit():
        raise ValueError(
            "view='window' needs a GUI toolkit: install the extra 'window' "
            "(pip install 'async_plot[window]') or your system's tkinter"
        )
    return view  # type: ignore[no-any-return]


def _checked_wait(wait: object) -> float:
    if isinstance(wait, bool):
        return WAIT if wait else 0.0
    if not isinstance(wait, (int, float)) or not 0 <= wait < math.inf:
        raise ValueError(
            f"wait_for_client must be True, False or seconds >= 0, not {wait!r}"
        )
    return float(wait)


def _checked_stalled_after(seconds: object) -> float | None:
    if seconds is None:
        return None
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, (int, float))
        or not 0 < seconds < math.inf
    ):
        raise ValueError(
            f"stalled_after must be a number of seconds > 0 or None, not {seconds!r}"
        )
    return float(seconds)


def _checked_overhead(overhead: object) -> float:
    if (
        isinstance(overhead, bool)
        or not isinstance(overhead, (int, float))
        or not 0 < overhead <= 1
    ):
        raise ValueError(f"overhead must be a number in (0, 1], not {overhead!r}")
    return float(overhead)


def _is_path(value: object) -> bool:
    if not isinstance(value, (str, os.PathLike)):
        return False
    path = os.fspath(value)
    return isinstance(path, str) and bool(path)


def _checked_recording(record: object, *, inert: bool) -> Recording | None:
    if record is None:
        return None
    if not isinstance(record, Recording):
        if not _is_path(record):
            raise TypeError(
                "record must be the path of a file, a Recording or None, not "
                f"{record!r}"
            )
        record = Recording(record)  # type: ignore[arg-type]
    elif not _is_path(record.file):
        raise ValueError(
            f"file of a Recording must be the path of a file, not {record.file!r}"
        )
    if not _is_number(record.rate) or not 0 < record.rate < math.inf:
        raise ValueError(f"rate of a Recording must be > 0, not {record.rate!r}")
    if not isinstance(record.limit, int) or record.limit < LEAST_LIMIT:
        raise ValueError(
            f"limit of a Recording must be an integer of at least {LEAST_LIMIT} "
            f"bytes, not {record.limit!r}"
        )
    if not inert:
        from .net.recorder import check_target  # needs numpy

        # The run may change its directory before its first frame.
        record = replace(record, file=Path(record.file).absolute())
        check_target(record.file)
    return record


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_loopback(host: str) -> bool:
    if host == "127.0.0.1":
        return True
    from .net import sockets  # slow to import, and seldom needed

    return sockets.is_loopback(host)


def _script_name() -> str:
    if surroundings.notebook() is not None:  # whose script is ipykernel's
        return Path(os.environ.get("JPY_SESSION_NAME", "")).stem or "notebook"
    script = Path(sys.argv[0] if sys.argv and sys.argv[0] else "-c")
    if script.stem == "__main__":  # of ``python -m package``
        return script.parent.name or "python"
    return "python" if script.name in ("-c", "-m", "-") else script.stem
