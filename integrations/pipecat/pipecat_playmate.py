"""A talking portrait as a pipecat service: put it between text-to-speech and the transport.

    Pipeline([..., tts, PlaymateVideoService(animator, "portrait.jpg"), transport.output(), ...])

In: audio frames of any rate (`TTSAudioRawFrame` and other `OutputAudioRawFrame`s), which stay
here. Out, every 40 ms: an `OutputImageRawFrame` and the `SpeechOutputAudioRawFrame` with the 640
samples that belong to it, both with the same `pts` (nanoseconds). Between utterances the portrait
moves at rest and the samples are silence. Everything else passes; `TTSStoppedFrame` follows the
last sample that was said.
"""

import asyncio
from collections import deque
from typing import Any

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputImageRawFrame,
    SpeechOutputAudioRawFrame,
    StartFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.services.ai_service import AIService
from pipecat.services.settings import ServiceSettings

from playmate_jax.inference import Animator, UserError
from playmate_jax.inference.async_live import AsyncLiveStream, UtteranceEnd

AUDIO_HZ, TICK_NS = 16_000, 40_000_000
_QUIET_S = 0.6  # without audio, after which an utterance ends that nobody ended
_SAY_S = 60.0  # for what is left to be said when the pipeline ends


class PlaymateVideoService(AIService):
    """See the module.

    Args:
      animator: whose weights can stream, as the demo's; None loads the demo's.
      portrait: an image's path, or uint8 RGB.
      options: of `Animator.stream` (emotion, head_motion, seed, hop, lookahead, max_side, ...).

    Attributes:
      live: the stream, from `load` to the end of the pipeline.
    """

    def __init__(self, animator: Animator | None, portrait: Any, *, name=None, **options: Any):
        super().__init__(settings=ServiceSettings(model=None), name=name)
        self._animator, self._portrait, self._options = animator, portrait, options
        self.live: AsyncLiveStream | None = None
        self._task: asyncio.Task | None = None
        self._quiet: asyncio.TimerHandle | None = None
        self._ends: deque[Frame | None] = deque()  # what follows each utterance that is being said

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Loads what `load` has not loaded before."""
        await super().setup(setup)
        await self.load()

    async def load(self) -> None:
        """Loads and compiles what streams. Call it before the pipeline is run: the first time may
        take longer than the 20 s that pipecat gives a pipeline to be set up.

        Raises:
          UserError: what is wrong with weights, portrait or options, in one sentence.
        """
        if self.live is None:
            if self._animator is None:
                self._animator = await asyncio.to_thread(Animator.from_weights, "demo")
            self.live = await AsyncLiveStream.open(self._animator, self._portrait, **self._options)

    async def start(self, frame: StartFrame) -> None:
        """Begins to give out frames when the pipeline has begun."""
        await super().start(frame)
        self._task = self._task or self.create_task(self._give_out())

    async def stop(self, frame: EndFrame) -> None:
        """Says what is left to be said, then ends."""
        await super().stop(frame)
        if self.live is not None and self._task is not None:
            await self.live.drain(_SAY_S)
        await self._close()

    async def cancel(self, frame: CancelFrame) -> None:
        """Ends at once, without saying the rest."""
        await super().cancel(frame)
        await self._close()

    async def cleanup(self) -> None:
        """Ends whatever still runs, however the pipeline ended."""
        await super().cleanup()
        await self._close()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Takes speech, its ends and interruptions; passes everything but speech."""
        await super().process_frame(frame, direction)
        down = direction == FrameDirection.DOWNSTREAM and self.live is not None
        if down and isinstance(frame, OutputAudioRawFrame):
            await self._hear(frame)
        elif down and isinstance(frame, TTSStoppedFrame):
            await self._end(frame)
        else:
            if isinstance(frame, InterruptionFrame):
                self._interrupt()
            await self.push_frame(frame, direction)

    async def _hear(self, frame: OutputAudioRawFrame) -> None:
        assert self.live is not None
        try:
            self.live.push(frame.audio, frame.sample_rate, frame.num_channels)
        except UserError as error:
            await self.push_error(error_msg=str(error), exception=error)
        self._stop_waiting()
        self._quiet = asyncio.get_running_loop().call_later(_QUIET_S, self._end_quietly)

    async def _end(self, frame: TTSStoppedFrame) -> None:
        """Keeps the frame until the utterance has been said."""
        assert self.live is not None
        self._stop_waiting()
        if self.live.end_utterance():
            self._ends.append(frame)
        elif self._ends and self._ends[-1] is None:
            self._ends[-1] = frame
        else:
            await self.push_frame(frame)

    def _end_quietly(self) -> None:
        if self.live is not None and self.live.end_utterance():
            self._ends.append(None)

    def _interrupt(self) -> None:
        self._stop_waiting()
        self._ends.clear()
        if self.live is not None:
            self.live.interrupt()

    def _stop_waiting(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None

    async def _give_out(self) -> None:
        assert self.live is not None
        try:
            async for item in self.live:
                if isinstance(item, UtteranceEnd):
                    if self._ends and (end := self._ends.popleft()) is not None:
                        await self.push_frame(end)
                    continue
                image = OutputImageRawFrame(item.frame.image.tobytes(), self.live.size, "RGB")
                audio = SpeechOutputAudioRawFrame(item.pcm, AUDIO_HZ, 1)
                image.pts = audio.pts = item.tick * TICK_NS
                image.sync_with_audio = True  # shown once the samples before it were sent
                await self.push_frame(image)
                if not self.live.is_stale(item):
                    await self.push_frame(audio)
        except Exception as error:
            await self.push_error(error_msg=f"the portrait's stream ended: {error}", fatal=True)

    async def _close(self) -> None:
        self._stop_waiting()
        task, self._task = self._task, None
        if task is not None:
            await self.cancel_task(task)
        live, self.live = self.live, None
        if live is not None:
            await live.close()
