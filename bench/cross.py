"""Every portrait driven by every driver, at the moments in which the driver does most."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import clips, measures, road, store
from bench.reenact import Figures
from gioconda.faces import Tracker, angles
from gioconda.media import VideoReader
from heads import mesh
from heads.base import Face, Image

APART = 5
"""Frames between two moments of a driver at least."""

SMILE = ("mouthSmileLeft", "mouthSmileRight")


@dataclass(slots=True, eq=False)
class Driver:
    """A driving clip and its moments."""

    name: str
    path: Path
    seen: store.Arrays
    """What the tracker sees in it: see `road.tracked`."""
    moments: dict[str, int]
    """What is done to the frame in which it is done most."""
    frames: dict[int, Image]
    """Those frames."""


@dataclass(slots=True, eq=False)
class Row:
    """One portrait driven by one driver."""

    portrait: Image
    face: Face
    frames: dict[int, Image]
    """Frame of the driver to the head's."""
    figures: Figures


def driver(name: str, path: Path) -> Driver:
    """A clip with its moments: turned, nodded and leant furthest, mouth and smile widest, eyes shut, looks aside."""
    seen = road.tracked(path)
    turns = np.array([angles(pose) for pose in seen["pose"]])
    gaze, shapes = measures.gaze(seen["points"]), seen["expression"]
    smile = shapes[:, [mesh.SHAPE[side] for side in SMILE]].mean(1)
    signals = {
        "turned right": turns[:, 0],
        "turned left": -turns[:, 0],
        "down": turns[:, 1],
        "up": -turns[:, 1],
        "mouth": measures.mouth_gaps(seen["points"]),
        "smile": smile,
        "eyes shut": measures.blink(shapes).mean(1),
        "looks right": gaze[:, 0],
        "looks left": -gaze[:, 0],
    }
    moments: dict[str, int] = {}
    for what, signal in signals.items():
        free = np.array([all(abs(i - taken) >= APART for taken in moments.values()) for i in range(len(signal))])
        if (free & seen["found"]).any():
            moments[what] = int(np.argmax(np.where(free & seen["found"], signal, -np.inf)))
    wanted = set(moments.values())
    with VideoReader(path) as reader:
        frames = {i: frame.image for i, frame in enumerate(reader) if i in wanted}
    return Driver(name, path, seen, moments, frames)


def row(portrait: Path, by: Driver, head: str, tracker: Tracker) -> Row:
    """A portrait at the moments of a driver."""
    with road.scratch() as folder:
        job = road.job([portrait], Path(folder) / "out.mp4", driving=by.path, head=head, watermark=False)
        taken = road.run(job, chosen=set(by.moments.values()), encode=False)
    first = taken.portraits[0]
    found = {i: tracker.find(frame) for i, frame in taken.frames.items()}
    seen = {i: faces[0] for i, faces in found.items() if faces}
    return Row(first.image, first.face, taken.frames, _figures(first.face, seen, by))


def _figures(rest: Face, seen: dict[int, Face], by: Driver) -> Figures:
    """How far what the driver does arrives: means over the moments; pose as change from the portrait and the neutral frame."""
    figures: Figures = {"lost": float(len(by.moments) - len(seen))}
    if not seen:
        return figures
    own = {name: by.seen[name] for name in ("points", "expression", "pose")}
    calm = int(np.argmin([np.abs(angles(pose)).sum() for pose in own["pose"]]))
    errors = [
        measures.pose_error((face.pose @ rest.pose.T)[None], (own["pose"][i] @ own["pose"][calm].T)[None])[0]
        for i, face in seen.items()
    ]
    figures["pose"] = float(np.mean(errors))
    for name, what, signal in (("shut", "eyes shut", "blink"), ("opened", "mouth", "jaw")):
        i = by.moments.get(what)
        if i is None or i not in seen:
            continue
        if signal == "blink":
            wanted, got = measures.blink(own["expression"][i][None]).mean(), measures.blink(seen[i].expression[None]).mean()
            figures[name] = float(got / wanted) if wanted > measures.CLOSED_LIDS else None
        else:
            wanted, got = (float(measures.mouth_gaps(p[None])[0]) for p in (own["points"][i], seen[i].points))
            figures[name] = got / wanted if wanted > 3 * measures.CLOSED_LIPS else None
    return figures


def drivers(takes: list[clips.Take]) -> list[Driver]:
    """The drivers of some takes."""
    return [driver(take.name, take.driving) for take in takes]
