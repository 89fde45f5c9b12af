"""Marked files made in code for the tests of `gioconda.marks`, and strangers who sign files of their own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from gioconda.marks import certificates, credentials, identity, places
from gioconda.marks.identity import Signer
from gioconda.marks.kinds import media_type
from gioconda.marks.manifest import Facts, Input, ingredients, manifest
from gioconda.marks.seal import Seal
from gioconda.media import VideoWriter
from gioconda.media.writer import renamed

SIZE = (128, 96)
MADE = datetime(2026, 11, 26, 12, 30, tzinfo=UTC)


def facts(inputs: Sequence[Input] = (), **changes: Any) -> Facts:
    """What is known about a run that never was."""
    known = Facts(MADE, "warp", False, {"some.weights": "ab" * 32}, {"smooth": 1.0, "label": True}, 0, inputs, None, True, None)
    return replace(known, **changes)


def scenes(count: int = 8, size: tuple[int, int] = SIZE) -> Iterable[NDArray[np.uint8]]:
    """Noise that moves: it fills every byte of a video with something that matters."""
    width, height = size
    ground = np.random.default_rng(7).integers(0, 255, (height // 4, width // 4, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    return (np.ascontiguousarray(np.roll(ground, 3 * index, 1)) for index in range(count))


def film(path: Path, seal: Seal | None, images: Iterable[NDArray[np.uint8]] | None = None) -> Path:
    """A short MP4 as the studio writes it; returns where it lies."""
    settle = renamed if seal is None else partial(seal.settle, output="video")
    frames = list(images if images is not None else scenes())
    size = (frames[0].shape[1], frames[0].shape[0])
    with VideoWriter(path, size=size, rate=Fraction(25), clock=Fraction(1, 25), settle=settle) as writer:
        for index, image in enumerate(frames):
            writer.write(image, index)
    return writer.path


def seal(**changes: Any) -> Seal:
    """A seal with this installation's own identity."""
    return Seal(identity.signer(), facts(**changes))


def stranger(name: str | None = None, patch: pytest.MonkeyPatch | None = None) -> Signer:
    """Somebody else with a self-made certificate that looks like ours, or with one of another name."""
    if name is not None and patch is not None:
        patch.setattr(certificates, "ORGANISATION", name)
    key, chain = certificates.make()
    return Signer(chain, key, None, "self-made")


def signed_by(signer: Signer, path: Path, inputs: Sequence[Input] = ()) -> Path:
    """Sign a file as the studio would, by somebody else, without a word to the ledger."""
    known = facts(inputs)
    credentials.sign(path, manifest(known, ingredients(inputs), path.name, "video"), signer)
    return path


def kept(path: Path) -> dict[str, Any]:
    """The whole manifest store of a file in C2PA's own JSON."""
    import c2pa

    kind = str(media_type(path))
    with path.open("rb") as file, c2pa.Reader(kind, file, context=c2pa.Context.from_dict(credentials.settings())) as reader:
        return dict(json.loads(reader.json()))


def active(path: Path) -> dict[str, Any]:
    """The manifest that speaks for a file."""
    store = kept(path)
    return dict(store["manifests"][store["active_manifest"]])


def assertion(path: Path, label: str) -> Any:
    """The data of one assertion of that manifest."""
    return next(one["data"] for one in active(path)["assertions"] if one["label"] == label)


def apart(patch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Give this test an identity and a ledger of its own; returns the folder of both."""
    patch.setenv(places.CONFIG, str(folder / "config"))
    patch.setenv(places.DATA, str(folder / "data"))
    identity._passing.cache_clear()
    return folder


def stripped(path: Path, target: Path) -> Path:
    """The same packets in a new file, as a program that knows nothing of credentials would write them."""
    with av.open(path) as source, av.open(target, "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    return target
