"""Attacks by way of the disk: who may read run files, and who may have planted them."""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile

import msgpack
import pytest

from async_plot import Client, Server
from async_plot.errors import RunNotFoundError
from async_plot.net import files, runs
from async_plot.net.records import write_whole
from async_plot.wire import framing
from async_plot.wire.messages import Frame, PlotterCode, Welcome

from ..helpers import eventually, run_script
from ..wire.samples import SAMPLES
from .support import Canary

STRANGER = 65534  # the user id of nobody


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=lambda mask: f"umask {mask:o}")
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def planted(monkeypatch):
    """Give a path to somebody else, or, without the right to, be somebody else."""

    def plant(path):
        if os.geteuid() == 0:
            os.lchown(path, STRANGER, STRANGER)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: STRANGER)

    return plant


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where files go that cannot lie where they should."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


# -- what we write -----------------------------------------------------------------


def test_run_files_are_the_users_alone(umask, home, monkeypatch):
    """Directories are 0700 and files 0600, whatever the umask says."""
    target = home / "state" / "below"
    monkeypatch.setenv("ASYNC_PLOT_HOME", str(target))
    command = [sys.executable, "-c", "print('said')"]
    with Server(client_cmd=command) as server:
        server.update(1)
        path = server.connection_file
        run = runs.read(path)
        eventually(lambda: run.client_log.read_text() == "said\n", what="its log")
        assert path.parent.parent.parent == target
        for directory in (target.parent, target, path.parent.parent, path.parent):
            assert mode(directory) == 0o700, directory
        assert mode(path) == mode(run.client_log) == 0o600
    written = sorted(p.name for p in path.parent.iterdir())
    assert written == ["client.log", "connection.json", "record"]
    assert {mode(p) for p in path.parent.iterdir()} == {0o600}


def test_ended_run_leaves_no_key_on_disk(home):
    """The key is void with the run, and nowhere in what stays of it."""
    with Server(view=None, name="short") as server:
        server.update("some text")
        key = runs.read(server.connection_file).key
        assert key.hex() in server.connection_file.read_text()
    for path in home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert key.hex().encode() not in content
            assert bytes.join(b"", [key]) not in content


# -- directories that were planted -------------------------------------------------


def a_link(path, plant):
    real = path.with_name("elsewhere")
    real.mkdir(mode=0o700)
    path.symlink_to(real)


def a_strangers_link(path, plant):
    a_link(path, plant)
    plant(path)


def a_strangers(path, plant):
    path.mkdir(mode=0o700)
    plant(path)


def open_to_the_group(path, plant):
    path.mkdir(mode=0o700)
    path.chmod(0o770)


def open_to_all(path, plant):
    path.mkdir(mode=0o700)
    path.chmod(0o777)


def to_be_read_by_all(path, plant):
    path.mkdir(mode=0o700)
    path.chmod(0o755)


def a_file(path, plant):
    path.write_text("")
    path.chmod(0o600)


KINDS = [
    a_link,
    a_strangers_link,
    a_strangers,
    open_to_the_group,
    open_to_all,
    to_be_read_by_all,
    a_file,
]


