"""What travels between a job and its workers: orders there, parcels back.

Arguments and results are pickled here and not by the pool: what does not pickle, or
cannot be brought back, then breaks one task and not the pool. Knows no pool.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..wire import pickles

if TYPE_CHECKING:
    from .failures import Fault

__all__ = ["Order", "Parcel", "Shipment", "opened", "packed", "shipped"]

# Values of exactly these classes can be brought back whatever they are.
_PLAIN = frozenset({int, float, complex, bool, str, bytes, type(None)})


@dataclass(frozen=True, slots=True)
class Order:
    """What all chunks of a job share.

    Attributes
    ----------
    job : str
        Identifier of the job.
    function : bytes or callable
        The pickled function; empty where the worker is thought to have it. Itself
        where the worker is a thread of this process.
    digest : bytes
        Of the pickled function.
    star : bool
        Each task is a tuple of several arguments.
    patience : float
        Seconds after which a chunk hands back what it has not begun.
    interruptible : bool
        Ctrl-C ends the job; else its owner does something else then.
    reporter : Reporter or None
        Carries what goes on in the worker to the calculation.
    marks : Marks or None
        Where each worker notes the task that it has in hand.
    near : Near or None
        Told of each chunk that begins in a thread of this process.
    """

    job: str
    function: Any
    digest: bytes
    star: bool
    patience: float
    interruptible: bool
    reporter: Any = None
    marks: Any = None
    near: Any = None


class Parcel(NamedTuple):
    """What a chunk gives back.

    Attributes
    ----------
    state : str
        ``"done"``, ``"interrupted"``, ``"lacking"`` where the worker does not have the
        function, ``"unloadable"`` where it cannot bring it, or the arguments, back,
        ``"markless"`` where it cannot note what it has in hand, or ``"revoked"`` where
        nobody waits for the chunk any more.
    performed : int
        How many of its tasks were; the others are handed back.
    results : Shipment or list
        One for each of them, None where it failed.
    faults : dict of {int: Fault}
        Those that failed, by their place in the chunk.
    slowest : list of (float, int, str)
        Seconds, index and argument of those that took longest.
    seat, pid, host, thread : str, int, str, str
        Who performed them.
    began, ended : float
        Seconds on the worker's own monotonic clock.
    init, worked : float
        Seconds that loading the function took, and the tasks.
    cpu, memory : float
        As in `async_plot.wire.messages.Worker`.
    """

    state: str
    performed: int
    results: Any
    faults: dict[int, Fault]
    slowest: list[tuple[float, int, str]]
    seat: str
    pid: int
    host: str
    thread: str
    began: float
    ended: float
    init: float
    worked: float
    cpu: float
    memory: float


class Shipment(NamedTuple):
    """Values on their way: together where that is safe, else one by one."""

    together: bytes
    apart: list[bytes]

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return len(self.together) + sum(map(len, self.apart))


def packed(value: Any) -> bytes:
    """Pickle one value, by reference where that is possible.

    Raises
    ------
    Exception
        Whatever a value's own reduction raises.
    """
    try:
        return pickle.dumps(value, 5)
    except Exception:  # a lambda, or a class that only this process has
        return pickles.dumps(value)


def shipped(values: list[Any]) -> tuple[Shipment, dict[int, Exception]]:
    """Pickle results; those that cannot be pickled are told by their place."""
    if _PLAIN.issuperset(map(type, values)):
        return Shipment(pickle.dumps(values, 5), []), {}
    apart: list[bytes] = []
    refused: dict[int, Exception] = {}
    for place, value in enumerate(values):
        try:
            apart.append(packed(value))
        except Exception as error:
            apart.append(b"")
            refused[place] = error
    return Shipment(b"", apart), refused


def opened(shipment: Shipment) -> tuple[list[Any], dict[int, Exception]]:
    """Bring results back; those that cannot be are told by their place."""
    if shipment.together:
        return pickles.loads(shipment.together, ()), {}
    values: list[Any] = []
    refused: dict[int, Exception] = {}
    for place, data in enumerate(shipment.apart):
        value = None
        if data:
            try:
                value = pickles.loads(data, ())
            except Exception as error:
                refused[place] = error
        values.append(value)
    return values, refused
