"""A live stream inside an event loop: PCM of any rate in, a frame with its sound every 40 ms out.

    live = await AsyncLiveStream.open(animator, "portrait.jpg", seed=7)
    live.push(pcm, hz=24_000)              # while it is spoken; then live.end_utterance()
    async for item in live:                # `LiveFrame` or `UtteranceEnd`
        ...                                # at any time: live.interrupt()
    await live.close()

What programs of voice agents need (integrations/). Everything that computes runs in the threads of
`LiveStream`; the methods that are no coroutines return at once and belong to the event loop's
thread.
"""

import asyncio
import contextlib
import math
import threading
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import av
import numpy as np

from playmate_jax.errors import UserError
from playmate_jax.inference.animator import Animator
from playmate_jax.inference.live import LiveStream
from playmate_jax.inference.portrait_stream import PortraitStream, StreamFrame
from playmate_jax.motion.layout import AUDIO_HZ, SAMPLES_PER_FRAME

_LOOK_S = 1.0  # how often the iterator looks whether the threads have ended


class LiveFrame(NamedTuple):
    """One tick.

    Attributes:
      frame: the image and its 640 samples.
      tick: of the clock, from 0; ticks of frames that were dropped are missing.
      held: whether no frame was ready in time, so that the last image is repeated with silence.
    """

    frame: StreamFrame
    tick: int
    held: bool

    @property
    def pcm(self) -> bytes:
        """The samples as 16-bit integers, little endian, mono, 16 kHz."""
        return (np.clip(self.frame.samples, -1, 1) * 32767).astype("<i2").tobytes()


class UtteranceEnd(NamedTuple):
    """Follows the last frame of an utterance that was ended and not interrupted."""


class AsyncLiveStream:
    """See the module.

    Args:
      stream: of a portrait.
      ahead: frames that wait for a slow receiver; then the clock waits.

    Attributes:
      size: width and height of the images.
      hop, lookahead: frames.
    """

    def __init__(self, stream: PortraitStream, ahead: int = 2):
        self.size, self.hop, self.lookahead = stream.size, stream.hop, stream.lookahead
        self._stream, self._live = stream, LiveStream(stream, self._deliver)
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[LiveFrame | UtteranceEnd] = asyncio.Queue()
        self._places, self._closed = threading.Semaphore(ahead), False
        self._resampler: tuple[int, av.AudioResampler] | None = None
        self._pushed = 0  # samples of the utterance that has not ended
        self._said = 0  # frames of the oldest utterance
        self._lengths: deque[int] = deque()  # frames of the utterances that ended, oldest first

    @classmethod
    async def open(cls, animator: Animator, portrait: Any, **options: Any) -> "AsyncLiveStream":
        """Opens a stream with the options of `Animator.stream` and starts its clock.

        Raises:
          UserError: whatever is wrong with the portrait or the options, in one sentence.
        """
        live = cls(await asyncio.to_thread(animator.stream, portrait, **options))
        await live.start()
        return live

    async def start(self) -> None:
        """Starts the clock, once; `open` has done so."""
        try:
            await asyncio.to_thread(self._live.start)
        except BaseException:  # also a cancellation, while the threads are being started
            self._closed = True
            self._live.stop()
            raise

    def push(self, pcm: bytes, hz: int = AUDIO_HZ, channels: int = 1) -> None:
        """Appends speech to the utterance that has not ended, or begins one.

        Args:
          pcm: 16-bit integers, little endian, of any rate; channels are averaged.

        Raises:
          UserError: not whole samples, or more speech than can wait.
        """
        if hz < 1 or channels < 1 or len(pcm) % (2 * channels):
            raise UserError(
                f"expected 16-bit samples of {channels} channels, found {len(pcm)} bytes at {hz} "
                "Hz: send whole samples"
            )
        samples = np.frombuffer(pcm, "<i2").reshape(-1, channels).mean(1, dtype=np.float32) / 32768
        if self._resampler is not None and self._resampler[0] != hz:
            self._flush()
        if hz != AUDIO_HZ and len(samples):
            if self._resampler is None:
                self._resampler = hz, av.AudioResampler("flt", "mono", AUDIO_HZ)
            frame = av.AudioFrame.from_ndarray(samples[None], "flt", "mono")
            frame.sample_rate = hz
            samples = _joined(self._resampler[1], frame)
        self._append(samples)

    def end_utterance(self) -> bool:
        """What was pushed is complete: its last frames need not wait for more.

        Returns:
          Whether anything was pushed; only then an `UtteranceEnd` follows.
        """
        self._flush()
        if not self._pushed:
            return False
        self._stream.end_utterance()
        self._lengths.append(math.ceil(self._pushed / SAMPLES_PER_FRAME))
        self._pushed = 0
        self._tell_ends()
        return True

    def interrupt(self) -> int:
        """Drops all speech and all frames that nobody took; returns the new generation."""
        self._resampler, self._pushed, self._said = None, 0, 0
        self._lengths.clear()
        return self._stream.interrupt()

    def is_stale(self, item: LiveFrame) -> bool:
        """Whether the frame was made before the last interruption: neither show nor play it."""
        return item.frame.generation < self._stream.generation

    @property
    def silent(self) -> bool:
        """Whether all speech that was pushed has been said."""
        return not self._pushed and not self._lengths

    async def drain(self, limit_s: float) -> bool:
        """Ends the utterance and waits until all was said; False after `limit_s`."""
        self.end_utterance()
        deadline = self._loop.time() + limit_s
        while not self.silent and self._loop.time() < deadline and self._live.error is None:
            await asyncio.sleep(0.02)
        if self.silent:
            with contextlib.suppress(TimeoutError):  # until the receiver is done with them
                await asyncio.wait_for(self._items.join(), max(0.0, deadline - self._loop.time()))
        return self.silent

    async def close(self) -> None:
        """Ends at once; no thread is left when this returns. May be called twice."""
        self._closed = True
        await asyncio.to_thread(self._live.stop)

    async def __aiter__(self) -> AsyncIterator[LiveFrame | UtteranceEnd]:
        """Ends after `close`; raises what ended the threads early."""
        while not self._closed:
            try:
                item = await asyncio.wait_for(self._items.get(), _LOOK_S)
            except TimeoutError:
                if self._live.error is not None:
                    raise self._live.error from None
                continue
            try:
                if isinstance(item, LiveFrame):
                    self._places.release()
                    if self.is_stale(item):
                        continue
                yield item
            finally:
                self._items.task_done()

    def _append(self, samples: np.ndarray) -> None:
        self._stream.push(samples)
        self._pushed += len(samples)

    def _flush(self) -> None:
        if self._resampler is not None:
            (_, resampler), self._resampler = self._resampler, None
            self._append(_joined(resampler, None))

    def _deliver(self, frame: StreamFrame, held: bool) -> None:
        """Called by the clock's thread, which waits here for a receiver that is slow."""
        item = LiveFrame(frame, self._live.ticks - 1, held)
        while not self._places.acquire(timeout=0.05):
            if self._closed:
                return
        if not self._closed and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._arrive, item)

    def _arrive(self, item: LiveFrame) -> None:
        self._items.put_nowait(item)
        if item.frame.speaking and not item.held and not self.is_stale(item):
            self._said += 1
            self._tell_ends()

    def _tell_ends(self) -> None:
        while self._lengths and self._said >= self._lengths[0]:
            self._said -= self._lengths.popleft()
            self._items.put_nowait(UtteranceEnd())


def _joined(resampler: av.AudioResampler, frame: av.AudioFrame | None) -> np.ndarray:
    parts = [part.to_ndarray()[0] for part in resampler.resample(frame)]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
