"""Workers that die, and what becomes of the tasks that are lost with them.

Pools differ: some notice, some break, some go on and forget. Knows which processes an
engine has, and what each has marked.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError
from typing import Any

from ..errors import TaskError
from ..net import files
from . import deaths, failures, marks
from .account import Account, copied
from .deaths import Death, Unseen
from .engines.base import Process
from .failures import Fault
from .parcels import Order, Parcel
from .strays import Strays
from .supply import Chunk

__all__ = ["Losses"]

_UNNOTICED = 0.5  # seconds that a pool may take to see that a worker has died
_UNNOTED = "workers died before they could say what they had in hand"
_UNCLEAR = 3  # deaths that no task is known for, after which a job gives up


class Losses(Account):
    """What is known of a job, with those who died for it."""

    _order: Order
    _board: marks.Board | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lost: list[Chunk] = []  # with a pool that broke
        self._broke: BaseException | None = None  # how, until all have come back
        self._deaths: list[Death] = []
        self._unclear = 0  # deaths that no task is known for
        self._known: dict[int, Process] = {}
        self._gone: dict[int, float] = {}  # processes, and since when
        self._mourned: set[int] = set()  # processes whose end was told
        self._died_at = -math.inf  # when that was last seen, of any
        self._tries: Counter[int] = Counter()  # of chunks that nobody noted
        self._looked = False  # for deaths, since the pool broke
        self._killers: dict[int, TaskError] = {}
        self._memory = deaths.Memory()
        self._strays = Strays(self._revoke)

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

    def _outstanding(self) -> bool:
        """Whether anything is under way, or has come back and was not taken."""
        with self._lock:  # under which the one becomes the other
            return bool(self._flying) or not self._arrived.empty()

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
            self._go_on(chunk, error)
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
            self._error = copied(killers[min(killers)])
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

    def _go_on(self, chunk: Chunk, error: BaseException) -> None:
        """A worker has died, and its pool goes on: so do the chunk's other tasks."""
        with self._lock:
            dead, self._deaths = self._deaths, []
            # Other chunks have theirs: their workers may have died meanwhile.
            killers = {task: e for task, e in self._killers.items() if task in chunk}
            for task in killers:
                del self._killers[task]
        if not killers:
            if isinstance(error, _Unnoted):
                self._tries[chunk.first] += 1
            else:  # it had performed them, and died of their results
                self._unclear += 1
            if max(self._unclear, self._tries[chunk.first]) > _UNCLEAR:
                text = "; ".join(deaths.worded(each, self._memory) for each in dead)
                self._miss([chunk], text, error, "lost again and again")
                return
        self._supply.back.extendleft(reversed(chunk.without(killers)))
        for task in sorted(killers):
            self._resolve(task, killers[task])

    def _miss(
        self,
        chunks: list[Chunk],
        text: str,
        error: BaseException,
        how: str = "lost, since the pool broke",
    ) -> None:
        """Fail what was lost with a pool, or cannot be performed any more."""
        why = f"a worker died ({text})" if text else failures.brief(error)
        for chunk in chunks:
            for place, item in enumerate(chunk.tasks):
                fault = Fault(
                    argument=failures.shown(item, star=self._star),
                    kind="WorkerDiedError",
                    text=f"{how}: {why}",
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
                    self._error = copied(told)
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
        unnoticed = False
        gone = [pid for pid, p in self._known.items() if p.exitcode is not None]
        now = time.monotonic()
        for pid in gone:
            since = self._gone.setdefault(pid, now)
            if now - since < _UNNOTICED:
                continue
            process = self._known.pop(pid)
            del self._gone[pid]
            self._died_at = now
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
            unnoticed = True
        collapse = getattr(self.engine, "collapse", None)
        if unnoticed and collapse is not None:
            collapse()
        drained = getattr(self.engine, "drained", None)
        if drained is not None:
            self._look_for_strays(drained)

    def _look_for_strays(self, drained: Callable[[], bool]) -> None:
        """Find chunks that a worker took, and died before it could note them."""
        marks, board = self._order.marks, self._board
        if marks is None or board is None:
            return
        with self._lock:
            missing = {n for n, c in self._flying.items() if c.taken}
        if missing:
            missing -= board.noted(marks.job)
        if missing and not drained():
            missing.clear()
        now = time.monotonic()
        for number in self._strays.look(now, missing, self._died_at):
            with self._lock:
                chunk = self._flying.pop(number, None)
                if chunk is not None and not self._over:
                    self._arrived.put((chunk, _Unnoted(_UNNOTED)))

    def _revoke(self, chunk: int) -> None:
        marks, board = self._order.marks, self._board
        if marks is not None and board is not None:
            board.revoke(marks.job, chunk)

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


class _Died(Exception):
    """Stands for what a chunk should have come back with."""


class _Unnoted(_Died):
    """The same, where it is not known who had it."""
