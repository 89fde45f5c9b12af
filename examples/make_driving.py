"""Writes the driving clip of the examples: `python -m examples.make_driving [--quality fast]`.

Somebody who does not exist says a sentence without words and smiles: face, movement and voice come from our own tools
(`people`, `gioconda.gestures`, `voice`), so the clip belongs to nobody: CC0 1.0. Takes some minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from examples import voice
from examples.people import Look, Person, blend, render
from gioconda.gestures.face import turned
from gioconda.gestures.life import live
from gioconda.gestures.scripts import smile
from gioconda.gestures.speech import Syllable, say, syllables
from gioconda.gestures.stage import Stage
from gioconda.media import VideoWriter
from heads.base import Image

PATH = Path(__file__).parent / "driving.mp4"
RATE = Fraction(25)
SECONDS = 6.0
SIDE = 512
EYES = 122.0
"""Pixels between the outer corners of the eyes: a head and shoulders, as in a video call."""
MIDDLE = (256.0, 232.0)
"""Pixel of the middle of the eyes at rest."""
PLAYED = 8.0
"""Seconds of the whole performance, which the clip leaves before the smile is over."""
SPOKEN = 4.3
"""Seconds of it that are for talking, the rest after the last word included."""
SMILES_AT = 2.9
SEED = 22
SOUND_BITS = 64_000
"""Bits per second of AAC: plenty for one voice."""
CRF = 20


def driver() -> Person:
    """Who performs: none of the people of the portraits."""
    return Person(
        blend({"caucasian": 0.45, "asian": 0.3, "african": 0.25}, True, 0.15, 71, 0.25),
        Look(0.42, 0.5, (0.60, 0.27, 0.26), 0.35, (0.26, 0.17, 0.10), (0.10, 0.07, 0.055), 0.1, seed=71),
        "swept",
        (0.9, 0.4),
        0.7,
        shirt=(0.62, 0.38, 0.20),
        wall=(0.30, 0.36, 0.40),
    )


def main() -> None:
    """Play, draw, sound and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quality", choices=("fast", "fine"), default="fine")
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    stage, spoken = played()
    with tempfile.TemporaryDirectory() as folder:
        silent = Path(folder) / "silent.mp4"
        with VideoWriter(silent, size=(SIDE, SIDE), rate=RATE, clock=1 / RATE, crf=CRF) as writer:
            for ticks, image in enumerate(drawn(stage, chosen.quality, chosen.processes)):
                writer.write(image, ticks)
        join(silent, voice.speak(spoken, SECONDS, SEED), PATH)
    print(f"{PATH.name}: {len(stage.t)} frames, {PATH.stat().st_size / 1e6:.2f} MB")


def played() -> tuple[Stage, list[Syllable]]:
    """The performance at the clip's frames, and what is said in it."""
    times = np.arange(round(SECONDS * RATE)) / float(RATE)
    stage = Stage(times, PLAYED, np.random.default_rng(SEED))
    spoken = syllables(SPOKEN, np.random.default_rng(SEED))
    say(stage, spoken)
    smile(stage.part(SMILES_AT, PLAYED))
    live(stage)
    stage.finish()
    return stage, spoken


def drawn(stage: Stage, quality: str, processes: int) -> Iterator[Image]:
    """Its frames (512, 512, 3)."""
    weights = stage.weights.astype(np.float32)
    turns = turned(*np.radians(stage.turn).T)
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(partial(frame, quality), weights, turns, stage.shift)


def frame(quality: str, expression: NDArray[np.float32], turn: NDArray[np.float64], shift: NDArray[np.float64]) -> Image:
    """One frame, drawn at twice the size and averaged when it is drawn fast."""
    yaw, pitch, roll = Rotation.from_matrix(turn).as_euler("YXZ", degrees=True)
    over = 2 if quality == "fast" else 1
    picture = render(
        driver(),
        expression=expression,
        yaw=float(yaw),
        pitch=float(pitch),
        roll=float(roll),
        size=(SIDE * over, SIDE * over),
        quality="fast" if quality == "fast" else "fine",
        eye_distance=EYES * over,
        centre=((MIDDLE[0] + EYES * float(shift[0])) * over, (MIDDLE[1] + EYES * float(shift[1])) * over),
    )
    return np.asarray(cv2.resize(picture.image, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def join(silent: Path, sound: NDArray[np.float32], path: Path) -> None:
    """One MP4 of a silent one's pictures and a sound (N,) at `voice.RATE`."""
    with av.open(str(silent)) as pictures, av.open(str(path), "w", options={"movflags": "+faststart"}) as output:
        source = pictures.streams.video[0]
        video = output.add_stream_from_template(source)
        audio = output.add_stream("aac", rate=voice.RATE, layout="mono", bit_rate=SOUND_BITS)
        waves = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[None]), format="fltp", layout="mono")
        waves.sample_rate, waves.pts, waves.time_base = voice.RATE, 0, Fraction(1, voice.RATE)
        for packet in pictures.demux(source):
            if packet.dts is not None:
                packet.stream = video
                output.mux(packet)
        for packet in chain(audio.encode(waves), audio.encode(None)):
            output.mux(packet)


if __name__ == "__main__":
    main()
