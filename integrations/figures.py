"""How the pipecat service keeps up with the demo weights: python integrations/figures.py

Prints the first image, the first and the last sound of the bundled speech, images in step with
their sound, how long an interruption takes, and how long the event loop was held up. Needs
pipecat-ai, and integrations/pipecat installed (or on PYTHONPATH).
"""

import asyncio
import time

import numpy as np
from pipecat.frames.frames import (
    EndFrame,
    InterruptionFrame,
    OutputImageRawFrame,
    SpeechOutputAudioRawFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.workers.runner import WorkerRunner
from pipecat_playmate import PlaymateVideoService

from playmate_jax.inference.sound import read_speech
from playmate_jax.inference.streaming import BUNDLED_SPEECH

PORTRAIT = BUNDLED_SPEECH.with_name("portrait.png")


class Receiver(FrameProcessor):
    """Notes images and sounds with the time at which they come."""

    def __init__(self):
        super().__init__()
        self.images, self.sounds = [], []

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        now = time.perf_counter()
        if isinstance(frame, OutputImageRawFrame):
            self.images.append((now, frame))
        elif isinstance(frame, SpeechOutputAudioRawFrame):
            self.sounds.append((now, frame))
        await self.push_frame(frame, direction)


async def held_up(lags: list[float]) -> None:
    """Notes by how much sleeps of 5 ms were too long."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        lags.append(time.perf_counter() - began - 0.005)


async def speak(worker: PipelineWorker, samples: np.ndarray) -> None:
    """Sends speech at once, as fast text-to-speech does."""
    pcm = (samples * 32767).astype("<i2").tobytes()
    for start in range(0, len(pcm), 6400):
        await worker.queue_frame(TTSAudioRawFrame(pcm[start : start + 6400], 16_000, 1))
    await worker.queue_frame(TTSStoppedFrame())


async def main() -> None:
    """Speaks, interrupts, and prints what was seen."""
    service, receiver, lags = PlaymateVideoService(None, PORTRAIT), Receiver(), []
    await service.load()
    worker = PipelineWorker(Pipeline([service, receiver]), cancel_on_idle_timeout=False)
    begun = asyncio.Event()

    @worker.event_handler("on_pipeline_started")
    async def _(worker, frame):
        begun.set()

    speech, _ = read_speech(BUNDLED_SPEECH)

    async def act():
        await begun.wait()
        watching = asyncio.create_task(held_up(lags))
        await asyncio.sleep(1)
        pushed = time.perf_counter()
        await speak(worker, speech)
        await asyncio.sleep(len(speech) / 16_000 + 2)
        said = len(receiver.sounds)
        await speak(worker, speech)
        await asyncio.sleep(1.5)
        await worker.queue_frame(InterruptionFrame())
        interrupted = time.perf_counter()
        await asyncio.sleep(1)
        watching.cancel()
        loud = [t for t, frame in receiver.sounds[:said] if any(frame.audio)]
        after = [t for t, frame in receiver.sounds[said:] if any(frame.audio)]
        print(
            f"first sound with its image: {1000 * (loud[0] - pushed):.0f} ms after the first push"
        )
        print(f"interruption to the last sound: {1000 * (max(after) - interrupted):.0f} ms")
        await worker.queue_frame(EndFrame())

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await asyncio.gather(runner.run(), act())
    pairs = list(zip(receiver.images, receiver.sounds))
    apart = [abs(sound[0] - image[0]) * 1000 for image, sound in pairs]
    same = sum(image[1].pts == sound[1].pts for image, sound in pairs)
    steps = np.diff([t for t, _ in receiver.images]) * 1000
    print(f"images with sound of the same pts: {same} of {len(pairs)}; {max(apart):.1f} ms apart")
    print(f"between images: median {np.median(steps):.1f}, most {steps.max():.1f} ms")
    print(f"event loop held up: 99th percentile {1000 * np.percentile(lags, 99):.1f} ms")


if __name__ == "__main__":
    asyncio.run(main())
