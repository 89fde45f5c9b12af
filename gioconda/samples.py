"""The examples below the page: each is a portrait and a movement, and runs when it is clicked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gioconda.gestures import GESTURES

FOLDER = Path(__file__).parent.parent / "examples"
"""Where the examples lie in a clone."""

PICTURES = (".jpg", ".jpeg", ".png", ".webp")

MOVES = ("smile", "driving", "wink", "speak", "laugh", "living")
"""How the portraits move, in the order of their names: gestures, and the clip."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One example."""

    title: str
    portrait: Path
    source: str
    """"gesture" or "driving", as in `gioconda.form.Source`."""
    value: str
    """Name of the gesture, or path of the clip."""


def samples(folder: Path = FOLDER) -> list[Sample]:
    """What lies in the folder, portrait by portrait; without the clip, a gesture takes its place."""
    clip = folder / "driving.mp4"
    made = []
    for index, portrait in enumerate(path for path in sorted((folder / "portraits").glob("*")) if path.suffix in PICTURES):
        name = portrait.stem.replace("-", " ").replace("_", " ").capitalize()
        move = MOVES[index % len(MOVES)]
        if move == "driving" and clip.exists():
            made.append(Sample(f"{name}: with sound", portrait, "driving", str(clip)))
        else:
            gesture = GESTURES["nod" if move == "driving" else move]
            made.append(Sample(f"{name}: {gesture.title.lower()}", portrait, "gesture", gesture.name))
    return made
