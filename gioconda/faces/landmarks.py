"""MediaPipe's Face Landmarker behind two small classes: `Stills` sees every face of a picture, `Lane` stays on one face.

Both give `heads.base.Face` in pixels of the picture they were handed. They must be closed; use them as context managers.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

import weights
from gioconda.faces.pose import pose
from heads.base import SHAPES, Face, Image

MODEL = "face_landmarker.task"
"""Detector, landmarks and blendshapes of MediaPipe (model card: Face Landmarker, 2023)."""

MOST_FACES = 5
"""Faces looked for in one picture; the landmarks of each take 5 ms."""

STRIDE = 10_000_000
"""Milliseconds between the time stamps that a lane gives to its frames.

In video mode MediaPipe smooths the landmarks of a single face with a One-Euro filter, which lags 0.4 frames behind at 30
frames/s (measured on talking clips). Its weight of the past is at most tau / (tau + step) with tau = 3.2 s, so at this step
it keeps less than 0.04 % of the past: the landmarks come out as the network gave them, and ours to smooth without lag."""

_CHATTER = re.compile(rb"^(WARNING: All log messages before absl|INFO: Created TensorFlow Lite|[IW]\d{4} \d\d:\d\d:)")
"""How the lines begin that MediaPipe's libraries write to the standard error when a graph starts."""


class _Landmarker:
    """One MediaPipe graph; `video` says whether it follows one face or looks at each picture anew."""

    def __init__(self, *, video: bool) -> None:
        from mediapipe.tasks.python import BaseOptions, vision

        mode = vision.RunningMode.VIDEO if video else vision.RunningMode.IMAGE
        options = vision.FaceLandmarkerOptions(
            # handed over as bytes: the library cannot open every path (Windows, non-ASCII)
            base_options=BaseOptions(model_asset_buffer=weights.path(MODEL).read_bytes()),
            running_mode=mode,
            num_faces=1 if video else MOST_FACES,
            output_face_blendshapes=True,
        )
        self._video = video
        self._time = 0
        with quiet():
            self._graph = vision.FaceLandmarker.create_from_options(options)
            self._raw(np.zeros((64, 64, 3), np.uint8))  # the networks start with the first picture, and say so

    def see(self, image: Image) -> list[Face]:
        """The faces of a picture (H, W, 3) uint8, in the order of the detector; at most one in video mode."""
        height, width = image.shape[:2]
        result = self._raw(image)
        size = np.array([width, height, width], np.float32)  # z comes in the scale of x
        faces = []
        for landmarks, shapes in zip(result.face_landmarks, result.face_blendshapes, strict=True):
            points = np.array([(p.x, p.y, p.z) for p in landmarks], np.float32) * size
            expression = np.fromiter((shape.score for shape in shapes), np.float32, SHAPES)
            faces.append(Face(points, expression, pose(points)))
        return faces

    def _raw(self, image: Image) -> Any:
        import mediapipe as mp

        picture = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        if not self._video:
            return self._graph.detect(picture)
        self._time += STRIDE
        return self._graph.detect_for_video(picture, self._time)

    def close(self) -> None:
        """Stop the graph's threads."""
        self._graph.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Stills(_Landmarker):
    """Sees up to `MOST_FACES` faces in each picture."""

    def __init__(self) -> None:
        super().__init__(video=False)


class Lane(_Landmarker):
    """Follows one face from picture to picture of one size: the network's window comes from the face before, which is
    quicker and steadier than the detector's.
    """

    def __init__(self) -> None:
        super().__init__(video=True)

    def forget(self) -> None:
        """Let go of the face: after a black picture, where it cannot be, the detector looks anew."""
        self._raw(np.zeros((64, 64, 3), np.uint8))


class _Aside:
    """Where the standard error goes while graphs start; several may start at once, the last one puts it back."""

    def __init__(self) -> None:
        self._lock, self._users = threading.Lock(), 0
        self._file: IO[bytes] | None = None
        self._kept = -1

    def begin(self) -> None:
        with self._lock:
            if self._file is None:
                if sys.stderr is not None:  # as under pythonw
                    sys.stderr.flush()
                self._file, self._kept = tempfile.TemporaryFile(), os.dup(2)  # noqa: SIM115 - closed by the last user
                os.dup2(self._file.fileno(), 2)
            self._users += 1

    def end(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users or self._file is None:
                return
            os.dup2(self._kept, 2)
            os.close(self._kept)
            with self._file as file:
                self._file = None
                file.seek(0)
                rest = [line for line in file if not _CHATTER.match(line)]
            if rest:
                os.write(2, b"".join(rest))


_ASIDE = _Aside()
"""File descriptor 2 belongs to the process, so there is one of these."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep MediaPipe's start-up lines from the standard error; whatever else was written there meanwhile follows after."""
    _ASIDE.begin()
    try:
        yield
    finally:
        _ASIDE.end()
