"""Ctrl-C and SIGTERM as a wish that is met between steps: no file is left half. Knows signals only."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from inkdigits.errors import TrainingStopped

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def stopping(signals: tuple[signal.Signals, ...] = SIGNALS) -> Iterator[Callable[[], None]]:
    """Catches signals and yields a check that raises `TrainingStopped` once one has come.

    The second of a kind does what it did before. Outside the main thread nothing is caught.
    """
    wished = threading.Event()

    def wish(number: int, _frame: FrameType | None) -> None:
        wished.set()
        signal.signal(number, before[signal.Signals(number)])

    def check() -> None:
        if wished.is_set():
            raise TrainingStopped("stopped")

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = {number: signal.getsignal(number) for number in signals}
    for number in before:
        signal.signal(number, wish)
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Ignores Ctrl-C meanwhile. Processes that are started here go on ignoring it: their parent decides."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
