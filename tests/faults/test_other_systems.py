"""Systems that lack what Linux has: nothing fails at import or at first use."""

from __future__ import annotations

import pytest

from ..helpers import run_script

RUN = """
import logging, signal, select, selectors, socket, os, sys, time
import threading  # whatever else asks for the names below has been imported
import numpy as np, concurrent.futures, multiprocessing, subprocess, tempfile
import sysconfig
sysconfig.get_config_vars()
{lacks}
from async_plot import Client, Server
from async_plot.net import sockets
big = np.arange(3 << 17)
ended = threading.Event()
def calculate():
    step = 0
    while not ended.wait(0.001):
        step += 1
        server.update(big, step)
        server.log(energy=1.0)
with Server(view=None, stalled_after=60, overhead=1, name="elsewhere") as server:
    thread = threading.Thread(target=calculate)
    thread.start()
    frames = iter(Client(server))
    numbers = [next(frames).number for _ in range(3)]
    assert numbers == sorted(set(numbers))
    assert (next(frames).args[0] == big).all()
    frames.close()
    ended.set()
    thread.join()
    server.update(big, 99)
assert next(iter(Client("elsewhere"))).args[1] == 99  # from the record
print("done", sockets._CAN_WAIT)
"""

# What each has not, as far as Python shows it.
WINDOWS = """
def lacks(self):
    raise AttributeError
for name in ("poll", "epoll"):
    delattr(select, name)
selectors.DefaultSelector = selectors.SelectSelector
del socket.MSG_DONTWAIT
socket.socket.sendmsg = property(lacks)
for name in ("fork", "fchmod", "geteuid", "getuid", "nice", "register_at_fork",
             "O_NOFOLLOW", "O_NONBLOCK", "O_TMPFILE", "pwritev", "writev",
             "posix_fallocate", "memfd_create", "statvfs", "killpg",
             "sched_getaffinity"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGALRM", "setitimer", "pthread_kill", "SIGSTOP", "SIGCONT"):
    delattr(signal, name)
"""
MACOS = """
delattr(select, "epoll")
selectors.DefaultSelector = selectors.PollSelector
for name in ("TCP_KEEPIDLE", "TCP_USER_TIMEOUT", "SOCK_CLOEXEC"):
    delattr(socket, name)
for name in ("O_TMPFILE", "posix_fallocate", "memfd_create", "sched_getaffinity"):
    delattr(os, name)
sys.platform = "darwin"
"""


@pytest.mark.parametrize("lacks", [WINDOWS, MACOS], ids=["Windows", "macOS"])
def test_a_run_is_watched_where_much_is_missing(lacks: str) -> None:
    """Frames, scalars, end and record, with what there is; one line says what not."""
    done = run_script(RUN.replace("{lacks}", lacks))
    assert done.stdout == "done False\n"
    [line] = done.stderr.splitlines()
    assert "without shared memory" in line
