"""Clips made in code and read back: every time stamp, turn, shape and colour against what was written."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from media_made import FILM, PATCHES, index_of, make_clip, picture, times
from PIL import Image as PIL

from gioconda.media import VideoReader


def read_times(path: Path) -> list[Fraction]:
    reader = VideoReader(path)
    return [frame.ticks * reader.clock for frame in reader]


@pytest.mark.parametrize("rate", [FILM, Fraction(25), Fraction(24000, 1001), Fraction(60000, 1001), Fraction(15)])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_constant_rate_is_exact(tmp_path: Path, rate: Fraction, suffix: str) -> None:
    path = make_clip(tmp_path / f"a.{suffix}", 45, rate=rate, codec="mpeg4" if suffix == "avi" else "libx264")
    with VideoReader(path) as reader:
        assert reader.rate == rate
        assert reader.size == (128, 96)
        assert reader.count == 45
        assert reader.seconds == pytest.approx(45 / rate, abs=0.002)
        assert not reader.has_audio
        assert not reader.still
        frames = list(reader)
    assert [frame.ticks * reader.clock for frame in frames] == [i / rate for i in range(45)]
    assert [index_of(frame.image) for frame in frames] == [i % 40 for i in range(45)]
    assert frames[7].time == pytest.approx(float(7 / rate), abs=1e-9)
    assert reader.skipped == 0


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_variable_rate_goes_by_time_stamps(tmp_path: Path, suffix: str) -> None:
    steps = np.random.default_rng(3).integers(9, 90, 40)
    stamps = [0, *np.cumsum(steps).tolist()]
    path = make_clip(tmp_path / f"vfr.{suffix}", stamps, clock=Fraction(1, 1000), rate=Fraction(30))
    found = read_times(path)
    assert len(found) == 41
    assert max(abs(float(a) * 1000 - b) for a, b in zip(found, stamps, strict=True)) < 1
    own = times(path)
    assert max(abs(float(a - b + own[0])) for a, b in zip(found, own, strict=True)) < 0.001


def test_millisecond_clock_of_film_rate_becomes_even(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.webm", 20, codec="libvpx-vp9")
    reader = VideoReader(path)
    assert reader.rate == FILM
    assert {b.ticks - a.ticks for a, b in zip(list(reader), list(reader)[1:], strict=False)} == {1001}
    assert reader.clock == Fraction(1, 30000)


def test_a_rate_that_is_a_clock_is_measured_instead(tmp_path: Path) -> None:
    """Browsers record WebM with a thousand frames per second in its header."""
    path = make_clip(tmp_path / "a.webm", range(0, 40 * 40, 40), rate=Fraction(1000), codec="libvpx-vp9")
    assert VideoReader(path).rate == 25
    assert read_times(path) == [Fraction(i, 25) for i in range(40)]


def test_iterations_are_independent(tmp_path: Path) -> None:
    reader = VideoReader(make_clip(tmp_path / "a.mp4", 12))
    both = [(index_of(a.image), index_of(b.image)) for a, b in zip(reader, reader, strict=True)]
    assert both == [(i, i) for i in range(12)]
    kept = [frame.image for frame in reader]
    kept[0][:] = 0
    assert index_of(kept[1]) == 1
    assert all(image.flags["C_CONTIGUOUS"] for image in kept)


def test_closing_ends_open_iterations(tmp_path: Path) -> None:
    with VideoReader(make_clip(tmp_path / "a.mp4", 12)) as reader:
        frames = iter(reader)
        next(frames)
    assert list(frames) == []


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_start_and_end(tmp_path: Path, suffix: str) -> None:
    path = make_clip(tmp_path / f"a.{suffix}", 58, options={"g": "12"})
    reader = VideoReader(path, start=0.7, end=1.4)
    frames = list(reader)
    expected = [i for i in range(58) if 0.7 <= i / FILM < 1.4]
    assert [index_of(frame.image) for frame in frames] == [i % 40 for i in expected]
    assert frames[0].ticks == 0
    assert [frame.ticks * reader.clock for frame in frames] == [i / FILM for i in range(len(expected))]
    assert abs((reader.count or 0) - len(expected)) <= 1
    assert index_of(next(iter(VideoReader(path, start=float(30 / FILM) - 1e-6))).image) == 30


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_phone_clips_are_turned(tmp_path: Path, rotation: int) -> None:
    path = make_clip(tmp_path / "phone.mp4", 4, rotation=rotation)
    reader = VideoReader(path)
    assert reader.size == ((128, 96) if rotation % 180 == 0 else (96, 128))
    image = next(iter(reader)).image
    expected = np.rot90(picture(0), rotation // 90)
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 3


def test_mirrored_selfie(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "selfie.mp4", 4, rotation=0)
    data = bytearray(path.read_bytes())
    place = data.rindex(b"tkhd") + 4 + 40
    unit, minus = (65536).to_bytes(4, "big"), (-65536).to_bytes(4, "big", signed=True)
    for matrix, expected in (
        ([minus, 0, 0, 0, unit], picture(0)[:, ::-1]),
        ([unit, 0, 0, 0, minus], picture(0)[::-1]),
        ([0, unit, 0, unit, 0], picture(0).transpose(1, 0, 2)),
    ):
        data[place : place + 20] = b"".join(value if isinstance(value, bytes) else bytes(4) for value in matrix)
        path.write_bytes(data)
        image = next(iter(VideoReader(path))).image
        assert image.shape == expected.shape
        assert np.abs(image.astype(int) - expected).mean() < 3


@pytest.mark.parametrize(("size", "aspect", "expected"), [
    ((127, 95), None, (127, 95)), ((64, 64), Fraction(2), (128, 64)), ((128, 64), Fraction(1, 2), (128, 128)),
    ((72, 58), Fraction(16, 15), (77, 58)),
])  # fmt: skip
def test_odd_sides_and_oblong_samples(
    tmp_path: Path, size: tuple[int, int], aspect: Fraction | None, expected: tuple[int, int]
) -> None:
    reader = VideoReader(make_clip(tmp_path / "a.mp4", 3, size=size, aspect=aspect))
    assert reader.size == expected
    image = next(iter(reader)).image
    assert image.shape == (expected[1], expected[0], 3)
    assert image[4, 4, 0] > 200
    assert image[-4, -4, 0] < 60


def test_max_side(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "wide.mp4", 3, size=(640, 360), rotation=90)
    reader = VideoReader(path, max_side=160)
    assert reader.size == (90, 160)
    assert next(iter(reader)).image.shape == (160, 90, 3)
    assert VideoReader(path, max_side=5000).size == (360, 640)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 5])
def test_colour_matrices_and_ranges(tmp_path: Path, matrix: int, full: bool) -> None:
    patches = PATCHES.repeat(16, 0)[None].repeat(64, 0)
    path = make_clip(
        tmp_path / "a.mp4", 2, size=(128, 64), images=[patches] * 2, matrix=matrix, full_range=full, options={"crf": "1"}
    )
    image = next(iter(VideoReader(path))).image
    assert np.abs(image[32, 8::16].astype(int) - PATCHES).max() <= 3


def hdr_clip(path: Path, transfer: int, signal: np.ndarray) -> Path:
    """Ten-bit BT.2020 patches of the given R'G'B' signal (N, 3), 0 … 1, each 16 pixels wide."""
    names = {14: "bt2020-10", 16: "smpte2084", 18: "arib-std-b67"}
    parameters = f"log-level=none:bframes=0:colorprim=bt2020:transfer={names[transfer]}:colormatrix=bt2020nc:crf=4"
    width, height = 16 * len(signal), 64
    luma = signal @ (0.2627, 0.6780, 0.0593)
    planes = (64 + 876 * luma, 512 + 896 * (signal[:, 2] - luma) / 1.8814, 512 + 896 * (signal[:, 0] - luma) / 1.4746)
    with av.open(path, "w") as output:
        stream: Any = output.add_stream("libx265", rate=25, options={"x265-params": parameters})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p10le"
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = 9, transfer, 9, 1
        for index in range(2):
            frame = av.VideoFrame(width, height, "yuv420p10le")
            for plane, values in zip(frame.planes, planes, strict=True):
                rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
                rows[:, : plane.width] = np.repeat(np.round(values), plane.width // len(signal)).astype(np.uint16)
                plane.update(rows.tobytes())
            frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range = 9, transfer, 9, 1
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def graded(colours: np.ndarray, transfer: int) -> np.ndarray:
    """(N, 3) sRGB 0 … 255 as BT.2020 signal, white at 203 cd/m² of a display of 1,000 (the encoders of ITU-R BT.2100)."""
    value = colours / 255
    linear = np.where(value > 0.04045, ((value + 0.055) / 1.055) ** 2.4, value / 12.92)
    wide = linear @ np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]).T
    if transfer == 16:
        power = (wide * 0.0203) ** 0.1593017578125
        return np.asarray(((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)
    if transfer == 18:
        light = wide * 0.203
        luminance = light @ (0.2627, 0.6780, 0.0593)
        scene = light * np.maximum(luminance, 1e-9)[:, None] ** (1 / 1.2 - 1)
        high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
        return np.asarray(np.where(scene <= 1 / 12, np.sqrt(3 * scene), high))
    return np.asarray(np.where(wide > 0.0031308, 1.055 * wide ** (1 / 2.4) - 0.055, 12.92 * wide))


@pytest.mark.parametrize("transfer", [14, 16, 18])
def test_wide_and_hdr_pictures_do_not_come_out_grey(tmp_path: Path, transfer: int) -> None:
    skin = np.array(
        [(0, 0, 0), (60, 40, 35), (120, 80, 65), (187, 140, 120), (90, 110, 60), (40, 60, 120), (118, 118, 118)], np.uint8
    )
    reader = VideoReader(hdr_clip(tmp_path / "hdr.mp4", transfer, graded(skin, transfer)))
    for frame in reader:
        found = frame.image[32, 8::16].astype(int)
        assert np.abs(found - skin).max() <= 5, found


@pytest.mark.parametrize(("transfer", "highlights"), [(16, (0.58, 0.65, 0.75)), (18, (0.75, 0.85, 1.0))])
def test_highlights_are_compressed_not_clipped(tmp_path: Path, transfer: int, highlights: tuple[float, ...]) -> None:
    signal = np.array([[level] * 3 for level in (0.3, *highlights)])
    image = next(iter(VideoReader(hdr_clip(tmp_path / "hdr.mp4", transfer, signal)))).image
    steps = image[32, 8::16].astype(int)
    assert np.ptp(steps, axis=1).max() <= 2, "grey stays grey"
    white, bright, peak = steps[1:, 0]
    assert 210 <= white < 235
    assert white + 5 < bright < peak
    assert peak >= 250


def test_ten_bit_sdr(tmp_path: Path) -> None:
    with av.open(tmp_path / "deep.mp4", "w") as output:
        stream = output.add_stream("libx265", rate=25, options={"x265-params": "log-level=none:bframes=0:crf=8"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p10le"
        for index in range(3):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24").reformat(format="yuv420p10le")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert [index_of(frame.image) for frame in VideoReader(tmp_path / "deep.mp4")] == [0, 1, 2]


def moving(path: Path, durations: list[int], **options: Any) -> list[np.ndarray]:
    frames = [picture(i * 3) for i in range(len(durations))]
    pictures = [PIL.fromarray(frame) for frame in frames]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, **options)
    return frames


@pytest.mark.parametrize(("name", "options"), [
    ("a.gif", {}), ("a.webp", {"lossless": True}), ("a.png", {}), ("a.avif", {"quality": 95}),
])  # fmt: skip
def test_animated_pictures(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    durations = [40, 70, 100, 40, 250]
    frames = moving(tmp_path / name, durations, **options)
    reader = VideoReader(tmp_path / name)
    assert not reader.still
    assert reader.count == 5
    assert reader.seconds == pytest.approx(0.5, abs=0.002)
    assert reader.rate == pytest.approx(10, abs=0.05)
    for _ in range(2):
        found = list(reader)
        assert [frame.ticks * reader.clock for frame in found] == [Fraction(t, 1000) for t in (0, 40, 110, 210, 250)]
        for frame, expected in zip(found, frames, strict=True):
            assert np.abs(frame.image.astype(int) - expected).mean() < 6
    assert len(list(VideoReader(tmp_path / name, start=0.1, end=0.22))) == 2
    assert VideoReader(tmp_path / name, max_side=64).size == (64, 48)
    assert next(iter(VideoReader(tmp_path / name, max_side=64))).image.shape == (48, 64, 3)


def test_frames_without_duration_go_as_in_browsers(tmp_path: Path) -> None:
    moving(tmp_path / "a.gif", [0, 10, 50])
    assert read_times(tmp_path / "a.gif") == [0, Fraction(1, 10), Fraction(2, 10)]


@pytest.mark.parametrize("name", ["face.jpg", "face.png", "face.webp", "face.heic", "face.gif"])
def test_a_single_picture_is_one_frame(tmp_path: Path, name: str) -> None:
    if name.endswith("heic"):
        import pillow_heif

        pillow_heif.from_pillow(PIL.fromarray(picture(9))).save(tmp_path / name)
    else:
        PIL.fromarray(picture(9)).save(tmp_path / name)
    reader = VideoReader(tmp_path / name)
    assert reader.still
    assert reader.count == 1
    assert reader.rate == 25
    frames = list(reader)
    assert [frame.ticks for frame in frames] == [0]
    assert index_of(frames[0].image) == pytest.approx(9, abs=1)


def test_one_frame_clip(tmp_path: Path) -> None:
    reader = VideoReader(make_clip(tmp_path / "one.mp4", 1))
    assert len(list(reader)) == 1
    assert reader.count == 1


def test_time_stamps_rise_whatever_the_file_says(tmp_path: Path) -> None:
    """Two recordings joined end to end in one transport stream start the clock anew."""
    for name in ("one.ts", "two.ts"):
        make_clip(tmp_path / name, 60, rate=Fraction(25))
    (tmp_path / "joined.ts").write_bytes((tmp_path / "one.ts").read_bytes() + (tmp_path / "two.ts").read_bytes())
    found = read_times(tmp_path / "joined.ts")
    assert len(found) >= 118
    steps = {b - a for a, b in pairwise(found)}
    assert min(steps) > 0
    assert float(found[-1]) == pytest.approx(119 / 25, abs=0.1)


def test_repeated_stamps_move_on_by_a_tick(tmp_path: Path) -> None:
    from gioconda.media.film import Film, _Times

    film = Film(make_clip(tmp_path / "a.mp4", 5, rate=Fraction(25), clock=Fraction(1, 1000)), None)
    stamps = _Times(film)
    ticks_per_ms = Fraction(1, 1000) / film.base
    given: list[int | None] = [int(ms * ticks_per_ms) if ms is not None else None for ms in (0, 40, 40, 30, None, 200)]
    found = [stamps(pts) for pts in given]
    assert found[:2] == given[:2]
    assert found[2] == found[1] + 1
    assert found[3] == found[2] + 1
    assert found[4] == found[3] + round(1 / film.rate / film.clock)
    assert found[5] == given[5]
