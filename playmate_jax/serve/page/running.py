"""A job of the page: submitted, followed to its end, shown."""

import contextlib
import html
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

from fastapi import HTTPException
from pydantic import ValidationError
from starlette.datastructures import State

from playmate_jax.errors import UserError
from playmate_jax.serve.jobs import Job
from playmate_jax.serve.schemas import JobOptions
from playmate_jax.serve.submission import submit

_PHASES = {"generate": "Motion", "render": "Frames"}


class Shown(NamedTuple):
    """What a tab shows of its job.

    Attributes:
      status: one line, with its bar, as HTML.
      video: as HTML; empty until it is there.
      job: the id, for cancelling.
    """

    status: str
    video: str
    job: str | None


class Refused(Exception):
    """What the user gave is not taken; the message is the sentence that the page shows."""


async def run(
    state: State, folder: Path, files: dict[str, Any], options: dict[str, Any]
) -> AsyncIterator[Shown]:
    """Submits a job and follows it, as a client of the HTTP API would.

    Args:
      state: of the application. folder: of the page's uploads.
      files: what Gradio knows of "portrait", "speech" and "driving"; None where none was given.
      options: fields of `JobOptions`.
    """
    yield Shown(bar("Looking at the files ...", None), "", None)
    try:
        job = await _submitted(state, folder, files, options)
    except Refused as refused:
        yield Shown(problem(str(refused)), "", None)
        return
    last = None
    while True:
        ended = job.is_final or state.runner.closing or job.id not in state.runner.store.jobs
        shown = _shown(job, state.runner.place(job))
        if shown != last:
            yield shown
        if ended:
            return
        last = shown
        await state.runner.wait_change(1.0)


async def cancel(state: State, job_id: str | None) -> None:
    """Cancels a tab's job, if there is one that has not ended."""
    if (job := state.runner.store.jobs.get(job_id)) is not None:
        await state.runner.cancel(job)


async def _submitted(
    state: State, folder: Path, files: dict[str, Any], options: dict[str, Any]
) -> Job:
    if not files.get("portrait"):
        raise Refused("expected a portrait, found none: choose one, or take the example")
    try:
        checked = JobOptions.model_validate(options).model_dump()
        with contextlib.ExitStack() as opened:
            found = {
                name: opened.enter_context(uploaded(file, folder).open("rb"))
                for name, file in files.items()
                if file
            }
            return await submit(state, found, checked)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Refused(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except HTTPException as error:
        raise Refused(str(error.detail)) from None
    except UserError as error:
        raise Refused(str(error)) from None


def uploaded(file: Any, folder: Path) -> Path:
    """The file of an upload in the page's folder; raises `Refused` for anything else."""
    name = file.get("path") if isinstance(file, dict) else None
    path = Path(name).resolve() if isinstance(name, str) else folder
    if not (path.is_relative_to(folder) and path.is_file()):
        raise Refused("expected an upload that is still there, found none: choose the file again")
    return path


def _shown(job: Job, place: int | None) -> Shown:
    if job.state == "queued":
        before = place or 0
        return Shown(bar(f"Waiting: {before} before this one", None), "", job.id)
    if job.state == "running":
        phase = _PHASES.get(job.phase, "Starting ...")
        told = f"{phase} · {job.progress:.0%}" if job.phase else phase
        return Shown(bar(told, job.progress if job.phase else None), "", job.id)
    if job.state == "cancelled":
        return Shown(note("Cancelled."), "", None)
    if job.state == "failed":
        return Shown(problem(job.error or "unexpected end; the server's log has more"), "", None)
    return Shown(_told(job), video(job.id), None)


def _told(job: Job) -> str:
    seconds = (job.finished or 0.0) - (job.started or 0.0)
    told = f"Done in {seconds:.0f} s"
    if (seed := job.facts.get("seed")) is not None:
        told += f", seed {seed}"
    notices = "".join(f"<li>{html.escape(notice)}</li>" for notice in job.notices)
    return note(f"{told}.") + (f"<ul class='pm-notices'>{notices}</ul>" if notices else "")


def video(id: str) -> str:
    """The video of a job that is done, and a link to keep it."""
    where = f"v1/jobs/{html.escape(id)}/video"
    return (
        f"<video class='pm-video' src='{where}' controls autoplay muted playsinline></video>"
        f"<a class='pm-download' href='{where}' download='playmate.mp4'>Download</a>"
    )


def bar(text: str, progress: float | None) -> str:
    """A line with a bar; None where it is not known how far it is."""
    value = "" if progress is None else f" value='{progress:.3f}'"
    shown = f"{html.escape(text)}<progress{value}></progress>"
    return f"<div class='pm-status' role='status'>{shown}</div>"


def note(text: str) -> str:
    """A line without a bar."""
    return f"<div class='pm-status' role='status'>{html.escape(text)}</div>"


def problem(sentence: str) -> str:
    """What went wrong, in one sentence."""
    return f"<div class='pm-problem' role='alert'>{html.escape(sentence)}</div>"
