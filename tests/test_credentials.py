"""Content Credentials: complete, discreet, small, whole when read from outside, and broken by any changed byte."""

from __future__ import annotations

import json
import socket
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from marked import MADE, active, apart, assertion, facts, film, kept, scenes, seal, signed_by, stranger
from PIL import Image as Pillow
from shell import Shell, face, save

from gioconda import __version__
from gioconda.errors import IdentityError, UnsignedError
from gioconda.marks import credentials, identity
from gioconda.marks.manifest import COMPOSITE, RUN, SOURCES, TRAINED, Input, ingredients, manifest
from gioconda.marks.seal import Seal

OVERHEAD, SECONDS = 40_000, 0.1
"""Bytes and seconds that credentials may take."""


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apart(monkeypatch, tmp_path)


def portrait(path: Path, **more: Any) -> Path:
    """A small picture."""
    Pillow.fromarray(next(iter(scenes(1)))).save(path, **more)
    return path


def codes(path: Path) -> set[str]:
    results = kept(path)["validation_results"]["activeManifest"]
    return {one["code"] for one in results["failure"]}


def test_read_from_outside_they_are_valid(tmp_path: Path) -> None:
    path = film(tmp_path / "out.mp4", seal())
    store = kept(path)
    assert store["validation_state"] == "Valid"
    assert codes(path) == {"signingCredential.untrusted"}, "which is what a self-made chain is"


def test_the_manifest_is_complete(tmp_path: Path) -> None:
    moves = tmp_path / "m.safetensors"
    moves.write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    given = [Input("Portrait 1", portrait(tmp_path / "me.png"), "1" * 64), Input("Motion file", moves, "2" * 64)]
    path = film(tmp_path / "out.mp4", seal(inputs=given, consent="Ada agreed.", label=False))
    told = active(path)
    assert told["title"] == "out.mp4" and told["claim_version"] == 2
    generator = told["claim_generator_info"][0]
    assert (generator["name"], generator["version"]) == ("Gioconda", __version__)
    assert told["label"].startswith("urn:c2pa:") and told["instance_id"].startswith("xmp")
    created = assertion(path, "c2pa.actions.v2")["actions"][0]
    assert created["action"] == "c2pa.created"
    assert created["digitalSourceType"] == SOURCES + COMPOSITE
    assert created["softwareAgent"] == {"name": "Gioconda", "version": __version__}
    assert created["when"] == "2026-11-26T12:30:00Z" == MADE.isoformat().replace("+00:00", "Z")
    assert len(created["parameters"]["ingredients"]) == 2
    run = assertion(path, RUN)
    assert run["head"] == "warp" and run["weights"] == {"some.weights": "ab" * 32} and run["seed"] == 0
    assert run["consent"] == {"status": "asserted", "statement": "Ada agreed."}
    assert run["marks"] == {"label": False, "watermark": False}
    assert run["settings"]["smooth"] == 1.0
    assert run["inputs"] == [{"part": "Portrait 1", "sha256": "1" * 64}, {"part": "Motion file", "sha256": "2" * 64}]
    parts = {one["title"]: one for one in told["ingredients"]}
    assert set(parts) == {"Portrait 1", "Motion file"}
    assert all(one["relationship"] == "inputTo" and "thumbnail" not in one for one in parts.values())
    assert parts["Motion file"]["description"].endswith("2" * 64)


def test_nothing_was_said_about_consent(tmp_path: Path) -> None:
    assert assertion(film(tmp_path / "out.mp4", seal()), RUN)["consent"] == {"status": "not asserted"}


def test_a_head_of_networks_says_so(tmp_path: Path) -> None:
    path = film(tmp_path / "out.mp4", seal(trained=True))
    assert assertion(path, "c2pa.actions.v2")["actions"][0]["digitalSourceType"] == SOURCES + TRAINED


def test_no_path_and_no_name_of_an_input_is_published(tmp_path: Path) -> None:
    secret = tmp_path / "secret-folder"
    secret.mkdir()
    given = [Input("Portrait 1", portrait(secret / "jane-doe.png"), "1" * 64)]
    path = film(secret / "out.mp4", seal(inputs=given))
    text = json.dumps(kept(path))
    assert "secret" not in text and "jane" not in text and "/home" not in text and "/tmp" not in text


def test_they_are_small_and_quick(tmp_path: Path) -> None:
    given = [Input(f"Portrait {n}", portrait(tmp_path / f"{n}.png"), "1" * 64) for n in range(3)]
    bare = film(tmp_path / "bare.mp4", None)
    by, seconds = identity.signer(), []
    for _ in range(5):
        path = tmp_path / "out.mp4"
        path.write_bytes(bare.read_bytes())
        begun = time.process_time()
        known = facts(given, consent="x" * 1000)
        credentials.sign(path, manifest(known, ingredients(given), "out.mp4", "video"), by)
        seconds.append(time.process_time() - begun)
    assert path.stat().st_size - bare.stat().st_size < OVERHEAD
    assert statistics.median(seconds) < SECONDS


