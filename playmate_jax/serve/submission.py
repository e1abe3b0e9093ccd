"""A new job: its files are written, looked at in a child process, and put in the queue."""

import asyncio
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from fastapi import HTTPException
from starlette.datastructures import State

from playmate_jax.serve.children import Lost
from playmate_jax.serve.jobs import Job
from playmate_jax.serve.runner import Full
from playmate_jax.serve.schemas import check_emotion, job_options


async def submit(state: State, files: Mapping[str, BinaryIO], options: dict[str, Any]) -> Job:
    """The job, which waits in the queue.

    Args:
      state: of the application.
      files: what was uploaded, by "portrait", "speech" and "driving"; names are not looked at.
      options: all fields of the form (`schemas.JobOptions`).

    Raises:
      HTTPException: files that are not what they should be, a full queue, a server that ends.
      UserError: options that make no sense.
    """
    runner = state.runner
    if len(files) == 1:
        raise HTTPException(422, "expected speech or driving beside the portrait, found neither")
    options = options | {"emotion": check_emotion(options["emotion"])}
    options = job_options("speech" in files, options)
    if runner.closing:
        raise HTTPException(503, "expected a server that goes on, found it shutting down")
    if runner.is_full:
        raise _full()
    id = runner.store.new_id()
    try:
        folder = runner.store.folder(id)
        for name, file in files.items():
            await asyncio.to_thread(_write, file, folder / name)
        await probed(state, {name: str(folder / name) for name in files})
        job = Job(id, time.time(), options, {name: name for name in files})
        await runner.submit(job)
    except Full:
        runner.store.discard(id)
        raise _full() from None
    except BaseException:
        runner.store.discard(id)
        raise
    return job


async def probed(state: State, files: dict[str, str]) -> None:
    """Looks at files, given by paths; raises HTTPException for what they should not be."""
    limit_s = state.settings.probe_s
    try:
        async with state.probes.lend() as child:
            await child.send({"files": files})
            answer = await child.receive(limit_s)
    except Lost as lost:
        raise HTTPException(
            422, f"expected files that can be read within {limit_s:g} s, found that {lost}: give "
            "others",
        ) from None  # fmt: skip
    if "refused" in answer:
        raise HTTPException(answer["status"], answer["refused"])


def _full() -> HTTPException:
    return HTTPException(
        429, "expected fewer jobs, found the queue full: try again later", {"retry-after": "30"}
    )


def _write(file: BinaryIO, path: Path) -> None:
    with path.open("xb") as out:
        shutil.copyfileobj(file, out)
