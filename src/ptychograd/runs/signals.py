"""Signals that end a run in order: what it has done is saved first."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Ctrl-C; the end of a batch job, and of a connection; and the warnings before it, as batch systems send them.
ENDING = ("SIGINT", "SIGBREAK", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
GRACE = 10.0  # seconds for a run to come out of its epoch, in which the same is not asked for once more


class Ending:
    """The first signal interrupts what is being done; those that come while the result is being saved wait for that."""

    def __init__(self) -> None:
        self._first: str | None = None
        self._patient_until = 0.0  # by the clock of `time.monotonic`
        self._waiting: str | None = None
        self._saving = False

    @property
    def summary(self) -> str:
        """By what the run was interrupted, in words; nothing if it was by no signal."""
        return "" if self._first is None else f"interrupted by {self._first}; "

    @property
    def why(self) -> str:
        """The same of a run of which is known that it was interrupted."""
        return self.summary or "interrupted; "

    def forget(self) -> None:
        """As if none had come."""
        self._first, self._waiting, self._saving = None, None, False

    def heed(self) -> None:
        """Begin to take these signals; one that is ignored, as SIGHUP under nohup, stays so."""
        self.forget()
        if threading.current_thread() is not threading.main_thread():
            return  # no other thread may
        for name in ENDING:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                signal.signal(number, self)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Python calls this in the main thread when a signal has come."""
        name = signal.Signals(number).name
        if self._saving:
            self._waiting = self._waiting or name
            return
        if self._first is not None and time.monotonic() < self._patient_until:
            return
        self._first, self._patient_until = self._first or name, time.monotonic() + GRACE
        raise KeyboardInterrupt

    def insist(self) -> None:
        """Between two steps: interrupt once more where the first time was lost, as in code that Python calls back."""
        if self._first is not None and not self._saving:
            raise KeyboardInterrupt

    def hold(self) -> None:
        """Let signals wait from here on, until `release`."""
        self._saving = True

    def release(self) -> None:
        """What was to be saved is saved; a signal that has waited for that interrupts now, if it is the first."""
        name = self._waiting
        self._saving, self._waiting, self._patient_until = False, None, 0.0
        if name is not None and self._first is None:
            self._first = name
            raise KeyboardInterrupt

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let signals wait meanwhile, as something is saved."""
        self.hold()
        try:
            yield
        finally:
            self.release()


ending = Ending()
