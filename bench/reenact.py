"""What a head makes of a clip: driven by it from its own first frame, from eight frames of it, and by a picture that rests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import clips, measures, road, store
from gioconda.faces import matte
from gioconda.media import VideoReader, VideoWriter
from heads import mesh
from heads.base import Floats, Image

PORTRAITS = 8
"""Frames of a clip that are given as portraits, spread over it."""

MARGIN = 0.2
"""Distances between the outer eye corners from a matte's edge within which a pixel may still be the person's."""

REST = (Fraction(25), 26)
"""Frames per second, and frames, of the clip that repeats a picture."""

Figures = dict[str, float | None]


@dataclass(slots=True, eq=False)
class Shown:
    """What a run looked like, for the sheets."""

    frames: dict[int, Image]
    """As the head made them."""
    apart: dict[int, float]
    """Landmark distance of each frame, percent of the eyes' distance."""
    figures: Figures


def likeness(take: clips.Take, frames: dict[int, Image], chosen: Iterable[int]) -> Figures:
    """PSNR and SSIM of whole frame and face box, of the still first frame and of the head, means over the chosen frames."""
    rows = []
    for i in chosen:
        true, box = take.frames[i], measures.face_box(take.faces[i].points)
        row = []
        for image in (take.frames[0], frames[i]):
            alike = measures.ssim_map(image, true)
            row += [measures.psnr(image, true), float(alike[3:-3, 3:-3].mean(dtype=np.float64))]
            row += [measures.psnr(image[box], true[box]), float(alike[box].mean(dtype=np.float64))]
        rows.append(row)
    names = [f"{name}{which}" for which in ("_still", "") for name in ("psnr", "ssim", "face_psnr", "face_ssim")]
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


def stirred(take: clips.Take) -> list[int]:
    """The compared frames that differ from the portrait: for the others a still picture gets the most decibels there are."""
    return [i for i in take.faces if (take.frames[i] != take.frames[0]).any()]


def quick(take: clips.Take, head: str) -> Figures:
    """Likeness alone, of frames before encoding; only these are made."""
    with road.scratch() as folder:
        job = road.job([take.portrait], Path(folder) / "out.mp4", driving=take.driving, head=head, watermark=False)
        taken = road.run(job, chosen=take.faces, encode=False)
    return likeness(take, taken.frames, take.faces)


def whole(take: clips.Take, head: str) -> Shown:
    """Everything about a clip that drives its own first frame, with the product's own encoding and invisible mark."""
    with road.scratch() as folder:
        output = Path(folder) / "out.mp4"
        taken = road.run(road.job([take.portrait], output, driving=take.driving, head=head))
        with VideoReader(output) as reader:
            encoded = [frame.image for frame in reader]
        result, driver = road.tracked(output), road.tracked(take.driving)
    count = min(len(encoded), len(take.frames))
    figures = likeness(take, taken.frames, take.faces)
    coded = [measures.psnr(encoded[i][b], take.frames[i][b]) for i, b in _boxes(take)]
    figures["face_psnr_encoded"] = float(np.mean(coded))
    figures |= performance({k: v[:count] for k, v in result.items()}, {k: v[:count] for k, v in driver.items()})
    figures |= stillness(taken, encoded, result["points"])
    apart = measures.landmark_distance(result["points"][:count], driver["points"][:count])
    return Shown(taken.frames, dict(enumerate(apart.tolist())), figures)


def _boxes(take: clips.Take) -> list[tuple[int, measures.Box]]:
    return [(i, measures.face_box(face.points)) for i, face in take.faces.items()]


