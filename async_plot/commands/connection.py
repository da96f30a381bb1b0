"""``async-plot connection``: what ``view --ssh`` on another machine must know."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from ..errors import AsyncPlotError
from ..net import runs
from ..net.ssh import MARK, described
from . import NOT_FOUND, Misuse
from .runs import state_of

if TYPE_CHECKING:
    import argparse

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Print runs of this machine with their keys, for a program."""
    if sys.stdout.isatty():
        raise Misuse("this prints keys, for async-plot view --ssh alone")
    answer: dict[str, Any] = {"runs": []}
    try:
        if options.run is None:
            found = [each for each in runs.list_runs() if each.alive]
            if not found:
                answer["error"] = "no run of this user is alive"
        else:
            found = [runs.find(options.run)]
        answer["runs"] = [{**described(r), "state": state_of(r)} for r in found]
    except (AsyncPlotError, OSError) as error:
        answer["error"] = str(error)
    # After whatever a login script printed without an end of line.
    print(f"\n{MARK}{json.dumps(answer)}", flush=True)
    return NOT_FOUND if "error" in answer else 0
