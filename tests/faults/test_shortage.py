"""No disk, no descriptors, no threads: one line, and the calculation goes on."""

from __future__ import annotations

import logging
import shutil
import threading
from pathlib import Path

import pytest

from async_plot.client import Client
from async_plot.net import runs
from async_plot.server import Server

from ..helpers import AMPLE, run_script
from .support import Watcher


@pytest.fixture(autouse=True)
def _temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the run files of scripts go when they can go nowhere else."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_a_home_that_cannot_be_written_is_told_and_replaced(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Run files then lie in a temporary directory, named in the one line."""
    (home / "file").write_text("")
    monkeypatch.setenv("ASYNC_PLOT_HOME", str(home / "file" / "inside"))
    with Server(view=None) as server:
        server.update(1)
        file = server.connection_file
        assert file is not None
        assert next(iter(Client(file))).args == (1,)
    [record] = caplog.records
    assert str(file.parent) in record.getMessage()
    assert file.parent.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(file.parent)


def test_a_home_open_to_others_is_not_used(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody could plant files there."""
    home.chmod(0o777)
    with Server(view=None) as server:
        server.update(1)
        file = server.connection_file
        assert file is not None and home not in file.parents
    assert "open to other users" in caplog.text
    shutil.rmtree(file.parent)


def test_run_files_deleted_meanwhile_cost_the_record_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Connected viewers get everything; one line says that nothing is kept."""
    with Server(view=None) as server, Watcher(server) as watcher:
        server.update(1)
        watcher.wait_for(1)
        assert server.connection_file is not None
        shutil.rmtree(server.connection_file.parent)
        server.update(2)
        server.close()
        watcher.join()
        assert watcher.frames[-1].args == (2,)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "not kept" in record.getMessage()
    assert server.address is None


def test_a_full_disk_costs_the_record_only() -> None:
    """Files of more than 16 KiB cannot be written: one line, and the run ends well."""
    result = run_script(
        """
import resource
import numpy as np
from async_plot.client import Client
from async_plot.server import Server
resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))
with Server(view=None) as server:
    server.update(np.zeros(10000))
    assert next(iter(Client(server))).args[0].size == 10000
print([frame.args for frame in Client(server)])
"""
    )
    assert result.stdout == "[]\n"
    assert result.stderr.count("\n") == 1
    assert "not kept" in result.stderr


def test_a_disk_full_from_the_start_leaves_the_calculation_alone(
    tmp_path: Path,
) -> None:
    """Where not even the connection file can be written, nothing is watched."""
    result = run_script(
        """
import resource
from async_plot.server import Server
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
with Server(view=None) as server:
    for i in range(10):
        server.update(i)
    server.log(a=1)
print(server.stats.updates, server.address, server.viewers)
"""
    )
    assert result.stdout == "10 None []\n"
    assert not list(tmp_path.glob("async_plot-*"))
    assert result.stderr.count("\n") == 1
    assert "going on unwatched" in result.stderr


@pytest.mark.parametrize("left", [0, 1, 2, 3, 5, 6, 7, 9, 11])
def test_no_descriptors_left_leaves_the_calculation_alone(left: int) -> None:
    """However far the start comes with those that are left."""
    result = run_script(
        f"""
import os, resource, sys
import numpy as np
from async_plot.server import Server
import async_plot.net.runs, platformdirs, select, selectors
first = os.dup(0)
os.close(first)
resource.setrlimit(resource.RLIMIT_NOFILE, (first + {left}, first + {left}))
with Server(client_cmd=[sys.executable, "-c", "pass"]) as server:
    for i in range(10):
        server.update(np.arange(i))
print(server.stats.updates)
"""
    )
    assert result.stdout == "10\n"
    assert "Traceback" not in result.stderr
    assert result.stderr.count("async_plot") == 0
    if left < 6:
        assert "going on unwatched" in result.stderr


def test_descriptors_that_run_out_later_keep_the_viewers_that_are_there() -> None:
    """New ones are taken again once there are descriptors."""
    result = run_script(
        """
import os, time
from async_plot.client import Client
from async_plot.server import Server
import resource
with Server(view=None, overhead=1) as server:
    frames = iter(Client(server))
    server.update(1)
    next(frames)
    late = Client(server)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    first = os.dup(0)
    os.close(first)
    resource.setrlimit(resource.RLIMIT_NOFILE, (first + 1, limit[1]))
    other = iter(late)
    import threading
    got = []
    thread = threading.Thread(target=lambda: got.append(next(other)))
    thread.start()              # takes the last descriptor to dial with
    for i in range(200):
        server.update(i)
        time.sleep(0.001)
    assert next(frames).number > 1
    assert not got, got
    resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    thread.join(60)
    assert got
    late.close()
print("done")
""",
        patient=False,  # for a viewer that reads nothing in the end
    )
    assert result.stdout == "done\n"


def test_no_thread_to_be_had_leaves_the_calculation_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line; every method does nothing from then on; nothing half open stays."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        server = Server(view=None)
        server.update(1)
    server.update(2)
    server.log(x=1)
    server.close()
    assert server.updates == 2
    assert server.address is None
    assert [r.getMessage() for r in caplog.records] == [
        "going on unwatched: can't start new thread"
    ]
    assert not [run for run in runs.list_runs() if run.alive]


def test_a_defect_of_ours_ends_the_watching_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged with its traceback; updates go on, and the end is quick."""
    with Server(view=None) as server:
        server.update(1)
        assert server._session.publisher is not None

        def fail(*_: object) -> None:
            raise AssertionError("a defect")

        monkeypatch.setattr(server._session.publisher._delivery, "serve", fail)
        server._session.publisher.bell.ring()
        server._session.publisher.join(AMPLE)
        server.update(2)
    assert server.updates == 2
    [record] = caplog.records
    assert record.exc_info is not None
    assert "internal error" in record.getMessage()
