"""The page in a real browser: from a click to a video that plays, and from a wrong upload to a sentence."""

from __future__ import annotations

import hashlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from marked import assertion, signed_by, stranger
from media_made import make_clip
from page import ROOT, WORK, Server, finished, served, until, upload, visit
from playwright.sync_api import Browser, Page, expect
from shell import SIDE, face, frames, save

from gioconda import form, fragments
from gioconda.errors import PortraitError, UnsignedError
from gioconda.gestures import GESTURES
from gioconda.inspect import Inspection
from gioconda.marks import identity, places
from gioconda.marks.credentials import Credentials
from gioconda.marks.manifest import RUN
from gioconda.marks.verify import Finding, Verdict, verify
from gioconda.own import OWN
from gioconda.samples import _TABLE, samples
from heads.liveportrait.settings import Settings

COUNT = 12
"""Frames of the driving clip."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what visitors bring."""
    folder = tmp_path_factory.mktemp("given")
    save(folder / "person.png", face())
    save(folder / "taller.png", np.concatenate([face(), face()[-64:]]))
    save(folder / "wall.png", np.random.default_rng(0).integers(90, 110, (SIDE, SIDE, 3), np.uint8))
    (folder / "letter.mp4").write_text("Dear museum, this is no video.")
    images = frames(COUNT)
    make_clip(folder / "clip.mp4", COUNT, size=(SIDE, SIDE), images=images, sound="aac", sound_seconds=0.4)
    return folder


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with visit(browser, server) as opened:
        yield opened


def start(page: Page, gesture: str) -> None:
    page.get_by_label(gesture, exact=True).check()
    page.get_by_role("button", name="Animate").click()


def quiet(server: Server) -> None:
    """Wait until no run is going on and nothing of it is left."""
    until(lambda: not server.jobs())


def test_examples_are_all_there() -> None:
    """Each file exists, each portrait and each gesture once, and one moves by the clip with sound."""
    given = samples()
    assert len(given) == len(_TABLE) >= 3
    assert len({sample.portrait for sample in given}) == len({sample.value for sample in given}) == len(given)
    assert {sample.value for sample in given if sample.source == "gesture"} <= set(GESTURES)
    assert {sample.source for sample in given} == {"gesture", "driving"}


def test_names_and_messages_cannot_bring_markup_along() -> None:
    nasty = "<img src=x onerror=alert(1)>"
    theirs = Credentials("broken", ours=False, signer=nasty, issuer=nasty, generator=nasty, title=nasty, manifest=nasty)
    record = {"output": nasty, "made": nasty, "head": nasty, "consent": {"status": "asserted", "statement": nasty}}
    pieces = (
        *(fragments.verdict(Verdict(Path(nasty), finding, (nasty,), nasty, theirs, record)) for finding in Finding),
        fragments.stopped_by(UnsignedError(nasty, nasty, nasty, [Path(nasty)])),
        fragments.seen([(nasty, Inspection(True, (nasty, nasty))), (nasty, Inspection(False, (nasty,)))]),
        fragments.stopped_by(PortraitError(nasty, nasty, nasty)),
        fragments.stopped_by(ValueError(nasty)),
        fragments.working(nasty, 1, 2),
    )
    assert not [piece for piece in pieces if "<img" in piece]


def test_page_says_what_it_is(page: Page) -> None:
    assert page.get_by_role("heading", level=1).all_inner_texts() == ["Gioconda"]
    assert "labelled as AI-animated" in page.locator("#title").inner_text()
    foot = page.locator("#foot").inner_text()
    assert "Nothing leaves the machine" in foot
    assert "60 minutes" in foot
    assert page.locator("button.example").all_inner_texts() == [sample.title for sample in samples()]
    for image in page.locator("button.example img").all():
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") > 0


def looked_up(page: Page, path: Path, words: str) -> None:
    """Give a file to the Verify tab and wait for what is told of it."""
    page.get_by_role("tab", name="Verify").click()
    if page.get_by_role("button", name="Clear").count():
        page.get_by_role("button", name="Clear").click()
        expect(page.locator("#about-suspect .said")).to_have_count(0)
    upload(page, "suspect", path)
    expect(page.locator("#about-suspect h3")).to_contain_text(words)
    details = page.locator("#about-suspect summary")
    if details.count():
        details.click()


