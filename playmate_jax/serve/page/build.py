"""The page: its tabs, and below them what the weights in use say of themselves."""

from pathlib import Path

import gradio as gr
from starlette.datastructures import State

from playmate_jax.serve.page import dub, edit, live, reenact, speak
from playmate_jax.serve.page.parts import Page
from playmate_jax.serve.page.weights import about
from playmate_jax.serve.settings import Settings


def build(state: State, settings: Settings, folder: Path) -> gr.Blocks:
    """The page as Gradio blocks.

    Args:
      state: of the application. folder: of the page's uploads.
    """
    page = Page(state, folder)
    with gr.Blocks(title="Playmate", analytics_enabled=False, fill_width=False) as blocks:
        gr.HTML("<h1>Playmate</h1>")
        with gr.Tabs():
            for tab in (speak, reenact, dub, edit):
                tab.tab(page)
            if settings.streams:
                live.tab()
        gr.HTML(about(settings))
    blocks.queue(api_open=False, default_concurrency_limit=None)
    return blocks
