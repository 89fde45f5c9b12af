"""From a decoded frame to the picture that a viewer would see: turned, square pixels, sRGB levels, no larger than asked."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from heads.base import Image

if TYPE_CHECKING:
    import av

HDR_TRANSFERS = (16, 18)
"""Transfer characteristics PQ (SMPTE ST 2084) and HLG (ARIB STD-B67), numbered as in ITU-T H.273 table 3."""

WIDE_PRIMARIES = 9
"""Colour primaries of BT.2020, numbered as in ITU-T H.273 table 2."""

TONE_MAP = "out_primaries=bt709:out_transfer=bt709:out_color_matrix=bt709:intent=perceptual"
"""swscale's own HDR to SDR conversion. It prepares a table for two or three seconds, then takes 5 ms a frame at 640 × 360."""


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
        self._graph: tuple[tuple[str, int, int], av.filter.Graph] | None = None

    def __call__(self, frame: av.VideoFrame) -> Image:
        """(H, W, 3) uint8 RGB, contiguous, owned by the caller."""
        if frame.color_trc in HDR_TRANSFERS or frame.color_primaries == WIDE_PRIMARIES:
            frame = self._tone_mapped(frame)
        width, height = self.stored
        rgb = self._reformatter.reformat(frame, width, height, "rgb24", interpolation=self._interpolation)
        image = rgb.to_ndarray()
        if self.mirrored:
            image = image[:, ::-1]
        return np.ascontiguousarray(np.rot90(image, self.turns), dtype=np.uint8)

    def _tone_mapped(self, frame: av.VideoFrame) -> av.VideoFrame:
        from av.filter import Graph

        key = (frame.format.name, frame.width, frame.height)
        if self._graph is None or self._graph[0] != key:
            graph = Graph()
            width, height = self.stored
            chain = [
                graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)),
                graph.add("scale", f"{width}:{height}:flags=area"),
                graph.add("scale", TONE_MAP),
                graph.add("format", "rgb24"),
                graph.add("buffersink"),
            ]
            graph.link_nodes(*chain).configure()
            self._graph = key, graph
        graph = self._graph[1]
        graph.push(frame)
        mapped = graph.pull()
        assert not isinstance(mapped, bytes)
        return mapped  # type: ignore[return-value]


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
