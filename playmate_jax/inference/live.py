"""A stream at the pace of a clock: one frame with its 640 samples every 40 ms, whatever happens.

One thread makes hops, as few ahead as keep the clock supplied; another gives out a frame a tick.
Where no frame is ready in time, the last image is given again with silence (`held`), so that image
and sound stay in step and the clock never falls behind by itself. Where the receiver does not take
frames in time, the ticks wait for it: nothing is buffered for it and nothing comes in bursts.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

import numpy as np

from playmate_jax.inference.portrait_stream import PortraitStream, StreamFrame
from playmate_jax.motion.layout import FPS, SAMPLES_PER_FRAME

TICK_S = 1 / FPS
_AHEAD = 2  # frames that wait when the next hop is begun, beside what the last one took to make


class LiveStream:
    """Gives out a stream's frames until `stop`, or until all speech was said after `finish`.

    Args:
      deliver: is called with (frame, held) once a tick, always from the same thread.

    Attributes:
      ticks, held: frames given out, and those of them that repeat the last image.
      late_s: of the latest ticks, how far behind the clock.
      shift_s: how far the clock was moved because the receiver did not take frames.
      error: what ended it early, if anything did.
    """

    def __init__(self, stream: PortraitStream, deliver: Callable[[StreamFrame, bool], None]):
        self.stream, self._deliver = stream, deliver
        self.ticks, self.held, self.shift_s = 0, 0, 0.0
        self.late_s: deque[float] = deque(maxlen=100_000)
        self.error: BaseException | None = None
        self._stopping, self._finishing = threading.Event(), False
        self._all_made = False  # once it is finishing
        self._made_s = TICK_S * stream.hop  # what a hop takes, as an average
        self._threads = [
            threading.Thread(target=self._run, args=(work,), daemon=True)
            for work in (self._make, self._tick)
        ]

    def start(self) -> None:
        """Makes the first hop and starts the clock."""
        self.stream.make(idle=True)
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Ends once all that was pushed has been said."""
        self.stream.end_utterance()
        self._finishing = True

    def stop(self) -> None:
        """Ends at once; returns when nothing is delivered any more."""
        self._stopping.set()
        self.join()

    def join(self, limit_s: float | None = None) -> bool:
        """Waits for the end; False where it has not come within `limit_s`."""
        for thread in self._threads:
            if thread is not threading.current_thread() and thread.ident is not None:
                thread.join(limit_s)
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self.error = self.error or error
            self._stopping.set()

    def _make(self) -> None:
        while not self._stopping.is_set():
            if self.stream.ready * TICK_S > self._made_s + _AHEAD * TICK_S:
                self._stopping.wait(TICK_S / 4)
                continue
            began, finishing = time.perf_counter(), self._finishing
            if self.stream.make(idle=not finishing):
                self._made_s += 0.2 * (time.perf_counter() - began - self._made_s)
            elif finishing:
                self._all_made = True
                return

    def _tick(self) -> None:
        due, last = time.perf_counter(), None
        while not self._stopping.wait(max(0.0, due - time.perf_counter())):
            all_made = self._all_made  # before looking for a frame
            frame = self.stream.take()
            held = frame is None
            if frame is None:
                if all_made:
                    return
                if last is None:  # interrupted before the first tick
                    due += TICK_S
                    continue
                frame = _again(last, self.stream.generation)
            self.late_s.append(time.perf_counter() - due)
            self.ticks, self.held, last = self.ticks + 1, self.held + held, frame
            began = time.perf_counter()
            self._deliver(frame, held)
            due += TICK_S
            now = time.perf_counter()
            if now - began > TICK_S and now > due:  # the receiver did not take it in time
                self.shift_s += now - due
                due = now


def _again(frame: StreamFrame, generation: int) -> StreamFrame:
    silence = np.zeros(SAMPLES_PER_FRAME, np.float32)
    return frame._replace(samples=silence, generation=generation, speaking=False)
