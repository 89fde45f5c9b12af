"""Make the pictures of `examples/portraits`: people who do not exist, a drawing and a marble bust of them, one photograph.

    python -m examples.make_portraits [--only NAME ...]

Needs scikit-image for `astronaut.jpg` only. Takes about three minutes on two cores. Where each comes from: SOURCES.md.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from examples.drawing import Floats, noise
from examples.light import Studio, lamp
from examples.people import named, render
from heads.base import Image

FOLDER = Path(__file__).parent / "portraits"
SIZE = (768, 960)
EYES = (384.0, 424.0)
"""Pixel of the middle of the eyes of a head that looks straight ahead."""
EYE_DISTANCE = 186.0
"""Pixels."""
QUALITY = 88
"""Of the JPEG files: no visible loss at about 150 kB."""
POSES = {
    "ada": (-9.0, 1.0, 1.5),
    "kofi": (8.0, 0.0, -1.0),
    "mei": (-12.0, 2.0, 2.0),
    "bram": (10.0, -1.0, 0.0),
    "ines": (7.0, 1.0, -2.0),
}
"""Yaw, pitch and roll in degrees: nobody sits perfectly straight."""
HATCHES = ((0.9, 5.2, 0.74, 0.40), (0.9, 3.7, 0.46, 0.38), (-0.55, 4.6, 0.30, 0.42), (0.2, 3.3, 0.16, 0.4))
"""Layers of chalk: angle in radians, spacing in pixels, the shade below which it is laid, strength."""
MUSEUM = Studio(
    (
        lamp(-0.75, -0.85, -0.45, 1.5, (1.0, 0.97, 0.92)),
        lamp(0.9, 0.0, -0.5, 0.12, (0.75, 0.85, 1.0)),
        lamp(0.85, -0.35, 0.45, 0.9, (0.85, 0.92, 1.0)),
    ),
    np.array([0.16, 0.17, 0.20], np.float32),
    np.array([0.10, 0.09, 0.08], np.float32),
)
"""One skylight, for stone."""


def photograph(name: str) -> Image:
    """One of the people of the examples, (960, 768, 3)."""
    yaw, pitch, roll = POSES[name]
    return render(
        named(name), yaw=yaw, pitch=pitch, roll=roll, size=SIZE, quality="fine", eye_distance=EYE_DISTANCE, centre=EYES
    ).image


def statue(name: str) -> Image:
    """The same person in marble."""
    person = named(name)
    look = replace(person.look, marble=True, age=person.look.age * 0.5)
    stone = replace(person, look=look, wall=(0.20, 0.19, 0.20), collar="boat", grey=0.0)
    return render(
        stone, yaw=14.0, pitch=2.0, size=SIZE, quality="fine", eye_distance=EYE_DISTANCE, centre=EYES, studio=MUSEUM
    ).image


def drawing(image: Image, seed: int = 0) -> Image:
    """A picture as a red chalk drawing: hatching that follows the shade, outlines, the tooth of the paper."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    grey = np.asarray(cv2.createCLAHE(1.6, (4, 4)).apply((grey * 255).astype(np.uint8)), np.float32) / 255
    height, width = grey.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    place = np.stack([x.ravel() / 90, y.ravel() / 90, np.zeros(x.size)], 1)
    wobble = (2.4 * noise(place * 2, seed, 2)).reshape(grey.shape)
    tooth = np.random.default_rng(seed).normal(0, 1, grey.shape).astype(np.float32)
    tooth = 0.6 * cv2.GaussianBlur(tooth, (0, 0), 0.8) + 0.9 * cv2.GaussianBlur(tooth, (0, 0), 1.6)
    soft = cv2.GaussianBlur(grey, (0, 0), 1.6)
    ink = np.zeros_like(grey)
    for angle, spacing, dark, strength in HATCHES:
        wave = np.sin(2 * np.pi * ((x * np.cos(angle) + y * np.sin(angle) + wobble) / spacing))
        cover = np.clip((dark - soft) * 3.0, 0, 1)
        ink += strength * cover * np.clip(0.55 + 0.75 * wave + 0.55 * tooth - 0.45 * (1 - cover), 0, 1)
    fine, broad = cv2.GaussianBlur(grey, (0, 0), 1.0), cv2.GaussianBlur(grey, (0, 0), 2.6)
    outline = np.clip((broad - fine) * 9.0 - 0.08, 0, 1)
    ink += 0.85 * outline * np.clip(0.85 + 0.35 * tooth, 0, 1) + 0.22 * np.clip(0.62 - soft, 0, 1)
    fade = np.clip(1.25 - ((x / width - 0.5) / 0.52) ** 6 - np.clip((y / height - 0.86) / 0.12, 0, 2) ** 2, 0, 1)
    ink = np.clip(ink, 0, 1) * fade
    paper = np.array([0.945, 0.905, 0.835]) * (1 + 0.012 * tooth + 0.02 * wobble / 2.4)[..., None]
    chalk = np.array([0.46, 0.17, 0.10])
    return np.asarray(np.clip((paper * (1 - ink[..., None]) + chalk * ink[..., None]) * 255, 0, 255), np.uint8)


def plain(image: Image, matte: Floats) -> Image:
    """The person before white paper."""
    return np.asarray(image * matte[..., None] + 244 * (1 - matte[..., None]), np.uint8)


def sketch(name: str) -> Image:
    """A person of the examples, drawn."""
    seen = render(
        named(name), yaw=-16.0, pitch=1.0, roll=2.0, size=SIZE, quality="fine", eye_distance=EYE_DISTANCE, centre=EYES
    )
    return drawing(plain(seen.image, seen.matte))


def astronaut() -> Image:
    """Eileen Collins: a photograph by NASA, in the public domain, as scikit-image ships it."""
    from skimage import data

    return np.asarray(data.astronaut(), np.uint8)


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", help="names of the pictures to make; all by default")
    only = parser.parse_args().only
    jobs: dict[str, Any] = {name: (photograph, name) for name in POSES}
    jobs |= {"drawing": (sketch, "mei"), "marble": (statue, "ada"), "astronaut": (astronaut,)}
    FOLDER.mkdir(exist_ok=True)
    for name, (make, *given) in jobs.items():
        if not only or name in only:
            image = make(*given)
            cv2.imwrite(str(FOLDER / f"{name}.jpg"), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


if __name__ == "__main__":
    main()
