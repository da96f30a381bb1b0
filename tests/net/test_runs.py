"""Run files: private, whole, found by name, and believed only if they are ours."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from async_plot.errors import RunNotFoundError
from async_plot.net import files, runs
from async_plot.net.records import write_whole
from async_plot.wire import framing
from async_plot.wire.messages import Log, State

KEY = bytes(range(32))
ADDRESS = ("127.0.0.1", 4000)


def created(name: str = "waves") -> runs.Run:
    """A run of this process."""
    run, trouble = runs.create(name, ADDRESS, KEY)
    assert trouble == ""
    return run


def test_what_was_written_is_read(home: Path) -> None:
    """By file or by directory."""
    run = created("ünï \n name")
    assert runs.read(run.connection_file) == run
    assert runs.read(run.directory) == run
    assert run.connection_file.parent.parent.parent == home
    assert run.pid == os.getpid() and run.key == KEY and run.address == ADDRESS
    assert run.alive
    assert abs(run.started - time.time()) < 10


def test_files_and_directories_are_this_users_alone(home: Path) -> None:
    """Whatever the umask."""
    before = os.umask(0)
    try:
        run = created()
        write_whole(run.record_file, [])
    finally:
        os.umask(before)
    for path in (run.directory, run.directory.parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in (run.connection_file, run.record_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(p.name for p in run.directory.iterdir()) == [
        "connection.json",
        "record",
    ]


def test_the_key_is_in_the_file_alone() -> None:
    """Neither in ``repr`` nor, after the end, anywhere."""
    run = created()
    assert KEY.hex() in run.connection_file.read_text()
    assert KEY.hex() not in repr(run) and repr(KEY) not in repr(run)
    ended = runs.end(run, "finished")
    assert KEY.hex() not in run.connection_file.read_text()
    assert runs.read(run.directory) == ended
    assert (ended.key, ended.address, ended.state) == (None, None, "finished")
    assert not ended.alive


def test_the_home_is_the_users_state_unless_moved(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """By the environment."""
    assert files.home() == home
    with monkeypatch.context() as patched:
        patched.chdir(home)
        patched.setenv("ASYNC_PLOT_HOME", "relative")
        assert files.home() == home / "relative"
        patched.delenv("ASYNC_PLOT_HOME")
        patched.setenv("XDG_STATE_HOME", str(home / "state"))
        if sys.platform == "linux":
            assert files.home() == home / "state" / "async_plot"


def test_a_host_name_becomes_a_directorys_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the system says."""
    for said, name in [("node1.x", "node1.x"), ("a/b c", "a_b_c"), ("", "localhost")]:
        monkeypatch.setattr(files.socket, "gethostname", lambda said=said: said)
        assert files.hostname() == name


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", "no json", '{"run": 1}', None],
    ids=["empty", "object", "list", "text", "part", "other"],
)
def test_a_damaged_file_is_no_run(content: str | None) -> None:
    """And is passed over where runs are listed."""
    run = created()
    if content is None:
        known = json.loads(run.connection_file.read_text())
        content = json.dumps({**known, "address": [1]})
    run.connection_file.write_text(content)
    with pytest.raises(RunNotFoundError, match="neither a connection file nor"):
        runs.read(run.directory)
    assert runs.list_runs() == []


