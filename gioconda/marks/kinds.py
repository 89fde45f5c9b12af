"""What a file is, by its first bytes: names lie, and C2PA's library has to be told."""

from __future__ import annotations

from pathlib import Path

_BRANDS = {
    b"heic": "image/heic", b"heix": "image/heic", b"hevc": "image/heic", b"mif1": "image/heif", b"msf1": "image/heif",
    b"avif": "image/avif", b"avis": "image/avif", b"M4A ": "audio/mp4", b"qt  ": "video/quicktime",
}  # fmt: skip
"""Major brand of an ISO base media file to its type; any other is a video in MP4."""

_STARTS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\0\0\0\x0cJXL ", "image/jxl"),
    (b"%PDF", "application/pdf"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
)
"""How files begin that carry their type in front."""

_RIFF = {b"WEBP": "image/webp", b"AVI ": "video/avi", b"WAVE": "audio/wav"}

_BOXES = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
"""How QuickTime files begin that say no brand."""


def media_type(path: Path) -> str | None:
    """The media type of a file that may carry Content Credentials; None where it is of no such kind.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(16)
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] in _BOXES:
        return "video/quicktime"
    return next((kind for start, kind in _STARTS if head.startswith(start)), None)
