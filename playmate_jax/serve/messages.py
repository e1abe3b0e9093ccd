"""Messages between the server and its child processes, over a socket, and frames to clients.

A message is its length (uint32, big endian), one byte for its kind, and its content: JSON ("J") or
bytes ("B").

A frame for a client is one binary message: `HEADER` (little endian: b"PMF1", index, generation,
flags, number of samples, bytes of the image), the image as JPEG, the samples as 16-bit integers.
"""

import json
import socket
import struct
import threading
from typing import Any

import numpy as np
from jaxtyping import Float

Message = dict[str, Any] | bytes
LENGTH = struct.Struct(">IB")
HEADER = struct.Struct("<4sIIHHI")
MAGIC = b"PMF1"
SPEAKING, HELD = 1, 2  # flags of a frame


def packed(message: Message) -> bytes:
    """A message as it is sent."""
    kind, content = (
        (b"B", bytes(message))
        if isinstance(message, bytes | bytearray | memoryview)
        else (b"J", json.dumps(message).encode())
    )
    return LENGTH.pack(len(content), kind[0]) + content


def unpacked(kind: int, content: bytes) -> Message:
    """The message of a kind and content; raises `ValueError` for neither kind."""
    if kind == ord("B"):
        return content
    if kind == ord("J"):
        return dict(json.loads(content))
    raise ValueError(f"expected a message of kind J or B, found {kind}")


class Channel:
    """The child's end of the socket; sending is safe from several threads."""

    def __init__(self, number: int):
        self._socket = socket.socket(fileno=number)
        self._file = self._socket.makefile("rb")
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Sends a message; waits where the other end does not read."""
        with self._lock:
            self._socket.sendall(packed(message))

    def receive(self) -> Message:
        """The next message; raises `EOFError` when the other end is closed."""
        head = self._file.read(LENGTH.size)
        if len(head) < LENGTH.size:
            raise EOFError
        length, kind = LENGTH.unpack(head)
        content = self._file.read(length)
        if len(content) < length:
            raise EOFError
        return unpacked(kind, content)


def frame_message(
    index: int, generation: int, flags: int, jpeg: bytes, samples: Float[np.ndarray, "s"]
) -> bytes:
    """A frame for a client; see the module."""
    sound = np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    head = HEADER.pack(MAGIC, index, generation, flags, len(samples), len(jpeg))
    return head + jpeg + sound
