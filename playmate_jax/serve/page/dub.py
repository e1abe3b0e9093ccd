"""The tab Dub: a video's lips speak other speech."""

from typing import Any

import gradio as gr

from playmate_jax.serve.page import parts, speak


def tab(page: parts.Page) -> None:
    """Adds the tab to the page."""
    with gr.Tab("Dub"), gr.Row(equal_height=False):
        with gr.Column(min_width=320):
            video, speech = parts.video("Video of a person"), parts.speech()
            example = gr.Button("Use the example speech", size="sm")
            emotion = parts.emotion()
            seed = parts.seed()
            buttons = parts.actions()
        with gr.Column(min_width=320):
            shown = parts.result()
    parts.connect(page, buttons, [video, speech, *emotion, seed], asked, shown)
    parts.example(example, [speech], ["speech.wav"])


def asked(
    video: Any, speech: Any, kind: Any, strength: Any, text: Any, seed: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Files and options of the job."""
    if not video:
        raise parts.running.Refused("expected a video of a person, found none: choose one")
    return speak.asked(video, speech, kind, strength, text, 1.0, 0.0, 0.0, seed)
