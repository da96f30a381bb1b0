"""What tqdm's ``contrib`` gives beside the bar; its documentation: `test_tqdm`."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from async_plot import tqdm
from async_plot.jobs.contrib import (
    DummyTqdmFile,
    logging_redirect_tqdm,
    tmap,
    tqdm_logging_redirect,
    tzip,
)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("async_plot_test_contrib")
    before = list(logger.handlers)
    yield logger
    logger.handlers = before


class Counting(tqdm):
    """A bar of the user's."""

    made = 0
    written: list[str] = []  # noqa: RUF012 - one for all, on purpose

    def __init__(self, *args: object, **kwargs: object) -> None:
        Counting.made += 1
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    @classmethod
    def write(cls, s: str, **_: object) -> None:  # type: ignore[override]
        cls.written.append(s)


def test_lines_are_written_when_they_are_whole() -> None:
    """And the rest at the end."""
    stream = io.StringIO()
    file = DummyTqdmFile(stream)
    file.write("one\ntw")
    assert stream.getvalue() == "one\n"
    file.write("o\n")
    assert stream.getvalue() == "one\ntwo\n"
    file.write("three")
    file.flush()
    file.flush()
    assert stream.getvalue() == "one\ntwo\nthree"
    file.write("four")
    del file
    assert stream.getvalue().endswith("four")


def test_it_is_a_file_in_all_else() -> None:
    """What is asked of it is asked of the one that it stands for."""
    stream = io.StringIO()
    assert DummyTqdmFile(stream).writable()
    assert DummyTqdmFile(None).__class__ is DummyTqdmFile  # gone without a word


def test_handlers_are_put_back(logger: logging.Logger) -> None:
    """Also after an exception; those that write elsewhere stay all the time."""
    elsewhere = logging.StreamHandler(io.StringIO())
    logger.handlers = [elsewhere]
    with pytest.raises(RuntimeError), logging_redirect_tqdm([logger]):
        assert logger.handlers[0] is elsewhere and len(logger.handlers) == 2
        raise RuntimeError
    assert logger.handlers == [elsewhere]


def test_a_console_keeps_its_format_and_level(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only where it writes is changed."""
    console = logging.StreamHandler()
    console.setFormatter(logging.Formatter("<%(message)s>"))
    console.setLevel(logging.ERROR)
    logger.handlers = [console]
    with logging_redirect_tqdm([logger]):
        assert console not in logger.handlers
        logger.error("told")
        logger.warning("not told")
    assert logger.handlers == [console]
    assert capsys.readouterr().err == "<told>\n"


def test_a_record_that_cannot_be_formatted_stops_nothing(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with every handler."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    with logging_redirect_tqdm([logger]):
        logger.error("%d", "no number")


def test_another_class_of_bars(logger: logging.Logger) -> None:
    """Makes the bars, and prints the lines."""
    Counting.made, Counting.written = 0, []
    out = io.StringIO()
    with tqdm_logging_redirect(
        total=1, loggers=[logger], tqdm_class=Counting, file=out
    ) as bar:
        logger.error("told")
        bar.update()
    assert Counting.written == ["told"]
    assert list(tzip("ab", [1, 2, 3], tqdm_class=Counting, file=out)) == [
        ("a", 1),
        ("b", 2),
    ]
    assert list(tmap(abs, [-1], tqdm_class=Counting, file=out)) == [1]
    assert Counting.made == 3
