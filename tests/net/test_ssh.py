"""Runs reached through ssh, with a stand-in that relays for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from async_plot import Client, Server
from async_plot.errors import ClosedError, RunNotFoundError
from async_plot.net import runs, ssh
from async_plot.net.ssh import MARK, Tunnel
from async_plot.wire.messages import State, Welcome

from ..faults.support import Messages, Watcher
from ..helpers import AMPLE, eventually, has_ended, start_script
from ..ssh import FakeSsh, told

# -- what ssh is told --------------------------------------------------------------


def test_a_run_is_found_and_watched(fake: FakeSsh) -> None:
    """For real: by its name, whatever login scripts print, until it ends."""
    fake.does("banner")
    with Server(view=None, overhead=1, name="it's a run; $HOME") as server:
        server.update(1)
        tunnel = fake.tunnel()
        [run] = tunnel.ask("it's a run; $HOME")
        assert run.name == "it's a run; $HOME" and run.alive
        assert run.host == f"{runs.hostname()} (ssh)"
        key = runs.read(server.connection_file).key.hex()
        with Watcher(run) as near:
            near.wait_for(1)
        client = Client(run, tunnel=tunnel)
        frames = iter(client)
        assert next(frames).args == (1,)
        server.update(2)
        assert next(frames).args == (2,)
        server.close()
        assert list(frames) == []
        client.close()
    # The key is in no argument, and in nobody's environment.
    assert key not in json.dumps(fake.calls)
    (_, first, _), (_, second, _) = fake.calls
    assert first[-3:-1] == ["--", "me@far"]
    assert first[-1] == "async-plot connection -- 'it'\"'\"'s a run; $HOME'"
    assert second[-4:] == ["-W", "{}:{}".format(*run.address), "--", "me@far"]


def test_another_python_can_be_named(fake: FakeSsh) -> None:
    """Its path is quoted for the far machine's shell."""
    link = fake.directory / "my python"
    link.symlink_to(sys.executable)
    # A link to the interpreter alone would not find the environment's packages.
    link.unlink()
    link.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    link.chmod(0o700)
    with Server(view=None, name="one") as server:
        tunnel = fake.tunnel(python=str(link))
        [run] = tunnel.ask()
        assert run.address == server.address
        tunnel.close()
    assert fake.calls[0][1][-1] == f"'{link}' -m async_plot connection"


@pytest.mark.parametrize(
    "host",
    ["", "-oProxyCommand=touch x", "me@-oProxyCommand=x", "-l@far", "a b", "a\nb"],
)
def test_a_host_is_no_option(host: str) -> None:
    """Nor is a user, nor an interpreter."""
    with pytest.raises(ValueError, match="USER@"):
        Tunnel(host)
    with pytest.raises(ValueError, match="interpreter"):
        Tunnel("far", python="-c")


# -- what may be answered ----------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("refuse", r"^ssh to me@far: .\[31mme@far: Permission denied \(publickey\)\.$"),
        ("unreachable", "connect to host me@far port 22: No route to host"),
    ],
)
def test_what_ssh_says_is_said_in_one_line(fake: FakeSsh, mode: str, says: str) -> None:
    """Without what would steer a terminal."""
    fake.does(mode)
    with pytest.raises(ClosedError, match=says) as raised:
        fake.tunnel().ask()
    assert str(raised.value).isprintable()


