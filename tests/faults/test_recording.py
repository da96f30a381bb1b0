"""A run that is recorded: what the file holds, whatever happens to the run."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from async_plot import Server
from async_plot.net.records import Records
from async_plot.wire import codec
from async_plot.wire.messages import Frame, Scalars, State, Welcome

from ..helpers import eventually, run_script, start_script

SCRIPT = """
import os, sys, time
import numpy as np
from async_plot import Recording, Server

array = np.zeros(10_000)
end = sys.argv[1]
with Server(view=None, record=Recording("run.aplot", rate=1000), overhead=1) as server:
    for i in range(1, 201 if end == "finished" else 1_000_000):
        array[:] = i
        server.update(array)
        server.log(mean=float(i))
        time.sleep(0.002)
        if i == 200 and end == "failed":
            raise RuntimeError("diverged")
        if i == 200 and end == "left":
            os._exit(3)
"""


def frames(path: Path) -> list[int]:
    """Numbers of the frames of a recording; none of them is torn."""
    found = []
    with Records(path) as records:
        if not records.own:  # what is there of it is not sealed yet
            return []
        for entry in records.entries:
            if entry.kind is Frame:
                frame = records.read(entry)
                assert isinstance(frame, Frame)
                [array], _ = codec.decode(frame.payload, frame.buffers)
                assert (array == entry.number).all()
                found.append(entry.number)
    assert found == sorted(set(found))
    return found


def state(path: Path) -> str:
    """How a recording says that its run ended."""
    with Records(path) as records:
        states = [e for e in records.entries if e.kind is State]
        return getattr(records.read(states[-1]), "state", "") if states else ""


@pytest.mark.parametrize("end", ["finished", "failed", "left"])
def test_a_recording_survives_its_run(end: str, tmp_path: Path) -> None:
    """Up to its last moment, where the run can say so."""
    run_script(SCRIPT, end, check=False)
    path = tmp_path / "run.aplot"
    found = frames(path)
    assert len(found) > 3 and found[0] == 1
    if end == "left":
        assert state(path) == ""
    else:
        assert state(path) == end and 200 in found
    with Records(path) as records:
        assert records.entries[0].kind is Welcome
        if end == "finished":
            assert any(e.kind is Scalars for e in records.entries)


def test_a_killed_run_leaves_whole_frames(tmp_path: Path) -> None:
    """Whenever it comes."""
    path = tmp_path / "run.aplot"
    with start_script(SCRIPT, "killed") as process:
        eventually(lambda: path.exists() and path.stat().st_size > 500_000)
        process.kill()
    assert len(frames(path)) > 3 and state(path) == ""


def test_a_forked_child_neither_writes_nor_holds_the_recording(tmp_path: Path) -> None:
    """Nor the record of its parent."""
    path = tmp_path / "run.aplot"
    with Server(view=None, record=path, overhead=1) as server:
        server.update(np.full(3, 1.0))
        eventually(lambda: path.exists() and frames(path) == [1])
        assert server.connection_file is not None
        record = server.connection_file.with_name("record")
        eventually(record.exists)
        child = os.fork()
        if not child:
            try:
                server.update(np.full(3, 2.0))
                ours = {path.stat().st_ino, record.stat().st_ino}
                held = set()
                for number in range(3, 200):
                    if os.path.exists(f"/proc/self/fd/{number}"):
                        held.add(os.fstat(number).st_ino)
                os._exit(bool(ours & held))
            finally:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        server.update(np.full(3, 2.0))
    assert frames(path) == [1, 2] and state(path) == "finished"
