"""Contact sheets: pictures beside each other, with words over them, for a person to judge by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from bench import clips
from bench.cross import Driver, Row
from bench.mole import RING, Kept
from bench.reenact import Shown
from heads import mesh
from heads.base import Face, Image

CELL = 256
"""Pixels of a small picture."""
BAND = 22
"""Pixels of the line of words over a row."""
ROOM = 4.2
"""Side of the square around a face, in distances between the outer eye corners: head and shoulders."""
SHOWN = 7
"""Frames of a clip on the sheet of a run."""
WORST = 2
"""Frames of a clip at full size."""
GAIN = 4.0
"""By how much differences are made stronger."""


def line(cells: Sequence[Image], words: Sequence[str], side: int = CELL) -> Image:
    """Square pictures (side, side, 3) in a row, each with its words over it."""
    out = np.full((side + BAND, side * len(cells), 3), 24, np.uint8)
    for i, (cell, word) in enumerate(zip(cells, words, strict=True)):
        out[BAND:, i * side : (i + 1) * side] = cv2.resize(cell, (side, side), interpolation=cv2.INTER_AREA)
        cv2.putText(out, word, (i * side + 4, BAND - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (230, 230, 230), 1, cv2.LINE_AA)
    return out


def stacked(rows: Sequence[Image]) -> Image:
    """Rows under each other, filled up to the widest one."""
    width = max(row.shape[1] for row in rows)
    return np.vstack([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=24) for row in rows])


def around(image: Image, face: Face) -> Image:
    """The square around a face, cut at the picture's edge and filled up with grey."""
    eyes = mesh.eye_distance(face.points)
    middle = face.points[list(mesh.STABLE), :2].mean(0) + np.array([0, 0.35 * eyes])
    side = round(ROOM * eyes)
    left, top = (round(float(x) - side / 2) for x in middle)
    out = np.full((side, side, 3), 24, np.uint8)
    y0, x0 = max(0, top), max(0, left)
    part = image[y0 : max(y0, top + side), x0 : max(x0, left + side)]
    out[y0 - top : y0 - top + part.shape[0], x0 - left : x0 - left + part.shape[1]] = part
    return out


def differing(one: Image, other: Image) -> Image:
    """The absolute difference, made stronger."""
    return np.asarray(np.clip(GAIN * np.abs(one.astype(np.float32) - other), 0, 255), np.uint8)


def overview(takes: dict[str, clips.Take], shown: dict[str, Shown]) -> Image:
    """Of each clip: the portrait, the driver's frames, the head's under them."""
    rows = []
    for name, take in takes.items():
        chosen = np.linspace(take.last / SHOWN, take.last, SHOWN).astype(int).tolist()
        made, apart = shown[name].frames, shown[name].apart
        rows.append(
            line([take.frames[0], *(take.frames[i] for i in chosen)], [f"{name}: portrait", *(f"driver {i}" for i in chosen)])
        )
        words = ["", *(f"{apart.get(i, np.nan):.1f} % off" for i in chosen)]
        rows.append(line([np.full_like(take.frames[0], 24), *(made[i] for i in chosen)], words))
    return stacked(rows)


def worst(take: clips.Take, shown: Shown) -> Image:
    """The frames whose landmarks are furthest off, at full size: true, head's, and their difference."""
    rows: list[Image] = []
    taken: list[int] = []
    for i in sorted(shown.apart, key=lambda i: -shown.apart[i]):
        if len(taken) < WORST and all(abs(i - other) > 10 for other in taken) and i in shown.frames:
            taken.append(i)
            cells = [take.frames[i], shown.frames[i], differing(shown.frames[i], take.frames[i])]
            words = [f"{take.name} frame {i}", f"head: landmarks {shown.apart[i]:.1f} % off", f"difference x {GAIN:.0f}"]
            rows.append(line(cells, words, clips.SIDE))
    return stacked(rows)


def crossed(by: Driver, rows: dict[str, Row]) -> Image:
    """One driver: its moments, and every portrait at them."""
    order = sorted(by.moments, key=lambda what: by.moments[what])
    faces = {i: Face(by.seen["points"][i], by.seen["expression"][i], by.seen["pose"][i]) for i in by.moments.values()}
    cells = [around(by.frames[by.moments[what]], faces[by.moments[what]]) for what in order]
    made = [line([np.full_like(cells[0], 24), *cells], [by.name, *(f"{what} ({by.moments[what]})" for what in order)])]
    for name, row in rows.items():
        own = [around(row.frames[by.moments[what]], row.face) for what in order]
        told = ", ".join(f"{key} {value:.2f}" for key, value in row.figures.items() if value is not None)
        made.append(line([around(row.portrait, row.face), *own], [name, told, *("" for _ in own[1:])]))
    return stacked(made)


def moles(found: dict[str, dict[str, Kept]]) -> Image:
    """Of each portrait and cheek: the portrait with its dot, and the frame that keeps least of it."""
    rows = []
    for name, cheeks in found.items():
        cells, words = [], []
        for cheek, kept in cheeks.items():
            cells += [_square(kept.plain), _square(kept.image)]
            words += [f"{name}, {cheek} cheek", f"frame {kept.frame}: {100 * kept.worst:.0f} %"]
        if cells:
            rows.append(line(cells, words, clips.SIDE - 16 * RING[0]))
    return stacked(rows)


def _square(image: Image) -> Image:
    """The picture with grey beside it, as wide as it is high."""
    side = max(image.shape[:2])
    height, width = image.shape[:2]
    return np.pad(image, ((0, side - height), (0, side - width), (0, 0)), constant_values=24)


def save(path: Path, image: Image) -> None:
    """Write a sheet as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    clips.save(path, image)
