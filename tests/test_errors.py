"""The error tree: what each is, whose fault it says, and its sentence."""

from __future__ import annotations

import pickle

import pytest

from async_plot import errors
from async_plot.errors import (
    AsyncPlotError,
    AuthenticationError,
    ClosedError,
    ForeignError,
    HandshakeError,
    MessageTooLargeError,
    PlotterError,
    ProtocolError,
    RunNotFoundError,
    StopRequested,
    TaskError,
    UnsupportedValueError,
    VersionError,
    WorkerDiedError,
)

EXAMPLES = [
    AsyncPlotError("text"),
    UnsupportedValueError("argument 2", "it is a lock"),
    PlotterError("text"),
    ClosedError("text"),
    HandshakeError("text"),
    VersionError(1, 2),
    AuthenticationError("text"),
    ProtocolError("text"),
    MessageTooLargeError("header", 10, 5),
    TaskError(7, "worker 2", "x=7", "ValueError", "no", "Traceback"),
    WorkerDiedError(7, "worker 2", "x=7", "killed", "by SIGKILL", ""),
    RunNotFoundError("text"),
    ForeignError("frame 41"),
    StopRequested("r1", "anna@box, top"),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
class TestEach:
    def test_it_is_one_of_ours_and_public(self, error: AsyncPlotError) -> None:
        """One ``except`` catches all; each has its example here."""
        assert isinstance(error, (AsyncPlotError, StopRequested))
        assert type(error).__name__ in errors.__all__

    def test_it_survives_a_pickle(self, error: AsyncPlotError) -> None:
        """As errors of a worker do."""
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert again.args == error.args

    def test_the_tree_in_the_docstring_holds_it(self, error: AsyncPlotError) -> None:
        """With the built-in errors that its reader expects."""
        assert errors.__doc__ is not None
        [line] = [
            line
            for line in errors.__doc__.splitlines()
            if line.split()[:1] == [type(error).__name__]
        ]
        for base in type(error).__bases__:
            if base.__module__ == "builtins" and base is not Exception:
                assert base.__name__ in line


def test_every_public_error_has_an_example() -> None:
    """So that the tests above cover the whole tree."""
    assert sorted(errors.__all__) == sorted(type(error).__name__ for error in EXAMPLES)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (UnsupportedValueError, TypeError),
        (PlotterError, TypeError),
        (PlotterError, ValueError),
        (ClosedError, ConnectionError),
        (HandshakeError, ConnectionError),
        (VersionError, HandshakeError),
        (AuthenticationError, HandshakeError),
        (MessageTooLargeError, ProtocolError),
        (RunNotFoundError, LookupError),
    ],
)
def test_each_derives_from_what_its_reader_expects(
    kind: type[Exception], builtin: type[Exception]
) -> None:
    """Code that knows nothing of this package catches it too."""
    assert issubclass(kind, builtin)


def test_an_unsupported_value_names_place_reason_and_what_is_accepted() -> None:
    """The place as its writer would name it."""
    error = UnsupportedValueError("argument 'y'", "it is a lock")
    assert str(error).startswith(
        "argument 'y' cannot be sent to a viewer: it is a lock"
    )
    assert "numpy arrays" in str(error)
    assert (error.where, error.reason) == ("argument 'y'", "it is a lock")


def test_a_version_error_says_both_and_the_remedy() -> None:
    """Ours, theirs, and to install the same at both ends."""
    error = VersionError(1, 2)
    assert "version 1" in str(error) and "version 2" in str(error)
    assert "install the same async_plot" in str(error)
    assert (error.ours, error.theirs) == (1, 2)


def test_a_message_too_large_says_what_how_much_and_the_limit() -> None:
    """In the unit of what is limited."""
    error = MessageTooLargeError("buffer count", 10, 5)
    assert str(error) == "buffer count of 10 exceeds the limit of 5"
    assert (error.what, error.size, error.limit) == ("buffer count", 10, 5)


def test_a_task_error_tells_which_task_failed_and_how():
    """On its first line; the traceback follows."""
    error = TaskError(7, "worker 2", "x=7", "ValueError", "no", "Traceback ...")
    first, _, rest = str(error).partition("\n\n")
    assert first == "task 7 (x=7) failed in worker 2: ValueError: no"
    assert rest == "Traceback ..."
    assert isinstance(error, RuntimeError)


def test_a_stop_is_an_exit_without_a_traceback() -> None:
    """It passes ``except Exception``; uncaught, the exit status is 0."""
    stop = StopRequested("r1", "anna@box, top")
    assert not isinstance(stop, Exception)
    assert stop.code is None
    assert str(stop) == "the run was stopped by anna@box, top"
    assert str(StopRequested()) == "the run was stopped by a view"
