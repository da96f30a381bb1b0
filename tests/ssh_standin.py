"""Stands in for ssh: the same options, and it relays for real, on this machine.

The directory ``FAKE_SSH`` says what it is to do and keeps what it was told:

* ``log`` gets one line of JSON for each call: process, arguments, environment.
* ``mode``, read at each call: ``ok``, ``banner`` (login scripts that talk), ``refuse``
  (no such key), ``unreachable``, ``forbidden`` (no forwarding), ``hang``.

Run with ``-SE``: it starts in a few milliseconds.
"""

import getopt
import json
import os
import select
import signal
import socket
import sys

here = os.environ["FAKE_SSH"]
options, rest = getopt.getopt(sys.argv[1:], "TW:o:p:l:")
host, command = rest[0], rest[1:]
target = dict(options).get("-W")
line = json.dumps([os.getpid(), sys.argv[1:], dict(os.environ)]) + "\n"
with open(os.path.join(here, "log"), "ab", buffering=0) as log:
    log.write(line.encode())  # at once: others may write or read it, too
with open(os.path.join(here, "mode")) as file:
    mode = file.read()

if mode == "refuse":
    sys.stderr.write(f"\033[31m{host}: Permission denied (publickey).\r\n")
    sys.exit(255)
if mode == "unreachable":
    sys.stderr.write(f"ssh: connect to host {host} port 22: No route to host\r\n")
    sys.exit(255)
if mode == "hang":
    signal.pause()
if mode == "banner":
    sys.stderr.write("Authorised users only!\r\n")

if target is None:
    if mode == "banner":
        os.write(1, b"Welcome to the cluster\nQuota: 93 %\nasync-plot: no newline")
    # As sshd does: one string for the login shell.
    os.execv("/bin/sh", ["sh", "-c", " ".join(command)])

if mode == "forbidden":
    sys.stderr.write(
        "channel 0: open failed: administratively prohibited: open failed\r\n"
        "stdio forwarding failed\r\n"
    )
    sys.exit(255)
name, _, port = target.rpartition(":")
try:
    far = socket.create_connection((name.strip("[]"), int(port)))
except OSError as error:
    sys.stderr.write(
        f"channel 0: open failed: connect failed: {error.strerror}\r\n"
        "stdio forwarding failed\r\n"
    )
    sys.exit(255)
ends = {0: far.fileno(), far.fileno(): 1}
while ends:
    for source in select.select(list(ends), [], [])[0]:
        try:
            data = os.read(source, 1 << 16)
        except OSError:
            data = b""
        if not data and source == 0:
            far.shutdown(socket.SHUT_WR)
            del ends[0]
        elif not data:
            sys.exit(0)
        sink = far.fileno() if source == 0 else 1
        while data:
            data = data[os.write(sink, data) :]
