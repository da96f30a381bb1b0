"""What differs between GUI toolkits: waking, waiting, the strip's place, a text box.

Knows no run and no frame. Whatever is called here is called in the GUI's thread.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection, Iterator
from typing import Any, Protocol

from ..net import surroundings

__all__ = ["Toolkit", "choose_backend", "close_all", "of", "own_pyplot"]

_PART = 0.45  # of a window's height that a strip may have
_LEAST = 130.0  # pixels that it may have anyway
_TYPED = 110.0  # pixels of a box to type into, at least
POLL = 0.015  # seconds between looks at a descriptor where a toolkit cannot wait for it


class Toolkit(Protocol):
    """One GUI toolkit, as the window uses it."""

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call back in the event loop when a descriptor is readable."""

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back once, in the event loop."""

    def attach(self, manager: Any, figure: Any, height: int) -> Any:
        """Put a canvas of that height under a window's figure; None if it cannot."""

    def set_height(self, manager: Any, canvas: Any, height: int, *, grow: bool) -> None:
        """Change the height of an attached canvas, and the window's by as much."""

    def room(self, manager: Any, canvas: Any, *, grow: bool) -> float:
        """Height that an attached canvas may have, if the window grows or does not."""

    def paint_now(self, canvas: Any) -> None:
        """Bring a canvas to the screen although the event loop does not run."""

    def drawn(self, canvas: Any) -> None:
        """Forget a drawing that was asked for: the canvas has just been drawn."""

    def settle(self) -> None:
        """Let the toolkit do what it puts off while it is never idle."""

    def show_text(self, manager: Any, title: str, text: str) -> None:
        """Show a long text in a window that belongs to that one."""

    def ask_text(
        self,
        manager: Any,
        canvas: Any,
        box: tuple[float, float, float, float],
        text: str,
        done: Callable[[str], None],
    ) -> None:
        """Let a text be typed over a part of a canvas: x0, x1, y0, y1 of its figure.

        ``done(text)`` is called if Enter ends it; Escape or a click elsewhere leaves.
        """

    def quit(self) -> None:
        """End the event loop."""

    def end(self) -> None:
        """Give back what `watch` and `later` hold."""


def of(manager: Any) -> Toolkit:
    """Find the toolkit of a matplotlib window."""
    framework = type(manager.canvas).required_interactive_framework
    if framework == "qt" and hasattr(manager.window, "takeCentralWidget"):
        return _Qt()
    if framework == "tk":
        return _Tk(manager)
    return _Other(manager)


def choose_backend() -> bool:
    """Settle matplotlib's backend; return whether it can open windows.

    One that was chosen before, by IPython, ``MPLBACKEND`` or the user's settings,
    stays if it works here.
    """
    import matplotlib

    try:
        chosen: str | None = matplotlib.get_backend(auto_select=False)
    except TypeError:  # before matplotlib 3.10
        chosen = matplotlib.rcParams._get_backend_or_none()  # type: ignore[attr-defined]
    # A notebook hands its own backend down to its children.
    if chosen is None or "inline" in chosen:
        chosen = surroundings.toolkit() if surroundings.display() else "agg"
    import matplotlib.pyplot as plt

    try:
        plt.switch_backend(chosen or "agg")
    except ImportError as error:
        print(f"async_plot: no window can be opened: {error}", flush=True)
        plt.switch_backend("agg")
    return _opens_windows(matplotlib.get_backend())


@contextlib.contextmanager
def own_pyplot(keys: Collection[str] = ()) -> Iterator[None]:
    """Keep pyplot from showing, raising and waiting: windows are opened here.

    A plotter that opens its own windows may call ``show`` as it would in a script;
    that would wait for ever. The keys that are given mean nothing to its toolbars.
    """
    import matplotlib
    import matplotlib.pyplot as plt

    shown, interactive = plt.show, matplotlib.is_interactive()
    matplotlib.interactive(False)
    changed: dict[str, Any] = {
        name: [key for key in bound if key not in keys]
        for name, bound in matplotlib.rcParams.items()
        if name.startswith("keymap.") and keys
    }
    changed["figure.raise_window"] = False
    context: Any = matplotlib.rc_context
    with context(changed):
        plt.show = lambda *args, **kwargs: None
        try:
            yield
        finally:
            plt.show = shown
            matplotlib.interactive(interactive)


