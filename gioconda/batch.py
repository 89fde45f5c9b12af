"""Many jobs by any number of processes on any number of machines: each is done once, what failed is told, the rest goes on.

Every process walks through the whole list and takes what is free (`gioconda.desk`), instead of getting a fixed share as
accelerate's `split_between_processes` gives it: clips differ in length, machines in speed, one may come later, and what a
process that died was working on is free again. Nothing is agreed on between the processes, so torchrun and `accelerate
launch` are one way to start them, and starting the same command on several machines that share a folder is another. Of the
processes that were started together the first waits for the others, does what they left, and ends with the summary and the
exit code; the others end with 0, as torchrun would end them all with the first that fails.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gioconda import __version__, joblist
from gioconda.choose import Announced
from gioconda.desk import Desk, Record
from gioconda.device import Seat
from gioconda.errors import GiocondaError
from gioconda.job import Clip, Finished
from gioconda.joblist import Task
from gioconda.studio import animate
from heads.base import HeadError, Image, Step
from weights import WeightsError

JOBS = "Jobs"

HEARTBEAT = 0.25
"""Seconds after which somebody who waits for another process looks whether the run was stopped."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The last step of a batch, a `heads.base.Step` by shape."""

    label: str
    done: int
    total: int
    summary: Path | None
    """Where the summary lies; None in a process that is not the first."""
    results: Sequence[Record] = ()
    """What became of each job, in the order of the list."""
    preview: Image | None = None

    @property
    def failed(self) -> int:
        """How many jobs failed."""
        return sum(one["state"] == "failed" for one in self.results)


def batch(path: Path, out: Path, shared: Mapping[str, Any], *, overwrite: bool, seat: Seat) -> Iterator[Step | Batch]:
    """Do the jobs of a list: yields steps while it works; the last one is a `Batch`. The list is read at the call.

    Args:
        path: the list (`gioconda.joblist`).
        out: the folder of the results; NAME.mp4 and its report NAME.json for each job, and last summary.json.
        shared: settings for all jobs, by the names of the fields of `Job`.
        overwrite: do again what earlier runs have done.
        seat: which of several processes this one is.

    Raises:
        SettingError: the list or a line of it cannot be used; at the call.
        OutputError: the folder cannot be written to; at the call.
    """
    tasks = joblist.read(path, out, shared)
    return _run(tasks, Desk(out, overwrite=overwrite), seat)


def _run(tasks: Sequence[Task], desk: Desk, seat: Seat) -> Generator[Step | Batch, None, None]:
    begun = time.perf_counter()
    first = len(tasks) * seat.rank // seat.of
    yield Step(JOBS, 0, len(tasks))
    for done, task in enumerate([*tasks[first:], *tasks[:first]], 1):
        if desk.settled(task) is None:
            with desk.claim(task) as mine:
                if mine and desk.settled(task) is None:
                    yield from _worked(task, desk, seat, done - 1, len(tasks))
        yield Step(JOBS, done, len(tasks))
    if seat.rank:
        yield Batch("Done", len(tasks), len(tasks), None)
        return
    results = []
    for task in tasks:
        yield from _awaited(task, desk, seat, len(tasks))
        results.append(desk.settled(task) or {"name": task.name, "state": "failed", "message": "Its result was taken away."})
    counts = {state: sum(one["state"] == state for one in results) for state in ("done", "kept", "failed")}
    seconds = round(time.perf_counter() - begun, 1)
    told = {"tool": "Gioconda", "version": __version__, "jobs": len(tasks), **counts, "seconds": seconds, "results": results}
    yield Batch("Done", len(tasks), len(tasks), desk.summarise(told), results)


def _awaited(task: Task, desk: Desk, seat: Seat, total: int) -> Generator[Step, None, None]:
    """Wait for a job that another process works on; when that ends without a result, do it."""
    told = False
    while desk.settled(task) is None:
        with desk.claim(task, HEARTBEAT) as mine:
            if mine and desk.settled(task) is None:
                yield from _worked(task, desk, seat, total, total)
            elif not mine and not told:
                yield Announced(f"waiting for {task.name}, which another process works on", total, total)
                told = True
        yield Step(JOBS, total, total)


def _worked(task: Task, desk: Desk, seat: Seat, done: int, total: int) -> Generator[Step, None, None]:
    """Do one job, claimed by this process, and note what became of it; only an interruption leaves it undone."""
    clock = time.perf_counter()
    by = f" (process {seat.rank + 1} of {seat.of})" if seat.of > 1 else ""
    begun, head = False, ""
    try:
        desk.begin(task)
        begun = True
        clip = None
        with closing(animate(task.job)) as steps:  # type: ignore[type-var]
            for step in steps:
                if isinstance(step, Finished):
                    clip = step.clip
                elif isinstance(step, Announced):
                    head = head or step.label
                yield Step(JOBS, done, total)
        took = round(time.perf_counter() - clock, 2)
        desk.note(task, "done", begun=True, seconds=took, by=seat.rank, **_facts(clip))
        said = f"done, {clip.frames if clip else 0} frames in {took:.1f} s"
    except Exception as error:  # noqa: BLE001 - whatever ends one job must not end the others
        message = _message(error)
        yield Step(JOBS, done, total)  # an interruption may look like an error of a library; then this is not returned from
        desk.note(task, "failed", begun=begun, message=message, by=seat.rank, head=head)
        said = f"failed: {message}"
    yield Announced(f"{task.name}: {said}{by}", done, total)


def _facts(clip: Clip | None) -> Mapping[str, Any]:
    if clip is None:
        raise RuntimeError("the work ended without a result")
    rendering = clip.report["rendering"]["line"]
    return {"output": clip.path.name, "sha256": clip.sha256, "frames": clip.frames, "head": rendering}


def _message(error: Exception) -> str:
    """An error in a sentence; those that nobody foresaw with their kind."""
    from gioconda.cli import DEBUG

    known = isinstance(error, GiocondaError | HeadError | WeightsError)
    if not known and os.environ.get(DEBUG) == "1":
        traceback.print_exception(error)
    return str(error) if known else f"{type(error).__name__}: {' '.join(str(error).split())}"


def table(ended: Batch) -> Iterator[str]:
    """The results as lines to read, and the sum of them."""
    wide = max(len(one["name"]) for one in ended.results)
    for one in ended.results:
        frames = f"{one['frames']:>6} frames" if "frames" in one else " " * 13
        seconds = f"{one['seconds']:>7.1f} s" if "seconds" in one else " " * 9
        yield f"{one['name']:<{wide}}  {one['state']:<6}  {frames}  {seconds}  {one.get('message') or one['output']}".rstrip()
    counts = [(state, sum(one["state"] == state for one in ended.results)) for state in ("done", "kept", "failed")]
    jobs = f"{len(ended.results)} job{'s' * (len(ended.results) > 1)}"
    yield f"{jobs}: " + ", ".join(f"{count} {WORDS[state]}" for state, count in counts if count) + f"; {ended.summary}"


WORDS = {"done": "done", "kept": "kept from before", "failed": "failed"}
"""What the states of jobs are called in the sum."""
