"""Which run is meant, when nobody named one. Asks only a person at a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import RunNotFoundError
from ..wire.framing import printable
from . import Misuse
from .runs import age, state_of, table

if TYPE_CHECKING:
    from ..net.runs import Run

__all__ = ["choose", "pick"]


def pick(found: Sequence[Run], where: str = "of this user on this machine") -> Run:
    """Choose among runs: the one that is alive, else the newest; of several ask.

    Parameters
    ----------
    found : list of Run
        Newest first.
    where : str
        Where they were looked for, for the text of the error.

    Raises
    ------
    RunNotFoundError
        If there is none.
    Misuse
        If several are alive and there is nobody to ask; they have been listed.
    KeyboardInterrupt
        If whoever was asked gives no answer.
    """
    if not found:
        raise RunNotFoundError(f"no run {where}")
    alive = [run for run in found if run.alive]
    if len(alive) < 2:
        return (alive or found)[0]
    return choose(alive, "are alive; say which by its name or identifier")


def choose(found: Sequence[Run], how: str = "are meant; give the identifier") -> Run:
    """Ask which of several runs is meant.

    Parameters
    ----------
    found : list of Run
        Newest first.
    how : str
        What to do where nobody can be asked, behind their number.

    Raises
    ------
    Misuse
        If there is nobody to ask; they have been listed.
    KeyboardInterrupt
        If whoever was asked gives no answer.
    """
    # On stderr, so that what the command prints stays clean.
    print(*_listed(found), sep="\n", file=sys.stderr)
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise Misuse(f"{len(found)} runs {how}")
    return found[_ask(len(found)) - 1]


# -- private -----------------------------------------------------------------------


def _listed(alive: Sequence[Run]) -> list[str]:
    now = time.time()
    rows = [["", "NAME", "STATE", "AGE", "HOST", "RUN"]]
    for number, run in enumerate(alive, 1):
        words = (run.name, state_of(run), age(now - run.started), run.host, run.run)
        rows.append([str(number), *map(printable, words)])
    return table(rows)


def _ask(count: int) -> int:
    while True:
        print(f"Which one, 1 to {count}? [1] ", end="", file=sys.stderr, flush=True)
        try:
            answer = sys.stdin.readline()
            if not answer:  # the terminal's end of input, Ctrl-D
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            print(file=sys.stderr)
            raise
        answer = answer.strip()
        if not answer:
            return 1
        if answer.isdecimal() and 1 <= int(answer) <= count:
            return int(answer)
