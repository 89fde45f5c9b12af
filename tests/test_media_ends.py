"""How long the last frame of a video is shown, and which file a video goes to."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from media_made import FILM, make_clip, picture, times
from PIL import Image

from gioconda.media import Sound, VideoReader, VideoWriter


def stream_of(path: Path, kind: str = "video") -> Any:
    """Average rate of the picture or None, and the second at which the stream ends."""
    with av.open(path) as container:
        stream: Any = (container.streams.video if kind == "video" else container.streams.audio)[0]
        end = (stream.start_time + stream.duration) * stream.time_base
        return stream.average_rate if kind == "video" else None, end


def test_a_clip_of_uneven_steps_ends_when_the_driver_does(tmp_path: Path) -> None:
    """The last frame lasts 1/25 s and not as long as the average one, which here is more than a second; so does the sound."""
    stamps = [0, 1, 2, 3, 200, 201, 202]
    source = make_clip(tmp_path / "in.mp4", stamps, rate=Fraction(25), sound="aac", sound_seconds=10)
    reader = VideoReader(source)
    frames = list(reader)
    assert reader.tail == Fraction(1, 25)
    settings: Any = {"size": reader.size, "rate": reader.rate, "clock": reader.clock, "tail": reader.tail}
    with VideoWriter(tmp_path / "out.mp4", sound=Sound.of(source), **settings) as writer:
        for frame in frames:
            writer.write(frame.image, frame.ticks)
    assert times(tmp_path / "out.mp4") == [Fraction(stamp, 25) for stamp in stamps]
    assert stream_of(tmp_path / "out.mp4")[1] == Fraction(203, 25)
    assert stream_of(tmp_path / "out.mp4")[0] == stream_of(source)[0]
    assert abs(stream_of(tmp_path / "out.mp4", "audio")[1] - Fraction(203, 25)) <= Fraction(1, 25)
    cut = VideoReader(source, end=1.0)
    assert len(list(cut)) == 4 and cut.tail == Fraction(22, 25), "shown until the part ends"


def test_a_last_picture_that_is_held_is_held(tmp_path: Path) -> None:
    first, *more = [Image.fromarray(picture(i)) for i in range(4)]
    first.save(tmp_path / "in.gif", save_all=True, append_images=more, duration=[50, 100, 40, 900])
    reader = VideoReader(tmp_path / "in.gif")
    frames = list(reader)
    settings: Any = {"size": reader.size, "rate": reader.rate, "clock": reader.clock, "tail": reader.tail}
    with VideoWriter(tmp_path / "out.mp4", **settings) as writer:
        for frame in frames:
            writer.write(frame.image, frame.ticks)
    assert times(tmp_path / "out.mp4") == [0, Fraction(5, 100), Fraction(15, 100), Fraction(19, 100)]
    assert stream_of(tmp_path / "out.mp4")[1] == Fraction(109, 100)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    for name in ("new.mp4", "old.mp4"):
        (tmp_path / name).symlink_to(Path("far") / name)
    (tmp_path / "far" / "old.mp4").write_bytes(b"older")
    for name in ("new.mp4", "old.mp4"):
        with VideoWriter(tmp_path / name, size=(128, 96), rate=FILM, clock=1 / FILM) as writer:
            writer.write(picture(0), 0)
        assert (tmp_path / name).is_symlink() and len(times(tmp_path / "far" / name)) == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["far", "new.mp4", "new.mp4", "old.mp4", "old.mp4"]


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 125 + ".mp4")
    with VideoWriter(path, size=(128, 96), rate=FILM, clock=1 / FILM) as writer:
        writer.write(picture(0), 0)
    assert list(tmp_path.iterdir()) == [path]


def test_two_runs_with_one_output_do_not_mix(tmp_path: Path) -> None:
    settings: Any = {"size": (128, 96), "rate": FILM, "clock": 1 / FILM}
    with VideoWriter(tmp_path / "a.mp4", **settings) as first:
        with VideoWriter(tmp_path / "a.mp4", **settings) as second:
            for index in range(40):
                first.write(picture(index), index)
                if index < 20:
                    second.write(picture(index), index)
        assert len(times(tmp_path / "a.mp4")) == 20
    assert len(times(tmp_path / "a.mp4")) == 40
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_the_sound_of_joined_recordings_goes_on(tmp_path: Path) -> None:
    """Each half of the stream begins at the same time: where the clock jumps back, picture and sound go on without a gap."""
    half = make_clip(tmp_path / "half.ts", 40, rate=Fraction(25), sound="aac", sound_seconds=1.6).read_bytes()
    source = tmp_path / "joined.ts"
    source.write_bytes(half + half)
    reader = VideoReader(source)
    settings: Any = {"size": reader.size, "rate": reader.rate, "clock": reader.clock, "sound": Sound.of(source)}
    with VideoWriter(tmp_path / "out.mp4", **settings) as writer:
        for frame in reader:
            writer.write(frame.image, frame.ticks)
    shown = times(tmp_path / "out.mp4")
    assert [time - shown[0] for time in shown] == [Fraction(i, 25) for i in range(80)]
    with av.open(tmp_path / "out.mp4") as container:
        stamps = [packet.pts for packet in container.demux(container.streams.audio[0]) if packet.pts is not None]
    steps = {later - earlier for earlier, later in pairwise(stamps)}
    assert max(steps) - min(steps) <= 2
    assert abs(stream_of(tmp_path / "out.mp4", "audio")[1] - shown[-1] - Fraction(1, 25)) <= Fraction(1, 25)
