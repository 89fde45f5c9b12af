"""What a command shows on a terminal: lines, wrapped messages and a progress bar."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO, TypeVar, cast

if TYPE_CHECKING:
    from gioconda.interrupt import Interrupt
    from heads.base import Step

WIDTH = 100
"""Characters: longest line of a message on a terminal."""


def columns() -> int:
    """Characters in a line of the terminal behind the standard error; some say that they have none."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or WIDTH
    except (OSError, ValueError):
        return WIDTH


def wrapped(message: str) -> str:
    """A message in lines that fit the terminal; as it is where the standard error is none."""
    if not sys.stderr.isatty():
        return message
    width = min(WIDTH, columns())
    return "\n".join(
        textwrap.fill(line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for line in message.splitlines()
    )


def say(text: str, stream: TextIO) -> None:
    """Print a line; a reader that went away (`| head -1`) is no error."""
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        # Python flushes once more at its end and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


Last = TypeVar("Last")


def walk(steps: Iterator[Step | Last], kind: type[Last], interrupt: Interrupt) -> Last:
    """Walk through the steps with a progress bar; returns the last one, which is of `kind`."""
    from gioconda.choose import Announced

    with closing(cast(Any, steps)), Bar() as bar:
        for step in steps:
            if isinstance(step, kind):
                interrupt.closing()  # all is written
                return step
            if isinstance(step, Announced):
                bar.line(step.label)
            else:
                bar.show(cast("Step", step))
            interrupt.check()
    raise RuntimeError("the work ended without a result")


class Bar:
    """Progress on a terminal: one line a stage, with speed and time left. Silent when the standard error is none."""

    def __init__(self) -> None:
        self._wanted = sys.stderr.isatty()
        self._bar: Any = None
        self._label = ""

    def show(self, step: Step) -> None:
        """Show a step."""
        if not self._wanted:
            return
        if self._bar is None or step.label != self._label:
            self._close()
            self._bar, self._label = self._opened(step), step.label
        self._bar.total = step.total or None
        self._bar.update(step.done - self._bar.n)

    def _opened(self, step: Step) -> Any:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no thread that only watches the others
        layout = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{rate_noinv_fmt}, {remaining} left]"
        return tqdm(
            desc=step.label,
            total=step.total or None,
            unit="",
            file=sys.stderr,
            ncols=columns() - 1,
            nrows=2,  # not asked of the terminal: some say that they have none, and tqdm would say nothing
            mininterval=0.1,
            bar_format=layout if step.total else None,
        )

    def line(self, text: str) -> None:
        """Say a line that stays, above the bar; also where there is none."""
        if self._bar is not None:
            self._bar.clear()
        say(text, sys.stderr)
        if self._bar is not None:
            self._bar.refresh()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close()
