"""The pipecat service in an unmodified pipeline: images and their sound in step, interruptions."""

import asyncio
import time

import numpy as np
import pytest

pytest.importorskip("pipecat", reason="needs pip install pipecat-ai")
from pipecat.frames.frames import (
    EndFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputImageRawFrame,
    SpeechOutputAudioRawFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.workers.runner import WorkerRunner
from pipecat_playmate import PlaymateVideoService

from tests.plain_streams import SIZE, plain_animator, tone


class Receiver(FrameProcessor):
    """Stands where the transport would, and notes what comes and when."""

    def __init__(self):
        super().__init__()
        self.received = []

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        self.received.append((time.perf_counter(), frame))
        await self.push_frame(frame, direction)

    def of(self, *kinds):
        return [frame for _, frame in self.received if isinstance(frame, kinds)]


def run(act, end=True):
    """Runs `act(worker)` in a pipeline that has begun; returns the receiver and the service."""

    async def whole():
        service, receiver = PlaymateVideoService(plain_animator(), "portrait"), Receiver()
        worker = PipelineWorker(Pipeline([service, receiver]), cancel_on_idle_timeout=False)
        begun = asyncio.Event()

        @worker.event_handler("on_pipeline_started")
        async def _(worker, frame):
            begun.set()

        async def feed():
            await begun.wait()
            try:
                await act(worker, receiver)
            finally:
                await (worker.queue_frame(EndFrame()) if end else worker.cancel())

        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await asyncio.gather(runner.run(), feed())
        return receiver, service

    return asyncio.run(asyncio.wait_for(whole(), 120))


async def speak(worker, seconds, hz, kind=TTSAudioRawFrame):
    whole = tone(seconds, hz)
    for start in range(0, len(whole), 4000):
        await worker.queue_frame(kind(whole[start : start + 4000], hz, 1))


@pytest.mark.parametrize("hz", [16_000, 24_000])
def test_every_image_comes_with_its_640_samples_and_nothing_is_lost(hz):
    async def act(worker, receiver):
        await worker.queue_frame(TTSStartedFrame())
        await speak(worker, 1.0, hz)
        await worker.queue_frame(TTSStoppedFrame())

    receiver, service = run(act)
    media = receiver.of(OutputImageRawFrame, OutputAudioRawFrame)
    images, sounds = media[::2], media[1::2]
    assert len(images) == len(sounds) > 25
    for image, sound in zip(images, sounds):
        assert isinstance(image, OutputImageRawFrame) and image.size == SIZE
        assert isinstance(sound, SpeechOutputAudioRawFrame)
        assert sound.sample_rate == 16_000 and len(sound.audio) == 2 * 640
        assert image.pts == sound.pts
    assert set(np.diff([image.pts for image in images])) == {40_000_000}
    said = np.frombuffer(b"".join(sound.audio for sound in sounds), "<i2")
    assert abs(np.count_nonzero(said) - 16_000) < 400
    assert service.live is None  # closed


def test_the_end_of_speech_follows_its_last_sample():
    async def act(worker, receiver):
        for _ in range(2):
            await speak(worker, 0.3, 16_000)
            await worker.queue_frame(TTSStoppedFrame())

    receiver, _ = run(act)
    order = [
        "end" if isinstance(frame, TTSStoppedFrame) else "loud"
        for frame in receiver.of(TTSStoppedFrame, SpeechOutputAudioRawFrame)
        if isinstance(frame, TTSStoppedFrame) or any(frame.audio)
    ]
    assert order == ["loud"] * 8 + ["end"] + ["loud"] * 8 + ["end"]


def test_speech_that_nobody_ends_is_said_to_its_end():
    async def act(worker, receiver):
        await speak(worker, 0.4, 16_000, OutputAudioRawFrame)
        await asyncio.sleep(2.5)
        loud = [x for x in receiver.of(SpeechOutputAudioRawFrame) if any(x.audio)]
        assert len(loud) == 10

    run(act)


def test_an_interruption_silences_within_two_hundred_milliseconds():
    interrupted = []

    async def act(worker, receiver):
        await speak(worker, 5.0, 16_000)
        await asyncio.sleep(1.0)
        await worker.queue_frame(InterruptionFrame())
        interrupted.append(time.perf_counter())
        await asyncio.sleep(0.6)

    receiver, _ = run(act)
    sounds = [x for x in receiver.received if isinstance(x[1], SpeechOutputAudioRawFrame)]
    loud = [t for t, frame in sounds if any(frame.audio)]
    assert loud and max(loud) < interrupted[0] + 0.2
    assert len([t for t, _ in sounds if t > interrupted[0] + 0.2]) > 5  # it moves on, at rest


def test_a_cancelled_pipeline_ends_without_saying_the_rest():
    began = time.perf_counter()

    async def act(worker, receiver):
        await speak(worker, 60.0, 16_000)
        await asyncio.sleep(0.3)

    _, service = run(act, end=False)
    assert service.live is None and time.perf_counter() - began < 30
