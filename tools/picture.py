"""Make the README's picture: the window of ``examples/13_job.py``, when half is done.

``.venv/bin/python tools/picture.py`` on a machine with Xvfb, xdotool and ImageMagick.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from async_plot import Client
from async_plot.wire.messages import Progress

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "_static" / "job.png"
DONE = 0.66  # of the job


def main() -> None:
    """Open the window on a display of its own, wait, and take a picture of it."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-noreset"]
    command += ["-screen", "0", "1280x1024x24"]
    with (
        tempfile.TemporaryDirectory() as home,
        subprocess.Popen(command, pass_fds=[writing]) as screen,
    ):
        with open(reading) as answer:
            display = answer.readline().strip()
        env = {"DISPLAY": f":{display}", "MPLBACKEND": "QtAgg", "ASYNC_PLOT_HOME": home}
        os.environ.update(env)
        example = [sys.executable, ROOT / "examples" / "13_job.py", "1350"]
        with subprocess.Popen(example) as calculation:
            try:
                wait_until_done(DONE)
                time.sleep(0.3)
                seek = ["xdotool", "search", "--onlyvisible", "--name", "julia"]
                window = subprocess.check_output(seek, text=True).split()[0]
                subprocess.check_call(["import", "-window", window, PICTURE])
            finally:
                calculation.terminate()
                screen.terminate()  # which ends the window


def wait_until_done(share: float) -> None:
    """Wait until so much of the newest run's job is done."""
    while True:
        time.sleep(0.5)
        try:
            client = Client("julia")
        except (OSError, LookupError):
            continue
        with client:
            for message in client.messages():
                own = isinstance(message, Progress) and message.bar == message.job
                if own and message.done >= share * message.total:
                    return


if __name__ == "__main__":
    main()
