"""A job: one `map`, from its arguments to its results.

The caller's thread hands chunks out and takes results in, and does so only when it is
asked for a result; so no more is in flight, or waits to be asked for, than a window
holds. The pool's threads only put down what has come back. Knows no server.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError
from dataclasses import replace
from typing import Any

from ..errors import StopRequested
from ..wire import pickles
from . import failures, marks, parcels, watch
from .account import Stop
from .desk import desk
from .engines.base import Engine, Kind
from .failures import Fault
from .losses import Losses
from .parcels import Order, Parcel
from .supply import Chunk, Supply
from .work import Seat, run_chunk

__all__ = ["Job"]

AHEAD = 3  # chunks in flight for each worker
BEHIND = 16  # the same, with those whose results wait for an earlier one
PATIENCE = 0.2  # seconds after which a chunk hands back what it has not begun
BLOB = 1 << 16  # bytes of a function that travel with each chunk
_ON_ITS_WAY = 0.5  # seconds that Ctrl-C may come later here than to a worker


class Job(Losses):
    """One `map`. See `async_plot.jobs.map.map` for its parameters.

    Attributes
    ----------
    bar : Bar
        Counts its tasks.
    crew : Crew
        Its workers.
    failures : list of TaskError
        The first hundred, and the hundred newest.
    failed : int
        How many there are.
    state : str
        As in `async_plot.wire.messages.Progress`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        iterables: tuple[Iterable[Any], ...],
        engine: Engine,
        *,
        total: int | None,
        chunksize: int | None,
        ordered: bool,
        errors: str,
        desc: str,
        endless: bool = False,
        owner: object = None,
        on_end: Callable[[BaseException | None], object] | None = None,
    ) -> None:
        star = len(iterables) > 1
        source = zip(*iterables) if star else iter(iterables[0])
        near = engine.kind is Kind.THREADS
        super().__init__(
            engine,
            Supply(source, total, chunksize, eager=near),
            total,
            desc,
            star=star,
            ordered=ordered,
            returns=errors == "return",
        )
        self.owner = owner  # finishes it, if nobody ever asks for a result
        self.asked = False  # for a result
        self._unkept = False  # results were thrown away, since nobody asked
        self._endless = endless
        self._function = function
        self._chunksize = chunksize
        self._given = 0  # index of the next result
        self._caller = threading.get_ident()
        self._before = sys.exc_info()[1]  # what is being handled is older than it
        self._on_end = on_end
        self._glances = 0  # since its results were given up
        self._running: list[Chunk] = []  # that were left to finish then
        self._closed = False
        self._blob = b""
        try:
            self._order = self._ordered_once()
            self._packed_order = b"" if self._near else parcels.packed(self._order)
        except BaseException:  # the function cannot be pickled: nothing begins
            self.crew.end(time.monotonic())
            self.bar.close("failed")
            engine.release(abandoned=False)
            raise
        desk.follow(self.bar.key, self.hear)

    # -- results, in the caller's thread ---------------------------------------

    def begin(self) -> None:
        """Hand the first window out."""
        watch.add(self)
        try:
            self._fill()
            watch.be_last()
        except BaseException as error:
            self._break_off(error)
            raise

    def batches(self) -> Iterator[list[Any]]:
        """Give the results, some at a time; empty first, once it waits to be asked."""
        try:
            yield []
            self.asked = True
            if self._unkept and self._error is None:
                raise CancelledError(
                    "nobody asked for the results before the server was closed: all "
                    "tasks were performed then, and what they gave was not kept"
                )
            while (batch := self._batch()) is not None:
                if self._is_all:
                    self._end("finished")  # maybe nobody asks whether there is more
                yield batch
                if self._over and self._over != "finished":
                    raise CancelledError(f"the job was {self._over}")
            if self._error is not None:
                error, self._error = self._error, None
                self._break_off(error)
                raise error
            self._end("finished")
            if self._over != "finished":  # while it waited, by another thread
                raise CancelledError(f"the job was {self._over}")
        except GeneratorExit:
            self._give_up()
            raise
        except BaseException as error:
            self._break_off(error)
            raise

    def finish(self) -> None:
        """Have all of it done, without its results."""
        try:
            while self._batch() is not None:
                self._unkept = True
        except Exception as error:  # of the iterables, say
            self._error = self._error or error
        except BaseException as error:  # Ctrl-C
            self._break_off(error)
            raise
        self._end("failed" if self._error is not None else "finished")

    def _batch(self) -> list[Any] | None:
        """Wait for the next results; None after the last."""
        while True:
            if self._error is None:
                self._fill()
            if self._ordered:
                batch = self._ready.pop(self._given, None)
            else:
                batch = self._ready.pop(next(iter(self._ready), -1), None)
            if batch is not None:
                self._given += len(batch)
                return batch
            if self._error is None and self._broke is not None:
                if not self._outstanding():
                    self._recover(self._broke)
                    continue
            elif self._error is not None or not self._outstanding():
                return None
            self._wait()

    @property
    def _is_all(self) -> bool:
        """Whether every result has been given."""
        if self._ready or self._supply.back or self._lost or self._outstanding():
            return False
        return self._supply.exhausted and not (self._error or self._stopping)

    def _wait(self) -> None:
        """Wait until a chunk has come back, and take all that have."""
        while True:
            try:
                # Not for ever: some systems cannot interrupt that.
                chunk, parcel = self._arrived.get(timeout=1.0)
                break
            except queue.Empty:
                if self._over:
                    return
        while True:
            self._take(chunk, parcel)
            if self._arrived.empty():
                return
            chunk, parcel = self._arrived.get()

    def _take(self, chunk: Chunk, parcel: Any) -> None:
        if not isinstance(parcel, Parcel):
            self._lose(chunk, parcel)
        elif parcel.state == "lacking":
            self._send(self._supply.again(chunk), whole=True)
        elif parcel.state == "revoked":
            self._send(self._supply.again(chunk))  # its worker was slow to begin it
        elif parcel.state == "markless":
            self._send_without_marks(self._supply.again(chunk))
        elif parcel.state == "unloadable":
            self._refuse(chunk, parcel.faults[0])
        elif parcel.state == "interrupted":
            self._was_interrupted()
        else:
            self._unpack(chunk, parcel)

    def _unpack(self, chunk: Chunk, parcel: Parcel) -> None:
        """Bring the results of a chunk back, and what it did not begin."""
        count = parcel.performed
        rest = chunk.tasks[count:]
        if rest:
            self._supply.back.append(Chunk(0, chunk.first + count, rest))
        results: Any = parcel.results
        faults = parcel.faults
        if isinstance(results, parcels.Shipment):
            if count:
                self._supply.weigh("result", results.size / count)
            results, refused = parcels.opened(results)
            for place, error in refused.items():
                faults[place] = self._unopened(chunk, parcel, place, error)
        if not faults:
            self._put(chunk.first, results)
            return
        with self._lock:
            name = self.crew.member(parcel.seat).name
        stops = [p for p, f in faults.items() if isinstance(f.error, StopRequested)]
        if self._returns:
            for place, fault in faults.items():
                results[place] = failures.blame(fault, chunk.first + place, name)
            if not stops:
                self._put(chunk.first, results)
                return
            faults = {place: faults[place] for place in stops}
        place = min(faults)
        error = failures.blame(faults[place], chunk.first + place, name)
        self._put(chunk.first, results[:place])
        self._stop(chunk.first + place, failures.raised(faults[place], error))

    def _unopened(
        self, chunk: Chunk, parcel: Parcel, place: int, error: Exception
    ) -> Fault:
        """Note that a result, which is there, cannot be brought back."""
        said = TypeError(f"its result cannot be unpickled here: {error!r}")
        said.__cause__ = error
        fault = failures.described(
            chunk.tasks[place], said, star=self._star, travels=False, now=time.time()
        )
        with self._lock:
            member = self.crew.member(parcel.seat)
            self._fail(fault, chunk.first + place, member.name, member.number)
        return fault

    # -- chunks, in the caller's thread ----------------------------------------

    def _fill(self) -> None:
        """Hand out as much as may be in flight."""
        stop = self._ready.get(self._given) if self._ordered else None
        if isinstance(stop, Stop):
            del self._ready[self._given]
            self._error = stop.error
            self._drop()
            return
        workers = self.engine.workers
        while len(self._flying) < AHEAD * workers and self._broke is None:
            landed = self._arrived.qsize()  # since results were last waited for
            waiting = len(self._flying) + landed + len(self._ready)
            if waiting >= BEHIND * workers and not self._supply.back:
                coming = self._flying or landed or self._given in self._ready
                if coming or not self._ordered:
                    return
            chunk = self._supply.chunk(workers)
            self.bar.total = self._supply.total
            if chunk is None:
                return
            self._send(chunk)

    def _ordered_once(self) -> Order:
        """Make what all chunks share; the function is pickled now.

        Raises
        ------
        TypeError
            If it cannot be pickled.
        """
        shared: dict[str, Any] = {
            "job": self.bar.key,
            "star": self._star,
            "patience": PATIENCE if self._chunksize is None else math.inf,
            "interruptible": _handles_interrupts(),
        }
        if self._near:
            return Order(function=self._function, digest=b"", near=self, **shared)
        try:
            blob = pickles.dumps(self._function)
        except Exception as error:
            raise TypeError(
                f"function {failures.shown(self._function)} cannot be sent to worker "
                f"processes: {error}; leave what cannot be pickled out of it, or use "
                "threads: executor=concurrent.futures.ThreadPoolExecutor()"
            ) from error
        self._blob = blob
        digest = hashlib.blake2b(blob, digest_size=16).digest()
        board = marks.board() if self.engine.kind is Kind.PROCESSES else None
        self._board = board
        return Order(
            function=blob if len(blob) <= BLOB else b"",
            digest=digest,
            reporter=desk.reporter(),
            marks=board.marks() if board is not None else None,
            **shared,
        )

    def _send(self, chunk: Chunk, *, whole: bool = False) -> None:
        """Hand a chunk out; `whole`: with the function, however big."""
        tasks = chunk.tasks
        order: Any = self._order if self._near else self._packed_order
        payload: Any = tasks
        if whole:
            order = parcels.packed(replace(self._order, function=self._blob))
        if not self._near:
            try:
                payload = parcels.packed(tasks)
            except Exception:
                self._send_what_can_be(chunk)
                return
            self._supply.weigh("arguments", len(payload) / len(tasks))
        with self._lock:
            self._flying[chunk.number] = chunk
        try:
            promise = self.engine.submit(
                run_chunk,
                order,
                chunk.number,
                chunk.first,
                payload,
                self.crew.record.least,
            )
        except BaseException as error:
            with self._lock:
                self._flying.pop(chunk.number, None)
            if not isinstance(error, BrokenExecutor):
                raise  # the pool takes nothing, or Ctrl-C
            self._lose(chunk, error.with_traceback(None))
            return
        chunk.promise = promise
        promise.add_done_callback(lambda promise: self._landed(chunk, promise))

    def _send_without_marks(self, chunk: Chunk) -> None:
        """A worker cannot note what it has in hand: none has to from now on."""
        self._order = replace(self._order, marks=None)
        self._packed_order = parcels.packed(self._order)
        self._send(chunk)

    def _send_what_can_be(self, chunk: Chunk) -> None:
        """Fail the first task whose arguments cannot be pickled; the others go on."""
        for place, item in enumerate(chunk.tasks):
            try:
                parcels.packed(item)
            except Exception as error:
                said = TypeError(f"its argument cannot be sent to a worker: {error}")
                fault = failures.described(
                    item, said, star=self._star, travels=False, now=time.time()
                )
                index = chunk.first + place
                rest = Chunk(0, index + 1, chunk.tasks[place + 1 :])
                if rest.tasks:
                    self._supply.back.appendleft(rest)
                if place:
                    before = Chunk(0, chunk.first, chunk.tasks[:place])
                    self._supply.back.appendleft(before)
                with self._lock:
                    self._returned += 1
                    told = self._fail(fault, index, "the calculation itself", 0)
                self._resolve(index, told, fault)
                return
        raise RuntimeError("these arguments can only be pickled one by one")

    # -- the end ---------------------------------------------------------------

    def glance(self) -> None:
        """Look whether Ctrl-C, or the like, has come while nobody waits."""
        if watch.interrupted(self._caller, but=self._before):
            self._interrupt()
        elif self._over:
            self._glances += 1
            if self._glances > 1:
                # To release the engine may take long; the state is known.
                self._close(self._over)
                if all(chunk.promise is None for chunk in self._running):
                    watch.remove(self)
        elif self.engine.kind is Kind.PROCESSES:
            with contextlib.suppress(Exception):  # of somebody's processes
                self._look_for_deaths()

    def leave(self, error: BaseException | None) -> None:
        """Its run ends, or the interpreter does."""
        if isinstance(error, KeyboardInterrupt):
            self._interrupt()
        elif error is None and self._unasked and not self._endless:
            self.finish()
        else:
            self._end("stopped")
            self._close("stopped")

    def forked(self) -> None:
        """Do nothing any more: it goes on in the parent, and so do its workers."""
        self._lock = threading.RLock()  # maybe held by a thread that is not here
        self._over, self._closed = self._over or "stopped", True
        self._supply.clear()
        for kept in (self._flying, self._seats, self._ready):
            kept.clear()

    @property
    def _unasked(self) -> bool:
        """Whether its owner finishes it, since nobody wants its results."""
        return self.owner is not None and not self.asked

    def _give_up(self) -> None:
        """Nobody wants the results any more."""
        if not self._unasked:
            self._end("stopped")

    def _break_off(self, error: BaseException) -> None:
        if isinstance(error, KeyboardInterrupt):
            self._interrupt()
        elif isinstance(error, StopRequested):
            self._end("stopped")
            self._close("stopped")
        else:
            self._end("failed")

    def _was_interrupted(self) -> None:
        """Ctrl-C has ended a task: ours is on its way."""
        time.sleep(_ON_ITS_WAY)
        raise KeyboardInterrupt

    def _interrupt(self) -> None:
        """End it all, now."""
        self._end("interrupted")
        if self._running:  # it was given up a moment ago, and that was why
            self.engine.interrupt()
        self._close("interrupted")
        watch.remove(self)

    def _end(self, state: str) -> None:
        """It is over; what still runs is ended, where that may be."""
        with self._lock:
            if self._over:
                return
            self._over = state
            flying = list(self._flying.values())
            seats = [s for s in self._seats.values() if isinstance(s, Seat)]
        if state != "interrupted" or self.engine.kind is not Kind.PROCESSES:
            # Else they end with their processes: some pools fail on a cancelled one
            # just then.
            self._drop()
        running = [chunk for chunk in flying if chunk.runs]
        if state == "interrupted":
            for seat in seats:
                seat.stop()
            self.engine.interrupt()
        else:
            self._running = running
        self.engine.release(abandoned=bool(running))
        if state == "stopped":
            # Maybe by Ctrl-C: its owner, or the next look at the caller, knows.
            return
        self._close(state)
        if not self._running:
            watch.remove(self)

    def _close(self, state: str) -> None:
        """Have its end told; a second time does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self.crew.end(time.monotonic())
            self._flying.clear()
            self._seats.clear()
        self.bar.close(state)
        self._last = self.bar.look(time.monotonic())
        desk.unfollow(self.bar.key)
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(KeyboardInterrupt() if state == "interrupted" else None)


def _handles_interrupts() -> bool:
    """Whether Ctrl-C raises `KeyboardInterrupt` here, as it does by default."""
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler
