"""A stage in a thread gives the same items in order, hands errors over, and is gone when its consumer is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from heads.ahead import ahead, shared


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "gioconda-ahead"]


class Source:
    """Counts up; remembers how far it was asked to and whether it was closed."""

    def __init__(self, count: int, fail_at: int | None = None) -> None:
        self.count, self.fail_at, self.made, self.closed = count, fail_at, 0, threading.Event()

    def __iter__(self) -> Iterator[int]:
        try:
            for i in range(self.count):
                if i == self.fail_at:
                    raise ValueError("broken in the middle")
                self.made = i + 1
                yield i
        finally:
            self.closed.set()


def test_items_come_in_order_and_the_thread_ends() -> None:
    assert list(ahead(iter(Source(500)))) == list(range(500))
    assert threads() == []


def test_nothing_is_done_before_the_first_item_is_asked_for() -> None:
    source = Source(5)
    items = ahead(iter(source))
    assert source.made == 0 and threads() == []
    assert next(items) == 0
    items.close()


def test_closing_early_closes_the_source_and_joins_the_thread() -> None:
    source = Source(10_000)
    items = ahead(iter(source), depth=2)
    for wanted in range(3):
        assert next(items) == wanted
    items.close()
    assert source.closed.is_set() and threads() == []
    assert source.made <= 3 + 2 + 1, "no more than the queue holds was made ahead"


def test_an_error_of_the_source_is_raised_after_what_came_before() -> None:
    source = Source(10, fail_at=4)
    items = ahead(iter(source))
    assert [next(items) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="broken in the middle"):
        next(items)
    assert source.closed.is_set() and threads() == []


def test_an_error_of_the_consumer_ends_the_thread() -> None:
    source = Source(10_000)

    def consume() -> None:
        with closing(ahead(iter(source))) as items:
            for _ in items:
                raise KeyError

    with pytest.raises(KeyError):
        consume()
    assert source.closed.is_set() and threads() == []


class Stubborn:
    """One item, and a close that fails."""

    def __init__(self) -> None:
        self.items = iter([1])

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        return next(self.items)

    def close(self) -> None:
        raise OSError("cannot be closed")


def test_an_error_while_closing_the_source_does_not_leave_the_consumer_waiting() -> None:
    items = ahead(Stubborn())
    assert next(items) == 1
    with pytest.raises(OSError, match="cannot be closed"):
        next(items)
    assert threads() == []


def test_shared_work_keeps_its_order_and_draws_no_more_than_it_needs() -> None:
    drawn: list[int] = []
    first_may_end = threading.Event()

    def items() -> Iterator[int]:
        for item in range(9):
            drawn.append(item)
            yield item

    def work(item: int) -> int:
        if item == 0:
            first_may_end.wait(10)  # the others are done before the first one
        else:
            first_may_end.set()
        return 10 * item

    with ThreadPoolExecutor(3) as pool:
        made = shared(pool, work, items(), 3)
        assert next(made) == 0
        assert drawn == [0, 1, 2, 3]
        assert list(made) == [10 * item for item in range(1, 9)]
        early = shared(pool, work, iter(range(1, 9)), 3)
        assert next(early) == 10
        early.close()


def test_shared_work_of_one_thread_is_the_callers_and_failures_are_raised() -> None:
    def work(item: int) -> int:
        return 6 // item

    with ThreadPoolExecutor(2) as pool:
        alone = shared(pool, lambda _: threading.current_thread(), iter(range(2)), 1)
        assert set(alone) == {threading.current_thread()}
        with pytest.raises(ZeroDivisionError):
            list(shared(pool, work, iter([3, 2, 0, 1]), 2))