def performance(result: store.Arrays, driver: store.Arrays) -> Figures:
    """How the tracker sees the result against the driver: see `measures`."""
    both = result["found"] & driver["found"]
    mine, own = ({k: v[both] for k, v in side.items()} for side in (result, driver))
    blinks = measures.blink(mine["expression"]), measures.blink(own["expression"])
    jaws = measures.jaw(mine["expression"]), measures.jaw(own["expression"])
    gaps = measures.mouth_gaps(mine["points"]), measures.mouth_gaps(own["points"])
    looks = measures.gaze(mine["points"]), measures.gaze(own["points"])
    return {
        "landmarks": float(measures.landmark_distance(mine["points"], own["points"]).mean()),
        "blendshapes": float(measures.blendshape_distance(mine["expression"], own["expression"]).mean()),
        "pose": float(measures.pose_error(mine["pose"], own["pose"]).mean()),
        "pose_worst": float(measures.pose_error(mine["pose"], own["pose"]).max()),
        "gaze_error": float(100 * np.abs(looks[0] - looks[1]).mean()),
        "gaze": measures.correlation(looks[0], looks[1], measures.STIRS_GAZE),
        "blink": measures.correlation(blinks[0], blinks[1]),
        "jaw": measures.correlation(jaws[0], jaws[1]),
        "lids_closed": measures.kept_closed(*blinks, lips=False),
        "lips_closed": measures.kept_closed(*gaps, lips=True),
        "blinks_kept": measures.kept_times(*blinks, lips=False),
        "lips_kept": measures.kept_times(*gaps, lips=True),
        "lips_opened": measures.opening(*gaps),
        "jitter": measures.jitter(mine["points"]),
        "jitter_driver": measures.jitter(own["points"]),
        "lost": float((driver["found"] & ~result["found"]).sum()),
    }


def beyond(taken: road.Taken, points: Floats) -> NDArray[np.bool_]:
    """(H, W) what is outside the person of the portrait and of the frames in which the head is furthest to each side.

    Args:
        taken: the run.
        points: (T, 478, 3) landmarks of its frames, pixels.
    """
    frames, first = taken.frames, taken.portraits[0]
    middle = points[:, list(mesh.STABLE), :2].mean(1)
    ends = {int(f(middle[:, axis])) for f in (np.argmin, np.argmax) for axis in (0, 1)} & set(frames)
    mattes = [first.matte, *(matte(frames[i]) for i in sorted(ends))]
    return measures.outside(mattes, round(MARGIN * mesh.eye_distance(first.face.points)))


def stillness(taken: road.Taken, encoded: list[Image], points: Floats) -> Figures:
    """How still the background stays: share of its pixels that ever differ before encoding, drift after it."""
    where = beyond(taken, points)
    first = taken.portraits[0].image
    if where.mean() < measures.FEW:
        return {"outside": float(where.mean()), "outside_changed": None, "drift": None}
    changed = np.zeros(where.shape, bool)
    for frame in taken.frames.values():
        changed |= (frame != first).any(-1)
    return {
        "outside": float(where.mean()),
        "outside_changed": float(100 * changed[where].mean()),
        "drift": measures.drift(encoded, where),
    }


def eight(take: clips.Take, head: str) -> Figures:
    """Face PSNR from one portrait and from eight of the clip, over the same frames, which are none of them."""
    given = sorted({int(i) for i in np.arange(PORTRAITS) * len(take.frames) // PORTRAITS})
    judged = [i for i in stirred(take) if i not in given]
    figures: Figures = {}
    with road.scratch() as folder:
        places = [Path(folder) / f"{i:03d}.png" for i in given]
        for place, i in zip(places, given, strict=True):
            clips.save(place, take.frames[i])
        for name, portraits in (("one", [take.portrait]), ("eight", places)):
            job = road.job(portraits, Path(folder) / "out.mp4", driving=take.driving, head=head, watermark=False)
            taken = road.run(job, chosen=judged, encode=False)
            figures[name] = likeness(take, taken.frames, judged)["face_psnr"]
    one, several = figures["one"], figures["eight"]
    assert one is not None and several is not None
    return {**figures, "gain": several - one}


def resting(portrait: Path, head: str) -> Figures:
    """PSNR before encoding, the least of all frames, where the driver is the portrait repeated."""
    with road.scratch() as folder:
        driving = Path(folder) / "rest.mp4"
        rate, count = REST
        image = clips.even(clips.read(portrait))
        with VideoWriter(driving, size=image.shape[1::-1], rate=rate, clock=1 / rate, crf=clips.CRF) as writer:
            for ticks in range(count):
                writer.write(image, ticks)
        job = road.job([portrait], Path(folder) / "out.mp4", driving=driving, head=head, watermark=False)
        taken = road.run(job, encode=False)
    first = taken.portraits[0].image
    return {"rest": min(measures.psnr(frame, first) for frame in taken.frames.values())}


def mean(rows: dict[str, Figures]) -> dict[str, Any]:
    """The mean of each figure over the clips that have it."""
    names = dict.fromkeys(name for row in rows.values() for name in row)
    values = {name: [row[name] for row in rows.values() if row.get(name) is not None] for name in names}
    return {name: float(np.mean(given)) if given else None for name, given in values.items()}  # type: ignore[arg-type]
