"""Which head renders a run, on which device and in which precision: what `auto` means, and why it was so.

Nothing is chosen in silence: the choice is the first line of the command line, stands on the page and in the report.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import heads
import weights
from gioconda import device, own, shelf
from gioconda.errors import SettingError
from gioconda.job import Job
from heads.base import Accelerated, Head, HeadError, Precision, Step
from heads.device import roomy

LOADING = "Loading the head"


@dataclass(frozen=True, slots=True, eq=False)
class Announced(Step):
    """A step whose label is a line that stays."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What renders a run."""

    head: str
    device: str
    """"cpu", "cuda:0", "mps"."""
    precision: Precision
    why: str
    """The reason, as part of a sentence."""
    notes: tuple[str, ...] = ()
    """What did not go as asked for."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Those of the head's own, with the values that it works with; none before it is built."""

    def line(self) -> str:
        """The choice in one line."""
        place = "the CPU" if (self.device, self.precision) == ("cpu", "fp32") else f"{self.device} in {self.precision}"
        return f"head: {self.head}, on {place} ({self.why})"

    def facts(self) -> dict[str, Any]:
        """The choice as the report has it."""
        return {
            "head": self.head,
            "device": self.device,
            "precision": self.precision,
            "why": self.why,
            "line": self.line(),
            "notes": list(self.notes),
            "settings": dict(self.settings),
        }


def choose(job: Job) -> Choice:
    """Choose head, device and precision, as far as the job leaves them open. Nothing is fetched and no head is built.

    `auto` takes the first head of the registry that can do the job well: one of networks where the job has what it follows,
    a GPU is there and its weights are on this machine or can be had; one without networks otherwise.

    Raises:
        SettingError: a device or precision was asked for that is not there, or a setting that the head does not take.
        HeadError: there is no head of that name, or it follows pictures and the job has none.
    """
    if job.head != "auto":
        return _given(job)
    reasons: list[str] = []
    for name in heads.REGISTRY:
        kind = heads.kind(name)
        if not kind.accelerated:
            free = (job.device, job.precision) == ("auto", "auto")
            why = reasons[-1] if reasons else "it needs no GPU"
            own.check(job, name, why)
            return Choice(name, "cpu", "fp32", why if free else f"{why}; device and precision are for heads of networks")
        against = _against(job, name, kind)
        found = device.device(job.device)
        if against is None and found.device is None:
            against = found.about
        ready, how = (False, "") if against else _weights_of(name, kind.needs)
        if against is None and ready and found.device:
            return Choice(name, found.device, device.precision(job.precision, found.device), f"{found.about}; {how}")
        reasons.append(against or f"there is a GPU, {found.about}, but {how}")
    raise SettingError(
        f"No head can do this: {'; '.join(reasons)}.", "A head is needed that can.", "Choose one with --head NAME."
    )


def _given(job: Job) -> Choice:
    """The choice where the head was named."""
    kind = heads.kind(job.head)
    if not kind.accelerated:
        if job.device not in ("auto", "cpu") or job.precision not in ("auto", "fp32"):
            raise SettingError(
                f"--device is {job.device} and --precision is {job.precision}.",
                f"The {job.head} head has no networks: it runs on the CPU in fp32.",
                "Leave both out, or choose another head.",
            )
        return Choice(job.head, "cpu", "fp32", "chosen by --head")
    if "crops" in kind.drives and job.driving is None:
        raise HeadError(
            f"The {job.head} head follows pictures of the driver's face, and a {'gesture' if job.gesture else 'motion file'} "
            "has none. It needs a driving clip. Give --driving CLIP, or choose --head warp."
        )
    found = device.device(job.device)
    place = found.device or "cpu"
    worth = None if found.device else device.worth_of_bf16()
    slow = "" if found.device else "; a network takes seconds for each frame there" + (f", and {worth}" if worth else "")
    return Choice(job.head, place, device.precision(job.precision, place), f"chosen by --head; {found.about}{slow}")


