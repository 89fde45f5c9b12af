"""Full-size networks with made-up weights against the original networks' numbers (`bench/golden.py`)."""

from __future__ import annotations

import pytest

from bench import golden

SLOW = (golden.warping, golden.generator)


def check(case: golden.Case) -> None:
    rows = list(golden.compared(case))
    assert rows
    for name, error, bound in rows:
        assert error <= bound, f"{name}: {error:.1e}"


@pytest.mark.parametrize("case", [case for case in golden.CASES if case not in SLOW])
def test_as_the_original(case: golden.Case) -> None:
    check(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", SLOW)
def test_as_the_original_where_it_takes_longer(case: golden.Case) -> None:
    check(case)


def test_every_golden_value_is_compared() -> None:
    names = {name for name, _ in golden.stitching()}
    assert names == {name for name in golden.GOLDEN if name.startswith("S")}
    assert {name.partition(".")[0] for name in golden.GOLDEN} == {
        "F", "M", "S_stitching", "S_lip", "S_eye", "W_near", "W_far", "G",
    }  # fmt: skip
