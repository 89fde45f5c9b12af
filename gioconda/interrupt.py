"""Ctrl-C, SIGTERM and a closed terminal end a run at its next step, so that everything is tidied up behind it."""

from __future__ import annotations

import signal
import sys
from types import FrameType, TracebackType
from typing import Any, Self

PATIENCE = 1.5
"""Seconds that a run is given to reach its next step; then it is interrupted wherever it stands. Steps come many times a
second, except while libraries are loaded."""

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Interrupt:
    """While it is entered, the first signal sets `asked`; the run looks at it between two steps and closes its iterator.

    `PATIENCE` seconds without a step raise KeyboardInterrupt in the main thread (where the system has no timer, the signal
    itself does). From then on, and once `closing` was called, signals are ignored: a second Ctrl-C must not stop the tidying.
    """

    def __init__(self) -> None:
        self.asked = False
        """Whether the user wants the run to stop."""
        self._closing = False
        self._before: dict[int, Any] = {}

    def check(self) -> None:
        """Raise KeyboardInterrupt when the user wants the run to stop: to be called between two steps."""
        if self.asked:
            self.closing()
            raise KeyboardInterrupt

    def closing(self) -> None:
        """Ignore signals from now on."""
        self._closing = True
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._closing:
            return
        self.asked = True
        if hasattr(signal, "setitimer") and number != signal.SIGALRM:
            if not signal.getitimer(signal.ITIMER_REAL)[0]:
                signal.setitimer(signal.ITIMER_REAL, PATIENCE)
            return
        self.closing()
        raise KeyboardInterrupt

    def __enter__(self) -> Self:
        names = (*_NAMES, "SIGALRM") if hasattr(signal, "setitimer") else _NAMES
        for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
            # Whoever started us with a signal ignored (nohup, a shell's background job) meant it.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        self._hook = sys.unraisablehook
        sys.unraisablehook = self._unraisable
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.closing()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        sys.unraisablehook = self._hook

    def _unraisable(self, what: sys.UnraisableHookArgs) -> None:
        """An interruption that hits a destructor is lost there; `asked` still stops the run at its next step."""
        if what.exc_type is not KeyboardInterrupt:
            self._hook(what)
        else:
            self._closing = False
