"""What the commands of the command line do, a module each, entered when needed.

`async_plot.cli` holds their options; here is what they share. Imports nothing big.
"""

from __future__ import annotations

__all__ = [
    "ENDED_SHOWN",
    "INTERRUPTED",
    "MISUSE",
    "NOT_FOUND",
    "Misuse",
    "need_window",
    "set_up_debug",
]

NOT_FOUND, MISUSE, INTERRUPTED = 1, 2, 130  # exit statuses beside 0
ENDED_SHOWN = 10  # ended runs that ``runs`` lists without --all


class Misuse(Exception):
    """The command cannot be carried out as it was given; the text says what can."""


def need_window(otherwise: str) -> None:
    """Raise `Misuse` where no window can be opened; `otherwise` says what can be."""
    from ..net import surroundings

    if not surroundings.display():
        raise Misuse(f"there is no display; set DISPLAY, {otherwise}")
    if not surroundings.toolkit():
        raise Misuse(
            "no GUI toolkit is installed; pip install 'async_plot[window]', "
            f"{otherwise}"
        )


def set_up_debug() -> None:
    """Print the messages, if the environment asks for that."""
    from ..net import surroundings

    surroundings.set_up_debug()