def test_a_machine_without_async_plot_is_told_with_the_remedy(
    fake: FakeSsh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the program is missing, or the package of an interpreter."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(ClosedError, match=r"not found on me@far.*--remote-python PATH"):
        fake.tunnel().ask()
    with pytest.raises(ClosedError, match=r"not found on me@far.*--remote-python PATH"):
        fake.tunnel(python="/nowhere/python").ask()


def test_ssh_itself_may_be_missing() -> None:
    """That is said by its name."""
    with pytest.raises(ClosedError, match="/nowhere/ssh cannot be started: No such"):
        Tunnel("far", command=["/nowhere/ssh"]).ask()


def test_no_run_is_told_with_those_there_are(fake: FakeSsh) -> None:
    """In the far machine's own words."""
    with Server(view=None, name="waves"), pytest.raises(RunNotFoundError) as raised:
        fake.tunnel().ask("wave")
    assert "'wave'" in str(raised.value) and "alive: waves" in str(raised.value)
    assert str(raised.value).endswith("(me@far)")


def test_a_hanging_ssh_is_ended(fake: FakeSsh, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, which is long enough to type a password."""
    monkeypatch.setattr(ssh, "PATIENCE", 0.2)
    fake.does("hang")
    with pytest.raises(ClosedError, match="gave no answer for 0 s"):
        fake.tunnel().ask()


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "nothing of ours",
        MARK + "{",
        MARK + "[]",
        MARK + "{}",
        MARK + '{"runs": 3}',
        MARK + '{"runs": [{}]}',
        MARK + "[" * 100_000,
        "x" * (1 << 20),
    ],
)
def test_nonsense_is_no_answer(fake: FakeSsh, answering: Any, answer: str) -> None:
    """It is an error of one line, whatever it is."""
    answering(answer)
    with pytest.raises(ClosedError):
        fake.tunnel().ask()


@pytest.mark.parametrize(
    "changes",
    [
        {"address": ["-oProxyCommand=x", 1]},
        {"address": ["127.0.0.1 x", 1]},
        {"address": ["127.0.0.1", "1 -o x"]},
        {"key": "abc"},
        {"key": "ab"},
        {"pid": "x"},
    ],
)
def test_a_wrong_run_is_no_answer(
    fake: FakeSsh, answering: Any, changes: dict[str, object]
) -> None:
    """An address becomes part of a command line."""
    with Server(view=None) as server:
        answering(told(server, **changes))
        with pytest.raises(ClosedError, match="the answer of me@far"):
            fake.tunnel().ask()


def test_an_answer_without_end_is_cut(
    fake: FakeSsh, answering: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes no more memory than an answer may have."""
    monkeypatch.setattr(ssh, "_ANSWER", 1 << 18)
    answering("x")
    (fake.directory / "async-plot").write_text("#!/bin/sh\nexec yes\n")
    with pytest.raises(ClosedError, match="more than an answer"):
        fake.tunnel().ask()


# -- cuts --------------------------------------------------------------------------


def test_it_connects_again_when_ssh_dies(fake: FakeSsh, answering: Any) -> None:
    """Each time; the cut is told."""
    with Server(view=None, overhead=1) as server:
        answering(told(server))
        server.update(1)
        tunnel = fake.tunnel()
        [run] = tunnel.ask()
        with Messages(run, tunnel=tunnel) as messages:
            for number in (1, 2):
                eventually(lambda n=number: len(messages.of(Welcome)) == n)
                os.kill(fake.carrying, signal.SIGKILL)
            eventually(lambda: len(messages.of(Welcome)) == 3)
            server.close()
            messages.join()
            states = messages.of(State)
        assert [state.state for state in states] == ["lost", "lost", "finished"]
        assert "exit status -9), connecting again" in states[0].text


def test_a_network_that_is_down_is_waited_for(fake: FakeSsh, answering: Any) -> None:
    """The machine is not asked for its runs each time."""
    with Server(view=None, overhead=1) as server:
        answering(told(server))
        tunnel = fake.tunnel()
        [run] = tunnel.ask()
        with Messages(run, tunnel=tunnel) as messages:
            carrying = eventually(lambda: fake.carrying)
            eventually(lambda: server.viewers)
            fake.does("unreachable")
            os.kill(carrying, signal.SIGKILL)
            before = len(fake.calls)
            eventually(lambda: len(fake.calls) >= before + 4)
            calls = [arguments[-4] for _, arguments, _ in fake.calls[before + 1 :]]
            assert set(calls) == {"-W"}
            fake.does("ok")
            eventually(lambda: server.viewers)
            server.close()
            messages.join()
        assert messages.of(State)[-1].state == "finished"


@pytest.mark.parametrize(
    ("ending", "state"), [("finished", "finished"), ("lost", "lost"), (None, "lost")]
)
def test_a_run_that_ended_during_a_cut_is_told(
    fake: FakeSsh, answering: Any, ending: str | None, state: str
) -> None:
    """As the far machine tells it; lost, if that knows nothing of it."""
    with Server(view=None, overhead=1) as server:
        server.update(1)
        answering(told(server))
        tunnel = fake.tunnel()
        [run] = tunnel.ask()
        with Messages(run, tunnel=tunnel) as messages:
            eventually(lambda: messages.of(Welcome))
            gone = MARK + json.dumps({"runs": [], "error": "no such run"})
            ended = {} if ending == "lost" else {"address": None, "key": None}
            answering(told(server, state=ending, **ended) if ending else gone)
            os.kill(fake.carrying, signal.SIGKILL)
            messages.join()
        assert [each.state for each in messages.of(State)] == ["lost", state]


def test_what_is_hopeless_is_given_up(fake: FakeSsh, answering: Any) -> None:
    """A door that is closed for good is not knocked at for ever."""
    with Server(view=None, overhead=1) as server:
        answering(told(server))
        fake.does("forbidden")
        tunnel = fake.tunnel()
        [run] = tunnel.ask()
        with (
            Client(run, tunnel=tunnel) as client,
            pytest.raises(ClosedError, match=r"stdio forwarding failed$"),
        ):
            list(client)
        fake.does("ok")
        tunnel = fake.tunnel()
        with Messages(run, tunnel=tunnel) as messages:
            eventually(lambda: server.viewers)
            fake.does("refuse")
            os.kill(fake.carrying, signal.SIGKILL)
            messages.thread.join(AMPLE)
            assert isinstance(messages.error, ClosedError)
            assert "Permission denied" in str(messages.error)


@pytest.mark.parametrize("mode", ["ok", "hang"])
def test_closing_ends_ssh(fake: FakeSsh, answering: Any, mode: str) -> None:
    """Also one that hangs, from another thread."""
    with Server(view=None, overhead=1) as server:
        answering(told(server))
        tunnel = fake.tunnel()
        [run] = tunnel.ask()
        fake.does(mode)
        with Messages(run, tunnel=tunnel) as messages:
            carrying = eventually(lambda: fake.carrying)
            eventually(lambda: mode == "hang" or server.viewers)
        assert not psutil.pid_exists(carrying)
        assert not messages.thread.is_alive()
        with pytest.raises(ClosedError, match="was closed"):
            tunnel.ask()


def test_two_threads_may_ask_why_it_ended() -> None:
    """The client's, and the one that closes it: what ssh said is read once."""
    words = [sys.executable, "-c", "import sys; sys.stderr.write('x' * 4000)"]
    for _ in range(3):
        call = ssh._Call(words, None, subprocess.DEVNULL)
        go = threading.Barrier(4)

        def ask(call: ssh._Call = call, go: threading.Barrier = go) -> bool:
            go.wait()
            return call.ended(AMPLE)

        with ThreadPoolExecutor(4) as pool:
            assert all([each.result() for each in [pool.submit(ask) for _ in range(4)]])
        assert call.said == "x" * 4000


def test_ssh_ends_with_us(fake: FakeSsh, answering: Any) -> None:
    """Even if we are killed: its input ends."""
    source = """
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from async_plot import Client
from async_plot.net.ssh import Tunnel
tunnel = Tunnel("far")
[run] = tunnel.ask()
for frame in Client(run, tunnel=tunnel):
    print("frame", flush=True)
"""
    with Server(view=None, overhead=1) as server:
        server.update(1)
        answering(told(server))
        with start_script(source) as process:
            assert process.stdout.readline() == "frame\n"
            carrying = fake.carrying
            assert psutil.pid_exists(carrying)
            process.kill()
            eventually(lambda: has_ended(carrying))
        eventually(lambda: not server.viewers)
