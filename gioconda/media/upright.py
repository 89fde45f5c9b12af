"""From a decoded frame to the picture that a viewer would see: turned, square pixels, sRGB levels, no larger than asked."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from gioconda.media.hdr import needs_mapping, table
from heads.base import Image

if TYPE_CHECKING:
    import av

TICK = Fraction(1, 1000)
"""Seconds: a clock for filters that want one; they only ever see one frame at a time."""

UNSPECIFIED = 2
"""A matrix that the file does not tell, numbered as in ITU-T H.273 table 4."""


def fitted(width: float, height: float, max_side: int | None) -> tuple[int, int]:
    """Whole (W, H) in pixels of a picture made smaller, never larger, so that its longer side is at most `max_side`."""
    scale = min(1.0, max_side / max(width, height)) if max_side else 1.0
    return max(1, round(width * scale)), max(1, round(height * scale))


class Upright:
    """Turns the decoded frames of one stream into upright pictures of one size.

    Keeps the converter between frames, so it serves one iterator at a time.
    """

    def __init__(self, first: av.VideoFrame, aspect: Fraction | None, max_side: int | None) -> None:
        """`first`: any frame of the stream; `aspect`: width over height of one sample; `max_side`: pixels or None."""
        from av.video.reformatter import Interpolation, VideoReformatter

        width, height = Fraction(first.width), Fraction(first.height)
        if aspect and aspect > 1:
            width *= aspect
        elif aspect and aspect > 0:
            height /= aspect
        self.stored = fitted(float(width), float(height), max_side)
        self.turns, self.mirrored = orientation(first)
        self.size = self.stored[::-1] if self.turns % 2 else self.stored
        smaller = self.stored[0] < first.width or self.stored[1] < first.height
        self._interpolation = Interpolation.AREA if smaller else Interpolation.BICUBIC
        self._reformatter = VideoReformatter()
        self._lookup: _Lookup | None = None

    def __call__(self, frame: av.VideoFrame) -> Image:
        """(H, W, 3) uint8 RGB, contiguous, owned by the caller."""
        if needs_mapping(frame.color_trc, frame.color_primaries):
            frame = self._to_standard(frame)
        width, height = self.stored
        rgb = self._reformatter.reformat(frame, width, height, "rgb24", interpolation=self._interpolation)
        image = rgb.to_ndarray()
        if self.mirrored:
            image = image[:, ::-1]
        return np.ascontiguousarray(np.rot90(image, self.turns), dtype=np.uint8)

    def _to_standard(self, frame: av.VideoFrame) -> av.VideoFrame:
        """HDR or BT.2020 to sRGB at the stored size; the lookup runs at that size, in sixteen bits."""
        key = (frame.format.name, frame.width, frame.height, frame.color_trc, frame.colorspace)
        if self._lookup is None or self._lookup.key != key:
            self._lookup = _Lookup(frame, self.stored, key)
        return self._lookup(frame)


class _Lookup:
    """Frames of one kind to rgb24 of a size, through the table of `hdr`."""

    def __init__(self, frame: av.VideoFrame, size: tuple[int, int], key: tuple[object, ...]) -> None:
        import av
        from av.filter import Graph

        self.key, self.count = key, 0
        self.graph = graph = Graph()
        colours = table(frame.color_trc)
        # A file that tells its transfer but not its matrix means the one that belongs to it.
        matrix = ":in_color_matrix=bt2020" if frame.colorspace == UNSPECIFIED else ""
        hald = graph.add_buffer(
            width=colours.shape[1], height=colours.shape[0], format=av.VideoFormat("rgb48le"), time_base=TICK
        )
        look = graph.add("haldclut", "interp=tetrahedral")
        self.source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=TICK)
        scale = graph.add("scale", f"{size[0]}:{size[1]}:flags=area{matrix}")
        self.sink = graph.add("buffersink")
        graph.link_nodes(self.source, scale, graph.add("format", "rgb48le"), look, graph.add("format", "rgb24"), self.sink)
        hald.link_to(look, 0, 1)
        graph.configure()
        first = av.VideoFrame.from_ndarray(colours, format="rgb48le")
        first.pts, first.time_base = 0, TICK
        hald.push(first)
        hald.push(None)

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        frame.pts, frame.time_base = self.count, TICK
        self.count += 1
        self.source.push(frame)
        return self.sink.pull()  # type: ignore[return-value]


def orientation(frame: av.VideoFrame) -> tuple[int, bool]:
    """Quarter turns anticlockwise that set the stored picture upright, and whether it is mirrored left to right before.

    The display matrix is nine 32-bit integers, rows (a b u) (c d v) (x y w); a stored point (p, q) appears at
    (ap + cq, bp + dq), y down (ISO/IEC 14496-12, 6.2.2). Phones write one of its eight right-angled forms.
    """
    for side in frame.side_data:
        if side.type.name == "DISPLAYMATRIX":  # type: ignore[attr-defined]  # PyAV's stubs take the container for a mapping
            a, b, _, c, d, *_ = struct.unpack("=9i", bytes(side))  # type: ignore[arg-type]
            mirrored = a * d - b * c < 0
            if mirrored:
                a, b = -a, -b
            # Where the stored x axis points on the screen says how far the picture is turned clockwise.
            turns = (0 if a > 0 else 2) if abs(a) >= abs(b) else (3 if b > 0 else 1)
            return turns, mirrored
    return 0, False