def test_any_flipped_bit_in_the_media_is_told(tmp_path: Path) -> None:
    """200 places in the media data, and some in every other box that is hashed."""
    path = film(tmp_path / "out.mp4", seal(), scenes(16))
    whole = path.read_bytes()
    begin = whole.rindex(b"mdat") + 4
    chance = np.random.default_rng(5)
    places = [*chance.integers(begin, len(whole), 200), *chance.integers(whole.index(b"moov") + 4, begin - 8, 20)]
    known = identity.ours()[0]
    for place in map(int, places):
        changed = bytearray(whole)
        changed[place] ^= 1 << int(chance.integers(8))
        path.write_bytes(changed)
        found = credentials.read(path, known)
        assert found is not None and found.state == "broken" and found.ours and not found.intact, place


def test_what_players_skip_is_signed_too(tmp_path: Path) -> None:
    path = film(tmp_path / "out.mp4", seal())
    path.write_bytes(path.read_bytes() + (16).to_bytes(4) + b"free" + b"unsigned")
    assert (credentials.read(path, identity.ours()[0]) or pytest.fail("none")).state == "broken"


@pytest.mark.parametrize("suffix", ["gif", "webp", "jpg", "png", "avif"])
def test_pictures_and_animations_carry_them_too(tmp_path: Path, suffix: str) -> None:
    images = [Pillow.fromarray(image) for image in scenes(3)]
    part, place = tmp_path / f"any.{suffix}.part", tmp_path / f"any.{suffix}"
    more = {"save_all": True, "append_images": images[1:]} if suffix in ("gif", "webp") else {}
    images[0].save(part, format={"jpg": "JPEG"}.get(suffix, suffix.upper()), **more)
    assert seal().settle(part, place, "still") == place
    found = credentials.read(place, identity.ours()[0])
    assert found is not None and found.state == "whole" and found.ours
    with Pillow.open(place) as picture:
        assert getattr(picture, "n_frames", 1) == (3 if more else 1)
        picture.load()


def test_credentials_of_an_input_are_kept_without_its_pictures(tmp_path: Path) -> None:
    import c2pa

    camera, picture = stranger(), portrait(tmp_path / "camera.jpg", quality=95)
    created = {"action": "c2pa.created", "digitalSourceType": SOURCES + "digitalCapture"}
    told = {"title": "From a camera", "format": "image/jpeg", "claim_generator_info": [{"name": "Camera"}]}
    told["assertions"] = [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}]
    signed = tmp_path / "signed.jpg"
    with (
        c2pa.Builder.from_json(json.dumps(told), c2pa.Context.from_dict({})) as builder,  # with a thumbnail, as cameras do
        credentials.native(camera) as by,
        picture.open("rb") as source,
        signed.open("w+b") as target,
    ):
        builder.sign(by, "image/jpeg", source, target)
    assert credentials.carried(signed).thumbnails
    once = film(tmp_path / "once.mp4", seal(inputs=[Input("Portrait 1", signed, "1" * 64)]))
    twice = film(tmp_path / "twice.mp4", seal(inputs=[Input("Driving clip", once, "2" * 64)]))
    for path, generations in ((once, 2), (twice, 3)):
        store = kept(path)
        assert store["validation_state"] == "Valid" and codes(path) == {"signingCredential.untrusted"}
        assert len(store["manifests"]) == generations, "the camera's manifest is in it"
        assert "From a camera" in json.dumps(store)
        assert not credentials.carried(path).thumbnails, "and its picture is not"
        assert path.stat().st_size - film(tmp_path / "bare.mp4", None).stat().st_size < OVERHEAD


def test_damaged_credentials_of_an_input_stop_nothing(tmp_path: Path) -> None:
    clip = signed_by(stranger(), film(tmp_path / "clip.mp4", None))
    content = clip.read_bytes()
    place = content.index(b"c2pa.claim.v2")
    clip.write_bytes(content[: place + 40] + b"\xff" * 40 + content[place + 80 :])
    assert credentials.carried(clip).state == "left"
    sealed = seal(inputs=[Input("Driving clip", clip, "1" * 64)])
    path = film(tmp_path / "out.mp4", sealed)
    assert any("clip.mp4 could not be kept" in note for note in sealed.notes)
    assert active(path)["ingredients"][0]["title"] == "Driving clip"


def test_credentials_that_fit_no_longer_go_along_as_what_they_are(tmp_path: Path) -> None:
    clip = signed_by(stranger(), film(tmp_path / "clip.mp4", None))
    content = bytearray(clip.read_bytes())
    content[-9] ^= 1
    clip.write_bytes(content)
    path = film(tmp_path / "out.mp4", seal(inputs=[Input("Driving clip", clip, "1" * 64)]))
    assert (credentials.read(path, identity.ours()[0]) or pytest.fail("none")).state == "whole"
    results = active(path)["ingredients"][0]["validation_results"]["activeManifest"]
    assert "assertion.bmffHash.mismatch" in {one["code"] for one in results["failure"]}


