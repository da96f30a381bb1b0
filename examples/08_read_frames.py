"""A program that reads a run's frames, from any directory, while it runs.

    python 08_read_frames.py [NAME]

Start another example first; without a name, the newest run is read.
"""

import sys

from async_plot import Client

run = sys.argv[1] if sys.argv[1:] else None

for frame in Client(run):  # the newest one each time; ends with the run
    shapes = [getattr(value, "shape", value) for value in frame.args]
    print(f"#{frame.number} at {frame.time:.3f}: {shapes} {sorted(frame.kwargs)}")
