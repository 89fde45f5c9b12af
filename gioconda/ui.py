"""The page: portraits and a gesture, a clip or a motion file become a video.

Nothing about a visitor is kept outside of the visitor's own session, and every run has a temporary folder of its own.
"""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from gioconda import form, fragments, pace
from gioconda.errors import GiocondaError, UnsignedError
from gioconda.form import Inputs, Results, Seen
from gioconda.job import Clip, Finished
from gioconda.marks.verify import verify
from gioconda.samples import FOLDER, Sample, samples
from gioconda.studio import animate
from heads.base import HeadError, Step
from weights import WeightsError

SHOWN = (GiocondaError, HeadError, WeightsError)
"""Errors that say themselves what to do."""

KEPT = 3600
"""Seconds that uploads and results are kept."""

WAITING = 32
"""Runs that may wait; further visitors are asked to come back."""

RUN: dict[str, Any] = {"concurrency_id": "run", "concurrency_limit": 1, "show_progress": "hidden"}
"""Runs take turns: two at once would only be slower each."""

AT_ONCE: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
"""Changes of the page that need no work."""

Update: TypeAlias = dict[Block, Any]
"""What changes on the page: component to its new value."""


def build(*, shared: bool = False) -> gr.Blocks:
    """The page, ready to be launched.

    Args:
        shared: whether it will be reached through Gradio's tunnel, which it then says.
    """
    gr.set_static_paths([FOLDER / "portraits", FOLDER / "driving.mp4"])
    page = gr.Blocks(title="Gioconda: portraits come alive", analytics_enabled=False, delete_cache=(KEPT // 6, KEPT))
    with page:
        gr.HTML(fragments.HEADER, elem_id="title")
        with gr.Tabs(elem_id="rooms"):
            with gr.Tab("Animate", elem_id="animating"):
                with gr.Row(elem_id="columns"):
                    with gr.Column(scale=5, min_width=320):
                        inputs = form.inputs()
                    with gr.Column(scale=6, min_width=320, elem_id="right"):
                        results = form.results()
                runs: list[Any] = [_runs_on(inputs.start.click, inputs, results)]
                if given := samples():
                    gr.HTML("<h2>Or click one of these</h2>")
                    with gr.Row(elem_id="examples"):
                        cards = [_sample(one, inputs, results) for one in given]
                    runs += [running for _, running in cards]
                    for card, _ in cards:
                        card.click(None, None, None, cancels=runs)  # another example takes the place of the run before it
            with gr.Tab("Verify", elem_id="verifying"):
                suspect, verdict = form.verifying()
                suspect.change(_verdict, suspect, verdict, **form.LOOK)
        gr.HTML(fragments.footer(kept=KEPT // 60, shared=shared), elem_id="foot")
        inputs.stop.click(
            lambda: _idle(inputs, results, fragments.STOPPED), None, _touched(inputs, results), cancels=runs, **AT_ONCE
        )
        _endpoint(inputs)
        page.queue(max_size=WAITING)
    return page


def _runs_on(event: Callable[..., Any], inputs: Inputs, results: Results) -> Any:
    """Let an event start a run; returns what Stop has to cancel."""

    def begin() -> Update:
        return {
            results.status: fragments.working("Waiting for its turn", 0, 0),
            results.save: gr.DownloadButton(visible=False),
            results.save_reel: gr.DownloadButton(visible=False),
            **_busy(inputs),
        }

    def run(**given: Any) -> Iterator[Update]:
        try:
            yield from _run(given, inputs, results)
        except SHOWN as error:
            yield _idle(inputs, results, fragments.stopped_by(error))
        except Exception:
            traceback.print_exc()
            yield _idle(inputs, results, fragments.UNEXPECTED)

    touched = _touched(inputs, results)
    begun = event(begin, None, touched, js=fragments.SCROLL, **AT_ONCE)
    running = begun.then(run, None, touched, inputs_kwargs=inputs.components(), api_visibility="private", **RUN)
    # Gradio calls it a failure when a run was cancelled, or refused because too many wait; of the latter its own toast tells.
    running.failure(lambda: _idle(inputs, results, fragments.STOPPED), None, touched, **AT_ONCE)
    return running


def _run(given: dict[str, Any], inputs: Inputs, results: Results) -> Iterator[Update]:
    """One run, from what was given to the finished video; its folder is gone when this ends or is closed."""
    source = given["source"]
    chosen = {name: given[name] for name in given if name in inputs.settings} | {source: given[source]}
    seen: Seen = given["seen"]
    portraits = [path for path, _ in given["portraits"] or ()]
    keys = [(path, (chosen["face"] or None) if index == 0 else None) for index, path in enumerate(portraits)]
    for key in [*keys, (given[source], None)]:
        if key in seen and not seen[key].ok:
            yield _idle(inputs, results, fragments.said("wrong", " ".join(seen[key].lines)))
            return
    with tempfile.TemporaryDirectory(prefix="gioconda-job-") as folder:
        steps = animate(form.job(portraits, chosen, Path(folder)))
        try:
            with closing(steps):  # type: ignore[type-var]
                for step, left in pace.told(steps):
                    if isinstance(step, Finished):
                        # Gradio copies the files while this waits here; then the folder goes.
                        yield _done(step.clip, inputs, results)
                    else:
                        yield _progress(step, left, inputs, results)
        except UnsignedError as error:
            kept = gr.DownloadButton(value=str(error.kept[0]), visible=True)
            yield _idle(inputs, results, fragments.stopped_by(error)) | {results.save: kept}


def _verdict(path: str | None) -> str:
    """What is known about a file that a visitor gave."""
    try:
        return fragments.verdict(verify(path)) if path else ""
    except Exception:
        traceback.print_exc()
        return fragments.UNEXPECTED


def _progress(step: Step | Finished, left: float | None, inputs: Inputs, results: Results) -> Update:
    update: Update = {results.status: fragments.working(step.label, step.done, step.total, left), **_busy(inputs)}
    if step.preview is not None:
        update |= {
            results.frame: gr.HTML(fragments.glimpse(step.preview), visible=True),
            results.video: gr.Video(visible=False),
        }
    return update


def _done(clip: Clip, inputs: Inputs, results: Results) -> Update:
    reel = None if clip.compare is None else str(clip.compare)
    return _idle(inputs, results, fragments.report(clip)) | {
        results.frame: gr.HTML(visible=False),
        results.video: gr.Video(str(clip.path), visible=True),
        results.save: gr.DownloadButton(value=str(clip.path), visible=True),
        results.save_reel: gr.DownloadButton(value=reel, visible=reel is not None),
    }


def _busy(inputs: Inputs) -> Update:
    """The buttons while a run is going on: told with every step, as the end of a run before it may be told late."""
    return {inputs.start: gr.Button(interactive=False), inputs.stop: gr.Button(interactive=True)}


def _idle(inputs: Inputs, results: Results, status: str) -> Update:
    """The page when no run is going on, with a last word about the one before."""
    return {
        results.status: status,
        results.frame: gr.HTML(fragments.EMPTY, visible=True),
        results.video: gr.Video(visible=False),
        inputs.start: gr.Button(interactive=True),
        inputs.stop: gr.Button(interactive=False),
    }


def _touched(inputs: Inputs, results: Results) -> list[Component]:
    """Everything that a run may change."""
    return [results.frame, results.video, results.status, results.save, results.save_reel, inputs.start, inputs.stop]


def _sample(sample: Sample, inputs: Inputs, results: Results) -> tuple[gr.Button, Any]:
    """An example's picture, where a click fills the inputs and starts the run, and that run."""
    card = gr.Button(sample.title, icon=str(sample.portrait), elem_classes="example", min_width=0)
    mover = inputs.gesture if sample.source == "gesture" else inputs.driving

    def fill() -> Update:
        return {
            inputs.portraits: [str(sample.portrait)],
            inputs.tabs: gr.Tabs(selected=sample.source),
            inputs.source: sample.source,
            mover: sample.value,
        }

    filled = card.click(fill, None, [inputs.portraits, inputs.tabs, inputs.source, mover], **AT_ONCE)
    return card, _runs_on(filled.then, inputs, results)


def _endpoint(inputs: Inputs) -> None:
    """The same run for programs: the documented endpoint `/animate`, which answers with the video."""

    # What has no value on the page either may be left out by programs.
    def run(
        *, driving: Any = None, motion: Any = None, face: Any = None, end: Any = None, consent: Any = None, **given: Any
    ) -> Iterator[Any]:
        given |= {"driving": driving, "motion": motion, "face": face, "end": end, "consent": consent}
        portraits = [path for path, _ in given["portraits"] or ()]
        source = next((name for name in ("driving", "motion") if given[name] is not None), "gesture")
        chosen = {name: given[name] for name in inputs.settings} | {source: given[source]}
        try:
            with tempfile.TemporaryDirectory(prefix="gioconda-job-") as folder:
                steps = animate(form.job(portraits, chosen, Path(folder)))
                with closing(steps):  # type: ignore[type-var]
                    for step, _ in pace.told(steps):
                        yield str(step.clip.path) if isinstance(step, Finished) else gr.skip()
        except SHOWN as error:
            raise gr.Error(escape(fragments.words(error)), print_exception=False) from error

    asked = {name: part for name, part in inputs.components().items() if name not in ("source", "seen")}
    about = "Animate a portrait. A driving clip goes before a motion file, and that before a gesture."
    answer = gr.Video(visible=False, format=None)
    gr.Button(visible=False).click(
        run, None, answer, inputs_kwargs=asked, api_name="animate", api_description=about, api_visibility="public", **RUN
    )