def test_what_cannot_be_signed_is_kept_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time-stamp server that does not answer: asked for every file, never in the rehearsal."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv(identity.TIMESTAMPS, f"http://127.0.0.1:{port}")
    sealed = seal()
    (tmp_path / "out.mp4").write_text("an older result")
    (tmp_path / "out-unsigned.mp4").write_text("an older failure")
    path = film(tmp_path / "out.mp4", sealed)
    assert path.name == "out-unsigned-2.mp4" and credentials.read(path) is None
    assert (tmp_path / "out.mp4").read_text() == "an older result", "what was whole is not replaced by what is not"
    assert "credentials" not in sealed.marks
    with pytest.raises(UnsignedError, match=r"kept without Content Credentials as .*out-unsigned-2\.mp4") as caught:
        sealed.check()
    assert caught.value.kept == (path,) and caught.value.code == 1
    assert sorted(one.name for one in tmp_path.glob("*.part")) == []


def test_a_key_that_does_not_fit_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    one, other = stranger(), stranger()
    path = film(tmp_path / "out.mp4", None)
    before = path.read_bytes()
    mixed = type(one)(one.chain, other.key, None, "operator")
    with pytest.raises(IdentityError, match="do not hold"):
        credentials.sign(path, manifest(facts(), ingredients([]), "out.mp4", "video"), mixed)
    assert path.read_bytes() == before
    sealed = Seal(mixed, facts())
    film(tmp_path / "out.mp4", sealed)
    with pytest.raises(UnsignedError):
        sealed.check()


def test_nobody_is_asked_for_a_manifest_that_lies_elsewhere(tmp_path: Path) -> None:
    import c2pa

    picture, signed = portrait(tmp_path / "bare.jpg"), tmp_path / "remote.jpg"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        told = json.dumps({"claim_generator_info": [{"name": "Remote"}], "format": "image/jpeg"})
        with (
            c2pa.Builder.from_json(told, c2pa.Context.from_dict(credentials.settings())) as builder,
            credentials.native(stranger()) as by,
            picture.open("rb") as source,
            signed.open("w+b") as target,
        ):
            builder.set_no_embed()
            builder.set_remote_url(f"http://127.0.0.1:{listening.getsockname()[1]}/manifest")
            builder.sign(by, "image/jpeg", source, target)
        found = credentials.read(signed)
        assert found is not None and found.state == "unreadable"
        assert credentials.carried(signed).state == "left"
        with pytest.raises(BlockingIOError):
            listening.accept()


@pytest.mark.slow
def test_long_videos_are_signed_within_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond `FLAT` bytes the media is hashed in pieces; a flipped bit is told all the same."""
    monkeypatch.setattr(credentials, "FLAT", 10_000)
    path = film(tmp_path / "out.mp4", seal(), scenes(40))
    hashed = next(one["data"] for one in active(path)["assertions"] if one["label"].startswith("c2pa.hash.bmff"))
    assert hashed.get("merkle"), "in pieces"
    whole = path.read_bytes()
    for place in np.random.default_rng(3).integers(whole.rindex(b"mdat") + 4, len(whole), 50):
        changed = bytearray(whole)
        changed[int(place)] ^= 4
        path.write_bytes(changed)
        assert (credentials.read(path, identity.ours()[0]) or pytest.fail("none")).state == "broken"


def test_a_run_that_cannot_sign_at_its_end_says_where_the_result_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    shell = Shell(tmp_path / "here", capfd, monkeypatch)
    save(shell.folder / "person.png", face())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv(identity.TIMESTAMPS, f"http://127.0.0.1:{taken.getsockname()[1]}")
    more = ("--end", 0.2, "-o", "out.mp4", "--compare", "--preview", "out.gif", "--report", "out.json")
    result = shell.run("animate", "person.png", "--gesture", "nod", *more)
    assert (result.code, result.out) == (1, "")
    kept_as = result.err.partition("kept without Content Credentials as ")[2]
    names = {path.name for path in shell.folder.glob("out*")}
    assert names == {"out-unsigned.mp4", "out-compare-unsigned.mp4", "out-unsigned.gif", "out.json"}
    assert all(name in kept_as for name in names - {"out.json"})
    output = json.loads((shell.folder / "out.json").read_text())["output"]
    assert Path(output["path"]).name == "out-unsigned.mp4" and "credentials" not in output["marks"]


def test_a_run_that_nobody_can_sign_does_not_begin(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    shell = Shell(tmp_path / "here", capfd, monkeypatch)
    save(shell.folder / "person.png", face())
    monkeypatch.setenv(identity.CERTIFICATES, str(tmp_path / "chain.pem"))
    monkeypatch.setenv(identity.KEY, str(tmp_path / "key.pem"))
    shell.refused("animate", "person.png", "--gesture", "nod", "-o", "out.mp4", says=("chain.pem cannot be read",))
