"""What stands on the page: the inputs, with what is told beside each before a run, and the result; `gioconda.ui` runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

import heads
from gioconda import fragments, painting
from gioconda.checks import LONGEST_CONSENT, RANGES
from gioconda.errors import SettingError
from gioconda.gestures import GESTURES
from gioconda.inspect import Inspection, inspect_clip, inspect_motion, inspect_portrait
from gioconda.job import Job

DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Job) if field.default is not MISSING}
"""Every setting's default, from its one home."""

FIRST_GESTURE = "smile"
"""The gesture that is chosen when the page opens."""

Source: TypeAlias = Literal["gesture", "driving", "motion"]
"""Where the movement comes from: the name of a field of `Job`, and of a tab."""


Seen: TypeAlias = dict[tuple[str, int | None], Inspection]
"""What was looked at in one session: path and number of the face to what was seen."""

OPTIONAL = ("face", "end", "consent")
"""Settings that may be left out: an empty number field hands over 0 once it was shown, an empty text field no text."""

LOOK: dict[str, Any] = {
    "concurrency_id": "look",
    "show_progress": "hidden",
    "api_visibility": "private",
    "trigger_mode": "always_last",
}
"""Looks at what was uploaded take turns, beside a run."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The left side."""

    portraits: gr.Gallery
    about_portraits: gr.HTML
    tabs: gr.Tabs
    source: gr.State
    gesture: gr.Radio
    driving: gr.Video
    about_driving: gr.HTML
    motion: gr.File
    about_motion: gr.HTML
    settings: Mapping[str, Component]
    """Name of a field of `Job` to the component that sets it."""
    face: gr.Number
    """One of the settings: looks at portraits follow it."""
    seen: gr.State
    """(path, face) → Inspection: what was looked at in this session."""
    start: gr.Button
    stop: gr.Button

    def components(self) -> dict[str, Block]:
        """What a run reads, by the name under which it is given to the run."""
        return {
            "portraits": self.portraits,
            "source": self.source,
            "gesture": self.gesture,
            "driving": self.driving,
            "motion": self.motion,
            "seen": self.seen,
            **self.settings,
        }


@dataclass(frozen=True, slots=True)
class Results:
    """The right side."""

    frame: gr.HTML
    video: gr.Video
    status: gr.HTML
    save: gr.DownloadButton
    save_reel: gr.DownloadButton


def inputs() -> Inputs:
    """The left side: portraits, the movement in three tabs, folded settings, and the buttons."""
    gr.HTML("<h2>1 · Portrait</h2><p>One picture of a person, or several of the same; the first gives the video its frame.</p>")
    portraits = gr.Gallery(
        label="Portraits",
        show_label=False,
        type="filepath",
        interactive=True,
        sources=["upload", "webcam", "clipboard"],
        file_types=["image", ".heic", ".heif", ".avif"],
        columns=3,
        fit_columns=False,
        height=200,
        object_fit="contain",
        buttons=[],
        elem_id="portraits",
    )
    about_portraits = gr.HTML(elem_id="about-portraits")
    gr.HTML("<h2>2 · Movement</h2>")
    source = gr.State("gesture")
    with gr.Tabs(selected="gesture") as tabs:
        with gr.Tab("Gesture", id="gesture") as gestures:
            choices = [(gesture.title, name) for name, gesture in GESTURES.items()]
            gesture = gr.Radio(
                choices, value=FIRST_GESTURE, label="What the portrait does", show_label=False, elem_id="gesture"
            )
        with gr.Tab("Driving clip", id="driving") as clips:
            driving = gr.Video(
                sources=["upload", "webcam"], format=None, label="Driving clip", show_label=False, elem_id="driving"
            )
            about_driving = gr.HTML(elem_id="about-driving")
        with gr.Tab("Motion file", id="motion") as motions:
            motion = gr.File(label="Written by “gioconda motion”", file_types=[".safetensors"], height=120, elem_id="motion")
            about_motion = gr.HTML(elem_id="about-motion")
    for tab, name in ((gestures, "gesture"), (clips, "driving"), (motions, "motion")):
        tab.select(partial(str, name), None, source, queue=False, show_progress="hidden", api_visibility="private")
    settings, face = _settings()
    with gr.Row():
        start = gr.Button("Animate", variant="primary", scale=3, elem_id="start")
        stop = gr.Button("Stop", interactive=False, scale=1, min_width=90, elem_id="stop")
    made = Inputs(
        portraits,
        about_portraits,
        tabs,
        source,
        gesture,
        driving,
        about_driving,
        motion,
        about_motion,
        settings,
        face,
        gr.State({}),
        start,
        stop,
    )
    _looks(made)
    return made


def _looks(inputs: Inputs) -> None:
    """Look at uploads as they come, and say what is wrong with them beside them."""

    def looked(path: str, face: int | None, seen: Seen, look: Callable[[], Inspection]) -> tuple[str, Inspection]:
        if (path, face) not in seen:
            seen[path, face] = look()
        return Path(path).name, seen[path, face]

    def portraits(given: list[tuple[str, str | None]] | None, face: int | None, seen: Seen) -> tuple[str, Seen]:
        asked = [(path, (face or None) if index == 0 else None) for index, (path, _) in enumerate(given or ())]
        told = [looked(path, number, seen, partial(inspect_portrait, path, number)) for path, number in asked]
        return fragments.seen(told), seen

    def clip(path: str | None, seen: Seen) -> tuple[str, Seen]:
        return fragments.seen([looked(path, None, seen, partial(inspect_clip, path))] if path else []), seen

    def motion(path: str | None, seen: Seen) -> tuple[str, Seen]:
        return fragments.seen([looked(path, None, seen, partial(inspect_motion, path))] if path else []), seen

    changes = [inputs.portraits.change, inputs.face.change]
    gr.on(changes, portraits, [inputs.portraits, inputs.face, inputs.seen], [inputs.about_portraits, inputs.seen], **LOOK)
    inputs.driving.change(clip, [inputs.driving, inputs.seen], [inputs.about_driving, inputs.seen], **LOOK)
    inputs.motion.change(motion, [inputs.motion, inputs.seen], [inputs.about_motion, inputs.seen], **LOOK)


