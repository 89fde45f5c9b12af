"""Errors that a user may see. Each says three things: what was found, what is needed, what to do.

    GiocondaError                exit code 1    anything that stops a run
    ├── InputError               exit code 2    what the user gave cannot be used
    │   ├── PortraitError                       a picture: unreadable, too large, no face, face too small
    │   ├── DrivingError                        a clip, motion file or gesture: unreadable, empty, no face
    │   ├── OutputError                         the place to write to: exists, not writable, disk full
    │   ├── SettingError                        a setting that is out of its range or contradicts another
    │   ├── IdentityError                       the certificate or key that results are signed with
    │   └── LedgerError                         the ledger of what was made here: locked, damaged, not writable
    ├── UnsignedError            exit code 1    the results are there, but they could not be signed
    └── Cancelled                exit code 130  the user stopped the run

`weights.WeightsError` and `heads.base.HeadError` belong to their own rooms; the command line and the page show them alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class GiocondaError(Exception):
    """Something stops the run.

    Args:
        found: what was met, with the name of the file and the figure that matters.
        needed: what it takes instead.
        do: what the user can do about it now.
    """

    code = 1
    """Exit code of the command line."""

    def __init__(self, found: str, needed: str, do: str) -> None:
        super().__init__(found, needed, do)
        self.found, self.needed, self.do = found, needed, do

    def __str__(self) -> str:
        return f"{self.found} {self.needed} {self.do}"


class InputError(GiocondaError):
    """What the user gave cannot be used."""

    code = 2


class PortraitError(InputError):
    """A portrait cannot be read, is too large, shows no face or one that is too small."""


class DrivingError(InputError):
    """A driving clip, motion file or gesture cannot be read, is empty or shows no face."""


class OutputError(InputError):
    """The output exists already, cannot be written, or the disk is full."""


class SettingError(InputError):
    """A setting is out of its range or contradicts another one."""


class IdentityError(InputError):
    """The certificate or key that results are signed with is missing, unreadable, expired, or open to others."""


class LedgerError(InputError):
    """The ledger of what was made here is locked, damaged or cannot be written."""


class UnsignedError(GiocondaError):
    """The results are finished but could not be signed: they lie beside their places, under names that say so.

    Args:
        kept: where they lie, the video first.
    """

    def __init__(self, found: str, needed: str, do: str, kept: Sequence[Path] = ()) -> None:
        super().__init__(found, needed, do)
        self.kept = tuple(kept)

    def __str__(self) -> str:
        names = ", ".join(map(str, self.kept))
        return f"{self.found} The finished result was kept without Content Credentials as {names}. {self.needed} {self.do}"


class Cancelled(GiocondaError):
    """The user stopped the run; nothing was left at the output's path."""

    code = 130
