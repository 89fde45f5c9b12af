"""The neural head: LivePortrait's published networks paint the face as the driver's moves.

J. Guo et al., "LivePortrait: Efficient Portrait Animation with Stitching and Retargeting Control", 2024 (arXiv 2407.03168). The
networks read the driver's face in pictures; MediaPipe's landmarks say where to look, and how far eyes and lips are open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from heads.ahead import shared
from heads.base import Channel, Cue, Floats, HeadError, Identity, Image, Portrait, Precision
from heads.liveportrait import crop
from heads.liveportrait.pace import Plan, delayed
from heads.liveportrait.settings import Settings
from heads.liveportrait.sizes import FILES

if TYPE_CHECKING:
    from heads.liveportrait.networks import Networks


class LivePortrait:
    """Keeps the contract of `heads.base.Head`, and those of `Accelerated`, `Watching` and `Adjustable`."""

    name: ClassVar[str] = "liveportrait"
    needs: ClassVar[tuple[str, ...]] = tuple(FILES.values())
    accelerated: ClassVar[bool] = True
    paints: ClassVar[bool] = True
    settings: ClassVar[frozenset[str]] = frozenset(Settings.__dataclass_fields__)
    shots: range = range(1, 33)
    drives: frozenset[Channel] = frozenset({"crops"})

    def __init__(self, networks: Networks, settings: Settings | None = None) -> None:
        self._networks, self._settings = networks, settings or Settings()

    @classmethod
    def from_files(cls, paths: Mapping[str, Path], device: str = "cpu", precision: Precision = "fp32") -> Self:
        """Build the head from its five weight files, read strictly.

        Raises:
            HeadError: a file is missing, cannot be read, or does not hold exactly the tensors of its network.
        """
        from heads.device import dtype
        from heads.liveportrait.networks import Networks

        return cls(Networks.load(paths, device, dtype(precision)))

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """The head with small networks of made-up weights, for tests."""
        from heads.liveportrait.networks import Networks

        return cls(Networks.tiny(seed))

    def finite(self) -> bool:
        """Whether the networks' numbers stay finite in their precision."""
        return self._networks.probe()

    @staticmethod
    def boxes(points: Floats) -> Floats:
        """Where a driver's face is watched: see `heads.base.Watching.boxes`."""
        return crop.boxes(points)

    def adjusted(self, settings: Mapping[str, Any]) -> Self:
        """The same head with other settings (`settings.Settings`)."""
        return type(self)(self._networks, self._settings.adjusted(settings))

    def chosen(self) -> Mapping[str, Any]:
        """Every setting and its value."""
        return asdict(self._settings)

    def enroll(self, portraits: Sequence[Portrait]) -> Identity:
        """Read each portrait once: features, keypoints, pose, expression, and how its painted colours are to be matched."""
        if len(portraits) not in self.shots:
            raise HeadError(
                f"The liveportrait head was given {len(portraits)} portraits. It takes {self.shots.start} to "
                f"{self.shots.stop - 1}. Choose the sharpest ones."
            )
        from heads.device import roomy
        from heads.liveportrait import enrolment

        with roomy():
            return Identity(self.name, tuple(portraits), enrolment.read(self._networks, portraits))

    def animate(self, identity: Identity, neutral: Cue, cues: Iterator[Cue], *, lookahead: int = 8) -> Iterator[Image]:
        """One frame per cue; see `heads.base.Head.animate`. The look-ahead makes batches, and smoothing symmetric in time."""
        from heads.liveportrait import enrolment

        if identity.head != self.name:
            raise HeadError(
                f"The identity was made by the head {identity.head!r}. The liveportrait head needs one of its own. "
                "Enroll the portraits again."
            )
        if missing := set(enrolment.PARTS) - set(identity.state):
            raise HeadError(
                f"The identity lacks {', '.join(sorted(missing))}. It was not saved whole. Enroll the portraits again."
            )
        if lookahead < 0:
            raise HeadError(f"lookahead is {lookahead}. It counts cues. Give 0 or more.")
        return self._frames(identity, neutral, cues, lookahead)

    def _frames(self, identity: Identity, neutral: Cue, cues: Iterator[Cue], lookahead: int) -> Iterator[Image]:
        from heads.device import roomy
        from heads.liveportrait.canvas import Canvas
        from heads.liveportrait.cast import Cast
        from heads.liveportrait.following import Follower
        from heads.liveportrait.painting import Painted, Painter

        first, networks = identity.portraits[0], self._networks
        plan = Plan.on(networks.device.type, lookahead)
        with roomy():
            painter = Painter(networks, identity, neutral, self._settings, plan)
        follower = Follower(networks, painter.rest, neutral, self._settings.smooth, plan.batch)
        canvas = Canvas(first, crop.portrait(first.face.points), networks.output)
        cast = Cast(identity.portraits, neutral)

        def begun() -> Iterator[tuple[list[bool], Iterator[Painted]]]:
            started = False
            for group in follower.groups(cues, plan.ahead):
                # Where no face was found the last frame is shown again; before the first, the neutral one is painted.
                fresh = [not moment.held or (not started and index == 0) for index, (moment, _) in enumerate(group)]
                started = True
                asked = [(*known, cast.shares(known[0].cue)) for known, new in zip(group, fresh, strict=True) if new]
                with roomy():
                    painted = painter.begun(asked)
                yield fresh, painted

        def laid(one: Painted) -> Image:
            return canvas.frame(one.body, one.head, one.moved)

        last: Image | None = None
        with ThreadPoolExecutor(plan.threads, "lay") as pool:
            for fresh, painted in delayed(begun(), plan.waiting):
                frames = shared(pool, laid, painted, plan.threads)
                for new in fresh:
                    last = next(frames) if new else last
                    assert last is not None, "the first frame is painted"
                    yield last.copy()
