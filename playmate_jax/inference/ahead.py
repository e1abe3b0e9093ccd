"""Stages of a pipeline that run at the same time, each in a thread, with a bounded queue between.

    with ahead(decoded, 3) as frames:      # `decoded` runs in a thread, three frames ahead at most
        for frame in frames: ...

XLA, OpenCV and FFmpeg release the interpreter's lock while they compute, so that decoding, drawing,
pasting and encoding share the processors. Order and values are those of the plain iterator. An
error in the thread is raised where its item would have come; leaving the block, however that
happens, ends the thread and closes what it iterates. Settings of JAX that hold for one thread alone
(`with jax.default_device(...)`) do not reach a stage.
"""

import contextvars
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE_S = 2.0  # how long closing waits for an item that is being made; the thread ends after it
_overlap = contextvars.ContextVar("overlap", default=True)


def ahead(items: Iterable[T], depth: int, when: bool = True) -> AbstractContextManager[Iterator[T]]:
    """A context in which `items` are made by a thread, `depth` of them ahead at most.

    Args:
      when: False leaves them to the thread that asks, as `in_turns` does for everything.
    """
    if when and _overlap.get():
        return _Ahead(items, depth)
    return nullcontext(iter(items))


@contextmanager
def in_turns() -> Iterator[None]:
    """Within, stages take turns in one thread: what overlapping is compared with."""
    token = _overlap.set(False)
    try:
        yield
    finally:
        _overlap.reset(token)


class _Ahead(Generic[T]):
    """An iterator whose items a thread makes; it starts with the context."""

    def __init__(self, items: Iterable[T], depth: int):
        self._items, self._depth = items, depth
        self._ready: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = self._closed = False
        self._error: BaseException | None = None
        # stages within this one are made in its thread, and obey `in_turns` too
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._make,), daemon=True, name="stage")

    def __enter__(self) -> "_Ahead[T]":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        with self._changed:
            self._closed = self._ended = True
            self._ready.clear()
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join(PATIENCE_S)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._ended)
            if self._ready:
                self._changed.notify_all()
                return self._ready.popleft()
            error, self._error = self._error, None
        raise StopIteration if error is None else error

    def _make(self) -> None:
        try:
            items = iter(self._items)
            try:
                # a place is free before an item is made, so that `depth` counts it as well
                while self._free() and self._put(next(items)):
                    pass
            finally:
                if hasattr(items, "close"):
                    items.close()
        except StopIteration:
            pass
        except BaseException as error:  # noqa: BLE001 - raised where the items are taken
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _free(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._ready) < self._depth)
            return not self._closed

    def _put(self, item: T) -> bool:
        with self._changed:
            if not self._closed:
                self._ready.append(item)
                self._changed.notify_all()
            return not self._closed