def close_all() -> None:
    """Close every window that pyplot knows."""
    import matplotlib.pyplot as plt

    plt.close("all")


def _opens_windows(backend: str) -> bool:
    try:
        from matplotlib.backends.registry import backend_registry
    except ImportError:  # before matplotlib 3.9
        from matplotlib import rcsetup

        known: Any = rcsetup.interactive_bk  # type: ignore[attr-defined,unused-ignore]
        return backend.lower() in (name.lower() for name in known)
    registry: Any = backend_registry
    return registry.resolve_backend(backend)[1] is not None


def _milliseconds(seconds: float) -> int:
    return max(0, math.ceil(1000 * seconds))


def _room(window: float, strip: float, screen: float, *, fixed: bool) -> float:
    """Height that a strip may have: a part of the window, as it would then be."""
    if fixed:
        return max(_LEAST, _PART * window)
    # A window grows with its strip, up to the height of the screen.
    grown = min(strip + 0.92 * screen - window, _PART / (1 - _PART) * (window - strip))
    return max(_LEAST, grown)


class _Qt:
    """Qt, by whichever binding matplotlib uses."""

    def __init__(self) -> None:
        from matplotlib.backends import qt_compat

        binding: Any = qt_compat
        self._core = binding.QtCore
        self._gui = binding.QtGui
        self._widgets = binding.QtWidgets
        self._notifier: Any = None

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        kinds = self._core.QSocketNotifier.Type
        self._notifier = self._core.QSocketNotifier(descriptor, kinds.Read)
        self._notifier.activated.connect(lambda *_: callback())

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        self._core.QTimer.singleShot(_milliseconds(seconds), callback)

    def attach(self, manager: Any, figure: Any, height: int) -> Any:
        window = manager.window
        canvas: Any = type(manager.canvas)(figure)
        canvas.setFixedHeight(height)
        canvas.setFocusPolicy(self._core.Qt.FocusPolicy.NoFocus)
        size = window.size()
        central = window.takeCentralWidget()
        box = self._widgets.QWidget(window)
        layout = self._widgets.QVBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(central, 1)
        layout.addWidget(canvas, 0)
        window.setCentralWidget(box)
        window.resize(size.width(), size.height() + height)
        manager.canvas.setFocus()
        return canvas

    def set_height(self, manager: Any, canvas: Any, height: int, *, grow: bool) -> None:
        window = manager.window
        grown = height - canvas.height()
        canvas.setFixedHeight(height)
        if grow and not (window.isMaximized() or window.isFullScreen()):
            window.resize(window.width(), window.height() + grown)

    def room(self, manager: Any, canvas: Any, *, grow: bool) -> float:
        window = manager.window
        screen = window.screen().availableGeometry().height()
        fixed = not grow or window.isMaximized() or window.isFullScreen()
        return _room(window.height(), canvas.height(), screen, fixed=fixed)

    def paint_now(self, canvas: Any) -> None:
        canvas.repaint()

    def drawn(self, canvas: Any) -> None:
        if getattr(canvas, "_draw_pending", False):
            canvas._draw_pending = False

    def settle(self) -> None:
        pass  # its events have one queue, and each gets its turn

    def show_text(self, manager: Any, title: str, text: str) -> None:
        dialog = self._widgets.QDialog(manager.window)
        dialog.setAttribute(self._core.Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(title)
        box = self._widgets.QPlainTextEdit(text)
        box.setReadOnly(True)
        box.setLineWrapMode(self._widgets.QPlainTextEdit.LineWrapMode.NoWrap)
        fonts = self._gui.QFontDatabase
        box.setFont(fonts.systemFont(fonts.SystemFont.FixedFont))
        layout = self._widgets.QVBoxLayout(dialog)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(box)
        dialog.resize(760, 380)
        dialog.show()

    def ask_text(
        self,
        manager: Any,
        canvas: Any,
        box: tuple[float, float, float, float],
        text: str,
        done: Callable[[str], None],
    ) -> None:
        left, top, width, height = _placed(canvas, box, canvas.device_pixel_ratio)
        line = self._widgets.QLineEdit(text, canvas)
        # As wide as what is typed into it needs, as far as there is room.
        width = min(max(width, _TYPED), canvas.width() - left)
        line.setGeometry(round(left), round(top), round(width), round(height))
        line.setStyleSheet("padding: 0 2px")

        def leave() -> None:  # also when it loses the focus, or was left already
            line.editingFinished.disconnect(leave)
            line.hide()
            line.deleteLater()
            manager.canvas.setFocus()

        def enter() -> None:
            typed = str(line.text())
            leave()
            done(typed)

        line.returnPressed.connect(enter)
        line.editingFinished.connect(leave)
        home = self._gui if hasattr(self._gui, "QShortcut") else self._widgets  # Qt 5
        escape = home.QShortcut(self._gui.QKeySequence("Esc"), line)
        escape.setContext(self._core.Qt.ShortcutContext.WidgetShortcut)
        escape.activated.connect(leave)
        line.selectAll()
        line.show()
        line.setFocus()

    def quit(self) -> None:
        application = self._widgets.QApplication.instance()
        if application is not None:
            application.quit()

    def end(self) -> None:
        if self._notifier is not None:
            self._notifier.setEnabled(False)
            self._notifier = None


class _Tk:
    """Tk. Its timers end with the window they hang on, so they hang on a hidden one."""

    def __init__(self, manager: Any) -> None:
        import tkinter

        self._tkinter: Any = tkinter
        self._root: Any = tkinter.Tk(className="matplotlib")
        self._root.withdraw()
        self._descriptor: int | None = None

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        try:
            self._root.tk.createfilehandler(
                descriptor, self._tkinter.READABLE, lambda *_: callback()
            )
            self._descriptor = descriptor
        except (AttributeError, NotImplementedError):  # on Windows
            _poll(self, callback)

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        self._root.after(_milliseconds(seconds), callback)

    def attach(self, manager: Any, figure: Any, height: int) -> Any:
        main = manager.canvas.get_tk_widget()
        # Narrow, for its width is asked of the window; it is stretched to what
        # the window has.
        figure.set_size_inches(100 / figure.dpi, height / figure.dpi)
        canvas: Any = type(manager.canvas)(figure, master=manager.window)
        widget = canvas.get_tk_widget()
        widget.configure(height=height)
        # Before the figure: Tk shrinks what is packed last.
        widget.pack(side=self._tkinter.BOTTOM, fill=self._tkinter.X, before=main)
        widget.bind("<Button-1>", lambda event: main.focus_set(), add="+")
        main.focus_set()
        return canvas

    def set_height(self, manager: Any, canvas: Any, height: int, *, grow: bool) -> None:
        window, widget = manager.window, canvas.get_tk_widget()
        height = round(height * canvas.device_pixel_ratio)
        grown = height - widget.winfo_height()
        widget.configure(height=height)
        if grow and widget.winfo_ismapped() and window.state() == "normal":
            size = f"{window.winfo_width()}x{window.winfo_height() + grown}"
            window.geometry(size)

    def room(self, manager: Any, canvas: Any, *, grow: bool) -> float:
        window, widget = manager.window, canvas.get_tk_widget()
        ratio = canvas.device_pixel_ratio
        heights = window.winfo_height(), widget.winfo_height()
        whole, strip = (height / ratio for height in heights)
        screen = window.winfo_screenheight() / ratio
        fixed = not (grow and window.state() == "normal" and widget.winfo_ismapped())
        return _room(whole, strip, screen, fixed=fixed)

    def paint_now(self, canvas: Any) -> None:
        canvas.get_tk_widget().update_idletasks()

    def drawn(self, canvas: Any) -> None:
        pending = getattr(canvas, "_idle_draw_id", None)
        if pending:
            canvas.get_tk_widget().after_cancel(pending)
            canvas._idle_draw_id = None

    def settle(self) -> None:
        # Frames that come as fast as they are drawn leave no idle moment, in which
        # Tk lays out and matplotlib redraws after a resize.
        self._root.update_idletasks()

    def show_text(self, manager: Any, title: str, text: str) -> None:
        tk = self._tkinter
        window = tk.Toplevel(manager.window)
        window.transient(manager.window)
        window.title(title)
        box = tk.Text(window, wrap="none", width=100, height=24, borderwidth=0)
        box.configure(padx=8, pady=6)
        bar = tk.Scrollbar(window, command=box.yview)
        box.configure(yscrollcommand=bar.set)
        box.insert("1.0", text)
        box.configure(state="disabled")
        bar.pack(side="right", fill="y")
        box.pack(side="left", fill="both", expand=True)

    def ask_text(
        self,
        manager: Any,
        canvas: Any,
        box: tuple[float, float, float, float],
        text: str,
        done: Callable[[str], None],
    ) -> None:
        left, top, width, height = _placed(canvas, box, 1.0)
        widget = canvas.get_tk_widget()
        width = max(width, _TYPED * canvas.device_pixel_ratio)
        width = min(width, widget.winfo_width() - left)
        line = self._tkinter.Entry(widget, borderwidth=1, relief="solid")
        line.insert(0, text)
        line.selection_range(0, "end")
        line.place(x=left, y=top, width=width, height=height)

        def leave(event: Any = None) -> None:
            line.unbind("<FocusOut>")
            line.destroy()
            manager.canvas.get_tk_widget().focus_set()

        def enter(event: Any) -> None:
            typed = str(line.get())
            leave()
            done(typed)

        for key in ("<Return>", "<KP_Enter>"):
            line.bind(key, enter)
        line.bind("<Escape>", leave)

        def begin() -> None:
            line.bind("<FocusOut>", leave)
            line.focus_set()

        line.after(0, begin)  # after the click itself, which gives the figure the focus

    def quit(self) -> None:
        self._root.quit()

    def end(self) -> None:
        if self._descriptor is not None:
            self._root.tk.deletefilehandler(self._descriptor)
        self._root.destroy()


class _Other:
    """Any other toolkit: matplotlib's timers, and the window's title for a strip."""

    def __init__(self, manager: Any) -> None:
        self._canvas: Any = manager.canvas
        self._timers: set[Any] = set()

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        _poll(self, callback)

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        timer = self._canvas.new_timer(interval=max(1, _milliseconds(seconds)))
        timer.single_shot = True
        self._timers.add(timer)

        def fire() -> None:
            self._timers.discard(timer)
            callback()

        timer.add_callback(fire)
        timer.start()

    def attach(self, manager: Any, figure: Any, height: int) -> Any:
        return None

    def set_height(self, manager: Any, canvas: Any, height: int, *, grow: bool) -> None:
        pass

    def room(self, manager: Any, canvas: Any, *, grow: bool) -> float:
        return math.inf

    def paint_now(self, canvas: Any) -> None:
        pass

    def drawn(self, canvas: Any) -> None:
        pass

    def settle(self) -> None:
        pass

    def show_text(self, manager: Any, title: str, text: str) -> None:
        print(f"{title}\n{text}", flush=True)

    def ask_text(
        self,
        manager: Any,
        canvas: Any,
        box: tuple[float, float, float, float],
        text: str,
        done: Callable[[str], None],
    ) -> None:
        pass  # without a strip there is nothing to click

    def quit(self) -> None:
        pass  # they end when their last window is closed

    def end(self) -> None:
        for timer in self._timers:
            timer.stop()


def _placed(
    canvas: Any, box: tuple[float, float, float, float], ratio: float
) -> tuple[float, float, float, float]:
    """Left, top, width and height of a part of a figure, as widgets are placed."""
    x0, x1, y0, y1 = box
    top = canvas.figure.bbox.height - y1
    return x0 / ratio, top / ratio, (x1 - x0) / ratio, (y1 - y0) / ratio


def _poll(toolkit: _Tk | _Other, callback: Callable[[], None]) -> None:
    def look() -> None:
        callback()
        toolkit.later(POLL, look)

    toolkit.later(POLL, look)
