"""The messages: one frozen dataclass for each thing that is said on a connection.

Knows no bytes, socket or clock. ``docs/protocol.rst`` shows the same table to
readers; the codes below are the protocol and never change their meaning.

Codes 1 to 15 are spoken by a calculation, 16 to 31 by a viewer; 12 is found in files
alone. 32 to 63 are of jobs and their workers, see `async_plot.wire.reports`, 64 to 95
of commands and parameters, see `async_plot.wire.steering`. Kept free: 96 to 127 for
panels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Union

from .lanes import Lane, Memory, Right, Role, RunState
from .pictures import Drawn, Look
from .reports import Failure, Job, Pace, Points, Progress, Slowest, Worker
from .steering import Parameter, Steer, Steering

__all__ = [
    "FROM_CALCULATION",
    "FROM_RENDERER",
    "FROM_VIEWER",
    "FROM_WORKER",
    "IN_FILES",
    "OF_SKETCHES",
    "TO_WORKER",
    "Drawn",
    "Failure",
    "Frame",
    "Goodbye",
    "Job",
    "Lane",
    "Log",
    "Look",
    "Mapped",
    "Memory",
    "Message",
    "Missed",
    "Opened",
    "Pace",
    "Parameter",
    "Picture",
    "PlotterCode",
    "Points",
    "Progress",
    "Ready",
    "Right",
    "Role",
    "RunState",
    "Scalars",
    "Seal",
    "Slot",
    "SlotFrame",
    "Slowest",
    "Stalled",
    "State",
    "Stats",
    "Steer",
    "Steering",
    "Trouble",
    "Welcome",
    "Words",
    "Worker",
]


@dataclass(frozen=True, slots=True)
class Welcome:
    """First message of a calculation: who it is. Kept lane.

    Attributes
    ----------
    run, name : str
        Identifier of the run, unique on its machine; the name people read.
    pid : int
        Process of the calculation, on `host`.
    host, python : str
        Host name; Python version, e.g. ``"3.11.7"``.
    started : float
        Start of the run, seconds since the epoch.
    plotters : list of str
        Names of the plotters, in the order of their windows.
    cwd : str
        Working directory of the calculation.
    path : list of str
        Its ``sys.path``, for a viewer that was launched by it.
    overhead : float
        Budget: share of the calculation's time that watching may cost.
    on_exit : str
        ``"keep"`` or ``"close"``: what a launched window does at the end.
    """

    code: ClassVar[int] = 1
    lane: ClassVar[Lane] = Lane.KEPT

    run: str
    name: str
    pid: int
    host: str
    python: str
    started: float
    plotters: list[str]
    cwd: str
    path: list[str]
    overhead: float
    on_exit: str


@dataclass(frozen=True, slots=True)
class PlotterCode:
    """A plotter class, as cloudpickle wrote it. Kept lane.

    Attributes
    ----------
    plotter : str
        Its name among the run's plotters.
    title : str
        Name of the class.
    python : list of int
        Major and minor version of the Python that pickled it; code objects are
        not understood by another one.
    buffers : list of memory
        One buffer, the pickle; none for the ready-made plotter.
    """

    code: ClassVar[int] = 2
    lane: ClassVar[Lane] = Lane.KEPT

    plotter: str
    title: str
    python: list[int]
    buffers: list[Memory] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class Frame:
    """The arguments of one ``draw``. Newest lane, one key for each plotter; on credit.

    Attributes
    ----------
    plotter : str
        Which plotter draws it.
    number : int
        How many times ``update`` had been called, this call included; from 1.
    time : float
        When the snapshot was taken, seconds since the epoch.
    mid_step : bool
        The arguments were kept by an ``update`` before an exception; the
        calculation may have been changing them.
    payload : bytes
        Arguments and keywords, packed by `async_plot.wire.codec`.
    buffers : list of memory
        The arrays' memory, in the order in which `payload` numbers them.
    """

    code: ClassVar[int] = 3
    lane: ClassVar[Lane] = Lane.NEWEST

    plotter: str
    number: int
    time: float
    mid_step: bool
    payload: bytes = field(repr=False)
    buffers: list[Memory] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class Stats:
    """What watching did and cost so far. Newest lane.

    Attributes
    ----------
    plotter : str
        Which plotter's frames are counted.
    updates, snapshots, refused : int
        Calls of ``update``; copies taken; frames that could not be sent.
    overhead : float
        Share of the time since the start that watching cost, dimensionless.
    elapsed : float
        Seconds since the start.
    viewers : int
        Viewers connected now.
    """

    code: ClassVar[int] = 4
    lane: ClassVar[Lane] = Lane.NEWEST

    plotter: str
    updates: int
    snapshots: int
    refused: int
    overhead: float
    elapsed: float
    viewers: int


@dataclass(frozen=True, slots=True)
class State:
    """How the run stands; the last message of a run that ended by itself. Kept lane.

    Attributes
    ----------
    state : str
        One of `RunState`'s values but ``"lost"``.
    text : str
        The traceback of a failed run, else empty.
    time : float
        Since when, seconds since the epoch.
    """

    code: ClassVar[int] = 5
    lane: ClassVar[Lane] = Lane.KEPT

    state: str
    text: str
    time: float


@dataclass(frozen=True, slots=True)
class Log:
    """One record of the calculation's log. Kept lane.

    Attributes
    ----------
    time : float
        Seconds since the epoch.
    level : int
        Level number of `logging`.
    name, text : str
        Logger and formatted message.
    number : int
        Which of the run's records, from 1; 0 if its writer counts none. A viewer
        that connects again is told the newest ones once more, and knows them by it.
    """

    code: ClassVar[int] = 6
    lane: ClassVar[Lane] = Lane.KEPT

    time: float
    level: int
    name: str
    text: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Scalars:
    """Points of one scalar's history. Kept lane, made when it can be sent.

    Attributes
    ----------
    name : str
        The scalar.
    whole : bool
        These points replace the history; else they follow it.
    buffers : list of memory
        Steps and values, two vectors of float64 of one length.
    """

    code: ClassVar[int] = 7
    lane: ClassVar[Lane] = Lane.KEPT

    name: str
    whole: bool
    buffers: list[Memory] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class Missed:
    """Kept messages that this viewer was too slow for. Kept lane.

    Attributes
    ----------
    count : int
        How many were dropped, oldest first, since the last message.
    """

    code: ClassVar[int] = 8
    lane: ClassVar[Lane] = Lane.KEPT

    count: int


@dataclass(frozen=True, slots=True)
class Slot:
    """Memory that a viewer on the same machine may map. Kept lane.

    Attributes
    ----------
    slot : int
        Its number in the run.
    pid, descriptor : int
        The process that holds it, and under which number it has it open.
    size : int
        Bytes of the file; 0 if the slot will not be used any more.
    token : bytes
        What the file begins with.
    """

    code: ClassVar[int] = 9
    lane: ClassVar[Lane] = Lane.KEPT

    slot: int
    pid: int
    descriptor: int
    size: int
    token: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SlotFrame:
    """A frame whose arrays lie in a slot. Newest lane; on credit, like `Frame`.

    Attributes
    ----------
    slot : int
        Which slot.
    sequence : int
        Number that the slot bears as long as the arrays are whole.
    starts : list of int
        Where each array begins, in bytes from the end of the slot's first page.
    head : bytes
        The `Frame` as it would be written, up to its buffers.
    """

    code: ClassVar[int] = 10
    lane: ClassVar[Lane] = Lane.NEWEST

    slot: int
    sequence: int
    starts: list[int]
    head: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stalled:
    """The calculation gives no sign of life, or does so again. Newest lane.

    Attributes
    ----------
    seconds : float
        How long it has given none, or had given none when it went on.
    since : float
        Its last sign of life, seconds since the epoch.
    text : str
        Where it is, in one line; then the stacks of all threads. Empty: it goes
        on again.
    """

    code: ClassVar[int] = 11
    lane: ClassVar[Lane] = Lane.NEWEST

    seconds: float
    since: float
    text: str


@dataclass(frozen=True, slots=True)
class Seal:
    """In a file, this user's mark on the message before it. Kept lane.

    Nobody says it on a connection.

    Attributes
    ----------
    file : bytes
        Random number of the file, 16 bytes, so that a message sealed for one file is
        not taken for another one's.
    index : int
        Counts the seals of a file; the one with number 0 stands first and marks the
        file itself.
    whole : bool
        The mark covers the message's buffers too; else only what comes before them.
    mac : bytes
        See ``docs/protocol.rst``.
    """

    code: ClassVar[int] = 12
    lane: ClassVar[Lane] = Lane.KEPT

    file: bytes
    index: int
    whole: bool
    mac: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ready:
    """A viewer's credit: it can take one more frame. Kept lane.

    Attributes
    ----------
    plotter : str
        Of which plotter.
    shown : int
        Number of the newest frame that it has shown, 0 before the first.
    """

    code: ClassVar[int] = 16
    lane: ClassVar[Lane] = Lane.KEPT

    plotter: str
    shown: int


@dataclass(frozen=True, slots=True)
class Opened:
    """The viewer's figure is open. Kept lane.

    Attributes
    ----------
    view : str
        The surface: ``"window"``, ``"off-screen"``, ...
    """

    code: ClassVar[int] = 17
    lane: ClassVar[Lane] = Lane.KEPT

    view: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something failed in the viewer, as text for the calculation's log. Kept lane.

    Attributes
    ----------
    plotter : str
        Which plotter.
    frame : int
        Number of the frame that was being drawn, 0 before the first.
    text : str
        The traceback, or a sentence.
    """

    code: ClassVar[int] = 18
    lane: ClassVar[Lane] = Lane.KEPT

    plotter: str
    frame: int
    text: str


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The viewer leaves on purpose. Kept lane.

    Attributes
    ----------
    reason : str
        Why, e.g. ``"window closed"``.
    """

    code: ClassVar[int] = 19
    lane: ClassVar[Lane] = Lane.KEPT

    reason: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """The slots that this viewer has mapped. Kept lane.

    Attributes
    ----------
    slots : list of int
        All of them; none means that it takes frames from the socket alone.
    """

    code: ClassVar[int] = 20
    lane: ClassVar[Lane] = Lane.KEPT

    slots: list[int]


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure as a notebook shows it. Kept lane; only on a renderer's pipe.

    Attributes
    ----------
    plotter : str
        Which plotter drew it.
    figure : int
        Which of that plotter's figures, from 0.
    width, height : int
        Size on the page, in pixels of an ordinary screen.
    text : str
        What is read out where no picture can be seen.
    buffers : list of memory
        One buffer, a PNG file.
    """

    code: ClassVar[int] = 21
    lane: ClassVar[Lane] = Lane.KEPT

    plotter: str
    figure: int
    width: int
    height: int
    text: str
    buffers: list[Memory] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class Words:
    """The strip as text, which ends a batch. Kept lane; only on a renderer's pipe.

    Attributes
    ----------
    texts, kinds : list of str
        Pieces of the text, and how each is to look; none if nothing has changed.
    details : str
        The whole of what the last piece says in short, such as a traceback.
    last : bool
        The run has ended, and its last frame is drawn.
    """

    code: ClassVar[int] = 22
    lane: ClassVar[Lane] = Lane.KEPT

    texts: list[str]
    kinds: list[str]
    details: str
    last: bool


