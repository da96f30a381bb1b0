"""The end of a run: said truthfully, on every way out, and never late."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import threading
import time

import numpy as np
import pytest

from async_plot.client import Client
from async_plot.net import runs, session
from async_plot.server import Server
from async_plot.wire import codec, pickles
from async_plot.wire.messages import Frame, State

from ..helpers import AMPLE, best_of, eventually, run_script, start_script
from .support import Messages, ProcessViewer, Watcher

# -- what is said ------------------------------------------------------------------


def last_words(run: object) -> tuple[str, str]:
    """State and text of a run that has ended, as a late viewer sees them."""
    state = [m for m in Client(run).messages() if isinstance(m, State)][-1]
    return state.state, state.text


@pytest.mark.parametrize(
    ("body", "status", "state", "text"),
    [
        ("pass", 0, "finished", ""),
        ("sys.exit()", 0, "finished", ""),
        ("sys.exit(3)", 3, "failed", "SystemExit: 3"),
        ("raise KeyboardInterrupt", -signal.SIGINT, "interrupted", ""),
        ("1 / 0", 1, "failed", "ZeroDivisionError"),
        ("os._exit(4)", 4, "lost", "nobody was there to see"),
        ("os.kill(os.getpid(), 9)", -9, "lost", "nobody was there to see"),
        ("os.kill(os.getpid(), 15)", -15, "lost", "nobody was there to see"),
    ],
)
@pytest.mark.parametrize("block", [True, False], ids=["with", "without"])
def test_each_way_out_is_told_as_it_was(
    body: str, status: int, state: str, text: str, block: bool
) -> None:
    """Also without a ``with`` block and without ``close``; the exit status stays."""
    source = f"""
import os, sys
from async_plot.server import Server
server = Server(view=None, name="way out").start()
def main():
    server.update(1)
    server.update(2)
    {body}
if {block}:
    with server:
        main()
else:
    main()
"""
    if not block and body == "sys.exit(3)":
        # The interpreter keeps no SystemExit for its exit functions to see.
        state = "finished"
        text = ""
    result = run_script(source, check=False)
    assert result.returncode == status
    assert result.stdout == ""
    told = body in ("raise KeyboardInterrupt", "1 / 0")
    assert result.stderr.count("Traceback") == told
    said, why = last_words("way out")
    assert said == state
    assert text in why


def test_an_exception_passes_unchanged_and_its_traceback_is_told() -> None:
    """The same object comes out of the block, without a new context."""
    error = ValueError("of the calculation")
    server = Server(view=None)
    with Watcher(server.start()), Messages(server) as messages:
        eventually(lambda: len(server.viewers) == 2)
        with pytest.raises(ValueError) as caught, server:
            raise error
        messages.join()
        assert caught.value is error
        assert error.__context__ is None and error.__cause__ is None
        [state] = messages.of(State)
        assert state.state == "failed"
        assert "raise error" in state.text
        assert state.text.rstrip().endswith("ValueError: of the calculation")


def test_an_exception_that_cannot_be_printed_is_named() -> None:
    """An error whose own ``__str__`` fails hides nothing and breaks nothing."""

    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    server = Server(view=None)
    with pytest.raises(Broken), server:
        raise Broken
    state, text = last_words(server)
    assert state == "failed"
    assert "Broken" in text


SPENT = 1e-9  # a budget that the first frame uses up for the rest of the test


def all_is_spent(server: Server) -> None:
    """Wait until the first frame was charged: no other one will be asked for."""
    eventually(lambda: server.stats.snapshots and server.stats.overhead)
    server._due = False


def decoded(run: object) -> list[tuple[int, bool, tuple[object, ...]]]:
    """Number, mark and arguments of the frames of a record."""
    found = []
    for message in runs.read_record(runs.read(run)):  # type: ignore[arg-type]
        if isinstance(message, Frame):
            args, _ = codec.decode(message.payload, message.buffers, pickles.loads)
            found.append((message.number, message.mid_step, args))
    return found


def test_a_clean_end_delivers_the_arguments_of_the_last_update() -> None:
    """To connected viewers and to the record, though no snapshot was due."""
    with Server(view=None) as server, Watcher(server) as watcher:
        for i in range(1, 2001):
            server.update(i)
        server.close()
        watcher.join()
        assert watcher.frames[-1].number == 2000
        assert watcher.frames[-1].args == (2000,)
        assert not watcher.frames[-1].mid_step
        assert decoded(server.connection_file) == [(2000, False, (2000,))]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_early_end_delivers_the_last_whole_snapshot(
    error: type[BaseException],
) -> None:
    """Later arguments are kept beside it, marked that they may be mid-step."""
    x = np.zeros(10)
    server = Server(view=None, overhead=SPENT)
    with Watcher(server.start()) as watcher:
        server.update(x)
        watcher.wait_for(1)
        with pytest.raises(error), server:
            all_is_spent(server)
            x += 1
            server.update(x)
            x[:5] += 1
            raise error
        watcher.join()
        assert [f.number for f in watcher.frames] == [1]
        assert not watcher.frames[-1].args[0].any()
    first, second = decoded(server.connection_file)
    assert first[:2] == (1, False) and not first[2][0].any()  # type: ignore[attr-defined]
    assert second[:2] == (2, True)
    assert second[2][0].tolist() == [2] * 5 + [1] * 5  # type: ignore[attr-defined]


def test_update_with_is_called_for_the_last_frame_of_a_clean_end_only() -> None:
    """A function is not called after an exception: its data may be in pieces."""
    calls = []
    with Server(view=None) as server:
        server.update(0)
        server.update_with(lambda: calls.append("clean"))
    assert calls == ["clean"]
    with pytest.raises(ValueError), Server(view=None, overhead=SPENT) as server:
        server.update(0)
        all_is_spent(server)
        server.update_with(lambda: calls.append("failed"))
        raise ValueError
    assert calls == ["clean"]


# -- how long it takes -------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "size"),
    [
        pytest.param("close", 100, id="close, small"),
        *(pytest.param(how, 1 << 23, id=f"{how}, 64 MiB") for how in ("close", "exit")),
        *(
            pytest.param("with", size, marks=pytest.mark.slow, id=f"with, {size}")
            for size in (100, 1 << 23)
        ),
    ],
)
def test_a_frozen_viewer_holds_up_the_exit_for_half_a_second(
    how: str, size: int
) -> None:
    """Also with a frame pending that fits no buffer of the kernel."""
    # Half a second, what copying 64 MiB takes, the interpreter's own end. Without
    # the bound it would be as long as the viewer stays frozen.
    best_of((exit_beside_a_frozen_viewer(how, size) for _ in range(5)), 1.5)


def exit_beside_a_frozen_viewer(how: str, size: int) -> float:
    """Seconds that the end of a script took."""
    source = f"""
