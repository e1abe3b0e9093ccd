"""Puts the page at `/`: what of Gradio is reachable, where its files are, and their end.

Gradio is told to load nothing from other hosts and to send nothing to them; the browser is told
the same by a content security policy. Its page uses a few of its routes; the others answer 404.
"""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from fastapi import FastAPI
from starlette.routing import Mount

from playmate_jax.serve.page import login
from playmate_jax.serve.page.routes import OnlyPageRoutes
from playmate_jax.serve.settings import Settings

FOLDER = "page"  # of uploads, in the folder of the server
_TIDY_S, _KEEP_S, _KEEP_REQUESTS = 60.0, 3600.0, 20
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_STYLE = Path(__file__).with_name("style.css")


def mount(app: FastAPI, settings: Settings) -> None:
    """Mounts the page in an application, whose other routes are known already.

    Raises:
      ModuleNotFoundError: Gradio is not installed.
    """
    folder = (settings.folder / FOLDER).resolve()
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    import gradio as gr

    from playmate_jax.serve.page.build import build
    from playmate_jax.serve.page.parts import ASSETS

    if settings.token:
        app.include_router(login.router)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    blocks = build(app.state, settings, folder)
    most = int(settings.upload_mb * 2**20)
    theme = gr.themes.Soft(
        primary_hue="blue", font=[gr.themes.Font(name) for name in _FONTS],
        font_mono=[gr.themes.Font("ui-monospace"), gr.themes.Font("monospace")],
    )  # fmt: skip
    gr.mount_gradio_app(
        app, blocks, "/", theme=theme, head=_style(), footer_links=[],
        run_history=False, ssr_mode=False, mcp_server=False, pwa=False, enable_monitoring=False,
        max_file_size=most, allowed_paths=[str(ASSETS)],
    )  # fmt: skip
    blocks.has_launched = True  # or files of the server are taken for uploads
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI):
        tidying = asyncio.create_task(_tidy(folder, _KEEP_REQUESTS * most))
        try:
            async with inner(app) as state:
                yield state
        finally:
            tidying.cancel()
            shutil.rmtree(folder, ignore_errors=True)

    app.router.lifespan_context = lifespan
    mounted = app.router.routes[-1]
    assert isinstance(mounted, Mount)
    mounted.app = OnlyPageRoutes(mounted.app)


def _style() -> str:
    """The page's own rules, which Gradio would limit to a part of the page if it was given them."""
    return f"<style>{_STYLE.read_text('utf-8')}</style>"


async def _tidy(folder: Path, most: int) -> None:
    while True:
        await asyncio.to_thread(tidy, folder, _KEEP_S, most)
        await asyncio.sleep(_TIDY_S)


def tidy(folder: Path, keep_s: float, most: int) -> None:
    """Deletes files older than `keep_s`, and the oldest ones beyond `most` bytes together."""
    total, now = 0, time.time()
    for path, changed, size in sorted(_files(folder), key=lambda found: -found[1]):
        total += size
        if total > most or changed < now - keep_s:
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # others are in it
                path.parent.rmdir()


def _files(folder: Path) -> Iterator[tuple[Path, float, int]]:
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            if path.is_file():
                found = path.stat()
                yield path, found.st_mtime, found.st_size
