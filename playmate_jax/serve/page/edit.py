"""The tab Edit: one image of a portrait, which follows the sliders."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import HTTPException

from playmate_jax.inference.editing import AMOUNTS
from playmate_jax.serve.children import Lost
from playmate_jax.serve.page import parts, running
from playmate_jax.serve.submission import probed

_NAMES = {
    "pitch": "Pitch", "yaw": "Yaw", "roll": "Roll", "x": "Sideways", "y": "Down", "size": "Size",
    "eyes": "Eyes", "wink": "Wink", "brows": "Brows", "gaze_x": "Gaze sideways",
    "gaze_y": "Gaze down", "lips": "Lips", "smile": "Smile", "pout": "Pout",
}  # fmt: skip
_LIMIT_S = 60.0
_KEPT = 1000  # portraits that were looked at


def tab(page: parts.Page) -> None:
    """Adds the tab to the page."""
    with gr.Tab("Edit"), gr.Row(equal_height=False):
        with gr.Column(min_width=280, scale=2):
            portrait = parts.portrait()
            with gr.Row():
                example = gr.Button("Use the example portrait", size="sm", min_width=120)
                reset = gr.Button("Reset", size="sm", min_width=80)
        with gr.Column(min_width=320, scale=3):
            shown = gr.HTML(running.note("The image will be here."), elem_classes="pm-edited")
            with gr.Row(elem_classes="pm-sliders"):
                sliders = [_slider(name) for name in AMOUNTS]
    drawing = _Drawing(page)
    gr.on(
        [portrait.change, *(slider.input for slider in sliders)], drawing.draw,
        [portrait, *sliders], shown, trigger_mode="always_last", **parts.QUIET,
    )  # fmt: skip
    reset.click(lambda: [0] * len(sliders), None, sliders, **parts.QUIET).then(
        drawing.draw, [portrait, *sliders], shown, **parts.QUIET
    )
    parts.example(example, [portrait], ["portrait.png"])


def _slider(name: str) -> gr.Slider:
    low, high = AMOUNTS[name]
    step = 1 if high > 1 else 0.01
    return gr.Slider(low, high, 0, step=step, label=_NAMES[name], min_width=150)


class _Drawing:
    """Asks the child process for images; portraits are looked at once."""

    def __init__(self, page: parts.Page):
        self._page = page
        self._known: dict[Path, None] = {}

    async def draw(self, portrait: Any, *amounts: Any) -> str:
        """The portrait with these amounts, or what is wrong, as HTML."""
        if not portrait:
            return running.note("The image will be here.")
        try:
            path = running.uploaded(portrait, self._page.folder)
            asked = {"portrait": str(path), "amounts": dict(zip(AMOUNTS, amounts, strict=True))}
            # whole, also where the visitor has left: a child that is cut off would have to end
            return await asyncio.shield(asyncio.ensure_future(self._drawn(path, asked)))
        except (running.Refused, Lost) as error:
            return running.problem(str(error))
        except HTTPException as error:
            return running.problem(str(error.detail))

    async def _drawn(self, path: Path, asked: dict[str, Any]) -> str:
        if path not in self._known:
            await probed(self._page.state, {"portrait": str(path)})
            self._known[path] = None
            if len(self._known) > _KEPT:
                del self._known[next(iter(self._known))]
        async with self._page.state.edit_children.lend() as child:
            await child.send(asked)
            answer = await child.receive(_LIMIT_S)
        if isinstance(answer, dict):
            raise running.Refused(answer["refused"])
        return _image(answer)


def _image(jpeg: bytes) -> str:
    data = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    return (
        f"<img class='pm-image' src='{data}' alt='the edited portrait'>"
        f"<a class='pm-download' href='{data}' download='playmate.jpg'>Download</a>"
    )
