"""Ctrl-C and SIGTERM: answered at once, but never in the middle of a write."""

from __future__ import annotations

import contextlib
import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A person or the system asked this process to end.

    Attributes:
        status: what the process should exit with, 128 + the signal's number.
    """

    def __init__(self, number):
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


@contextlib.contextmanager
def raising():
    """Raises `Interrupted` in the block when one of `SIGNALS` comes."""

    def interrupt(number, frame):
        raise Interrupted(number)

    with _handled_by(interrupt):
        yield


@contextlib.contextmanager
def held_back():
    """Lets the block end before a signal that comes meanwhile is answered."""
    came = []
    with _handled_by(lambda number, frame: came.append(number)):
        yield
    if came:
        signal.raise_signal(came[0])


@contextlib.contextmanager
def _handled_by(handler):
    """Sets the handler for the block; Python allows it in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)
