"""What several tabs have: portrait, speech, emotion, a result, and the buttons below."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from starlette.datastructures import State

from playmate_jax.motion.layout import EMOTIONS
from playmate_jax.serve.page import running

# Files stay as they were sent: nothing of them is opened in this process.
QUIET: dict[str, Any] = {
    "preprocess": False, "show_progress": "hidden", "api_visibility": "private",
    "concurrency_limit": None,
}  # fmt: skip
AS_SPOKEN = "as spoken"
ASSETS = Path(__file__).resolve().parents[2] / "assets"


class Page(NamedTuple):
    """What tabs need of the server: the application's state, and the folder of uploads."""

    state: State
    folder: Path


class Result(NamedTuple):
    """The right side of a tab: a line about the job, its video, and its id."""

    status: gr.HTML
    video: gr.HTML
    job: gr.State


def portrait() -> gr.Image:
    """A portrait: uploaded, from the camera, or pasted."""
    return gr.Image(label="Portrait", type="filepath", height=320, buttons=[])


def speech() -> gr.Audio:
    """Speech: uploaded or from the microphone."""
    return gr.Audio(label="Speech", type="filepath", buttons=[])


def video(label: str) -> gr.Video:
    """A video: uploaded, or from the camera."""
    return gr.Video(label=label, height=280, buttons=[])


def seed() -> gr.Number:
    """The seed: the same one gives the same frames."""
    return gr.Number(0, label="Seed", precision=0, minimum=0, maximum=2**31 - 1)


def head_motion() -> gr.Slider:
    """Gain of the head's motion."""
    return gr.Slider(0, 3, 1, step=0.1, label="Head motion")


def gaze() -> tuple[gr.Slider, gr.Slider]:
    """Where the eyes look, beside what the speech makes of them."""
    return (
        gr.Slider(-1, 1, 0, step=0.1, label="Gaze sideways", min_width=140),
        gr.Slider(-1, 1, 0, step=0.1, label="Gaze down", min_width=140),
    )


def emotion() -> tuple[gr.Dropdown, gr.Slider, gr.Textbox]:
    """One emotion with its intensity, or a text with more, also over time."""
    with gr.Row():
        kind = gr.Dropdown([AS_SPOKEN, *EMOTIONS], value=AS_SPOKEN, label="Emotion", min_width=140)
        strength = gr.Slider(0, 1, 0.8, step=0.05, label="Intensity", min_width=140)
    text = gr.Textbox(
        label="Emotions over time", placeholder="0:neutral,2.5:happy=0.8", max_length=2000,
        info="as --emotion takes them, instead of the one above",
    )  # fmt: skip
    return kind, strength, text


def emotion_text(kind: Any, strength: Any, text: Any) -> str | None:
    """The emotion in the notation of `--emotion`."""
    if isinstance(text, str) and text.strip():
        return text
    return None if kind == AS_SPOKEN else f"{kind}={strength}"


def result() -> Result:
    """Where a job's progress and its video are shown."""
    status = gr.HTML(running.note("The video will be here."))
    return Result(status, gr.HTML(), gr.State())


def actions() -> tuple[gr.Button, gr.Button]:
    """The buttons Generate and Cancel, in a row."""
    with gr.Row():
        go = gr.Button("Generate", variant="primary", scale=3, min_width=120)
        stop = gr.Button("Cancel", scale=1, min_width=80)
    return go, stop


def connect(
    page: Page,
    buttons: tuple[gr.Button, gr.Button],
    inputs: list,
    asked: Callable[..., tuple[dict[str, Any], dict[str, Any]]],
    shown: Result,
) -> None:
    """Lets the buttons run and cancel a job.

    Args:
      asked: the values of `inputs` to files and options of a job; raises `Refused`.
    """

    async def generate(*values: Any) -> AsyncIterator[running.Shown]:
        try:
            files, options = asked(*values)
        except running.Refused as refused:
            yield running.Shown(running.problem(str(refused)), "", None)
            return
        async for now in running.run(page.state, page.folder, files, options):
            yield now

    async def stop(job: str | None) -> None:
        await running.cancel(page.state, job)

    buttons[0].click(generate, inputs, list(shown), **QUIET)
    buttons[1].click(stop, [shown.job], None, **QUIET)


def example(button: gr.Button, outputs: list, names: list[str]) -> None:
    """Lets a button fill in bundled files."""

    def given() -> list[str] | str:
        found = [str(ASSETS / name) for name in names]
        return found if len(found) > 1 else found[0]

    button.click(given, None, outputs, **QUIET)