def flipped(path: Path) -> Path:
    """A copy with one bit of its media changed."""
    content = bytearray(path.read_bytes())
    content[-99] ^= 1
    place = path.with_name(f"flipped-{path.name}")
    place.write_bytes(content)
    return place


def test_one_click_makes_a_video_that_plays(page: Page, server: Server, tmp_path: Path) -> None:
    page.locator("button.example").first.click()
    told = finished(page)
    assert told["width"] > 0
    assert told["seconds"] > 1
    assert page.locator("#portraits img").count() >= 1, "the example fills the inputs"
    assert "head: warp, on the CPU (" in page.locator("#status").inner_text()
    expected = page.locator("#status [data-sha256]").get_attribute("data-sha256")
    with page.expect_download() as download:
        page.locator("#save").click()
    assert download.value.suggested_filename.endswith("-animated.mp4")
    saved = Path(download.value.path()).read_bytes()
    source = page.locator("#result video").evaluate("video => video.currentSrc")
    played = page.context.request.get(source).body()
    assert hashlib.sha256(saved).hexdigest() == expected == hashlib.sha256(played).hexdigest()
    copy = tmp_path / "saved.mp4"
    copy.write_bytes(saved)
    verdict = verify(copy)
    assert verdict.finding is Finding.UNCHANGED, "what is saved is what was signed"
    assert verdict.mark_id is not None and verdict.record is not None
    for path, words in ((copy, "Made by Gioconda, unchanged"), (flipped(copy), "Made by Gioconda, changed since")):
        looked_up(page, path, words)
    assert "head warp; consent not asserted" in page.locator("#about-suspect details").inner_text(timeout=WORK)
    quiet(server)


def test_picture_without_a_face_is_told_before_the_run(page: Page, given: Path) -> None:
    upload(page, "portraits", given / "person.png", given / "wall.png")
    said = page.locator("#about-portraits .said")
    expect(said).to_have_count(2)
    assert "1 face" in said.first.inner_text()
    alert = page.locator("#about-portraits [role=alert]")
    expect(alert).to_contain_text("No face was found in wall.png (256 × 256 pixels)")
    expect(alert).to_contain_text("Choose another picture")
    page.get_by_role("button", name="Animate").click()
    expect(page.locator("#status [role=alert]")).to_contain_text("No face was found in wall.png")
    expect(page.get_by_role("button", name="Animate")).to_be_enabled()


def test_file_that_is_no_video_is_told_before_the_run(page: Page, given: Path) -> None:
    page.get_by_role("tab", name="Driving clip").click()
    upload(page, "driving", given / "letter.mp4")
    expect(page.locator("#about-driving [role=alert]")).to_contain_text("letter.mp4 cannot be read as a video")


def test_animate_says_what_is_missing(page: Page, given: Path) -> None:
    page.get_by_role("button", name="Animate").click()
    expect(page.locator("#status [role=alert]")).to_contain_text("There is no portrait yet.")
    upload(page, "portraits", given / "person.png")
    page.get_by_role("tab", name="Driving clip").click()
    page.get_by_role("button", name="Animate").click()
    expect(page.locator("#status [role=alert]")).to_contain_text("There is no driving clip yet.")


@pytest.mark.slow
def test_settings_of_a_head_are_there_with_it_alone(page: Page, given: Path) -> None:
    """There is no GPU, so automatic takes the head without networks; what is put away says nothing more."""
    upload(page, "portraits", given / "person.png")
    page.get_by_text("Settings", exact=True).click()
    own = page.locator("#painting")
    expect(own).to_have_count(0)
    page.get_by_label("liveportrait", exact=True).check()
    own.get_by_text("Settings of the painting head").click()
    own.get_by_label("the lips", exact=True).check()
    page.get_by_role("button", name="Animate").click()
    expect(page.locator("#status [role=alert]")).to_contain_text(
        "follows pictures of the driver's face, and a gesture has none"
    )
    page.get_by_label("warp", exact=True).check()
    expect(own).to_have_count(0)
    page.get_by_label("liveportrait", exact=True).check()
    own.get_by_text("Settings of the painting head").click()
    expect(own.get_by_label("everything", exact=True)).to_be_checked()


