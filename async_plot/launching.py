"""What a `Server` launches to be looked at, and what it says where it cannot."""

from __future__ import annotations

import logging
import shlex
import sys
from typing import Any

from .net import surroundings
from .options import Options

__all__ = ["command", "shell"]

logger = logging.getLogger("async_plot")


def shell(options: Options) -> Any:
    """Shell of the notebook in whose cell the view is to be, or None."""
    auto = options.view == "auto" and options.client_cmd is None
    if options.view == "notebook" or (auto and not surroundings.secondary()):
        return surroundings.notebook()
    return None


def command(options: Options, shell: Any = None) -> list[str] | None:
    """Command line of the view, or None after saying why there is none."""
    if options.client_cmd is not None:
        return options.client_cmd
    if options.view is None:
        return None
    if shell is not None:
        return [sys.executable, "-c"]
    if options.view == "terminal":  # or lines on stderr, where there is none
        return [sys.executable, "-c"]
    if options.view == "auto" and (why := surroundings.secondary()):
        logger.info("no view is launched: this is %s", why)
        return None
    if not surroundings.display():
        _hint(options.name, "there is no display")
    elif not surroundings.toolkit():
        _hint(
            options.name,
            "no GUI toolkit is installed: pip install 'async_plot[window]'",
        )
    else:
        return [sys.executable, "-c"]
    return None


def _hint(name: str, why: str) -> None:
    # The one line that a user without a window needs; stdout may be data.
    print(
        f"async_plot: {why}; look with: async-plot view {shlex.quote(name)}",
        file=sys.stderr,
    )
