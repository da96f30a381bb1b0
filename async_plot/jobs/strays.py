"""Chunks that nobody has: their worker died before it could note them.

A pool that goes on without a worker tells nobody of the chunk that this one had taken.
Each is given up in two steps: first no worker may begin it any more, and if none has
begun it until the next look, it is lost. So it is never performed twice, however slow
the one may be that has it after all. Knows no pool and no board.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

__all__ = ["PATIENCE", "Strays"]

# Seconds for which nobody may have had it: if a worker has died meanwhile, and if none
# was seen to. One that imports us over a slow network takes many, and has it.
PATIENCE = (1.0, 10.0)
_LOOKS = 8  # at least: this process may have stood still meanwhile


class Strays:
    """Finds out which chunks are lost.

    Parameters
    ----------
    revoke : callable
        ``revoke(chunk)`` lets no worker begin it any more.
    """

    def __init__(self, revoke: Callable[[int], None]) -> None:
        self._revoke = revoke
        self._seen: dict[int, tuple[float, int]] = {}  # since when, and how often
        self._revoked: set[int] = set()

    def look(self, now: float, missing: Collection[int], died_at: float) -> list[int]:
        """Look once more.

        Parameters
        ----------
        now : float
            Seconds on a monotonic clock.
        missing : collection of int
            The chunks that have left the pool's queue, of which there is no result,
            and which no worker has noted.
        died_at : float
            When a worker has died last.

        Returns
        -------
        list of int
            Those that are lost: nobody will perform them.
        """
        lost = sorted(self._revoked.intersection(missing))
        # One that has been noted after all is performed, and comes back.
        self._revoked.clear()
        self._seen = {
            chunk: (since, looks + 1)
            for chunk in missing
            if chunk not in lost
            for since, looks in [self._seen.get(chunk, (now, 0))]
        }
        for chunk, (since, looks) in self._seen.items():
            patience = PATIENCE[0] if died_at >= since else PATIENCE[1]
            if looks >= _LOOKS and now - since >= patience:
                self._revoke(chunk)
                self._revoked.add(chunk)
        return lost
