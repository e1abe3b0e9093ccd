"""Jobs over HTTP: send files, follow the progress, fetch the video."""

import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, File, Form, HTTPException, Request, Response, UploadFile
from fastapi.responses import FileResponse, StreamingResponse

from playmate_jax.serve.jobs import Job
from playmate_jax.serve.runner import Runner
from playmate_jax.serve.schemas import (
    Created,
    Emotion,
    FaceNumber,
    Gain,
    JobView,
    Look,
    MaxSide,
    Pose,
    Problem,
    Region,
    Sampler,
    Scale,
    Seed,
    Steps,
)
from playmate_jax.serve.submission import submit

_HEARTBEAT_S = 15.0
_PROBLEMS = {
    400: "No form, or a damaged one",
    401: "No token, or a wrong one",
    403: "A web page of another origin",
    404: "No such job",
    408: "The request did not come to its end in time",
    409: "The job is not done",
    413: "More bytes than allowed",
    415: "A file of another kind than asked for",
    421: "Another host name than this server's",
    422: "Options that make no sense, or files beyond a limit",
    429: "The queue is full",
    503: "Too many uploads, or shutting down",
}
router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


def problems(*statuses: int) -> dict[int | str, dict]:
    """The errors of a route, for its description."""
    always = (401, 403, 421)
    return {
        status: {"model": Problem, "description": _PROBLEMS[status]}
        for status in sorted({*always, *statuses})
    }


@router.post(
    "", status_code=202, response_model=Created,
    responses=problems(400, 408, 413, 415, 422, 429, 503),
)  # fmt: skip
async def create(
    request: Request,
    response: Response,
    portrait: Annotated[UploadFile, File(description="an image, or a video to be dubbed")],
    speech: Annotated[UploadFile | None, File(description="a recording, or a video")] = None,
    driving: Annotated[UploadFile | None, File(description="a video or image to follow")] = None,
    emotion: Emotion = None,
    seed: Seed = 0,
    head_motion: Gain = 1.0,
    gaze_x: Look = 0.0,
    gaze_y: Look = 0.0,
    audio_scale: Scale = None,
    emotion_scale: Scale = None,
    sampler: Sampler = None,
    steps: Steps = None,
    pose: Pose = "relative",
    region: Region = None,
    face: FaceNumber = 0,
    paste: Annotated[bool, Form(description="into the whole image")] = True,
    max_side: MaxSide = None,
) -> Created:
    """Animates a portrait: it speaks `speech`, or makes the face of `driving`, or both."""
    uploads = {"portrait": portrait, "speech": speech, "driving": driving}
    options = {
        "emotion": emotion, "seed": seed, "head_motion": head_motion, "gaze_x": gaze_x,
        "gaze_y": gaze_y, "audio_scale": audio_scale, "emotion_scale": emotion_scale,
        "sampler": sampler, "steps": steps, "pose": pose, "region": region, "face": face,
        "paste": paste, "max_side": max_side,
    }  # fmt: skip
    present = {name: upload.file for name, upload in uploads.items() if upload is not None}
    id = (await submit(request.app.state, present, options)).id
    response.headers["location"] = f"/v1/jobs/{id}"
    return Created(id=id)


@router.get("", response_model=list[JobView], responses=problems())
async def listed(request: Request) -> list[JobView]:
    """All jobs of the folder, newest first."""
    runner = _runner(request)
    jobs = sorted(runner.store.jobs.values(), key=lambda job: -job.created)
    return [JobView.of(job, runner.place(job)) for job in jobs]


@router.get("/{id}", response_model=JobView, responses=problems(404))
async def state(request: Request, id: str) -> JobView:
    """How a job is getting on."""
    job = _job(request, id)
    return JobView.of(job, _runner(request).place(job))


@router.get(
    "/{id}/events", response_class=StreamingResponse,
    responses=problems(404) | {200: {
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
        "description": "An event `job` with the job as JSON whenever it changes, until it ends",
    }},
)  # fmt: skip
async def events(request: Request, id: str) -> StreamingResponse:
    """A job's progress as server-sent events."""
    job, runner = _job(request, id), _runner(request)

    async def lines() -> AsyncIterator[str]:
        shown, quiet_from = "", time.monotonic()
        while True:
            view = JobView.of(job, runner.place(job)).model_dump_json()
            if view != shown:
                shown, quiet_from = view, time.monotonic()
                yield f"event: job\ndata: {view}\n\n"
            elif time.monotonic() - quiet_from > _HEARTBEAT_S:
                quiet_from = time.monotonic()
                yield ": still there\n\n"
            if job.is_final or runner.closing or id not in runner.store.jobs:
                return
            await runner.wait_change(1.0)

    return StreamingResponse(
        lines(), media_type="text/event-stream", headers={"cache-control": "no-store"}
    )


@router.get(
    "/{id}/video", response_class=FileResponse,
    responses=problems(404, 409) | {200: {
        "content": {"video/mp4": {}}, "description": "The video, H.264 and AAC",
    }},
)  # fmt: skip
async def video(request: Request, id: str) -> FileResponse:
    """The video of a job that is done; ranges are supported."""
    job = _job(request, id)
    if job.state != "done":
        raise HTTPException(409, f"expected a job that is done, found it {job.state}")
    path = _runner(request).store.folder(id) / "video.mp4"
    return FileResponse(path, media_type="video/mp4", filename=f"{id}.mp4")


@router.delete("/{id}", status_code=204, responses=problems(404))
async def delete(request: Request, id: str, forget: bool = False) -> Response:
    """Cancels a job that waits or runs. With `forget`, its files are deleted too."""
    job, runner = _job(request, id), _runner(request)
    await runner.cancel(job)
    if forget:
        runner.store.discard(id)
    return Response(status_code=204)


def _runner(request: Request) -> Runner:
    return request.app.state.runner


def _job(request: Request, id: str) -> Job:
    if (job := _runner(request).store.jobs.get(id)) is None:
        raise HTTPException(404, "expected the id of a job, found no such job: it may be too old")
    return job
