"""Forked children: the run belongs to the parent, whatever a child does."""

from __future__ import annotations

import pytest

from async_plot.client import Client
from async_plot.server import Server

from ..helpers import AMPLE, end_processes, run_script, start_script
from .support import ProcessViewer, Watcher

# What a child may do to the server that it inherited, all in vain.
_MEDDLE = """
def meddle(server):
    server.update(np.full(1000, -1.0))
    server.update_with(lambda: np.full(1000, -1.0))
    server.log(loss=-1.0)
    server.start()
    server.viewers, server.stats, server.address
    server.close()
    server.update(np.full(1000, -1.0))
"""


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(60, id="60 forks"),
        pytest.param(1000, id="1000 forks", marks=pytest.mark.slow),
    ],
)
def test_forking_while_sending_disturbs_no_viewer(count: int) -> None:
    """Children call everything and leave; the parent's frames go on, whole."""
    source = f"""
import gc, os, sys
import numpy as np
from async_plot.server import Server
{_MEDDLE}
server = Server(view=None, overhead=1).start()
print(server.connection_file, flush=True)
x = np.zeros(1 << 14)
gc.freeze()
step = 0
while not server.viewers:
    server.update(x)
child = 0
while child < {count} or server.stats.sent < 10:
    child += 1
    for _ in range(3):
        step += 1
        x[...] = step
        server.update(x)
    pid = os.fork()
    if not pid:
        try:
            meddle(server)
        except BaseException:
            import traceback; traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert status == 0, (child, status)
viewers, sent = len(server.viewers), server.stats.sent
x[...] = -7.0
server.update(x)
server.close()
print(viewers, sent, server.stats.updates, flush=True)
"""
    with start_script(source) as process:
        assert process.stdout is not None
        with ProcessViewer(process.stdout.readline().strip()) as viewer:
            out, err = process.communicate(timeout=AMPLE)
            assert process.returncode == 0, err
            assert err == ""
            viewers, sent, _ = map(int, out.split())
            viewer.wait()
            assert viewers == 1
            assert sent >= 10
            assert viewer.said[-1] == "end"
            assert viewer.seen[-1][2] == -7.0
            assert not any(torn for *_, torn in viewer.seen)
            assert not any(first == -1.0 for _, _, first, _ in viewer.seen)


@pytest.mark.parametrize(
    "leaving",
    [
        pytest.param("sys.exit(0)", id="exit"),
        pytest.param("sys.exit('no')", id="failing exit"),
        pytest.param("raise KeyboardInterrupt", id="interrupt"),
        pytest.param("os._exit(0)", id="_exit"),
        pytest.param("del server; import gc; gc.collect(); sys.exit(0)", id="del"),
    ],
)
def test_a_child_that_leaves_the_block_ends_nothing(leaving: str) -> None:
    """However a forked child ends inside the block, the parent's run goes on."""
    source = f"""
import os, sys
from async_plot.server import Server
with Server(view=None, overhead=1) as server:
    print(server.connection_file, flush=True)
    while not server.viewers:
        server.update("before")
    pid = os.fork()
    if not pid:
        sys.stderr = open(os.devnull, "w")
        {leaving}
    os.waitpid(pid, 0)
    assert len(server.viewers) == 1
    server.update("after")
"""
    with start_script(source) as process:
        assert process.stdout is not None
        with Watcher(process.stdout.readline().strip()) as watcher:
            _, err = process.communicate(timeout=AMPLE)
            assert process.returncode == 0, err
            assert err == ""
            watcher.join()
            assert watcher.frames[-1].args == ("after",)
            assert watcher.client.welcome is not None


def test_a_child_of_multiprocessing_is_inert_and_launches_nothing() -> None:
    """The inherited server does nothing there, and a new one opens no view itself."""
    source = """
import multiprocessing, os, sys, logging
from async_plot.server import Server

def work(queue):
    server.update("child")
    server.close()
    own = Server(name="own")   # view="auto", and a display is set
    own.start()
    own.update(1)
    queue.put((own.address is not None, own._session.launched is None))
    own.close()

if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    with Server(view=None, name="parent", overhead=1) as server:
        print(server.connection_file, flush=True)
        while not server.viewers:
            server.update("parent")
        queue = context.SimpleQueue()
        child = context.Process(target=work, args=(queue,))
        child.start()
        answer = queue.get()
        child.join()
        assert child.exitcode == 0
        assert answer == (True, True), answer
        server.update("last")
"""
    with start_script(source, env={"DISPLAY": ":99"}) as process:
        assert process.stdout is not None
        with Watcher(process.stdout.readline().strip()) as watcher:
            _, err = process.communicate(timeout=AMPLE)
            assert process.returncode == 0, err
            assert err == ""
            watcher.join()
            assert watcher.frames[-1].args == ("last",)


def test_a_child_with_a_server_of_its_own_is_served_like_any() -> None:
    """Frames of the child's own server arrive while the parent's run goes on."""
    source = """
import os, sys, time
from async_plot.server import Server
with Server(view=None, name="parent", overhead=1) as server:
    server.update("parent")
    pid = os.fork()
    if not pid:
        with Server(view=None, name="child", overhead=1) as own:
            print(own.connection_file, flush=True)
            print(server.connection_file, flush=True)
            while not own.viewers:
                own.update("child")
            own.update("child's last")
        os._exit(0)
    os.waitpid(pid, 0)
    while not server.viewers:
        server.update("parent")
    server.update("parent's last")
"""
    with start_script(source) as process:
        assert process.stdout is not None
        own, parents = (process.stdout.readline().strip() for _ in range(2))
        frames = list(Client(own))
        assert frames[-1].args == ("child's last",)
        assert list(Client(parents))[-1].args == ("parent's last",)
        assert process.wait(AMPLE) == 0


def test_a_killed_parent_is_lost_though_its_children_live() -> None:
    """Children hold no copy of its connections: the viewer is told at once."""
    source = """
import os, sys, time
from async_plot.server import Server
with Server(view=None, overhead=1) as server:
    print(server.connection_file, flush=True)
    while not server.viewers:
        server.update(1)
    read, write = os.pipe()
    if not os.fork():
        os.write(write, b"x")
        time.sleep(60)
        os._exit(0)
    os.read(read, 1)
    print("forked", flush=True)
    time.sleep(60)
"""
    with start_script(source) as process:
        assert process.stdout is not None
        with Watcher(process.stdout.readline().strip()) as watcher:
            assert process.stdout.readline() == "forked\n"
            process.kill()
            process.wait(AMPLE)
            watcher.join(AMPLE)
            end_processes()


def test_spawned_children_of_a_script_open_nothing() -> None:
    """``spawn`` imports the script again in each child, without its server."""
    result = run_script(
        """
import multiprocessing, sys
from async_plot.server import Server

def square(i):
    return i * i

if __name__ == "__main__":
    with Server(view=None) as server:
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            for result in pool.imap(square, range(5)):
                server.update(result)
    print(server.stats.updates)
"""
    )
    assert result.stdout == "5\n"
    assert result.stderr == ""


def test_a_run_that_ended_lets_go_of_nothing_in_a_forked_child() -> None:
    """Its port may be that of another run by then."""
    with Server(view=None) as ended:
        assert ended.address is not None
        port = ended.address[1]
    assert ended._session is not None
    with Server(view=None, port=port) as server:
        server.update(1)
        ended._session.forked()  # as in a child, where both are remembered
        assert next(iter(Client(server))).args == (1,)