import os, sys, time
import numpy as np
from async_plot.server import Server
x = np.zeros({size})
server = Server(view=None, overhead=1).start()
server.update(x)
print(server.connection_file, flush=True)
sys.stdin.readline()
for i in range(20):
    server.update(x)
    time.sleep(0.01)
before = time.monotonic()
print("ending", flush=True)
if {how!r} == "close":
    server.close()
    print(time.monotonic() - before, flush=True)
    os._exit(0)
elif {how!r} == "with":
    with server:
        before = time.monotonic()
    print(time.monotonic() - before, flush=True)
    os._exit(0)
"""
    with start_script(source, stdin=subprocess.PIPE, patient=False) as process:
        assert process.stdout is not None and process.stdin is not None
        with ProcessViewer(process.stdout.readline().strip()) as viewer:
            eventually(lambda: viewer.newest)
            viewer.freeze()
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ending\n"
            before = time.monotonic()
            out, err = process.communicate(timeout=AMPLE)
            took = float(out) if out else time.monotonic() - before
            assert err == ""
            assert process.returncode == 0
    return took


def test_the_end_is_quick_when_the_viewers_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody waits for the deadline of the end with viewers that do their part."""
    monkeypatch.setattr(session, "EXIT_DELAY", 2 * AMPLE)
    with Server(view=None) as server, Watcher(server) as watcher:
        server.update(np.zeros(1 << 17))
        eventually(lambda: server.viewers)
        before = time.monotonic()
        server.close()
        assert time.monotonic() - before < AMPLE
        watcher.join()


# -- unusual ends ------------------------------------------------------------------


def collected(watcher: Watcher) -> None:
    """Let the garbage collector pass until the run has ended.

    One pass may come at a moment when the background thread is at work, and holds
    the feeds; a program has many.
    """
    eventually(lambda: gc.collect() >= 0 and not watcher.thread.is_alive())


def test_a_server_that_nobody_refers_to_ends_its_run() -> None:
    """Without ``close``, when it is collected; its viewers get the last frame."""
    server = Server(view=None)
    server.update(1)
    with Watcher(server) as watcher, Messages(server) as messages:
        watcher.wait_for(1)
        for i in range(1000):
            server.update(i)
        file = server.connection_file
        del server
        collected(watcher)
        messages.join()
        assert watcher.frames[-1].args == (999,)
        assert [m.state for m in messages.of(State)] == ["finished"]
    assert file is not None
    eventually(lambda: not runs.read(file).alive)
    assert [args for *_, args in decoded(file)] == [(999,)]


def test_a_server_with_several_plotters_is_collected_too() -> None:
    """Its feeds keep it; once they are gone, it ends."""

    class Drawn:
        def draw(self, x: object) -> None: ...

    feed = Server({"a": Drawn, "b": Drawn}, view=None)["a"]
    feed.update(1)
    gc.collect()
    [run] = runs.list_runs()
    assert run.alive
    with Watcher(run.connection_file) as watcher:
        feed.update(2)
        watcher.wait_for(1)
        del feed
        collected(watcher)
        assert watcher.frames[-1].args == (2,)


