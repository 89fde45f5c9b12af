"""The examination of rendered people: a head against the truth, act by act."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench import measures, road
from bench.reenact import Shown, eight, likeness, stirred
from bench.rendered import SPANS, Exam
from gioconda.media import VideoReader
from heads.base import Floats
from heads.mesh import SHAPE

DONE = {
    "jaw": ("jawOpen",),
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "blink": ("eyeBlinkLeft", "eyeBlinkRight"),
    "pucker": ("mouthPucker",),
}
"""Blendshapes by which it is told how much of an act arrives; the others MediaPipe hardly sees on rendered people."""

NEAR = 12
"""Pixels around the true person within which a pixel may change."""


def examined(exam: Exam, head: str) -> Shown:
    """One person's examination: likeness act by act, errors against the truth beside the tracker's own on the true frames."""
    take = exam.take
    with road.scratch() as folder:
        output = Path(folder) / "out.mp4"
        taken = road.run(road.job([take.portrait], output, driving=take.driving, head=head))
        result, driver = road.tracked(output), road.tracked(take.driving)
        with VideoReader(output) as reader:
            encoded = [frame.image for frame in reader]
    judged = stirred(take)
    figures = likeness(take, taken.frames, judged)
    for name, span in SPANS.items():
        figures[f"face_psnr_{name}"] = likeness(take, taken.frames, [i for i in judged if i in span])["face_psnr"]
    for who, seen in (("", result), ("_driver", driver)):
        figures[f"landmarks{who}"] = float(measures.landmark_distance(seen["points"], exam.points).mean())
        figures[f"pose{who}"] = float(measures.pose_error(_changed(seen["pose"]), _changed(exam.pose)).mean())
        figures[f"jitter{who}"] = measures.jitter(seen["points"])
    for name, signal in (("blink", measures.blink), ("jaw", measures.jaw)):
        figures[name] = measures.correlation(signal(result["expression"]), signal(driver["expression"]))
    for name, shapes in DONE.items():
        rows = [SHAPE[shape] for shape in shapes]
        got, own = (_height(seen["expression"][:, rows], SPANS[name]) for seen in (result, driver))
        figures[f"{name}_done"] = got / own if own > measures.STIRS else None
    looks = [measures.gaze(seen["points"])[SPANS["gaze"], 0] for seen in (result, driver)]
    figures["gaze_done"] = float(np.ptp(looks[0]) / np.ptp(looks[1]))
    where = measures.outside(list(exam.mattes / np.float32(255)), NEAR)
    changed = [(frame != taken.portraits[0].image).any(-1)[where].mean() for frame in taken.frames.values()]
    figures["outside_changed"] = float(100 * max(changed))
    figures["drift"] = measures.drift(encoded, where)
    figures["gain"] = eight(take, head)["gain"]
    apart = measures.landmark_distance(result["points"], driver["points"])
    return Shown(taken.frames, dict(enumerate(apart.tolist())), figures)


def _changed(pose: Floats) -> Floats:
    """Rotations (T, 3, 3) from the first frame on: what the tracker is off by everywhere is no error of a head."""
    return np.asarray(pose @ pose[0].T, np.float32)


def _height(weights: Floats, span: range) -> float:
    """How much the mean of some weights (T, n) rises during an act over the first frame."""
    track = weights.mean(1)
    return float(track[span].max() - track[0])
