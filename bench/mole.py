"""The mole test: a dark dot of six pixels on each cheek, on a head that turns by 20 degrees to both sides.

A head runs twice, with the dots in the portrait and without. What differs between the two results is the dot and nothing
else, so it is found wherever it went; how dark it stands against what is around it is then read from the one result alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench import clips, road
from gioconda.faces import Tracker, angles
from heads import mesh
from heads.base import Floats, Image

RADIUS = 3
"""Pixels, in a picture whose longer side is `clips.SIDE`."""
DARK = 0.3
"""Brightness of the dot over that of the skin around it."""
CHEEKS = {"right": (50, 205), "left": (280, 425)}
"""Landmarks between which the dot of each cheek lies; the subject's own right and left."""
REACH = 0.22
"""Distances between the outer eye corners around the place where the landmarks are, within which the dot is looked for."""
AROUND, CLOSE = 4, 0.08
"""Frames to either side whose median place counts, and distances between the outer eye corners around it, within which the dot
must then lie."""
RING = (6, 10)
"""Pixels from the dot's middle between which the skin around it is looked at."""
SOFT = 0.7
"""Standard deviation, pixels, by which noise is softened before the darkest pixel is taken."""
LEAST = 70.0
"""Pixels between the outer eye corners from which a picture has room for dots of six pixels."""
FRONTAL = 25.0
"""Degrees of the portrait's own yaw up to which both cheeks stay in sight."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """How much of its contrast a dot keeps."""

    worst: float
    """Least share over the frames."""
    frame: int
    """Number of that frame."""
    mean: float
    image: Image
    """The worst frame, and `plain` the portrait with the dots."""
    plain: Image


def dotted(image: Image, points: Floats, cheek: str) -> tuple[Image, NDArray[np.float64]]:
    """The picture with a dot on a cheek, and where it is."""
    at = points[list(CHEEKS[cheek]), :2].mean(0).astype(np.float64)
    near = image[int(at[1]) - 8 : int(at[1]) + 9, int(at[0]) - 8 : int(at[0]) + 9].reshape(-1, 3)
    colour = [float(c) for c in DARK * np.median(near, axis=0)]
    out = image.copy()
    # Sixteenths of a pixel, so that the dot lies where it was meant to.
    cv2.circle(out, (round(at[0] * 16 - 8), round(at[1] * 16 - 8)), RADIUS * 16, colour, -1, cv2.LINE_AA, 4)
    return out, at


def contrast(image: Image, at: NDArray[np.floating]) -> float:
    """How much darker the dot at (x, y) is than the skin around it, as a share of that skin's brightness."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    soft = cv2.GaussianBlur(grey, (0, 0), SOFT)
    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]]
    away = np.hypot(columns + 0.5 - at[0], rows + 0.5 - at[1])
    ring = float(np.median(grey[(away >= RING[0]) & (away <= RING[1])]))
    return (ring - float(soft[away <= RADIUS].min())) / max(ring, 1.0)


def place(dark: Image, clean: Image, near: NDArray[np.floating], reach: float) -> NDArray[np.float64]:
    """(2,) where the dot is: the middle of what differs most within `reach` pixels of a place."""
    apart = cv2.cvtColor(clean, cv2.COLOR_RGB2GRAY).astype(np.float32) - cv2.cvtColor(dark, cv2.COLOR_RGB2GRAY)
    # A dot, not an edge that lies elsewhere in the other run: what is as large as it, less what is larger.
    soft = cv2.GaussianBlur(apart, (0, 0), RADIUS / 2) - cv2.GaussianBlur(apart, (0, 0), 2 * RADIUS)
    rows, columns = np.mgrid[: soft.shape[0], : soft.shape[1]]
    soft[np.hypot(columns + 0.5 - near[0], rows + 0.5 - near[1]) > reach] = -np.inf
    y, x = np.unravel_index(int(soft.argmax()), soft.shape)
    return np.array([x + 0.5, y + 0.5])


def fitted(portrait: Path) -> Image:
    """The picture with its longer side at `clips.SIDE`, sides even."""
    image = clips.read(portrait)
    scale = clips.SIDE / max(image.shape[:2])
    size = (max(2, round(image.shape[1] * scale)), max(2, round(image.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return clips.even(np.asarray(small, np.uint8))


def kept(portrait: Path, driving: Path, head: str) -> dict[str, Kept]:
    """What dots on the cheeks of a portrait keep while the head turns as in a clip: those in sight, none on small faces."""
    image = fitted(portrait)
    with Tracker() as tracker:
        face = tracker.find(image)[0]
    eyes = mesh.eye_distance(face.points)
    if eyes < LEAST:
        return {}
    yaw = angles(face.pose)[0]
    seen = ["right", "left"] if abs(yaw) < FRONTAL else ["right" if yaw > 0 else "left"]
    clean = _run(image, driving, head)
    results = {}
    with Tracker() as tracker:
        places = {i: tracker.find(frame) for i, frame in clean.items()}
    for cheek in seen:
        dark, at = dotted(image, face.points, cheek)
        own = contrast(dark, at)
        made = _run(dark, driving, head)
        near = {i: (seen_[0] if seen_ else face).points[list(CHEEKS[cheek]), :2].mean(0) for i, seen_ in places.items()}
        found = {i: place(frame, clean[i], near[i], REACH * eyes) for i, frame in made.items()}
        # A dot moves the landmarks of its portrait a little, and edges differ between the two runs too: the dot is where it
        # is found in the frames around.
        off = np.array([found[i] - near[i] for i in sorted(found)])
        usual = {i: np.median(off[max(0, k - AROUND) : k + AROUND + 1], axis=0) for k, i in enumerate(sorted(found))}
        shares = {}
        for i, frame in made.items():
            at_last = place(frame, clean[i], near[i] + usual[i], CLOSE * eyes)
            shares[i] = contrast(frame, at_last) / own
        worst = min(shares, key=lambda i: shares[i])
        results[cheek] = Kept(shares[worst], worst, float(np.mean(list(shares.values()))), made[worst], dark)
    return results


def _run(image: Image, driving: Path, head: str) -> dict[int, Image]:
    with road.scratch() as folder:
        portrait = Path(folder) / "portrait.png"
        clips.save(portrait, image)
        job = road.job([portrait], Path(folder) / "out.mp4", driving=driving, head=head, watermark=False)
        return road.run(job, encode=False).frames
