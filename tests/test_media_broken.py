"""Files that are no clip, or only part of one."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_made import add_tone, index_of, make_clip

from gioconda.errors import DrivingError
from gioconda.media import Frame, VideoReader


def refused(path: Path, **selection: float) -> str:
    with pytest.raises(DrivingError) as caught:
        list(VideoReader(path, **selection))  # type: ignore[arg-type]
    for sentence in (caught.value.found, caught.value.needed, caught.value.do):
        assert sentence.endswith(".")
    return str(caught.value)


def test_what_is_no_clip(tmp_path: Path) -> None:
    assert "no file" in refused(tmp_path / "absent.mp4")
    assert "folder" in refused(tmp_path)
    (tmp_path / "empty.mp4").touch()
    assert "0 bytes" in refused(tmp_path / "empty.mp4")
    for name in ("letter.mp4", "letter.txt", "letter.srt"):
        (tmp_path / name).write_text("1\n00:00:01,000 --> 00:00:02,000\nDear Lisa\n\n" * 100)
        assert "cannot be read as a video" in refused(tmp_path / name)
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    assert "cannot be read as a video" in refused(tmp_path / "list.m3u8")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile /etc/hostname\n")
    assert "cannot be read as a video" in refused(tmp_path / "list.mp4")


def test_only_sound(tmp_path: Path) -> None:
    with av.open(tmp_path / "song.m4a", "w", format="mp4") as output:
        for packet in add_tone(output, "aac", Fraction(0), 0.5):
            output.mux(packet)
    assert "only sound" in refused(tmp_path / "song.m4a")


def test_index_missing(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", 60)
    path.write_bytes(path.read_bytes()[:-700])
    assert "its end is missing" in refused(path)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_cut_short(tmp_path: Path, suffix: str) -> None:
    """The index is at the front, as web videos have it, and a download broke off."""
    noise = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    whole = make_clip(
        tmp_path / f"whole.{suffix}", 100, rate=Fraction(25), images=(np.roll(noise, 7 * i, axis=1) for i in range(100))
    )
    if suffix == "mp4":
        with (
            av.open(whole) as source,
            av.open(tmp_path / "front.mp4", "w", container_options={"movflags": "+faststart"}) as target,
        ):
            stream = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    target.mux(packet)
        whole = tmp_path / "front.mp4"
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])
    reader = VideoReader(path)
    frames: list[Frame] = []
    with pytest.raises(DrivingError, match=r"ends at \d\.\d s of 4\.0 s.*--end \d\.\d") as caught:
        frames.extend(reader)
    seen = len(frames)
    assert 30 < seen < 90
    readable = float(str(caught.value).split("--end ")[1].split(" ")[0])
    assert readable == pytest.approx(seen / 25, abs=0.15)
    assert len(list(VideoReader(path, end=readable))) == pytest.approx(seen, abs=4)


def test_damage_in_the_middle_is_skipped_and_counted(tmp_path: Path) -> None:
    """Intra-only, so that the loss of a picture is no other picture's loss."""
    path = make_clip(tmp_path / "a.mov", 30, codec="png", rate=Fraction(25))
    data = bytearray(path.read_bytes())
    starts = [i for i in range(len(data)) if data.startswith(b"\x89PNG", i)]
    for index in (10, 11, 20):
        data[starts[index] : starts[index] + 60] = bytes(60)
    path.write_bytes(data)
    reader = VideoReader(path)
    frames = list(reader)
    assert [index_of(frame.image) for frame in frames] == [i for i in range(30) if i not in (10, 11, 20)]
    assert reader.skipped == 3
    assert frames[10].ticks * reader.clock == Fraction(12, 25)


def test_nothing_selected(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", 30, rate=Fraction(25))
    assert "It lasts 1.20 s" in refused(path, start=2.0)
    assert "between 0.50 s and 0.50 s" in refused(path, start=0.5, end=0.5)
    assert "between 0.50 s and 0.51 s" in refused(path, start=0.5, end=0.51)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts"])
def test_random_damage_is_read_or_refused(tmp_path: Path, suffix: str) -> None:
    """Whatever a bit flips, the user sees a sentence."""
    whole = make_clip(tmp_path / f"a.{suffix}", 20, codec="mpeg4" if suffix == "avi" else "libx264").read_bytes()
    random = np.random.default_rng(11)
    outcomes = set()
    for trial in range(25):
        data = bytearray(whole[: random.integers(1, len(whole))] if trial % 3 == 0 else whole)
        for place in random.integers(0, len(data) if trial % 2 else min(len(data), 400), 8):
            data[place] = random.integers(0, 256)
        path = tmp_path / f"b{trial}.{suffix}"
        path.write_bytes(data)
        try:
            outcomes.add(len(list(VideoReader(path))) > 0)
        except DrivingError:
            outcomes.add(False)
    assert outcomes == {True, False}
