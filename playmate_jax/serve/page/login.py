"""Where a server has a token, the page asks for it once; a cookie stands for it from then on.

The cookie is no token: it opens what a browser asks for of its own page, and dies with the token.
Other sites cannot use it (SameSite=Strict, and the gate looks at the origin of each request).
"""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from playmate_jax.serve.gate import COOKIE, cookie_value, token_fits

router = APIRouter(include_in_schema=False)
_WAIT_S = 1.0  # after a wrong token
_STYLE = "font-family: system-ui, sans-serif; max-width: 22rem; margin: 15vh auto; padding: 1rem"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
_PAGE = f"""<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Playmate</title>
<meta name='viewport' content='width=device-width, initial-scale=1'></head>
<body style='{_STYLE}'><h1>Playmate</h1><p role='alert'>%s</p>
<form method='post' action='login'><label>Token of this server<br>
<input type='password' name='token' autofocus autocomplete='current-password'
 style='width: 100%%; padding: .5rem; margin: .5rem 0'></label><br>
<button style='padding: .5rem 1.2rem'>Open</button></form></body></html>
"""


@router.get("/login")
async def ask() -> Response:
    """The form that asks for the token."""
    return _shown("", 200)


@router.post("/login")
async def check(request: Request, token: Annotated[str, Form(max_length=4096)] = "") -> Response:
    """The page, for those who have the token."""
    own = request.app.state.settings.token
    if not token_fits(own, f"Bearer {token}"):
        await asyncio.sleep(_WAIT_S)
        return _shown("expected the token of this server, found another", 401)
    answer = RedirectResponse("./", 303)
    answer.set_cookie(
        COOKIE, cookie_value(own), httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer


def _shown(sentence: str, status: int) -> Response:
    return HTMLResponse(_PAGE % sentence, status, {"content-security-policy": _POLICY})
