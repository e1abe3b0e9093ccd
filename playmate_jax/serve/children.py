"""Child processes, seen from the server: started, asked, ended; asynchronous throughout."""

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from playmate_jax.errors import UserError
from playmate_jax.parallel.end_with_parent import cause_of_death
from playmate_jax.serve import messages
from playmate_jax.serve.messages import Message

LOG = logging.getLogger(__name__)
_START_S = 600.0  # imports, weights, and programs that no cache holds yet
_MAIN = "from playmate_jax.serve.child import main"
_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "2", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


class Lost(Exception):
    """The child died or did not answer in time; the message says how."""


class Child:
    """One child process of a role; `start` before anything else."""

    def __init__(self, role: str, settings: dict[str, Any]):
        self.role, self._settings = role, settings
        self._process: subprocess.Popen | None = None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._head: bytes | None = None  # of a message whose content has not come

    async def start(self) -> "Child":
        """Starts the process and waits until it is ready.

        Raises:
          UserError: it refuses these settings.
          Lost: it died.
        """
        here, there = socket.socketpair()
        path = [folder or os.getcwd() for folder in sys.path]
        # Its standard input is never written to: it is closed when this process ends.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", f"{_MAIN}; main({self.role!r}, {there.fileno()})"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=[there.fileno()],
            start_new_session=True,
            env={**os.environ, **_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(path)},
        )  # fmt: skip
        there.close()
        self._reader, self._writer = await asyncio.open_connection(sock=here)
        try:
            await self.send(self._settings)
            answer = await self.receive(_START_S)
        except BaseException:
            self.end()
            raise
        if isinstance(answer, dict) and "refused" in answer:
            self.end()
            raise UserError(answer["refused"])
        return self

    async def send(self, message: Message) -> None:
        """Sends a message; waits where the child does not read. Raises `Lost` where it is gone."""
        try:
            self._writer.write(messages.packed(message))
            await self._writer.drain()
        except OSError:
            raise Lost(self._how()) from None

    async def receive(self, limit_s: float | None = None) -> Message:
        """The next message.

        Raises:
          Lost: the child died, or did not answer within `limit_s`.
        """
        try:
            async with asyncio.timeout(limit_s):
                return await self._whole_message()
        except TimeoutError:
            raise Lost(f"it took longer than {limit_s:g} s") from None
        except (asyncio.IncompleteReadError, OSError):
            raise Lost(self._how()) from None

    async def _whole_message(self) -> Message:
        """The next message; where this is cancelled, the next call goes on in the same one."""
        if self._head is None:
            self._head = await self._reader.readexactly(messages.LENGTH.size)
        length, kind = messages.LENGTH.unpack(self._head)
        content = await self._reader.readexactly(length)
        self._head = None
        return messages.unpacked(kind, content)

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process is not None and self._process.poll() is None

    def end(self) -> None:
        """Kills the process and waits for its end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdin is not None
            self._process.stdin.close()
            with contextlib.suppress(AttributeError, RuntimeError):
                self._writer.close()
            self._process = None

    def _how(self) -> str:
        if self._process is None:
            return "it was ended"
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return "it closed its connection"
        return f"the process that worked on it died of {cause_of_death(code)}"


class Children:
    """At most `size` children of a role, lent one at a time and kept for the next.

    Args:
      settings: the first message of each.
    """

    def __init__(self, role: str, size: int, settings: dict[str, Any]):
        self._role, self._settings, self.size = role, settings, size
        self._idle: deque[Child] = deque()
        self._free = asyncio.Semaphore(size)
        self._all: set[Child] = set()

    async def warm_up(self) -> None:
        """Starts one, if there may be any, so that nobody has to wait for it.

        Raises:
          UserError: the child refuses the settings.
        """
        if self.size:
            async with self.lend():
                pass

    @contextlib.asynccontextmanager
    async def lend(self, keep: tuple[type[Exception], ...] = ()) -> AsyncIterator[Child]:
        """A child that is ready; where the block raises it is ended, except for what is in `keep`.

        Raises:
          Lost: it cannot start.
        """
        async with self._free:
            child = self._idle.popleft() if self._idle else None
            if child is not None and not child.is_alive:
                self._drop(child)
                child = None
            if child is None:
                child = Child(self._role, self._settings)
                self._all.add(child)
                try:
                    await child.start()
                except BaseException:
                    self._all.discard(child)
                    raise
            try:
                yield child
            except keep:
                self._idle.append(child)
                raise
            except BaseException:
                self._drop(child)
                raise
            self._idle.append(child)

    def _drop(self, child: Child) -> None:
        self._all.discard(child)
        child.end()

    def end(self) -> None:
        """Ends all children, lent or not."""
        for child in self._all:
            child.end()
        self._all.clear()
        self._idle.clear()
