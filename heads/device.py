"""What heads of networks share about devices: precisions as torch calls them, and batches that fit into the memory there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from heads.base import HeadError, Precision

if TYPE_CHECKING:
    import torch

Item = TypeVar("Item")
Made = TypeVar("Made")


def dtype(precision: Precision) -> torch.dtype:
    """The torch type of a precision."""
    import torch

    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]


_UNKNOWN_TO_ACCELERATE = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""Other words for a full device: of pinned memory, of code that is loaded when it is first used, of the libraries' own."""

_DOUBTFUL = "unable to find an engine"
"""What cuDNN says when no algorithm's workspace fits (pytorch issue 108645), but also when it has none for a type."""


@contextmanager
def roomy() -> Iterator[None]:
    """Tell a device that is out of memory in the words of the house.

    Raises:
        HeadError: the device is out of memory.
    """
    try:
        yield
    except RuntimeError as error:
        if (full := _full(error)) is None:
            raise
        raise _error("with this head alone", full) from error


def _full(error: RuntimeError, *, least: bool = True) -> str | None:
    """What a device says of its memory; None where the error is another one.

    Args:
        error: what was raised.
        least: no less can be asked of the device, so that what may mean something else means that.
    """
    from accelerate.utils.memory import should_reduce_batch_size

    text = str(error)
    full = should_reduce_batch_size(error) or any(words in text for words in _UNKNOWN_TO_ACCELERATE)
    return text.partition("\n")[0] if full or (_DOUBTFUL in text and not least) else None


def _error(when: str, full: str) -> HeadError:
    return HeadError(
        f"The device is out of memory {when} ({full}). The head needs more than is free. "
        "Close other programs that use it, or choose --precision fp16, or --device cpu."
    )


class Batches:
    """Runs work on batches as large as the device's memory allows; for one call of `animate`.

    A batch that does not fit is taken in halves, and later batches are no larger than what fitted.
    `accelerate.utils.find_executable_batch_size` would do it all over again from the first item, and collects garbage and
    empties the device's cache before every call; here its two parts are used, which know every device's message and cache.
    """

    def __init__(self, largest: int) -> None:
        self.size = max(1, largest)
        """Items that are worked on at once: what was asked for, or what was found to fit."""

    def of(self, items: Sequence[Item], work: Callable[[Sequence[Item]], Made]) -> Iterator[Made]:
        """Yield what `work` makes of each batch of the items, in their order.

        Args:
            items: what there is to do.
            work: takes at least one item and at most `size`; may be called again with some of the items of a call that ran
                out of memory.

        Raises:
            HeadError: there is too little memory for a single item.
        """
        done = 0
        while done < len(items):
            batch = items[done : done + self.size]
            made, full = self._tried(batch, work)
            if full is None:
                done += len(batch)
                yield from made
            elif len(batch) == 1:
                raise _error("with a single frame", full)
            else:
                from accelerate.utils.memory import clear_device_cache

                clear_device_cache(garbage_collection=True)  # the error and the tensors that it held are gone by now
                self.size = len(batch) // 2

    @staticmethod
    def _tried(batch: Sequence[Item], work: Callable[[Sequence[Item]], Made]) -> tuple[list[Made], str | None]:
        """What was made of a batch, or what the device said of its memory."""
        try:
            return [work(batch)], None
        except RuntimeError as error:
            if (full := _full(error, least=len(batch) == 1)) is None:
                raise
            return [], full
