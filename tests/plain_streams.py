"""Streams without networks: a plain image whose grey value is its frame's number, at no cost."""

from collections import deque
from unittest.mock import Mock

import numpy as np

from playmate_jax.inference.animator import Animator
from playmate_jax.inference.portrait_stream import PortraitStream
from playmate_jax.inference.scene import Scene

SIZE = (16, 12)  # width, height


class _Motion:
    """Frame numbers as motion; `rewind` takes them back."""

    context = 1

    def __init__(self, hop: int, lookahead: int):
        self.hop, self.lookahead = hop, lookahead
        self.seconds, self._made = {"features": deque(), "generate": deque()}, 0

    def next(self, audio, speaking, emotion, head_motion):
        numbers = np.arange(self._made, self._made + self.hop, dtype=np.float32)
        self._made += self.hop
        return np.repeat(numbers[:, None], 70, 1)

    def rewind(self, frames):
        self._made -= frames


def _draw(motion):
    for row in motion:
        yield np.full((SIZE[1], SIZE[0], 3), int(row[0]) % 256, np.uint8)


def plain_animator() -> Animator:
    """What `stream` opens is a real `PortraitStream` of plain images."""

    def stream(portrait, *, hop=5, lookahead=5):
        return PortraitStream(
            Mock(spec=Scene, size=SIZE, notices=(), draw=_draw), _Motion(hop, lookahead)
        )

    return Mock(spec=Animator, stream=stream)


def tone(seconds: float, hz: int) -> bytes:
    """A sine of 220 Hz as 16-bit PCM."""
    wave = 0.3 * np.sin(np.arange(round(seconds * hz)) * 2 * np.pi * 220 / hz)
    return (wave * 32767).astype("<i2").tobytes()
