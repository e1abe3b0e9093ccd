"""What all live portraits need, however they are sent: a free place, and a child given back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.datastructures import State

from playmate_jax.serve.children import Child

_FREE_S, _CLOSE_S = 1.0, 15.0


class AllInUse(Exception):
    """As many streams are open as there may be."""

    def __init__(self) -> None:
        super().__init__("expected a free stream, found all in use: try again later")


@contextlib.asynccontextmanager
async def slot(state: State) -> AsyncIterator[None]:
    """One of the streams that may be open; waits a moment for one that is closing.

    Raises:
      AllInUse: it did not become free.
    """
    try:
        async with asyncio.timeout(_FREE_S):
            await state.stream_slots.acquire()
    except TimeoutError:
        raise AllInUse from None
    try:
        yield
    finally:
        state.stream_slots.release()


async def closed(child: Child) -> None:
    """Ends the stream of a child, which can then begin another; raises `Lost` where it hangs."""
    await child.send({"close": True})
    while True:
        answer = await child.receive(_CLOSE_S)
        if isinstance(answer, dict) and "closed" in answer:
            return
