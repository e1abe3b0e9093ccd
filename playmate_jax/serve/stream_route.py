"""Live portraits over a WebSocket: speech in, images with their sound out; docs/serve.md has the
protocol.

    client  {"type": "start", "portrait": "bundled" | "upload", ...}, the image if "upload", then
            16-bit PCM as binary messages, and {"type": "interrupt" | "utterance_end" | "emotion" |
            "head_motion" | "end"}
    server  {"type": "ready", ...}, then a binary message every 40 ms (`messages.HEADER`), and
            {"type": "interrupted" | "ended" | "error"}
"""

import asyncio
import contextlib
import json
import secrets
import struct
from pathlib import Path
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from playmate_jax.errors import UserError
from playmate_jax.serve.children import Child, Lost
from playmate_jax.serve.gate import is_known
from playmate_jax.serve.messages import HEADER, HELD
from playmate_jax.serve.schemas import check_emotion
from playmate_jax.serve.stream_messages import Control, Start, first_problem
from playmate_jax.serve.stream_slots import AllInUse, closed, slot

router = APIRouter()
_START_S, _SEND_S = 20.0, 20.0
_POLICY, _TRY_LATER, _FAILED = 1008, 1013, 1011
_FLAGS = struct.Struct("<H")


class _End(Exception):
    """Closes the connection with a code, after telling why."""

    def __init__(self, code: int, sentence: str):
        super().__init__(sentence)
        self.code = code


@router.websocket("/v1/stream")
async def stream(socket: WebSocket) -> None:
    """One live portrait, from the start message to the end of the connection."""
    await socket.accept()
    state = socket.app.state
    try:
        start = await _started(socket)
        async with slot(state):
            portrait = await _portrait(socket, start, state.settings.folder / "streams")
            try:
                async with state.stream_children.lend((_End, WebSocketDisconnect)) as child:
                    await _opened(socket, child, start, portrait)
                    await _run(socket, child)
            finally:
                if portrait is not None:
                    portrait.unlink(missing_ok=True)
    except _End as end:
        await _tell(socket, {"type": "error", "error": str(end)})
        await _close(socket, end.code)
    except AllInUse as busy:
        await _tell(socket, {"type": "error", "error": str(busy)})
        await _close(socket, _TRY_LATER)
    except (Lost, UserError) as error:  # UserError: these weights cannot stream
        await _tell(socket, {"type": "error", "error": f"the stream ended: {error}"})
        await _close(socket, _FAILED)
    except WebSocketDisconnect:
        return
    else:
        await _close(socket, 1000)


async def _started(socket: WebSocket) -> Start:
    try:
        async with asyncio.timeout(_START_S):
            start = Start.model_validate_json(await socket.receive_text())
    except (ValidationError, KeyError) as error:
        raise _End(
            _POLICY, f"expected a start message, found another: {first_problem(error)}"
        ) from None
    except TimeoutError:
        raise _End(_POLICY, f"expected a start message within {_START_S:g} s") from None
    settings = socket.app.state.settings
    given = socket.headers if "authorization" in socket.headers else {
        **socket.headers, "authorization": f"Bearer {start.token}"
    }  # fmt: skip
    if settings.token and not is_known(settings, given):
        raise _End(_POLICY, "expected the token in the start message or a header, found none")
    try:
        check_emotion(start.emotion)
    except UserError as error:
        raise _End(_POLICY, str(error)) from None
    return start


async def _portrait(socket: WebSocket, start: Start, folder: Path) -> Path | None:
    """The uploaded portrait, looked at in a child process; None for the bundled one."""
    if start.portrait == "bundled":
        return None
    state = socket.app.state
    try:
        async with asyncio.timeout(state.settings.request_s):
            content = await socket.receive_bytes()
    except (KeyError, TimeoutError):
        raise _End(_POLICY, "expected the portrait as a binary message after 'start'") from None
    if len(content) > state.settings.upload_mb * 2**20:
        raise _End(1009, f"expected at most {state.settings.upload_mb:g} MB, found more")
    folder.mkdir(exist_ok=True)
    path = folder / secrets.token_hex(16)
    await asyncio.to_thread(path.write_bytes, content)
    try:
        async with state.probes.lend() as child:
            await child.send({"files": {"portrait": str(path)}})
            answer = await child.receive(state.settings.probe_s)
        if "refused" in answer:
            raise _End(_POLICY, answer["refused"])
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


async def _opened(socket: WebSocket, child: Child, start: Start, portrait: Path | None) -> None:
    wanted = start.model_dump(exclude={"type", "token", "portrait"})
    wanted["portrait"] = None if portrait is None else str(portrait)
    await child.send({"open": wanted})
    answer = await child.receive(120.0)
    assert isinstance(answer, dict)
    if "refused" in answer:
        raise _End(_POLICY, answer["refused"])
    await _tell(socket, {"type": "ready", **answer["opened"]})


async def _run(socket: WebSocket, child: Child) -> None:
    """Relays both ways until either side ends; then waits until the child is free again."""
    metrics, settings = socket.app.state.metrics, socket.app.state.settings
    metrics.streams.inc()
    outgoing = asyncio.create_task(_to_client(socket, child))
    incoming = asyncio.create_task(_to_child(socket, child))
    try:
        async with asyncio.timeout(settings.stream_s):
            await asyncio.wait({outgoing, incoming}, return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        raise _End(_POLICY, f"expected streams of at most {settings.stream_s:g} s") from None
    finally:
        metrics.streams.dec()
        for task in (outgoing, incoming):
            task.cancel()
        # not gather, which would raise a cancellation of theirs as if it were of this task
        await asyncio.wait({outgoing, incoming})
        await closed(child)
    for task in (outgoing, incoming):
        error = None if task.cancelled() else task.exception()
        if isinstance(error, _End | Lost):
            raise error


async def _to_client(socket: WebSocket, child: Child) -> None:
    metrics = socket.app.state.metrics
    while True:
        message = await child.receive()
        if isinstance(message, bytes):
            metrics.frames.inc()
            if _FLAGS.unpack_from(message, HEADER.size - 8)[0] & HELD:
                metrics.held.inc()
            async with asyncio.timeout(_SEND_S):
                await socket.send_bytes(message)
        elif "interrupted" in message:
            await _tell(socket, {"type": "interrupted", "generation": message["interrupted"]})
        elif "ended" in message:
            return await _tell(socket, {"type": "ended"})
        elif "refused" in message:
            raise _End(_FAILED, message["refused"])
        else:
            await _tell(socket, {"type": "error", "error": str(message.get("error"))})


async def _to_child(socket: WebSocket, child: Child) -> None:
    idle_s = socket.app.state.settings.idle_s
    while True:
        try:
            async with asyncio.timeout(idle_s):
                message = await socket.receive()
        except TimeoutError:
            raise _End(_POLICY, f"expected a message within {idle_s:g} s, found none") from None
        if message["type"] == "websocket.disconnect":
            return
        if message.get("bytes") is not None:
            await child.send(message["bytes"])
            continue
        try:
            asked = Control.model_validate_json(message.get("text") or "").to_child()
        except (ValidationError, UserError) as error:
            await _tell(socket, {"type": "error", "error": first_problem(error)})
            continue
        await child.send(asked)


async def _tell(socket: WebSocket, message: dict[str, Any]) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.send_text(json.dumps(message))


async def _close(socket: WebSocket, code: int) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.close(code)
