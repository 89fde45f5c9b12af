"""Whether several portraits show one person: strangers are refused, doubts are told."""

from __future__ import annotations

from collections.abc import Sequence

from gioconda.errors import PortraitError
from heads.base import Portrait

_NEEDED = (
    "Several portraits have to show one person, at about one age and in one style: the first is moved, the others lend to it."
)


def check(portraits: Sequence[Portrait], names: Sequence[str]) -> list[str]:
    """Compare every portrait with the first one.

    Args:
        portraits: one or more.
        names: their files, as the user knows them.

    Returns:
        Complete sentences for the report, one for each portrait that may show somebody else.

    Raises:
        PortraitError: one of them clearly does.
    """
    from heads.likeness import DOUBTFUL, OTHER, unlikeness

    if len(portraits) == 1:
        return []
    notes = []
    for name, apart in zip(names[1:], unlikeness(portraits)[1:], strict=True):
        if apart > OTHER:
            raise PortraitError(
                f"{names[0]} and {name} do not look like one person.",
                _NEEDED,
                f"Leave {name} out, or choose a picture of the same person that is more like the first.",
            )
        if apart > DOUBTFUL:
            notes.append(
                f"{name} may not show the person of {names[0]}, or at another age or in another style. "
                "If the result looks strange, leave it out."
            )
    return notes
