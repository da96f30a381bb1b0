"""The whole tree of errors that async_plot raises; knows nothing else of ours.

Each leaf also derives from the built-in error that its reader expects, and its
place in the tree says whose fault it is::

    AsyncPlotError
      UnsupportedValueError (TypeError)     yours: this cannot be sent
      PlotterError (TypeError, ValueError)  yours: this class cannot be shipped
                                            or drawn
      ClosedError (ConnectionError)         the other end is gone; says why
      HandshakeError (ConnectionError)      no proof of the key was reached
        VersionError                        the two ends speak other versions
        AuthenticationError                 the other end holds another key
      ProtocolError                         the peer's: these bytes are no message
        MessageTooLargeError                the peer's: past a limit
      TaskError (RuntimeError)              the task's: how one task of a job failed
        WorkerDiedError                     a worker ended inside of it
      RunNotFoundError (LookupError)        yours: no such run on this machine
      ForeignError (PermissionError)        somebody else's file would run code

Beside the tree, since it is no error and ``except Exception`` is to let it pass::

    StopRequested (SystemExit)              a view asked the calculation to stop
"""

from __future__ import annotations

__all__ = [
    "AsyncPlotError",
    "AuthenticationError",
    "ClosedError",
    "ForeignError",
    "HandshakeError",
    "MessageTooLargeError",
    "PlotterError",
    "ProtocolError",
    "RunNotFoundError",
    "StopRequested",
    "TaskError",
    "UnsupportedValueError",
    "VersionError",
    "WorkerDiedError",
]


class AsyncPlotError(Exception):
    """Root of every error of this package."""


class UnsupportedValueError(AsyncPlotError, TypeError):
    """An argument of ``update`` cannot be sent to a viewer.

    Parameters
    ----------
    where : str
        The argument, as its writer would name it: ``"argument 2"``,
        ``"argument 'y'"``, ``"argument 'data' at ['mesh'][3]"``.
    reason : str
        Why it cannot be sent.
    """

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"{self.where} cannot be sent to a viewer: {self.reason}; accepted are "
            "numpy arrays, numbers, strings, bytes, dates, lists, tuples, dicts, "
            "sets and whatever can be pickled"
        )


class PlotterError(AsyncPlotError, TypeError, ValueError):
    """A plotter class cannot be shipped to a viewer, or cannot be drawn there."""


class ClosedError(AsyncPlotError, ConnectionError):
    """The other end is gone; the text says what is known of the reason."""


class HandshakeError(AsyncPlotError, ConnectionError):
    """The two ends did not prove to each other that they hold the same key."""


class VersionError(HandshakeError):
    """The two ends speak different versions of the protocol.

    Parameters
    ----------
    ours, theirs : int
        Protocol versions.
    """

    def __init__(self, ours: int, theirs: int) -> None:
        super().__init__(ours, theirs)
        self.ours = ours
        self.theirs = theirs

    def __str__(self) -> str:
        return (
            f"this end speaks version {self.ours} of the async_plot protocol, the "
            f"other end version {self.theirs}; install the same async_plot at both"
        )


class AuthenticationError(HandshakeError):
    """The other end does not hold the key of this run."""


class ProtocolError(AsyncPlotError):
    """The bytes that arrived are no message of the protocol."""


class MessageTooLargeError(ProtocolError):
    """A message announces more than its limit.

    Parameters
    ----------
    what : str
        The limited part, e.g. ``"header"``.
    size, limit : int
        Announced and allowed, in the unit of `what`.
    """

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(what, size, limit)
        self.what = what
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.what} of {self.size} exceeds the limit of {self.limit}"


class TaskError(AsyncPlotError, RuntimeError):
    """One task of a job failed.

    It is the cause of the exception that the task raised, where that can be brought
    back; else it is raised itself. With ``errors="return"`` it stands in the place of
    the task's result.

    Parameters
    ----------
    task : int
        Index of the task.
    worker : str
        Which worker performed it, for people.
    argument : str
        What it was called with, in short.
    kind, text : str
        Name of the exception's class; what it says.
    trace : str
        The whole traceback in the worker, of causes and contexts too.
    """

    def __init__(
        self, task: int, worker: str, argument: str, kind: str, text: str, trace: str
    ) -> None:
        super().__init__(task, worker, argument, kind, text, trace)
        self.task = task
        self.worker = worker
        self.argument = argument
        self.kind = kind
        self.text = text
        self.trace = trace

    def __str__(self) -> str:
        said = f"{self.kind}: {self.text}" if self.text else self.kind
        head = f"task {self.task} ({self.argument}) failed in {self.worker}: {said}"
        return f"{head}\n\n{self.trace}" if self.trace else head


class WorkerDiedError(TaskError):
    """A worker ended while it performed a task: killed, crashed, or out of memory."""


class RunNotFoundError(AsyncPlotError, LookupError):
    """No run of this user on this machine answers to that name."""


class ForeignError(AsyncPlotError, PermissionError):
    """What a file holds would run code, and this user did not write it.

    Parameters
    ----------
    what : str
        The part that was asked for, e.g. ``"frame 41"``.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return (
            f"{self.what} holds objects that only running code from the file can bring "
            "back, and the file was not written by you here: open it with --trust if "
            "you trust whoever wrote it"
        )


class StopRequested(SystemExit):
    """A view asked the calculation to stop, and it came to a checkpoint.

    It passes ``except Exception``. The ``with`` block of the server that raised it
    takes it, and the script goes on behind; where nothing takes it, the script ends
    there, with status 0 and no traceback. In a thread of its own, where nothing takes
    it, Python prints the traceback.

    Parameters
    ----------
    run : str
        Identifier of the run.
    by : str
        Who asked for it.
    """

    def __init__(self, run: str = "", by: str = "") -> None:
        super().__init__()  # without arguments: the exit status is 0
        self.run = run
        self.by = by

    def __reduce__(self) -> tuple[type[StopRequested], tuple[str, str]]:
        return type(self), (self.run, self.by)

    def __str__(self) -> str:
        return f"the run was stopped by {self.by or 'a view'}"
