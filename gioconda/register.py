"""The driver's movement measured finer than landmarks can say: each frame's face is registered to the neutral frame's."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

from heads.ahead import lanes
from heads.base import Floats, Image
from heads.register import Registration


def registered(
    rest: tuple[Image, Floats], frames: Iterable[tuple[Image, Floats | None]]
) -> Iterator[tuple[Floats, Floats] | None]:
    """Correct the landmarks of every frame and measure its shade, in order, in several threads; None where there are none.

    Args:
        rest: the neutral frame (H, W, 3) uint8 and its landmarks (478, 3), pixels.
        frames: likewise, None where no face was found; read in the caller's thread, a few ahead.
    """
    with ExitStack() as stack:
        count = lanes()
        workers = [(Registration(*rest), stack.enter_context(ThreadPoolExecutor(1, "register"))) for _ in range(count)]
        waiting: deque[Future[tuple[Floats, Floats]] | None] = deque()
        for index, (image, points) in enumerate(frames):
            registration, thread = workers[index % count]
            waiting.append(None if points is None else thread.submit(registration, image, points))
            if len(waiting) > 2 * count:
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())


def _result(future: Future[tuple[Floats, Floats]] | None) -> tuple[Floats, Floats] | None:
    return None if future is None else future.result()
