"""The folder of a batch: who works on which job, and what became of each. Processes and machines share it and nothing else.

Beside the results lies `.batch` with two files for each job. `NAME.lock` is locked by whoever works on it; the system lets go
of it when that process ends, however it ends. `NAME.json` says how far it is: begun, done or failed, and for which job
(`Task.digest`). It is written whole or not at all, and last, so that "done" means that the result is there.

A run ends with its summary. What is older than the newest summary belongs to an earlier run: what was done stays done, what
failed is tried again. So a run that was interrupted is continued by starting it again, and no clock but the folder's own is
asked.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gioconda.errors import OutputError
from gioconda.joblist import SUMMARY, Task, results

KEPT = ".batch"

Record = Mapping[str, Any]
"""What is known of a job; JSON types."""


class Desk:
    """The folder of one batch, as one process sees it."""

    def __init__(self, out: Path, *, overwrite: bool) -> None:
        """Make the folder where it is missing.

        Args:
            out: the folder of the results.
            overwrite: do again what earlier runs have done, and replace files that no batch has made.

        Raises:
            OutputError: it cannot be made or written to.
        """
        self.out, self._kept, self._overwrite = out, out / KEPT, overwrite
        try:
            self._kept.mkdir(parents=True, exist_ok=True)
            probe = self._kept / f"{secrets.token_hex(4)}.part"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise OutputError(
                f"The folder {out} cannot be written to ({error.strerror}).",
                "The results need a folder with the permission to write there.",
                "Choose another --out.",
            ) from error
        self._since = _time(out / SUMMARY)
        self._digests: dict[str, str] = {}
        self._own: dict[str, Record] = {}

    def settled(self, task: Task) -> Record | None:
        """What became of a job, when it needs no work: done, or failed in this run; None otherwise."""
        if task.name in self._own:
            return self._own[task.name]
        record = self._read(task)
        if record is None or record.get("digest") != task.digest():
            return None
        fresh = _time(self._record(task)) > self._since
        if record["state"] == "failed":
            return record if fresh else None
        if record["state"] != "done" or (self._overwrite and not fresh):
            return None
        there = all(_size(self.out / name) == size for name, size in record["sizes"].items())
        return {**record, "state": "done" if fresh else "kept"} if there else None

    @contextmanager
    def claim(self, task: Task, seconds: float = 0.0) -> Iterator[bool]:
        """Whether this process has the job while the context lasts; another one may have it.

        Args:
            task: the job.
            seconds: how long to wait for it.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self._kept / f"{task.name}.lock", mode=0o664)
        try:
            lock.acquire(timeout=seconds, poll_interval=0.02)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def begin(self, task: Task) -> None:
        """Note that a job is worked on, and delete what an earlier attempt left. To be called with the job claimed.

        Raises:
            OutputError: files of that name are there which no batch has made.
        """
        record = self._read(task)
        there = [place for place in results(task.job) if place.exists()]
        if there and not self._overwrite and (record is None or not record["begun"]):
            raise OutputError(
                f"{there[0]} exists already and was not made by a batch.",
                "Nothing is replaced unless you say so.",
                'Choose another --out or "name", or add --overwrite.',
            )
        self._digests[task.name] = task.digest()  # an input that is changed from now on makes the job another one
        self.note(task, "begun", begun=True)
        former = [self.out / name for name in (record or {}).get("sizes", ())]  # it may have made a reel, and make none now
        for place in {*there, *former}:
            place.unlink(missing_ok=True)
        name = Path(task.job.output).name
        if len(name) <= WHOLE:  # the parts of a video whose name was cut might be those of another job
            for part in self.out.glob("*.part"):
                if re.fullmatch(re.escape(name) + r"\.[0-9a-f]{6}\.part", part.name):
                    part.unlink(missing_ok=True)

    def note(self, task: Task, state: str, *, begun: bool, **more: Any) -> Record:
        """Write down what became of a job."""
        digest = self._digests.get(task.name) or task.digest()
        record = {"name": task.name, "line": task.line, "state": state, "digest": digest, "begun": begun, **more}
        if state == "done":
            record["sizes"] = {place.name: place.stat().st_size for place in results(task.job) if place.exists()}
        _write(self._record(task), record)
        if state != "begun":
            self._own[task.name] = record
        return record

    def summarise(self, told: Mapping[str, Any]) -> Path:
        """Write the summary, which ends the run."""
        _write(self.out / SUMMARY, told)
        return self.out / SUMMARY

    def _record(self, task: Task) -> Path:
        return self._kept / f"{task.name}.json"

    def _read(self, task: Task) -> Record | None:
        try:
            record = json.loads(self._record(task).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            record = None
        return record if isinstance(record, dict) and {"state", "begun"} <= set(record) else {"state": "lost", "begun": True}


WHOLE = 40
"""Characters of an output's name that its part carries (`gioconda.media.VideoWriter`)."""


def _write(place: Path, told: Mapping[str, Any]) -> None:
    part = place.with_name(f"{secrets.token_hex(4)}.part")
    try:
        part.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


def _time(place: Path) -> int:
    """Nanoseconds of the last change by the folder's own clock; 0 where there is no file."""
    try:
        return place.stat().st_mtime_ns
    except OSError:
        return 0


def _size(place: Path) -> int | None:
    try:
        return place.stat().st_size
    except OSError:
        return None
