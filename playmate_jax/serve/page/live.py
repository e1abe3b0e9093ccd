"""The tab Live: speech from the microphone, and the portrait that speaks it, over WebRTC or, where
that does not connect, over the WebSocket."""

from pathlib import Path

import gradio as gr

from playmate_jax.serve.page import running

_SCRIPTS = [Path(__file__).with_name(name) for name in ("live_rtc.js", "live.js")]
_HTML = f"""
<div class='pm-live'>
  <p><button class='pm-button' data-do='start'>Start</button>
  <button class='pm-button' data-do='stop' disabled>Stop</button>
  <label>Portrait <input type='file' accept='image/*'></label></p>
  <p><label><input type='checkbox' class='pm-sound'> play the sound (with headphones)</label></p>
  <div class='pm-told'>{running.note("The bundled portrait speaks, unless you choose another.")}
  </div>
  <video class='pm-canvas' autoplay playsinline muted hidden></video>
  <canvas class='pm-canvas' width='512' height='640'></canvas>
</div>
"""


def tab() -> None:
    """Adds the tab to the page."""
    script = "\n".join(path.read_text("utf-8") for path in _SCRIPTS)
    with gr.Tab("Live"):
        gr.HTML(_HTML, js_on_load=script)
