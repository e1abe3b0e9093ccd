"""Live portraits over WebRTC: an offer in, an answer out; docs/serve.md has the protocol.

Only the offer passes through this process. Media flow between the client and the child process,
which reports what it sends (`rtc_child.py`), until the client is gone, a limit of time is reached,
or `DELETE /v1/webrtc/{id}` or the server's end comes.
"""

import asyncio
import contextlib
import importlib.util
import logging
import secrets
import shutil
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request, Response
from starlette.datastructures import State

from playmate_jax.serve.children import Child, Lost
from playmate_jax.serve.job_routes import problems
from playmate_jax.serve.schemas import Problem, check_emotion
from playmate_jax.serve.stream_messages import Answer, Offer
from playmate_jax.serve.stream_slots import AllInUse, closed, slot
from playmate_jax.serve.submission import probed

LOG = logging.getLogger(__name__)
_OPEN_S, _HANGS_S, _END_S = 120.0, 60.0, 10.0
_NONE: dict[int | str, dict] = {501: {"model": Problem, "description": "aiortc is not installed"}}
router = APIRouter(prefix="/v1/webrtc", tags=["live"])


class _Refused(Exception):
    """The child does not take this portrait or offer; it can take the next one."""


class Sessions:
    """The connections of one server."""

    def __init__(self) -> None:
        self._stops: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task] = {}

    def start(self, id: str, work: Any, stop: asyncio.Event) -> None:
        """Runs one beside the request that asked for it."""
        task = asyncio.ensure_future(work)
        self._stops[id], self._tasks[id] = stop, task
        task.add_done_callback(lambda _: (self._stops.pop(id), self._tasks.pop(id)))

    async def end(self, id: str) -> bool:
        """Ends one and waits until it has; False where there is none."""
        if (stop := self._stops.get(id)) is None:
            return False
        stop.set()
        await asyncio.wait({self._tasks[id]}, timeout=_END_S)
        return True

    async def close(self) -> None:
        """Ends all; those that hang are given up."""
        for stop in self._stops.values():
            stop.set()
        if left := set(self._tasks.values()):
            _, late = await asyncio.wait(left, timeout=_END_S)
            for task in late:
                task.cancel()


@router.post(
    "", status_code=201, response_model=Answer,
    responses=problems(408, 413, 415, 422, 503) | _NONE,
)  # fmt: skip
async def offer(
    request: Request, response: Response, given: Annotated[Offer, Form()]
) -> dict[str, Any]:
    """Opens a live portrait for the offer of a client, and answers it."""
    state = request.app.state
    if importlib.util.find_spec("aiortc") is None:
        raise HTTPException(
            501, "expected aiortc, which is not installed: pip install 'playmate-jax[serve]', or "
            "use the WebSocket /v1/stream",
        )  # fmt: skip
    if state.runner.closing:
        raise HTTPException(503, "expected a server that goes on, found it shutting down")
    check_emotion(given.emotion)
    id, stop = secrets.token_hex(16), asyncio.Event()
    answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    state.rtc_sessions.start(id, _session(state, given, answer, stop), stop)
    opened = await answer
    response.headers["location"] = f"/v1/webrtc/{id}"
    return opened | {"id": id}


@router.delete("/{id}", status_code=204, responses=problems(404))
async def end(request: Request, id: str) -> Response:
    """Ends a live portrait; the next can be opened when this is answered."""
    if not await request.app.state.rtc_sessions.end(id):
        raise HTTPException(404, "expected the id of an open stream, found none: it has ended")
    return Response(status_code=204)


async def _session(state: State, given: Offer, answer: asyncio.Future, stop: asyncio.Event) -> None:
    """One live portrait, from the offer to its end; what is wrong with it goes to `answer`."""
    try:
        async with slot(state), _portrait(state, given) as portrait:
            async with state.stream_children.lend((_Refused,)) as child:
                answer.set_result(await _opened(state, child, given, portrait))
                await _follow(state, child, stop)
    except AllInUse as busy:
        error: Exception = HTTPException(503, str(busy), {"retry-after": "10"})
    except _Refused as refused:
        error = HTTPException(422, str(refused))
    except Lost as lost:
        error = HTTPException(503, f"expected a stream, found that {lost}: try again")
    except Exception as other:  # HTTPException of the files; UserError: weights that cannot stream
        error = other
    else:
        return
    if not answer.done():
        answer.set_exception(error)
    elif not answer.cancelled():
        LOG.warning("a stream over WebRTC ended: %s", error)


@contextlib.asynccontextmanager
async def _portrait(state: State, given: Offer) -> AsyncIterator[str | None]:
    """The path of the uploaded portrait, looked at in a child process; None for the bundled one."""
    if given.portrait is None:
        yield None
        return
    folder = state.settings.folder / "streams"
    folder.mkdir(exist_ok=True)
    path = folder / secrets.token_hex(16)
    try:
        with path.open("xb") as out:
            await asyncio.to_thread(shutil.copyfileobj, given.portrait.file, out)
        await probed(state, {"portrait": str(path)})
        yield str(path)
    finally:
        path.unlink(missing_ok=True)


async def _opened(state: State, child: Child, given: Offer, portrait: str | None) -> dict[str, Any]:
    settings = state.settings
    wanted = given.model_dump(exclude={"portrait"}) | {"portrait": portrait}
    await child.send({"open": wanted | {"host": settings.host, "idle_s": settings.idle_s}})
    found = await child.receive(_OPEN_S)
    assert isinstance(found, dict)
    if "refused" in found:
        raise _Refused(found["refused"])
    return found["opened"]


async def _follow(state: State, child: Child, stop: asyncio.Event) -> None:
    """Counts frames until the stream ends; then the child is free again."""
    metrics = state.metrics
    metrics.streams.inc()
    stopped = asyncio.ensure_future(stop.wait())
    try:
        async with asyncio.timeout(state.settings.stream_s):
            while not stop.is_set():
                told = asyncio.ensure_future(child.receive(_HANGS_S))
                try:
                    await asyncio.wait({told, stopped}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    told.cancel()  # if it is not done; the next one goes on in the same message
                    await asyncio.wait({told})
                if told.cancelled():
                    break
                message = told.result()
                assert isinstance(message, dict)
                if "ended" in message:
                    break
                metrics.frames.inc(message["frames"])
                metrics.held.inc(message["held"])
    except TimeoutError:
        pass  # the longest time that a stream may take
    finally:
        stopped.cancel()
        metrics.streams.dec()
    await closed(child)
