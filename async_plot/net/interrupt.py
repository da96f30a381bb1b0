"""Ctrl-C for this process's main thread, sent by another thread of it."""

from __future__ import annotations

import signal
import threading

__all__ = ["interrupt", "why_not"]


def why_not() -> str:
    """Why SIGINT cannot be sent to this process's main thread; empty if it can."""
    if not threading.main_thread().is_alive():
        return "the main thread has ended"
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.SIG_IGN:
        return "the calculation ignores SIGINT"
    if handler is None:
        return "SIGINT is handled by something that is not Python"
    return ""


def interrupt() -> None:
    """Send SIGINT to the main thread: what it waits for in the kernel ends, too."""
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGINT)
    else:  # Windows, where a sleep is ended by that
        import _thread

        _thread.interrupt_main()