def _against(job: Job, name: str, kind: type[Head]) -> str | None:
    """What about the job a head cannot do."""
    if "crops" in kind.drives and job.driving is None:
        return (
            f"the {name} head follows pictures of a driver's face, and a {'gesture' if job.gesture else 'motion file'} has none"
        )
    if len(job.portraits) not in kind.shots:
        return f"the {name} head does not take {len(job.portraits)} portraits"
    return own.unfit(job, name)


def _weights_of(name: str, needs: Sequence[str]) -> tuple[bool, str]:
    """Whether the files of a head are here or can be had, and a word on it."""
    from weights import hub

    missing = [weights.entry(need) for need in needs if weights.located(need) is None]
    if not missing:
        return True, "its weights are here"
    try:
        hub.ask(missing[0])
    except weights.WeightsError as error:
        return False, f"the {name} head's weights are not here: {error}".rstrip(".")
    total = sum(entry.bytes for entry in missing) // shelf.MB
    return True, f"its weights, {max(1, total)} MB, are fetched from {hub.places()[1]} once"


def rendering(job: Job) -> Generator[Step, None, tuple[Head, Choice]]:
    """Choose the head, fetch what it lacks and build it, as steps of a run; the first says what was chosen.

    A head of networks that cannot work in half precision on this device is built again in single precision, and that is said.

    Raises:
        SettingError, HeadError, weights.WeightsError: as `choose`, and when a file cannot be had or is wrong.
    """
    choice = choose(job)
    kind = heads.kind(choice.head)
    if job.head == "auto" or kind.accelerated:
        yield Announced(choice.line(), 0, 0)
    yield from shelf.fetching(kind.needs)
    if kind.accelerated:
        yield Step(LOADING, 0, 0)
    files = tuple((need, weights.path(need)) for need in kind.needs)
    head, precision, why = _built(choice.head, files, choice.device, choice.precision)
    if precision != choice.precision:
        note = f"{choice.precision} {why} on {choice.device}; {precision}, which is slower, is used"
        choice = replace(choice, precision=precision, notes=(note,))
        yield Announced(f"note: {note}", 0, 0)
    head = own.adjusted(job, head)
    return head, replace(choice, settings=own.chosen(head))


@lru_cache(maxsize=1)
def _built(name: str, files: tuple[tuple[str, Path], ...], device: str, precision: Precision) -> tuple[Head, Precision, str]:
    """A head from its files, the precision that it works in, and what is wrong with the one that was asked for.

    The last head is kept: the page and a batch read weights once. A head keeps nothing of a person (`heads.base.Head.enroll`),
    so nothing of one run can reach another by it.
    """
    with roomy(), _there(device):
        head = heads.load(name, dict(files), device, precision)
        why = "" if precision == "fp32" else _unfit(cast(Accelerated, head))
        if not why:
            return head, precision, why
        del head
        head = heads.load(name, dict(files), device, "fp32")
        if _unfit(cast(Accelerated, head)):
            raise HeadError(
                f"The {name} head gives values that are not finite in fp32 either. Its weights are not numbers. "
                f"Fetch them anew: python -m gioconda weights verify {name}"
            )
        return head, "fp32", why


@contextmanager
def _there(device: str) -> Iterator[None]:
    """Tell of a device that was named to accelerate and that this build of torch does not know."""
    try:
        yield
    except AssertionError as error:
        if "not compiled with" not in str(error):
            raise
        raise SettingError(
            f"The device is {device}.", f"{error}.", "Choose --device cpu, or unset ACCELERATE_TORCH_DEVICE."
        ) from error


def _unfit(head: Accelerated) -> str:
    """Why a head cannot work in its precision; empty where it can."""
    try:
        return "" if head.finite() else "gives values that are not finite"
    except NotImplementedError:  # how torch says that an operation lacks a type on a device
        return "is not implemented"
