"""The examples below the page: each is a portrait and a movement, and runs when it is clicked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "examples"
"""Where the examples lie in a clone; an installed package comes without them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One example."""

    title: str
    portrait: Path
    source: str
    """"gesture" or "driving", as in `gioconda.form.Source`."""
    value: str
    """Name of the gesture, or path of the clip."""


_CLIP = "driving.mp4"
"""Instead of a gesture: the clip with sound."""

_TABLE = (
    ("Ada smiles", "ada.jpg", "smile"),
    ("Mei says it aloud", "mei.jpg", _CLIP),
    ("The astronaut nods", "astronaut.jpg", "nod"),
    ("Kofi laughs", "kofi.jpg", "laugh"),
    ("Marble wakes up", "marble.jpg", "surprise"),
    ("The drawing winks", "drawing.jpg", "wink"),
    ("Bram speaks", "bram.jpg", "speak"),
    ("Ines looks about", "ines.jpg", "living"),
)
"""Title, portrait, movement."""


def samples(folder: Path = FOLDER) -> list[Sample]:
    """The examples whose files lie in the folder."""
    made = []
    for title, name, move in _TABLE:
        portrait, clip = folder / "portraits" / name, folder / _CLIP
        source, value = ("driving", str(clip)) if move == _CLIP else ("gesture", move)
        if portrait.exists() and (source == "gesture" or clip.exists()):
            made.append(Sample(title, portrait, source, value))
    return made
