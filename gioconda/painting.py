"""The page's settings for heads that take some of their own: a folded part that is there while such a head would be taken."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import gradio as gr
from gradio.components import Component

import heads
from gioconda import device
from gioconda.checks import CHOICES, RANGES
from gioconda.own import OWN
from heads.liveportrait.settings import Settings

_OWN_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Settings) if field.name in OWN}
"""What the head does where nothing else is said."""

PARTS = {"all": "everything", "exp": "the expression", "pose": "the head's pose", "lip": "the lips", "eyes": "the eyes"}
"""What the page calls the regions."""


def concerned(head: str) -> bool:
    """Whether a run with this setting of the head, or `auto`, may take one that has settings of its own."""
    if head in heads.REGISTRY:
        return bool(heads.kind(head).settings)
    return device.gpu().device is not None


def components(head: gr.Radio) -> dict[str, Component]:
    """The folded part, by the name of the field of `Job` that each sets; shown and hidden as `head` changes."""
    own = _OWN_DEFAULTS
    made: dict[str, Component] = {}
    with gr.Accordion(
        "Settings of the painting head", open=False, visible=concerned(str(head.value)), elem_id="painting"
    ) as part:
        gr.HTML("<p>For the head of networks alone, which wants a GPU and follows driving clips.</p>")
        made["region"] = gr.Radio(
            [(PARTS[name], name) for name in CHOICES["region"]],
            value=own["region"],
            label="What is taken from the driver",
            info="Everything else stays the portrait's",
        )
        low, high = RANGES["driving_multiplier"]
        made["driving_multiplier"] = gr.Slider(
            low,
            high,
            value=own["driving_multiplier"],
            step=0.05,
            label="Reach",
            info="How far all of the face is moved, last of all",
        )
        for name, label, info in (
            ("stitching", "Stitching", "Keep neck and shoulders joined to what stands still"),
            ("retarget_eyes", "Eyes by their opening", "Open and close them by how far the driver's are open"),
            ("retarget_lips", "Lips by their opening", "The same for the lips"),
            ("normalize_lips", "Close the lips first", "Before anything moves, where the portrait shows them open"),
        ):
            made[name] = gr.Checkbox(value=own[name], label=label, info=info)

    def changed(name: str) -> list[Any]:
        # What nobody sees says nothing: put away, the settings are the head's own again.
        if concerned(name):
            return [gr.Accordion(visible=True), *(gr.skip() for _ in made)]
        return [gr.Accordion(visible=False), *(own[setting] for setting in made)]

    head.change(changed, head, [part, *made.values()], queue=False, show_progress="hidden", api_visibility="private")
    return made


def said(chosen: dict[str, Any]) -> dict[str, Any]:
    """The settings of a run, where those of a head's own that say what it does anyway are left open."""
    return {name: None if name in OWN and value == _OWN_DEFAULTS[name] else value for name, value in chosen.items()}
