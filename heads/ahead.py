"""One stage of the chain of generators in a thread of its own."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")

_POLL = 0.02
"""Seconds after which a waiting producer looks whether anybody still wants what it makes."""


FEWEST, MOST = 2, 8
"""Threads that share a stage whose items do not depend on each other: two on the project's reference machine of two cores."""


def lanes() -> int:
    """Threads for such a stage on this machine: half its cores, the other half being for what runs beside it."""
    return min(max(FEWEST, (os.cpu_count() or FEWEST) // 2), MOST)


def _nothing() -> None:
    """What closing an iterator that is no generator does."""


def ahead(source: Iterator[T], depth: int = 3) -> Generator[T]:
    """Walk `source` in a thread, at most `depth` items ahead of the consumer.

    Items come in order. What the source raises is raised here. When this generator is closed, or its consumer raises, the
    source is closed and the thread joined before control returns. Work starts at the first `next`.
    """
    ready: queue.Queue[tuple[T | None, BaseException | None, bool]] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: tuple[T | None, BaseException | None, bool]) -> bool:
        while not stop.is_set():
            try:
                ready.put(item, timeout=_POLL)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        failure: BaseException | None = None
        try:
            try:
                for item in source:
                    if not put((item, None, False)):
                        break
            finally:
                getattr(source, "close", _nothing)()
        except BaseException as error:  # noqa: BLE001 - handed over to the consumer, whatever it is
            failure = error
        put((None, failure, True))

    # No daemon: one that still paints while Python shuts down takes the process down with it (SIGABRT from C++).
    thread = threading.Thread(target=work, name="gioconda-ahead")
    try:
        thread.start()
        while True:
            item, failure, last = ready.get()
            if failure is not None:
                raise failure
            if last:
                return
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        if thread.is_alive():
            thread.join()
