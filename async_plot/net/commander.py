"""What a viewer's commands are on the wire: checked, signed by a name, with a lease."""

from __future__ import annotations

import getpass
import json
import os
import secrets
from typing import Any

from ..wire.messages import Steer
from ..wire.steering import ACTIONS
from . import files

__all__ = ["Commander"]


class Commander:
    """Makes the commands of one viewer.

    Parameters
    ----------
    view : str
        Its kind, for people.
    """

    def __init__(self, view: str) -> None:
        self._view = view
        self._lease = ""  # of the newest pause that was asked for

    def command(self, action: str, name: str, value: Any, *, hold: bool) -> Steer:
        """Make a command, see `async_plot.Client.steer`.

        Raises
        ------
        ValueError, TypeError
            If there is no such action, or the value can be that of no parameter.
        """
        if action not in ACTIONS:
            known = ", ".join(map(repr, ACTIONS))
            raise ValueError(f"action must be one of {known}, not {action!r}")
        said = json.dumps(value) if action == "set" else ""
        if action == "pause":
            self._lease = "" if hold else secrets.token_hex(8)
        lease = self._lease if action in ("pause", "renew") else ""
        return Steer(action, name, said, self._who(), lease)

    def _who(self) -> str:
        """Who gives commands here, for people."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):  # it has a number, and no name
            user = f"user {os.getuid()}" if hasattr(os, "getuid") else "somebody"
        return f"{user}@{files.hostname()}, {self._view}"
