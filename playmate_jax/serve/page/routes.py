"""What the page needs of Gradio's routes; everything else of it answers 404.

Gradio also opens addresses that clients name in place of an upload. These are refused: this server
opens nothing but what was sent to it.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.responses import JSONResponse

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_SHOWN = ("/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt")
_SHOWN_UNDER = (
    "/assets/", "/static/", "/svelte/", "/gradio_api/file=", "/gradio_api/heartbeat/",
    "/gradio_api/queue/data", "/gradio_api/upload_progress", "/gradio_api/startup-events",
)  # fmt: skip
_ASKED = tuple(f"/gradio_api/{name}" for name in ("upload", "queue/join", "cancel", "reset"))
_JOIN = "/gradio_api/queue/join"
_MOST = 1 << 20  # bytes of what is asked: files are uploaded apart
_ELSEWHERE = ("http:", "https:", "//", "file:", "ftp:")
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "worker-src 'self' blob:; connect-src 'self' data: blob:; base-uri 'self'; "
    "frame-ancestors 'self'; form-action 'self'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
)


class OnlyPageRoutes:
    """The ASGI application around that of Gradio."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # Gradio has no WebSocket
        if not _is_known(scope["method"], scope["path"]):
            return await JSONResponse({"error": "Not Found"}, 404)(scope, receive, send)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        if scope["path"] == _JOIN:
            content = await _body(receive)
            if content is None or names_address(content):
                error = {"error": "expected files that were uploaded, found something else"}
                return await JSONResponse(error, 422)(scope, receive, send)
            receive = _again(content, receive)
        await self._app(scope, receive, guarded)


def names_address(content: bytes) -> bool:
    """Whether what is asked names a file by an address elsewhere, or is no JSON."""
    try:
        left = [json.loads(content)]
    except (ValueError, RecursionError):
        return True
    while left:
        found = left.pop()
        if isinstance(found, dict):
            path = found.get("path")
            if isinstance(path, str) and path.strip().lower().startswith(_ELSEWHERE):
                return True
            left += found.values()
        elif isinstance(found, list):
            left += found
    return False


def _is_known(method: str, path: str) -> bool:
    if method in ("GET", "HEAD"):
        elsewhere = path.removeprefix("/gradio_api/file=").lower().startswith(_ELSEWHERE)
        return path in _SHOWN or (path.startswith(_SHOWN_UNDER) and not elsewhere)
    return method == "POST" and path in _ASKED


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None for one that is too large or does not come to its end."""
    content, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        content += message.get("body", b"")
        more = message.get("more_body", False)
        if len(content) > _MOST:
            return None
    return content


def _again(content: bytes, receive: Receive) -> Receive:
    given: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def first() -> Message:
        return given.pop() if given else await receive()

    return first
