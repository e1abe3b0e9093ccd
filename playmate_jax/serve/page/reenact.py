"""The tab Reenact: a portrait makes the face of a driving video."""

from typing import Any

import gradio as gr

from playmate_jax.serve.page import parts

REGIONS = ["all", "expression", "pose", "lips", "eyes"]


def tab(page: parts.Page) -> None:
    """Adds the tab to the page."""
    with gr.Tab("Reenact"), gr.Row(equal_height=False):
        with gr.Column(min_width=320):
            portrait = parts.portrait()
            example = gr.Button("Use the example portrait", size="sm")
            driving = parts.video("Driving video")
            with gr.Row():
                region = gr.Dropdown(REGIONS, value="all", label="What moves", min_width=140)
                pose = gr.Dropdown(
                    ["relative", "absolute"], value="relative", label="Pose", min_width=140
                )
            head = parts.head_motion()
            buttons = parts.actions()
        with gr.Column(min_width=320):
            shown = parts.result()
    parts.connect(page, buttons, [portrait, driving, region, pose, head], asked, shown)
    parts.example(example, [portrait], ["portrait.png"])


def asked(
    portrait: Any, driving: Any, region: Any, pose: Any, head: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Files and options of the job."""
    if not driving:
        raise parts.running.Refused("expected a driving video, found none: choose one")
    options = {"region": region, "pose": pose, "head_motion": head}
    return {"portrait": portrait, "driving": driving}, options