def test_only_settings_that_were_changed_are_asked_of_a_head(tmp_path: Path) -> None:
    settings = form.DEFAULTS | {name: getattr(Settings(), name) for name in OWN} | {"gesture": "nod"}
    asked = {name: value for name, value in settings.items() if name not in ("driving", "motion", "output")}
    plain = form.job(["a.png"], asked, tmp_path)
    assert all(getattr(plain, name) is None for name in OWN)
    changed = form.job(["a.png"], asked | {"region": "lip", "stitching": False, "driving_multiplier": 1.5}, tmp_path)
    assert (changed.region, changed.stitching, changed.driving_multiplier) == ("lip", False, 1.5)
    assert changed.retarget_eyes is changed.retarget_lips is changed.normalize_lips is None


def test_any_file_can_be_looked_at(page: Page, given: Path) -> None:
    looked_up(page, given / "clip.mp4", "No mark found, which proves nothing")
    assert "no Content Credentials" in page.locator("#about-suspect .said").inner_text()
    looked_up(page, given / "letter.mp4", "Cannot be read")
    expect(page.locator("#about-suspect [role=alert]")).to_contain_text("letter.mp4 cannot be read as a video")
    looked_up(page, signed_by(stranger(), save(given / "theirs.png", face())), "Signed by somebody else: Gioconda")


def test_what_is_said_about_consent_is_signed(page: Page, server: Server, given: Path) -> None:
    upload(page, "portraits", given / "taller.png")
    page.get_by_label("Consent of the person shown").fill("She does not exist <b>at all</b>.")
    start(page, "Wink")
    finished(page)
    with page.expect_download() as download:
        page.locator("#save").click()
    run = assertion(Path(download.value.path()), RUN)
    assert run["consent"] == {"status": "asserted", "statement": "She does not exist <b>at all</b>."}
    quiet(server)


