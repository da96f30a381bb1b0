"""The messages of jobs: what a calculation and its workers say of their progress.

A worker says them to the calculation, which says them to its viewers, all but `Points`
and `Pace`. Identifiers of jobs, bars and workers are made by the process that begins
them and are unique in a run. Knows no bytes, socket or clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from .lanes import Index, Lane

__all__ = [
    "Failure",
    "Job",
    "Pace",
    "Points",
    "Progress",
    "Slowest",
    "Worker",
]


@dataclass(frozen=True, slots=True)
class Job:
    """A job begins: what is called, by what, from where. Kept lane.

    Attributes
    ----------
    job : str
        Identifier of the job, which is that of its bar, too.
    worker : str
        In which worker it was begun; empty in the calculation itself.
    desc : str
        What people call it.
    function, file, line, doc : str, str, int, str
        Qualified name of the function, where it is written, its docstring.
    caller, caller_line, call : str, int, str
        File and line that began the job, and what stands there.
    engine : str
        What hands the tasks out, e.g. ``"loky"``.
    workers : int
        How many there are to be, 0 if that is not known.
    started : float
        Seconds since the epoch.
    """

    code: ClassVar[int] = 32
    lane: ClassVar[Lane] = Lane.KEPT

    job: str
    worker: str
    desc: str
    function: str
    file: str
    line: int
    doc: str
    caller: str
    caller_line: int
    call: str
    engine: str
    workers: int
    started: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How a bar stands. Newest lane, one key for each bar.

    Attributes
    ----------
    bar : str
        Identifier of the bar.
    parent : str
        The bar inside of which it was begun, empty if none.
    job : str
        The job whose tasks it counts, or inside of whose task it was begun.
    worker : str
        In which worker it was begun; empty in the calculation itself.
    desc, unit : str
        What is counted; the unit of `done` and `total`.
    done, total : float
        How much is done; -1 for a total that is not known.
    failed : int
        How many of those that are done have failed.
    elapsed : float
        Seconds since it began, until it ended.
    rate, remaining : float
        Units per second, 0 if none; seconds left, infinity if that is not known.
    state : str
        ``"running"``, ``"finished"``, ``"stopped"`` (left before its end),
        ``"interrupted"`` or ``"failed"``.
    postfix : str
        What else its owner wants to be shown.
    place : list of int
        Where its owner wants it: nothing, a row, or column and row.
    leave : bool
        Whether it stays in sight after its end.
    """

    code: ClassVar[int] = 33
    lane: ClassVar[Lane] = Lane.NEWEST
    key: ClassVar[str] = "bar"

    bar: str
    parent: str
    job: str
    worker: str
    desc: str
    unit: str
    done: float
    total: float
    failed: int
    elapsed: float
    rate: float
    remaining: float
    state: str
    postfix: str
    place: list[int]
    leave: bool


@dataclass(frozen=True, slots=True)
class Worker:
    """How a worker of a job stands. Newest lane, one key for each worker.

    Attributes
    ----------
    worker : str
        Identifier of the worker.
    number : int
        Which of the job's workers, from 1; 0 if its job has not numbered it.
    job : str
        The job it works for; empty for a process that nobody sent, such as one of a
        bare ``multiprocessing.Pool``.
    pid, host, thread : int, str, str
        Process, its machine, and name of the thread where that is not the main one.
    state : str
        ``"starting"``, ``"working"``, ``"waiting"``, ``"ended"`` or ``"died"``.
    chunk, counted : int
        Number of the chunk in hand; how many of its tasks are done.
    task, argument, since : int, str, float
        Index of the task in hand, -1 if there is none; its arguments in short; when it
        took it, seconds since the epoch.
    done, failed : int
        Tasks done and failed in all.
    cpu, memory : float
        Share of one core that its process uses, dimensionless; bytes that it holds.
        -1 where that is not known.
    startup, init, waiting, working, ending : float
        Where its time went, in seconds: from the job's begin to its first chunk,
        loading the function, between chunks, inside of tasks, after its last one.
    text : str
        How it died.
    """

    code: ClassVar[int] = 34
    lane: ClassVar[Lane] = Lane.NEWEST
    key: ClassVar[str] = "worker"

    worker: str
    number: int
    job: str
    pid: int
    host: str
    thread: str
    state: str
    chunk: int
    counted: int
    task: Index
    argument: str
    since: float
    done: int
    failed: int
    cpu: float
    memory: float
    startup: float
    init: float
    waiting: float
    working: float
    ending: float
    text: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A task failed. Kept lane; a repeated one is known by its job and task.

    Attributes
    ----------
    job, worker : str
        The job, and which of its workers.
    number : int
        The worker's number in the job, 0 if it has none.
    task : int
        Index of the task, -1 if it was none.
    argument : str
        What it was called with, in short.
    kind, text : str
        Name of the exception's class; what it says.
    trace : str
        The whole traceback, of causes and contexts too.
    time : float
        Seconds since the epoch.
    """

    code: ClassVar[int] = 35
    lane: ClassVar[Lane] = Lane.KEPT

    job: str
    worker: str
    number: int
    task: Index
    argument: str
    kind: str
    text: str
    trace: str = field(repr=False)
    time: float


@dataclass(frozen=True, slots=True)
class Slowest:
    """The tasks of a job that took longest, longest first. Newest lane, by job.

    Attributes
    ----------
    job : str
        The job.
    tasks : list of int
        Their indices.
    seconds : list of float
        How long each took.
    arguments : list of str
        What each was called with, in short.
    numbers : list of int
        The workers that performed them.
    """

    code: ClassVar[int] = 36
    lane: ClassVar[Lane] = Lane.NEWEST
    key: ClassVar[str] = "job"

    job: str
    tasks: list[int]
    seconds: list[float]
    arguments: list[str]
    numbers: list[int]


@dataclass(frozen=True, slots=True)
class Points:
    """A point of each of some scalars, logged in a worker. Kept lane.

    Attributes
    ----------
    worker : str
        Which one.
    step : float
        Abscissa; not a number if none was given.
    names, values : list of str, list of float
        The scalars.
    """

    code: ClassVar[int] = 37
    lane: ClassVar[Lane] = Lane.KEPT

    worker: str
    step: float
    names: list[str]
    values: list[float]


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a worker is to report: less often where there are many. Newest lane.

    Attributes
    ----------
    seconds : float
        At least between two reports.
    """

    code: ClassVar[int] = 38
    lane: ClassVar[Lane] = Lane.NEWEST

    seconds: float
