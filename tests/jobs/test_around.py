"""What tqdm's class gives beside its bar, as its documentation uses it."""

from __future__ import annotations

import asyncio
import io
from functools import partial

import numpy as np
import pytest

from async_plot import tqdm, trange
from async_plot.jobs import lines
from async_plot.jobs.contrib import CallbackIOWrapper
from async_plot.jobs.desk import desk

from ..helpers import AMPLE


@pytest.fixture(autouse=True)
def nothing_open(monkeypatch):
    monkeypatch.setattr(lines, "PATIENCE", AMPLE)
    yield
    assert not desk._open


@pytest.fixture
def out():
    return io.StringIO()


def last(out):
    return out.getvalue().splitlines()[-1]


@pytest.mark.parametrize("method", ["read", "write"])
def test_files(out, method):
    """What is read or written is counted."""
    source = io.BytesIO(b"x" * 10_000)
    with tqdm.wrapattr(source, method, total=10_000, file=out) as file:
        if method == "read":
            while file.read(1000):
                pass
        else:
            for _ in range(10):
                file.write(b"y" * 1000)
        assert not file.closed
    assert "9.77k/9.77k" in last(out)
    source.seek(0)
    with tqdm(total=10_000, unit="B", file=out) as bar:
        file = CallbackIOWrapper(bar.update, source, "read")
        assert len(list(iter(partial(file.read, 4000), b""))) == 3
        assert bar.n == 10_000
        bar.reset(total=5)
        bar.update(5)
    assert "5/5" in last(out)
    with pytest.raises(KeyError, match="seek"):
        CallbackIOWrapper(bar.update, source, "seek")


def test_asyncio(out):
    """Loops, left ones too, ``as_completed`` and ``gather``."""

    async def items():
        for i in range(4):
            yield i

    async def answer(value):
        await asyncio.sleep(0)
        return value

    async def main():
        seen = [i async for i in tqdm(range(9), file=out)]
        assert seen == list(range(9))
        assert [i async for i in tqdm(items(), total=4, file=out)] == [0, 1, 2, 3]
        assert "4/4" in last(out)
        with tqdm(range(9), file=out) as bar:
            async for i in bar:
                if i == 2:
                    break
        assert "2/9" in last(out)
        done = [
            await each for each in tqdm.as_completed(map(answer, range(5)), file=out)
        ]
        assert sorted(done) == [0, 1, 2, 3, 4]
        assert "5/5" in last(out)
        assert await tqdm.gather(*map(answer, range(5)), file=out) == [0, 1, 2, 3, 4]

    asyncio.run(main())


def test_status_printer(out):
    """A shorter text covers the longer one before."""
    show = tqdm.status_printer(out)
    show("longer")
    show("s")
    assert out.getvalue() == "\rlonger\rs     "


def test_pandas(out):
    """``progress_apply`` and its like give what pandas gives, and count."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.arange(12).reshape(4, 3))
    tqdm.pandas(desc="my bar!", file=out)
    assert frame.progress_apply(sum).equals(frame.apply(sum))
    assert "my bar!: 100%" in last(out)
    assert "3/3" in last(out)
    assert frame.progress_apply(sum, axis=1).equals(frame.apply(sum, axis=1))
    assert "4/4" in last(out)
    double = frame[0].progress_apply(lambda value: 2 * value)
    assert double.equals(2 * frame[0])
    assert frame[0].progress_map(lambda value: 2 * value).equals(double)
    assert "4/4" in last(out)
    groups = frame.groupby(0)
    found = groups.progress_apply(lambda part: part[1].sum())
    assert found.equals(groups.apply(lambda part: part[1].sum()))
    assert frame[0].progress_aggregate("sum") == frame[0].sum()


def test_write_between(capsys, out):
    """Messages go to stdout, or where they are told to."""
    bar = trange(10)
    for i in bar:
        if not i % 3:
            tqdm.write(f"Done task {i}")
        if i == 5:
            bar.write("here", file=out, end="!")
    assert capsys.readouterr().out.split("\n")[:2] == ["Done task 0", "Done task 3"]
    assert out.getvalue() == "here!"
    with tqdm.external_write_mode():
        print("outside")
    assert capsys.readouterr().out == "outside\n"
