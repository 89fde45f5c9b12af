"""What is written, read back with FFmpeg itself: times, sound, colours, tags, and what is left when writing fails."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from media_made import FILM, PATCHES, index_of, make_clip, packets, picture, times

from gioconda.errors import OutputError, SettingError
from gioconda.media import Sound, VideoReader, VideoWriter, preview


def carry(source: Path, target: Path, **selection: Any) -> Sound | None:
    """Source to target through our reader, sound and writer."""
    reader = VideoReader(source, **selection)
    sound = Sound.of(source, **selection)
    with VideoWriter(target, size=reader.size, rate=reader.rate, clock=reader.clock, sound=sound) as writer:
        for frame in reader:
            writer.write(frame.image, frame.ticks)
    return sound


def stream_of(path: Path, kind: str = "video") -> Any:
    with av.open(path) as container:
        stream: Any = (container.streams.video if kind == "video" else container.streams.audio)[0]
        end = (stream.start_time + stream.duration) * stream.time_base
        return stream.average_rate if kind == "video" else None, stream.codec_context.name, end


def boxes(path: Path) -> list[bytes]:
    data, place, names = path.read_bytes(), 0, []
    while place < len(data):
        names.append(data[place + 4 : place + 8])
        place += int.from_bytes(data[place : place + 4], "big")
    return names


@pytest.mark.parametrize(
    ("rate", "suffix"),
    [
        (FILM, "mp4"),
        (FILM, "mkv"),
        (FILM, "avi"),
        (Fraction(25), "mp4"),
        (Fraction(24000, 1001), "mkv"),
        (Fraction(60000, 1001), "mkv"),
    ],
)
def test_times_are_the_drivers(tmp_path: Path, rate: Fraction, suffix: str) -> None:
    source = make_clip(tmp_path / f"in.{suffix}", 50, rate=rate, codec="mpeg4" if suffix == "avi" else "libx264")
    carry(source, tmp_path / "out.mp4")
    assert times(tmp_path / "out.mp4") == [i / rate for i in range(50)]
    assert stream_of(tmp_path / "out.mp4")[0] == rate
    frames = list(VideoReader(tmp_path / "out.mp4"))
    assert [index_of(frame.image) for frame in frames] == [i % 40 for i in range(50)]
    assert abs(stream_of(tmp_path / "out.mp4")[2] - 50 / rate) < Fraction(1, 1000)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_variable_rate_survives(tmp_path: Path, suffix: str) -> None:
    stamps = [0, *np.cumsum(np.random.default_rng(5).integers(9, 90, 40)).tolist()]
    codec = "libvpx-vp9" if suffix == "webm" else "libx264"
    source = make_clip(tmp_path / f"in.{suffix}", stamps, clock=Fraction(1, 1000), rate=Fraction(30), codec=codec)
    carry(source, tmp_path / "out.mp4")
    own, found = times(source), times(tmp_path / "out.mp4")
    assert len(found) == len(own) == 41
    assert max(abs((a - own[0]) - b) for a, b in zip(own, found, strict=True)) < Fraction(1, 1000)


def test_what_players_need(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", 20, sound="aac")
    carry(source, tmp_path / "out.mp4")
    names = boxes(tmp_path / "out.mp4")
    assert names.index(b"moov") < names.index(b"mdat")
    with av.open(tmp_path / "out.mp4") as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
    assert not list(tmp_path.glob("*.part"))


def test_tags(tmp_path: Path) -> None:
    tags = {
        "title": "Lisa smiles",
        "comment": "AI-animated portrait",
        "description": "Made from a photograph",
        "encoder": "Gioconda 0.1.0",
    }
    with VideoWriter(tmp_path / "a.mp4", size=(64, 64), rate=Fraction(25), clock=Fraction(1, 25), tags=tags) as writer:
        writer.write(np.zeros((64, 64, 3), np.uint8), 0)
    with av.open(tmp_path / "a.mp4") as container:
        found = container.metadata
        assert [found[key] for key in ("title", "comment", "description")] == [
            tags[k] for k in ("title", "comment", "description")
        ]
        assert found["artist"] == "Gioconda 0.1.0"
        assert container.streams.video[0].metadata["handler_name"] == "Gioconda 0.1.0"
    with pytest.raises(ValueError, match="no MP4 tag"):
        VideoWriter(tmp_path / "b.mp4", size=(64, 64), rate=Fraction(25), clock=Fraction(1, 25), tags={"mood": "serene"})


def test_colours_survive(tmp_path: Path) -> None:
    patches = PATCHES.repeat(16, 0)[None].repeat(64, 0)
    with VideoWriter(tmp_path / "a.mp4", size=(128, 64), rate=Fraction(25), clock=Fraction(1, 25), crf=12) as writer:
        for index in range(3):
            writer.write(patches, index)
    with av.open(tmp_path / "a.mp4") as container:
        for frame in container.decode(video=0):
            planes = frame.to_ndarray(format="yuv444p")[:, 32, 8::16].astype(float)
            # BT.709 limited range by its own formula (ITU-R BT.709-6, item 3.5), without swscale.
            y, u, v = (planes[0] - 16) / 219, (planes[1] - 128) / 224, (planes[2] - 128) / 224
            red, blue = y + 1.5748 * v, y + 1.8556 * u
            green = (y - 0.2126 * red - 0.0722 * blue) / 0.7152
            found = np.stack([red, green, blue], -1) * 255
            assert np.abs(found - PATCHES).max() <= 3


SOUNDS = [
    ("mp4", "aac", True), ("mkv", "aac", True), ("ts", "aac", True), ("mkv", "libopus", True), ("mkv", "libmp3lame", True),
    ("mp4", "ac3", True), ("mkv", "flac", True), ("mov", "pcm_s16le", False), ("mkv", "vorbis", False),
]  # fmt: skip


@pytest.mark.parametrize(("suffix", "codec", "copied"), SOUNDS)
@pytest.mark.parametrize("delay", [Fraction(0), Fraction(2, 5)])
def test_sound_keeps_its_time_and_its_packets(tmp_path: Path, suffix: str, codec: str, copied: bool, delay: Fraction) -> None:
    source = make_clip(tmp_path / f"in.{suffix}", 60, sound=codec, sound_start=delay, sound_seconds=2.0 - float(delay))
    target = tmp_path / "out.mp4"
    sound = carry(source, target)
    assert sound is not None
    assert sound.copied == copied
    if copied:
        before = times(source, "audio")[0] - times(source)[0]
        after = times(target, "audio")[0] - times(target)[0]
        assert abs(after - before) < Fraction(1, 1000)
    if copied and suffix != "ts":
        kept, given = packets(target), packets(source)
        assert kept == given[: len(kept)]
        assert len(given) - len(kept) <= 2
    if not copied:
        assert stream_of(target, "audio")[1] == "aac"
        assert "AAC" in sound.note
    assert abs(stream_of(target, "audio")[2] - stream_of(target)[2]) < 1 / FILM + Fraction(3, 100)


def heard(path: Path) -> tuple[np.ndarray, Fraction]:
    """The left channel, -1 … 1, and the second at which it begins."""
    with av.open(path) as container:
        frames: list[Any] = list(container.decode(audio=0))
    parts = [frame.to_ndarray() for frame in frames]
    left = np.concatenate([part[0] if part.shape[0] == 2 else part.reshape(-1, 2)[:, 0] for part in parts])
    return left / (32768 if left.dtype == np.int16 else 1), frames[0].pts * frames[0].time_base


@pytest.mark.parametrize(("codec", "suffix"), [("pcm_s16le", "mov"), ("pcm_s16le", "mkv"), ("vorbis", "mkv"), ("aac", "mp4")])
@pytest.mark.parametrize("selection", [{}, {"start": 0.5}])
def test_the_same_sound_is_heard_at_the_same_time(tmp_path: Path, codec: str, suffix: str, selection: dict[str, float]) -> None:
    source = make_clip(tmp_path / f"in.{suffix}", 60, sound=codec, sound_start=Fraction(1, 4), sound_seconds=1.7)
    carry(source, tmp_path / "out.mp4", **selection)
    shift = min(t for t in times(source) if t >= selection.get("start", 0))
    before, begins = heard(source)
    after, begins_after = heard(tmp_path / "out.mp4")
    # From 0.8 s to 1.6 s of the source: a rising tone fits itself in one place only. Matroska rounds to milliseconds, twice.
    one, two = (round((Fraction(8, 10) - t) * 48000) for t in (begins, begins_after + shift))
    slack = 60 if suffix == "mkv" else 2
    fits = {k: np.corrcoef(before[one : one + 38400], after[two + k : two + k + 38400])[0, 1] for k in range(-96, 97)}
    best = max(fits, key=lambda k: fits[k])
    assert fits[best] > 0.99
    assert abs(best) <= slack


@pytest.mark.parametrize(("codec", "suffix"), [("aac", "mp4"), ("aac", "mkv"), ("pcm_s16le", "mov")])
def test_sound_of_a_selection(tmp_path: Path, codec: str, suffix: str) -> None:
    source = make_clip(tmp_path / f"in.{suffix}", 90, sound=codec, sound_seconds=3.0)
    target = tmp_path / "out.mp4"
    carry(source, target, start=1.0, end=2.0)
    first = min(t for t in times(source) if t >= 1)
    if codec == "aac":
        given = packets(source)
        kept = packets(target)
        at = given.index(kept[0])
        assert kept == given[at : at + len(kept)]
        begins = times(source, "audio")[at] - first
        assert Fraction(-1024, 48000) < begins <= 0
        assert abs(times(target, "audio")[0] - begins) < Fraction(1, 1000)
    assert abs(stream_of(target, "audio")[2] - stream_of(target)[2]) <= 1 / FILM


def test_long_sound_ends_with_the_picture_and_short_sound_may_end_before(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", 60, sound="aac", sound_seconds=4.0)
    carry(source, tmp_path / "out.mp4")
    assert abs(stream_of(tmp_path / "out.mp4", "audio")[2] - stream_of(tmp_path / "out.mp4")[2]) <= 1 / FILM
    short = make_clip(tmp_path / "short.mp4", 60, sound="aac", sound_seconds=0.5)
    carry(short, tmp_path / "out.mp4")
    assert packets(tmp_path / "out.mp4") == packets(short)


def test_sound_that_begins_before_the_picture_is_kept(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", list(range(8, 60)), rate=Fraction(25), sound="aac", sound_seconds=2.4)
    assert times(source)[0] == Fraction(8, 25)
    sound = carry(source, tmp_path / "out.mp4")
    assert sound is not None
    assert sound.lead == Fraction(8, 25)
    assert times(tmp_path / "out.mp4") == times(source)
    kept = packets(tmp_path / "out.mp4")
    assert kept == packets(source)[: len(kept)]
    assert abs(times(tmp_path / "out.mp4", "audio")[0] - times(source, "audio")[0]) < Fraction(1, 1000)


def test_no_sound(tmp_path: Path) -> None:
    assert Sound.of(make_clip(tmp_path / "a.mp4", 5)) is None


def test_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="even sides"):
        VideoWriter(tmp_path / "a.mp4", size=(63, 64), rate=Fraction(25), clock=Fraction(1, 25))
    with pytest.raises(ValueError, match="ticks"):
        VideoWriter(tmp_path / "a.mp4", size=(64, 64), rate=Fraction(25), clock=Fraction(1, 2**40))
    image = np.zeros((64, 64, 3), np.uint8)
    with VideoWriter(tmp_path / "a.mp4", size=(64, 64), rate=Fraction(25), clock=Fraction(1, 25)) as writer:
        writer.write(image, 0)
        with pytest.raises(ValueError, match="does not come after"):
            writer.write(image, 0)
        with pytest.raises(ValueError, match="expected"):
            writer.write(image[:32], 1)
        with pytest.raises(ValueError, match="expected"):
            writer.write(image.astype(np.float32), 1)
        writer.write(image, 1)
    assert len(times(tmp_path / "a.mp4")) == 2
    with (
        pytest.raises(OutputError, match="No frame"),
        VideoWriter(tmp_path / "b.mp4", size=(64, 64), rate=FILM, clock=1 / FILM),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_images_may_be_reused(tmp_path: Path) -> None:
    image = picture(0).copy()
    with VideoWriter(tmp_path / "a.mp4", size=(128, 96), rate=FILM, clock=1 / FILM) as writer:
        for index in range(30):
            image[:] = picture(index)
            writer.write(image, index)
    assert [index_of(frame.image) for frame in VideoReader(tmp_path / "a.mp4")] == list(range(30))


def noise(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 255, (256, 256, 3), np.uint8)


def test_an_exception_leaves_nothing_and_an_older_output_alone(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", 60, sound="aac")
    output = tmp_path / "out.mp4"
    output.write_bytes(b"older")
    writer = VideoWriter(output, size=(256, 256), rate=FILM, clock=1 / FILM, sound=Sound.of(source))

    def interrupted() -> None:
        with writer:
            for index in range(40):
                writer.write(noise(index), index)
            assert writer.part.exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]
    assert output.read_bytes() == b"older"


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Files may grow to `size` bytes only, as on a full disk; Python ignores the signal and the write fails (EFBIG)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def write_noise(path: Path, frames: int = 40) -> None:
    with VideoWriter(path, size=(256, 256), rate=FILM, clock=1 / FILM) as writer:
        for index in range(frames):
            writer.write(noise(index), index)


def test_a_disk_that_fills(tmp_path: Path) -> None:
    write_noise(tmp_path / "whole.mp4")
    whole = (tmp_path / "whole.mp4").stat().st_size
    (tmp_path / "whole.mp4").unlink()
    # While frames come, while the index is written, and while it is moved to the front.
    for room in (0, 100, whole // 3, whole - 1200, whole - 500, whole - 1):
        with room_for(room), pytest.raises(OutputError, match="disk is full") as caught:
            write_noise(tmp_path / "out.mp4")
        assert caught.value.code == 2
        assert list(tmp_path.iterdir()) == []
    with room_for(whole):
        write_noise(tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").stat().st_size == whole


def test_places_that_take_no_file(tmp_path: Path) -> None:
    for place, words in (
        (tmp_path / "absent" / "a.mp4", "does not exist"),
        (tmp_path, "is a folder"),
        (Path("/proc/a.mp4"), "a.mp4"),
    ):
        with pytest.raises(OutputError, match=words):
            write_noise(place)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # `nobody`, since root may write anywhere
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            write_noise(tmp_path / "a.mp4")
    finally:
        os.seteuid(user)
        tmp_path.chmod(0o700)


def test_the_smallest_and_the_narrowest_frame(tmp_path: Path) -> None:
    for size in ((2, 2), (2, 400), (400, 2)):
        with VideoWriter(tmp_path / "a.mp4", size=size, rate=FILM, clock=1 / FILM) as writer:
            writer.write(np.zeros((size[1], size[0], 3), np.uint8), 0)
        assert len(times(tmp_path / "a.mp4")) == 1


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_preview(tmp_path: Path, suffix: str) -> None:
    source = make_clip(tmp_path / "in.mp4", 60, size=(256, 192))
    path = preview(source, tmp_path / f"p.{suffix}", max_side=96, rate=Fraction(10))
    reader = VideoReader(path)
    assert reader.size == (96, 72)
    assert reader.seconds == pytest.approx(2.0, abs=0.12)
    frames = list(reader)
    assert len(frames) == pytest.approx(20, abs=1)
    for frame in frames:
        expected = round(frame.time * FILM) % 40
        assert abs(index_of(frame.image) - expected) <= 2 or expected in (0, 39)
    assert frames[3].image[4, 4, 0] > 200
    assert [p.name for p in tmp_path.glob("*.part")] == []


def test_preview_refuses_other_suffixes(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", 5)
    with pytest.raises(SettingError, match=r"gif or \.webp"):
        preview(source, tmp_path / "p.apng")
    with pytest.raises(OutputError):
        preview(source, tmp_path / "absent" / "p.gif")
