"""Devices: batches that halve where memory ends; with the allocator's own error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pytest
import torch

from heads.base import HeadError
from heads.device import Batches, dtype, roomy

HUGE = 1 << 60
"""Bytes that no machine has."""


def worker(fits: int, calls: list[int]) -> Callable[[Sequence[int]], list[int]]:
    """Work that needs more memory than there is for more than `fits` items."""

    def work(batch: Sequence[int]) -> list[int]:
        calls.append(len(batch))
        if len(batch) > fits:
            torch.empty(HUGE, dtype=torch.uint8)
        return [item * 10 for item in batch]

    return work


@pytest.mark.parametrize(
    ("fits", "sizes"), [(8, [8, 8, 4]), (4, [8, 4, 4, 4, 4, 4]), (3, [8, 4, 2] + [2] * 9), (1, [8, 4, 2, 1] + [1] * 19)]
)
def test_batches_halve_until_they_fit_and_no_item_is_lost(fits: int, sizes: list[int]) -> None:
    calls: list[int] = []
    batches = Batches(8)
    made = [item for part in batches.of(range(20), worker(fits, calls)) for item in part]
    assert made == [item * 10 for item in range(20)]
    assert calls == sizes


def test_what_fitted_is_remembered_for_the_next_items() -> None:
    calls: list[int] = []
    batches = Batches(8)
    for _ in range(2):
        list(batches.of(range(8), worker(3, calls)))
    assert calls == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]


def test_a_single_item_that_does_not_fit_is_told() -> None:
    with pytest.raises(HeadError, match=r"out of memory with a single frame \(.*can't allocate memory.*--device cpu"):
        list(Batches(4).of(range(4), worker(0, [])))


def test_a_head_that_does_not_fit_is_told() -> None:
    with pytest.raises(HeadError, match=r"out of memory with this head alone .*Close other programs"), roomy():
        torch.empty(HUGE, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="size"), roomy():
        torch.zeros(2) @ torch.zeros(3)


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: out of memory\nCUDA kernel errors might be reported later",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_a_full_gpu_is_known_by_other_words_too(words: str) -> None:
    with pytest.raises(HeadError, match="out of memory with this head alone"), roomy():
        raise RuntimeError(words)


def test_no_engine_means_a_smaller_batch_and_with_a_single_item_what_it_says() -> None:
    def work(batch: Sequence[int], most: int = 2) -> Sequence[int]:
        if len(batch) > most:
            raise RuntimeError("GET was unable to find an engine to execute this computation")
        return batch

    assert [list(part) for part in Batches(4).of(range(4), work)] == [[0, 1], [2, 3]]
    with pytest.raises(RuntimeError, match="unable to find an engine"):
        list(Batches(4).of(range(4), partial(work, most=0)))


def test_other_errors_are_none_of_its_business() -> None:
    def work(_batch: Sequence[int]) -> None:
        torch.zeros(2) @ torch.zeros(3)

    with pytest.raises(RuntimeError, match="size"):
        list(Batches(4).of(range(4), work))


def test_nothing_is_done_before_it_is_asked_for() -> None:
    calls: list[int] = []
    made = Batches(2).of(range(6), worker(9, calls))
    assert calls == []
    next(made)
    assert calls == [2]


def test_precisions_have_their_types() -> None:
    assert [dtype(name) for name in ("fp32", "fp16", "bf16")] == [torch.float32, torch.float16, torch.bfloat16]
