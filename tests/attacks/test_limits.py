"""Every limit has its line in the protocol's document, and is what that says."""

from __future__ import annotations

import re

from async_plot.jobs import ledger, standing
from async_plot.net import helm, parameters, peer, publisher, reception, snapshot
from async_plot.wire import codec, framing, handshake, outbox, steering

from ..helpers import ROOT


def test_limits_stand_in_the_protocols_document():
    """The numbers of the document are those of the code."""
    text = (ROOT / "docs" / "protocol.rst").read_text()
    for words, value in {
        r"bytes of a peer before its proof +(\d+)": handshake.LIMIT,
        r"time for the handshake +(\d+) s": handshake.TIMEOUT,
        r"connections without proof +(\d+)": reception.MAX_UNPROVEN,
        r"viewers of one run +(\d+)": reception.MAX_VIEWERS,
        r"workers of one run +(\d+)": reception.MAX_WORKERS,
        r"header of a worker's message +(\d+) KiB": (
            framing.FROM_WORKER_LIMITS.header >> 10
        ),
        r"reports of all workers together +about (\d+)": ledger.RATE,
        r"bars of one worker that run at a time +(\d+)": ledger.BARS,
        r"failures of one job that are kept +(\d+)": 2 * standing.FAILURES,
        r"header of a viewer's message +(\d+) KiB": (
            framing.FROM_VIEWER_LIMITS.header >> 10
        ),
        r"header of a calculation's message +(\d+) MiB": (
            framing.FROM_CALCULATION_LIMITS.header >> 20
        ),
        r"buffers of one message +(\d+)": framing.FROM_CALCULATION_LIMITS.buffers,
        r"together (\d+) GiB\n": framing.FROM_CALCULATION_LIMITS.memory >> 30,
        r"arrays of one frame +(\d+) GiB": snapshot.MAX_FRAME >> 30,
        r"credit of one viewer +(\d+)": publisher.CREDIT,
        r"log records that wait for one viewer +(\d+)": outbox.LIMIT,
        r"cut after (\d+) s": reception.STALL,
        r"viewer that are heard +(\d+) a second": helm.COMMANDS[1],
        r"a second, (\d+) at once": helm.COMMANDS[0],
        r"a pause that nobody renews +(\d+) s": helm.LEASE,
        r"leases of one pause; characters of one +(\d+)": helm.LEASES,
        r"characters of one +\d+; (\d+)": helm.LEASE_LENGTH,
        r"parameters of one run +(\d+)": helm.MOST,
        r"a value of a parameter +(\d+)": steering.LONGEST,
        r"that can be taken back +(\d+)": parameters.UNDOS,
        r"nested at most (\d+) deep": codec._DEPTH,
        r"a payload of (\d+) KiB": codec._BIG >> 10,
        r"of one viewer (\d+) different texts": peer.TROUBLES,
        r"text`` str. (\d+) characters are taken": peer.TEXT,
    }.items():
        found = re.search(words, text)
        assert found, words
        assert int(found.group(1)) == value, words
