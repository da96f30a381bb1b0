"""Where a run is, and how a viewer gets there: near by, by TLS, through a tunnel."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import ClosedError
from ..wire.messages import RunState
from . import channel, files, runs, sockets

if TYPE_CHECKING:
    from .ssh import Tunnel

__all__ = ["GONE", "RETRY", "Route"]

GONE = 5.0  # seconds of refusals after which a far run is taken to have ended
RETRY = (0.05, 2.0)  # seconds between attempts to reach a run: the first, the longest


class Route:
    """The way to one run, which may change.

    Parameters
    ----------
    run : Run
    host : str, optional
        Name or address of its machine from here.
    tunnel : Tunnel, optional
        Through which it is reached.

    Attributes
    ----------
    run : Run
        As it was when it was looked at last.
    tunnel : Tunnel or None
        As given.

    Raises
    ------
    ValueError
        If there is a host, and the run listens on its own machine alone.
    """

    def __init__(self, run: runs.Run, host: str | None, tunnel: Tunnel | None) -> None:
        self.run = run
        self.tunnel = tunnel
        self._host = host
        self._refused = 0.0  # since when, if nothing listens where the run was
        _ = self.far  # a host that makes no sense is said at once

    @property
    def far(self) -> tuple[str, int] | None:
        """Where to dial by TLS; None for what is reached without.

        On its own machine a run is always found at its loopback address, and that is
        where a tunnel ends.
        """
        run = self.run
        if self.tunnel is not None or run.address is None:  # it has ended
            return None
        if run.remote is None:
            if self._host is not None:
                raise ValueError(
                    f"host={self._host!r} is for a run that listens beyond its "
                    f"machine, as with Server(host='0.0.0.0'); {run.name!r} does not"
                )
            return None
        if self._host is None:
            return None if run.host == files.hostname() else run.remote
        return sockets.parted(self._host, run.remote[1])

    @property
    def is_far(self) -> bool:
        """Whether a network lies between."""
        return self.far is not None or self.tunnel is not None

    @property
    def pin(self) -> str | None:
        """Fingerprint of the certificate that must be there; None without TLS."""
        return self.run.fingerprint if self.far is not None else None

    @property
    def retry(self) -> tuple[float, float]:
        """Seconds between attempts to get there: the first, the longest."""
        return RETRY if self.tunnel is None else self.tunnel.retry

    def dial(self, limit: float) -> channel.Channel:
        """Connect, within so many seconds."""
        run = self.run
        if run.address is None:
            raise ClosedError("the run has ended")
        if self.tunnel is not None:
            return self.tunnel.dial(run)
        return channel.dial(self.far or run.address, limit, self.pin)

    def arrived(self) -> None:
        """Take note that the run is there."""
        self._refused = 0.0

    def renew(self, *, closed: bool = False) -> bool:
        """Look at the run again; say whether it can still be reached."""
        if self.tunnel is not None:
            now = None if closed else self.tunnel.renew(self.run)
            gone = replace(self.run, address=None, state=RunState.LOST.value)
            self.run = now or gone
            return self.run.address is not None and self.run.state != gone.state
        try:
            self.run = runs.read(self.run.connection_file)
        except (LookupError, OSError):
            return False
        return self.run.alive

    # -- what an error means ---------------------------------------------------

    def is_gone(self, error: Exception) -> bool:
        """Whether a run on another machine has ended, whose file nobody updates."""
        if not isinstance(error, ConnectionRefusedError) or self.far is None:
            self._refused = 0.0
            return False
        self._refused = self._refused or time.monotonic()
        return time.monotonic() - self._refused > GONE

    def explained(self, error: Exception) -> Exception:
        """What ssh says of the end of a connection is more than that it ended."""
        why = self.tunnel.why() if self.tunnel is not None else ""
        return ClosedError(why) if why else error

    def unreachable(self, error: Exception) -> ClosedError:
        """Say what to do where nobody was reached at the first attempt."""
        where = "{}:{}".format(*(self.far or ("", 0)))
        return ClosedError(
            f"{where} cannot be reached: {error}; if the machine has another name or "
            "address from here, give it as host (async-plot view --host)"
        )