@pytest.mark.parametrize("where", ["home", "host"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_planted_directory_is_not_used(
    kind, where, tmp_path, home, planted, temporary, monkeypatch, caplog
):
    """The key is not put where others could read it; the run goes on elsewhere."""
    target = tmp_path / "planted"
    monkeypatch.setenv("ASYNC_PLOT_HOME", str(target))
    if where == "home":
        kind(target, planted)
    else:
        target.mkdir(mode=0o700)
        kind(target / files.hostname(), planted)
    if kind in (a_strangers, a_strangers_link) and os.geteuid() == STRANGER:
        planted_by_pretence = True
    else:
        planted_by_pretence = False
    with Server(view=None) as server:
        server.update(1)
        path = server.connection_file
        assert planted_by_pretence or path.is_relative_to(temporary)
        assert "run files are in" in caplog.text
        assert mode(path) == 0o600
        assert mode(path.parent) == 0o700
        if not planted_by_pretence:
            assert next(iter(Client(path).messages())).run == runs.read(path).run
        with pytest.raises((PermissionError, NotADirectoryError)):
            runs.list_runs()
    left = [p for p in target.rglob("*")] if target.is_dir() else []
    assert [p for p in left if p.name == "connection.json"] == []


# -- files that were planted -------------------------------------------------------


@pytest.fixture
def connection_file(home):
    """Write a connection file as a run writes it, of a process that is alive."""
    run, trouble = runs.create("planted", ("127.0.0.1", 1), bytes(32))
    assert not trouble
    return run.connection_file


def test_own_file_is_read(connection_file):
    """The checks below refuse for their reason alone."""
    assert runs.read(connection_file).name == "planted"
    assert Client("planted").run.connection_file == connection_file


@pytest.mark.parametrize(
    "bits", [0o640, 0o604, 0o644, 0o620, 0o602, 0o660, 0o666, 0o777]
)
def test_file_open_to_others_is_refused(connection_file, bits):
    """What others could have written or read is not believed."""
    connection_file.chmod(bits)
    with pytest.raises(PermissionError, match="open to other users"):
        Client(connection_file)


def test_file_of_another_user_is_refused(connection_file, planted):
    """What another user wrote would have a viewer run that user's code."""
    planted(connection_file)
    with pytest.raises(PermissionError, match="belongs to another user"):
        Client(connection_file)


def test_link_is_refused(connection_file, tmp_path):
    """A link may lead to any file of the user."""
    link = tmp_path / "link.json"
    link.symlink_to(connection_file)
    with pytest.raises(PermissionError, match="not a regular file"):
        Client(link)


def test_pipe_is_refused(tmp_path):
    """A pipe without a writer would hold a viewer for ever."""
    pipe = tmp_path / "connection.json"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(PermissionError, match="not a regular file"):
        Client(pipe)


@pytest.mark.parametrize("swap", ["link", "pipe", "open", "stranger"])
def test_file_swapped_after_the_look_is_refused(
    swap, connection_file, tmp_path, monkeypatch, planted
):
    """What counts is the file that was opened, not the one that was looked at."""
    content = connection_file.read_bytes()
    real = files.check_owner
    looks = []

    def look(path, status, **options):
        real(path, status, **options)
        looks.append(path)
        if len(looks) > 1:
            return
        connection_file.unlink()
        if swap == "pipe":
            os.mkfifo(connection_file, 0o600)
            return
        other = tmp_path / "other" if swap == "link" else connection_file
        other.write_bytes(content)
        other.chmod(0o644 if swap == "open" else 0o600)
        if swap == "link":
            connection_file.symlink_to(other)
        elif swap == "stranger":
            planted(other)

    monkeypatch.setattr(files, "check_owner", look)
    with pytest.raises(OSError):
        runs.read(connection_file)
    assert looks


DAMAGED = [
    "",
    "{",
    "[]",
    "null",
    "5",
    '"text"',
    "{}",
    "\0" * 100,
    "\xff\xfe",
    "[" * 100_000,
    '{"key": "00"}',
]
CHANGED = {
    "address": [
        5,
        "x",
        ["127.0.0.1"],
        ["127.0.0.1", "x"],
        ["127.0.0.1", 1e999],
        [None],
    ],
    "key": [5, "xyz", "00", "00" * 31, "00" * 33, ["00" * 32]],
    "pid": ["x", None, 1e999, [1]],
    "started": ["x", None, [1]],
}


@pytest.mark.parametrize("index", range(len(DAMAGED)))
def test_damaged_file_is_no_run(connection_file, index):
    """Whatever a file holds: a run, or a sentence that it is none."""
    connection_file.write_bytes(DAMAGED[index].encode("latin-1"))
    with pytest.raises(RunNotFoundError, match="neither a connection file nor"):
        Client(connection_file)
    assert runs.list_runs() == []


@pytest.mark.parametrize("name", CHANGED)
def test_field_of_another_type_is_no_run(connection_file, name):
    """Each field is checked, so that no later step stumbles."""
    content = json.loads(connection_file.read_text())
    for value in CHANGED[name]:
        connection_file.write_text(json.dumps({**content, name: value}))
        with pytest.raises(RunNotFoundError, match="neither a connection file nor"):
            Client(connection_file)


# -- records -----------------------------------------------------------------------


def write_hostile_record(run, canary):
    payload = msgpack.packb(
        [[msgpack.ExtType(13, msgpack.packb([canary.pickle, []]))], {}]
    )
    said = [
        SAMPLES[Welcome],
        PlotterCode("", "Wave", [3, 11], [canary.pickle]),
        Frame("", 1, 0.0, False, payload, []),
    ]
    write_whole(run.record_file, [framing.encode(m) for m in said])


@pytest.mark.parametrize("how", ["stranger", "open", "link"])
def test_planted_record_is_not_read(how, connection_file, tmp_path, planted):
    """The record of another is not opened: its pickles would run."""
    canary = Canary(tmp_path)
    run = runs.end(runs.read(connection_file), "finished")
    write_hostile_record(run, canary)
    if how == "open":
        run.record_file.chmod(0o666)
    elif how == "link":
        other = tmp_path / "record"
        run.record_file.rename(other)
        run.record_file.symlink_to(other)
    client = Client(connection_file)
    if how == "stranger":
        planted(run.record_file)
    heard = list(client.messages())
    assert [type(m).__name__ for m in heard] == ["State"]
    assert heard[0].state == "finished"  # as its connection file says
    canary.check()


def test_damaged_record_is_read_to_the_damage(connection_file, caplog):
    """A record that was cut gives the messages before the cut."""
    run = runs.end(runs.read(connection_file), "finished")
    write_whole(run.record_file, [framing.encode(SAMPLES[Welcome])])
    whole = run.record_file.read_bytes()
    assert [type(m) for m in runs.read_record(run)] == [Welcome]
    run.record_file.write_bytes(whole + framing.encode(SAMPLES[Welcome])[0][:-1])
    assert [type(m) for m in runs.read_record(run)] == [Welcome]
    run.record_file.write_bytes(whole + b"\xff" * 100)
    assert list(Client(connection_file).messages())[-1].state == "finished"
    run.record_file.write_bytes(b"something else")
    assert runs.read_record(run) == []


# -- what a launched viewer imports ------------------------------------------------


def test_launched_viewer_imports_nothing_of_the_working_directory(tmp_path):
    """A script run in a directory of others does not import what lies there."""
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    canary = tmp_path / "canary"
    for name in ("msgpack", "numpy", "json", "matplotlib", "queue", "async_plot"):
        (hostile / f"{name}.py").write_text(f"open({str(canary)!r}, 'w').close()\n")
    source = (
        "import sys\n"
        "from async_plot import Server\n"
        "command = [sys.executable, '-c']\n"
        "with Server(client_cmd=command, wait_for_client=120) as server:\n"
        "    server.update([1, 2], [3, 4])\n"
        "    print([viewer.view for viewer in server.viewers])\n"
    )
    done = run_script(source, cwd=hostile)
    assert "off-screen" in done.stdout, done.stderr
    assert not canary.exists()
