"""Processes that `map` makes itself, and keeps warm for the next job."""

from async_plot import Server, track

with Server(view=None, name="sweep") as server:

    def simulate(damping):
        x, v = 1.0, 0.0
        for _ in track(range(2000), desc="steps"):
            v -= 0.01 * (x + damping * v)
            x += 0.01 * v
        return x

    for damping, x in enumerate(server.map(simulate, range(8), workers=2)):
        print(damping, round(x, 3))