def test_what_is_not_there_is_no_run(home: Path) -> None:
    """No file, no directory, a file for a directory."""
    (home / "file").write_text("")
    for path in (home / "nothing", home / "file" / "inside"):
        with pytest.raises(RunNotFoundError, match="there is no connection file"):
            runs.read(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_open_to_others_is_not_believed(mode: int) -> None:
    """Whoever can plant one can make a viewer run code."""
    run = created()
    run.connection_file.chmod(mode)
    with pytest.raises(PermissionError, match="open to other users"):
        runs.read(run.directory)
    assert runs.list_runs() == []


def test_a_linked_or_foreign_file_is_not_believed(home: Path) -> None:
    """Nor a directory in the place of the file."""
    run = created()
    real = run.directory / "real.json"
    run.connection_file.rename(real)
    run.connection_file.symlink_to(real)
    with pytest.raises((PermissionError, RunNotFoundError)):
        runs.read(run.connection_file)
    run.connection_file.unlink()
    real.rename(run.connection_file)
    if os.geteuid() == 0:
        os.chown(run.connection_file, 12345, -1)
        with pytest.raises(PermissionError, match="another user"):
            runs.read(run.connection_file)


def test_a_private_directory_is_made_or_checked(tmp_path: Path) -> None:
    """Links and open ones are refused."""
    made = files.private_directory(tmp_path / "a")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert files.private_directory(made) == made
    made.chmod(0o750)
    with pytest.raises(PermissionError, match="chmod 700"):
        files.private_directory(made)
    (tmp_path / "link").symlink_to(made)
    with pytest.raises(PermissionError, match="not a directory"):
        files.private_directory(tmp_path / "link")


def test_runs_are_found_by_name_identifier_and_age() -> None:
    """Living ones before dead ones, then the newest."""
    older, newer = created("waves"), created("waves")
    newer = replace(newer, started=newer.started + 5)
    runs._write(newer)
    other = created("heat")
    assert runs.find("waves") == newer
    assert runs.find(older.run) == older
    assert runs.find(other.run[:-1]).name in ("waves", "heat")
    assert runs.find(other.connection_file) == other
    assert runs.find() == newer
    runs.end(newer, "finished")
    assert runs.find("waves") == older
    assert runs.find() in (older, other)
    for run in (older, other):
        runs.end(run, "finished")
    assert runs.find("waves").run == newer.run
    with pytest.raises(RunNotFoundError, match=r"'cold'.*alive: none"):
        runs.find("cold")


def test_there_may_be_no_runs_at_all(home: Path) -> None:
    """Nor even the directory."""
    assert runs.list_runs() == []
    with pytest.raises(RunNotFoundError, match="no run of this user"):
        runs.find()
    home.rmdir()
    assert runs.list_runs() == []
    home.mkdir(mode=0o700)


def test_old_and_many_runs_are_removed_and_living_ones_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At most so many that ended, for so long."""
    monkeypatch.setattr(runs, "KEPT_RUNS", 3)
    living = created("living")
    old = runs.end(created("old"), "finished")
    runs._write(replace(old, started=time.time() - runs.KEPT_SECONDS - 10))
    for i in range(5):
        run = runs.end(created(f"run {i}"), "finished")
        runs._write(replace(run, started=time.time() + i))
        write_whole(run.record_file, [])
    runs.clean_quietly()
    left = [run.name for run in runs.list_runs()]
    assert sorted(left) == ["living", "run 2", "run 3", "run 4"]
    assert living.directory.exists() and not old.directory.exists()


def test_big_runs_are_removed_the_oldest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The newest one stays, however big it is."""
    made = []
    for i in range(4):
        run = runs.end(created(f"run {i}"), "finished")
        runs._write(replace(run, started=time.time() + i))
        run.record_file.write_bytes(b"x" * 100_000)
        made.append(run)
    monkeypatch.setattr(runs, "KEPT_BYTES", 250_000)
    runs.clean_quietly()
    assert sorted(run.name for run in runs.list_runs()) == ["run 2", "run 3"]
    monkeypatch.setattr(runs, "KEPT_BYTES", 10)
    runs.clean_quietly()
    assert [run.name for run in runs.list_runs()] == ["run 3"]


def test_what_a_killed_run_had_half_written_is_removed() -> None:
    """Of a run that lives nothing is; nor what is not ours to remove."""
    dead, living = runs.end(created("dead"), "lost"), created("living")
    for run in (dead, living):
        for name in ("fault", ".record.12345678", "died"):
            (run.directory / name).write_bytes(b"" if name == "fault" else b"half")
    old = time.time() - runs.KEPT_SECONDS - 10
    base = dead.directory.parent
    for name in ("20200131-174501-4711-9c0f", "20200131-174501-4712-9c0f", "mine"):
        (base / name).mkdir()
        (base / name / ".connection.json.12345678").write_bytes(b"half")
        if "4712" not in name:
            os.utime(base / name, (old, old))
    runs.clean_quietly()
    assert sorted(os.listdir(dead.directory)) == ["connection.json", "died"]
    assert len(os.listdir(living.directory)) == 4
    left = {p.name for p in base.iterdir()}
    assert left == {dead.run, living.run, "20200131-174501-4712-9c0f", "mine"}


def test_a_record_is_read_as_it_was_written() -> None:
    """Without one there is nothing; a cut one gives what was before the cut."""
    run = created()
    assert runs.read_record(run) == []
    said = [Log(1.0, 20, "a", "text"), State("finished", "", 2.0)]
    write_whole(run.record_file, [framing.encode(message) for message in said])
    assert runs.read_record(run) == said
    content = run.record_file.read_bytes()
    run.record_file.write_bytes(content[: len(content) // 2])
    assert runs.read_record(run) == said[:1]
    run.record_file.write_bytes(b"something else" + content)
    assert runs.read_record(run) == []
    run.record_file.chmod(0o644)
    with pytest.raises(PermissionError):
        runs.read_record(run)


def test_a_write_that_fails_leaves_the_old_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whole, and nothing beside it."""
    run = created()
    before = run.connection_file.read_bytes()

    def parts() -> object:
        yield memoryview(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.write_file(run.connection_file, parts())  # type: ignore[arg-type]
    assert run.connection_file.read_bytes() == before
    assert [p.name for p in run.directory.iterdir()] == ["connection.json"]


def test_a_process_is_known_by_its_birth() -> None:
    """A number used again is another process; one that ended is none."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as child:
        born = runs.birth(child.pid)
        assert runs.process_exists(child.pid, born)
        assert runs.process_exists(child.pid, None)
        if born is not None:
            assert not runs.process_exists(child.pid, born + 1)
    assert not runs.process_exists(child.pid, born)
    assert not runs.process_exists(child.pid, None)


def test_a_run_of_another_machine_counts_as_alive_until_it_ended() -> None:
    """Its processes cannot be asked for here."""
    run = replace(created(), host="elsewhere", pid=2**22 + 1, birth=3)
    assert run.alive
    assert not replace(run, address=None).alive
    assert not replace(run, host=files.hostname()).alive