def _settings() -> tuple[dict[str, Component], gr.Number]:
    """The folded settings, by the name of the field of `Job` that each sets, and the one for the face's number."""
    made: dict[str, Component] = {}

    def slider(name: str, label: str, info: str, step: float) -> None:
        low, high = RANGES[name]
        made[name] = gr.Slider(low, high, value=DEFAULTS[name], step=step, label=label, info=info)

    def radio(name: str, label: str, choices: Sequence[tuple[str, str]], info: str) -> gr.Radio:
        made[name] = chosen = gr.Radio(list(choices), value=DEFAULTS[name], label=label, info=info)
        return chosen

    def check(name: str, label: str, info: str) -> None:
        made[name] = gr.Checkbox(value=DEFAULTS[name], label=label, info=info)

    with gr.Accordion("Settings", open=False):
        slider("expression_strength", "Expression", "How strongly the face moves", 0.05)
        slider("pose_strength", "Head movement", "How far the head turns and leans", 0.05)
        slider("smooth", "Smoothing", "How much of the tracker's jitter is taken out", 0.1)
        radio(
            "motion_mode",
            "Movement is",
            (("relative to the portrait", "relative"), ("the driver's own pose", "absolute")),
            "Relative keeps the way the portrait holds its head",
        )
        radio(
            "mouth",
            "Inside of the mouth",
            (("automatic", "auto"), ("from the portraits", "portraits"), ("from the clip", "driving")),
            "Teeth and tongue that a closed mouth does not show",
        )
        head = radio(
            "head",
            "Head",
            (("automatic", DEFAULTS["head"]), *((name, name) for name in heads.REGISTRY)),
            "Automatic takes one of networks where there is a GPU",
        )
        with gr.Row():
            # No limits here: Gradio would answer them with a toast, the run says them in a sentence.
            made["face"] = face = gr.Number(
                value=DEFAULTS["face"], precision=0, label="Face number", info="0 or 1: the largest", min_width=120
            )
            made["start"] = gr.Number(value=DEFAULTS["start"], label="From second", info="of the movement", min_width=120)
            made["end"] = gr.Number(value=DEFAULTS["end"], label="To second", info="0 is its end", min_width=120)
        slider("max_side", "Longest side", "Pixels; larger portraits are made smaller", 16)
        check("label", "Visible label", "“AI-animated portrait”, small, in a corner")
        check("audio", "Sound", "The clip's own sound is carried over")
        check("compare", "Side-by-side reel", "A second video: portrait, clip and result")
    made |= painting.components(head)
    made["consent"] = gr.Textbox(
        value=DEFAULTS["consent"],
        label="Consent of the person shown",
        info="Optional. What you write here is signed into the video and can be read by anybody who has it.",
        placeholder="For example: I am the person shown.",
        max_length=LONGEST_CONSENT,
        elem_id="consent",
    )
    return made, face


def results() -> Results:
    """The right side: the video, how far it is, and what can be saved."""
    gr.HTML("<h2>3 · Result</h2>")
    frame = gr.HTML(fragments.EMPTY, elem_id="frame")
    # No format: what the browser plays and saves is the very file that was made.
    video = gr.Video(
        label="Result",
        show_label=False,
        format=None,
        autoplay=True,
        loop=True,
        interactive=False,
        visible=False,
        buttons=[],
        elem_id="result",
    )
    status = gr.HTML(elem_id="status")
    with gr.Row():
        save = gr.DownloadButton("Download MP4", visible=False, elem_id="save")
        save_reel = gr.DownloadButton("Download the side-by-side reel", visible=False, elem_id="save-reel")
    return Results(frame, video, status, save, save_reel)


def verifying() -> tuple[gr.File, gr.HTML]:
    """The tab in which any file can be looked at: where it is given, and where it is told what is known about it."""
    gr.HTML(fragments.VERIFYING)
    given = gr.File(label="Video or picture", height=160, elem_id="suspect")
    return given, gr.HTML(elem_id="about-suspect")


def job(portraits: list[str], chosen: dict[str, Any], folder: Path) -> Job:
    """The job that the page's inputs describe; what is missing is told in the page's words."""
    if not portraits:
        raise SettingError("There is no portrait yet.", "At least one picture of a person is needed.", "Add one under 1.")
    if chosen.get("driving", "") is None:
        raise SettingError(
            "There is no driving clip yet.", "A clip of a talking face is needed.", "Upload or record one, or choose a gesture."
        )
    if chosen.get("motion", "") is None:
        raise SettingError(
            "There is no motion file yet.", "A file that “gioconda motion” wrote is needed.", "Upload one, or choose a gesture."
        )
    settings: dict[str, Any] = {
        name: None if name in OPTIONAL and not value else value for name, value in painting.said(chosen).items()
    }
    settings = {name: DEFAULTS[name] if value is None else value for name, value in settings.items()}
    return Job(portraits=portraits, output=folder / f"{Path(portraits[0]).stem}-animated.mp4", **settings)
