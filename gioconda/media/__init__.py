"""Pictures and video in, video out: upright, sRGB, with exact times."""

from __future__ import annotations

from gioconda.media.preview import preview
from gioconda.media.reader import Frame, VideoReader
from gioconda.media.sound import Sound
from gioconda.media.stills import MAX_PIXELS, MAX_SIDE, MIN_SIDE, Picture, even, read_image, resize_to
from gioconda.media.writer import Settle, VideoWriter

__all__ = [
    "MAX_PIXELS",
    "MAX_SIDE",
    "MIN_SIDE",
    "Frame",
    "Picture",
    "Settle",
    "Sound",
    "VideoReader",
    "VideoWriter",
    "even",
    "preview",
    "read_image",
    "resize_to",
]
