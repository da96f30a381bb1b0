"""A wave packet goes through a double slit, watched: what ``async-plot demo`` runs.

The calculation knows nothing of windows; the class that draws knows nothing of
quantum mechanics.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .net import surroundings
from .net.statistics import Statistics
from .plotter import Plotter
from .server import Server

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

__all__ = ["DoubleSlit", "Wave", "run", "summary"]

PICTURE = Path("async-plot-demo.png")
OPENING = 30.0  # seconds that a view may take to open, and to draw the last frame

Complex = np.ndarray[Any, np.dtype[np.complex128]]
Real = np.ndarray[Any, np.dtype[np.float64]]


# -- the calculation ---------------------------------------------------------------


class Wave:
    r"""A wave packet that meets a wall with two slits.

    Solves :math:`i\,\partial_t \psi = (-\tfrac12 \nabla^2 + V)\,\psi` on a grid of
    spacing 1 by the split-step Fourier method [1]_: the kinetic part acts where it
    is a product, among plane waves, the potential where that is one, on the grid. At
    the borders an imaginary potential swallows what would come in again opposite.

    Parameters
    ----------
    shape : (int, int), default: (256, 384)
        Grid points along y and x.

    Attributes
    ----------
    psi : (ny, nx) ndarray of complex
        The wave function, overwritten in place.
    screen : (ny,) ndarray of float
        Probability that has crossed each point of the screen so far, per unit of
        length.
    time : float
        In units in which mass and Planck's constant over 2 pi are 1.

    References
    ----------
    .. [1] M. D. Feit, J. A. Fleck and A. Steiger, "Solution of the Schroedinger
       equation by a spectral method", J. Comput. Phys. 47, 412-433 (1982).
       :doi:`10.1016/0021-9991(82)90091-2`
    """

    WAVELENGTH = 8.0
    WALL = (128, 133)  # columns
    SLITS = ((103, 115), (141, 153))  # rows
    SCREEN = 352  # column
    LONGEST_STEP = 0.8  # beyond, the two parts would excite waves that are not there
    END = 375.0  # the middle of what goes through is at the screen

    def __init__(self, shape: tuple[int, int] = (256, 384)) -> None:
        rows, columns = shape
        y = np.arange(rows)[:, None] - (rows - 1) / 2
        x = np.arange(columns)[None, :]
        self.momentum = 2 * np.pi / self.WAVELENGTH
        packet = np.exp(-(((x - 66) / 24) ** 2) - (y / 46) ** 2)
        self.psi: Complex = packet * np.exp(1j * self.momentum * x)
        self.psi /= np.sqrt(np.sum(np.abs(self.psi) ** 2))
        self.screen: Real = np.zeros(rows)
        self.time = 0.0
        ky = 2 * np.pi * np.fft.fftfreq(rows)[:, None]
        kx = 2 * np.pi * np.fft.fftfreq(columns)[None, :]
        self._kinetic = (kx**2 + ky**2) / 2
        wall = np.zeros(shape)
        wall[:, slice(*self.WALL)] = 1.5  # the packet's energy is 0.3
        for slit in self.SLITS:
            wall[slice(*slit), slice(*self.WALL)] = 0
        border = np.minimum(rows / 2 - np.abs(y), np.minimum(x, columns - 1 - x))
        swallow = 0.25 * np.clip(1 - border / 24, 0, 1) ** 2
        self._potential: Complex = wall - 1j * swallow
        self._step = 0.0

    def advance(self, step: float) -> None:
        """Compute one time step in place."""
        if step != self._step:
            self._step = step
            self._drift = np.exp(-1j * step * self._kinetic)
            self._kick = np.exp(-1j * step * self._potential)
        spectrum = np.fft.fft2(self.psi)
        spectrum *= self._drift
        self.psi[...] = np.fft.ifft2(spectrum)
        self.psi *= self._kick
        at_screen = self.psi[:, self.SCREEN]
        self.screen += step * self.momentum * np.abs(at_screen) ** 2
        self.time += step

    def crossing(self, seconds: float) -> Iterator[None]:
        """Advance to the end in about that many seconds, whatever the machine.

        The time step is what the speed of the machine asks for, as far as accuracy
        lets it; a machine too slow for that stops before the end.
        """
        begun = planned = time.monotonic()
        step, count = 0.1, 0
        while self.time < self.END and time.monotonic() - begun < 1.2 * seconds:
            self.advance(step)
            yield
            count += 1
            now = time.monotonic()
            if now - planned > (0.2 if planned == begun else 1.0):
                cost = (now - planned) / count
                left = max(begun + seconds - now, cost)
                wanted = (self.END - self.time) * cost / left
                step = min(max(wanted, 0.001), self.LONGEST_STEP)
                planned, count = now, 0


# -- the plot ----------------------------------------------------------------------


class DoubleSlit(Plotter):
    """Draws a complex wave: its phase as hue, its modulus as brightness.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    """

    INK = "#e8ecf4"
    GROUND = "#0a0c14"
    FULL = 1.6e-3  # probability per unit of length that fills the screen's scale

    def __init__(self, figure: Figure) -> None:
        rows, columns = 256, 384
        figure.set_size_inches(8.8, 5.0)
        figure.set_facecolor(self.GROUND)
        grid = figure.add_gridspec(
            1, 2, width_ratios=[3.4, 1], wspace=0.03, left=0.03, right=0.975
        )
        grid.update(top=0.9, bottom=0.09)
        axes = figure.add_subplot(grid[0])
        axes.set_axis_off()
        extent = (-0.5, columns - 0.5, -0.5, rows - 0.5)
        self.image = axes.imshow(
            np.zeros((rows, columns, 3), np.uint8),
            extent=extent,
            origin="lower",
            interpolation="bilinear",
            aspect="auto",
        )
        left, right = Wave.WALL
        edges = [0, *(edge for slit in Wave.SLITS for edge in slit), rows]
        for low, high in zip(edges[::2], edges[1::2]):
            axes.fill_between(
                [left - 0.5, right - 0.5], low - 0.5, high - 0.5, color="#c9d1e3", lw=0
            )
        axes.axvline(Wave.SCREEN, color=self.INK, lw=0.8, alpha=0.35, ls=(0, (2, 4)))
        axes.text(
            *(0.0, 1.035, "one particle, two slits"),
            transform=axes.transAxes,
            color=self.INK,
            fontsize=15,
            fontweight="bold",
        )
        axes.text(
            *(0.0, -0.055, "hue: phase of the wave    brightness: its modulus"),
            transform=axes.transAxes,
            color=self.INK,
            alpha=0.6,
            fontsize=9,
        )
        self.clock = axes.text(
            *(1.0, 1.035, ""),
            transform=axes.transAxes,
            color=self.INK,
            ha="right",
            fontsize=11,
            family="monospace",
        )
        self._screen(figure.add_subplot(grid[1]), rows)
        self.peak = 0.0
        self.palette = self._palette()

    def _screen(self, axes: Any, rows: int) -> None:
        axes.set_facecolor(self.GROUND)
        axes.set(xlim=(0, 1.3), ylim=(-0.5, rows - 0.5), xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_visible(False)
        self.glow = axes.imshow(
            np.zeros((rows, 1)),
            extent=(0, 0.16, -0.5, rows - 0.5),
            origin="lower",
            interpolation="bilinear",
            aspect="auto",
            cmap="inferno",
            vmin=0,
            vmax=1,
        )
        axes.set_xlim(0, 1.3)
        (self.curve,) = axes.plot([], [], color="#ffb454", lw=1.8)
        self.seen = axes.text(
            *(0.16 / 1.3, 1.035, ""),
            transform=axes.transAxes,
            color="#ffb454",
            fontsize=11,
        )
        axes.text(
            *(0.16 / 1.3, -0.055, "what the screen has seen"),
            transform=axes.transAxes,
            color=self.INK,
            alpha=0.6,
            fontsize=9,
        )

    @staticmethod
    def _palette() -> Real:
        """256 colours once around the circle, of nearly equal brightness."""
        angle = np.linspace(-np.pi, np.pi, 256, endpoint=False)[:, None]
        colours: Real = 0.56 + 0.44 * np.cos(angle - np.array([0.3, 2.3, 4.2]))
        weights = np.array([0.3, 0.55, 0.15])
        colours *= (0.72 / (colours @ weights))[:, None] ** 0.6
        return np.clip(colours, 0, 1)

    def draw(self, psi: Complex, screen: Real, time: float) -> list[Artist]:
        """Show the wave and the screen; the returned artists are all that changes."""
        modulus = np.abs(psi)
        # The scale follows the wave, as it spreads, but not each of its flickers.
        top = float(np.quantile(modulus, 0.9995)) or 1.0
        self.peak = top if not self.peak else 0.9 * self.peak + 0.1 * top
        bright = np.clip(modulus / self.peak, 0, 1) ** 0.55
        hue = ((np.angle(psi) / (2 * np.pi) + 0.5) * 256).astype(np.uint8)
        ground = np.array([10, 12, 20])
        colours = self.palette[hue] * 255 - ground
        self.image.set_data((ground + bright[..., None] * colours).astype(np.uint8))
        self.clock.set_text(f"t = {time:5.1f}")
        share = screen / max(float(screen.max()), self.FULL)
        self.glow.set_data(share[:, None])
        self.curve.set_data(0.2 + share, np.arange(len(screen)))
        self.seen.set_text(f"{100 * screen.sum():.1f} % arrived")
        return [self.image, self.clock, self.glow, self.curve, self.seen]


# -- both together -----------------------------------------------------------------


def run(seconds: float = 30.0, *, view: str = "auto", save: Path | None = None) -> int:
    """Calculate and show a crossing; say what was seen and what watching cost.

    Parameters
    ----------
    seconds : float, default: 30
        About how long.
    view : {"auto", "window", "none"}, default: "auto"
        Whether to open a window; ``"auto"`` does where one can be opened.
    save : Path, optional
        Picture to draw off-screen, in a process of its own. Default: one in the
        current directory where no window is opened.

    Returns
    -------
    int
        Exit status of the command.
    """
    possible = surroundings.display() and bool(surroundings.toolkit())
    window = view == "window" or (view == "auto" and possible)
    if not window and save is None:
        save = PICTURE
    wave, told, interrupted = Wave(), "no view opened", False
    server = Server(
        DoubleSlit,
        view="window" if window else None,
        wait_for_client=OPENING if window else False,
        name="demo",
    )
    painter: _Painter | None = None
    try:
        server.start()
        if window and save is None and not server.viewers:
            save = PICTURE  # the window did not open; the server has said why
        with contextlib.ExitStack() as stack:
            if save is not None:
                painter = stack.enter_context(_Painter(server, save))
            stack.enter_context(server)  # ends first: then the painter finishes
            if painter is not None:
                painter.wait_until_open(server)
            if any(viewer.view for viewer in server.viewers):
                told = ""
            for _ in wave.crossing(seconds):
                server.update(wave.psi, wave.screen, time=wave.time)
    except KeyboardInterrupt:
        interrupted = True
        server.close()
    if painter is not None and painter.trouble:
        told = painter.trouble
    print(summary(server.stats, save=save, trouble=told, interrupted=interrupted))
    return 130 if interrupted else 1 if told else 0


def summary(
    stats: Statistics,
    *,
    save: Path | None = None,
    trouble: str = "",
    interrupted: bool = False,
) -> str:
    """Say in one line what was seen and what that cost.

    Parameters
    ----------
    stats : Statistics
        Of the ended run.
    save : Path, optional
        Where the picture is.
    trouble : str
        Why nothing, or no picture, was shown.
    interrupted : bool
        Whether the run was ended by Ctrl-C.
    """
    line = (
        f"{'interrupted: ' if interrupted else ''}"
        f"{stats.sent} of {stats.updates} updates were shown in {stats.elapsed:.1f} s; "
        f"watching cost {100 * stats.overhead:.2f} % of the calculation's time"
    )
    if trouble:
        return f"{line}; {trouble}"
    return f"{line}; the last one is in {save}" if save is not None else line


class _Painter:
    """A viewer that draws off-screen into a file, in a process and session of its own.

    Not launched by the server, since its command is an ordinary user's: ``async-plot
    view FILE --save PNG``.
    """

    def __init__(self, server: Server, save: Path) -> None:
        file = server.connection_file
        assert file is not None  # the server has started
        self.trouble = ""
        self._log = file.parent / "view.log"
        command = [sys.executable, "-m", "async_plot", "view", str(file)]
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(os.open(self._log, flags, 0o600), "wb") as output:
            self._process = subprocess.Popen(
                [*command, "--save", str(save)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the calculation alone.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )

    def wait_until_open(self, server: Server) -> None:
        """Return when its figure is open, or it has ended, or it takes too long."""
        deadline = time.monotonic() + OPENING
        while time.monotonic() < deadline and self._process.poll() is None:
            if any(viewer.view for viewer in server.viewers):
                return
            time.sleep(0.02)

    def __enter__(self) -> _Painter:
        return self

    def __exit__(self, *_: object) -> None:
        """Let it draw the last frame: it ends with the run."""
        try:
            status = self._process.wait(OPENING)
            if status:
                self.trouble = f"the viewer ended with {status}, see {self._log}"
        except subprocess.TimeoutExpired:
            self.trouble = f"the viewer took too long, see {self._log}"
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
