"""The tab Speak: a portrait and speech become a video."""

from typing import Any

import gradio as gr

from playmate_jax.serve.page import parts

EXAMPLES = {
    "Use the example": "portrait.png", "A cartoon": "cartoon.png", "A painting": "painting.jpg",
}  # fmt: skip


def tab(page: parts.Page) -> None:
    """Adds the tab to the page."""
    with gr.Tab("Speak"), gr.Row(equal_height=False):
        with gr.Column(min_width=320):
            portrait, speech = parts.portrait(), parts.speech()
            with gr.Row():
                examples = [gr.Button(name, size="sm") for name in EXAMPLES]
            emotion = parts.emotion()
            with gr.Row():
                head, *gaze = parts.head_motion(), *parts.gaze()
            seed = parts.seed()
            buttons = parts.actions()
        with gr.Column(min_width=320):
            shown = parts.result()
    parts.connect(page, buttons, [portrait, speech, *emotion, head, *gaze, seed], asked, shown)
    for button, name in zip(examples, EXAMPLES.values(), strict=True):
        parts.example(button, [portrait, speech], [name, "speech.wav"])


def asked(
    portrait: Any,
    speech: Any,
    kind: Any,
    strength: Any,
    text: Any,
    head: Any,
    sideways: Any,
    down: Any,
    seed: Any,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Files and options of the job."""
    options = {
        "emotion": parts.emotion_text(kind, strength, text), "head_motion": head,
        "gaze_x": sideways, "gaze_y": down, "seed": seed,
    }  # fmt: skip
    return {"portrait": portrait, "speech": speech}, options
