"""Gioconda: portraits and a driving clip become a talking-head MP4 that says what it is.

    from gioconda import Job, animate

    *steps, last = animate(Job(portraits=["me.jpg"], gesture="smile", output="me.mp4"))
    print(last.clip.path, last.clip.seconds)

`animate` checks the job at the call and returns an iterator: a `heads.base.Step` for every step of the work, and last a
`Finished` whose `clip` is the video. Closing the iterator cancels the run and leaves nothing behind. `verify` looks at any
video or picture and returns a `Verdict`: whether Gioconda made it, and whether it was changed since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gioconda.errors import (
    Cancelled,
    DrivingError,
    GiocondaError,
    IdentityError,
    InputError,
    OutputError,
    PortraitError,
    SettingError,
    UnsignedError,
)
from gioconda.job import Clip, Finished, Job

if TYPE_CHECKING:
    from gioconda.marks.verify import Verdict, verify
    from gioconda.studio import animate

__version__ = "0.1.0"
"""The one home of the version: tags of the MP4, `--version` and pyproject.toml read it here."""

__all__ = [
    "Cancelled",
    "Clip",
    "DrivingError",
    "Finished",
    "GiocondaError",
    "IdentityError",
    "InputError",
    "Job",
    "OutputError",
    "PortraitError",
    "SettingError",
    "UnsignedError",
    "Verdict",
    "__version__",
    "animate",
    "verify",
]


def __getattr__(name: str) -> Any:
    """What brings large libraries along is imported when it is first asked for (PEP 562)."""
    if name == "animate":
        from gioconda.studio import animate

        return animate
    if name in ("verify", "Verdict"):
        from gioconda.marks import verify

        return getattr(verify, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
