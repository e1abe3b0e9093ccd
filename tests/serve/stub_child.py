"""The server's child processes with an animator that draws grey squares: no networks are loaded.

What it does is asked for by the seed: some wait, some die, as hostile files make decoders do.
"""

import contextlib
import os
import random
import signal
import sys
import time
from collections import deque

import numpy as np

from playmate_jax.errors import UserError
from playmate_jax.media import VideoWriter
from playmate_jax.serve import child

WAITS, DIES, REFUSES, FAILS = 1, 2, 3, 4  # seeds
SIDE = 32


class Animation:
    """Ten grey frames."""

    def write(self, path, overwrite, progress, mark, credentials):
        with VideoWriter(path, 25, (SIDE, SIDE), np.zeros(6400, np.float32)) as out:
            for i in range(10):
                out.write(np.full((SIDE, SIDE, 3), 20 * i, np.uint8))
                progress("render", i + 1, 10)

    def summary(self):
        return {"frames": 10, "notices": ["the 'speech' is a stub's"]}


class Animator:
    """Stands for `inference.Animator`."""

    def animate(self, portrait, speech, *, driving, progress, seed, emotion=None, **options):
        progress("generate", 0, 10)
        if seed == WAITS:
            time.sleep(600)
        if seed == DIES:
            os.kill(os.getpid(), signal.SIGSEGV)
        if seed == REFUSES:
            raise UserError(f"expected a face in the image, found none in '{portrait}': give one")
        if seed == FAILS:
            raise RuntimeError("a secret of the server")
        return Animation()

    def reenact(self, portrait, driving, **options):
        return Animation()

    def stream(self, portrait, *, emotion=None, hop=5, lookahead=5, seed=0, **options):
        from playmate_jax.inference.portrait_stream import PortraitStream
        from playmate_jax.inference.scene import Scene

        if seed == REFUSES:
            raise UserError(f"expected a face in the image, found none in '{portrait}': give one")
        scene = Scene(None, np.zeros(70, np.float32), _draw, (SIDE, SIDE))
        return PortraitStream(scene, Motion(hop, lookahead), emotion=emotion)

    def editor(self, portrait, *, max_side):
        return Editor(portrait)


class Editor:
    """Grey that brightens as the head turns."""

    def __init__(self, portrait):
        self._portrait = portrait

    def draw(self, amounts):
        if amounts["roll"] == REFUSES:
            raise UserError(f"expected a face in the image, found none in '{self._portrait}'")
        return np.full((SIDE, SIDE, 3), 100 + 4 * amounts["yaw"], np.uint8)


class Motion:
    """A motion stream whose first number is the loudness of the hop."""

    context = 1

    def __init__(self, hop, lookahead):
        self.hop, self.lookahead = hop, lookahead
        self.seconds = {"features": deque(), "generate": deque()}

    def next(self, audio, speaking, emotion, head_motion):
        made = np.zeros((self.hop, 70), np.float32)
        made[:, 0] = speaking
        made[:, 1:9] = emotion
        return made

    def rewind(self, frames):
        pass


def _draw(motion):
    for row in motion:
        yield np.full((SIDE, SIDE, 3), 100 + 100 * row[0] + 50 * row[6], np.uint8)


def main(role, number):
    child._animator = lambda settings: Animator()
    with contextlib.suppress(ModuleNotFoundError):
        _comparable_time_stamps()
    child.main(role, number)


def _comparable_time_stamps():
    """Time stamps of both tracks over WebRTC begin at 0, and not at random."""
    from aiortc import rtcrtpsender

    def number():
        return 0 if sys._getframe(1).f_code.co_name == "_run_rtp" else random.getrandbits(32)

    rtcrtpsender.random32 = number