def test_interpreters_end_in_time_whatever_was_left_undone() -> None:
    """Servers never started, never closed, in cycles, in threads, in globals."""
    result = run_script(
        """
import atexit, sys, threading
from async_plot.server import Server
never = Server(view=None)
opened = [Server(view=None, name=f"s{i}").start() for i in range(3)]
opened[0].loop = opened
opened[1].close()
def forever():
    own = Server(view=None)
    while True:
        own.update(1)
threading.Thread(target=forever, daemon=True).start()
atexit.register(lambda: opened[2].update("in an exit function"))
class Late:
    def __init__(self): self.server = Server(view=None).start()
    def __del__(self): self.server.update("late"); self.server.close()
late = Late()
late.itself = late
print("done")
"""
    )
    assert result.stdout == "done\n"
    assert result.stderr == ""


def test_a_server_never_started_ends_in_silence() -> None:
    """Closing it does nothing, and using it afterwards neither."""
    server = Server(view=None)
    server.close()
    server.update(1)
    server.close()
    assert server.start() is server
    assert server.address is None
    assert server.stats.updates == 1
    assert not runs.list_runs()


def test_a_second_close_does_nothing() -> None:
    """Nor does leaving the block after a close inside it."""
    with Server(view=None) as server:
        server.update(1)
        server.close()
        stats = server.stats
        server.close()
        assert server.stats == stats
    assert last_words(server)[0] == "finished"


def test_updates_after_the_end_only_count() -> None:
    """They neither raise, nor restart, nor take snapshots."""
    with Server(view=None) as server:
        server.update(1)
    file = server.connection_file
    for _ in range(10):
        server.update(object(), wrong=lambda: 0)
        server.update_with(lambda: 1 / 0)
        server.log(loss=1.0)
    assert server.updates == 21
    assert server.stats.snapshots == 1
    assert server.connection_file == file
    assert threading.active_count() == 1


def test_any_thread_may_close() -> None:
    """While the calculation goes on, and several at once."""
    server = Server(view=None, overhead=1).start()
    with Watcher(server) as watcher:
        stop = threading.Event()

        def calculate() -> None:
            while not stop.is_set():
                server.update(np.zeros(1000))

        calculation = threading.Thread(target=calculate)
        calculation.start()
        watcher.wait_for(2)
        closers = [threading.Thread(target=server.close) for _ in range(5)]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join(AMPLE)
        stop.set()
        calculation.join(AMPLE)
        watcher.join()
        assert not any(closer.is_alive() for closer in closers)


def test_a_viewer_that_connects_after_the_end_gets_the_record() -> None:
    """However short the run was."""
    with Server(view=None) as server:
        server.update(np.arange(3), t=0.5)
    [frame] = Client(server)
    assert frame.args[0].tolist() == [0, 1, 2]
    assert frame.kwargs == {"t": 0.5}


def test_an_exit_function_registered_earlier_still_sees_an_open_run() -> None:
    """Exit functions run in reverse: those registered before the import come after."""
    result = run_script(
        """
import atexit
atexit.register(lambda: print("before", server.address is None))
from async_plot.server import Server
atexit.register(lambda: print("after", server.address is None))
server = Server(view=None).start()
"""
    )
    assert result.stdout == "after False\nbefore True\n"


def test_collecting_garbage_inside_an_update_is_harmless() -> None:
    """Old servers that end in the middle of a snapshot do not disturb it."""
    with Server(view=None, overhead=1) as server, Watcher(server) as watcher:
        for i in range(10):
            old = Server(view=None).start()
            old.update(i)
            old.itself = old  # type: ignore[attr-defined]
            del old
            server.update_with(lambda i=i: (gc.collect(), i)[1:])
        server.close()
        watcher.join()
        assert watcher.frames[-1].args == (9,)
    eventually(lambda: threading.active_count() == 1)


def test_many_runs_leave_no_thread_descriptor_or_process() -> None:
    """Some of them with a viewer that sees its frame."""

    def held() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    before = held()
    for i in range(runs.KEPT_RUNS + 20):
        with Server(view=None, name=f"run {i}") as server:
            server.update(i)
            if i % 4 == 0:
                assert next(iter(Client(server))).args == (i,)
    eventually(lambda: held() <= before)
    assert len(runs.list_runs()) <= runs.KEPT_RUNS + 1


def test_nothing_of_the_interpreter_is_changed() -> None:
    """No signal handler, warning filter, working directory, locale or hook."""
    result = run_script(
        """
import locale, os, signal, sys, threading, warnings
def state():
    return (
        [signal.getsignal(s) for s in signal.valid_signals() if s not in (9, 19)],
        list(warnings.filters), os.getcwd(), locale.setlocale(locale.LC_ALL),
        sys.excepthook, threading.excepthook, sys.unraisablehook, sys.gettrace(),
        sys.getswitchinterval(), sys.getrecursionlimit(), os.umask(0o22),
    )
import numpy
before = state()
from async_plot.server import Server
with Server(view=None) as server:
    server.update(1)
    server.log(a=1)
    assert state() == before
assert state() == before
assert "matplotlib" not in sys.modules
assert "asyncio" not in sys.modules
"""
    )
    assert result.stderr == ""
