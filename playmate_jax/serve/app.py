"""The application: routes, their shared state, and what happens at its start and end."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

import playmate_jax
from playmate_jax.errors import UserError
from playmate_jax.serve import job_routes, rtc_route, stream_route
from playmate_jax.serve.children import Children
from playmate_jax.serve.gate import Gate
from playmate_jax.serve.jobs import JobStore
from playmate_jax.serve.metrics import Metrics
from playmate_jax.serve.runner import Runner
from playmate_jax.serve.schemas import Health
from playmate_jax.serve.settings import Settings

_PROBES = 2
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_DESCRIPTION = """\
One portrait and a speech clip become a talking video. Send files to `POST /v1/jobs`, follow
`/v1/jobs/{id}/events`, fetch `/v1/jobs/{id}/video`. The WebSocket `/v1/stream` shows a live
portrait, and so does WebRTC (`POST /v1/webrtc`). Every error is `{"error": "one sentence"}`.
"""
_FOR_CHILDREN = ("weights", "generator", "face_models", "batch", "speech_s", "side", "mark",
                 "c2pa")  # fmt: skip


def create_app(settings: Settings) -> FastAPI:
    """The server's application.

    The page is mounted at `/` where the settings have it: no other route is there.
    """
    metrics, children = Metrics(), _children(settings)
    app = FastAPI(
        title="playmate", version=playmate_jax.__version__, description=_DESCRIPTION,
        lifespan=_lifespan, docs_url="/docs", redoc_url=None,
    )  # fmt: skip
    app.state.settings, app.state.metrics = settings, metrics
    app.state.probes, app.state.stream_children = children["probe"], children["stream"]
    app.state.edit_children = children["edit"]
    app.state.stream_slots = asyncio.Semaphore(settings.streams)
    app.state.rtc_sessions = rtc_route.Sessions()
    store = JobStore(settings.folder, settings.keep, settings.keep_h)
    app.state.runner = Runner(store, children["job"], metrics, settings.queue, settings.job_s)
    app.include_router(job_routes.router)
    app.include_router(stream_route.router)
    app.include_router(rtc_route.router)
    app.add_middleware(Gate, settings=settings, metrics=metrics)
    if settings.origins:  # around the gate: browsers ask first, without the token
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.origins, allow_methods=["*"],
            allow_headers=["authorization", "content-type"],
        )  # fmt: skip
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(UserError, _user_error)

    @app.get("/health", response_model=Health, tags=["server"])
    async def health() -> Health:
        """Whether the server works; needs no token."""
        runner = app.state.runner
        jobs = [job.state for job in store.jobs.values()]
        return Health(
            status="closing" if runner.closing else "ok",
            version=playmate_jax.__version__,
            waiting=jobs.count("queued"),
            running=jobs.count("running"),
            streams=int(metrics.streams._value.get()),
        )

    @app.get(
        "/metrics", tags=["server"], responses=job_routes.problems(),
        response_class=PlainTextResponse,
    )  # fmt: skip
    async def measured() -> Response:
        """Counters in Prometheus's text format."""
        return PlainTextResponse(metrics.text(), headers={"content-type": METRICS_TYPE})

    if settings.page:  # after all other routes, which it would hide
        from playmate_jax.serve.page.mount import mount

        mount(app, settings)
    return app


def _children(settings: Settings) -> dict[str, Children]:
    given = {name: dataclasses.asdict(settings)[name] for name in _FOR_CHILDREN}
    sizes = {"probe": _PROBES, "job": settings.workers, "stream": settings.streams}
    sizes["edit"] = int(settings.page)
    return {role: Children(role, size, given) for role, size in sizes.items()}


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Starts children and queue; at the end finishes jobs or hands them back."""
    state = app.state
    for left in (state.settings.folder / "streams").glob("*"):
        left.unlink(missing_ok=True)
    await state.runner.start()
    warming = asyncio.create_task(state.stream_children.warm_up())  # compiles its programs
    warming.add_done_callback(lambda task: task.cancelled() or task.exception())
    try:
        yield
    finally:
        warming.cancel()
        await state.rtc_sessions.close()
        await state.runner.close(state.settings.grace_s)
        for others in (state.stream_children, state.edit_children, state.probes):
            others.end()


async def _http_error(request: Request, error: Any) -> Response:
    return JSONResponse({"error": str(error.detail)}, error.status_code, headers=error.headers)


async def _user_error(request: Request, error: Any) -> Response:
    return JSONResponse({"error": str(error)}, 422)


async def _invalid(request: Request, error: Any) -> Response:
    """The first of what is wrong, without what was sent."""
    found = error.errors()[0]
    where = ".".join(str(part) for part in found["loc"] if part != "body") or "request"
    return JSONResponse({"error": f"{where}: {found['msg']}"}, 422)
