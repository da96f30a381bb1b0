"""`Server`: each argument, each method, each thing that can be known of it."""

from __future__ import annotations

import logging
import os
import re
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from async_plot import Recording, launching
from async_plot.client import Client
from async_plot.errors import PlotterError, UnsupportedValueError
from async_plot.net import runs, surroundings
from async_plot.net.statistics import Statistics
from async_plot.server import Server
from async_plot.wire.messages import Log, Opened, Scalars, State, Trouble, Welcome

from .faults.support import FAKE_VIEWER, Messages, Watcher
from .helpers import AMPLE, end_processes, eventually, processes, run_script


class Drawn:
    """The least that draws."""

    def draw(self, x: object, y: object = None, *, t: float = 0.0) -> None: ...


class TestArguments:
    @pytest.mark.parametrize(
        ("wrong", "error", "says"),
        [
            ({"plotter": 5}, PlotterError, "must be a class, a dict of classes or"),
            ({"plotter": Drawn()}, PlotterError, "give the class itself"),
            ({"plotter": int}, PlotterError, "int has no method draw"),
            ({"plotter": {}}, ValueError, "plotter is an empty dict"),
            ({"plotter": {1: Drawn}}, TypeError, "names of plotters are non-empty"),
            ({"plotter": {"": Drawn}}, TypeError, "names of plotters are non-empty"),
            ({"plotter": {"a": 3}}, PlotterError, "must be a class"),
            ({"host": ""}, ValueError, "host must be an address or name to listen on"),
            ({"host": "my machine"}, ValueError, "not 'my machine'"),
            ({"host": 5}, ValueError, "not 5"),
            ({"port": -1}, ValueError, "port must be an integer from 0 to 65535"),
            ({"port": 65536}, ValueError, "not 65536"),
            ({"port": True}, ValueError, "port must be an integer"),
            ({"port": "80"}, ValueError, "not '80'"),
            ({"client_cmd": "python"}, TypeError, "client_cmd must be a list of"),
            ({"client_cmd": []}, TypeError, "['ipython', '--pylab', '-c']"),
            ({"client_cmd": ["python", 3]}, TypeError, "client_cmd must be a list"),
            ({"view": "tv"}, ValueError, "view must be one of 'auto', 'window'"),
            ({"view": "browser"}, ValueError, "needs the extra 'hub'"),
            ({"wait_for_client": -1}, ValueError, "True, False or seconds >= 0"),
            ({"wait_for_client": "yes"}, ValueError, "wait_for_client must be"),
            ({"wait_for_client": float("nan")}, ValueError, "not nan"),
            ({"overhead": 0}, ValueError, "overhead must be a number in (0, 1]"),
            ({"overhead": 1.1}, ValueError, "not 1.1"),
            ({"overhead": True}, ValueError, "overhead must be a number"),
            ({"overhead": "1%"}, ValueError, "not '1%'"),
            ({"name": ""}, ValueError, "name must be a non-empty string or None"),
            ({"name": "  "}, ValueError, "name must be"),
            ({"name": 3}, ValueError, "not 3"),
            ({"record": 3}, TypeError, "record must be the path of a file, a Rec"),
            ({"record": ""}, TypeError, "or None, not ''"),
            ({"record": Recording("x", rate=0)}, ValueError, "rate of a Recording"),
            ({"record": Recording("x", limit=9)}, ValueError, "at least 65536 bytes"),
            ({"record": __file__}, FileExistsError, "is there and is no recording"),
            ({"record": "/absent/x"}, FileNotFoundError, "no directory /absent"),
            ({"stalled_after": 0}, ValueError, "stalled_after must be a number of"),
            ({"stalled_after": True}, ValueError, "seconds > 0 or None, not True"),
            ({"stalled_after": "5"}, ValueError, "stalled_after must be"),
            ({"on_exit": "stay"}, ValueError, "on_exit must be 'keep' or 'close'"),
        ],
    )
    def test_a_wrong_argument_is_named_with_what_would_be_accepted(
        self, wrong: dict[str, Any], error: type[Exception], says: str
    ) -> None:
        """At construction, before anything is opened."""
        with pytest.raises(error, match=re.escape(says)):
            Server(**wrong)
        assert threading.active_count() == 1

    def test_all_but_the_plotter_go_by_keyword(self) -> None:
        """So that their order is no promise."""
        with pytest.raises(TypeError):
            Server(Drawn, "127.0.0.1")  # type: ignore[misc]

    def test_a_window_without_a_toolkit_names_its_extra(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And the line that installs it."""
        monkeypatch.setattr(surroundings, "toolkit", lambda: "")
        with pytest.raises(ValueError, match=r"async_plot\[window\]"):
            Server(view="window")

    def test_a_plotter_that_cannot_be_sent_says_which_attribute(self) -> None:
        """At construction, not when a viewer comes."""

        class Locked(Drawn):
            lock = threading.Lock()

        with pytest.raises(PlotterError, match=r"Locked cannot be sent.*'lock'"):
            Server(Locked, view=None)

    def test_a_port_that_is_taken_is_an_error_of_start(self) -> None:
        """It was asked for, so it is not passed over; a later start may succeed."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            server = Server(port=port, view=None)
            with pytest.raises(OSError, match=f"127.0.0.1 port {port}: Address"):
                server.start()
            with pytest.raises(OSError, match="Address already in use"):
                server.update(1)
        with server:
            assert server.address == ("127.0.0.1", port)
            server.update(1)
            assert next(iter(Client(server))).args == (1,)

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.8.8.8", "::1"])
    def test_every_loopback_address_can_be_listened_on(self, host: str) -> None:
        """By number or by name."""
        try:
            with Server(host=host, view=None) as server:
                server.update(1)
                assert next(iter(Client(server))).args == (1,)
        except OSError as error:
            # A machine without IPv6 says so in one sentence.
            assert host == "::1" and "cannot listen on ::1" in str(error)

    def test_the_name_is_the_scripts_unless_given(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or ``python`` where there is no script."""
        monkeypatch.setattr(sys, "argv", ["/some/where/wave.py", "-x"])
        assert Server(view=None).name == "wave"
        monkeypatch.setattr(sys, "argv", ["-c"])
        assert Server(view=None).name == "python"
        monkeypatch.setattr(sys, "argv", [])
        assert Server(view=None).name == "python"
        with Server(view=None, name="given") as server:
            assert server.name == "given"
            assert Client("given").run.name == "given"

    def test_what_viewers_must_know_is_told_in_the_welcome(self) -> None:
        """Budget, exit behaviour, plotters, directory, path, Python."""
        plotters = {"a": Drawn, "b": None}
        with Server(plotters, view=None, overhead=0.05, on_exit="close") as server:  # type: ignore[dict-item]
            messages = Client(server).messages()
            welcome = next(messages)
            messages.close()
        assert isinstance(welcome, Welcome)
        assert welcome.plotters == ["a", "b"]
        assert welcome.overhead == 0.05
        assert welcome.on_exit == "close"
        assert welcome.cwd == os.getcwd()
        assert welcome.path == sys.path
        assert welcome.pid == os.getpid()
        assert welcome.python == ".".join(map(str, sys.version_info[:3]))


class TestUpdate:
    def test_it_starts_the_server(self) -> None:
        """At the first call, whatever method that is."""
        for use in (
            lambda server: server.update(1),
            lambda server: server.update_with(lambda: 1),
            lambda server: server.log(a=1),
        ):
            server = Server(view=None)
            assert server.address is None
            use(server)
            assert server.address is not None
            server.close()

    @pytest.mark.parametrize(
        ("args", "kwargs"),
        [((), {}), ((1, 2, 3), {}), ((1,), {"z": 2}), ((1,), {"x": 2})],
    )
    def test_arguments_that_do_not_fit_draw_are_an_error_of_the_first_call(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """It says how ``draw`` is called."""
        with Server(Drawn, view=None) as server:
            with pytest.raises(TypeError, match=r"do not fit Drawn\.draw\(self, x"):
                server.update(*args, **kwargs)
            server.update(1)
        assert next(iter(Client(server))).args == (1,)

    @pytest.mark.parametrize("kind", [staticmethod, classmethod])
    def test_draw_may_be_any_kind_of_method(self, kind: Callable[..., Any]) -> None:
        """What is checked are the arguments that it gets."""

        def draw(*args: object) -> None: ...

        class Odd:
            pass

        Odd.draw = (
            kind(lambda *x, t: draw(*x))
            if kind is staticmethod
            else kind(  # type: ignore[attr-defined]
                lambda cls, x, *, t: draw(x)
            )
        )
        with Server(Odd, view=None) as server:
            with pytest.raises(TypeError, match="'t'"):
                server.update(1)
            server.update(1, t=2)

    def test_a_function_is_called_only_for_frames_that_are_taken(self) -> None:
        """And its result becomes arguments, keywords or the one argument."""
        calls = []
        # A budget that the first one uses up: no others are asked for but here.
        with Server(view=None, overhead=1e-9) as server, Watcher(server) as watcher:
            for result in [(1, 2), {"a": 3}, [4], np.arange(2), None]:
                server.want()
                server.update_with(lambda result=result: calls.append(1) or result)  # type: ignore[func-returns-value]
                watcher.wait_for(server.updates)
                before = len(calls)
                eventually(lambda: server.stats.overhead)
                server._due = False
            for _ in range(1000):
                server.update_with(lambda: calls.append(1))
            assert len(calls) == before
            got = [(frame.args, frame.kwargs) for frame in watcher.frames]
        assert got[0] == ((1, 2), {})
        assert got[1] == ((), {"a": 3})
        assert got[2] == (([4],), {})
        assert got[3][0][0].tolist() == [0, 1]
        assert got[4] == ((None,), {})

    def test_a_server_of_several_plotters_is_updated_by_name(self) -> None:
        """Each name is a feed of its own; the server's own update says so."""
        with Server({"a": Drawn, "b": Drawn}, view=None) as server:
            with Watcher(server, plotter="b") as only, Watcher(server) as both:
                server["a"].update(1)
                server["b"].update(2, t=3)
                with pytest.raises(TypeError, match=r"server\[name\].update.*'a', 'b'"):
                    server.update(1)
                with pytest.raises(KeyError, match="no plotter 'c'; there are 'a'"):
                    server["c"]
                with pytest.raises(TypeError, match="do not fit"):
                    Server({"a": Drawn}, view=None)["a"].update()
                eventually(lambda: len(both.frames) == 2)
                server.close()
                only.join()
                both.join()
            assert [(f.plotter, f.args) for f in only.frames] == [("b", (2,))]
            assert {(f.plotter, f.args) for f in both.frames} == {
                ("a", (1,)),
                ("b", (2,)),
            }
            assert server.stats.updates == 2
        end_all()


def end_all() -> None:
    """End the servers that a test left to be collected."""
    import gc

    eventually(lambda: gc.collect() >= 0 and threading.active_count() == 1)


class TestLog:
    def test_every_point_arrives_also_late(self) -> None:
        """None is dropped, and who comes later gets the whole history."""
        with Server(view=None) as server:
            with Messages(server) as early:
                for i in range(3000):
                    server.log(i, loss=i / 2)
                eventually(lambda: sum(map(_points, early.of(Scalars))) >= 3000)
            with Messages(server) as late:
                eventually(lambda: late.of(Scalars))
                [whole] = late.of(Scalars)
        assert whole.whole
        assert np.frombuffer(whole.buffers[1]).tolist() == [i / 2 for i in range(3000)]

    def test_without_a_step_the_calls_are_counted(self) -> None:
        """From 1 on."""
        with Server(view=None) as server:
            server.log(a=5)
            server.log(a=6, b=np.float32(7))
        kept = {
            m.name: np.frombuffer(m.buffers[0]).tolist()
            for m in runs.read_record(runs.read(server.connection_file))  # type: ignore[arg-type]
            if isinstance(m, Scalars)
        }
        assert kept == {"a": [1, 2], "b": [2]}

    def test_only_the_first_wrong_value_is_raised(self) -> None:
        """Later ones are counted and told."""
        with Server({"a": Drawn}, view=None) as server:
            with pytest.raises(UnsupportedValueError, match=r"log's scalar 'x'"):
                server.log(x="text")
            with pytest.raises(UnsupportedValueError, match="step"):
                server.log("text")  # type: ignore[arg-type]
            server.log(x=1)
            with Messages(server) as messages:
                server.log(x=[1])  # type: ignore[arg-type]
                server.log(x=10**400)
                eventually(lambda: len(messages.of(Log)) == 2)
            assert server.stats.refused == 2


def _points(message: Scalars) -> int:
    return len(message.buffers[0]) // 8


class TestHandler:
    def test_a_record_without_name_and_level_stops_nothing(self) -> None:
        """As one that was made by hand."""
        with Server(view=None) as server, Messages(server) as messages:
            server.handler().handle(logging.makeLogRecord({"msg": "of no level"}))
            [log] = eventually(lambda: messages.of(Log))
        assert (log.name, log.level, log.text) == ("", 0, "of no level")

    def test_records_from_its_level_on_are_shown(self) -> None:
        """Formatted, by their logger's name, also those from before a viewer came."""
        with Server(view=None) as server:
            logger = logging.getLogger("calculation")
            logger.propagate = False
            handler = server.handler(logging.WARNING)
            logger.addHandler(handler)
            try:
                logger.info("not this")
                logger.warning("%s came early", "this")
                logger.error("wrong %d", "format")
                logging.getLogger("async_plot.own").handlers.append(handler)
                logging.getLogger("async_plot.own").warning("no circle")
            finally:
                logger.removeHandler(handler)
                logging.getLogger("async_plot.own").removeHandler(handler)
            with Messages(server) as messages:
                eventually(lambda: messages.of(Log))
                [log] = messages.of(Log)
        assert (log.name, log.level) == ("calculation", logging.WARNING)
        assert log.text == "this came early"

    def test_it_does_nothing_before_the_start_and_after_the_end(self) -> None:
        """Nor does it keep its server alive."""
        server = Server(view=None)
        handler = server.handler()
        record = logging.LogRecord("a", 30, "f", 1, "text", None, None)
        handler.emit(record)
        server.start().close()
        handler.emit(record)
        del server
        end_all()
        handler.emit(record)


class TestKnown:
    def test_address_and_files_are_known_while_it_runs(self, home: Path) -> None:
        """The connection file is this user's alone, and says no key after the end."""
        server = Server(view=None)
        assert server.address is None and server.connection_file is None
        with server:
            address, file = server.address, server.connection_file
            assert address is not None and file is not None
            assert address[0] == "127.0.0.1" and address[1] > 0
            assert home in file.parents
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert runs.read(file).address == address
            assert repr(server) == f"<Server {server.name!r} 127.0.0.1:{address[1]}>"
        assert server.address is None
        assert server.connection_file == file
        assert runs.read(file).key is None
        assert "not listening" in repr(server)

    def test_viewers_are_known_with_what_they_do(self) -> None:
        """Role, right, view, frames sent and shown."""
        with Server(view=None, overhead=1) as server:
            assert server.viewers == []
            with Watcher(server) as watcher:
                server.update(1)
                watcher.wait_for(1)
                watcher.client.say(Opened("mirror\x1b[2J"))
                eventually(lambda: server.viewers[0].view)
                eventually(lambda: server.viewers[0].shown == 1)
                [viewer] = server.viewers
                assert viewer.role == "viewer" and viewer.right == "look"
                assert viewer.view.startswith("mirror") and "\x1b" not in viewer.view
                assert viewer.frames == 1
                assert viewer.address.startswith("127.0.0.1:")
                assert abs(viewer.since - time.time()) < AMPLE
            eventually(lambda: server.viewers == [])

    def test_statistics_count_and_stay_after_the_end(self) -> None:
        """Zero before the start."""
        server = Server(view=None)
        assert server.stats == Statistics(0, 0, 0, 0, 0.0, 0.0, 0, 0.0)
        with server, Watcher(server) as watcher:
            for i in range(10):
                server.update(i)
            watcher.wait_for(1)
            running = server.stats
        after = server.stats
        assert running.updates == after.updates == 10
        assert 1 <= running.snapshots <= after.snapshots <= 10
        assert after.sent >= 1
        assert after.sent_bytes > 100
        assert 0 < after.elapsed < AMPLE
        assert server.stats == after

    def test_troubles_of_a_viewer_are_logged_once_as_text(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Without the control sequences that it may contain."""
        with Server(view=None) as server, Watcher(server) as watcher:
            server.update(1)
            watcher.wait_for(1)
            for _ in range(3):
                watcher.client.say(Trouble("", 1, "draw failed\x1b]0;evil\x07"))
            eventually(lambda: caplog.records)
        [record] = caplog.records
        assert "draw failed" in record.getMessage()
        assert "\x1b" not in record.getMessage()
        assert record.levelno == logging.WARNING


class TestLaunching:
    @pytest.fixture
    def fake(self, tmp_path: Path) -> list[str]:
        """Command line of something that says it has opened a figure."""
        script = tmp_path / "fake.py"
        script.write_text(FAKE_VIEWER)
        return [sys.executable, str(script), str(tmp_path / "note")]

    def test_an_explicit_command_is_always_launched(
        self, fake: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also in a rank of a parallel run, and with ``view=None``."""
        monkeypatch.setenv("SLURM_PROCID", "3")
        before = time.monotonic()
        with Server(
            client_cmd=fake, view=None, wait_for_client=2 * AMPLE, on_exit="close"
        ) as server:
            assert time.monotonic() - before < AMPLE
            assert [viewer.view for viewer in server.viewers] == ["fake"]
        eventually(lambda: not processes())

    def test_the_command_line_holds_no_secret(self, fake: list[str]) -> None:
        """Only the file that holds it, and its environment neither."""
        with Server(client_cmd=fake, wait_for_client=AMPLE) as server:
            assert server.connection_file is not None
            key = runs.read(server.connection_file).key
            assert key is not None
            [process] = processes()
            line = "\0".join(process.cmdline() + list(process.environ().values()))
            assert str(server.connection_file) in line
            assert key.hex() not in line
        eventually(lambda: not processes())

    def test_a_client_that_dies_is_told_at_once_with_its_reason(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One warning, and the calculation goes on."""
        before = time.monotonic()
        command = [sys.executable, "-c", "raise SystemExit('no canvas here')"]
        with Server(client_cmd=command, wait_for_client=2 * AMPLE) as server:
            assert time.monotonic() - before < AMPLE
            server.update(1)
        [record] = caplog.records
        assert record.levelno == logging.WARNING
        assert "going on without a viewer" in record.getMessage()
        assert "exit status 1: no canvas here" in record.getMessage()

    def test_a_killed_client_is_told_with_its_signal(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """SIGKILL leaves no other word."""
        code = "import os; os.kill(os.getpid(), 9)"
        with Server(client_cmd=[sys.executable, "-c", code], wait_for_client=True):
            pass
        [record] = caplog.records
        assert "signal 9" in record.getMessage()

    def test_a_client_that_is_too_slow_is_waited_for_so_long(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One warning after the time given."""
        before = time.monotonic()
        command = [sys.executable, "-c", "import time; time.sleep(200)"]
        with Server(client_cmd=command, wait_for_client=0.3) as server:
            assert 0.3 <= time.monotonic() - before < AMPLE
            server.update(1)
        [record] = caplog.records
        assert "no figure was open after 0.3 s" in record.getMessage()
        end_processes()

    def test_a_command_that_cannot_run_is_told_and_not_waited_for(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One warning, naming it."""
        before = time.monotonic()
        command = ["/no/such/thing"]
        with Server(client_cmd=command, wait_for_client=2 * AMPLE) as server:
            assert time.monotonic() - before < AMPLE
            server.update(1)
        [record] = caplog.records
        assert "/no/such/thing" in record.getMessage()

    def test_what_the_client_prints_goes_to_the_runs_log(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Not to the user's terminal."""
        command = [sys.executable, "-c", "print('from the client')"]
        with Server(client_cmd=command) as server:
            assert server.connection_file is not None
            log = server.connection_file.with_name("client.log")
            eventually(lambda: "from the client" in log.read_text())
            eventually(lambda: not processes())
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
        assert capfd.readouterr() == ("", "")

    def test_without_a_display_one_line_says_how_to_look(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """On stderr, since stdout may be data."""
        with Server(name="waves") as server:
            server.update(1)
        out, err = capfd.readouterr()
        assert out == ""
        assert err == (
            "async_plot: there is no display; look with: async-plot view waves\n"
        )

    def test_without_a_toolkit_the_line_names_the_extra(
        self, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A display alone opens no window."""
        monkeypatch.setenv("DISPLAY", ":99")
        monkeypatch.setattr(surroundings, "toolkit", lambda: "")
        with Server():
            pass
        assert "pip install 'async_plot[window]'" in capfd.readouterr().err

    @pytest.mark.parametrize(
        "variable", ["PMI_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID"]
    )
    def test_other_ranks_than_0_open_and_print_nothing(
        self,
        variable: str,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        """A thousand windows are nobody's wish; rank 0 has one."""
        monkeypatch.setenv(variable, "1")
        monkeypatch.setenv("DISPLAY", ":99")
        with Server() as server:
            assert server._session.launched is None
        assert capfd.readouterr() == ("", "")
        monkeypatch.setenv(variable, "0")
        assert launching.command(Server()._options) == [sys.executable, "-c"]

    def test_waiting_for_a_viewer_that_comes_by_itself(self) -> None:
        """With ``view=None`` any viewer that opens a figure is what is waited for."""
        server = Server(view=None, wait_for_client=2 * AMPLE, name="awaited")
        clients: list[Client] = []

        def look() -> None:
            run = eventually(runs.list_runs)[0]
            client = Client(run.connection_file)
            clients.append(client)
            for message in client.messages():
                if isinstance(message, Welcome):
                    client.say(Opened("anything"))
                if isinstance(message, State):
                    return

        thread = threading.Thread(target=look)
        thread.start()
        before = time.monotonic()
        with server:
            assert time.monotonic() - before < AMPLE
            assert server.viewers[0].view == "anything"
        thread.join(AMPLE)


class TestSwitches:
    @pytest.mark.parametrize("off", ["off", "0", "no", "False", "OFF"])
    def test_switched_off_it_does_nothing(
        self, off: str, monkeypatch: pytest.MonkeyPatch, home: Path
    ) -> None:
        """No thread, no file, no socket, no process; every method can be called."""
        monkeypatch.setenv("ASYNC_PLOT", off)
        monkeypatch.setattr(surroundings, "toolkit", lambda: "")
        with Server(Drawn, view="window", client_cmd=["no"]) as server:
            server.update("does", "not", "fit", "draw")
            server.update_with(lambda: 1 / 0)
            server.log(a=1)
            server.handler().emit(
                logging.LogRecord("a", 30, "f", 1, "text", None, None)
            )
            assert server.start() is server
            assert server.address is None and server.connection_file is None
            assert server.viewers == [] and server.stats.updates == 2
        assert not list(home.iterdir())
        assert threading.active_count() == 1

    def test_debugging_logs_a_line_for_each_message_at_both_ends(self) -> None:
        """With direction, number and size."""
        result = run_script(
            """
import numpy as np
from async_plot.client import Client, set_up_debug
from async_plot.server import Server
set_up_debug()
with Server(view=None) as server:
    server.update(np.zeros(100), np.zeros((10, 10)))
    next(iter(Client(server)))
""",
            env={"ASYNC_PLOT_DEBUG": "1"},
        )
        frames = [line for line in result.stderr.splitlines() if "frame" in line]
        assert len(frames) == 2
        for line in frames:
            assert re.search(r"[<>] .*frame.*#1 \[2 buffers, 1\.\d+ kB\]", line), line
        assert {re.search("[<>]", line)[0] for line in frames} == {"<", ">"}  # type: ignore[index]
        assert "welcome" in result.stderr.lower()

    def test_the_servers_end_logs_without_help(self) -> None:
        """The environment variable alone is enough."""
        result = run_script(
            """
import os, subprocess, sys
from async_plot.server import Server
with Server(view=None) as server:
    server.update(1)
    subprocess.run([sys.executable, "-c",
        "import sys; from async_plot.client import Client;"
        "next(iter(Client(sys.argv[1])))", str(server.connection_file)],
        env={**os.environ, "ASYNC_PLOT_DEBUG": ""})
""",
            env={"ASYNC_PLOT_DEBUG": "1"},
        )
        assert re.search(r"async_plot .* < .*frame.*#1", result.stderr)
        assert re.search(r"async_plot .* > .*ready", result.stderr, re.I)