FROM_CALCULATION = (
    Welcome,
    PlotterCode,
    Frame,
    Stats,
    State,
    Log,
    Scalars,
    Missed,
    Slot,
    SlotFrame,
    Stalled,
    Job,
    Progress,
    Worker,
    Failure,
    Slowest,
    Steering,
    Parameter,
)
FROM_VIEWER = (Ready, Opened, Trouble, Goodbye, Mapped, Steer)
FROM_WORKER = (Job, Progress, Worker, Failure, Slowest, Points, Log, Goodbye)
TO_WORKER = (Pace,)
IN_FILES = (Seal,)  # beside what a calculation says
# On no connection: to a notebook's kernel, through the pipe of the process that it
# started.
FROM_RENDERER = (Picture, Words)
# The same of a terminal: what it asks of the process that draws, and is answered.
OF_SKETCHES = (Look, Drawn)

Message = Union[  # noqa: UP007 - a Union can be a dict's value type on 3.10
    Welcome,
    PlotterCode,
    Frame,
    Stats,
    State,
    Log,
    Scalars,
    Missed,
    Seal,
    Slot,
    SlotFrame,
    Stalled,
    Ready,
    Opened,
    Trouble,
    Goodbye,
    Mapped,
    Picture,
    Words,
    Look,
    Drawn,
    Job,
    Progress,
    Worker,
    Failure,
    Slowest,
    Points,
    Pace,
    Steering,
    Parameter,
    Steer,
]