def test_a_page_that_nobody_can_sign_for_does_not_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(identity.CERTIFICATES, str(tmp_path / "nothing.pem"))
    monkeypatch.setenv(identity.KEY, str(tmp_path / "nothing.pem"))
    words = [sys.executable, "app.py", "--port", "0"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "nothing.pem cannot be read" in done.stderr and "Traceback" not in done.stderr


def test_stop_stops(page: Page, server: Server, given: Path) -> None:
    upload(page, "portraits", given / "person.png")
    quiet(server)
    before = server.threads()
    start(page, "Living portrait")
    page.get_by_text("Painting the frames").wait_for(timeout=WORK)
    assert server.jobs()
    answers = count()
    with page.expect_response(lambda response: response.url.endswith("/run/predict") and next(answers) == 1):
        page.get_by_role("button", name="Stop").click()  # two answers: the button's own, and the ended run's
    expect(page.locator("#status")).to_have_text("Stopped before the end; nothing of it was kept.")
    expect(page.get_by_role("button", name="Animate")).to_be_enabled()
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    quiet(server)
    until(lambda: server.threads() <= before)
    assert "Stopped" in page.locator("#status").inner_text()
    assert not [made for made in server.made() if made.name.startswith("person")]


def test_closed_tab_stops_the_run(browser: Browser, server: Server, given: Path) -> None:
    with visit(browser, server) as page:
        upload(page, "portraits", given / "person.png")
        start(page, "Living portrait")
        page.get_by_text("Painting the frames").wait_for(timeout=WORK)
        assert server.jobs()
    quiet(server)
    assert not [made for made in server.made() if made.name.startswith("person")]


def test_busy_port_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = [sys.executable, "app.py", "--port", str(port)]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"Port {port} of 127.0.0.1 cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_clip_with_sound_and_reel(page: Page, server: Server, given: Path) -> None:
    upload(page, "portraits", given / "taller.png", given / "person.png")
    page.get_by_role("tab", name="Driving clip").click()
    upload(page, "driving", given / "clip.mp4")
    assert "with sound" in page.locator("#about-driving").inner_text()
    page.get_by_text("Settings", exact=True).click()
    page.get_by_label("Side-by-side reel").check()
    page.get_by_role("button", name="Animate").click()
    told = finished(page)
    assert (told["width"], told["height"]) == (SIDE, SIDE + 64)
    with page.expect_download() as download:
        page.locator("#save-reel").click()
    assert download.value.suggested_filename == "taller-animated-compare.mp4"
    quiet(server)


@pytest.mark.slow
def test_two_visitors_at_once_get_their_own(browser: Browser, server: Server, given: Path) -> None:
    names = ("person.png", "taller.png")
    with visit(browser, server) as one, visit(browser, server) as other:
        for visitor, name in zip((one, other), names, strict=True):
            upload(visitor, "portraits", given / name)
        for visitor in (one, other):
            start(visitor, "Nod")
        heights = [finished(visitor)["height"] for visitor in (one, other)]
        files = [visitor.locator("#result video").evaluate("video => video.currentSrc") for visitor in (one, other)]
    assert heights == [SIDE, SIDE + 64]
    assert [re.sub(r".*/", "", file) for file in files] == ["person-animated.mp4", "taller-animated.mp4"]
    quiet(server)


@pytest.mark.slow
def test_another_example_takes_the_place_of_the_first(page: Page, server: Server) -> None:
    page.get_by_role("button", name="Ines looks about").click()
    page.get_by_text("Painting the frames").wait_for(timeout=WORK)
    page.get_by_role("button", name="The astronaut nods").click()
    page.locator("#status").get_by_text("of 90").wait_for(timeout=WORK)
    expect(page.get_by_role("button", name="Stop")).to_be_enabled()
    assert finished(page)["width"] == 512
    quiet(server)


@pytest.mark.slow
def test_endpoint_answers_with_the_video(server: Server, given: Path, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    client = Client(server.url, download_files=str(tmp_path), verbose=False)
    portrait = {"image": handle_file(given / "person.png"), "caption": None}
    answer = client.predict(portraits=[portrait], gesture="nod", label=False, api_name="/animate")
    video = Path(answer["video"] if isinstance(answer, dict) else answer)
    assert hashlib.sha256(video.read_bytes()).hexdigest() in {
        hashlib.sha256(made.read_bytes()).hexdigest() for made in server.made()
    }
    wall = {"image": handle_file(given / "wall.png"), "caption": None}
    with pytest.raises(AppError, match=r"No face was found in wall\.png"):
        client.predict(portraits=[wall], gesture="nod", api_name="/animate")
    client.close()


@pytest.mark.slow
def test_where_nothing_can_be_kept_the_page_works_and_says_so(
    browser: Browser, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home that cannot be written, as in some containers; and a time-stamp server that does not answer."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(places.CONFIG, str(tmp_path / "file" / "config"))
    monkeypatch.setenv(places.DATA, str(tmp_path / "file" / "data"))
    (tmp_path / "kept").mkdir()
    with served(tmp_path / "kept") as server, visit(browser, server) as page:
        upload(page, "portraits", given / "person.png")
        start(page, "Wink")
        finished(page)
        told = page.locator("#status").inner_text()
        assert "thrown away when the program ends" in told and "not entered in the ledger" in told
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv(identity.TIMESTAMPS, f"http://127.0.0.1:{taken.getsockname()[1]}")
    (tmp_path / "unsigned").mkdir()
    with served(tmp_path / "unsigned") as server, visit(browser, server) as page:
        upload(page, "portraits", given / "person.png")
        start(page, "Wink")
        alert = page.locator("#status [role=alert]")
        expect(alert).to_contain_text("could not be signed", timeout=WORK)
        assert "gioconda-job" not in alert.inner_text(), "no path of the server is told"
        with page.expect_download() as download:
            page.locator("#save").click()
        assert download.value.suggested_filename == "person-animated-unsigned.mp4"


@pytest.mark.slow
def test_interrupt_in_the_middle_leaves_nothing(browser: Browser, given: Path, tmp_path: Path) -> None:
    with served(tmp_path) as server, browser.new_context() as context:
        page = context.new_page()
        page.goto(server.url)
        upload(page, "portraits", given / "person.png")
        start(page, "Living portrait")
        page.get_by_text("Painting the frames").wait_for(timeout=WORK)
        assert server.interrupt() == 0
