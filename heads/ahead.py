"""One stage of the chain of generators in threads of its own."""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
Made = TypeVar("Made")

_POLL = 0.02
"""Seconds after which a waiting producer looks whether anybody still wants what it makes."""


FEWEST, MOST, MOST_ALONE = 2, 8, 12
"""Threads that share a stage whose items do not depend on each other: two on the project's reference machine of two cores."""


def lanes(*, alone: bool = False) -> int:
    """Threads for such a stage on this machine: half its cores, the other half being for what runs beside it.

    Args:
        alone: nothing but the reading of files runs beside it, so it takes three quarters.
    """
    cores = os.cpu_count() or FEWEST
    return min(max(FEWEST, cores * 3 // 4), MOST_ALONE) if alone else min(max(FEWEST, cores // 2), MOST)


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


def shared(pool: ThreadPoolExecutor, work: Callable[[T], Made], items: Iterator[T], threads: int) -> Generator[Made]:
    """What `work` makes of each item, in order, up to `threads` of them at once.

    Args:
        pool: has so many threads; whoever made it ends it.
        work: depends on its item alone.
        items: drawn in the caller's thread.
        threads: how many; with one, the caller does the work as it asks for it.
    """
    if threads <= 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Made]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
