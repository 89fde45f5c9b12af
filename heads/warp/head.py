"""The embedded default head: a portrait moved by its own pixels.

No network invents texels: the portrait's own are moved, so a mole stays a mole. Needs no GPU and no download.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from heads import mesh
from heads.ahead import ahead, lanes, shared
from heads.base import Channel, Cue, Floats, HeadError, Identity, Image, Portrait, Precision
from heads.carry import Limit
from heads.warp import corners, eyes, fusion, layers, layout, lids, mouth, raster, shading, study
from heads.warp.transfer import Placed, Transfer

THREADED = 3
"""Cues of look-ahead from which threads share the work: one is composed, one waits, one is being worked out. Each cue more lets
one more frame be composed at the same time."""

Moment: TypeAlias = tuple[Cue, Placed, raster.Maps, fusion.Overlay]
"""The cue that counts (the last one found), where the face goes, where each pixel comes from, what other portraits show."""


class Warp:
    """Keeps the contract of `heads.base.Head` with the portrait's own pixels and a free 3-D head for teeth and tongue."""

    name: ClassVar[str] = "warp"
    needs: ClassVar[tuple[str, ...]] = ("headmodel.safetensors",)
    """Weight files that `from_files` takes."""
    accelerated: ClassVar[bool] = False
    paints: ClassVar[bool] = False
    settings: ClassVar[frozenset[str]] = frozenset()
    shots: range = range(1, 33)
    drives: frozenset[Channel] = frozenset({"points", "expression"})

    def __init__(self, teeth: mouth.Teeth) -> None:
        self._teeth = teeth

    @classmethod
    def from_files(cls, paths: Mapping[str, Path], device: str = "cpu", precision: Precision = "fp32") -> Self:
        """Build the head from its weight files.

        Raises:
            HeadError: anything but "cpu" in "fp32" was asked for, which is all that this head does.
        """
        if (device, precision) != ("cpu", "fp32"):
            raise HeadError(
                f"The warp head was asked to run on {device!r} in {precision!r}. It has no networks: cpu and fp32. "
                "Leave device and precision out."
            )
        from safetensors.numpy import load_file

        return cls(mouth.Teeth.of(load_file(paths["headmodel.safetensors"])))

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """The head with a few random teeth instead of the 3-D head's, for tests."""
        return cls(mouth.Teeth.tiny(seed))

    def enroll(self, portraits: Sequence[Portrait]) -> Identity:
        """Take the first portrait apart into person and background, and see what the others show of the face."""
        if len(portraits) not in self.shots:
            raise HeadError(
                f"The warp head was given {len(portraits)} portraits. It takes {self.shots.start} to {self.shots.stop - 1}. "
                "Choose the sharpest ones."
            )
        first = portraits[0]
        parts = layers.split(first.image, first.matte, first.face.points)
        state = {"person": parts.person.astype(np.float32), "behind": parts.behind.astype(np.float32), "matte": parts.matte}
        if len(several := study.distinct(portraits)) > 1:
            state |= study.studied(several)
        return Identity(self.name, tuple(portraits), state)

    def animate(self, identity: Identity, neutral: Cue, cues: Iterator[Cue], *, lookahead: int = 8) -> Iterator[Image]:
        """One frame per cue; see `heads.base.Head.animate`. The look-ahead changes the speed, not the pixels."""
        if identity.head != self.name:
            raise HeadError(
                f"The identity was made by the head {identity.head!r}. The warp head needs one of its own. "
                "Enroll the portraits again."
            )
        needed = {"person", "behind", "matte", *(study.STATE if len(study.distinct(identity.portraits)) > 1 else ())}
        if missing := needed - set(identity.state):
            raise HeadError(
                f"The identity lacks {', '.join(sorted(missing))}. It was not saved whole. Enroll the portraits again."
            )
        if lookahead < 0:
            raise HeadError(f"lookahead is {lookahead}. It counts cues. Give 0 or more.")
        return self._frames(identity, neutral, cues, lookahead)

    def limits(self, identity: Identity, neutral: Cue, cues: Iterator[Cue]) -> Iterator[Limit]:
        """What will be held back; see `heads.carry.Careful`."""
        portrait = identity.portraits[0]
        transfer = Transfer(portrait.face.points, portrait.align, neutral, portrait.face.pose)
        return (limit for cue in cues if cue.found for limit in transfer.limits(cue))

    def _frames(self, identity: Identity, neutral: Cue, cues: Iterator[Cue], lookahead: int) -> Iterator[Image]:
        portrait = identity.portraits[0]
        image = portrait.image
        parts = layers.Layers(
            identity.state["person"].astype(np.uint8), identity.state["behind"].astype(np.uint8), identity.state["matte"]
        )
        stage = layers.Stage(image, parts, portrait.face.points)
        light = shading.Shading(image, portrait.face.points)
        gaze = eyes.Eyes(image, portrait.face.points)
        skin = lids.Lids(image, portrait.face.points)
        ends = corners.Corners(image, portrait.face.points)
        inside = mouth.Mouth(self._teeth, portrait, neutral)
        several = study.distinct(identity.portraits)
        others = fusion.Others(several, identity.state, neutral.expression) if len(several) > 1 else None
        moves = _moves(portrait, neutral, cues, stage.concerned, others)

        def painted(moment: Moment) -> Image:
            cue, placed, maps, overlay = moment
            frame = image.copy()
            x, y, w, h = maps.window
            patch = stage.compose(maps, placed.points[list(mesh.FACE_OVAL), :2])
            ends.clean(patch, maps, placed, (x, y))
            light.shade(patch, cue, placed, (x, y))
            gaze.paint(patch, maps.kind, placed, (x, y))
            skin.cover(patch, placed, (x, y))
            inside.fill(patch, maps.kind, placed, cue, (x, y))
            if others is not None:
                others.lay(patch, overlay, (x, y))
            frame[y : y + h, x : x + w] = patch
            return frame

        # Where the face goes is worked out in a thread of its own, in order; frames are then painted side by side.
        threads = min(lanes() - 1, lookahead - THREADED)
        with (
            closing(ahead(moves, depth=1) if lookahead >= THREADED else moves) as ready,
            ThreadPoolExecutor(max(1, threads), "paint") as pool,
            closing(shared(pool, painted, ready, threads)) as frames,
        ):
            yield from frames


def _moves(
    portrait: Portrait, neutral: Cue, cues: Iterator[Cue], concerned: NDArray[np.bool_], others: fusion.Others | None
) -> Generator[Moment]:
    """What is to be painted for each cue."""
    shape = layout.build(portrait.face.points, portrait.matte)
    transfer = Transfer(portrait.face.points, portrait.align, neutral, portrait.face.pose)
    canvas = raster.Canvas(_box(shape.rest, portrait.image), concerned, layers.STILL)
    held = neutral
    for cue in cues:
        held = cue if cue.found else held
        placed = transfer(held)
        vertices = shape.moved(placed)
        overlay = () if others is None else others.overlay(placed, vertices, held)
        yield held, placed, canvas.maps(vertices, shape.sources(placed), shape.triangles, placed.points), overlay


def _box(vertices: Floats, image: Image) -> raster.Box:
    """The part of the picture (x, y, W, H) that the mesh covers at rest; its outermost ring never moves."""
    height, width = image.shape[:2]
    low = np.floor(vertices[:, :2].min(0)).astype(int)
    high = np.ceil(vertices[:, :2].max(0)).astype(int)
    x, y = max(0, int(low[0])), max(0, int(low[1]))
    return x, y, max(1, min(width, int(high[0])) - x), max(1, min(height, int(high[1])) - y)
