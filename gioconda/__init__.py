"""Gioconda: portraits and a driving clip become a talking-head MP4 that says what it is.

    from gioconda import Job, animate

    *steps, last = animate(Job(portraits=["me.jpg"], gesture="smile", output="me.mp4"))
    print(last.clip.path, last.clip.seconds)

`animate` checks the job at the call and returns an iterator: a `heads.base.Step` for every step of the work, and last a
`Finished` whose `clip` is the video. Closing the iterator cancels the run and leaves nothing behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gioconda.errors import Cancelled, DrivingError, GiocondaError, InputError, OutputError, PortraitError, SettingError
from gioconda.job import Clip, Finished, Job

if TYPE_CHECKING:
    from gioconda.studio import animate

__version__ = "0.1.0"
"""The one home of the version: tags of the MP4, `--version` and pyproject.toml read it here."""

__all__ = [
    "Cancelled",
    "Clip",
    "DrivingError",
    "Finished",
    "GiocondaError",
    "InputError",
    "Job",
    "OutputError",
    "PortraitError",
    "SettingError",
    "__version__",
    "animate",
]


def __getattr__(name: str) -> Any:
    """`animate` brings the tracker and the video library along, so it is imported when it is first asked for (PEP 562)."""
    if name == "animate":
        from gioconda.studio import animate

        return animate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
