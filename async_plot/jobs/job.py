"""A job: one `map`, from its arguments to its results.

The caller's thread hands chunks out and takes results in, and does so only when it is
asked for a result; so no more is in flight, or waits to be asked for, than a window
holds. The pool's threads only put down what has come back. Knows no server.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import queue
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError
from dataclasses import replace
from typing import Any

from ..errors import StopRequested, TaskError, WorkerDiedError
from ..net import files
from ..wire import pickles
from ..wire.messages import Failure, Progress, Worker
from . import deaths, failures, marks, parcels, watch
from .bars import Bar
from .crew import Crew, Insights
from .deaths import Death, Unseen
from .desk import desk
from .engines.base import Engine, Kind, Process
from .failures import Fault
from .parcels import Order, Parcel
from .supply import Chunk, Supply
from .work import Seat, run_chunk

__all__ = ["Job"]

AHEAD = 3  # chunks in flight for each worker
BEHIND = 16  # the same, with those whose results wait for an earlier one
PATIENCE = 0.2  # seconds after which a chunk hands back what it has not begun
BLOB = 1 << 16  # bytes of a function that travel with each chunk
MOST_WORKERS = 10_000  # that can report; whoever reports may lie
_ON_ITS_WAY = 0.5  # seconds that Ctrl-C may come later here than to a worker
_UNNOTICED = 0.5  # seconds that a pool may take to see that a worker has died
_UNCLEAR = 3  # deaths that no task is known for, after which a job gives up
KEPT_FAILURES = 100  # the first ones, and as many of the newest


class _TaskBar(Bar):
    """The bar of a job: what has come back, and what is counted in workers."""

    counted: Callable[[], Callable[[], int] | None] | None = None

    @property
    def n(self) -> float:
        count = self.counted() if self.counted is not None else None
        return 0 if count is None else count()

    @n.setter
    def n(self, value: float) -> None:
        pass


class Job:
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
        self.engine = engine
        self.failures: list[TaskError] = []
        self.failed = 0
        self.owner = owner  # finishes it, if nobody ever asks for a result
        self.asked = False  # for a result
        self._unkept = False  # results were thrown away, since nobody asked
        self._endless = endless
        self._function = function
        self._star = len(iterables) > 1
        self._chunksize = chunksize
        source = zip(*iterables) if self._star else iter(iterables[0])
        self._supply = Supply(source, total, chunksize, eager=self._near)
        self._ordered = ordered
        self._returns = errors == "return"
        # One that a thread may take twice: what gives up the results, and so ends the
        # job, may be collected while that thread is in here.
        self._lock = threading.RLock()
        self._arrived: queue.SimpleQueue[tuple[Chunk, Any]] = queue.SimpleQueue()
        self._flying: dict[int, Chunk] = {}
        self._seats: dict[int, Any] = {}  # of chunks in hand: a count, or the seat
        self._ready: dict[int, list[Any]] = {}
        self._given = 0  # index of the next result
        self._returned = 0  # tasks that have come back
        self._error: BaseException | None = None  # to be raised after what came before
        self._over = ""
        self._caller = threading.get_ident()
        self._before = sys.exc_info()[1]  # what is being handled is older than it
        self._on_end = on_end
        self._glances = 0  # since its results were given up
        self._running: list[Chunk] = []  # that were left to finish then
        self._lost: list[Chunk] = []  # with a pool that broke
        self._broke: BaseException | None = None  # how, until all have come back
        self._deaths: list[Death] = []
        self._unclear = 0  # deaths that no task is known for
        self._known: dict[int, Process] = {}
        self._gone: dict[int, float] = {}  # processes, and since when
        self._mourned: set[int] = set()  # processes whose end was told
        self._looked = False  # for deaths, since the pool broke
        self._killers: dict[int, TaskError] = {}
        self._stopping = False
        self._closed = False
        self._last: Progress | None = None  # once closed
        self._blob = b""
        self._board: marks.Board | None = None
        self.started = time.time()
        self.bar = _TaskBar(total, desc=desc, unit="task")
        self.bar.counted = weakref.WeakMethod(self.counted)
        self.bar.job = self.bar.key
        self.crew = Crew(self.bar.key, self.started)
        try:
            self._order = self._ordered_once()
            self._packed_order = b"" if self._near else parcels.packed(self._order)
        except BaseException:  # the function cannot be pickled: nothing begins
            self.crew.end(time.time())
            self.bar.close("failed")
            engine.release(abandoned=False)
            raise
        self._memory = deaths.Memory()
        desk.follow(self.bar.key, self.hear)

    # -- what it is ------------------------------------------------------------

    @property
    def state(self) -> str:
        """How it stands."""
        return self.bar.state

    def progress(self) -> Progress:
        """How many of its tasks are done, and how long the others will take."""
        return self._last or self.bar.look(time.monotonic())

    def insights(self) -> Insights:
        """Where its time went."""
        with self._lock:
            return self.crew.insights()

    def counted(self) -> int:
        """Tasks that are done, those inside of unfinished chunks too."""
        with self._lock:
            count = self._returned
            for seen in self._seats.values():
                count += seen if isinstance(seen, int) else len(seen.results)
            return count

    # -- workers, from any thread ----------------------------------------------

    def hear(self, said: Worker) -> None:
        """Take over what a worker reports of the chunk in hand."""
        with self._lock:
            if self._over or said.job != self.bar.key or self._near:
                return
            chunk = self._flying.get(said.chunk)
            if said.worker not in self.crew.members:
                if chunk is None or len(self.crew.members) >= MOST_WORKERS:
                    return  # nobody that works for us
            if chunk is None and said.state == "working":
                return  # that has come back meanwhile, and is counted
            if chunk is not None and said.state == "working":
                self._seats[said.chunk] = max(0, min(said.counted, len(chunk.tasks)))
            self.crew.member(said.worker).hear(said)

    def begun(self, chunk: int, seat: Seat) -> None:
        """Take note that a thread of this process has a chunk in hand."""
        with self._lock:
            if self._over:
                seat.interrupted = True
                return
            if chunk in self._flying:
                self._seats[chunk] = seat
            member = self.crew.member(seat.key)
            member.near, member.thread, member.pid = seat, seat.thread, seat.pid

    def _landed(self, chunk: Chunk, promise: Any) -> None:
        """Put down what a chunk has come back with, or what became of it."""
        try:
            parcel = promise.result()
        except BaseException as error:
            parcel = error.with_traceback(None)  # which holds this very frame
        chunk.promise = None  # which holds us
        # Without the lock: it may take a moment until one is told of.
        dead = self._dead() if isinstance(parcel, BrokenExecutor) else []
        with self._lock:
            if self._over or chunk.number not in self._flying:
                return
            self._deaths_seen(dead)
            del self._flying[chunk.number]
            self._seats.pop(chunk.number, None)
            if isinstance(parcel, Parcel):
                self._account(chunk, parcel)
            self._arrived.put((chunk, parcel))

    def _account(self, chunk: Chunk, parcel: Parcel) -> None:
        self._returned += parcel.performed
        if parcel.state == "done" or parcel.performed:
            member = self.crew.take(parcel)
            if parcel.worked and parcel.performed:
                self._supply.time(parcel.worked / parcel.performed)
        for place, fault in parcel.faults.items():
            if isinstance(fault.error, StopRequested):
                continue  # that is no failure
            if parcel.state == "done" or place < parcel.performed:
                self._fail(fault, chunk.first + place, member.name, member.number)

    def _fail(
        self, fault: Fault, task: int, worker: str, number: int, died: bool = False
    ) -> TaskError:
        """Take note of a failure, and have it told."""
        error = failures.blame(fault, task, worker)
        if died:
            error = WorkerDiedError(*error.args)
        self.failed += 1
        self.bar.failed = self.failed
        if len(self.failures) >= 2 * KEPT_FAILURES:
            del self.failures[KEPT_FAILURES]
        self.failures.append(error)
        key = next((k for k, m in self.crew.members.items() if m.number == number), "")
        desk.say(
            Failure(
                job=self.bar.key,
                worker=key,
                number=number,
                task=task,
                argument=fault.argument,
                kind=fault.kind,
                text=fault.text,
                trace=fault.trace,
                time=fault.time,
            )
        )
        return error

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

    def _outstanding(self) -> bool:
        """Whether anything is under way, or has come back and was not taken."""
        with self._lock:  # under which the one becomes the other
            return bool(self._flying) or not self._arrived.empty()

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
                self._supply.weigh(results.size / count)
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

    def _put(self, first: int, results: list[Any]) -> None:
        if results:
            self._ready[first] = results

    def _stop(self, task: int, error: BaseException) -> None:
        """Let an error be raised, in its place in the order."""
        self._stopping = True
        self._supply.stop(task)
        if not self._ordered:
            self._error = self._error or error
            self._drop()
            return
        self._drop(task)
        self._ready[task] = _Stop(error)

    # -- chunks, in the caller's thread ----------------------------------------

    def _fill(self) -> None:
        """Hand out as much as may be in flight."""
        stop = self._ready.get(self._given) if self._ordered else None
        if isinstance(stop, _Stop):
            del self._ready[self._given]
            self._error = stop.error
            self._drop()
            return
        workers = self.engine.workers
        while len(self._flying) < AHEAD * workers and self._broke is None:
            waiting = len(self._flying) + len(self._ready)
            if waiting >= BEHIND * workers and not self._supply.back:
                if self._flying or self._given in self._ready or not self._ordered:
                    return
            chunk = self._supply.chunk(workers)
            self.bar.total = self._supply.total
            if chunk is None:
                return
            self._send(chunk)

    @property
    def _near(self) -> bool:
        return self.engine.kind is Kind.THREADS

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
            self._supply.weigh(len(payload) / len(tasks))
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

    def _resolve(self, task: int, error: TaskError, fault: Fault | None = None) -> None:
        """Put a failure in the place of a task's result."""
        if self._returns:
            self._put(task, [error])
        elif fault is None:
            self._stop(task, _again(error))
        else:
            self._stop(task, failures.raised(fault, _again(error)))

    def _refuse(self, chunk: Chunk, fault: Fault) -> None:
        """Fail the tasks of a chunk whose function or arguments did not arrive."""
        for place, item in enumerate(chunk.tasks):
            argument = failures.shown(item, star=self._star)
            own = replace(fault, argument=argument, error=None)
            with self._lock:
                self._returned += 1
                error = self._fail(own, chunk.first + place, "a worker", 0)
            self._resolve(chunk.first + place, error)
            if not self._returns:
                return

    # -- workers that die ------------------------------------------------------

    def _dead(self) -> list[Death]:
        """Which workers have died, now that their pool has broken. Any thread."""
        if self._looked:
            return []
        self._looked = True
        living = [p for p in self.engine.processes() if p.pid not in self._mourned]
        found = deaths.dead(living, self._board)
        return [each for each in found if each.status != 0] or found

    def _deaths_seen(self, dead: list[Death]) -> None:
        """Take note which workers have just died. Under the lock."""
        for death in dead:
            if death.pid not in self._mourned:
                self._deaths.append(death)
                self._mourn(death)

    def _mourn(self, death: Death) -> None:
        """Have the end of a worker told, and the task that it had in hand."""
        text = deaths.worded(death, self._memory)
        self._mourned.add(death.pid)
        member = self.crew.find(death.pid)
        if member is None:
            member = self.crew.member(f"{self.bar.key}.{death.pid}")
            member.pid, member.host = death.pid, files.hostname()
        member.end("died", text)
        chunk, task = self._in_hand(death)
        if chunk is None:
            return
        fault = Fault(
            argument=failures.shown(chunk.tasks[task - chunk.first], star=self._star),
            kind="WorkerDiedError",
            text=text,
            trace="",
            error=None,
            time=time.time(),
        )
        self._killers[task] = self._fail(
            fault, task, member.name, member.number, died=True
        )
        self._returned += 1

    def _in_hand(self, death: Death) -> tuple[Chunk | None, int]:
        """The chunk and the task that a dead worker had in hand."""
        mark, marks = death.mark, self._order.marks
        if mark is None or marks is None or mark.job != marks.job:
            return None, -1
        chunk = self._flying.get(mark.chunk)
        if chunk is None or mark.task not in chunk:
            return None, -1
        return chunk, mark.task

    def _lose(self, chunk: Chunk, error: BaseException) -> None:
        """A chunk will not come back."""
        if isinstance(error, CancelledError) and self._stopping:
            return
        lose = getattr(self.engine, "lose", None)
        if isinstance(error, _Died) and lose is not None:
            lose(chunk.promise)
            self._go_on(chunk)
            return
        if isinstance(error, (BrokenExecutor, _Died)):
            self._lost.append(chunk)
            self._broke = error
            return
        if not isinstance(error, Exception):
            raise error
        self._refuse(
            chunk,
            failures.described(None, error, star=False, travels=False, now=time.time()),
        )

    def _recover(self, error: BaseException) -> None:
        """A pool has broken, and nothing is under way: what becomes of what was."""
        with self._lock:
            lost, self._lost = sorted(self._lost, key=lambda c: c.first), []
            self._broke = None
            dead, self._deaths = self._deaths, []
            killers, self._killers = self._killers, {}
            text = "; ".join(deaths.worded(each, self._memory) for each in dead)
            for member in self.crew.members.values():
                member.end("ended")
        if not killers:
            self._unclear += 1
        elif not self._returns:
            self._error = _again(killers[min(killers)])
            return
        renew = getattr(self.engine, "renew", None)
        again = self._returns and renew is not None and self._unclear <= _UNCLEAR
        if again and renew is not None:
            renew()
            self._looked = not dead  # it is as broken as before
        rest = [each for chunk in lost for each in chunk.without(killers)]
        for task in sorted(killers):
            self._resolve(task, killers[task])
        if again:
            self._supply.back.extendleft(reversed(rest))
        else:
            self._miss(rest, text, error)

    def _go_on(self, chunk: Chunk) -> None:
        """A worker has died, and its pool goes on: so do the chunk's other tasks."""
        with self._lock:
            dead, self._deaths = self._deaths, []
            # Other chunks have theirs: their workers may have died meanwhile.
            killers = {task: e for task, e in self._killers.items() if task in chunk}
            for task in killers:
                del self._killers[task]
        if not killers:
            # It had performed them, and died of their results.
            self._unclear += 1
            if self._unclear > _UNCLEAR:
                text = "; ".join(deaths.worded(each, self._memory) for each in dead)
                self._miss([chunk], text, _Died())
                return
        self._supply.back.extendleft(reversed(chunk.without(killers)))
        for task in sorted(killers):
            self._resolve(task, killers[task])

    def _miss(self, chunks: list[Chunk], text: str, error: BaseException) -> None:
        """Fail what was lost with a pool, or cannot be performed any more."""
        why = f"a worker died ({text})" if text else failures.brief(error)
        for chunk in chunks:
            for place, item in enumerate(chunk.tasks):
                fault = Fault(
                    argument=failures.shown(item, star=self._star),
                    kind="WorkerDiedError",
                    text=f"lost, since the pool broke: {why}",
                    trace="",
                    error=None,
                    time=time.time(),
                )
                with self._lock:
                    self._returned += 1
                    told = self._fail(
                        fault, chunk.first + place, "the pool", 0, died=True
                    )
                told.__cause__ = error
                if not self._returns:
                    self._error = _again(told)
                    return
                self._resolve(chunk.first + place, told)

    def _look_for_deaths(self) -> None:
        """Find chunks whose worker has died, and whose pool has not noticed."""
        for process in [*self.engine.processes(), *self._unseen()]:
            pid = process.pid
            if not pid or pid in self._mourned:
                continue
            if process.exitcode is None or self._had_some(process):
                self._known.setdefault(pid, process)
        gone = [pid for pid, p in self._known.items() if p.exitcode is not None]
        now = time.monotonic()
        for pid in gone:
            since = self._gone.setdefault(pid, now)
            if now - since < _UNNOTICED:
                continue
            process = self._known.pop(pid)
            del self._gone[pid]
            mark = self._board.read(pid) if self._board is not None else None
            death = Death(pid, process.exitcode or 0, mark)
            with self._lock:
                if self._over or pid in self._mourned:
                    continue
                chunk = self._held(death)
                if chunk is None:
                    self._miss_member(death)
                    continue
                self._deaths.append(death)
                self._mourn(death)
                self._looked = True  # its pool may break of it yet, and end others
                self._flying.pop(chunk.number, None)
                self._seats.pop(chunk.number, None)
                self._arrived.put((chunk, _Died()))

    def _miss_member(self, death: Death) -> None:
        """Have the end of a worker told that had nothing in hand."""
        member = self.crew.find(death.pid)
        if member is not None:  # else nobody has ever heard of it
            ending = "died" if death.status else "ended"  # replaced in good order
            member.end(ending, deaths.worded(death, self._memory))

    def _unseen(self) -> list[Process]:
        """Workers that took a chunk and died between two looks at their pool."""
        marks, board = self._order.marks, self._board
        if marks is None or board is None or not hasattr(self.engine, "lose"):
            return []
        with self._lock:
            flying = set(self._flying)
        known = self._known.keys() | self._mourned
        return [
            Unseen(pid)
            for pid in board.holders(marks.job, flying)
            if pid not in known and not os.path.exists(f"/proc/{pid}")
        ]

    def _had_some(self, process: Process) -> bool:
        """Whether a process that has ended already had some of our tasks in hand."""
        pid = process.pid or 0
        mark = self._board.read(pid) if self._board is not None else None
        return self._held(Death(pid, 0, mark)) is not None

    def _held(self, death: Death) -> Chunk | None:
        """The chunk that a dead worker had, maybe with all of its tasks done."""
        mark, marks = death.mark, self._order.marks
        if mark is None or marks is None or mark.job != marks.job:
            return None
        return self._flying.get(mark.chunk)

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

    def _drop(self, after: int = -1) -> None:
        """Let nothing begin that has not, of the tasks after that one."""
        self._stopping = True
        with self._lock:
            chunks = [each for each in self._flying.values() if each.first > after]
        for chunk in chunks:
            if chunk.promise is not None:
                with contextlib.suppress(Exception):
                    chunk.promise.cancel()

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
            self.crew.end(time.time())
            self._flying.clear()
            self._seats.clear()
        self.bar.close(state)
        self._last = self.bar.look(time.monotonic())
        desk.unfollow(self.bar.key)
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(KeyboardInterrupt() if state == "interrupted" else None)


class _Died(Exception):
    """Stands for what a chunk should have come back with."""


class _Stop(list):  # type: ignore[type-arg]
    """In the place of a result: there an error is raised."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def _again(error: TaskError) -> TaskError:
    """Copy a failure that is kept, to be raised: with that go all its frames."""
    again = type(error)(*error.args)
    again.__cause__ = error.__cause__
    return again


def _handles_interrupts() -> bool:
    """Whether Ctrl-C raises `KeyboardInterrupt` here, as it does by default."""
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler
