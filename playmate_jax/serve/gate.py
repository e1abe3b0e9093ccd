"""What every request passes first: who asks, from which page, how much and how slowly.

    401  no token, or a wrong one                      421  another host name than this server's
    403  a page of another origin                      413  too large, as declared or as received
    408  the body does not come to its end in time     503  too many uploads, or shutting down

Without a token only this machine can connect, and then the host name and the origin decide: a web
page that the user happens to visit can send requests here too, by its own name for this address.
With a token, browsers that were given it have a cookie for the server's own page (`page/login.py`).
"""

import asyncio
import hmac
import http.cookies
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

from playmate_jax.serve.metrics import Metrics
from playmate_jax.serve.settings import Settings, is_loopback

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = ("/health",)  # without a token
LOGIN = "/login"  # of the page, which asks for the token
COOKIE = "playmate"
_FORM = 1 << 16  # bytes of a form around its files
_BODIES = ("POST", "PUT", "PATCH")


class _Refused(HTTPException):
    """Ends a request with a status code and a sentence, also from within the application, which
    reads the body."""

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None):
        super().__init__(status, sentence, headers)


class Gate:
    """ASGI middleware around the application."""

    def __init__(self, app: App, settings: Settings, metrics: Metrics):
        self._app, self._settings, self._metrics = app, settings, metrics
        self._most = int(settings.upload_mb * 2**20) + _FORM
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        headers = {k.decode("latin1"): v.decode("latin1") for k, v in scope["headers"]}
        begun: list[int] = []

        async def counted(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                begun.append(message["status"])
                self._metrics.requests.labels(_method(scope), message["status"]).inc()
            await send(message)

        try:
            self._check_sender(scope, headers)
            if scope["type"] == "websocket" or scope["method"] not in _BODIES:
                return await self._app(scope, receive, counted)
            await self._with_body(scope, headers, receive, counted)
        except _Refused as refused:
            if not begun:
                await _answer(scope, refused, counted)

    def _check_sender(self, scope: Scope, headers: dict[str, str]) -> None:
        host = _name(headers.get("host", ""))
        if not self._settings.token and not is_loopback(host):
            raise _Refused(421, f"expected this machine's own name, found '{host[:80]}'")
        origin = headers.get("origin")
        if origin is not None and origin not in self._settings.origins:
            if urlsplit(origin).netloc != headers.get("host"):
                raise _Refused(
                    403, "expected no other web page to use this server: allow it by --origin"
                )
        if self._settings.token and scope["type"] == "http":
            self._check_token(scope["path"], headers)

    def _check_token(self, path: str, headers: dict[str, str]) -> None:
        has_page = self._settings.page
        if path in OPEN or (has_page and path == LOGIN) or is_known(self._settings, headers):
            return
        if has_page and path == "/":
            raise _Refused(303, "expected the token", {"location": LOGIN.lstrip("/")})
        raise _Refused(
            401, "expected the header 'Authorization: Bearer TOKEN', found none that fits",
            {"www-authenticate": "Bearer"},
        )  # fmt: skip

    async def _with_body(
        self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send
    ) -> None:
        declared = headers.get("content-length", "0")
        if not declared.isdigit() or int(declared) > self._most:
            raise self._too_large()
        if self._uploads >= self._settings.uploads:
            raise _Refused(503, "expected fewer uploads at a time: try again", {"retry-after": "5"})
        self._uploads += 1
        until = asyncio.get_running_loop().time() + self._settings.request_s
        received, more = 0, True

        async def limited() -> MutableMapping[str, Any]:
            nonlocal received, more
            if not more:
                return await receive()  # a disconnect, whenever it comes
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise _Refused(
                    408, f"expected the request within {self._settings.request_s:g} s, found that "
                    "it did not come to its end", {"connection": "close"},
                ) from None  # fmt: skip
            received += len(message.get("body", b""))
            more = bool(message.get("more_body", False))
            if received > self._most:
                raise self._too_large()
            return message

        try:
            await self._app(scope, limited, send)
        finally:
            self._uploads -= 1

    def _too_large(self) -> _Refused:
        return _Refused(
            413, f"expected at most {self._settings.upload_mb:g} MB in a request, found more",
            {"connection": "close"},
        )  # fmt: skip


def token_fits(token: str, authorization: str) -> bool:
    """Whether an Authorization header holds the token; in constant time."""
    kind, _, given = authorization.partition(" ")
    same = hmac.compare_digest(given.strip().encode("latin1", "replace"), token.encode())
    return kind.lower() == "bearer" and same


def cookie_value(token: str) -> str:
    """What the page's cookie holds in place of the token."""
    return hmac.new(token.encode(), b"the page's cookie", "sha256").hexdigest()


def is_known(settings: Settings, headers: Mapping[str, str]) -> bool:
    """Whether a request's headers hold the token, or the page's cookie where there is a page."""
    if token_fits(settings.token, headers.get("authorization", "")):
        return True
    try:
        found = http.cookies.SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except http.cookies.CookieError:
        return False
    given = found.value.encode("utf-8", "replace") if settings.page and found else b""
    return hmac.compare_digest(given, cookie_value(settings.token).encode())


def _name(host: str) -> str:
    """A Host header without its port."""
    return host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def _method(scope: Scope) -> str:
    known = ("GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS")
    return scope["method"] if scope.get("method") in known else "other"


async def _answer(scope: Scope, refused: _Refused, send: Send) -> None:
    if scope["type"] == "websocket":
        return await send({"type": "websocket.close", "code": 1008, "reason": ""})
    body = json.dumps({"error": refused.detail}).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    encoded = [(k.encode(), v.encode()) for k, v in (headers | dict(refused.headers or {})).items()]
    await send({"type": "http.response.start", "status": refused.status_code, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
